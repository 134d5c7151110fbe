"""Prints a policy file as the text of the policy's parameter: `python -m infra.policy FILE`."""

import argparse
import sys
from typing import TYPE_CHECKING

from infra import output
from respot.errors import PolicyInvalidError
from respot_cli.policy_file import policy_text

if TYPE_CHECKING:
    from _typeshed import SupportsWrite


class _Parser(argparse.ArgumentParser):
    """argparse does not notice that help could not be written."""

    def _print_message(self, message: str, file: "SupportsWrite[str] | None" = None) -> None:
        if file is sys.stdout:
            output.write(message.rstrip("\n"))
        else:
            super()._print_message(message, file)


def main() -> int:
    """Print the policy in a file as the text of the parameter; gives the exit code."""
    parser = _Parser(
        prog="python -m infra.policy",
        description="Checks a policy and prints it as the text of the policy's parameter, for `aws ssm put-parameter`.",
    )
    parser.add_argument("file", help="the policy, a YAML file")
    try:
        output.write(policy_text(parser.parse_args().file))
    except PolicyInvalidError as failure:
        sys.stderr.write(f"{failure}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(output.shielded(main))
