"""Decides what follows the end of a job: `plan`, a pure function."""

import hashlib
from datetime import datetime, timedelta
from typing import Final

from respot.jobs.formatting import clause, in_words, iso, readable
from respot.jobs.job import JobState, Market, Transition
from respot.jobs.lifecycle import is_terminal
from respot.recovery.checkpoints.checkpoint import explained, passed_over, resume_point
from respot.recovery.planning.cause import Cause, Obstacle
from respot.recovery.planning.context import PlanContext
from respot.recovery.planning.deadline import Forecast, forecast, longest_start, return_to_spot, work_expected
from respot.recovery.planning.decision import DECIDED_WITHIN, Action, Decision, Outlook, RefusedPool, is_silent
from respot.recovery.planning.ending import Budget, Trigger
from respot.recovery.planning.left_alone import why_left_alone
from respot.recovery.planning.placement import choose_placement, rung_for
from respot.recovery.planning.run import Attempt, Run, run_id
from respot.recovery.policy.policy import AccountPolicy, Policy, Resolved, opts_out, resolve

MOST_ATTEMPTS_WITHOUT_PROGRESS: Final = 2
"""Attempts that trained and saved nothing of their own; after them another would do no better."""
_MOST_NAMED: Final = 3
"""Incomplete checkpoints that a decision names."""
POSTPONED_FOR: Final = timedelta(minutes=30)
"""How often the kill switch is read again for a postponed job.

That is 144 deliveries of the job's message in three days, fewer than the default of `recovery_max_receives`.
"""


def plan(context: PlanContext, *, now: datetime) -> Decision:
    """What to do about the run's last attempt, which has ended."""
    run, resolved = context.run, context.resolved
    policy, ending = resolved.policy, run.ending
    found = forecast(run, policy, context.start_history, now=now, sweep=context.sweep_interval)
    inputs = _inputs(context, found, now)
    if left_alone := _not_ours(run, resolved, inputs):
        return left_alone
    if is_too_late(run.last, now=now):
        return _refused(Cause.TOO_LATE, _too_late(context, now), inputs)
    if context.kill_switch:
        return _postponed(run, context.kill_switch, inputs, now)
    if obstacle := _cannot_resume(context, found):
        return _refused(obstacle.cause, obstacle.reason, inputs)
    refused = context.refused_pools
    rung = rung_for(run, policy, run.last.number + 1, refused=refused)
    if rung is None:
        cause = Cause.POOLS_REFUSED if refused else Cause.LADDER_SPENT
        return _refused(cause, _without_rung(run, refused), inputs)
    scratch = _without_checkpoint(context) if policy.require_checkpoint and found else None
    fruitless = _fruitless(context) if found else None
    only_on_demand = "from scratch" if scratch else fruitless
    placed = choose_placement(run, policy, rung, now=now, refused=refused, found=found, only_on_demand=only_on_demand)
    if placed.placement is None:
        return _refused(Cause.DEADLINE_LOST, placed.reason, inputs)
    until = _earliest(run, policy)
    if found:
        until = min(until, found.latest_start)  # a pause must not cost the deadline
    if until > now:
        there = f"{placed.placement.market} {placed.placement.instance_type}".strip()
        number = run.last.number + 1
        reason = f"{ending.description}: attempt {number}, {there}, is to start at {readable(until)}, after a pause"
        return Decision(action=Action.WAIT, reason=reason, inputs=inputs, until=until, cause=Cause.PAUSE)
    unsaved = scratch.reason if scratch else None
    warning = "; ".join(filter(None, (placed.warning, unsaved, _uncertainty(context)))) or None
    return Decision(
        action=Action.RESUBMIT,
        reason="; ".join((ending.description, *(f"cannot use {pool}" for pool in refused), placed.reason)),
        inputs=inputs,
        placement=placed.placement,
        attempt=run.last.number + 1,
        dry_run=policy.dry_run,
        notify=policy.dry_run,  # else people are notified of the attempt, with the warning, once it is created
        warning=warning,
        cause=Cause.DRY_RUN if policy.dry_run else None,
    )


