import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Final

import pytest

from local.backtest import product, published, traces
from local.backtest.__main__ import main
from local.backtest.table import (
    DEADLINES,
    LIMITS,
    OVERHEADS,
    POLICIES,
    SCENARIOS,
    Limit,
    Result,
    cases,
    figures,
    measure,
    run,
)
from local.backtest.traces import TICK, Trace, TraceError, joined, parse, union
from local.backtest.world import HOUR, ON_DEMAND, Case, Controller, Ledger, Policy, Request, Truth, World, play
from respot.jobs.job import Market
from respot.recovery.policy.policy import Rung

WORLD: Final = World(overhead=720)
PUBLISHED: Final = World.published(720)
NEVER: Final = Trace(periods=(), length=60 * HOUR)
ALWAYS: Final = Trace(periods=((0, 60 * HOUR),), length=60 * HOUR)
GAP: Final = Trace(periods=((0, 2 * HOUR), (3 * HOUR, 10 * HOUR)), length=60 * HOUR)
ZONES: Final = traces.zones()


def case(trace: Trace, *, work: int = 4, deadline: int = 10) -> Case:
    """Hours of work, and until the deadline."""
    return Case(trace=trace, work=work * HOUR, deadline=deadline * HOUR)


class Jobs:
    """Jobs one after the other, when they were checked, and all that the ledger showed; a policy and its controller."""

    def __init__(self, *requests: Request, at: int | None = None) -> None:
        self.requests, self.ledger, self.at = iter(requests), Ledger(), at
        self.asked: list[int] = []

    def __call__(self, _world: World, _case: Case, _truth: Truth) -> Controller:
        return self

    def first(self) -> Request:
        return next(self.requests)

    def stops(self, ledger: Ledger, now: int) -> bool:
        self.ledger = ledger
        self.asked.append(now)
        return False

    def scheduled(self) -> int | None:
        return self.at

    def following(self, _ledger: Ledger, now: int) -> tuple[Request, int] | None:
        request = next(self.requests, None)
        return None if request is None else (request, now)


class Watched(product.Respot):
    """Respot with a wait limit, and the status of each job that it stopped."""

    def __init__(self, each: Case) -> None:
        ladder = (Rung(market=Market.SPOT), Rung(market=Market.ON_DEMAND))
        limit = product.settings(each, give_up_waiting_after=timedelta(hours=1), ladder=ladder)
        super().__init__(each, limit, world=WORLD, own_first_job=True)
        self.stopped: list[str] = []

    def stops(self, ledger: Ledger, now: int) -> bool:
        stops = super().stops(ledger, now)
        self.stopped += [ledger.jobs[-1].transitions[-1][0]] if stops else []
        return stops


class Blind:
    """A truth that nobody may ask for."""

    def saved(self, now: int) -> int:
        raise AssertionError(now)

    def has_spot(self, now: int) -> bool:
        raise AssertionError(now)


def test_a_line_is_a_window_of_alternating_periods() -> None:
    windows = parse("0 1 2 3 4\n1 0 2 3 4\n", name="zone")
    assert windows[0].periods == ((0, 2 * TICK), (5 * TICK, 9 * TICK))
    assert windows[1].periods == ((2 * TICK, 5 * TICK),)
    assert {window.length for window in windows.values()} == {9 * TICK}


@pytest.mark.parametrize("text", ["", "0 1\n", "0 2 3\n", "0 1 3 0\n", "0 1 3\n0 1 3\n", "0 1 3\n1 1 4\n", "0 1 x\n"])
def test_a_file_of_another_format_is_refused(text: str) -> None:
    with pytest.raises(TraceError):
        parse(text, name="zone")


def test_the_shipped_traces_are_nine_zones_of_the_same_44_days() -> None:
    assert len(ZONES) == 9
    assert {trace.length for trace in ZONES.values()} == {19_838 * TICK}


WINDOWS: Final = parse("0 1 2 3\n1 0 1 2 1 1\n", name="zone")
"""11000 and 01101."""


