"""Where the wall-clock time of a run went: classes that add up to all of it.

The classes follow the badput of ml-goodput-measurement (https://github.com/AI-Hypercomputer/ml-goodput-measurement,
README: "productive time" against initialisation, data loading, "wasted progress from disruption" and "infrastructure
recovery from disruption"), as far as SageMaker's statuses show them. Goodput is productive training over wall-clock
time with queueing included: the effective training time ratio, ETTR, of "Revisiting Reliability in Large-Scale Machine
Learning Research Clusters" (https://arxiv.org/abs/2410.21680).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

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
    """From an interruption until there are instances again."""
    UPLOADING = "uploading"
    BETWEEN = "between attempts"
    """From the end of an attempt until its successor was created."""
    STOPPING = "stopping"


HELD = frozenset(
    {
        TimeClass.STARTING,
        TimeClass.DOWNLOADING,
        TimeClass.TRAINING,
        TimeClass.LOST,
        TimeClass.UPLOADING,
        TimeClass.STOPPING,
    }
)
"""The classes in which an attempt holds instances; `STOPPING` only if it had them before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A stretch of a run's time in one class.

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
    """The run's time from the creation of its first job to its end, or to `now`, without gaps and overlaps.

    All training is in the class `TRAINING` here; `receipt.receipt_of` says which part of it was lost.
    """
    raise NotImplementedError