def foresee(state: JobState, transitions: tuple[Transition, ...], account: AccountPolicy | None) -> Outlook:
    """What to expect of `plan` about a job that has just ended; no `account` means an unreadable policy.

    Only a definite "no" counts: what the job does not show (who stopped it, its tags) may still lead to an attempt.
    """
    last = Attempt(number=1, state=state, transitions=transitions, checkpoint=None)
    if not is_terminal(state.status) or state.tags is None or last.ending.by_a_person:
        return Outlook.UNKNOWN
    if opts_out(state.tags):
        return Outlook.LEAVES
    if account is None:
        return Outlook.UNKNOWN
    run = Run(id=run_id(state.job), attempts=(last,), checkpoints=())
    left_alone = _not_ours(run, resolve(account, state, role=state.role_arn), {})
    return Outlook.LEAVES if left_alone and is_silent(left_alone) else Outlook.DECIDES


def _refused(cause: Cause, reason: str, inputs: dict[str, str], *, notify: bool = True) -> Decision:
    return Decision(action=Action.REFUSE, reason=reason, inputs=inputs, notify=notify, cause=cause)


def _nothing(cause: Cause, reason: str, inputs: dict[str, str]) -> Decision:
    return Decision(action=Action.NOTHING, reason=reason, inputs=inputs, cause=cause)


def _not_ours(run: Run, resolved: Resolved, inputs: dict[str, str]) -> Decision | None:
    """Why Respot does not continue the job: nothing failed, nobody asked, or somebody else decides.

    People are notified where they may have expected another attempt.
    """
    state, policy, ending = run.last.state, resolved.policy, run.ending
    # Respot's own stop follows the wait limit, a setting of its own.
    expected = (
        ending.trigger in policy.triggers or ending.trigger is Trigger.GAVE_UP_WAITING or _was_too_short(run, policy)
    )
    if not is_terminal(state.status):
        reason = f"has not ended, it is {state.status}/{state.secondary_status}"
        return _nothing(Cause.NOT_ENDED, reason, inputs)
    if state.status == "Completed":
        return _nothing(Cause.COMPLETED, "completed: nothing to do", inputs)
    if left := why_left_alone(state, resolved):
        if left.cause in {Cause.OPTED_OUT, Cause.NOT_ASKED}:
            return _nothing(left.cause, left.reason, inputs)
        return _refused(left.cause, left.reason, inputs, notify=expected or left.cause is Cause.BAD_TAGS)
    if ending.by_a_person or ending.uncertain:
        cause = Cause.STOP_UNCLEAR if ending.uncertain else Cause.STOPPED_BY_A_PERSON
        return _refused(cause, ending.description, inputs, notify=ending.uncertain)
    if ending.trigger is None:
        reason = f"{ending.description}: repeating it would not help"
        return _refused(Cause.NOT_REPEATABLE, reason, inputs)
    if not expected:
        reason = f"{ending.description}: the policy does not resume after {ending.trigger}"
        return _refused(Cause.TRIGGER_NOT_CHOSEN, reason, inputs)
    return None


def _was_too_short(run: Run, policy: Policy) -> bool:
    """Whether MaxRuntime ended a job that is not done, although its owner sets the work and a deadline for it."""
    set_by_owner = policy.deadline is not None and policy.work is not None
    return set_by_owner and run.ending.trigger is Trigger.MAX_RUNTIME_EXCEEDED


def is_too_late(last: Attempt, *, now: datetime) -> bool:
    """Whether the attempt ended too long ago for another to follow."""
    return now - last.ended >= DECIDED_WITHIN


def _too_late(context: PlanContext, now: datetime) -> str:
    ago, limit = in_words(now - context.run.last.ended), in_words(DECIDED_WITHIN)
    late = f"ended {ago} ago, and a job is resubmitted within {limit} of its end or not at all"
    advice = (
        "to continue, submit a new job with the same checkpoint location"
        if context.checkpoint_uri
        else "to start it again, from scratch, submit a new job: no checkpoint location is configured"
    )
    return "; ".join(filter(None, (late, context.kill_switch, advice)))