def test_windows_that_overlap_are_joined() -> None:
    trace = joined(WINDOWS, {0: 0, 1: 4}, name="zone")
    assert trace == Trace(periods=((0, 2 * TICK), (5 * TICK, 7 * TICK), (8 * TICK, 9 * TICK)), length=9 * TICK)


@pytest.mark.parametrize(
    ("first_ticks", "why"),
    [({0: 0, 1: 3}, "it differs"), ({0: 0, 1: 6}, "a gap"), ({0: 0}, "the same windows"), ({0: 1, 1: 5}, "a gap")],
)
def test_windows_that_do_not_fit_together_are_refused(first_ticks: dict[int, int], why: str) -> None:
    with pytest.raises(TraceError, match=why):
        joined(WINDOWS, first_ticks, name="zone")


def test_windows_without_an_index_are_traces_of_their_own(tmp_path: Path) -> None:
    for zone, text in (("x-1a_v100.txt", "7 1 1 1\n8 0 1 1\n"), ("x-1b_v100.txt", "7 0 1 1\n8 0 1 1\n")):
        (tmp_path / zone).write_text(text, encoding="ascii")
    by_zone = traces.zones(tmp_path)
    assert list(by_zone) == ["x-1a/7", "x-1a/8", "x-1b/7", "x-1b/8"]
    whole, second = ((0, 2 * TICK),), ((TICK, 2 * TICK),)
    assert {place: trace.periods for place, trace in traces.regions(by_zone).items()} == {
        "x-1/7": whole,
        "x-1/8": second,
    }


def test_a_deadline_that_no_trace_is_long_enough_for_is_left_out() -> None:
    by_place = {"short": replace(ALWAYS, length=50 * HOUR), "long": ALWAYS}
    found = [len([*cases(by_place, work=48, deadline=deadline, starts=4)]) for deadline in (49, 52, 61)]
    assert found == [4, 4, 0]
    measured = measure(by_place, "on-demand only", work=48, starts=2)
    assert {deadline for deadline, _ in measured} == {52, 60}


def test_a_region_is_available_where_a_zone_is() -> None:
    one, other = Trace(periods=((0, 4), (8, 9)), length=20), Trace(periods=((2, 6), (9, 12)), length=20)
    assert union([one, other]).periods == ((0, 6), (8, 12))
    assert set(traces.regions(ZONES)) == {"us-east-1", "us-east-2", "us-west-2"}


def test_a_trace_can_be_read_from_any_moment() -> None:
    later = GAP.starting_at(HOUR)
    assert later.periods == ((0, HOUR), (2 * HOUR, 9 * HOUR))
    found = [later.period_from(moment * HOUR) for moment in (0, 1, 3, 9)]
    assert found == [(0, HOUR), (2 * HOUR, 9 * HOUR), (3 * HOUR, 9 * HOUR), None]
    assert [GAP.available_until(moment * HOUR) for moment in (1, 2, 3, 4)] == [3600, 7200, 7200, 10800]


def test_an_interrupted_job_continues_from_its_last_checkpoint() -> None:
    jobs = Jobs(Request.spot(10 * HOUR))
    outcome = play(WORLD, case(GAP), jobs)
    # 6480 s of work until the interruption, 6300 of them in the seventh checkpoint; 8100 s are left.
    assert outcome.finished == 3 * HOUR + 720 + 8100
    assert outcome.cost == pytest.approx((7200 + 720 + 8100) / HOUR * WORLD.spot_price)
    assert jobs.ledger.jobs[0].transitions == [
        ("Starting", 0),
        ("Downloading", 0),
        ("Training", 720),
        ("Interrupted", 7200),
        ("Starting", 7260),
        ("Downloading", 10800),
        ("Training", 11520),
        ("Completed", 19620),
    ]
    assert jobs.ledger.checkpoints[:8] == [*((720 + n * 900, n * 900) for n in range(1, 8)), (12420, 7200)]


def test_what_is_saved_at_the_interruption_is_not_lost() -> None:
    world = World(overhead=720, checkpoint_every=0)
    assert play(world, case(GAP), Jobs(Request.spot(10 * HOUR))).finished == 3 * HOUR + 720 + 4 * HOUR - 6480


