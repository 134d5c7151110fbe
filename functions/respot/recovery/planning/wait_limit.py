"""When a waiting job has waited for as long as its policy allows, and when that is to be checked.

A job waits no longer than its policy allows, and where there is a deadline, not beyond the latest on-demand start. What
is said here needs only the ledger's state of the job: the sweep loads nothing more.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from respot.jobs.formatting import in_words
from respot.jobs.job import DEFAULT_MAX_RUNTIME, JobState, Market, Transition
from respot.recovery.planning.attempt import may_be_attempt
from respot.recovery.planning.left_alone import why_left_alone, why_nothing_is_done
from respot.recovery.planning.waiting import is_waiting, unknown_message, waiting_since, waits_from
from respot.recovery.policy.policy import AccountPolicy, Policy, Resolved, resolve

ASKED_EACH_TIME: Final = timedelta(hours=1)
"""After its limit or deadline a waiting job is checked with each sweep for this long, then once in this time."""
CHECKED_AGAIN: Final = timedelta(minutes=30)
"""A job that waits on after its latest on-demand start is checked again after this time, also if sweeps fail."""
_FORESIGHT: Final = timedelta(hours=6)
"""Room for two starts and a wait for on-demand, however long earlier jobs took for them.

The ledger's state of a job shows neither what is saved nor how long starts take; the check then finds it out.
"""


def limits_waiting(policy: Policy) -> bool:
    """Whether the policy may have a waiting job stopped at all."""
    return policy.resume and (policy.deadline is not None or policy.give_up_waiting_after is not None)


def may_give_up(state: JobState, transitions: Sequence[Transition], account: AccountPolicy, *, now: datetime) -> bool:
    """Whether a job may be over its wait limit, by what the ledger knows; no other service is asked."""
    return reason_to_keep_waiting(state, transitions, resolve(account, state, role=state.role_arn), now=now) is None


def is_time_to_ask(
    transitions: Sequence[Transition], limit: timedelta, *, last: datetime | None, now: datetime
) -> bool:
    """Whether a waiting job is to be checked now; `last` is when it was last checked.

    Always within `ASKED_EACH_TIME` after its limit, then once in each such span. A reason against the stop may pass
    (an unreadable policy, the kill switch), but a job must not be checked every few minutes for days.
    """
    since = waiting_since(transitions)
    if since is None or now - since <= limit:
        return False
    return _is_asked(since + limit, last=last, now=now)


def is_time_for_deadline(state: JobState, policy: Policy, *, last: datetime | None, now: datetime) -> bool:
    """Whether a waiting job is to be checked now for its deadline; `last` is when it was last checked.

    Until its deadline and for `ASKED_EACH_TIME` after it always, then once in each such span.
    """
    deadline = _latest_deadline(state, policy)
    return deadline is not None and may_be_due(state, policy, now=now) and _is_asked(deadline, last=last, now=now)


def _is_asked(limit: datetime, *, last: datetime | None, now: datetime) -> bool:
    over, before = now - limit, timedelta() if last is None else last - limit
    return over <= ASKED_EACH_TIME or over // ASKED_EACH_TIME > before // ASKED_EACH_TIME


def reason_to_keep_waiting(
    state: JobState, transitions: Sequence[Transition], resolved: Resolved, *, now: datetime
) -> str | None:
    """Why the job is left waiting, by job and policy alone; `None` if they give no reason."""
    policy, since = resolved.policy, waiting_since(transitions)
    if unknown := _unknown(state):
        return unknown
    if since is None or not is_waiting(state, transitions, now=now):
        return f"does not wait for capacity, it is {state.status}/{state.secondary_status}"
    if left := why_left_alone(state, resolved):
        return left.reason
    return None if may_be_due(state, policy, now=now) else within_limit(since, resolved, now=now)


def within_limit(since: datetime, resolved: Resolved, *, now: datetime) -> str | None:
    """Why the job has not waited for too long by the policy's limit; `None` if it has."""
    limit = resolved.policy.give_up_waiting_after
    if limit is None or not resolved.policy.ladder:
        return _unlimited(resolved)
    return f"has waited {in_words(now - since)} of {in_words(limit)}" if now - since <= limit else None


def limit_end(state: JobState, since: datetime, resolved: Resolved) -> datetime | None:
    """When the policy's limit has Respot stop a job that has waited since then; `None` if it does not."""
    limit = resolved.policy.give_up_waiting_after
    return None if limit is None or why_no_limit(state, resolved) else since + limit


def why_no_limit(state: JobState, resolved: Resolved) -> str | None:
    """Why Respot stops the job for no limit, however long it waits; `None` if it does."""
    if left := why_nothing_is_done(state, resolved):
        return left.reason
    return _unknown(state) or _unlimited(resolved)


def _unknown(state: JobState) -> str | None:
    words = unknown_message(state)
    return f"whether it waits for capacity is not known: SageMaker says {words!r}" if words else None


def _unlimited(resolved: Resolved) -> str | None:
    if resolved.policy.give_up_waiting_after is None:
        return f"no policy limits its waiting ({', '.join(resolved.sources)})"
    return None if resolved.policy.ladder else "the policy has no ladder: there is no other pool to go on to"


def may_be_due(state: JobState, policy: Policy, *, now: datetime) -> bool:
    """Whether a deadline may ask for on-demand soon, by what the ledger's state of the job shows: early, never late."""
    due = due_from(state, policy)
    return due is not None and now >= due


def due_from(state: JobState, policy: Policy) -> datetime | None:
    """From when on `may_be_due` is true; `None`: never.

    A span counts from the creation of the run's first job, which the state of a later attempt does not show.
    """
    deadline = _latest_deadline(state, policy)
    if not policy.resume or deadline is None:
        return None
    if may_be_attempt(state.job.name):
        return state.job.created
    work = policy.work or state.max_runtime or DEFAULT_MAX_RUNTIME
    # The work once more: without a checkpoint, a fruitless start may cost as much as the work that is left.
    stated = 2 * (policy.restart_overhead or timedelta()) + (policy.on_demand_wait or timedelta())
    return deadline - 2 * work - stated - _FORESIGHT


def next_check(
    live: JobState, transitions: Sequence[Transition], resolved: Resolved, *, now: datetime
) -> datetime | None:
    """When a job that is left waiting must be checked again for its deadline; `None` if nothing would be done then.

    A job that has been preparing for too long counts as waiting from a moment that is known.
    """
    deadline, due = _latest_deadline(live, resolved.policy), due_from(live, resolved.policy)
    if deadline is None or due is None or waiting_since(transitions) is None or live.market is Market.ON_DEMAND:
        return None
    if why_nothing_is_done(live, resolved):
        return None
    if due > now:
        return due
    again = now + CHECKED_AGAIN
    if (over := waits_from(live)) is not None and over >= now:
        again = max(over, now + timedelta(minutes=1))
    return again if again < deadline else None


def _latest_deadline(state: JobState, policy: Policy) -> datetime | None:
    return state.job.created + policy.deadline if isinstance(policy.deadline, timedelta) else policy.deadline
