"""Decides whether a job has waited long enough for capacity: what is stopped must have somewhere else to go."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from respot.jobs.formatting import in_words, iso, readable
from respot.jobs.job import JobState, Market, Transition
from respot.jobs.lifecycle import STOPPED, STOPPING
from respot.jobs.type_lists import split_types
from respot.recovery.planning.context import PlanContext
from respot.recovery.planning.deadline import Forecast, forecast
from respot.recovery.planning.decision import Action, Decision, Placement
from respot.recovery.planning.placement import went_back
from respot.recovery.planning.planner import plan
from respot.recovery.planning.wait_limit import limit_end, reason_to_keep_waiting, within_limit
from respot.recovery.planning.waiting import StopIntent, waiting_since
from respot.recovery.policy.policy import Resolved
from respot.recovery.records import NoticeKind

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
        warning: what people should know of a job that waits on: its deadline is at risk.
        notice: the kind of that warning; people are warned once of each.
        until: when the job is stopped if it still waits then; `None` if it is not, or that is not known yet.
    """

    stop: bool
    reason: str
    placement: Placement | None = None
    inputs: dict[str, str] = field(default_factory=dict)
    warning: str | None = None
    notice: NoticeKind = NoticeKind.DEADLINE_AT_RISK
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedStop:
    """A job as it would be if Respot had just stopped it: its next attempt can be planned from that."""

    state: JobState
    transitions: tuple[Transition, ...]
    stop_intent: StopIntent


def _by_deadline(live: JobState, context: PlanContext, found: Forecast, *, now: datetime) -> WaitDecision | None:
    """Why the deadline does not ask to stop the job now; `None` if it does."""
    if not found.known and context.run.last.number == 1:
        reason = (
            "its deadline is not kept while it waits: the work is not known, and MaxRuntimeInSeconds may be much "
            "more. Set the tag respot:work, or `work` in the policy"
        )
        return WaitDecision(stop=False, reason=reason, warning=reason, notice=NoticeKind.WORK_UNKNOWN)
    if live.market is Market.ON_DEMAND:
        late = now + found.work_left + found.overhead.value > found.deadline
        reason = f"waits for instances on demand: {found.in_words(now)}"
        return WaitDecision(stop=False, reason=reason, warning=f"the deadline is at risk: {reason}" if late else None)
    if found.allows_spot(now):
        reason = f"its latest on-demand start is {readable(found.latest_start)}: {found.in_words(now)}"
        return WaitDecision(stop=False, reason=reason, until=found.latest_start)
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
    live: JobState,
    transitions: Sequence[Transition],
    context: PlanContext,
    *,
    now: datetime,
    forbidden: str | None = None,
) -> WaitDecision:
    """Whether to stop the live job; the last attempt of the context's run is the job as if it had been stopped.

    Only if the plan made after the stop is another attempt in another pool. A job must not lose its place in a queue
    for the end of the same queue, or for nothing. `forbidden` says why it may not be stopped for any plan.
    """
    resolved, since = context.resolved, waiting_since(transitions)
    reason = reason_to_keep_waiting(live, transitions, resolved, now=now)
    if since is None or reason:
        return WaitDecision(stop=False, reason=reason or "does not wait for capacity")
    if context.kill_switch:  # S3 was not asked: a forecast would take saved work for lost
        return WaitDecision(stop=False, reason=context.kill_switch)
    found = forecast(context.run, resolved.policy, context.start_history, now=now, sweep=context.sweep_interval)
    within = within_limit(since, resolved, now=now)
    if within:
        end = limit_end(live, since, resolved)
        kept = _by_deadline(live, context, found, now=now) if found else WaitDecision(stop=False, reason=within)
        if kept:
            return replace(kept, until=min(filter(None, (kept.until, end)), default=None))
    decision = plan(context, now=now)
    if kept_for := forbidden or _why_it_waits_on(live, context, decision):
        risk = (
            f"the deadline is at risk: {found.in_words(now)}; {kept_for}" if found and found.is_at_risk(now) else None
        )
        return WaitDecision(stop=False, reason=kept_for, warning=risk)
    # The simulated end's own description would only repeat how long the job has waited.
    reason = decision.reason.removeprefix(f"{context.run.ending.description}; ")
    limit = resolved.policy.give_up_waiting_after or timedelta()
    why = "its latest on-demand start" if within else f"longer than {in_words(limit)}"
    return _stop_decision(live, since, resolved, replace(decision, reason=reason), why)


def _why_it_waits_on(live: JobState, context: PlanContext, decision: Decision) -> str | None:
    """Why a job is not stopped although it has waited for too long; `None` if it is."""
    if went_back(context.run, context.run.last.number):
        return "exceeded the wait limit before, and the run went back to this pool: all others were refused"
    if decision.action is not Action.RESUBMIT or decision.placement is None:
        return f"nothing would follow: {decision.reason}"
    there = decision.placement
    if _is_within(there, live):
        pool = f"{there.market} {there.instance_type}".strip()
        refused = "".join(f"; cannot use {each}" for each in context.refused_pools)
        return f"the next attempt would wait for the same pool, {pool}{refused}"
    return None


def _is_within(placement: Placement, live: JobState) -> bool:
    """Whether the job already waits for that pool, or for a list that contains it."""
    here, there = split_types(live.requested_type), placement.instance_types
    return placement.market == live.market and (here == there or (bool(there) and set(there) <= set(here)))


def _stop_decision(live: JobState, since: datetime, resolved: Resolved, decision: Decision, why: str) -> WaitDecision:
    doing = "would have stopped it (dry run)" if decision.dry_run else "stopping it"
    limit = resolved.policy.give_up_waiting_after
    waited = f"has waited for {live.market or 'unknown'} {live.requested_type or 'instances'} since {readable(since)}"
    inputs = decision.inputs | {
        "waiting_since": iso(since),
        "give_up_waiting_after": in_words(limit) if limit else "",
        "status": f"{live.status}/{live.secondary_status}",
        "status_message": live.status_message or "",
    }
    del inputs["ending"]  # the simulated one
    return WaitDecision(
        stop=not decision.dry_run,
        reason=f"{waited}, {why}: {doing}; {decision.reason}",
        placement=None if decision.dry_run else decision.placement,
        inputs={name: value for name, value in inputs.items() if value},
    )
