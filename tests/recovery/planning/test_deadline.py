"""A deadline decides between spot and on-demand, and says what it calculates."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from respot.jobs.job import Market
from respot.recovery.planning.deadline import HANDOVER, SPARE, SWEEP_INTERVAL, deadline_of
from respot.recovery.planning.decision import Action, Decision, Placement, RefusedPool
from respot.recovery.planning.ending import Budget, Trigger
from respot.recovery.planning.estimates import ASSUMED_GPU_WAIT
from respot.recovery.planning.placement import LONGEST
from respot.recovery.planning.work import ASSUMED_INTERVAL, ASSUMED_OVERHEAD
from respot.recovery.policy.policy import BackOff, Policy, WhenMissed, parse_ladder
from tests.support.builders import at
from tests.support.decisions import NEVER, SAVED, decide, ending
from tests.support.runs import ENDED, HOUR, NEVER_LAUNCHED, OUT_OF_TIME, attempt, repeated, run, saved, without_pause

PROVED = timedelta(seconds=6510) - ASSUMED_OVERHEAD
WORK = PROVED + timedelta(hours=4)
OVERHEAD = timedelta(minutes=4)
WAIT = timedelta(minutes=6)
NEEDED = timedelta(hours=4) + OVERHEAD + WAIT
"""What is left of the work after what is proved, and a start on demand."""
RESERVE = WAIT + OVERHEAD + ASSUMED_INTERVAL + 2 * SWEEP_INTERVAL + SPARE
SPOT = (HANDOVER + RESERVE).total_seconds()
"""From this slack on, beyond what on-demand needs, there is room for spot."""


def with_deadline(left: float, **others: Any) -> Decision:  # noqa: ANN401
    """The decision with this many seconds left beyond what on-demand needs."""
    known: dict[str, Any] = {"deadline": ENDED + NEEDED + timedelta(seconds=left), "work": WORK}
    return decide(**(known | {"restart_overhead": OVERHEAD, "on_demand_wait": WAIT} | others))


def placed(decision: Decision) -> Placement:
    assert decision.placement is not None, decision.reason
    return decision.placement


@pytest.mark.parametrize(
    ("left", "market", "warned"),
    [
        pytest.param(-1, Market.ON_DEMAND, True, id="a second too late"),
        pytest.param(0, Market.ON_DEMAND, False, id="just in time"),
        pytest.param(SPOT - 1, Market.ON_DEMAND, False, id="no room for one fruitless start"),
        pytest.param(SPOT, Market.SPOT, False, id="room for one"),
    ],
)
def test_spot_needs_room_for_one_fruitless_start(left: float, market: Market, *, warned: bool) -> None:
    decision = with_deadline(left)

    assert placed(decision).market is market
    assert (placed(decision).max_wait is None) is (market is Market.ON_DEMAND)
    assert (decision.action, decision.notify) == (Action.RESUBMIT, False)
    assert (decision.warning is not None) is warned


@pytest.mark.parametrize(("minutes", "longer"), [(1, 0), (5, 0), (20, 30), (60, 110)], ids=lambda each: f"{each} min")
def test_the_reserve_has_two_intervals_of_sweeps(minutes: int, longer: int) -> None:
    around = {"sweep_interval": timedelta(minutes=minutes)}
    for short, market in ((1, Market.ON_DEMAND), (0, Market.SPOT)):
        assert placed(with_deadline(SPOT + longer * 60 - short, around=around)).market is market


@pytest.mark.parametrize(
    ("left", "settings", "wait"),
    [
        pytest.param(SPOT, {}, NEEDED + HANDOVER + 2 * RESERVE, id="the time left, and the reserve"),
        pytest.param(SPOT, {"when_deadline_missed": WhenMissed.STOP}, NEEDED + HANDOVER + RESERVE, id="the time left"),
        pytest.param(90 * 24 * HOUR, {}, LONGEST, id="SageMaker's most"),
    ],
)
def test_sagemaker_ends_no_spot_job_that_is_nearly_done(left: float, settings: dict[str, Any], wait: timedelta) -> None:
    placement = placed(with_deadline(left, **settings))
    assert placement.max_wait == wait
    assert placement.max_runtime <= wait


def test_max_wait_is_never_below_the_work_that_is_left() -> None:
    none = {"refused_pools": (RefusedPool(market=Market.ON_DEMAND, instance_type=None, why="a quota of 0"),)}
    decision = with_deadline(-2 * HOUR, around=none)
    assert placed(decision).market is Market.SPOT
    assert placed(decision).max_wait == timedelta(hours=4) + OVERHEAD
    assert "no on-demand pool can be used" in (decision.warning or "")


@pytest.mark.parametrize(
    ("settings", "runtime"),
    [
        pytest.param({"work": WORK}, timedelta(hours=5) + OVERHEAD, id="the work is set"),
        pytest.param({"work": None}, timedelta(hours=4), id="MaxRuntime is taken for it: the user's own cap"),
        pytest.param({"work": WORK, "max_billable_hours": 6.5}, timedelta(hours=4.5), id="within the hours allowed"),
        pytest.param({"work": WORK, "max_billable_hours": 3}, timedelta(hours=4), id="never below the user's own"),
        pytest.param({"work": timedelta(hours=3)}, timedelta(hours=4), id="the user's own is enough"),
    ],
)
def test_max_runtime_on_demand_covers_the_work_that_is_known(settings: dict[str, Any], runtime: timedelta) -> None:
    trained = ending("Stopped", "MaxWaitTimeExceeded", billable_time=timedelta(hours=2))
    decision = with_deadline(0, what=trained, ladder=parse_ladder("on-demand"), **settings)
    assert placed(decision).max_runtime == runtime
    assert ("instead of 4 h 00 min, for the work that is left" in decision.reason) is (runtime > timedelta(hours=4))


def test_max_runtime_on_spot_has_room_for_interruptions() -> None:
    """Each start counts in it, and each loss: one that is reached makes a third job."""
    placement = placed(with_deadline(20 * HOUR))
    assert (placement.market, placement.max_runtime) == (Market.SPOT, timedelta(hours=8) + OVERHEAD)


def test_max_runtime_remains_the_users_own_while_the_work_is_not_known() -> None:
    for work, runtime in ((None, timedelta(hours=4)), (timedelta(hours=4), timedelta(hours=5) + OVERHEAD)):
        decision = with_deadline(0, what=NEVER, work=work, ladder=parse_ladder("on-demand"), back_off=without_pause())
        assert placed(decision).max_runtime == runtime


def test_training_that_was_lost_shows_a_longer_interval_between_checkpoints() -> None:
    life = "Starting=0 Downloading=100 Training=340 Interrupted=9340 Starting=9340 MaxWaitTimeExceeded=21600"
    lost = with_deadline(SPOT, what=run(attempt(life), checkpoints=(saved(940),)), work=timedelta(hours=9))
    # 8,400 s were trained after the newest checkpoint: 2 h 20 min, and 15 min are assumed without that.
    assert lost.inputs["reserve"] == "3 h 00 min"


NEEDS = (
    "4 h 10 min needed on demand (work 4 h 00 min, overhead 4 min: set by the policy, wait for on-demand 6 min: set by "
    "the policy)"
)


@pytest.mark.parametrize(
    ("left", "until", "said"),
    [
        (
            SPOT,
            "5 h 10 min left until 2026-09-16 20:10 UTC",
            "slack 55 min, reserve 55 min: spot, and on demand at 202",
        ),
        (360, "4 h 16 min left until 2026-09-16 19:16 UTC", "slack 1 min, reserve 55 min: on demand from here"),
        (-60, "4 h 09 min left until 2026-09-16 19:09 UTC", "no slack, 6 min too little, reserve 55 min: on demand at"),
        (
            -5 * HOUR,
            "2026-09-16 14:10 UTC was 50 min ago",
            "no slack, 5 h 05 min too little, reserve 55 min: on demand",
        ),
    ],
)
def test_the_reason_shows_the_calculation(left: float, until: str, said: str) -> None:
    assert with_deadline(left).reason.startswith(f"ran out of waiting time; {until}, {NEEDS}; {said}")


@pytest.mark.parametrize(
    ("left", "said"),
    [
        pytest.param(-60, "the deadline is at risk: 4 h 09 min left", id="by estimates that may be too high"),
        pytest.param(-601, "the deadline cannot be met any more: 3 h 59 min left", id="no start is that fast"),
    ],
)
def test_a_deadline_that_may_be_missed_is_reported(left: float, said: str) -> None:
    late = with_deadline(left, what=run(attempt(NEVER_LAUNCHED)), work=timedelta(hours=4))
    assert (late.warning or "").startswith(said)


@pytest.mark.parametrize(
    ("left", "action"),
    [
        pytest.param(-360, Action.RESUBMIT, id="the wait for on-demand is only estimated"),
        pytest.param(-361, Action.REFUSE, id="too late for the overhead that this run has shown"),
    ],
)
def test_a_run_ends_only_once_its_deadline_cannot_be_met(left: float, action: Action) -> None:
    decision = with_deadline(left, when_deadline_missed=WhenMissed.STOP)
    assert decision.action is action
    assert action is Action.RESUBMIT or decision.reason.startswith("the deadline cannot be met any more")


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"max_attempts": 2}, id="the last attempt"),
        pytest.param({"budgets": dict.fromkeys(Budget, 9) | {Budget.CAPACITY: 0}}, id="no budget for want of capacity"),
        pytest.param({"budgets": dict.fromkeys(Budget, 9) | {Budget.INTERRUPTION: 1}}, id="none for interruptions"),
        pytest.param(
            {"what": ending("Failed", reason="CapacityError: x"), "triggers": frozenset({Trigger.CAPACITY_ERROR})},
            id="no attempt after its MaxWait",
        ),
    ],
)
def test_spot_is_not_tried_where_nothing_may_follow_it(settings: dict[str, Any]) -> None:
    decision = with_deadline(9 * HOUR, back_off=without_pause(), **settings)

    assert placed(decision).market is Market.ON_DEMAND
    assert "; slack 8 h 55 min, reserve 55 min, and nothing may follow a spot attempt: on demand" in decision.reason


@pytest.mark.parametrize(
    ("words", "slack", "pool"),
    [
        pytest.param("spot:3 on-demand/ml.p4d.24xlarge", 0, "ml.p4d.24xlarge", id="the ladder's on-demand pool"),
        pytest.param("spot/ml.g5.4xlarge", 0, "ml.g5.2xlarge", id="no on-demand pool: the job's own type"),
        pytest.param("spot:1 on-demand/ml.p4d.24xlarge", 9 * HOUR, "ml.p4d.24xlarge", id="the rung itself"),
        pytest.param("on-demand:1 on-demand/ml.p4d.24xlarge", 0, "ml.p4d.24xlarge", id="the rung before the ladder"),
        pytest.param("spot:1", 0, "ml.g5.2xlarge", id="the ladder is at its end"),
    ],
)
def test_the_on_demand_pool_is_the_ladders_if_it_has_one(words: str, slack: float, pool: str) -> None:
    placement = placed(with_deadline(slack, ladder=parse_ladder(words)))
    assert (placement.market, placement.instance_type) == (Market.ON_DEMAND, pool)


def test_a_deadline_never_moves_an_on_demand_job_to_spot() -> None:
    own = run(attempt(market=Market.ON_DEMAND, max_wait=None), checkpoints=(SAVED,))
    assert placed(with_deadline(99 * HOUR, what=own)).market is Market.ON_DEMAND


@pytest.mark.parametrize(
    ("left", "least", "most"),
    [
        pytest.param(SPOT + HOUR, 450, 900, id="time enough: the whole pause"),
        pytest.param(SPOT + 100, 100, 100, id="until the latest start on demand"),
        pytest.param(SPOT, None, None, id="no time: at once"),
        pytest.param(-HOUR, None, None, id="too late: at once"),
    ],
)
@pytest.mark.parametrize("market", Market)
def test_a_pause_never_costs_the_deadline(left: float, least: float | None, most: float, market: Market) -> None:
    lost = ending("Failed", reason="CapacityError: none", market=market)
    long = dict.fromkeys(Budget, BackOff(first=timedelta(seconds=900), longest=timedelta(seconds=900)))

    decision = with_deadline(left, what=lost, back_off=long)

    if least is None:
        assert decision.action is Action.RESUBMIT
    else:
        assert (decision.action, decision.until is None) == (Action.WAIT, False)
        assert least <= ((decision.until or ENDED) - ENDED).total_seconds() <= most


def test_half_an_hour_is_assumed_for_a_start_and_an_hour_for_gpus_on_demand() -> None:
    inputs = decide(NEVER, deadline=timedelta(hours=20), work=timedelta(hours=3), back_off=without_pause()).inputs
    assert inputs["restart_overhead"] == "30 min: assumed, nothing better is known"
    assert inputs["on_demand_wait"] == "1 h 00 min: assumed for GPU types, nothing better is known"
    assert (timedelta(minutes=30), timedelta(minutes=60)) == (ASSUMED_OVERHEAD, ASSUMED_GPU_WAIT)


def test_the_expected_work_is_the_jobs_maximum_runtime_unless_said() -> None:
    assert decide(NEVER).inputs["work_expected"] == "4 h 00 min"
    assert decide(run(attempt(NEVER_LAUNCHED, max_runtime=None))).inputs["work_expected"] == "1 d 00 h"


def test_more_work_done_than_expected_needs_no_time_but_to_restart() -> None:
    decision = with_deadline(0, work=timedelta(seconds=60))
    assert "10 min needed on demand (work 0 s" in decision.reason


@pytest.mark.parametrize(
    ("hours", "when_missed", "action"),
    [
        pytest.param(9, WhenMissed.STOP, Action.RESUBMIT, id="it can be met from scratch"),
        pytest.param(3, WhenMissed.ON_DEMAND, Action.RESUBMIT, id="it cannot, and the run continues on demand"),
        pytest.param(3, WhenMissed.STOP, Action.REFUSE, id="it cannot, and the run ends"),
    ],
)
def test_a_deadline_leads_to_on_demand_rather_than_to_a_refusal_for_want_of_a_checkpoint(
    hours: float, when_missed: WhenMissed, action: Action
) -> None:
    deadline, work = ENDED + timedelta(hours=hours), timedelta(hours=4)
    decision = decide(run(), deadline=deadline, when_deadline_missed=when_missed, work=work)
    assert decision.action is action
    if action is Action.RESUBMIT:
        assert "the next attempt would start from scratch" in (decision.warning or "")
        assert placed(decision).market is Market.ON_DEMAND


@pytest.mark.parametrize(
    ("settings", "action"),
    [
        pytest.param({"work": WORK}, Action.RESUBMIT, id="the work is not done"),
        pytest.param({"work": timedelta(hours=1)}, Action.RESUBMIT, id="its owner's figure was too low"),
        pytest.param({"work": None}, Action.REFUSE, id="it is not known"),
        pytest.param({"work": WORK, "deadline": None}, Action.REFUSE, id="there is no deadline"),
    ],
)
def test_a_deadline_outranks_a_maximum_runtime_that_was_too_short(settings: dict[str, Any], action: Action) -> None:
    too_short = with_deadline(0, what=ending("Stopped", "MaxRuntimeExceeded"), back_off=without_pause(), **settings)
    assert too_short.action is action


def test_a_deadline_is_a_moment_or_a_span_from_the_runs_first_job_and_is_said_in_utc() -> None:
    two = run(*repeated(OUT_OF_TIME, 2))
    moments = [deadline_of(two, Policy(deadline=each)) for each in (None, timedelta(hours=10), at(10 * HOUR))]
    assert moments == [None, at(10 * HOUR), at(10 * HOUR)]

    decision = decide(deadline=datetime.fromisoformat("2026-09-17T09:00:00+02:00"))
    assert decision.inputs["deadline"] == "2026-09-17T07:00:00.000Z"
    assert "until 2026-09-17 07:00 UTC" in decision.reason
