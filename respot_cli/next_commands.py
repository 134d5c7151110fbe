"""The commands that a command names at its end: what the reader may want next, with the real names in them."""

from collections.abc import Iterator, Sequence
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

    def __str__(self) -> str:
        return "\n".join(self._lines())

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        from rich.text import Text  # noqa: PLC0415 - a script that wants JSON does not load it

        yield Text("\n".join(self._lines(options.max_width)), no_wrap=True, overflow="ignore")

    def _lines(self, room: int | None = None) -> Iterator[str]:
        width = max((len(command) for command, _ in self.commands), default=0)
        fits = room is None or all(2 + width + 2 + len(what) <= room for _, what in self.commands)
        yield "Next"
        for command, what in self.commands:
            if fits:
                yield f"  {command:<{width}}  {what}"
            else:
                yield f"  {command}"
                yield f"      {what}"
