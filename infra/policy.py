"""Prints a policy file as the text of the policy's parameter: `python -m infra.policy FILE`."""

import sys

from respot.errors import PolicyInvalidError
from respot_cli.output import Parser, shielded, write
from respot_cli.policy_file import policy_text


def main() -> int:
    """Print the policy in a file as the text of the parameter; gives the exit code."""
    parser = Parser(
        prog="python -m infra.policy",
        description="Checks a policy and prints it as the text of the policy's parameter, for `aws ssm put-parameter`.",
    )
    parser.add_argument("file", help="the policy, a YAML file")
    try:
        write(f"{policy_text(parser.parse_args().file)}\n")
    except PolicyInvalidError as failure:
        sys.stderr.write(f"{failure}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(shielded(main, name="python -m infra.policy"))
