"""The commands that a command names at its end: what the reader may want next, with the real names in them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType, RenderResult


def next_commands(*commands: tuple[str, str]) -> "RenderableType":
    """The commands with what each does, one in a line, under the word Next; a command line is never wrapped."""
    return _NextCommands(commands)


def to_document(*commands: tuple[str, str]) -> Sequence[str]:
    """The same commands for the JSON member `next`."""
    return [command for command, _ in commands]


@dataclass(frozen=True, slots=True)
class _NextCommands:
    """What each command does stands beside it, or below it where that is too wide."""

    commands: tuple[tuple[str, str], ...]

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        from rich.text import Text  # noqa: PLC0415 - a script that wants JSON does not load it

        width = max((len(command) for command, _ in self.commands), default=0)
        fits = all(2 + width + 2 + len(what) <= options.max_width for _, what in self.commands)
        lines = ["Next"]
        for command, what in self.commands:
            lines += [f"  {command:<{width}}  {what}"] if fits else [f"  {command}", f"      {what}"]
        yield Text("\n".join(lines), no_wrap=True, overflow="ignore")
