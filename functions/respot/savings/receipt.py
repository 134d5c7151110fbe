"""The receipt of a run: what its attempts were billed, what they kept, and what the same work costs on demand.

- **gross** is AWS's own formula, 1 - BillableTimeInSeconds / TrainingTimeInSeconds ("Managed Spot Training in Amazon
  SageMaker", Amazon SageMaker Developer Guide).
- **net** compares what all attempts of the run were billed with what the same useful work would have cost
  uninterrupted, on demand: training that was not repeated or thrown away, with one start and one upload.

All lengths of a receipt are instance-time: elapsed time times the number of instances.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from respot.jobs.job import JobId, Market, Parent
from respot.recovery.checkpoints.checkpoint import Checkpoint
from respot.recovery.planning.run import RunId
from respot.recovery.records import DecisionRecord
from respot.runs.run_state import RunAttempt, RunState
from respot.savings.money import NO_PRICES, ByCurrency, Prices
from respot.savings.span import Span
from respot.savings.wall_clock import Segment, WallClock


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptReceipt:
    """The receipt of one attempt. What is not known is `None`, never 0.

    Attributes:
        number: its place in the run.
        name: its job name.
        job: its job; `None` until SageMaker has reported it.
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
        interruptions: how often SageMaker interrupted it.
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
    interruptions: int
    training: timedelta | None
    billed: timedelta | None
    trained: timedelta
    kept: Span
    lost: Span
    repeated: timedelta
    uninterrupted: Span | None
    segments: tuple[Segment, ...]
    decision: DecisionRecord | None = None

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
        raise NotImplementedError


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
        raise NotImplementedError

    @property
    def interruptions(self) -> int:
        """How often SageMaker interrupted it."""
        return sum(each.interruptions for each in self.attempts)

    @property
    def training(self) -> timedelta | None:
        """Instance-time of training by AWS's count; `None` while an attempt's is not known."""
        raise NotImplementedError

    @property
    def billed(self) -> timedelta | None:
        """Billed instance-time of all attempts; `None` while an attempt's is not known."""
        raise NotImplementedError

    @property
    def kept(self) -> Span:
        """Useful training."""
        raise NotImplementedError

    @property
    def lost(self) -> Span:
        """Training that was repeated or thrown away."""
        raise NotImplementedError

    @property
    def uninterrupted(self) -> Span | None:
        """Instance-time that the same useful work takes uninterrupted, on demand."""
        raise NotImplementedError

    @property
    def saved_gross(self) -> timedelta | None:
        """Instance-time saved by AWS's formula."""
        raise NotImplementedError

    @property
    def saved_net(self) -> Span | None:
        """Instance-time that was really saved."""
        raise NotImplementedError

    @property
    def gross_percent(self) -> float | None:
        """AWS's formula, 0 to 100; `None` if it is not known, or nothing trained."""
        raise NotImplementedError

    @property
    def net_percent(self) -> tuple[float, float] | None:
        """`1 - billed / uninterrupted` in percent, least and greatest: below zero if the run cost more than on demand.

        `None` if it is not known, or no work was useful; the least is minus infinity if perhaps none was.
        """
        raise NotImplementedError


def receipt_of(run: RunId, attempts: Sequence[RunAttempt], *, now: datetime) -> RunReceipt:
    """The receipt of a run: all of its attempts, in order; never none."""
    raise NotImplementedError


def money_of(attempt: AttemptReceipt, prices: Prices = NO_PRICES) -> ByCurrency:
    """The attempt's receipt in money; empty without a price, or while AWS has not said what it bills."""
    raise NotImplementedError
