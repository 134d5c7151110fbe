"""A job's life as one line of characters, as wide as there is room, with a legend that needs no colour."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.text import Text

from respot.alerting.text import one_line
from respot.jobs.formatting import in_words
from respot.jobs.lifecycle import INTERRUPTED, TERMINAL_STATUSES, TRAINING, WAITING

_LEAST_WIDTH: Final = 10
_WIDTH_IN_A_TABLE: Final = 72
_GAP: Final = "   "


class Period(StrEnum):
    """What a status means for the job's owner. SageMaker's statuses are an open list: an unknown one is OTHER."""

    WAITING = "waiting"
    MOVING = "moving data"
    TRAINING = "training"
    INTERRUPTED = "interrupted"
    OTHER = "other"
    ENDED = "ended"
    BETWEEN = "between attempts"


_MOVING: Final = frozenset({"Downloading", "DownloadingTrainingImage", "Uploading"})
_CHARACTERS: Final = {
    Period.WAITING: "░.",
    Period.MOVING: "▒-",
    Period.TRAINING: "█#",
    Period.INTERRUPTED: "!!",
    Period.OTHER: "▓?",
    Period.ENDED: "■|",
    Period.BETWEEN: "·_",
}
"""For terminals that can show block elements, and for those that cannot."""
_STYLES: Final = {
    Period.WAITING: "yellow",
    Period.MOVING: "cyan",
    Period.TRAINING: "green",
    Period.INTERRUPTED: "red",
    Period.OTHER: "magenta",
    Period.ENDED: "magenta",
    Period.BETWEEN: "bright_black",
}


def period_of(status: str) -> Period:
    """What a SecondaryStatus means."""
    if status == INTERRUPTED:
        return Period.INTERRUPTED
    if status in WAITING:
        return Period.WAITING
    if status == TRAINING:
        return Period.TRAINING
    if status in _MOVING:
        return Period.MOVING
    return Period.ENDED if status in TERMINAL_STATUSES else Period.OTHER


def character(period: Period, *, ascii_only: bool) -> str:
    """How a period is drawn."""
    return _CHARACTERS[period][ascii_only]


def style_of(status: str) -> str:
    """A status's colour: waiting yellow, training green, interrupted red."""
    return "green" if status == "Completed" else _STYLES[period_of(status)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A status period to draw.

    Attributes:
        status: SageMaker's word.
        length: how long it lasted, or has lasted so far; `None` if it is the job's end.
        so_far: whether it has not ended.
        between: it is no status, but the time between two attempts.
    """

    status: str
    length: timedelta | None
    so_far: bool = False
    between: bool = False

    @property
    def period(self) -> Period:
        """What it means: with its end, a job has ended, however SageMaker calls that."""
        if self.between:
            return Period.BETWEEN
        return Period.ENDED if self.length is None else period_of(self.status)

    @property
    def style(self) -> str:
        """Its colour."""
        if self.between:
            return _STYLES[Period.BETWEEN]
        return style_of(self.status) if self.length is not None or self.status == "Completed" else _STYLES[self.period]


@dataclass(frozen=True, slots=True)
class Bar:
    """Fills its line: each period gets its share, short ones at least one cell while there are cells enough."""

    stretches: Sequence[Stretch]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw it as wide as there is room."""
        line = Text(no_wrap=True, end="\n")
        for place in cells([each.length or timedelta() for each in self.stretches], options.max_width):
            each = self.stretches[place]
            line.append(character(each.period, ascii_only=options.ascii_only), style=each.style)
        yield line

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """In a table it takes no more than it needs to be read."""
        widest = min(_WIDTH_IN_A_TABLE, options.max_width)
        return Measurement(min(_LEAST_WIDTH, widest), widest)


@dataclass(frozen=True, slots=True)
class Legend:
    """What the bar's characters mean, with how long each kind of period lasted in all."""

    stretches: Sequence[Stretch]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw one entry for each kind that there is; no entry is broken over two lines if it fits into one."""
        line = Text()
        for period in Period:
            own = [each for each in self.stretches if each.period is period]
            if not own:
                continue
            style = own[0].style if period is Period.ENDED else _STYLES[period]
            drawn = character(period, ascii_only=options.ascii_only)
            entry = Text.assemble((drawn, style), f" {period} {_sum(period, own)}")
            if line and len(line) + len(_GAP) + len(entry) > options.max_width:
                yield line
                line = Text()
            line = Text(_GAP).join([line, entry]) if line else entry
        yield line


def _sum(period: Period, own: Sequence[Stretch]) -> str:
    if period is Period.ENDED:
        return f"({one_line(own[-1].status)})"
    whole = in_words(sum((each.length or timedelta() for each in own), timedelta()))
    times = f" ({len(own)} times)" if period is Period.INTERRUPTED and len(own) > 1 else ""
    return f"{whole}{times}{' so far' if own[-1].so_far else ''}"


def cells(lengths: Sequence[timedelta], width: int) -> list[int]:
    """For each of `width` cells the place of the period that it shows; every period is shown if there are cells enough.

    Each has one cell, the rest is shared out by length: the largest remainders get what is left over. With more periods
    than cells, each cell shows the longest of its share of them.
    """
    count = len(lengths)
    if count > width:
        shares = [range(cell * count // width, (cell + 1) * count // width) for cell in range(width)]
        return [max(share, key=lambda place: lengths[place]) for share in shares]
    if not count:
        return []
    whole = sum(lengths, timedelta())
    free = width - count
    quotas = [free * (length / whole) if whole else free / count for length in lengths]
    sizes = [1 + int(quota) for quota in quotas]
    by_remainder = sorted(range(count), key=lambda place: int(quotas[place]) - quotas[place])
    for place in by_remainder[: width - sum(sizes)]:
        sizes[place] += 1
    return [place for place, size in enumerate(sizes) for _ in range(size)]
