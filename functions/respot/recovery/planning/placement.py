"""Chooses the next attempt's placement, by the ladder and the deadline."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from typing import Final

from respot.jobs.formatting import in_words, readable
from respot.jobs.job import DEFAULT_MAX_RUNTIME, Market
from respot.jobs.type_lists import split_types
from respot.recovery.planning.deadline import Forecast
from respot.recovery.planning.decision import Placement, RefusedPool
from respot.recovery.planning.ending import Budget, Trigger
from respot.recovery.planning.run import Attempt, Run
from respot.recovery.planning.type_choice import usable
from respot.recovery.policy.policy import Policy, Rung, WhenMissed

SHORTEST: Final = timedelta(seconds=1)
"""SageMaker's least MaxRuntimeInSeconds."""
WORK_MARGIN: Final = {Market.ON_DEMAND: 0.25, Market.SPOT: 1.0}
"""By how much the work may be longer than its owner says before MaxRuntime ends it.

On spot MaxRuntime also counts each start after an interruption, and what was lost; MaxWait bounds it there.
"""
LONGEST: Final = timedelta(days=28)
"""SageMaker's greatest MaxRuntimeInSeconds; MaxWait keeps to it too, as a job may last 30 days in all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacementChoice:
    """A placement with its reason; without one, the reason is why there is none."""

    placement: Placement | None
    reason: str
    warning: str | None = None


def choose_placement(
    run: Run,
    policy: Policy,
    rung: Rung,
    *,
    now: datetime,
    refused: Sequence[RefusedPool] = (),
    found: Forecast | None = None,
    only_on_demand: str | None = None,
) -> PlacementChoice:
    """The placement on this rung, or on demand where the deadline asks for it; never in a pool that was refused.

    Args:
        run: the run.
        policy: its policy.
        rung: the pool that is next.
        now: the moment of the decision.
        refused: pools that cannot be used.
        found: what the deadline needs; `None` without one.
        only_on_demand: why only on-demand may repeat the work; `None` if spot may, too.
    """
    if found is None:
        return PlacementChoice(placement=_placement(run, rung), reason=f"next: {_pool(run, rung)}")
    fallback = _on_demand_rung(run, policy, rung, refused)
    words, stop = found.in_words(now), policy.when_deadline_missed is WhenMissed.STOP
    if found.is_lost(now) and stop:
        return PlacementChoice(placement=None, reason=f"the deadline cannot be met any more: {words}")
    if fallback is None:
        warning = f"the deadline may be missed: {words}, and no on-demand pool can be used"
        placement = _placement(run, rung, limits=_limits(run, policy, found, now))
        return PlacementChoice(placement=placement, reason=f"next: {_pool(run, rung)}", warning=warning)
    limits = _limits(run, policy, found, now)
    on_demand = _placement(run, fallback, limits=limits)
    more = _raised(run, on_demand)
    if found.is_at_risk(now):
        lost = "the deadline cannot be met any more" if found.is_lost(now) else "the deadline is at risk"
        reason = f"{words}: on demand at once{more}"
        return PlacementChoice(placement=on_demand, reason=reason, warning=f"{lost}: {words}")
    if rung.market is Market.ON_DEMAND or not found.allows_spot(now):
        return PlacementChoice(placement=on_demand, reason=f"{words}: on demand from here{more}")
    if only_on_demand:
        reason = f"{words}: {only_on_demand}, and therefore on demand{more}"
        return PlacementChoice(placement=on_demand, reason=reason)
    if not _may_follow(run, policy, refused):
        reason = f"{words}, and nothing may follow a spot attempt: on demand{more}"
        return PlacementChoice(placement=on_demand, reason=reason)
    spot = _placement(run, rung, limits=limits)
    reason = f"{words}: spot, and on demand at {readable(found.latest_start)} if it waits then{_raised(run, spot)}"
    return PlacementChoice(placement=spot, reason=reason)


def _may_follow(run: Run, policy: Policy, refused: Sequence[RefusedPool]) -> bool:
    """Whether an on-demand attempt may follow a spot attempt, whether Respot or SageMaker ends its wait."""
    number = run.last.number + 1
    budgets = (Budget.CAPACITY, Budget.INTERRUPTION)
    return (
        number < policy.max_attempts
        and Trigger.MAX_WAIT_TIME_EXCEEDED in policy.triggers
        and all(run.resubmissions(budget) < policy.budgets[budget] for budget in budgets)
        and rung_for(run, policy, number + 1, refused=refused) is not None
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Limits:
    """What a deadline makes of an attempt's time limits.

    Attributes:
        runtime: what the attempt needs at least, by market; without it the user's own MaxRuntime is kept.
        wait: MaxWait.
    """

    runtime: Mapping[Market, timedelta]
    wait: timedelta


def _limits(run: Run, policy: Policy, found: Forecast, now: datetime) -> _Limits:
    """The time left and the reserve, so that SageMaker ends no job that is nearly done; exactly the time left to stop.

    MaxRuntime covers the work that is left only if its owner sets it, and if `max_billable_hours` allows it.
    """
    left, least = found.deadline - now, found.work_left + found.overhead.value
    wait = left if policy.when_deadline_missed is WhenMissed.STOP else max(left + found.reserve, least)
    if policy.work is None:  # steps prove what is done, not how much there is
        return _Limits(runtime={}, wait=wait)
    runtime = {each: found.work_left * (1 + more) + found.overhead.value for each, more in WORK_MARGIN.items()}
    if policy.max_billable_hours is not None:
        hours = max(0.0, policy.max_billable_hours - run.billable_hours)
        allowed = timedelta(hours=hours) / (run.attempts[0].state.instance_count or 1)
        runtime = {each: min(needed, allowed) for each, needed in runtime.items()}
    return _Limits(runtime=runtime, wait=wait)


def _raised(run: Run, placement: Placement) -> str:
    """What to say of a MaxRuntime above the user's own: it was their cap on the costs of a job."""
    own = run.attempts[0].state.max_runtime or DEFAULT_MAX_RUNTIME
    if placement.max_runtime <= own:
        return ""
    return f" (MaxRuntime {in_words(placement.max_runtime)} instead of {in_words(own)}, for the work that is left)"


