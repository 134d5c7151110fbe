"""Recognises a wait for capacity, from its beginning to a stop by Respot."""

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

Whole sentences: one that continues differently may say the opposite ("… resolved, instances launched").

"Status messages are subject to change. Therefore, we recommend not including them in code that programmatically
initiates actions" (API reference of SecondaryStatusTransition). Nothing else distinguishes a waiting job from
one that is about to start. Therefore an unknown message never leads to a stop, and is counted.
"""
_PENDING: Final = "Pending"
"""This SecondaryStatus means waiting by its documentation alone, where there is no message."""
PREPARING: Final = "Preparing the instances for training"
"""StatusMessage, as a rule, once the instances are there; the job is still in `Starting` or `Pending`."""
LONGEST_PREPARATION: Final = timedelta(minutes=30)
"""A job that has been preparing for longer, and has had no instances in this wait by any sign, waits for them.

In public logs it takes a minute. LastModifiedTime shows since when. The SageMaker SDK prints it with each message, and
in those logs it moves when the message changes within one status: 08:05:55 Pending - Training job waiting for
capacity; 08:06:33 Pending - Preparing the instances for training.
"""
_LAUNCHED: Final = "Launched instance was unhealthy"
"""Not waiting, but known: an instance came, and is replaced (the service model's documentation)."""

STOP_ATTRIBUTION_WINDOW: Final = timedelta(minutes=6)
"""By how much Respot's stop and its stop intent may lie apart.

The call follows the intent within a step of `recover` (a minute); the rest allows for clock skew (five minutes).
"""
REFUSAL_KEPT: Final = timedelta(hours=1)
"""For how long a refused stop is not asked for again: a person must first add a permission."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopIntent:
    """That Respot is about to stop a job which waits for capacity; written before it asks SageMaker to.

    Attributes:
        job: the job.
        waiting_since: when the present wait began.
        decided_at: when; the stop follows at once, or not at all.
        reason: why, in words an operator reads.
        inputs: what it was decided from, in words.
        withdrawn: why the stop did not follow, in words; `None` while nothing shows it.
        refused_at: when SageMaker definitely refused the stop; `None` if it did not.
    """

    job: JobId
    waiting_since: datetime
    decided_at: datetime
    reason: str
    inputs: Mapping[str, str] = field(default_factory=dict)
    withdrawn: str | None = None
    refused_at: datetime | None = None


class StoppedBy(StrEnum):
    """Who ended a job that is `Stopped`."""

    USER = "user"
    RESPOT = "respot"
    UNCLEAR = "unclear"


def waiting_since(transitions: Sequence[Transition]) -> datetime | None:
    """When the present wait began, from transitions in order; `None` if the job does not wait now.

    Any status that does not mean waiting ends a wait.
    """
    since = None
    for transition in reversed(transitions):
        if transition.status not in WAITING:
            break
        since = transition.started
    return since


def is_waiting(state: JobState, transitions: Sequence[Transition], *, now: datetime) -> bool:
    """Whether there is positive evidence that the job waits for capacity; only then may it be stopped for that."""
    return seems_waiting(state, now=now) and not (_is_preparing(state) and _has_instances(state, transitions))


def seems_waiting(state: JobState, *, now: datetime) -> bool:
    """Whether the job waits by its state alone, which does not say in which wait the signs of instances arose."""
    if not _may_wait(state):
        return False
    if (over := waits_from(state)) is not None:
        return now > over
    if state.secondary_status == INTERRUPTED:
        return True  # by its documentation its instances were taken away, and no text of its messages is published
    message = _unpunctuated(state.status_message or "")
    return message in _WAITS or (not message and state.secondary_status == _PENDING)


def waits_from(state: JobState) -> datetime | None:
    """After which moment a job that is preparing counts as waiting; `None` if it is not preparing."""
    return state.last_modified + LONGEST_PREPARATION if _may_wait(state) and _is_preparing(state) else None


def _is_preparing(state: JobState) -> bool:
    return _unpunctuated(state.status_message or "") == PREPARING


def _has_instances(state: JobState, transitions: Sequence[Transition]) -> bool:
    """Whether TrainingStartTime or TrainingTimeInSeconds show instances of the present wait, not of an earlier one."""
    since = waiting_since(transitions)
    if since is not None and state.training_started is not None:
        return state.training_started >= since
    earlier = since is not None and any(
        each.started < since or each.status == INTERRUPTED for each in transitions
    )  # they were there, and are gone
    return not earlier and (state.training_started is not None or state.training_time is not None)


def unknown_message(state: JobState) -> str | None:
    """The message of a job that may be waiting, if it does not say whether it is; else `None`."""
    message = state.status_message
    if not message or not _may_wait(state) or state.secondary_status == INTERRUPTED or message.startswith(_LAUNCHED):
        return None
    return None if _unpunctuated(message) in _WAITS | {PREPARING} else message


def _unpunctuated(message: str) -> str:
    return message.rstrip(" .!…")


def _may_wait(state: JobState) -> bool:
    return state.status == IN_PROGRESS and state.secondary_status in WAITING


def stopped_by(stop_intent: StopIntent | None, transitions: Sequence[Transition]) -> StoppedBy:
    """Who stopped a `Stopped` job with these transitions.

    Respot did if the stop came shortly after its intent, in the wait that the intent names. If instances came just
    then, it is unclear: somebody else may have stopped the job for what it then did. It is also unclear if SageMaker
    refused that stop, and an earlier one that was not withdrawn may have succeeded.
    """
    return StoppedBy.USER if stop_of(transitions) is None else stop_asked_by(stop_intent, transitions)


def stop_asked_by(stop_intent: StopIntent | None, transitions: Sequence[Transition]) -> StoppedBy:
    """As `stopped_by`, for a job in any end: the time limit of one that is being stopped may run out first."""
    stopped = stopping_since(transitions)
    if stop_intent is None or stop_intent.withdrawn is not None or stopped is None:
        return StoppedBy.USER
    if abs(stopped - stop_intent.decided_at) > STOP_ATTRIBUTION_WINDOW:
        return StoppedBy.USER
    life = takewhile(lambda transition: not is_end(transition), transitions)  # a deletion may follow
    since = (transition.status for transition in life if transition.started >= stop_intent.waiting_since)
    has_waited_on = all(status in WAITING or status == STOPPING for status in since)
    return StoppedBy.RESPOT if has_waited_on and stop_intent.refused_at is None else StoppedBy.UNCLEAR


def refused_lately(intent: StopIntent, *, now: datetime) -> datetime | None:
    """When the stop was refused, if that is so recent that no new intent is written; otherwise `None`."""
    return intent.refused_at if intent.refused_at and now - intent.refused_at < REFUSAL_KEPT else None


def may_withdraw(intent: StopIntent, before: StopIntent | None) -> bool:
    """Whether an intent whose stop did not follow can be withdrawn; `before` is the one that it replaced.

    Not while the earlier one may still explain a stop by Respot: deliveries overlap, and answers get lost. A job that
    Respot stopped must not be taken for one that its user stopped.
    """
    if before is None or before.withdrawn is not None:
        return True
    return intent.decided_at - before.decided_at > STOP_ATTRIBUTION_WINDOW


def stop_of(transitions: Sequence[Transition]) -> datetime | None:
    """When a job that ended as `Stopped` was stopped; `None` for any other job."""
    if next((transition.status for transition in transitions if is_end(transition)), None) != STOPPED:
        return None
    return stopping_since(transitions)


def stopping_since(transitions: Sequence[Transition]) -> datetime | None:
    """When somebody stopped the job, which may have ended otherwise before it was; `None` if nobody did."""
    return next((transition.started for transition in transitions if transition.status in {STOPPING, STOPPED}), None)
