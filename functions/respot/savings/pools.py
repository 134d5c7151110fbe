"""What the pools were like: how often they interrupted, and how long they let jobs wait."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from respot.jobs.job import Market
from respot.savings.receipt import RunReceipt

LEAST_EXPOSURE: Final = timedelta(hours=10)
"""Instance-time from which on a rate of interruptions is said: with less, one more or less would change everything."""


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Pool:
    """A pool of capacity.

    Attributes:
        region: AWS region.
        instance_type: the type, or the list that was asked for; empty if it is not known.
        market: spot or on-demand; empty if it is not known.
    """

    region: str
    instance_type: str
    market: Market | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """A wait for capacity, from a job's creation or its interruption.

    Attributes:
        began: when it began.
        took: how long it took.
        got: whether there were instances at its end; `False` if it was given up, or still lasts.
    """

    began: datetime
    took: timedelta
    got: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Waits:
    """Several waits.

    Attributes:
        got: the waits that ended with instances.
        without: how many ended without, or still last. They count in no percentile: how long they would have taken is
            unknown.
    """

    got: tuple[timedelta, ...] = ()
    without: int = 0

    @property
    def p50(self) -> timedelta | None:
        """The median time to capacity (nearest rank); `None` without any."""
        raise NotImplementedError

    @property
    def p90(self) -> timedelta | None:
        """The time to capacity that nine of ten waits did not exceed (nearest rank); `None` without any."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolFigures:
    """What a pool was like.

    Attributes:
        pool: the pool.
        attempts: attempts in it.
        held: instance-time on its instances.
        interruptions: how often it interrupted.
        waits: all waits for it.
        by_hour: the waits by the UTC hour, 0 to 23, in which they began; hours without waits are missing.
        by_weekday: the same by weekday, Monday 0 to Sunday 6.
    """

    pool: Pool
    attempts: int
    held: timedelta
    interruptions: int
    waits: Waits
    by_hour: Mapping[int, Waits] = field(default_factory=dict)
    by_weekday: Mapping[int, Waits] = field(default_factory=dict)

    @property
    def rate(self) -> float | None:
        """Interruptions per instance-hour; `None` below 10 instance-hours."""
        if self.held < LEAST_EXPOSURE:
            return None
        return self.interruptions / (self.held / timedelta(hours=1))


def pools_of(receipts: Iterable[RunReceipt]) -> Sequence[PoolFigures]:
    """The pools of these runs, the worst first: by rate, then those without a rate by interruptions."""
    raise NotImplementedError
