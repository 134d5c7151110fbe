"""A clock that a test moves."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(slots=True)
class FakeClock:
    """The port `Clock`."""

    moment: datetime

    def __call__(self) -> datetime:
        return self.moment

    def pass_by(self, span: timedelta) -> None:
        self.moment += span


@dataclass(slots=True)
class SkewedClock:
    """The port `Clock` of a host that is ahead of the true time by `skew`, or behind."""

    true: FakeClock
    skew: timedelta = timedelta()

    def __call__(self) -> datetime:
        return self.true() + self.skew
