"""Prints a policy file as the text of the policy's parameter: `python -m infra.policy FILE`."""

import argparse
import sys

from respot.errors import PolicyInvalidError
from respot_cli.policy_file import policy_text


def main() -> None:
    """Print the policy in a file as the text of the parameter."""
    parser = argparse.ArgumentParser(
        prog="python -m infra.policy",
        description="Checks a policy and prints it as the text of the policy's parameter, for `aws ssm put-parameter`.",
    )
    parser.add_argument("file", help="the policy, a YAML file")
    try:
        print(policy_text(parser.parse_args().file))  # noqa: T201 - it is what the command is for
    except PolicyInvalidError as failure:
        sys.exit(str(failure))


if __name__ == "__main__":
    main()
