"""The commands that a command names at its end: what the reader may want next, with the real names in them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import RenderableType


def next_commands(*commands: tuple[str, str]) -> "RenderableType":
    """The commands with what each does, one in a line, under the word Next; a command line is never wrapped."""
    from rich.text import Text  # noqa: PLC0415 - a script that wants JSON does not load it

    width = max((len(command) for command, _ in commands), default=0)
    lines = ("Next", *(f"  {command:<{width}}  {what}" for command, what in commands))
    return Text("\n".join(lines), no_wrap=True, overflow="ignore")


def to_document(*commands: tuple[str, str]) -> Sequence[str]:
    """The same commands for the JSON member `next`."""
    return [command for command, _ in commands]
