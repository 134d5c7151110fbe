"""Chooses the next attempt's placement, by the ladder and the deadline."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from typing import Final

from respot.jobs.formatting import in_words, readable
from respot.jobs.job import Market
from respot.jobs.type_lists import split_types
from respot.recovery.planning.decision import Placement, RefusedPool
from respot.recovery.planning.ending import Budget, Trigger
from respot.recovery.planning.run import Attempt, Run
from respot.recovery.planning.type_choice import usable
from respot.recovery.policy.policy import Policy, Rung, WhenMissed

ASSUMED_OVERHEAD: Final = timedelta(minutes=10)
"""Time from getting instances to training, until this run has shown its own."""
HANDOVER: Final = timedelta(minutes=5)
"""Time from the end of a spot attempt at MaxWait until the next one gets instances.

A job that runs has two minutes to stop and then uploads; the event, the creation and the launch come on top.
"""
DEFAULT_MAX_RUNTIME: Final = timedelta(days=1)
"""SageMaker's default for MaxRuntimeInSeconds."""
SHORTEST: Final = timedelta(seconds=1)
"""SageMaker's least MaxRuntimeInSeconds."""
LONGEST: Final = timedelta(days=28)
"""SageMaker's greatest MaxRuntimeInSeconds; MaxWait keeps to it too, as a job may last 30 days in all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacementChoice:
    """A placement with its reason; without one, the reason is why there is none."""

    placement: Placement | None
    reason: str
    warning: str | None = None


def choose_placement(
    run: Run, policy: Policy, rung: Rung, *, now: datetime, refused: Sequence[RefusedPool] = ()
) -> PlacementChoice:
    """The placement on this rung, or on demand where the deadline asks for it; never in a pool that was refused."""
    latest_start, deadline = latest_on_demand_start(run, policy), deadline_of(run, policy)
    if deadline is None or latest_start is None:
        return PlacementChoice(placement=_placement(run, rung), reason=f"next: {_pool(run, rung)}")
    times = f"{_until(deadline, now)}, {in_words(deadline - latest_start)} needed on demand"
    fallback = _on_demand_rung(run, policy, rung, refused)
    if fallback is None and (now <= latest_start or policy.when_deadline_missed is WhenMissed.ON_DEMAND):
        warning = f"the deadline may be missed: {times}, and no on-demand pool can be used"
        return PlacementChoice(placement=_placement(run, rung), reason=f"next: {_pool(run, rung)}", warning=warning)
    on_demand = _placement(run, fallback or rung)
    if now > latest_start:
        warning = f"the deadline cannot be met any more: {times}"
        if policy.when_deadline_missed is WhenMissed.STOP:
            return PlacementChoice(placement=None, reason=warning)
        return PlacementChoice(placement=on_demand, reason=f"{times}: on demand at once", warning=warning)
    spell = latest_start - HANDOVER - now
    if rung.market is Market.ON_DEMAND or spell <= overhead_of(run):
        return PlacementChoice(placement=on_demand, reason=f"{times}: on demand from here")
    if not _may_follow(run, policy, refused):
        return PlacementChoice(placement=on_demand, reason=f"{times}, and nothing may follow a spot attempt: on demand")
    # MaxWait ends the wait early enough for an on-demand attempt to meet the deadline still.
    spot = _placement(run, rung, longest=spell)
    most = in_words(spot.max_wait or spell)
    return PlacementChoice(placement=spot, reason=f"{times}: spot for at most {most}, then on demand")


def _until(deadline: datetime, now: datetime) -> str:
    if now > deadline:
        return f"{readable(deadline)} was {in_words(now - deadline)} ago"
    return f"{in_words(deadline - now)} left until {readable(deadline)}"


def _may_follow(run: Run, policy: Policy, refused: Sequence[RefusedPool]) -> bool:
    """Whether an on-demand attempt may follow a spot attempt that ran out of waiting time."""
    number = run.last.number + 1
    budgets = (Budget.CAPACITY, Budget.INTERRUPTION)
    return (
        number < policy.max_attempts
        and Trigger.MAX_WAIT_TIME_EXCEEDED in policy.triggers
        and all(run.resubmissions(budget) < policy.budgets[budget] for budget in budgets)
        and rung_for(run, policy, number + 1, refused=refused) is not None
    )


def latest_on_demand_start(run: Run, policy: Policy) -> datetime | None:
    """The latest moment at which an on-demand attempt could get instances and still finish in time."""
    deadline = deadline_of(run, policy)
    return None if deadline is None else deadline - _work_left(run, policy) - overhead_of(run)


def _placement(run: Run, rung: Rung, *, longest: timedelta | None = None) -> Placement:
    first = run.attempts[0].state
    runtime = min(first.max_runtime or DEFAULT_MAX_RUNTIME, LONGEST)
    instance_type = rung.instance_type or first.requested_type or ""
    if rung.market is Market.ON_DEMAND:
        return Placement(market=rung.market, instance_type=instance_type, max_runtime=runtime, max_wait=None)
    wait = first.max_wait or runtime * 2
    if longest is not None:
        wait = max(SHORTEST, timedelta(seconds=int(longest.total_seconds())))
    wait = min(wait, LONGEST)
    # MaxWait must not be below MaxRuntime: when time is short, both shrink together.
    return Placement(market=rung.market, instance_type=instance_type, max_runtime=min(runtime, wait), max_wait=wait)


def _on_demand_rung(run: Run, policy: Policy, rung: Rung, refused: Sequence[RefusedPool]) -> Rung | None:
    """The rung itself, or the ladder's first on-demand pool, or the job's own instance type if the ladder has none.

    `None` if all of them are refused.
    """
    rungs = [each for each in (rung, *policy.ladder) if each.market is Market.ON_DEMAND]
    return next(_usable(run, rungs or [Rung(market=Market.ON_DEMAND)], refused), None)


def deadline_of(run: Run, policy: Policy) -> datetime | None:
    """The moment by which the work must be done."""
    match policy.deadline:
        case timedelta() as span:
            return run.created + span
        case datetime() as moment:
            return moment.astimezone(UTC)
        case _:
            return None


def _work_left(run: Run, policy: Policy) -> timedelta:
    return max(timedelta(), work_expected(run, policy) - run.work_done())


def work_expected(run: Run, policy: Policy) -> timedelta:
    """Training time that the whole run needs."""
    return policy.work or run.attempts[0].state.max_runtime or DEFAULT_MAX_RUNTIME


def overhead_of(run: Run) -> timedelta:
    """Time from getting instances to training: this run's own, or a guess until it has shown one."""
    return run.restart_overhead() or ASSUMED_OVERHEAD


def rung_for(run: Run, policy: Policy, number: int, *, refused: Sequence[RefusedPool] = ()) -> Rung | None:
    """The pool of that attempt: each rung takes its number of attempts, the user's own job included.

    - An attempt that Respot stopped because it waited too long was its rung's last.
    - A refused pool is skipped, for a rung below it that has attempts left.
    - With a deadline, on-demand always comes after all of them.
    - If all are refused, the run goes back to a pool that it gave up, if that has attempts left.
    """
    left = _rungs_left(run, policy, number)
    if left and refused:
        below = [rung for rung in left[1:] if _has_attempts_left(run, policy, rung)]
        last = [Rung(market=Market.ON_DEMAND)] if policy.deadline and not _goes_on_demand(policy) else []
        back = [rung for rung in _given_up(run, policy) if _has_attempts_left(run, policy, rung)]
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
