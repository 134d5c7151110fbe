"""Where the wall-clock time of a run went: classes that add up to all of it.

The classes follow the badput of ml-goodput-measurement (https://github.com/AI-Hypercomputer/ml-goodput-measurement,
README: "productive time" against initialisation, data loading, "wasted progress from disruption" and "infrastructure
recovery from disruption"), as far as SageMaker's statuses show them. Goodput is productive training over wall-clock
time with queueing included: the effective training time ratio, ETTR, of "Revisiting Reliability in Large-Scale Machine
Learning Research Clusters" (https://arxiv.org/abs/2410.21680).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise, takewhile
from typing import Final

from respot.jobs.job import JobState
from respot.jobs.lifecycle import DELETING, INTERRUPTED, STOPPING, TRAINING, WAITING, in_order, is_end, is_terminal
from respot.recovery.planning.decision import DECIDED_WITHIN
from respot.recovery.records import OutcomeKind
from respot.runs.run_state import RunAttempt


class TimeClass(StrEnum):
    """What a part of a run's wall-clock time was spent on. Each moment belongs to exactly one."""

    QUEUED = "queued"
    """No instances yet, in an attempt that had none before."""
    STARTING = "starting"
    """On instances, before training: the image and the container. Also each status of an unknown name."""
    DOWNLOADING = "downloading"
    TRAINING = "training"
    """Training that did not have to be repeated, as far as it is known."""
    LOST = "lost"
    """Training that a later attempt had to repeat, or that was thrown away since spot ended the run."""
    INTERRUPTED = "interrupted"
    """From an interruption or a restart by SageMaker until there are instances again."""
    UPLOADING = "uploading"
    BETWEEN = "between attempts"
    """From the end of an attempt until its successor was created."""
    STOPPING = "stopping"


_CLASSES: Final = {
    TRAINING: TimeClass.TRAINING,
    "Downloading": TimeClass.DOWNLOADING,
    "DownloadingTrainingImage": TimeClass.DOWNLOADING,
    "Uploading": TimeClass.UPLOADING,
}
"""Of the statuses in which a job holds instances; each other one counts as starting."""
_FIRST: Final = "Starting"
"""The status with which every job begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A stretch of a run's time in one class. Only an interruption may have no length.

    Attributes:
        attempt: number of the attempt that it belongs to; the time between two attempts belongs to the later one.
        time_class: what it was spent on.
        began: when it began.
        ended: when it ended.
        status: SageMaker's SecondaryStatus; empty between attempts.
        doubtful: training that may have been lost: checkpoints do not say. Its class is `TRAINING`.
        held: whether the attempt held instances.
    """

    attempt: int
    time_class: TimeClass
    began: datetime
    ended: datetime
    status: str = ""
    doubtful: bool = False
    held: bool = False

    @property
    def length(self) -> timedelta:
        """How long it lasted."""
        return self.ended - self.began


@dataclass(frozen=True, slots=True, kw_only=True)
class WallClock:
    """Where the time went.

    Attributes:
        times: the time in each class; a class that did not occur may be missing.
        doubtful: how much of `TRAINING` may belong to `LOST`: checkpoints do not say.
    """

    times: Mapping[TimeClass, timedelta]
    doubtful: timedelta = timedelta()

    @property
    def total(self) -> timedelta:
        """All of the time: the sum of the classes."""
        return sum(self.times.values(), timedelta())

    @property
    def goodput(self) -> tuple[float, float] | None:
        """The least and the greatest share of productive training, 0 to 1; `None` if no time has passed."""
        if not self.total:
            return None
        most = self.of(TimeClass.TRAINING)
        return (most - self.doubtful) / self.total, most / self.total

    def of(self, time_class: TimeClass) -> timedelta:
        """The time in that class."""
        return self.times.get(time_class, timedelta())

    def share(self, time_class: TimeClass) -> float:
        """The share of that class, 0 to 1; 0 if no time has passed."""
        return self.of(time_class) / self.total if self.total else 0.0

    def __add__(self, other: "WallClock") -> "WallClock":
        times = {
            each: self.of(each) + other.of(each) for each in TimeClass if each in self.times or each in other.times
        }
        return WallClock(times=times, doubtful=self.doubtful + other.doubtful)


