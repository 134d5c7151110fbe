"""The lifecycle's vocabulary, and what a job's stays add up to.

The vocabulary is open ("Valid values for SecondaryStatus are subject to change", SageMaker API Reference):
a status that is not listed here is recorded as it is and counts as neither waiting nor training.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from respot.domain.job import JobFacts, Transition

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a job's stays add up to.

    Attributes:
        interruptions: number of stays in Interrupted.
        waited: time spent waiting for capacity, in stays that have ended.
        trained: time spent in Training, in stays that have ended.
    """

    interruptions: int
    waited: timedelta
    trained: timedelta


def is_terminal(status: str) -> bool:
    """Whether a TrainingJobStatus is final; a job being deleted was final before."""
    return status in TERMINAL_STATUSES or status == DELETING


def is_end(stay: Transition) -> bool:
    """Whether a job ended in this status: a terminal TrainingJobStatus was seen with it, whatever its name.

    Items that an older version wrote carry no such mark: there, the names that are known to end a job count.
    """
    return stay.ended_as is not None or stay.status in ENDS


def in_order(transitions: Iterable[Transition]) -> tuple[Transition, ...]:
    """Oldest first; of stays that started in the same millisecond, the one that ends a job comes last."""
    return tuple(sorted(transitions, key=lambda t: (t.started, is_end(t), t.status not in WAITING, t.status)))


def figures(transitions: Sequence[Transition]) -> Figures:
    """Add up stays that are in order; a stay that has not ended yet counts for nothing.

    Waiting runs from Starting, Pending or Interrupted until instances are there, or until the job gives up
    (Stopping or a terminal status): a job that was never launched has waited all its life.
    """
    waited = trained = timedelta()
    for stay, following in pairwise(transitions):
        length = following.started - stay.started
        if stay.status in WAITING:
            waited += length
        elif stay.status == TRAINING:
            trained += length
    return Figures(
        interruptions=sum(stay.status == INTERRUPTED for stay in transitions), waited=waited, trained=trained
    )


def has_held_instances(facts: JobFacts, transitions: Sequence[Transition]) -> bool:
    """Whether anything proves that SageMaker gave the job instances; False only says that nothing known proves it.

    A training job event need not carry TrainingStartTime or the billed times, so its statuses count as well: an
    interruption, and every status that comes after the instances do.
    """
    if facts.training_started or facts.training_time or facts.billable_time:
        return True
    return any(_proves_instances(each) for each in transitions)


def _proves_instances(each: Transition) -> bool:
    return each.status == INTERRUPTED or not (each.status in WAITING | {STOPPING, DELETING} or is_end(each))


def stays(transitions: Sequence[Transition]) -> tuple[tuple[Transition, datetime | None], ...]:
    """Each stay with the moment it ended: the next one's start, `None` for the last."""
    ends: list[datetime | None] = [following.started for following in transitions[1:]]
    return tuple(zip(transitions, [*ends, None], strict=False))
