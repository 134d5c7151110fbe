"""What happens to a simulated job: the phases it goes through and how it ends.

SageMaker itself ends a job by MaxRuntime-, MaxWait- and MaxPendingTimeInSeconds. The tag `local:time-scale = 600` has
one real second count 600 simulated ones: limits of hours strike within seconds, independently of the script. A limit
makes a job shorter than its script, never longer. Without the tag nothing is limited.

A job that is submitted again has the tags of the one before. Therefore a tag may have the values for attempts 1, 2, 3 …
of a run, separated by ` / `; the last holds for all further attempts. With `queued-then-max-wait / uninterrupted` the
first attempt runs out of waiting time, and every other one completes. AWS allows 256 characters in a tag's value:
letters, digits, spaces and `_ . : / = + - @`. A longer lifecycle needs a name (`NAMED`).
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import groupby, pairwise
from math import inf
from typing import Final, TypeVar

from respot.recovery.planning.attempt import ATTEMPT_TAG

_T = TypeVar("_T")

INTERRUPTED: Final = "Interrupted"
UNINTERRUPTED: Final = "uninterrupted"
# No public source has the name of a pending timeout's status: this one is ours. AWS documents that the job is `Stopped`
# and that its status shows the cause (AWS Batch's user guide, sm_job_stuck_in_runnable_capacity).
PENDING_TIMEOUT: Final = "MaxPendingTimeExceeded"
ENDINGS: Final = frozenset(
    {"Completed", "Failed", "Stopped", "MaxRuntimeExceeded", "MaxWaitTimeExceeded", PENDING_TIMEOUT}
)
PENDING: Final = "Pending"
DOWNLOADING: Final = frozenset({"Downloading", "DownloadingTrainingImage"})
ON_AN_INSTANCE: Final = DOWNLOADING | {"Training", "Uploading"}

_WINDING_DOWN_SECONDS: Final = 0.3
_MILLISECOND: Final = timedelta(milliseconds=1)

_PREPARING: Final = "Preparing the instances for training"
_STARTING: Final = (
    "Starting the training job",
    "Launching requested ML instances",
    "Insufficient capacity error from EC2 while launching instances, retrying!",
)
_MESSAGES: Final = {
    "LaunchingMLInstances": "Launching ML instances",
    "PreparingTrainingStack": _PREPARING,
    PENDING: "Training job waiting for capacity",
    "Downloading": "Downloading the training image",
    "DownloadingTrainingImage": "Downloading the training image",
    "Training": "Training image download completed. Training in progress.",
    "Uploading": "Uploading generated training model",
    "Stopping": "Stopping the training job",
    # AWS publishes no text for this one.
    "Interrupted": "Spot instances interrupted",
    "Restarting": "Restarting the training job",
    "Updating": "Updating the training job",
    "Completed": "Training job completed",
    "Failed": "Training job failed",
    "Stopped": "Training job stopped",
    "MaxRuntimeExceeded": "Training job runtime exceeded MaxRuntimeInSeconds provided",
    "MaxWaitTimeExceeded": "Training job wait time exceeded MaxWaitTimeInSeconds provided",
    PENDING_TIMEOUT: "Training job pending time exceeded MaxPendingTimeInSeconds provided",
}
PHASES: Final = frozenset({"Starting", *_MESSAGES} - ENDINGS)
FAILURE_REASONS: Final = {
    "CapacityError": (
        "CapacityError: Unable to provision requested ML compute capacity. "
        "Please retry using a different ML instance type."
    ),
    "InternalServerError": "InternalServerError: We encountered an internal error.  Please try again.",
    "AlgorithmError": "AlgorithmError: ExecuteUserScriptError:\nExitCode 1",
    "ClientError": "ClientError: Data download failed: no S3 objects found under the URL of the input data source",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """A time since the job's creation at which its status, or only its message, changes."""

    after: timedelta
    status: str
    message: str
    announced: bool = True
    """Whether SageMaker sends an event."""

    @classmethod
    def of(cls, status: str, after: timedelta, *, index: int = 0) -> "Moment":
        """Build the first moment of a status, or the next one of several, with SageMaker's message."""
        texts = _STARTING if status == "Starting" else (_MESSAGES[status],)
        return cls(after=_milliseconds(after), status=status, message=texts[min(index, len(texts) - 1)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifecycle:
    """A job's fate: all its moments, in order, the last of which ends it."""

    moments: tuple[Moment, ...]
    failure_reason: str | None = None

    @property
    def seconds(self) -> float:
        """How long all of it takes."""
        return self.moments[-1].after.total_seconds()

    @property
    def end(self) -> str:
        """The terminal status."""
        return self.moments[-1].status

    @property
    def needs_spot(self) -> bool:
        """Whether only a spot job can meet this fate."""
        return self.end == "MaxWaitTimeExceeded" or INTERRUPTED in self.statuses

    @property
    def statuses(self) -> tuple[str, ...]:
        """The order of SecondaryStatus values that DescribeTrainingJob shows at the end."""
        return tuple(status for status, _ in groupby(self.moments, key=lambda moment: moment.status))

    @property
    def periods(self) -> list[tuple[str, timedelta, timedelta]]:
        """Each status but the end, with its start and its length."""
        starts = [next(moments) for _, moments in groupby(self.moments, key=lambda moment: moment.status)]
        return [(this.status, this.after, following.after - this.after) for this, following in pairwise(starts)]

    def faster(self, speed: float) -> "Lifecycle":
        """The same in a fraction of the time."""
        moments = (replace(moment, after=_milliseconds(moment.after / speed)) for moment in self.moments)
        return replace(self, moments=tuple(moments))


def wound_down(past: Sequence[Moment], after: timedelta, end: str, *, speed: float = 1.0) -> Lifecycle:
    """The fate of a job that is ended from outside: Uploading only if there is something to upload."""
    statuses = ("Stopping", "Uploading", end) if past[-1].status in {"Training", "Uploading"} else ("Stopping", end)
    step = timedelta(seconds=_WINDING_DOWN_SECONDS / speed)
    ahead = (Moment.of(status, after + number * step) for number, status in enumerate(statuses))
    return Lifecycle(moments=(*past, *ahead))


def limited(fate: Lifecycle, *, max_runtime: float, max_wait: float = inf, max_pending: float = inf) -> Lifecycle:
    """The lifecycle until a limit strikes; the limits are in seconds of the lifecycle's.

    MaxWait counts waiting and running together, since the job's creation; MaxRuntime counts what the job spends on
    instances, in all phases together, MaxPending what it spends in Pending. A job that has begun to stop or to upload
    is left to finish.
    """
    ran = pended = 0.0
    for status, start, length in fate.periods:
        if status in {"Stopping", "Uploading"}:
            break
        runs, pends = status in ON_AN_INSTANCE, status == PENDING
        until = {
            "MaxWaitTimeExceeded": max_wait - start.total_seconds(),
            "MaxRuntimeExceeded": max_runtime - ran if runs else inf,
            PENDING_TIMEOUT: max_pending - pended if pends else inf,
        }
        end = min(until, key=until.__getitem__)  # of equal ones the first
        left, seconds = max(0.0, until[end]), length.total_seconds()
        if left < seconds:
            after = start + timedelta(seconds=left)
            past = [moment for moment in fate.moments if moment.after < after] or fate.moments[:1]
            return wound_down(past, after, end)
        ran += seconds * runs
        pended += seconds * pends
    return fate


def parse(text: str) -> Lifecycle:
    """Read a lifecycle's name, or a script such as `Starting=0.4 Training=1 Interrupted=0.5 Failed=CapacityError`.

    A script is a list of `Status=seconds`, then optionally a terminal status (otherwise: Completed). The same status
    several times in a row is one phase in which the message changes, and each change sends an event.
    """
    script = NAMED.get(text, text).split()
    if not script:
        raise ValueError(f"it is empty: name a lifecycle ({', '.join(NAMED)}) or write Status=seconds ...")
    end = _ending(script[-1])
    steps = [_step(word) for word in (script[:-1] if end else script)]
    if not steps:
        raise ValueError("a job needs a phase before it ends, for example Starting=0.5")
    phases = [(status, [seconds for _, seconds in run]) for status, run in groupby(steps, key=lambda step: step[0])]
    moments: list[Moment] = []
    start = timedelta()
    for (status, parts), (following, _) in pairwise([*phases, (end[0] if end else "Completed", [])]):
        starts = (start + sum(parts[:index], timedelta()) for index in range(len(parts)))
        moments += [Moment.of(status, after, index=index) for index, after in enumerate(starts)]
        length = sum(parts, timedelta())
        if status in {"Starting", PENDING} and following in ON_AN_INSTANCE:
            # Describe shows that instances were found before a job leaves Starting or Pending; no event is known.
            found = replace(moments[-1], after=_milliseconds(start + 0.9 * length), message=_PREPARING)
            moments.append(replace(found, announced=len(parts) > 1))
        start = _milliseconds(start + length)
    status, reason = end or ("Completed", None)
    return Lifecycle(moments=(*moments, Moment.of(status, start)), failure_reason=reason)


def attempt_of(tags: Mapping[str, str]) -> int:
    """Which attempt of its run a job with these tags is; 1 without the tag, or with one that is no such number."""
    number = tags.get(ATTEMPT_TAG, "")
    return max(1, int(number)) if number.isascii() and number.isdigit() else 1


def value_for(attempt: int, text: str, read: Callable[[str], _T]) -> _T:
    """The value for one attempt; all values are read, because a mistake must show at the first creation."""
    each = [read(part.strip()) for part in text.split(" / ")]
    return each[min(attempt, len(each)) - 1]


def _step(word: str) -> tuple[str, timedelta]:
    status, _, number = word.partition("=")
    if status not in PHASES:
        known, end = ", ".join(sorted(PHASES)), ", ".join(sorted(ENDINGS))
        raise ValueError(
            f"'{word}' is not Status=seconds with a status of {known}; at the end of a script also {end}; "
            "' / ' separates the lifecycles of attempts 1, 2 ..."
        )
    if not re.fullmatch(r"\d+(\.\d+)?", number):
        raise ValueError(f"'{word}' needs a number of seconds, for example {status}=0.5")
    return status, timedelta(seconds=float(number))


def _ending(word: str) -> tuple[str, str | None] | None:
    status, _, kind = word.partition("=")
    if status not in ENDINGS:
        return None
    if status == "Failed":
        if (kind or "AlgorithmError") not in FAILURE_REASONS:
            raise ValueError(f"'{word}': a job fails with one of {', '.join(FAILURE_REASONS)}")
        return status, FAILURE_REASONS[kind or "AlgorithmError"]
    if kind:
        raise ValueError(f"'{word}': {status} takes no value")
    return status, None


def _milliseconds(span: timedelta) -> timedelta:
    return span // _MILLISECOND * _MILLISECOND


# Short enough to watch, long enough to see each status. The first four are those of "Managed Spot Training in Amazon
# SageMaker"; the last is a real job's: a long queue, then stopped by MaxWait without any interruption.
NAMED: Final = {
    UNINTERRUPTED: "Starting=1 Downloading=0.6 Training=3 Uploading=0.6",
    "interrupted-once": (
        "Starting=0.8 Downloading=0.5 Training=2.2 Interrupted=0.6 "
        "Starting=0.8 Downloading=0.5 Training=2 Uploading=0.5"
    ),
    "interrupted-twice-max-wait": (
        "Starting=0.6 Downloading=0.4 Training=1.6 Interrupted=0.6 Starting=0.8 Downloading=0.4 Training=1.4 "
        "Interrupted=1 Downloading=0.4 Training=1.2 Stopping=0.5 MaxWaitTimeExceeded"
    ),
    "never-launched": "Starting=4 Stopping=0.5 MaxWaitTimeExceeded",
    "queued-then-max-wait": (
        "Starting=0.3 Starting=0.7 Starting=2.5 Downloading=0.5 Training=2 Stopping=0.3 Uploading=0.5 "
        "MaxWaitTimeExceeded"
    ),
}