def _postponed(run: Run, kill_switch: str, inputs: dict[str, str], now: datetime) -> Decision:
    """Nothing is decided while the kill switch is on, so that nothing must be revoked once it is off."""
    limit = run.last.ended + DECIDED_WITHIN
    reason = f"{run.ending.description}; {kill_switch}: decided once it is off, until {readable(limit)} at most"
    until = min(now + POSTPONED_FOR, limit)
    return Decision(action=Action.WAIT, reason=reason, inputs=inputs, until=until, notify=True, cause=Cause.KILL_SWITCH)


def _cannot_resume(context: PlanContext, found: Forecast | None) -> Obstacle | None:
    """Why another attempt must not or cannot be made, although the owner wants one."""
    run, policy = context.run, context.resolved.policy
    if context.blockers:
        reason = f"cannot be created again: {'; '.join(map(clause, context.blockers))}"
        return Obstacle(Cause.NOT_CREATABLE, reason)
    if context.concurrent_writers:
        jobs = ", ".join(context.concurrent_writers)
        reason = f"another job writes to an overlapping checkpoint location: {jobs}"
        return Obstacle(Cause.CONCURRENT_WRITER, reason)
    # With a deadline the work is repeated on demand instead, where no interruption can undo it.
    if policy.require_checkpoint and found is None and (scratch := _without_checkpoint(context)):
        return scratch
    if (found is None or run.last.state.market is Market.ON_DEMAND) and (fruitless := _fruitless(context)):
        return Obstacle(Cause.NO_PROGRESS, f"{fruitless}: another would do no better")
    return _budget_exhausted(run, policy)


def _fruitless(context: PlanContext) -> str | None:
    """That attempts in a row made no progress, in words; `None` if they did, or nobody can know."""
    run = context.run
    if context.listing_cut or not _makes_no_progress(run, context.resolved.policy):
        return None
    count, evidence = run.attempts_without_progress(), run.progress().evidence
    return f"the last {count} attempts that trained made no progress ({evidence})"


def _without_checkpoint(context: PlanContext) -> Obstacle | None:
    """Why the work would start from scratch, or might."""
    run, where = context.run, context.checkpoint_uri
    if where is None:
        reason = "no checkpoint location is configured: the next attempt would start from scratch"
        return Obstacle(Cause.NO_CHECKPOINT_LOCATION, reason)
    trained = any(attempt.has_trained for attempt in run.attempts)
    if not trained or resume_point(run.checkpoints):
        return None
    if context.listing_cut:
        return None  # there may be one among what was not listed; the budgets bound what it may cost
    unfinished = "; ".join(map(explained, passed_over(run.checkpoints)[-_MOST_NAMED:]))
    seen = f" ({unfinished})" if unfinished else ""
    reason = f"nothing to resume from in {where}{seen}: the next attempt would start from scratch"
    return Obstacle(Cause.NO_CHECKPOINT, reason)


def _makes_no_progress(run: Run, policy: Policy) -> bool:
    return policy.require_progress and run.attempts_without_progress() >= MOST_ATTEMPTS_WITHOUT_PROGRESS


def _uncertainty(context: PlanContext) -> str | None:
    """What a listing that was cut short leaves unknown; the budgets still bound what it may cost."""
    run, policy = context.run, context.resolved.policy
    if not context.listing_cut:
        return None
    known = resume_point(run.checkpoints) or any(attempt.checkpoint for attempt in run.attempts)
    if policy.require_checkpoint and not known and any(attempt.has_trained for attempt in run.attempts):
        return "it is unknown whether there is a checkpoint: not all objects were listed"
    if not _makes_no_progress(run, policy):
        return None
    unclear = context.run.attempts_without_progress()
    return f"it is unknown whether the last {unclear} attempts made progress: not all objects were listed"


def _without_rung(run: Run, refused: tuple[RefusedPool, ...]) -> str:
    if not refused:
        return f"the ladder has no rung left after {run.last.number} attempts"
    pools = "; ".join(map(str, refused))
    return (
        f"cannot use any pool that is left: {pools}. Request a quota in AWS Service Quotas, or name another pool in "
        "the ladder, and submit the job again by hand"
    )


