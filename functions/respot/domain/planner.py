"""Decides what follows the end of a job: `plan`, a pure function."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from respot.domain.checkpoints import newest_complete
from respot.domain.decision import Action, Decision
from respot.domain.durations import in_words, iso, readable
from respot.domain.ending import Budget, Ending, ending_of
from respot.domain.job import Market
from respot.domain.placement import Placement
from respot.domain.policy import Policy, Resolved, Rung, WhenMissed
from respot.domain.run import Run

ASSUMED_OVERHEAD: Final = timedelta(minutes=10)
"""Time from getting instances to training, until this run has shown its own."""
FRUITLESS_ATTEMPTS: Final = 2
"""Attempts that trained and saved nothing of their own, after which another would do no better."""
DEFAULT_MAX_RUNTIME: Final = timedelta(days=1)
"""SageMaker's default for MaxRuntimeInSeconds."""
SHORTEST: Final = timedelta(seconds=1)
"""SageMaker's least MaxRuntimeInSeconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What the run itself cannot know.

    Attributes:
        checkpoint_uri: where the job's checkpoints go; `None` if nowhere.
        intruders: live jobs whose checkpoint location overlaps this one's.
        obstacles: why the job cannot be created again at all, in words.
        obstacles_on_spot: why it cannot be created again on spot, in words.
        listing_cut: the listing of the checkpoints was cut short, so that newer ones may exist.
    """

    checkpoint_uri: str | None
    intruders: tuple[str, ...] = ()
    obstacles: tuple[str, ...] = ()
    obstacles_on_spot: tuple[str, ...] = ()
    listing_cut: bool = False