def _placement(run: Run, rung: Rung, *, limits: _Limits | None = None) -> Placement:
    first = run.attempts[0].state
    runtime = min(first.max_runtime or DEFAULT_MAX_RUNTIME, LONGEST)
    if limits and rung.market in limits.runtime:
        runtime = min(max(runtime, _whole(limits.runtime[rung.market])), LONGEST)
    instance_type = rung.instance_type or first.requested_type or ""
    if rung.market is Market.ON_DEMAND:
        return Placement(market=rung.market, instance_type=instance_type, max_runtime=runtime, max_wait=None)
    wait = first.max_wait or runtime * 2
    if limits:
        wait = max(SHORTEST, _whole(limits.wait))
    wait = min(wait, LONGEST)
    # MaxWait must not be below MaxRuntime: when time is short, both shrink together.
    return Placement(market=rung.market, instance_type=instance_type, max_runtime=min(runtime, wait), max_wait=wait)


def _whole(span: timedelta) -> timedelta:
    """In whole seconds, as SageMaker takes them."""
    return timedelta(seconds=int(span.total_seconds()))


def _on_demand_rung(run: Run, policy: Policy, rung: Rung, refused: Sequence[RefusedPool]) -> Rung | None:
    """The rung itself, or the ladder's first on-demand pool, or the job's own instance type if the ladder has none.

    `None` if all of them are refused.
    """
    rungs = [each for each in (rung, *policy.ladder) if each.market is Market.ON_DEMAND]
    return next(_usable(run, rungs or [Rung(market=Market.ON_DEMAND)], refused), None)


