"""What happens to a simulated job: the phases it goes through and how it ends."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
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
ON_AN_INSTANCE: Final = DOWNLOADING | {"Training", "Uploading"}

_WINDING_DOWN_SECONDS: Final = 0.3

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

    @classmethod
    def of(cls, status: str, parts: Sequence[float]) -> "Phase":
        """Build a phase of several parts, each with the next of the messages that SageMaker shows."""
        total, texts = sum(parts), _STARTING if status == "Starting" else (_MESSAGES[status],)
        messages = tuple(
            Message(text=texts[min(index, len(texts) - 1)], after=sum(parts[:index]) / total if total else 0.0)
            for index in range(len(parts))
        )
        return cls(status=status, seconds=total, messages=messages)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """A terminal SecondaryStatus, with the FailureReason in full."""

    status: str
    failure_reason: str | None = None

    @property
    def message(self) -> str:
        """The last StatusMessage."""
        return _MESSAGES[self.status]


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


def winding_down(status: str) -> tuple[Phase, ...]:
    """The phases of a job that is stopped in this status: Uploading only if there is something to upload."""
    statuses = ("Stopping", "Uploading") if status in {"Training", "Uploading"} else ("Stopping",)
    return tuple(Phase.of(each, [_WINDING_DOWN_SECONDS]) for each in statuses)


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
    runs = groupby(steps, key=lambda step: step[0])
    phases = [Phase.of(status, [seconds for _, seconds in run]) for status, run in runs]
    for place, following in enumerate(phases[1:]):
        # Describe shows that instances were found before a job leaves Starting or Pending; no event is known.
        if (current := phases[place]).status in {"Starting", PENDING} and following.status in ON_AN_INSTANCE:
            preparing = Message(text=_PREPARING, after=0.9, announced=len(current.messages) > 1)
            phases[place] = replace(current, messages=(*current.messages, preparing))
    return Lifecycle(phases=tuple(phases), ending=end or Ending(status="Completed"))


def _step(word: str) -> tuple[str, float]:
    status, _, number = word.partition("=")
    if status not in PHASES:
        known, end = ", ".join(sorted(PHASES)), ", ".join(sorted(ENDINGS))
        raise ValueError(
            f"'{word}' is not Status=seconds with a status of {known}; at the end of a script also {end}; "
            "' / ' separates the lifecycles of attempts 1, 2 ..."
        )
    if not re.fullmatch(r"\d+(\.\d+)?", number):
        raise ValueError(f"'{word}' needs a number of seconds, for example {status}=0.5")
    return status, float(number)


def _ending(word: str) -> Ending | None:
    status, _, detail = word.partition("=")
    if status not in ENDINGS:
        return None
    if status != "Failed":
        if detail:
            raise ValueError(f"'{word}': {status} takes no value")
        return Ending(status=status)
    kind = detail or "AlgorithmError"
    if kind not in FAILURE_REASONS:
        raise ValueError(f"'{word}': a job fails with one of {', '.join(FAILURE_REASONS)}")
    return Ending(status=status, failure_reason=FAILURE_REASONS[kind])


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
