"""Weeks as ISO 8601 counts them, in UTC."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """A week, from Monday 00:00 UTC to the next one.

    Attributes:
        began: its first moment; what happens at `ended` belongs to the next week.
    """

    began: datetime

    @property
    def ended(self) -> datetime:
        """The first moment of the next week."""
        return self.began + _WEEK

    @property
    def id(self) -> str:
        """`2026-W48`: its year is that of its Thursday."""
        year, week, _ = self.began.isocalendar()
        return f"{year}-W{week:02}"

    @property
    def days(self) -> tuple[datetime, ...]:
        """The first moments of its days."""
        return tuple(self.began + timedelta(days=day) for day in range(_WEEK.days))


def week_before(now: datetime) -> Week:
    """The last week that is over."""
    today = now.astimezone(UTC).date()
    monday = today - timedelta(days=today.weekday())
    return Week(began=datetime.combine(monday, time(), UTC) - _WEEK)
