"""The receipt of a run: what its attempts were billed, what they kept, and what the same work costs on demand.

- **gross** is AWS's own formula, 1 - BillableTimeInSeconds / TrainingTimeInSeconds ("Managed Spot Training in Amazon
  SageMaker", Amazon SageMaker Developer Guide).
- **net** compares what all attempts of the run were billed with what the same useful work would have cost
  uninterrupted, on demand: training that was not repeated or thrown away, with one start and one upload.

All lengths of a receipt are instance-time: elapsed time times the number of instances.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, TypeVar

from respot.jobs.job import JobId, JobState, Market, Parent
from respot.jobs.lifecycle import INTERRUPTED, has_held_instances, in_order, is_terminal
from respot.recovery.checkpoints.checkpoint import Checkpoint
from respot.recovery.planning.run import RunId
from respot.recovery.records import DecisionRecord
from respot.runs.run_state import RunAttempt, RunState, situation_of
from respot.savings.money import NO_PRICES, ByCurrency, Money, Prices, cost, cost_of_span
from respot.savings.span import NO_TIME, Span, exactly, total
from respot.savings.wall_clock import Segment, TimeClass, WallClock, ended_at, timeline, wall_clock
from respot.savings.work import kept_of


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptReceipt:
    """The receipt of one attempt. What is not known is `None`, never 0.

    Attributes:
        number: its place in the run.
        name: its job name.
        job: its job; `None` until SageMaker has reported it.
        arn: the job's ARN; empty until SageMaker has reported it.
        region: where it ran.
        market: spot or on-demand.
        instance_type: the type that it ran on, or the list that was asked for.
        instance_count: number of instances.
        tags: the job's tags.
        parent: what else owns the job.
        began: when its job was created.
        ended: when it ended; `None` while it lives.
        status: TrainingJobStatus, also if the job was deleted since.
        secondary_status: SecondaryStatus with which it ended, or that it has.
        interrupted: when SageMaker interrupted it, each time.
        training: TrainingTimeInSeconds, as instance-time; 0 for a job that ended without instances.
        billed: BillableTimeInSeconds, as instance-time; 0 for a job that ended without instances.
        trained: instance-time in the status Training, by the transitions.
        kept: the part of `trained` that counts as useful work of the run.
        lost: the other part: repeated later, or thrown away.
        repeated: instance-time of starts and uploads that an uninterrupted run would not have had.
        uninterrupted: this attempt's part of what the same useful work takes on demand: `training` without what was
            lost and repeated.
        segments: its part of the run's timeline, with the time since the attempt before.
        decision: what was decided on its end.
    """

    number: int
    name: str
    job: JobId | None
    arn: str
    region: str
    market: Market | None
    instance_type: str | None
    instance_count: int | None
    tags: Mapping[str, str] = field(default_factory=dict)
    parent: Parent | None = None
    began: datetime | None
    ended: datetime | None
    status: str
    secondary_status: str
    interrupted: tuple[datetime, ...]
    training: timedelta | None
    billed: timedelta | None
    trained: timedelta
    kept: Span
    lost: Span
    repeated: Span
    uninterrupted: Span | None
    segments: tuple[Segment, ...]
    decision: DecisionRecord | None = None

    @property
    def interruptions(self) -> int:
        """How often SageMaker interrupted it."""
        return len(self.interrupted)

    @property
    def saved_gross(self) -> timedelta | None:
        """Instance-time that AWS's formula says was saved."""
        return None if self.training is None or self.billed is None else self.training - self.billed

    @property
    def saved_net(self) -> Span | None:
        """Instance-time that was really saved; below zero if the attempt cost more than its useful work."""
        return None if self.uninterrupted is None or self.billed is None else self.uninterrupted.minus(self.billed)

    @property
    def wall_clock(self) -> WallClock:
        """Where its time went, in elapsed time."""
        return wall_clock(self.segments)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReceipt:
    """The receipt of a run.

    Attributes:
        run: the run.
        name: the name of its first job.
        state: what the run is now.
        reason: why, in words an operator reads.
        began: when its first job was created.
        ended: when its last job ended; `None` while it goes on.
        attempts: the receipts of its attempts, in order.
        checkpoints: what there was to resume from at the ends of attempts, as the decisions recorded it.
    """

    run: RunId
    name: str
    state: RunState
    reason: str
    began: datetime
    ended: datetime | None
    attempts: tuple[AttemptReceipt, ...]
    checkpoints: tuple[Checkpoint, ...] = ()

    @property
    def last(self) -> AttemptReceipt:
        """The last attempt."""
        return self.attempts[-1]

    @property
    def on_spot(self) -> bool:
        """Whether any attempt asked for spot."""
        return any(each.market is Market.SPOT for each in self.attempts)

    @property
    def segments(self) -> tuple[Segment, ...]:
        """The run's timeline, without gaps."""
        return tuple(segment for each in self.attempts for segment in each.segments)

    @property
    def wall_clock(self) -> WallClock:
        """Where the run's time went, in elapsed time."""
        return wall_clock(self.segments)

    @property
    def interruptions(self) -> int:
        """How often SageMaker interrupted it."""
        return sum(each.interruptions for each in self.attempts)

    @property
    def training(self) -> timedelta | None:
        """Instance-time of training by AWS's count; `None` while an attempt's is not known."""
        return _sum_of(each.training for each in self.attempts)

    @property
    def billed(self) -> timedelta | None:
        """Billed instance-time of all attempts; `None` while an attempt's is not known."""
        return _sum_of(each.billed for each in self.attempts)

    @property
    def kept(self) -> Span:
        """Useful training."""
        return total(each.kept for each in self.attempts)

    @property
    def lost(self) -> Span:
        """Training that was repeated or thrown away."""
        return total(each.lost for each in self.attempts)

    @property
    def uninterrupted(self) -> Span | None:
        """Instance-time that the same useful work takes uninterrupted, on demand."""
        known = [each.uninterrupted for each in self.attempts if each.uninterrupted is not None]
        return total(known) if len(known) == len(self.attempts) else None

    @property
    def saved_gross(self) -> timedelta | None:
        """Instance-time saved by AWS's formula."""
        return None if self.training is None or self.billed is None else self.training - self.billed

    @property
    def saved_net(self) -> Span | None:
        """Instance-time that was really saved."""
        return None if self.uninterrupted is None or self.billed is None else self.uninterrupted.minus(self.billed)

    @property
    def gross_percent(self) -> float | None:
        """AWS's formula, 0 to 100; `None` if it is not known, or nothing trained."""
        return None if self.training is None or self.billed is None else gross_percent(self.training, self.billed)

    @property
    def net_percent(self) -> tuple[float | None, float] | None:
        """See `net_percent`; `None` also if it is not known."""
        if self.uninterrupted is None or self.billed is None:
            return None
        return net_percent(self.uninterrupted.low, self.uninterrupted.high, self.billed)