def rung_for(run: Run, policy: Policy, number: int, *, refused: Sequence[RefusedPool] = ()) -> Rung | None:
    """The pool of that attempt: each rung takes its number of attempts, the user's own job included.

    - An attempt that Respot stopped because it waited too long was its rung's last.
    - A refused pool is skipped, for a rung below it that has attempts left.
    - With a deadline, on-demand always comes after all of them.
    - If all are refused, the run goes back to a pool that it gave up, if that has attempts left. With a deadline it
      need not: Respot may have given that pool up for on-demand alone.
    """
    left = _rungs_left(run, policy, number)
    if not left and policy.deadline and not _goes_on_demand(policy):
        left = (Rung(market=Market.ON_DEMAND),)
    if left and refused:
        below = [rung for rung in left[1:] if _has_attempts_left(run, policy, rung)]
        last = [Rung(market=Market.ON_DEMAND)] if policy.deadline and not _goes_on_demand(policy) else []
        back = [rung for rung in _given_up(run, policy) if policy.deadline or _has_attempts_left(run, policy, rung)]
        left = tuple(_usable(run, (left[0], *below, *last, *back), refused))
    return left[0] if left else None


def went_back(run: Run, number: int) -> bool:
    """Whether that attempt is in a pool that Respot gave up before, and to which it went back.

    All pools below are refused then, and leaving this one again would lead nowhere.
    """
    pool = _had(run.attempts[number - 1])
    before = takewhile(lambda each: _had(each) == pool, reversed(run.attempts[: number - 1]))
    return any(each.gave_up_waiting for each in before)


def _given_up(run: Run, policy: Policy) -> Iterator[Rung]:
    """The rungs of the pools for which the run waited too long, the latest first."""
    for attempt in reversed(run.attempts):
        if attempt.gave_up_waiting:
            yield from (rung for rung in policy.ladder if _was_in(attempt, run, rung))


def _goes_on_demand(policy: Policy) -> bool:
    return any(rung.market is Market.ON_DEMAND for rung in policy.ladder)


def _rungs_left(run: Run, policy: Policy, number: int) -> tuple[Rung, ...]:
    """The rung of that attempt, and those below it."""
    if not policy.ladder:
        first = run.attempts[0].state
        # A job is never moved to spot unasked; where the market is not known, only spot jobs have a MaxWait.
        return (Rung(market=first.market or (Market.SPOT if first.max_wait else Market.ON_DEMAND)),)
    rung = used = 0
    for earlier in range(1, number):
        known = earlier <= len(run.attempts)
        if known and went_back(run, earlier):
            continue  # it is no attempt of the rung below, which refused it
        used += 1
        gave_up = known and run.attempts[earlier - 1].gave_up_waiting
        if rung < len(policy.ladder) and (gave_up or used == policy.ladder[rung].attempts):
            rung, used = rung + 1, 0
    return policy.ladder[rung:]


def _has_attempts_left(run: Run, policy: Policy, rung: Rung) -> bool:
    """Whether the pool, on whichever rungs it stands, has had fewer attempts than they allow."""
    pool = _pool(run, rung)
    allowed = [each.attempts for each in policy.ladder if _pool(run, each) == pool]
    had = sum(_was_in(each, run, rung) for each in run.attempts)
    return any(count is None for count in allowed) or had < sum(count or 0 for count in allowed)


def _usable(run: Run, rungs: Iterable[Rung], refused: Sequence[RefusedPool]) -> Iterator[Rung]:
    """What is left of the rungs without the pools that were refused."""
    own = run.attempts[0].state.requested_type or ""
    return (left for rung in rungs if (left := usable(rung, own, refused)) is not None)


def _pool(run: Run, rung: Rung) -> str:
    return f"{rung.market} {rung.instance_type or run.attempts[0].state.requested_type or ''}".strip()


def _had(attempt: Attempt) -> str:
    """The pool that an attempt was in."""
    return f"{attempt.state.market} {attempt.state.requested_type or ''}".strip()


def _was_in(attempt: Attempt, run: Run, rung: Rung) -> bool:
    """Whether an attempt was in the rung's pool, or in what was left of its list."""
    pool, had = _pool(run, rung), attempt.state.requested_type
    types = set(split_types(pool.partition(" ")[2]))
    return _had(attempt) == pool or (
        attempt.state.market is rung.market and had is not None and set(split_types(had)) <= types
    )
