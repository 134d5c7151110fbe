"""How the measurements show their figures, and leave them for `make proof`, which judges them."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A table, and what in it is beyond what is allowed: `excess` is empty if nothing is."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    excess: Sequence[str] = ()


def table(columns: Sequence[str], rows: Iterable[Sequence[RenderableType]], *, words: int = 1) -> Table:
    """A plain table; its first columns have words, to the left, and the others figures, to the right."""
    made = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for position, column in enumerate(columns):
        made.add_column(column, justify="left" if position < words else "right", no_wrap=position >= words)
    for row in rows:
        made.add_row(*row)
    return made


def mark(*, good: bool) -> Text:
    """A tick or a cross."""
    return Text("✓", style="green") if good else Text("✗", style="red")


def chosen(console: Console, what: str, names: Iterable[str], only: Sequence[str]) -> list[str]:
    """The names that were asked for, otherwise all; says so and gives none if there is no such name."""
    every = [*names]
    if unknown := set(only) - {*every}:
        console.print(f"no such {what}: {', '.join(sorted(unknown))}; there are {', '.join(every)}")
        return []
    return [name for name in every if not only or name in only]


def conclude(console: Console, verdict: str, wrong: Sequence[str]) -> int:
    """Print the verdict if nothing is wrong, and otherwise what is; gives the exit code."""
    for line in wrong or [verdict]:
        console.print(Text(f"✗ {line}", style="red") if wrong else Text(f"✓ {line}", style="green"))
    return 1 if wrong else 0


def write(path: Path | None, figures: Mapping[str, float]) -> None:
    """Leave the figures in a file, if one is wanted."""
    if path:
        path.write_text(json.dumps(dict(figures)), encoding="utf-8")
