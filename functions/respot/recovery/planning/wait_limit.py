"""Decides whether a job has waited long enough for capacity: what is stopped must have somewhere else to go."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from respot.jobs.formatting import in_words, iso, readable
from respot.jobs.job import JobState, Transition
from respot.jobs.lifecycle import STOPPED, STOPPING
from respot.jobs.type_lists import split_types
from respot.recovery.planning.context import PlanContext
from respot.recovery.planning.decision import Action, Decision, Placement
from respot.recovery.planning.placement import went_back
from respot.recovery.planning.planner import plan
from respot.recovery.planning.waiting import StopIntent, is_waiting, unknown_message, waiting_since
from respot.recovery.policy.policy import AccountPolicy, Resolved, resolve

ASKED_EACH_TIME: Final = timedelta(hours=1)
"""After its limit a waiting job is checked with each sweep for this long; after that, once in this time."""
_SIMULATED: Final = "its owner wants the next pool after that time"
"""The reason of a stop intent that is only simulated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitDecision:
    """Whether to stop a job that waits.

    Attributes:
        stop: stop it now.
        reason: why, or why not, in words an operator reads.
        placement: where the next attempt would run; `None` if the job is not stopped.
        inputs: what it was decided from, in words.
    """

    stop: bool
    reason: str
    placement: Placement | None = None
    inputs: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedStop:
    """A job as it would be if Respot had just stopped it: its next attempt can be planned from that."""

    state: JobState
    transitions: tuple[Transition, ...]
    stop_intent: StopIntent


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
    over = now - since - limit
    before = timedelta() if last is None else last - since - limit
    return over <= ASKED_EACH_TIME or over // ASKED_EACH_TIME > before // ASKED_EACH_TIME


def reason_to_keep_waiting(
    state: JobState, transitions: Sequence[Transition], resolved: Resolved, *, now: datetime
) -> str | None:
    """Why the job is left waiting, by job and policy alone; `None` if they give no reason."""
    policy, since = resolved.policy, waiting_since(transitions)
    if words := unknown_message(state):
        return f"whether it waits for capacity is not known: SageMaker says {words!r}"
    if since is None or not is_waiting(state, now=now):
        return f"does not wait for capacity, it is {state.status}/{state.secondary_status}"
    if resolved.bad_tags:
        return "; ".join(resolved.bad_tags)
    if not policy.resume:
        return f"not asked to resume this job ({', '.join(resolved.sources)})"
    if policy.give_up_waiting_after is None:
        return f"no policy limits its waiting ({', '.join(resolved.sources)})"
    if state.parent:
        return f"owned by a {state.parent.owner} ({state.parent.identifier}), which decides itself"
    if not policy.ladder:
        return "the policy has no ladder: there is no other pool to go on to"
    if now - since <= policy.give_up_waiting_after:
        return f"has waited {in_words(now - since)} of {in_words(policy.give_up_waiting_after)}"
    return None


def simulate_stop(state: JobState, transitions: Sequence[Transition], *, now: datetime) -> SimulatedStop:
    """The job as it would be if Respot stopped it now."""
    since = waiting_since(transitions) or now
    return SimulatedStop(
        state=replace(state, status=STOPPED, secondary_status=STOPPED, last_modified=now),
        transitions=(*transitions, *(Transition(status=each, started=now) for each in (STOPPING, STOPPED))),
        stop_intent=StopIntent(job=state.job, waiting_since=since, decided_at=now, reason=_SIMULATED),
    )


def decide_wait(
    live: JobState, transitions: Sequence[Transition], context: PlanContext, *, now: datetime
) -> WaitDecision:
    """Whether to stop the live job; the last attempt of the context's run is the job as if it had been stopped.

    Only if the plan made after the stop is another attempt in another pool. A job must not lose its place in a queue
    for the end of the same queue, or for nothing.
    """
    resolved = context.resolved
    if reason := reason_to_keep_waiting(live, transitions, resolved, now=now):
        return WaitDecision(stop=False, reason=reason)
    if context.kill_switch:
        return WaitDecision(stop=False, reason=context.kill_switch)
    if went_back(context.run, context.run.last.number):
        reason = "exceeded the wait limit before, and the run went back to this pool: all others were refused"
        return WaitDecision(stop=False, reason=reason)
    decision = plan(context, now=now)
    if decision.action is not Action.RESUBMIT or decision.placement is None:
        return WaitDecision(stop=False, reason=f"nothing would follow: {decision.reason}")
    there = decision.placement
    if _is_within(there, live):
        pool = f"{there.market} {there.instance_type}".strip()
        refused = "".join(f"; cannot use {each}" for each in context.refused_pools)
        return WaitDecision(stop=False, reason=f"the next attempt would wait for the same pool, {pool}{refused}")
    # The simulated end's own description would only repeat how long the job has waited.
    reason = decision.reason.removeprefix(f"{context.run.ending.description}; ")
    return _stop_decision(live, transitions, resolved, replace(decision, reason=reason))


def _is_within(placement: Placement, live: JobState) -> bool:
    """Whether the job already waits for that pool, or for a list that contains it."""
    here, there = split_types(live.requested_type), placement.instance_types
    return placement.market == live.market and (here == there or (bool(there) and set(there) <= set(here)))


def _stop_decision(
    live: JobState, transitions: Sequence[Transition], resolved: Resolved, decision: Decision
) -> WaitDecision:
    doing = "would have stopped it (dry run)" if decision.dry_run else "stopping it"
    since, limit = waiting_since(transitions), resolved.policy.give_up_waiting_after
    waiting = f"has waited for {live.market or 'unknown'} {live.requested_type or 'instances'}"
    waited = f"{waiting} since {readable(since)}" if since else waiting
    inputs = decision.inputs | {
        "waiting_since": iso(since) if since else "",
        "give_up_waiting_after": in_words(limit) if limit else "",
        "status": f"{live.status}/{live.secondary_status}",
        "status_message": live.status_message or "",
    }
    del inputs["ending"]  # the simulated one
    return WaitDecision(
        stop=not decision.dry_run,
        reason=f"{waited}, longer than {in_words(limit) if limit else 'allowed'}: {doing}; {decision.reason}",
        placement=None if decision.dry_run else decision.placement,
        inputs={name: value for name, value in inputs.items() if value},
    )