def _budget_exhausted(run: Run, policy: Policy) -> Obstacle | None:
    if run.last.number >= policy.max_attempts:
        return Obstacle(Cause.ATTEMPTS_SPENT, f"all {policy.max_attempts} attempts are spent")
    budget = run.budget
    if budget is not None and run.resubmissions(budget) > policy.budgets[budget]:
        reason = f"the budget of {policy.budgets[budget]} resubmissions for {budget} is spent"
        return Obstacle(Cause.BUDGET_SPENT, reason)
    if policy.max_billable_hours is not None and run.billable_hours >= policy.max_billable_hours:
        reason = f"{run.billable_hours:.1f} instance-hours were billed, of {policy.max_billable_hours:g} allowed"
        return Obstacle(Cause.HOURS_SPENT, reason)
    return None


def _earliest(run: Run, policy: Policy) -> datetime:
    """When the pause after the last attempt's end is over."""
    last, budget = run.last, run.budget
    ended = last.ended
    if last.gave_up_waiting:
        return ended  # the next pool is a different one, and its owner wants it now
    return ended if budget is None else ended + _pause(run, policy, budget) * _jitter(run, budget)


def _pause(run: Run, policy: Policy, budget: Budget) -> timedelta:
    back_off = policy.back_off[budget]
    pause = min(back_off.first, back_off.longest)
    for _ in range(run.resubmissions(budget) - 1):
        pause = min(pause * 2, back_off.longest)
    return pause


def _jitter(run: Run, budget: Budget) -> float:
    """From a half to one: the same for the same attempt, so that a decision can be repeated; spread over runs."""
    digest = hashlib.sha256(f"{run.id} {run.last.number} {budget}".encode()).digest()
    return 0.5 + digest[0] / 510


def _inputs(context: PlanContext, found: Forecast | None, now: datetime) -> dict[str, str]:
    """What the decision was made from, for the ledger."""
    run, resolved = context.run, context.resolved
    state, policy = run.last.state, resolved.policy
    newest = resume_point(run.checkpoints)
    proof = run.proof(longest_start(policy)) if context.listed else None
    budgets = (f"{budget} {run.resubmissions(budget)} of {policy.budgets[budget]}" for budget in Budget)
    given = {
        "decided_at": iso(now),
        "policy": ", ".join(resolved.sources),
        "kill_switch": context.kill_switch,
        "attempts": f"{run.last.number} of {policy.max_attempts}",
        "budgets": ", ".join(budgets),
        "ending": f"{state.status}/{state.secondary_status}",
        "ran_on": " ".join(filter(None, (state.market, state.instance_type or state.requested_type))),
        "checkpoint_location": context.checkpoint_uri,
        "newest_checkpoint": newest and f"{newest.name}, saved {iso(newest.saved_at)}",
        "checkpoint_layout": newest and (newest.layout or f"unknown, {newest.objects:,} objects"),
        "passed_over": "; ".join(map(explained, passed_over(run.checkpoints)[-_MOST_NAMED:])),
        "progress": run.progress().evidence if context.listed and run.last.has_trained else None,
        "listing": "cut short" if context.listing_cut else None,
        "fruitless_attempts": str(run.attempts_without_progress()) if context.listed else None,
        "overlapping_jobs": ", ".join(context.concurrent_writers),
        "obstacles": "; ".join(context.blockers),
        "refused_pools": "; ".join(map(str, context.refused_pools)),
        "work_expected": in_words(work_expected(run, policy)),
        "work_done": proof and f"{in_words(proof.done)}: {proof.evidence}",
        "work_lost": in_words(run.work_lost()) if context.listed else None,
        "instance_hours_billed": f"{run.billable_hours:.2f}",
    }
    if found:
        given |= {
            "restart_overhead": str(found.overhead),
            "on_demand_wait": str(found.wait),
            "deadline": iso(found.deadline),
            "on_demand_by": iso(found.latest_start),
            "slack": found.slack_in_words(now),
            "reserve": in_words(found.reserve),
            "return_to_spot": return_to_spot(found, market=state.market or Market.SPOT, now=now),
        }
    return {name: value for name, value in given.items() if value}
