"""A run's time as places on an axis."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Final

from respot_cli.report.view_model import Tick

_MOST_TICKS: Final = 7
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400
_STEPS: Final = (
    *(1, 2, 5, 10, 15, 30),
    *(each * _MINUTE for each in (1, 2, 5, 10, 15, 30)),
    *(each * _HOUR for each in (1, 2, 3, 6, 12)),
    *(each * _DAY for each in (1, 2, 7, 14, 28, 56)),
)
"""Seconds between two marks."""
_LAST: Final = 93.0
"""In percent: a mark further to the right would have its words cut off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """From when until when; never nothing."""

    start: datetime
    end: datetime

    def place(self, moment: datetime) -> float:
        """In percent, within the axis."""
        return min(max((moment - self.start) / self.whole, 0.0), 1.0) * 100

    @property
    def whole(self) -> timedelta:
        """How long it is."""
        return max(self.end - self.start, timedelta(milliseconds=1))

    def ticks(self) -> Iterator[Tick]:
        """Marks at round moments, in UTC."""
        seconds = self.whole.total_seconds()
        step = next((each for each in _STEPS if seconds / each <= _MOST_TICKS), _STEPS[-1])
        first = ceil(self.start.timestamp() / step) * step
        for moment in range(first, int(self.end.timestamp()) + 1, step):
            left = self.place(datetime.fromtimestamp(moment, tz=UTC))
            if left <= _LAST:
                yield Tick(left=left, words=_words(datetime.fromtimestamp(moment, tz=UTC), step))


def _words(moment: datetime, step: int) -> str:
    """A mark's time: the day alone where a mark is a day, and at each midnight."""
    if step >= _DAY or (moment.hour == moment.minute == moment.second == 0 and step >= _HOUR):
        return f"{moment:%d %b}"
    return f"{moment:%H:%M:%S}" if step < _MINUTE else f"{moment:%H:%M}"