def test_a_framework_may_keep_two_checkpoints() -> None:
    jobs = Jobs(Request.spot(HOUR))
    play(World(overhead=720, kept=2), case(ALWAYS), jobs)
    assert jobs.ledger.checkpoints == [(2520, 1800), (3420, 2700)]


def test_hidden_overhead_shows_as_training() -> None:
    jobs = Jobs(Request.spot(HOUR))
    play(World(overhead=720, hidden=0.5), case(ALWAYS), jobs)
    assert ("Training", 360) in jobs.ledger.jobs[0].transitions
    assert jobs.ledger.checkpoints[0] == (1620, 900)


def test_maxwait_counts_from_the_creation_and_ends_a_job_that_trains() -> None:
    jobs = Jobs(Request.spot(HOUR))
    outcome = play(WORLD, case(GAP.starting_at(2 * HOUR + 1800)), jobs)
    assert outcome.finished is None
    assert jobs.ledger.jobs[0].transitions[-2:] == [("Stopping", 3600), ("MaxWaitTimeExceeded", 3660)]
    assert outcome.cost == pytest.approx(1860 / HOUR * WORLD.spot_price)


def test_the_next_job_follows_after_the_stop_and_the_reaction() -> None:
    outcome = play(WORLD, case(NEVER), Jobs(Request.spot(HOUR), ON_DEMAND))
    assert (outcome.finished, outcome.jobs) == (HOUR + 60 + 60 + 120 + 720 + 4 * HOUR, 2)


def test_a_sweep_comes_every_five_minutes() -> None:
    jobs = Jobs(Request.spot(HOUR))
    play(WORLD, case(NEVER), jobs)
    assert jobs.asked == [*range(jobs.asked[0], HOUR, 300)]
    assert 0 < jobs.asked[0] <= 300


@pytest.mark.parametrize("blind", [0, 2 * HOUR], ids=["beside sweeps", "without sweeps"])
def test_a_schedule_fires_once_and_needs_no_sweep(blind: int) -> None:
    at = 1234
    jobs, alone = Jobs(Request.spot(HOUR), at=at), Jobs(Request.spot(HOUR))
    for each in (jobs, alone):
        play(replace(WORLD, blind=blind), case(NEVER), each)
    assert jobs.asked == sorted([*alone.asked, at])
    assert len(alone.asked) == (0 if blind else 12)


@pytest.mark.parametrize("blind", [0, 1800, 3000])
def test_respot_stops_a_wait_in_time_although_sweeps_fail(blind: int) -> None:
    """The first sweep that works leaves a schedule."""
    for seed in range(30):
        each = Case(trace=NEVER, work=4 * HOUR, deadline=10 * HOUR, seed=seed)
        outcome = play(replace(WORLD, blind=blind), each, product.placed_by_respot())
        assert outcome.finished is not None
        # The latest start is 59 min before the last moment.
        assert 50 * 60 < each.deadline - outcome.finished <= 64 * 60


def test_maxruntime_counts_only_time_with_instances() -> None:
    late = Trace(periods=((HOUR, 2 * HOUR - 600), (3 * HOUR, 9 * HOUR)), length=60 * HOUR)
    jobs = Jobs(Request.spot(9 * HOUR, max_runtime=HOUR))
    play(WORLD, case(late), jobs)
    assert jobs.ledger.jobs[0].transitions[-2:] == [("Stopping", 11400), ("MaxRuntimeExceeded", 11460)]


def test_on_demand_only_costs_the_work_and_one_overhead() -> None:
    outcome = play(WORLD, case(NEVER), published.OnDemandOnly)
    assert (outcome.finished, outcome.jobs) == (120 + 720 + 4 * HOUR, 1)
    assert outcome.cost == pytest.approx((720 + 4 * HOUR) / HOUR * WORLD.on_demand_price)


def test_the_wait_for_on_demand_instances_lies_between_its_bounds() -> None:
    world = World(overhead=0, launch=(1680, 3480))
    waits = {play(world, Case(trace=NEVER, work=1, deadline=1, seed=n), Jobs(ON_DEMAND)).finished for n in range(40)}
    assert len(waits) > 20
    assert all(wait is not None and 1681 <= wait <= 3481 for wait in waits)


