"""The `respot` command: arguments in, exit code out.

Exit codes: 0 done; 1 not done, the message says why; 2 wrong usage; 3 what was asked for is not there;
4 AWS could not be asked; 5 done as far as it goes: some of it could not be read or reached, the notes say what and why.
"""

import argparse
import sys
from collections.abc import Sequence

from rich.console import Console

from cli import dlq, drill, timeline
from cli.errors import CommandError


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(
        prog="respot", description="Ask a Respot deployment what happened to a job, and whether all of it works."
    )
    groups = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    timeline.add_to(groups)
    drill.add_to(groups)
    dlq.add_to(groups)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; data goes to stdout, talk to stderr."""
    chosen = parser().parse_args(arguments)
    try:
        code: int = chosen.run(chosen)
    except CommandError as error:
        Console(stderr=True, highlight=False).print(f"respot: {error}", markup=False, soft_wrap=True)
        return error.exit_code
    return code


if __name__ == "__main__":
    sys.exit(main())
