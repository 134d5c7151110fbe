"""Figures and names as the report shows them."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from respot.alerting.text import one_line
from respot.jobs.formatting import in_words
from respot.savings.span import Span

NOT_KNOWN: Final = "\N{EN DASH}"
_MINUS: Final = "\N{MINUS SIGN}"
_ENOUGH: Final = 10
"""A unit is chosen if the whole has at least so many: its parts can then be seen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """A unit of time for the figures of one page.

    Attributes:
        name: in the plural.
        sign: its sign.
        length: how long it is.
    """

    name: str
    sign: str
    length: timedelta

    def figure(self, length: timedelta | Span | None) -> str:
        """So many of it, for a table: two decimals, as `respot savings` has them."""
        return self._between(length, 2)

    def short(self, length: timedelta | Span | None) -> str:
        """The same for a sentence: three digits."""
        most = max(abs(length.low), abs(length.high)) if isinstance(length, Span) else abs(length or timedelta())
        value = most / self.length
        return self._between(length, 0 if value >= 100 else 1 if value >= _ENOUGH else 2)

    def words(self, length: timedelta | Span | None) -> str:
        """The same with its sign."""
        return f"{self.short(length)}\N{NO-BREAK SPACE}{self.sign}"

    def _between(self, length: timedelta | Span | None, decimals: int) -> str:
        if length is None:
            return NOT_KNOWN
        bounds = (length.low, length.high) if isinstance(length, Span) else (length, length)
        low, high = (self._shown(each, decimals) for each in bounds)
        return low if low == high else f"{low} to {high}"

    def _shown(self, length: timedelta, decimals: int) -> str:
        value = abs(length / self.length)
        shown = f"{value:,.{decimals}f}"
        if value and not float(shown.replace(",", "")):
            shown = f"<{10**-decimals:.{decimals}f}"
        return f"{_MINUS if length < timedelta() else ''}{shown}"


UNITS: Final = (
    Unit(name="hours", sign="h", length=timedelta(hours=1)),
    Unit(name="minutes", sign="min", length=timedelta(minutes=1)),
    Unit(name="seconds", sign="s", length=timedelta(seconds=1)),
)


def unit_for(whole: timedelta) -> Unit:
    """The unit in which the parts of the whole can be seen: hours, but for jobs that last minutes or seconds."""
    return next((unit for unit in UNITS if whole >= _ENOUGH * unit.length), UNITS[0 if not whole else -1])


def percent(value: float | tuple[float | None, float] | None, decimals: int = 1) -> str:
    """`61.2 %`, `58.0 to 61.2 %`, `at most 61.2 %`."""
    if value is None:
        return NOT_KNOWN
    low, high = value if isinstance(value, tuple) else (value, value)
    last = _plain(high, decimals)
    if low is None:
        return f"at most {last}\N{NO-BREAK SPACE}%"
    first = _plain(low, decimals)
    return f"{last}\N{NO-BREAK SPACE}%" if first == last else f"{first} to {last}\N{NO-BREAK SPACE}%"


def share(part: float) -> str:
    """A share from 0 to 1 in percent: never 0 for what is more."""
    return "<0.1 %" if 0 < part < 0.0005 else percent(part * 100)


def _plain(value: float, decimals: int) -> str:
    shown = f"{abs(value):.{decimals}f}"
    return f"{_MINUS if value < 0 and float(shown) else ''}{shown}"


def length(span: timedelta) -> str:
    """A length of time: seconds with a decimal if there are few of them."""
    return (
        in_words(span) if span >= timedelta(seconds=_ENOUGH) or span < timedelta() else f"{span.total_seconds():.1f} s"
    )


def name(words: str | None, longest: int = 120) -> str:
    """A name that others chose, without characters that would hide or reorder what stands beside it."""
    line = one_line(words or "")
    return (line if len(line) <= longest else f"{line[:longest]}…") or NOT_KNOWN


def count(number: int, one: str, many: str | None = None) -> str:
    """`1 run`, `2,000 runs`."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"