_Measure = TypeVar("_Measure", timedelta, Decimal)
"""Instance-time, or money of one currency."""


def gross_percent(training: _Measure, billed: _Measure) -> float | None:
    """AWS's formula, 0 to 100; `None` if nothing trained."""
    return float((training - billed) / training * 100) if training else None


def net_percent(least: _Measure, most: _Measure, billed: _Measure) -> tuple[float | None, float] | None:
    """`1 - billed / uninterrupted` in percent, least and greatest: below zero if it cost more than on demand.

    `least` and `most` bound what the same work takes uninterrupted. `None` if no work was useful; the least percentage
    is `None` if perhaps none was.
    """
    if not most:
        return None
    return float((1 - billed / least) * 100) if least else None, float((1 - billed / most) * 100)


_MOST_INSTANCES: Final = 10_000
"""Of one job: more would be nonsense that spoils the sums of all others."""
_LONGEST: Final = timedelta(days=366)
"""Of TrainingTimeInSeconds: a job runs for at most 28 days."""
_ON_THE_WAY: Final = frozenset({TimeClass.STARTING, TimeClass.DOWNLOADING, TimeClass.UPLOADING, TimeClass.STOPPING})
"""What a run needs beside training, once if nothing interrupts it."""


def receipt_of(run: RunId, attempts: Sequence[RunAttempt], *, now: datetime) -> RunReceipt:
    """The receipt of a run, from all of its attempts in order.

    Raises:
        ValueError: SageMaker has reported none of them, or all have expired; or a time or a number cannot be.
    """
    lines = timeline(attempts, now=now)
    first = next((each.state for each in attempts if each.state), None)
    if first is None:
        message = f"no attempt of {run} is known"
        raise ValueError(message)
    kept = kept_of(attempts, lines)
    segments = tuple(part for each in lines for part in _split(each, kept.get(each)))
    once = _once(lines)
    receipts = tuple(
        _receipt(each, tuple(part for part in segments if part.attempt == each.number), once, kept.is_useful)
        for each in attempts
    )
    situation = situation_of(attempts)
    decided = [each.decision for each in attempts if each.decision]
    return RunReceipt(
        run=run,
        name=attempts[0].name,
        state=situation.state,
        reason=situation.reason,
        began=first.job.created,
        ended=receipts[-1].ended if situation.has_ended else None,
        attempts=receipts,
        checkpoints=tuple(dict.fromkeys(each.checkpoint for each in decided if each.checkpoint)),
    )


