"""A length of time that is known only within bounds."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A length of time between two bounds; exact if they are equal.

    Attributes:
        low: it is at least that long.
        high: it is at most that long.
    """

    low: timedelta = timedelta()
    high: timedelta = timedelta()

    def __add__(self, other: "Span") -> "Span":
        return Span(low=self.low + other.low, high=self.high + other.high)

    def minus(self, exact: timedelta) -> "Span":
        """The rest once something exact is taken away."""
        return Span(low=self.low - exact, high=self.high - exact)

    def left_of(self, whole: timedelta) -> "Span":
        """What is left of the whole once this is taken away: the bounds change places."""
        return Span(low=whole - self.high, high=whole - self.low)

    def times(self, count: int) -> "Span":
        """So many times as long."""
        return Span(low=self.low * count, high=self.high * count)


NO_TIME: Final = Span()


def exactly(length: timedelta) -> Span:
    """A length that is known."""
    return Span(low=length, high=length)


def total(spans: Iterable[Span]) -> Span:
    """All of them together."""
    whole = Span()
    for span in spans:
        whole += span
    return whole