def test_native_spot_waits_until_the_deadline() -> None:
    assert play(WORLD, case(NEVER), published.NativeSpot).finished is None
    assert play(WORLD, case(GAP), published.NativeSpot).finished == 19620


@pytest.mark.parametrize("policy", [published.Greedy, published.UniformProgress])
def test_published_policies_use_only_spot_where_it_is_always_there(policy: Policy) -> None:
    outcome = play(PUBLISHED, case(ALWAYS), policy)
    assert (outcome.finished, outcome.jobs) == (720 + 4 * HOUR, 1)
    assert outcome.cost == pytest.approx((720 + 4 * HOUR) / HOUR * PUBLISHED.spot_price)


def test_greedy_waits_until_the_safety_net() -> None:
    outcome = play(PUBLISHED, case(NEVER), published.Greedy)
    # It may waste 10 h - 4 h - 2 d - 2 sweeps = 20040 s, and notices within a sweep of 60 s.
    assert outcome.finished is not None
    assert 20040 < outcome.finished - 720 - 4 * HOUR <= 20100
    assert outcome.cost == pytest.approx((720 + 4 * HOUR) / HOUR * PUBLISHED.on_demand_price)


def test_uniform_progress_starts_on_demand_if_there_is_no_spot() -> None:
    late = Trace(periods=((5 * HOUR, 10 * HOUR),), length=60 * HOUR)
    outcome = play(PUBLISHED, case(late, work=6), published.UniformProgress)
    # On demand from 0 to 5 h (4.8 h of work), then 1.2 h on spot; each start takes 0.2 h, and sweeps up to 2 min.
    assert outcome.jobs == 3
    assert outcome.finished == pytest.approx(6.4 * HOUR, abs=120)
    assert outcome.cost == pytest.approx(5 * 3.06 + 1.4 * 0.9731, rel=0.02)


