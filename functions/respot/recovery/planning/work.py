"""What checkpoints prove of a run's work: in steps where they have steps, in training time otherwise."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import median_high
from typing import Final

from respot.recovery.checkpoints.checkpoint import LATE_SYNC, Checkpoint, resume_point

ASSUMED_OVERHEAD: Final = timedelta(minutes=30)
"""From getting instances to training, where nothing better is known. Large images and datasets take 12 to 30."""
ASSUMED_INTERVAL: Final = timedelta(minutes=15)
"""Between two checkpoints, until this run has shown its own."""
_UPLOAD: Final = timedelta(minutes=1)
"""By how much the uploads of two checkpoints may differ: a rate and an interval do without it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """A status period of training.

    Attributes:
        launched: when its instances were there.
        started: when it began.
        ended: when it ended.
        over: until when a file may belong to it; no other period of the run is open before.
    """

    launched: datetime
    started: datetime
    ended: datetime
    over: datetime

    def saves(self, moments: Iterable[datetime]) -> list[datetime]:
        """The moments at which it saved something: files are synced for a while after the training."""
        return [at for at in moments if self.started < at <= min(self.over, self.ended + LATE_SYNC)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What checkpoints prove.

    Attributes:
        done: training time that need not be repeated.
        evidence: what proves it, in words.
        by_steps: whether steps and their rate prove it.
        overhead: the longest time from instances to real work that steps show; `None` if they show none. Loading,
            compiling and warm-up may pass in the status `Training`.
        interval: the usual time between two checkpoints; `None` if none is known.
        unsaved: the longest training since the newest checkpoint.
    """

    done: timedelta = timedelta()
    evidence: str = "nothing is saved"
    by_steps: bool = False
    overhead: timedelta | None = None
    interval: timedelta | None = None
    unsaved: timedelta = timedelta()


def prove(
    periods: Sequence[Training],
    checkpoints: Sequence[Checkpoint],
    seen: Sequence[Checkpoint],
    *,
    began: datetime,
    longest_start: timedelta,
) -> Proof:
    """What the checkpoints prove of the work done in these periods.

    With steps, the work is the newest checkpoint's step by the least time that a step took within one period: what is
    lost and repeated, and what starting takes, does not count. Without steps, or without such a rate, a period counts
    up to its last checkpoint, but for what starting may have taken before the first one. A period without a checkpoint
    counts for nothing: what it trained may be lost.

    Args:
        periods: the run's periods of training, oldest first.
        checkpoints: what is listed now.
        seen: what was there to resume from at the ends of attempts; it may have been deleted since.
        began: when the run's first job was created.
        longest_start: what may hide at the beginning of a period.
    """
    newest = resume_point(checkpoints)
    if newest is None or not newest.complete:
        return Proof(unsaved=_unsaved(periods, None))
    known = any(each.layout for each in checkpoints)
    every = [
        each
        for each in (*checkpoints, *seen)
        if each.complete and (each.layout or not known) and each.saved_at <= newest.saved_at
    ]
    moments = sorted({each.saved_at for each in every})
    interval, unsaved = _interval(periods, moments), _unsaved(periods, newest.saved_at)
    steps = _steps(every, newest)
    rates = [rate for period in periods if (rate := _rate(period, steps)) is not None]
    if not rates:
        restarted = [at for (_, before), (at, step) in pairwise(steps) if step <= before]
        moments = [at for at in moments if not restarted or at >= restarted[-1]]
        done = _in_time(periods, moments, interval, longest_start)
        return Proof(done=done, evidence="training that checkpoints cover", interval=interval, unsaved=unsaved)
    rate, trained = min(rates), _until(periods, newest.saved_at)
    new = _new_steps(steps, rate, periods, began)
    return Proof(
        done=min(timedelta(seconds=new * rate), trained),
        evidence=f"{new:,} steps of at least {rate:.3g} s",
        by_steps=True,
        overhead=max((each for period in periods if (each := _overhead(period, steps))), default=None),
        interval=interval,
        unsaved=unsaved,
    )


def _steps(checkpoints: Iterable[Checkpoint], newest: Checkpoint) -> list[tuple[datetime, int]]:
    """When each step was saved: those of the newest checkpoint's line, if its numbers are sure to count."""
    if newest.step is None or not newest.is_counted:
        return []
    own = {(each.saved_at, each.step) for each in checkpoints if each.is_counted and each.line == newest.line}
    return sorted((at, step) for at, step in own if step is not None)


def _within(period: Training, steps: Iterable[tuple[datetime, int]]) -> list[tuple[datetime, int]]:
    return [(at, step) for at, step in steps if period.started < at <= period.ended]


def _rate(period: Training, steps: Sequence[tuple[datetime, int]]) -> float | None:
    """The seconds that a step took at least, between the first and the last checkpoint of a period."""
    saved = _within(period, steps)
    if not saved:
        return None
    (first, low), (last, high) = saved[0], saved[-1]
    rising = all(one < other for (_, one), (_, other) in pairwise(saved))
    span = last - first - _UPLOAD
    return span.total_seconds() / (high - low) if rising and high > low and span >= _UPLOAD else None


def _new_steps(steps: Sequence[tuple[datetime, int]], rate: float, periods: Sequence[Training], began: datetime) -> int:
    """The steps that the run has made.

    Those of checkpoints from before it began do not count, and neither do those that it cannot have made in the time:
    then it continued a model from elsewhere.
    """
    newest = steps[-1][1]
    before = max((step for at, step in steps if at <= began), default=0)
    first_saved, first = next(each for each in steps if each[0] > began)
    trained = _until(periods, first_saved)
    if before == 0 and first * rate > trained.total_seconds():
        before = first - int(min(trained, ASSUMED_INTERVAL).total_seconds() / rate)
    return newest - before if newest > before else newest


def _overhead(period: Training, steps: Sequence[tuple[datetime, int]]) -> timedelta | None:
    """The time from instances to work, by the period's rate, its first step and the one that it began from, or 0.

    Only where the period saved as many steps after its first checkpoint as before: a rate carries no further.
    """
    saved = _within(period, steps)
    before = max((step for at, step in steps if at <= period.started), default=0)
    if _rate(period, steps) is None:
        return None
    (first, low), (last, high) = saved[0], saved[-1]
    return (
        first - period.launched - (last - first) * ((low - before) / (high - low))
        if 0 < low - before <= high - low
        else None
    )


def _in_time(
    periods: Iterable[Training], moments: Sequence[datetime], interval: timedelta | None, longest_start: timedelta
) -> timedelta:
    covered = (
        _covered(period, saves, interval, longest_start) for period in periods if (saves := period.saves(moments))
    )
    return sum(covered, timedelta())


def _covered(
    period: Training, saves: Sequence[datetime], interval: timedelta | None, longest_start: timedelta
) -> timedelta:
    """The work that a period's checkpoints cover: what its beginning took does not count.

    The first checkpoint followed the beginning of the work by an interval, or by more where older ones were deleted:
    then by what passed without the longest start.
    """
    first, last = min(saves[0], period.ended), min(saves[-1], period.ended)
    passed = first - period.started
    before = max(min(passed, interval or ASSUMED_INTERVAL), passed - longest_start)
    return before + last - first


def _until(periods: Iterable[Training], moment: datetime) -> timedelta:
    """All training before that moment."""
    return sum((max(timedelta(), min(each.ended, moment) - each.started) for each in periods), timedelta())


def _interval(periods: Sequence[Training], moments: Sequence[datetime]) -> timedelta | None:
    """The usual time between two checkpoints of one period."""
    pairs = (pair for each in periods for pair in pairwise(each.saves(moments)))
    gaps = [gap for one, other in pairs if (gap := other - one) >= _UPLOAD]
    return median_high(gaps) if gaps else None


def _unsaved(periods: Iterable[Training], newest: datetime | None) -> timedelta:
    lost = (each.ended - (each.started if newest is None else max(each.started, newest)) for each in periods)
    return max(timedelta(), *lost, timedelta())
