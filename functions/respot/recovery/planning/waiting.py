"""Waiting for capacity: since when a job waits, and whether it was Respot that ended the waiting."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import takewhile
from typing import Final

from respot.jobs.job import JobId, JobState, Transition
from respot.jobs.lifecycle import IN_PROGRESS, INTERRUPTED, STOPPED, STOPPING, WAITING, is_end

_WAITS: Final = frozenset(
    {
        "Insufficient capacity error from EC2 while launching instances, retrying",
        "Training job waiting for capacity",
        "Launching requested ML instances",
        "Starting the training job",
    }
)
"""StatusMessage, but for its closing punctuation, in public logs of real jobs while there are no instances.

Whole sentences: what goes on differently may say the opposite ("… resolved, instances launched").

"Status messages are subject to change. Therefore, we recommend not including them in code that programmatically
initiates actions" (API reference of SecondaryStatusTransition). Nothing else tells a job that waits from one that is
about to start, so a message that is not known never leads to a stop, and is counted.
"""
PREPARING: Final = "Preparing the instances for training"
"""The same once the instances are there, as a rule; the job is in `Starting` or `Pending` still."""
LONGEST_PREPARATION: Final = timedelta(minutes=30)
"""A job that has been preparing for longer, and has no instances by any sign, waits for them.

In public logs it takes a minute. LastModifiedTime tells since when: the SageMaker SDK prints it with each message, and
in those logs it moves when the message changes within one status (08:05:55 Pending - Training job waiting for
capacity, 08:06:33 Pending - Preparing the instances for training).
"""
_LAUNCHED: Final = "Launched instance was unhealthy"
"""Not waiting, but known: an instance came, and is replaced (the service model's documentation)."""
_WAITING_BY_NAME: Final = frozenset({"Pending", INTERRUPTED})
"""SecondaryStatus values that mean waiting by their documentation alone, where there is no message."""

STOP_ATTRIBUTION_WINDOW: Final = timedelta(minutes=5)
"""By how much Respot's own stop and its note of it may lie apart.

The call follows the note within a step of `recover` (a minute); the rest is what two clocks may differ by.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopIntent:
    """That Respot is about to stop a job which waits for capacity; written before it asks SageMaker to.

    Attributes:
        job: the job.
        waiting_since: when the spell of waiting began that is to be ended.
        decided_at: when; the stop follows at once, or not at all.
        reason: why, in words an operator reads.
        inputs: what it was decided from, in words.
        withdrawn: why the stop did not follow, in words; `None` while nothing says so.
    """

    job: JobId
    waiting_since: datetime
    decided_at: datetime
    reason: str
    inputs: Mapping[str, str] = field(default_factory=dict)
    withdrawn: str | None = None


class StoppedBy(StrEnum):
    """Who ended a job that is `Stopped`."""

    USER = "user"
    RESPOT = "respot"
    UNCLEAR = "unclear"


def waiting_since(transitions: Sequence[Transition]) -> datetime | None:
    """When the present spell of waiting began, for stays in order; `None` if the job does not wait now.

    A spell is unbroken: whatever is not known to be waiting ends it.
    """
    since = None
    for transition in reversed(transitions):
        if transition.status not in WAITING:
            break
        since = transition.started
    return since


def is_waiting(state: JobState, *, now: datetime) -> bool:
    """Whether there is positive evidence that the job waits for capacity: only then may it be stopped for that."""
    if not _may_wait(state):
        return False
    if not state.status_message:
        return state.secondary_status in _WAITING_BY_NAME
    message = _unpunctuated(state.status_message)
    if message == PREPARING:
        has_instances = state.training_started is not None or state.training_time is not None
        return not has_instances and now - state.last_modified > LONGEST_PREPARATION
    return message in _WAITS


def unknown_message(state: JobState) -> str | None:
    """The words of a job that may be waiting, if they do not say whether it does; else `None`."""
    message = state.status_message
    if not message or not _may_wait(state) or message.startswith(_LAUNCHED):
        return None
    return None if _unpunctuated(message) in _WAITS | {PREPARING} else message


def _unpunctuated(message: str) -> str:
    return message.rstrip(" .!…")


def _may_wait(state: JobState) -> bool:
    return state.status == IN_PROGRESS and state.secondary_status in WAITING


def stopped_by(stop_intent: StopIntent | None, transitions: Sequence[Transition]) -> StoppedBy:
    """Whose stop it was that ended a `Stopped` job with these transitions.

    It was Respot's if the stop came with the note of it, in the very spell of waiting that the note tells of. If
    instances came in that moment, nobody can tell: the stop may have been another's, for what the job then did.
    """
    stopped = stop_of(transitions)
    if stop_intent is None or stop_intent.withdrawn is not None or stopped is None:
        return StoppedBy.USER
    if abs(stopped - stop_intent.decided_at) > STOP_ATTRIBUTION_WINDOW:
        return StoppedBy.USER
    life = takewhile(lambda transition: not is_end(transition), transitions)  # a deletion may follow
    since = (transition.status for transition in life if transition.started >= stop_intent.waiting_since)
    has_waited_on = all(status in WAITING or status == STOPPING for status in since)
    return StoppedBy.RESPOT if has_waited_on else StoppedBy.UNCLEAR


def may_withdraw(note: StopIntent, before: StopIntent | None) -> bool:
    """Whether a note whose stop did not follow can be withdrawn; `before` is the one that it replaced.

    Not while an earlier one may still tell of Respot's stop: deliveries cross, and an answer may have been lost. A run
    that Respot stopped must not be taken for one that its user stopped.
    """
    return (
        before is None or before.withdrawn is not None or note.decided_at - before.decided_at > STOP_ATTRIBUTION_WINDOW
    )


def stop_of(transitions: Sequence[Transition]) -> datetime | None:
    """When a job was stopped that has ended as `Stopped`; `None` if it has not, or ended in another way."""
    if next((transition.status for transition in transitions if is_end(transition)), None) != STOPPED:
        return None
    return next(transition.started for transition in transitions if transition.status in {STOPPING, STOPPED})
