"""The `respot` command: arguments in, exit code out.

Exit codes: 0 done; 1 not done, the message says why; 2 wrong usage; 3 what was asked for is not there;
4 AWS could not be asked; 5 done as far as it goes: some of it could not be read or reached, the notes say what and why;
6 it took longer than --timeout; 74 the output could not be written; 130 interrupted (Ctrl-C);
141 the reader of the output has closed the pipe.
"""

import sys

try:
    import argparse
    from collections.abc import Iterable, Sequence
    from importlib import import_module
    from typing import Final

    from respot.jobs.formatting import clause
    from respot_cli.completion import SHELLS, completion
    from respot_cli.errors import CommandError, ExitCode
    from respot_cli.output import Parser, say, shielded, write
    from respot_cli.version import installed_version
except KeyboardInterrupt:  # `shielded`, which answers a later one, is not loaded yet
    if sys.stderr is not None:
        sys.stderr.write("respot: interrupted\n")
    sys.exit(130)

COMMANDS: Final = {
    "list": "respot_cli.list.command",
    "show": "respot_cli.show.command",
    "why": "respot_cli.why.command",
    "wait": "respot_cli.wait.command",
    "logs": "respot_cli.logs.command",
    "savings": "respot_cli.savings.command",
    "pools": "respot_cli.pools.command",
    "drill": "respot_cli.drill.command",
    "dlq": "respot_cli.dlq",
    "checkpoints": "respot_cli.checkpoints.command",
    "policy": "respot_cli.policy.command",
    "report": "respot_cli.report.command",
    "doctor": "respot_cli.doctor.command",
    "scan": "respot_cli.scan.command",
    "export": "respot_cli.export.command",
}


def parser(commands: Iterable[str] = COMMANDS) -> argparse.ArgumentParser:
    """The command line, with these commands.

    Each is a module, which takes a while to load: `main` answers a Ctrl-C during that time, too.
    """
    top: argparse.ArgumentParser = Parser(
        prog="respot", description="Show what happened to a job, and whether your Respot deployment works."
    )
    top.add_argument("--version", action="store_true", help="show the version and exit")
    top.add_argument("--print-completion", choices=SHELLS, help="print what a shell reads to complete commands")
    groups = top.add_subparsers(dest="command", metavar="COMMAND")
    for name in commands:
        import_module(COMMANDS[name]).add_to(groups)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; data goes to stdout, messages to stderr."""
    return shielded(lambda: _run(sys.argv[1:] if arguments is None else arguments))


def _run(arguments: Sequence[str]) -> int:
    match arguments:
        case ["--version"]:
            top = parser(())
        case [name, *_] if name in COMMANDS:
            top = parser((name,))
        case _:
            top = parser()
    chosen = top.parse_args(arguments)
    if chosen.version:
        write(f"respot {installed_version() or '(not installed)'}\n")
        return ExitCode.DONE
    if chosen.print_completion:
        write(f"{completion(top, chosen.print_completion)}\n")
        return ExitCode.DONE
    if chosen.command is None:
        top.print_help()
        return ExitCode.DONE
    try:
        code: int = chosen.run(chosen)
    except CommandError as error:
        say(f"respot: {clause(str(error))}")
        return error.exit_code
    return code


if __name__ == "__main__":
    sys.exit(main())
