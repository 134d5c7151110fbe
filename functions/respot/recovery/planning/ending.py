"""Classifies how a job ended, by what another attempt may follow."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, assert_never

from respot.jobs.formatting import clause
from respot.jobs.job import JobState


class Trigger(StrEnum):
    """Ends after which a policy may ask for another attempt."""

    MAX_WAIT_TIME_EXCEEDED = "max-wait-time-exceeded"
    MAX_PENDING_TIME_EXCEEDED = "max-pending-time-exceeded"
    CAPACITY_ERROR = "capacity-error"
    INTERNAL_SERVER_ERROR = "internal-server-error"
    MAX_RUNTIME_EXCEEDED = "max-runtime-exceeded"
    GAVE_UP_WAITING = "gave-up-waiting"


TRIGGERS_TO_CHOOSE: Final = tuple(trigger for trigger in Trigger if trigger is not Trigger.GAVE_UP_WAITING)
"""What a policy may list. The wait limit is a setting of its own; anyone who sets it wants the next attempt."""


class Budget(StrEnum):
    """What an attempt is charged to: each kind of trouble has a budget of its own."""

    CAPACITY = "capacity"
    INTERRUPTION = "interruption"
    FAILURE = "failure"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """The end of a job.

    Attributes:
        trigger: what another attempt may follow; `None` if repeating cannot help.
        description: the end in words an operator reads.
        by_a_person: somebody stopped or deleted the job, and knows it.
        uncertain: Respot or SageMaker may have stopped it, so that people are notified.
    """

    trigger: Trigger | None
    description: str
    by_a_person: bool = False
    uncertain: bool = False


_TRIGGER_BY_REASON: Final = (
    ("CapacityError", Trigger.CAPACITY_ERROR),
    ("InternalServerError", Trigger.INTERNAL_SERVER_ERROR),
)
"""Prefixes of FailureReason; only the prefix counts, since the words after it vary (one space or two)."""


def is_pending_timeout(secondary_status: str) -> bool:
    """Whether the SecondaryStatus of a job that has ended is one of a pending timeout.

    Its name is in no public source. AWS Batch's user guide says of such a job: Stopped, "secondaryStatus indicates the
    job timed out in pending waiting for capacity" (sm_job_stuck_in_runnable_capacity).
    """
    return "pending" in secondary_status.casefold()


def ending_of(state: JobState) -> Ending:
    """Classify a terminal status; the vocabulary is open, and an unknown status leads to no new attempt.

    For a job with a MaxPendingTime, its state does not show whether its user or SageMaker stopped it.
    """
    reason = state.failure_reason or ""
    known = next((trigger for prefix, trigger in _TRIGGER_BY_REASON if reason.startswith(prefix)), None)
    match state.status, state.secondary_status:
        case "Completed", _:
            return Ending(trigger=None, description="completed")
        case "Stopped", "MaxWaitTimeExceeded":
            return Ending(trigger=Trigger.MAX_WAIT_TIME_EXCEEDED, description="ran out of waiting time")
        case "Stopped", "MaxRuntimeExceeded":
            return Ending(trigger=Trigger.MAX_RUNTIME_EXCEEDED, description="reached its maximum runtime")
        case "Stopped", "Stopped" if state.max_pending is not None:
            return Ending(trigger=None, description="stopped")
        case "Stopped", "Stopped":
            return Ending(trigger=None, description="stopped by its user", by_a_person=True)
        case "Deleting", _:
            return Ending(trigger=None, description="is being deleted", by_a_person=True)
        case "Failed" | "Stopped", secondary if is_pending_timeout(secondary) and known is None:
            description = ": ".join(filter(None, ("ran out of pending time", clause(reason))))
            return Ending(trigger=Trigger.MAX_PENDING_TIME_EXCEEDED, description=description)
        case "Failed", secondary:
            unexplained = "no reason given" if secondary == "Failed" else f"ended as {secondary}"
            return Ending(trigger=known, description=f"failed: {clause(reason) or unexplained}")
        case _:
            return Ending(trigger=None, description=f"ended as {state.status}/{state.secondary_status}")


def budget_of(trigger: Trigger, state: JobState) -> Budget:
    """A job that never got an instance lacked capacity; one that did was interrupted once too often.

    A start of training or a time spent in it proves an instance, `Starting` never does.
    """
    match trigger:
        case Trigger.CAPACITY_ERROR:
            return Budget.CAPACITY
        case Trigger.MAX_WAIT_TIME_EXCEEDED | Trigger.MAX_PENDING_TIME_EXCEEDED | Trigger.GAVE_UP_WAITING:
            return Budget.INTERRUPTION if state.training_started or state.training_time else Budget.CAPACITY
        case Trigger.INTERNAL_SERVER_ERROR | Trigger.MAX_RUNTIME_EXCEEDED:
            return Budget.FAILURE
        case _:  # pragma: no cover - mypy proves that there is no other
            assert_never(trigger)
