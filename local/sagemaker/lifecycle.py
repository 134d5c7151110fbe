"""What happens to a simulated job: the phases it goes through and how it ends."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import groupby, pairwise
from typing import Final

INTERRUPTED: Final = "Interrupted"
UNINTERRUPTED: Final = "uninterrupted"
# No public source has the name of a pending timeout's status: this one is ours. AWS documents that the job is `Stopped`
# and that its status shows the cause (AWS Batch's user guide, sm_job_stuck_in_runnable_capacity).
PENDING_TIMEOUT: Final = "MaxPendingTimeExceeded"
ENDINGS: Final = frozenset(
    {"Completed", "Failed", "Stopped", "MaxRuntimeExceeded", "MaxWaitTimeExceeded", PENDING_TIMEOUT}
)
PENDING: Final = "Pending"
PHASES: Final = frozenset(
    {"Starting", "LaunchingMLInstances", "PreparingTrainingStack", PENDING, "Downloading", "DownloadingTrainingImage"}
    | {"Training", "Uploading", "Stopping", INTERRUPTED, "Restarting", "Updating"}
)
DOWNLOADING: Final = frozenset({"Downloading", "DownloadingTrainingImage"})
# SageMaker bills while it holds an instance. `Stopping` belongs to it only when it follows one of these.
ON_AN_INSTANCE: Final = DOWNLOADING | {"Training", "Uploading"}

# The share of a spot job's training time that is billed, near the 34 to 37 % of the example payloads.
SPOT_BILLED_SHARE: Final = 0.35

_STOPPING_SECONDS: Final = 0.3
_UPLOADING_SECONDS: Final = 0.3

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
FAILURE_REASONS: Final = {
    "CapacityError": (
        "CapacityError: Unable to provision requested ML compute capacity. "
        "Please retry using a different ML instance type."
    ),
    "InternalServerError": "InternalServerError: We encountered an internal error.  Please try again.",
    "AlgorithmError": "AlgorithmError: ExecuteUserScriptError:\nExitCode 1",
    "ClientError": "ClientError: Data download failed: no S3 objects found under the URL of the input data source",
}


class LifecycleError(ValueError):
    """A lifecycle or script that cannot be followed; the message says what to write instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A StatusMessage, shown `after` a share (0 to 1) of its phase; SageMaker does not send an event for each."""

    text: str
    after: float = 0.0
    announced: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """A stretch of time in one SecondaryStatus."""

    status: str
    seconds: float
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """A terminal SecondaryStatus."""

    status: str
    message: str
    failure_reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifecycle:
    """A job's fate: its phases, in order, and its end."""

    phases: tuple[Phase, ...]
    ending: Ending

    @property
    def seconds(self) -> float:
        """How long all of it takes."""
        return sum(phase.seconds for phase in self.phases)

    @property
    def needs_spot(self) -> bool:
        """Whether only a spot job can meet this fate."""
        return self.ending.status == "MaxWaitTimeExceeded" or any(s.status == INTERRUPTED for s in self.phases)

    @property
    def statuses(self) -> tuple[str, ...]:
        """The order of SecondaryStatus values that DescribeTrainingJob shows at the end."""
        return (*(phase.status for phase in self.phases), self.ending.status)

    def faster(self, speed: float) -> "Lifecycle":
        """The same phases in a fraction of the time."""
        return replace(self, phases=tuple(replace(phase, seconds=phase.seconds / speed) for phase in self.phases))


def ending(status: str, failure: str | None = None) -> Ending:
    """Build a terminal status; `failure` is the FailureReason in full."""
    return Ending(status=status, message=_MESSAGES[status], failure_reason=failure)


def phase(status: str, seconds: float) -> Phase:
    """Build a phase with the message that SageMaker shows first."""
    return Phase(status=status, seconds=seconds, messages=(Message(text=_message(status)),))


def winding_down(status: str) -> tuple[Phase, ...]:
    """The phases of a job that is stopped in this status: Uploading only if there is something to upload."""
    stopping = phase("Stopping", _STOPPING_SECONDS)
    return (stopping, phase("Uploading", _UPLOADING_SECONDS)) if status in {"Training", "Uploading"} else (stopping,)