def test_uniform_progress_stays_on_demand_until_it_is_ahead_by_two_overheads() -> None:
    early = Trace(periods=((HOUR // 2, 10 * HOUR),), length=60 * HOUR)
    outcome = play(PUBLISHED, case(early, work=6), published.UniformProgress)
    # cp(t) = t - 0.2 h, ep(t + 2 d) = 0.6 (t + 0.4 h): equal at t = 1.1 h.
    assert outcome.cost == pytest.approx(1.1 * 3.06 + (6 - 0.9 + 0.2) * 0.9731, rel=0.02)


def test_one_way_uniform_progress_does_not_leave_on_demand() -> None:
    early = Trace(periods=((HOUR // 2, 10 * HOUR),), length=60 * HOUR)
    outcome = play(PUBLISHED, case(early, work=6), published.UniformProgressOneWay)
    assert outcome.jobs == 2
    assert outcome.cost == pytest.approx((6 * HOUR + 720) / HOUR * PUBLISHED.on_demand_price, rel=0.02)


@pytest.mark.parametrize("work", [8, 48])
@pytest.mark.parametrize("by_place", [ZONES, traces.regions(ZONES)], ids=["zones", "unions"])
def test_respot_costs_less_than_uniform_progress_that_cannot_see_spot_either(
    by_place: dict[str, Trace], work: float
) -> None:
    """With the same frictions; the published one is cheaper, as it sees spot while it is on demand."""
    spent = {
        name: sum(each.cost for cell in measure(by_place, name, work=work, starts=15).values() for each in cell)
        for name in ("Respot places every attempt", "Uniform Progress, one way", "Uniform Progress")
    }
    respot, one_way, published_one = spent.values()
    assert published_one < respot < one_way


@pytest.mark.parametrize("seed", range(20))
def test_the_optimum_is_what_a_dynamic_program_finds(seed: int) -> None:
    random = Random(seed)  # noqa: S311 - which hours have spot
    hours = [random.random() < 0.5 for _ in range(12)]
    trace = union(
        [Trace(periods=((n * HOUR, (n + 1) * HOUR),), length=12 * HOUR) for n in range(12) if hours[n]] or [NEVER]
    )
    work = random.randint(1, 12)
    least = {0: 0.0}  # by the hours of work done
    for has_spot in hours:
        following: dict[int, float] = {}
        for done, cost in least.items():
            price = WORLD.spot_price if has_spot else WORLD.on_demand_price
            for more, added in ((0, 0.0), (1, WORLD.on_demand_price), (1, price)):
                following[done + more] = min(cost + added, following.get(done + more, cost + added))
        least = following
    assert published.optimum(WORLD, case(trace, work=work, deadline=12)) == pytest.approx(least[work])


def some_cases() -> Iterator[Case]:
    for work, deadlines in DEADLINES.items():
        for deadline in deadlines:
            yield from cases(ZONES, work=work, deadline=deadline, starts=3)


@pytest.mark.parametrize("name", POLICIES)
def test_nobody_in_time_is_below_the_optimum(name: str) -> None:
    policy, is_published = POLICIES[name]
    world = PUBLISHED if is_published else WORLD
    in_time = 0
    for each in some_cases():
        outcome = play(world, each, policy)
        if outcome.finished is not None and outcome.finished <= each.deadline:
            in_time += 1
            assert outcome.cost >= published.optimum(world, each)
    assert in_time > 0


@pytest.mark.parametrize("name", ["greedy, published", "Uniform Progress, published"])
def test_the_published_policies_are_never_late_in_their_own_world(name: str) -> None:
    results = measure(ZONES, name, work=8, starts=30)
    assert not any(each.missed for cell in results.values() for each in cell)


def test_respot_sees_nothing_but_the_ledger() -> None:
    first = product.placed_by_respot()(WORLD, case(NEVER), Blind()).first()
    # 10 h, and a reserve of 2 + 12 + 15 + 10 + 20 min; MaxRuntime is twice the work, and a start.
    assert first == Request(market=Market.SPOT, max_runtime=8 * HOUR + 720, max_wait=10 * HOUR + 59 * 60)


def test_respot_goes_on_demand_in_time_if_there_is_no_spot() -> None:
    outcome = play(World(overhead=300), case(NEVER), product.placed_by_respot())
    assert outcome.finished is not None
    assert outcome.finished <= 10 * HOUR
    assert outcome.cost == pytest.approx((300 + 4 * HOUR) / HOUR * WORLD.on_demand_price)
    assert outcome.jobs == 2


def test_the_users_own_first_job_has_a_maxwait_of_the_work_and_two_hours() -> None:
    first = product.after_own_first_job()(WORLD, case(NEVER), Blind()).first()
    assert first == Request(market=Market.SPOT, max_runtime=6 * HOUR, max_wait=6 * HOUR)


def test_respot_stops_a_wait_at_the_first_sweep_after_its_latest_on_demand_start() -> None:
    """10 h - 4 h - 12 min for a start - 2 for the wait - 5 for the switch - a reserve of 59 min: at 4 h 42 min."""
    stopped: list[int] = []
    policy = product.after_own_first_job()

    def watched(world: World, each: Case, truth: Truth) -> Controller:
        own = policy(world, each, truth)
        stops = own.stops

        def noted(ledger: Ledger, now: int) -> bool:
            stop = stops(ledger, now)
            stopped.extend([now] if stop else [])
            return stop

        own.stops = noted  # type: ignore[method-assign]
        return own

    assert play(WORLD, case(NEVER), watched).finished is not None
    assert len(stopped) == 1
    assert 0 < stopped[0] - (4 * HOUR + 42 * 60) <= WORLD.sweep


def test_respot_stops_a_wait_at_the_first_sweep_after_its_limit() -> None:
    watched = Watched(case(NEVER))
    outcome = play(WORLD, case(NEVER), lambda *_: watched)
    assert watched.stopped == ["Starting"]
    assert outcome.finished is not None
    assert 0 < outcome.finished - (HOUR + 60 + 60 + 120 + 720 + 4 * HOUR) <= WORLD.sweep


def test_an_interruption_is_known_before_the_next_sweep() -> None:
    jobs = Jobs(Request.spot(10 * HOUR))
    play(replace(WORLD, blind=2 * HOUR), case(GAP), jobs)
    assert jobs.asked == [2 * HOUR + WORLD.reaction]


def test_respot_stops_a_wait_that_no_sweep_sees() -> None:
    """The latest on-demand start passes while the job trains; the instances are back within four minutes."""
    periods = ((0, 3 * HOUR), (3 * HOUR + 240, 20 * HOUR))
    each = case(Trace(periods=periods, length=60 * HOUR), work=8, deadline=9)
    watched = Watched(each)
    play(replace(WORLD, blind=2 * HOUR), each, lambda *_: watched)
    assert watched.stopped == ["Interrupted"]


def test_respot_never_stops_a_job_that_trains() -> None:
    stopped: list[str] = []
    for each in some_cases():
        watched = Watched(each)
        play(WORLD, each, lambda *_, watched=watched: watched)
        stopped += watched.stopped
    assert set(stopped) == {"Starting", "Interrupted"}


def test_the_planner_sees_each_attempt_from_its_own_creation_to_its_own_end() -> None:
    most = 0
    for each in some_cases():
        respot = product.Respot(each, product.settings(each), world=WORLD, own_first_job=False)
        play(WORLD, each, lambda *_, respot=respot: respot)
        most = max(most, len(respot.ended))
        assert all(ended.state.job.created == ended.transitions[0].started for ended in respot.ended)
        assert all(one.ended <= other.state.job.created for one, other in pairwise(respot.ended))
    assert most == 2


def test_the_figures_count_what_was_missed_and_what_it_cost() -> None:
    result = Result(late=-1, cost=2.0, optimum=1.0, on_demand=4.0, jobs=1)
    late, never = replace(result, late=90, cost=5.0, jobs=3), replace(result, late=None, cost=2.0, jobs=5)
    assert figures([result, result, late, never]) == {
        "runs": 4,
        "missed %": 50,
        "missed by more %": 50,
        "never done %": 25,
        "latest, min": 1.5,
        "above optimum %": 175,
        "worst, % of on-demand": 125,
        "jobs": 2.5,
        "most jobs": 5,
    }


def counted(policy: Policy, world: World, starts: int) -> list[Result]:
    """Runs whose deadline on-demand alone would have met."""
    return [
        result
        for by_place in (ZONES, traces.regions(ZONES))
        for work, deadlines in DEADLINES.items()
        for deadline in deadlines
        for each in cases(by_place, work=work, deadline=deadline, starts=starts)
        if (result := run(world, each, policy)).on_demand_in_time
    ]


@pytest.mark.parametrize("overhead", OVERHEADS)
def test_no_deadline_is_missed_in_the_measured_world(overhead: float) -> None:
    results = counted(product.placed_by_respot(), World(overhead=round(overhead * HOUR)), starts=20)
    assert [result.late for result in results if result.missed] == []
    assert max(result.jobs for result in results) <= 2
    assert max(result.cost / result.on_demand for result in results) <= 1.1


@pytest.mark.parametrize(
    "scenario", sorted(scenario for scenario, limit in LIMITS.items() if not limit.missed and scenario != "measured")
)
def test_no_deadline_is_missed_in_a_scenario(scenario: str) -> None:
    results = counted(product.placed_by_respot(), replace(WORLD, **SCENARIOS[scenario]), starts=4)
    assert [result.late for result in results if result.missed] == []


def test_the_users_own_first_job_meets_a_deadline_with_room_for_a_fruitless_start() -> None:
    """One that trains from the beginning is not stopped: without that room, its owner has taken the risk."""
    results = [
        run(WORLD, each, product.after_own_first_job())
        for work, deadlines in DEADLINES.items()
        for deadline in deadlines
        for each in cases(ZONES, work=work, deadline=deadline, starts=8)
        if each.deadline - each.work > 2 * HOUR - 60
    ]
    assert len(results) == 56
    assert [result.late for result in results if result.missed] == []


@pytest.mark.parametrize("share", [0.02, 0.05, 0.1, 0.2])
def test_a_run_is_late_by_less_than_the_work_that_its_owner_did_not_state(share: float) -> None:
    results = counted(product.placed_by_respot(), replace(WORLD, stated=1 / (1 + share)), starts=4)
    assert any(result.missed for result in results)
    assert [result.late for result in results if result.missed_by_more] == []


def test_what_a_run_is_late_by_is_compared_with_the_work_that_nobody_stated() -> None:
    result = Result(late=600, cost=2.0, optimum=1.0, on_demand=4.0, jobs=1, unstated=600)
    assert (result.missed, result.missed_by_more) == (True, False)
    assert replace(result, late=601).missed_by_more
    assert replace(result, late=None).missed_by_more
    assert not replace(result, late=0, unstated=0).missed
    found = figures([result, replace(result, late=601)])
    assert (found["missed %"], found["missed by more %"]) == (100, 50)
    assert Limit(missed=100, latest=20).excess("x", found | {"worst, % of on-demand": 1, "most jobs": 1}) == [
        "x: missed by more % is 50.00, and 0 is allowed"
    ]


def test_a_limit_names_what_is_beyond_it() -> None:
    late = {
        "missed %": 1.0,
        "missed by more %": 0.0,
        "latest, min": 3.0,
        "worst, % of on-demand": 100,
        "most jobs": 2,
        "above greedy %": 9,
    }
    assert Limit().excess("x", late) == [
        "x: missed % is 1.00, and 0 is allowed",
        "x: latest, min is 3.00, and 0 is allowed",
    ]
    assert Limit(missed=1, latest=3, above_greedy=8).excess("x", late) == [
        "x: above greedy % is 9.00, and 8 is allowed"
    ]
    assert LIMITS.keys() == SCENARIOS.keys()


@pytest.mark.parametrize(("allowed", "code"), [(10.0, 0), (-1.0, 1)])
def test_the_command_fails_beyond_a_limit(
    allowed: float, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("local.backtest.__main__.SCENARIOS", {"measured": {}})
    monkeypatch.setattr("local.backtest.__main__.LIMITS", {"measured": Limit(above_greedy=50, missed=allowed)})
    figures = tmp_path / "figures.json"
    assert main(["--judge", "--starts", "1", "--figures", str(figures)]) == code
    found = json.loads(figures.read_text(encoding="utf-8"))
    assert (found["measured, zones: runs"], found["beyond limits"]) == (24, 2 * code)


def test_instances_that_are_prepared_do_not_show_yet() -> None:
    jobs = Jobs(Request.spot(10 * HOUR))
    outcome = play(World(overhead=720, preparing=1800), case(GAP.starting_at(HOUR)), jobs)
    assert ("Downloading", 1800) in jobs.ledger.jobs[0].transitions
    assert outcome.finished == 2 * HOUR + 1800 + 720 + 4 * HOUR - 900


def test_sweeps_may_fail_for_half_an_hour() -> None:
    jobs = Jobs(Request.spot(4 * HOUR))
    play(World(overhead=720, blind=1800), case(NEVER), jobs)
    gaps = [later - now for now, later in pairwise(jobs.asked)]
    assert max(gaps) in {2100, 1800}
    assert gaps.count(300) > 30


def test_a_throttled_creation_is_late() -> None:
    def done(seed: int) -> int | None:
        each = Case(trace=NEVER, work=HOUR, deadline=10 * HOUR, seed=seed)
        return play(World(overhead=0, throttled=900), each, Jobs(Request.spot(HOUR), ON_DEMAND)).finished

    late = {(done(seed) or 0) - (HOUR + 60 + 60 + 120 + HOUR) for seed in range(30)}
    assert len(late) > 20
    assert min(late) >= 0
    assert max(late) <= 900


def test_a_run_is_the_same_each_time() -> None:
    name = "Respot places every attempt"
    assert measure(ZONES, name, work=8, starts=2) == measure(ZONES, name, work=8, starts=2)


def test_the_command_prints_a_table_and_leaves_figures(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    figures = tmp_path / "figures.json"
    assert main(["--starts", "2", "--only", "on-demand only", "--figures", str(figures)]) == 0
    assert "8 h of work, unions of zones, world: measured" in capsys.readouterr().out
    found = json.loads(figures.read_text(encoding="utf-8"))
    assert found["on-demand only, zones, 48 h: missed %"] == 0
    assert found["on-demand only, zones, 48 h: above optimum %"] > 0
