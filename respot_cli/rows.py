"""Tables that keep words whole: where the columns do not fit beside each other, each cell has lines of its own."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

_GAP: Final = 2
_LONGEST: Final = 32
"""Characters of a word that are kept together, such as every status: an address or a long name may be folded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """A table of words.

    Attributes:
        columns: their titles; without any, the first column is a title of each row.
        rows: their cells, as many as there are columns.
        right: the columns that are flush right: of figures, which are never broken over lines.
        title: what stands above it.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[Text]]
    right: Collection[str] = ()
    title: str = ""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw it as a table if it fits, and as a list otherwise."""
        if self.title:
            yield Text(self.title, style="italic")
        widths = self._widths(options.max_width)
        if widths:
            yield self._table(widths)
        else:
            yield from self._list()

    def _widths(self, room: int) -> list[int] | None:
        """The columns' widths; `None` if some word would not fit into them."""
        cells = [[Text(title), *(row[place] for row in self.rows)] for place, title in enumerate(self.columns)]
        whole = [max(map(_longest_line, column)) for column in cells]
        least = [
            width if title in self.right else min(max(map(_longest_word, column)), _LONGEST)
            for title, column, width in zip(self.columns, cells, whole, strict=True)
        ]
        free = room - sum(least) - _GAP * (len(cells) - 1)
        if free < 0:
            return None
        widths = []
        for least_width, whole_width in zip(least, whole, strict=True):
            more = min(free, max(whole_width - least_width, 0))
            widths.append(least_width + more)
            free -= more
        return widths

    def _table(self, widths: Sequence[int]) -> Table:
        has_titles = any(self.columns)
        table = Table(box=None, padding=(0, _GAP, 0, 0), pad_edge=False, header_style="dim", show_header=has_titles)
        for title, width in zip(self.columns, widths, strict=True):
            justify = "right" if title in self.right else "left"
            table.add_column(title, justify=justify, overflow="fold", width=width)  # type: ignore[arg-type]
        for row in self.rows:
            table.add_row(*row)
        return table

    def _list(self) -> RenderResult:
        for number, row in enumerate(self.rows):
            if not any(self.columns):
                yield Text(": ").join(row)
                continue
            if number:
                yield Text()
            for title, cell in zip(self.columns, row, strict=True):
                if cell:
                    yield Text.assemble((f"{title}: " if title else "", "dim"), cell)


def _longest_word(cell: Text) -> int:
    return max((Text(word).cell_len for word in cell.plain.split()), default=0)


def _longest_line(cell: Text) -> int:
    return max((Text(line).cell_len for line in cell.plain.splitlines()), default=0)