def parse(text: str) -> Lifecycle:
    """Read a lifecycle's name, or a script such as `Starting=0.4 Training=1 Interrupted=0.5 Failed=CapacityError`.

    A script is a list of `Status=seconds`, then optionally a terminal status (otherwise: Completed). The same status
    several times in a row is one phase in which the message changes, and each change sends an event.
    """
    script = NAMED.get(text, text).split()
    if not script:
        raise LifecycleError(f"it is empty: name a lifecycle ({', '.join(NAMED)}) or write Status=seconds ...")
    end = _ending(script[-1])
    steps = [_step(word) for word in (script[:-1] if end else script)]
    if not steps:
        raise LifecycleError("a job needs a phase before it ends, for example Starting=0.5")
    runs = groupby(steps, key=lambda step: step[0])
    phases = [_joined([seconds for _, seconds in run], status) for status, run in runs]
    return Lifecycle(phases=tuple(_with_preparing(phases)), ending=end or ending("Completed"))


def training_seconds(phases: Sequence[tuple[str, timedelta]]) -> int | None:
    """TrainingTimeInSeconds for phases as (status, duration); None before an instance was held. At least 1."""
    held = timedelta()
    started = False
    previous = ""
    for status, duration in phases:
        if status in ON_AN_INSTANCE or (status == "Stopping" and previous in ON_AN_INSTANCE):
            held += duration
            started = True
        previous = status
    return max(1, _half_up(held.total_seconds())) if started else None


def billable_seconds(training: int | None, *, spot: bool) -> int | None:
    """BillableTimeInSeconds of a job that is over: all of an on-demand job's training time, a share of a spot job's."""
    if training is None or not spot:
        return training
    return max(1, _half_up(training * SPOT_BILLED_SHARE))


def expected_seconds(lifecycle: Lifecycle, *, spot: bool) -> tuple[int | None, int | None]:
    """What DescribeTrainingJob will finally say: (TrainingTimeInSeconds, BillableTimeInSeconds)."""
    training = training_seconds([(phase.status, timedelta(seconds=phase.seconds)) for phase in lifecycle.phases])
    return training, billable_seconds(training, spot=spot)


def _message(status: str, index: int = 0) -> str:
    return _STARTING[min(index, len(_STARTING) - 1)] if status == "Starting" else _MESSAGES[status]


def _step(word: str) -> tuple[str, float]:
    status, _, number = word.partition("=")
    if status not in PHASES:
        known = ", ".join(sorted(PHASES))
        end = ", ".join(sorted(ENDINGS))
        raise LifecycleError(
            f"'{word}' is not Status=seconds with a status of {known}; at the end of a script also {end}; "
            "' / ' separates the lifecycles of attempts 1, 2 ..."
        )
    if not re.fullmatch(r"\d+(\.\d+)?", number):
        raise LifecycleError(f"'{word}' needs a number of seconds, for example {status}=0.5")
    return status, float(number)


def _ending(word: str) -> Ending | None:
    status, _, detail = word.partition("=")
    if status not in ENDINGS:
        return None
    if status != "Failed":
        if detail:
            raise LifecycleError(f"'{word}': {status} takes no value")
        return ending(status)
    kind = detail or "AlgorithmError"
    if kind not in FAILURE_REASONS:
        raise LifecycleError(f"'{word}': a job fails with one of {', '.join(FAILURE_REASONS)}")
    return ending(status, FAILURE_REASONS[kind])


def _joined(parts: list[float], status: str) -> Phase:
    total = sum(parts)
    messages = []
    elapsed = 0.0
    for index, part in enumerate(parts):
        messages.append(Message(text=_message(status, index), after=elapsed / total if total else 0.0))
        elapsed += part
    return Phase(status=status, seconds=total, messages=tuple(messages))


def _with_preparing(phases: list[Phase]) -> list[Phase]:
    """Show that instances were found before a job leaves Starting or Pending, as Describe does; no event is known."""
    result = []
    for current, following in pairwise([*phases, None]):
        if current and current.status in {"Starting", PENDING} and following and following.status in ON_AN_INSTANCE:
            preparing = Message(text=_PREPARING, after=0.9, announced=len(current.messages) > 1)
            result.append(replace(current, messages=(*current.messages, preparing)))
        elif current:
            result.append(current)
    return result


def _half_up(number: float) -> int:
    return int(number + 0.5)


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