def wall_clock(segments: Iterable[Segment]) -> WallClock:
    """The time in each class of a timeline, or of a part of it."""
    times: dict[TimeClass, timedelta] = {}
    doubtful = timedelta()
    for each in segments:
        times[each.time_class] = times.get(each.time_class, timedelta()) + each.length
        doubtful += each.length if each.doubtful else timedelta()
    return WallClock(times=times, doubtful=doubtful)


def timeline(attempts: Sequence[RunAttempt], *, now: datetime) -> tuple[Segment, ...]:
    """The run's time from the creation of its first known job to its end, or to `now`, without gaps and overlaps.

    All training is in the class `TRAINING` here; `receipt.receipt_of` says which part of it was lost. Attempts may
    overlap by the difference of two clocks: then the time belongs to the earlier one.
    """
    found: list[Segment] = []
    reached: datetime | None = None
    for attempt in attempts:
        if attempt.state is None:
            continue
        began = min(attempt.state.job.created, now)
        if reached is not None and began > reached:
            found.append(_between(attempt.number, reached, began))
        reached = began if reached is None else max(reached, began)
        for segment in _segments(attempt, attempt.state, now):
            ended = max(min(segment.ended, now), reached)
            # An interruption within one second of SageMaker's times breaks work off, too.
            if ended > reached or segment.time_class is TimeClass.INTERRUPTED:
                found.append(replace(segment, began=reached, ended=ended))
                reached = ended
    last = attempts[-1]
    until = min(_successor_expected_until(attempts) or now, now)
    if reached is not None and _successor_expected_until(attempts) and until > reached:
        found.append(_between(last.number, reached, until))
    return tuple(found)


def ended_at(attempt: RunAttempt) -> datetime | None:
    """When the attempt's job ended; `None` while it lives, or if SageMaker has not reported it."""
    state = attempt.state
    if state is None:
        return None
    end = next((each for each in in_order(attempt.transitions) if is_end(each)), None)
    if end is not None:
        return end.started
    if not is_terminal(state.status):
        return None
    life = [each.started for each in attempt.transitions if each.status != DELETING]
    return max([state.training_ended or state.last_modified, *life])


def _between(number: int, began: datetime, ended: datetime) -> Segment:
    return Segment(attempt=number, time_class=TimeClass.BETWEEN, began=began, ended=ended)


def _successor_expected_until(attempts: Sequence[RunAttempt]) -> datetime | None:
    """Until when the run waits for its next attempt at most; `None` if it waits for none.

    Nothing is created later than that: a job that the ledger does not know by then is not coming.
    """
    decided = next((each.decision for each in reversed(attempts) if each.decision), None)
    last = attempts[-1]
    if decided is None or not decided.decision.creates_attempt or (last.state and last.decision is None):
        return None
    outcome = next((each.outcome for each in reversed(attempts) if each.decision is decided), None)
    if outcome is not None and outcome.kind is not OutcomeKind.CREATED:
        return None
    return decided.decided_at + DECIDED_WITHIN


def _segments(attempt: RunAttempt, state: JobState, now: datetime) -> Iterator[Segment]:
    """The attempt's statuses, each from its start to the next one's; the first begins with the job's creation."""
    ended = ended_at(attempt)
    until = now if ended is None else ended
    alive = takewhile(lambda each: not is_end(each) and each.status != DELETING, in_order(attempt.transitions))
    statuses = [(each.status, each.started) for each in alive]
    if not statuses or statuses[0][1] > state.job.created:
        # What came before the first known status is waiting: a job that has instances would have shown it.
        statuses.insert(0, (_FIRST, state.job.created))
    held = was_held = False
    for (status, began), (following, next_began) in pairwise([*statuses, ("", until)]):
        if status in WAITING:
            held = False
            time_class = TimeClass.INTERRUPTED if was_held or status == INTERRUPTED else TimeClass.QUEUED
            was_held = was_held or status == INTERRUPTED
        elif status == STOPPING:
            time_class = TimeClass.STOPPING
        else:
            held = was_held = True
            time_class = _CLASSES.get(status, TimeClass.STARTING)
        segment = Segment(
            attempt=attempt.number, time_class=time_class, began=began, ended=next_began, status=status, held=held
        )
        launched = state.training_started
        if launched and status in WAITING and following not in WAITING and began < launched < next_began:
            # "You are billed for the time interval between this time and the value of TrainingEndTime."
            held = was_held = True
            yield replace(segment, ended=launched)
            yield replace(segment, began=launched, time_class=TimeClass.STARTING, held=True)
        else:
            yield segment