def plan(run: Run, resolved: Resolved, circumstances: Circumstances, *, now: datetime) -> Decision:
    """What to do about the run's last attempt, which has ended."""
    facts, policy = run.last.facts, resolved.policy
    ending = ending_of(facts)
    inputs = _inputs(run, resolved, circumstances)
    if refusal := _not_ours(run, resolved, ending):
        return _declined(refusal, inputs)
    if reason := _hopeless(run, resolved, circumstances):
        return Decision(action=Action.REFUSE, reason=reason, inputs=inputs, notify=True)
    rung = _rung(run, policy)
    if rung is None:
        reason = f"the ladder has no rung left after {len(run.attempts)} attempts"
        return Decision(action=Action.REFUSE, reason=reason, inputs=inputs, notify=True)
    placed = _place(run, policy, rung, now=now)
    if placed.placement is None:
        return Decision(action=Action.REFUSE, reason=placed.reason, inputs=inputs, notify=True)
    if placed.placement.market is Market.SPOT and circumstances.obstacles_on_spot:
        reason = f"cannot run on spot: {'; '.join(circumstances.obstacles_on_spot)}"
        return Decision(action=Action.REFUSE, reason=reason, inputs=inputs, notify=True)
    until = _earliest(run, policy)
    if (switch_at := _latest_switch(run, policy)) is not None:
        until = min(until, switch_at)  # a pause must not cost the deadline
    if until > now and not placed.hurry:
        reason = f"{ending.said}: the next attempt is to start at {readable(until)}, after a pause"
        return Decision(action=Action.WAIT, reason=reason, inputs=inputs, until=until)
    return Decision(
        action=Action.RESUBMIT,
        reason=f"{ending.said}; {placed.reason}",
        inputs=inputs,
        placement=placed.placement,
        attempt=len(run.attempts) + 1,
        dry_run=policy.dry_run,
        notify=policy.dry_run,
        warning=placed.warning,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Refusal:
    """Why Respot leaves a job alone, and whether its owner expects to hear of it."""

    reason: str
    action: Action
    notify: bool = False


def _declined(refusal: _Refusal, inputs: dict[str, str]) -> Decision:
    return Decision(action=refusal.action, reason=refusal.reason, inputs=inputs, notify=refusal.notify)


def _not_ours(run: Run, resolved: Resolved, ending: Ending) -> _Refusal | None:
    """Ends that are not Respot's business: nothing failed, nobody asked, or somebody else decides."""
    facts, policy = run.last.facts, resolved.policy
    if facts.status == "Completed":
        return _Refusal(reason="completed: nothing to do", action=Action.NOTHING)
    if resolved.bad_tags:
        return _Refusal(reason="; ".join(resolved.bad_tags), action=Action.REFUSE, notify=True)
    if not policy.resume:
        reason = f"not asked to resume this job ({', '.join(resolved.sources)})"
        return _Refusal(reason=reason, action=Action.NOTHING)
    if resolved.kill_switch:
        reason = "the account's kill switch is on: nothing is resubmitted"
        return _Refusal(reason=reason, action=Action.REFUSE, notify=True)
    if facts.parent:
        reason = f"owned by a {facts.parent.owner} ({facts.parent.identifier}), which decides itself"
        return _Refusal(reason=reason, action=Action.REFUSE, notify=True)
    if ending.by_a_person:
        return _Refusal(reason=ending.said, action=Action.REFUSE)
    if ending.trigger is None:
        reason = f"{ending.said}: repeating it would not help"
        return _Refusal(reason=reason, action=Action.REFUSE, notify=True)
    if ending.trigger not in policy.triggers:
        reason = f"{ending.said}: the policy does not resume after {ending.trigger}"
        return _Refusal(reason=reason, action=Action.REFUSE, notify=True)
    return None


def _hopeless(run: Run, resolved: Resolved, circumstances: Circumstances) -> str | None:
    """Why another attempt must not or cannot be made, although the owner asked for one."""
    policy = resolved.policy
    if circumstances.obstacles:
        return f"cannot be created again: {'; '.join(circumstances.obstacles)}"
    if circumstances.intruders:
        jobs = ", ".join(circumstances.intruders)
        return f"another job writes to an overlapping checkpoint location: {jobs}"
    if policy.require_checkpoint and (reason := _without_checkpoint(run, circumstances)):
        return reason
    if policy.require_progress and run.fruitless() >= FRUITLESS_ATTEMPTS:
        return f"the last {run.fruitless()} attempts that trained saved no newer checkpoint: another would do no better"
    return _spent(run, policy)


def _without_checkpoint(run: Run, circumstances: Circumstances) -> str | None:
    if circumstances.checkpoint_uri is None:
        return "no checkpoint location is configured: the next attempt would start from scratch"
    trained = any(attempt.has_trained for attempt in run.attempts)
    if trained and newest_complete(run.checkpoints) is None:
        cut = " (the listing was cut short)" if circumstances.listing_cut else ""
        return (
            f"no complete checkpoint in {circumstances.checkpoint_uri}{cut}: the next attempt would start from scratch"
        )
    return None


def _spent(run: Run, policy: Policy) -> str | None:
    if len(run.attempts) >= policy.max_attempts:
        return f"all {policy.max_attempts} attempts are spent"
    budget = run.last.budget
    if budget is not None and run.resubmissions(budget) > policy.budgets[budget]:
        return f"the budget of {policy.budgets[budget]} resubmissions for {budget} is spent"
    if policy.max_billable_hours is not None and run.billable_hours >= policy.max_billable_hours:
        return f"{run.billable_hours:.1f} instance-hours were billed, of {policy.max_billable_hours:g} allowed"
    return None


def _rung(run: Run, policy: Policy) -> Rung | None:
    """The pool of the next attempt: each rung takes its number of attempts, the user's own job included."""
    if not policy.ladder:
        return Rung(market=run.attempts[0].facts.market or Market.SPOT)
    number = len(run.attempts) + 1
    for rung in policy.ladder:
        if rung.attempts is None or number <= rung.attempts:
            return rung
        number -= rung.attempts
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Placed:
    """A placement with its reason; without one, the reason is why there is none."""

    placement: Placement | None
    reason: str
    warning: str | None = None
    hurry: bool = False


def _place(run: Run, policy: Policy, rung: Rung, *, now: datetime) -> _Placed:
    switch_at, deadline = _latest_switch(run, policy), deadline_of(run, policy)
    if deadline is None or switch_at is None:
        return _Placed(placement=_placement(run, rung), reason=f"next: {_pool(run, rung)}")
    needed, slack = deadline - switch_at, switch_at - now
    told = f"{in_words(deadline - now)} left until {readable(deadline)}, {in_words(needed)} needed on demand"
    on_demand = _placement(run, _on_demand_rung(policy, rung))
    if slack < timedelta():
        warning = f"the deadline cannot be met any more: {told}"
        if policy.when_deadline_missed is WhenMissed.STOP:
            return _Placed(placement=None, reason=warning)
        return _Placed(placement=on_demand, reason=f"{told}: on demand at once", warning=warning, hurry=True)
    if rung.market is Market.ON_DEMAND or slack <= _overhead(run):
        return _Placed(placement=on_demand, reason=f"{told}: on demand from here", hurry=True)
    if len(run.attempts) + 1 >= policy.max_attempts:
        return _Placed(placement=on_demand, reason=f"{told}, and this is the last attempt: on demand", hurry=True)
    # SageMaker gives up waiting at MaxWait: at the latest moment from which on-demand still meets the deadline.
    spot = _placement(run, rung, longest=slack)
    return _Placed(placement=spot, reason=f"{told}: spot for at most {in_words(slack)}, then on demand")


def _latest_switch(run: Run, policy: Policy) -> datetime | None:
    """The latest moment at which an on-demand attempt could start and still finish in time."""
    deadline = deadline_of(run, policy)
    return None if deadline is None else deadline - _work_left(run, policy) - _overhead(run)


def _placement(run: Run, rung: Rung, *, longest: timedelta | None = None) -> Placement:
    first = run.attempts[0].facts
    runtime = first.max_runtime or DEFAULT_MAX_RUNTIME
    instance_type = rung.instance_type or first.instance_type or ""
    if rung.market is Market.ON_DEMAND:
        return Placement(market=rung.market, instance_type=instance_type, max_runtime=runtime, max_wait=None)
    wait = first.max_wait or runtime * 2
    if longest is not None:
        wait = max(SHORTEST, timedelta(seconds=int(longest.total_seconds())))
    # MaxWait must not be below MaxRuntime: when slack is short, both shrink together.
    return Placement(market=rung.market, instance_type=instance_type, max_runtime=min(runtime, wait), max_wait=wait)


def _on_demand_rung(policy: Policy, rung: Rung) -> Rung:
    """The rung itself, or the ladder's first on-demand pool, or else the job's own instance type."""
    rungs = (rung, *policy.ladder, Rung(market=Market.ON_DEMAND))
    return next(each for each in rungs if each.market is Market.ON_DEMAND)


def deadline_of(run: Run, policy: Policy) -> datetime | None:
    """The moment by which the work must be done."""
    match policy.deadline:
        case timedelta() as span:
            return run.created + span
        case moment:
            return moment


def _work_left(run: Run, policy: Policy) -> timedelta:
    work = policy.work or run.attempts[0].facts.max_runtime or DEFAULT_MAX_RUNTIME
    return max(timedelta(), work - run.work_done())


def _overhead(run: Run) -> timedelta:
    return run.restart_overhead() or ASSUMED_OVERHEAD


def _earliest(run: Run, policy: Policy) -> datetime:
    """When the pause after the last attempt's end is over."""
    last, budget = run.last, run.last.budget
    ended = last.transitions[-1].started if last.transitions else last.facts.last_modified
    if budget is None:
        return ended
    back_off = policy.back_off[budget]
    doublings = min(run.resubmissions(budget) - 1, 30)
    pause = min(back_off.longest, back_off.first * (1 << doublings))
    return ended + pause * _jitter(run, budget)


def _jitter(run: Run, budget: Budget) -> float:
    """Between a half and one: the same for the same attempt, so that a decision can be repeated; spread over runs."""
    digest = hashlib.sha256(f"{run.id} {len(run.attempts)} {budget}".encode()).digest()
    return 0.5 + digest[0] / 510


def _pool(run: Run, rung: Rung) -> str:
    return f"{rung.market} {rung.instance_type or run.attempts[0].facts.instance_type or ''}".strip()


def _inputs(run: Run, resolved: Resolved, circumstances: Circumstances) -> dict[str, str]:
    """What the decision was made from, for the ledger."""
    newest = newest_complete(run.checkpoints)
    deadline = deadline_of(run, resolved.policy)
    given = {
        "policy": ", ".join(resolved.sources),
        "attempts": f"{len(run.attempts)} of {resolved.policy.max_attempts}",
        "ending": f"{run.last.facts.status}/{run.last.facts.secondary_status}",
        "checkpoint_location": circumstances.checkpoint_uri,
        "newest_checkpoint": newest and f"{newest.name}, saved {iso(newest.saved_at)}",
        "work_done": in_words(run.work_done()),
        "work_lost": in_words(run.work_lost()),
        "restart_overhead": in_words(_overhead(run)),
        "instance_hours_billed": f"{run.billable_hours:.2f}",
        "deadline": deadline and iso(deadline),
        "listing": "cut short" if circumstances.listing_cut else None,
    }
    return {name: value for name, value in given.items() if value}
