"""The lifecycle's vocabulary, and what a job's stays add up to.

The vocabulary is open ("Valid values for SecondaryStatus are subject to change", SageMaker API Reference):
a status that is not listed here is recorded as it is and counts as neither waiting nor training.
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
"""The TrainingJobStatus of a job that nobody is stopping and that has not ended."""

TERMINAL_STATUSES: Final = frozenset({"Completed", "Failed", "Stopped"})
"""TrainingJobStatus values after which nothing but deletion happens."""

ENDS: Final = TERMINAL_STATUSES | {"MaxRuntimeExceeded", "MaxWaitTimeExceeded"}
"""SecondaryStatus values that are known to end a job. There may be others: `is_end` decides, not this list."""

WAITING: Final = frozenset({"Starting", "Pending", "LaunchingMLInstances", "Restarting", INTERRUPTED})
"""SecondaryStatus values in which a job may be waiting for capacity."""

_ON_INSTANCES: Final = frozenset({INTERRUPTED, "Completed", "MaxRuntimeExceeded"})
"""SecondaryStatus values, among those of waiting jobs and of ends, that no job has before it has held instances."""

_SHOWS_NOTHING: Final = WAITING | {STOPPING, DELETING}
"""SecondaryStatus values that a job may have without instances, as it may have an end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a job's stays add up to.

    Attributes:
        interruptions: number of transitions in Interrupted.
        waited: time spent waiting for capacity, in transitions that have ended.
        trained: time spent in Training, in transitions that have ended.
    """

    interruptions: int
    waited: timedelta
    trained: timedelta


def is_terminal(status: str) -> bool:
    """Whether a TrainingJobStatus is final; a job being deleted was final before."""
    return status in TERMINAL_STATUSES or status == DELETING


def is_end(transition: Transition) -> bool:
    """Whether a job ended in this status: a terminal TrainingJobStatus was seen with it; its name may be unknown.

    Items that an older version wrote carry no such mark: there, the names that are known to end a job count.
    """
    return transition.ended_as is not None or transition.status in ENDS


def in_order(transitions: Iterable[Transition]) -> tuple[Transition, ...]:
    """Oldest first; of transitions that started in the same millisecond, the one that ends a job comes last."""
    return tuple(sorted(transitions, key=lambda t: (t.started, is_end(t), t.status not in WAITING, t.status)))


def figures(transitions: Sequence[Transition]) -> Figures:
    """Add up transitions that are in order; a transition that has not ended yet counts for nothing.

    Waiting runs from Starting, Pending or Interrupted until instances are there, or until the job gives up
    (Stopping or a terminal status): a job that was never launched has waited all its life.
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
    """Each transition with the moment it ended: the next one's start, `None` for the last."""
    ends: list[datetime | None] = [following.started for following in transitions[1:]]
    return tuple(zip(transitions, [*ends, None], strict=False))


def has_held_instances(state: JobState, transitions: Iterable[Transition]) -> bool:
    """Whether anything shows that the job has held instances, and may be billed for them.

    SageMaker bills from TrainingStartTime on ("You are billed for the time interval between this time and the value of
    TrainingEndTime", DescribeTrainingJob in the SageMaker API Reference). An event, or a look at a job that has just
    ended, may lack it: then its status periods show it. A period of an unknown name counts, an end of one does not.
    """
    if state.training_started or state.training_time or state.billable_time:
        return True
    return any(
        transition.status in _ON_INSTANCES or not (transition.status in _SHOWS_NOTHING or is_end(transition))
        for transition in transitions
    )


def appearance(state: JobState) -> Transition:
    """The transition that advice is about: every job begins with it, whatever is known of its others."""
    return Transition(status="Starting", started=state.job.created)


def end_of(record: JobRecord, state: JobState) -> Transition:
    """The transition that ended the job: the same for every delivery, also after Deleting or late transitions."""
    ends = (transition for transition in record.transitions if is_end(transition))
    return next(ends, Transition(status=state.secondary_status, started=state.last_modified))


def lacks_its_end(record: JobRecord) -> bool:
    """Whether the state says that the job has ended, and the transition with which it ended is not written yet.

    The state is written first: whoever writes down a look may die in between, or be slow. What is decided meanwhile
    would take the transition before the last for the last one. A job of which only its deletion is known has no such
    transition.
    """
    state = record.state
    if state is None or state.status not in TERMINAL_STATUSES:
        return False
    return not any(is_end(transition) for transition in record.transitions)
