"""The `respot` command: arguments in, exit code out.

Exit codes: 0 done; 1 not done, the message says why; 2 wrong usage; 3 what was asked for is not there;
4 AWS could not be asked; 5 done as far as it goes: some of it could not be read or reached, the notes say what and why;
74 the output could not be written; 130 interrupted (Ctrl-C); 141 whoever read the output has closed the pipe.
"""

import sys

try:
    import argparse
    from collections.abc import Sequence
    from importlib import metadata
    from typing import TYPE_CHECKING

    from cli.errors import CommandError, ExitCode
    from cli.output import say, shielded, write, write_message
    from respot.domain.sentences import clause
except KeyboardInterrupt:  # `shielded`, which answers a later one, is not loaded yet
    if sys.stderr is not None:
        sys.stderr.write("respot: interrupted\n")
    sys.exit(130)

if TYPE_CHECKING:
    from _typeshed import SupportsWrite


class _Parser(argparse.ArgumentParser):
    """argparse does not notice that help could not be written."""

    def _print_message(self, message: str, file: "SupportsWrite[str] | None" = None) -> None:
        (write if file is sys.stdout else write_message)(message)


def parser() -> argparse.ArgumentParser:
    """The command line."""
    # Loading boto3 takes most of a second: a Ctrl-C in it is answered by `main`, too.
    from cli import dlq, drill, timeline  # noqa: PLC0415

    top: argparse.ArgumentParser = _Parser(
        prog="respot", description="Ask a Respot deployment what happened to a job, and whether all of it works."
    )
    top.add_argument("--version", action="version", version=f"respot {_version()}")
    groups = top.add_subparsers(dest="command", metavar="COMMAND")
    timeline.add_to(groups)
    drill.add_to(groups)
    dlq.add_to(groups)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; data goes to stdout, messages to stderr."""
    return shielded(lambda: _run(arguments))


def _run(arguments: Sequence[str] | None) -> int:
    top = parser()
    chosen = top.parse_args(arguments)
    if chosen.command is None:
        top.print_help()
        return ExitCode.DONE
    try:
        code: int = chosen.run(chosen)
    except CommandError as error:
        say(f"respot: {clause(str(error))}")
        return error.exit_code
    return code


def _version() -> str:
    try:
        return metadata.version("respot")
    except metadata.PackageNotFoundError:
        return "(not installed)"


if __name__ == "__main__":
    sys.exit(main())
