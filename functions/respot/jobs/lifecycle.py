"""What the statuses of a job's life mean.

The vocabulary is open ("Valid values for SecondaryStatus are subject to change", SageMaker API Reference). A status
that is not listed here is recorded as it is, and counts as neither waiting nor training.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from respot.jobs.job import JobRecord, JobState, Transition

INTERRUPTED: Final = "Interrupted"
TRAINING: Final = "Training"
DELETING: Final = "Deleting"
STOPPING: Final = "Stopping"
STOPPED: Final = "Stopped"

IN_PROGRESS: Final = "InProgress"
"""The TrainingJobStatus of a job that is neither stopping nor ended."""

TERMINAL_STATUSES: Final = frozenset({"Completed", "Failed", "Stopped"})
"""TrainingJobStatus values that only deletion can follow."""

ENDS: Final = TERMINAL_STATUSES | {"MaxRuntimeExceeded", "MaxWaitTimeExceeded"}
"""SecondaryStatus values known to end a job. There may be others: use `is_end`."""

WAITING: Final = frozenset({"Starting", "Pending", "LaunchingMLInstances", "Restarting", INTERRUPTED})
"""SecondaryStatus values in which a job may be waiting for capacity."""

_ON_INSTANCES: Final = frozenset({INTERRUPTED, "Completed", "MaxRuntimeExceeded"})
"""SecondaryStatus values of `WAITING` and `ENDS` that a job has only after it has held instances."""

_SHOWS_NOTHING: Final = WAITING | {STOPPING, DELETING}
"""SecondaryStatus values, except ends, that a job may have without instances."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """Totals of a job's transitions.

    Attributes:
        interruptions: number of transitions to Interrupted.
        waited: time spent waiting for capacity, without the current status.
        trained: time spent in Training, without the current status.
    """

    interruptions: int
    waited: timedelta
    trained: timedelta


def is_terminal(status: str) -> bool:
    """Whether a TrainingJobStatus is final; a job that is being deleted had ended before."""
    return status in TERMINAL_STATUSES or status == DELETING


def is_end(transition: Transition) -> bool:
    """Whether a job ended in this status: it was seen with a terminal TrainingJobStatus. Its name may be unknown.

    Items of an older version have no such mark: for them, the names that are known to end a job count.
    """
    return transition.ended_as is not None or transition.status in ENDS


def in_order(transitions: Iterable[Transition]) -> tuple[Transition, ...]:
    """Oldest first. Among transitions of the same millisecond, the end of the job comes last."""
    return tuple(sorted(transitions, key=lambda t: (t.started, is_end(t), t.status not in WAITING, t.status)))


def figures(transitions: Sequence[Transition]) -> Figures:
    """Totals of transitions that are in order; the current status does not count.

    Waiting lasts from Starting, Pending or Interrupted until instances are ready, or until Stopping or a terminal
    status: a job that never launched has only waited.
    """
    waited = trained = timedelta()
    for transition, following in pairwise(transitions):
        length = following.started - transition.started
        if transition.status in WAITING:
            waited += length
        elif transition.status == TRAINING:
            trained += length
    return Figures(
        interruptions=sum(transition.status == INTERRUPTED for transition in transitions),
        waited=waited,
        trained=trained,
    )


def status_periods(transitions: Sequence[Transition]) -> tuple[tuple[Transition, datetime | None], ...]:
    """Each transition with the end of its status: the next one's start, `None` for the last."""
    ends: list[datetime | None] = [following.started for following in transitions[1:]]
    return tuple(zip(transitions, [*ends, None], strict=False))


def has_held_instances(state: JobState, transitions: Iterable[Transition]) -> bool:
    """Whether anything shows that the job has held instances, and may be billed for them.

    "You are billed for the time interval between this time and the value of TrainingEndTime" (TrainingStartTime,
    DescribeTrainingJob, SageMaker API Reference). An event, or Describe just after the end, may lack that time: then
    the statuses show it. An unknown status counts as holding instances, unless it is the end.
    """
    if state.training_started or state.training_time or state.billable_time:
        return True
    return any(
        transition.status in _ON_INSTANCES or not (transition.status in _SHOWS_NOTHING or is_end(transition))
        for transition in transitions
    )


def appearance(state: JobState) -> Transition:
    """The transition that advice is about: every job begins with it, even if its others are unknown."""
    return Transition(status="Starting", started=state.job.created)


def end_of(record: JobRecord, state: JobState) -> Transition:
    """The transition that ended the job: always the same one, also after Deleting or late transitions."""
    ends = (transition for transition in record.transitions if is_end(transition))
    return next(ends, Transition(status=state.secondary_status, started=state.last_modified))


def lacks_its_end(record: JobRecord) -> bool:
    """Whether the state says that the job has ended, but the transition to its end is not written yet.

    The state is written first, and the writer may crash or be slow before it writes the transitions. A decision at that
    point would use the wrong last transition. A job of which only the deletion is known has no such transition.
    """
    state = record.state
    if state is None or state.status not in TERMINAL_STATUSES:
        return False
    return not any(is_end(transition) for transition in record.transitions)
