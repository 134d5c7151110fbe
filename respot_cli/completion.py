"""Scripts with which a shell completes the command line."""

import argparse
from typing import Final

SHELLS: Final = ("bash", "zsh", "tcsh")


def completion(parser: argparse.ArgumentParser, shell: str) -> str:
    """What a shell must read once to complete the commands and options of this parser."""
    import shtab  # noqa: PLC0415 - no other command needs it

    for each in _all_actions(parser):
        if each.metavar == "FILE":
            each.complete = shtab.FILE  # type: ignore[attr-defined]  # shtab's own, which argparse ignores
    return shtab.complete(parser, shell=shell)


def _all_actions(parser: argparse.ArgumentParser) -> list[argparse.Action]:
    """The arguments and options of a parser and of its commands."""
    own = [each for each in parser._actions if not isinstance(each, argparse._SubParsersAction)]  # noqa: SLF001
    groups = [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]  # noqa: SLF001
    return [*own, *(action for each in groups for command in each.choices.values() for action in _all_actions(command))]