def money_of(attempt: AttemptReceipt, prices: Prices = NO_PRICES) -> ByCurrency:
    """The attempt's receipt in money; empty without a price. Of what AWS has not billed yet, only losses are in it."""
    if attempt.instance_type is None or attempt.began is None:
        return {}
    price = prices.on_demand(attempt.region, attempt.instance_type, attempt.ended or attempt.began)
    if price is None:
        return {}
    lost = cost_of_span(attempt.lost, price)
    if attempt.training is None or attempt.billed is None or attempt.uninterrupted is None:
        return {price.currency: Money(lost=lost)}
    money = Money(
        trained=cost(attempt.training, price),
        billed=cost(attempt.billed, price),
        uninterrupted=cost_of_span(attempt.uninterrupted, price),
        lost=lost,
    )
    return {price.currency: money}


def _sum_of(lengths: Iterable[timedelta | None]) -> timedelta | None:
    known = list(lengths)
    return None if None in known else sum((each for each in known if each is not None), timedelta())


def _split(segment: Segment, kept: Span | None) -> list[Segment]:
    """A stretch of training, by what became of it: kept, doubtful, lost. What was kept is its beginning."""
    if kept is None:
        return [segment]
    sure, perhaps = segment.began + kept.low, segment.began + kept.high
    parts = [
        replace(segment, ended=sure),
        replace(segment, began=sure, ended=perhaps, doubtful=True),
        replace(segment, began=perhaps, time_class=TimeClass.LOST),
    ]
    return [each for each in parts if each.length]


def _once(lines: Sequence[Segment]) -> frozenset[Segment]:
    """The one start and the one end that an uninterrupted run has, too: the first start that led to training.

    The end is what follows the last training, in the same attempt.
    """
    trained = [place for place, each in enumerate(lines) if each.time_class is TimeClass.TRAINING]
    held = [place for place, each in enumerate(lines) if each.held and each.time_class in _ON_THE_WAY]
    if not held:
        return frozenset()
    if not trained:
        return frozenset(lines[place] for place in _together(lines, held[0], 1))
    start = _together(lines, trained[0] - 1, -1)
    end = _together(lines, trained[-1] + 1, 1)
    return frozenset(lines[place] for place in (*start, *end))


def _together(lines: Sequence[Segment], place: int, step: int) -> list[int]:
    """The places from there on in which the attempt holds instances and does not train."""
    found: list[int] = []
    while 0 <= place < len(lines) and lines[place].held and lines[place].time_class in _ON_THE_WAY:
        found.append(place)
        place += step
    return found


