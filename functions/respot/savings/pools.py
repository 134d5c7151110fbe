"""What the pools were like: how often they interrupted, and how long they let jobs wait."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Final

from respot.jobs.job import Market
from respot.jobs.lifecycle import INTERRUPTED
from respot.savings.receipt import AttemptReceipt, RunReceipt
from respot.savings.wall_clock import TimeClass

LEAST_EXPOSURE: Final = timedelta(hours=10)
"""Instance-time from which on a rate of interruptions is said: with less, one more or less would change everything."""

_WAITS: Final = frozenset({TimeClass.QUEUED, TimeClass.INTERRUPTED})


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
        got: whether there were instances at its end; `False` if the job ended, or still waits.
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
        return self._percentile(0.5)

    @property
    def p90(self) -> timedelta | None:
        """The time to capacity that nine of ten waits did not exceed (nearest rank); `None` without any."""
        return self._percentile(0.9)

    def _percentile(self, share: float) -> timedelta | None:
        return sorted(self.got)[ceil(share * len(self.got)) - 1] if self.got else None


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
    """The pools of these runs, the worst first.

    By rate; then those that interrupted in too little time for a rate, by interruptions; then by waits in vain.
    """
    attempts: dict[Pool, list[AttemptReceipt]] = defaultdict(list)
    for receipt in receipts:
        for attempt in receipt.attempts:
            if attempt.job is not None:
                pool = Pool(
                    region=attempt.region, instance_type=attempt.instance_type or "", market=attempt.market or ""
                )
                attempts[pool].append(attempt)
    return sorted((_figures(pool, own) for pool, own in attempts.items()), key=_badness)


def waits_of(attempt: AttemptReceipt) -> tuple[Wait, ...]:
    """The attempt's waits for capacity: the first one, and one after each interruption."""
    found: list[Wait] = []
    began: datetime | None = None
    own = [each for each in attempt.segments if each.time_class is not TimeClass.BETWEEN]
    for segment in own:
        if segment.time_class in _WAITS:
            if segment.status == INTERRUPTED and began is not None:
                found.append(Wait(began=began, took=segment.began - began, got=True))
                began = None  # instances came and went between two statuses
            began = began or segment.began
        elif began is not None:
            found.append(Wait(began=began, took=segment.began - began, got=segment.held))
            began = None
    if began is not None:
        found.append(Wait(began=began, took=own[-1].ended - began, got=False))
    return tuple(found)


def _figures(pool: Pool, attempts: Sequence[AttemptReceipt]) -> PoolFigures:
    waits = [wait for each in attempts for wait in waits_of(each)]
    by_hour: dict[int, list[Wait]] = defaultdict(list)
    by_weekday: dict[int, list[Wait]] = defaultdict(list)
    for wait in waits:
        began = wait.began.astimezone(UTC)
        by_hour[began.hour].append(wait)
        by_weekday[began.weekday()].append(wait)
    return PoolFigures(
        pool=pool,
        attempts=len(attempts),
        held=sum((_held(each) for each in attempts), timedelta()),
        interruptions=sum(each.interruptions for each in attempts),
        waits=_together(waits),
        by_hour={hour: _together(own) for hour, own in sorted(by_hour.items())},
        by_weekday={day: _together(own) for day, own in sorted(by_weekday.items())},
    )


def _together(waits: Iterable[Wait]) -> Waits:
    every = list(waits)
    got = tuple(each.took for each in every if each.got)
    return Waits(got=got, without=len(every) - len(got))


def _held(attempt: AttemptReceipt) -> timedelta:
    held = sum((each.length for each in attempt.segments if each.held), timedelta())
    return held * (attempt.instance_count or 1)


def _badness(figures: PoolFigures) -> tuple[float, int, int, Pool]:
    return -(figures.rate or 0.0), -figures.interruptions, -figures.waits.without, figures.pool