def _receipt(
    attempt: RunAttempt, segments: tuple[Segment, ...], once: frozenset[Segment], is_useful: tuple[bool, bool]
) -> AttemptReceipt:
    state = attempt.state
    count = _count(state) if state else None
    times = count or 1
    trained = [each for each in segments if each.time_class in {TimeClass.TRAINING, TimeClass.LOST}]
    kept = total(_kept_part(each) for each in trained).times(times)
    every = sum((each.length for each in trained), timedelta()) * times
    lost, repeated = kept.left_of(every), _repeated(segments, once, is_useful).times(times)
    training, billed = _aws_times(attempt, count)
    return AttemptReceipt(
        number=attempt.number,
        name=attempt.name,
        job=state.job if state else None,
        arn=state.arn if state else "",
        region=state.job.region if state else "",
        market=state.market if state else None,
        instance_type=(state.instance_type or state.requested_type) if state else None,
        instance_count=count,
        tags=dict(state.tags or {}) if state else {},
        parent=state.parent if state else None,
        began=state.job.created if state else None,
        ended=ended_at(attempt),
        status=attempt.ended_as,
        secondary_status=_last_status(attempt),
        interrupted=tuple(each.started for each in in_order(attempt.transitions) if each.status == INTERRUPTED),
        training=training,
        billed=billed,
        trained=every,
        kept=kept,
        lost=lost,
        repeated=repeated,
        uninterrupted=None if training is None else _at_least_nothing((lost + repeated).left_of(training)),
        segments=segments,
        decision=attempt.decision,
    )


def _kept_part(segment: Segment) -> Span:
    if segment.time_class is TimeClass.LOST:
        return NO_TIME
    return Span(low=timedelta(), high=segment.length) if segment.doubtful else exactly(segment.length)


def _repeated(segments: Sequence[Segment], once: frozenset[Segment], is_useful: tuple[bool, bool]) -> Span:
    """Starts and ends beyond the one; all of them where no work was useful: then the run would have needed none."""
    overhead = [each for each in segments if each.held and each.time_class in _ON_THE_WAY]
    every = sum((each.length for each in overhead), timedelta())
    beyond = sum((each.length for each in overhead if each not in once), timedelta())
    at_least, at_most = is_useful
    return Span(low=beyond if at_most else every, high=beyond if at_least else every)


def _aws_times(attempt: RunAttempt, count: int | None) -> tuple[timedelta | None, timedelta | None]:
    """Training and billable time as AWS reports them, times the instances; 0 for a job that ended without any."""
    state = attempt.state
    if state is None:
        return None, None
    if is_terminal(state.status) and not has_held_instances(state, attempt.transitions):
        return timedelta(), timedelta()
    if count is None:
        return None, None
    training = state.training_time
    billed = state.billable_time if is_terminal(state.status) else None  # what lives is not billed yet
    if any(each is not None and not timedelta() <= each <= _LONGEST for each in (training, billed)):
        message = f"{attempt.name} has a training or billable time that cannot be"
        raise ValueError(message)
    return None if training is None else training * count, None if billed is None else billed * count


def _count(state: JobState) -> int | None:
    """The number of instances; 0, which SageMaker's API allows, is not known: it would make the job free."""
    if state.instance_count is not None and not 0 <= state.instance_count <= _MOST_INSTANCES:
        message = f"{state.job.name} has a number of instances that cannot be: {state.instance_count}"
        raise ValueError(message)
    return state.instance_count or None


def _last_status(attempt: RunAttempt) -> str:
    if attempt.end:
        return attempt.end.status
    return attempt.state.secondary_status if attempt.state else ""


def _at_least_nothing(span: Span) -> Span:
    """AWS's count and the transitions may differ by seconds."""
    return Span(low=max(span.low, timedelta()), high=max(span.high, timedelta()))
