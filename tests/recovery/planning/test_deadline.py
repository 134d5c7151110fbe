"""A deadline decides between spot and on-demand, and says what it calculates."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from respot.jobs.job import Market
from respot.recovery.planning.decision import Action, Decision
from respot.recovery.planning.ending import Budget, Trigger
from respot.recovery.planning.placement import ASSUMED_OVERHEAD, HANDOVER, LONGEST, deadline_of
from respot.recovery.policy.policy import BackOff, Policy, WhenMissed, parse_ladder
from tests.support.builders import at
from tests.support.decisions import NEVER, SAVED, TRAINED, decide, ending, outcome
from tests.support.runs import (
    ENDED,
    HOUR,
    NEVER_LAUNCHED,
    OUT_OF_TIME,
    attempt,
    repeated,
    run,
    without_pause,
)

WORK = timedelta(seconds=6510 + 4 * HOUR)
NEEDED = timedelta(seconds=4 * HOUR + 240)
"""What is left of it once 6510 s are proved, and the 240 s that the run has taken to restart."""


def with_deadline(slack: float, **others: Any) -> Decision:  # noqa: ANN401
    """The decision with this many seconds left beyond what on-demand needs."""
    return decide(deadline=ENDED + NEEDED + timedelta(seconds=slack), work=WORK, **others)


MARGIN = HANDOVER.total_seconds()


@pytest.mark.parametrize(
    ("slack", "market", "wait", "warned"),
    [
        pytest.param(-1, Market.ON_DEMAND, None, True, id="a second too late"),
        pytest.param(0, Market.ON_DEMAND, None, False, id="just in time"),
        pytest.param(MARGIN, Market.ON_DEMAND, None, False, id="time to hand over, none for spot"),
        pytest.param(MARGIN + 240, Market.ON_DEMAND, None, False, id="spot would not even start to train"),
        pytest.param(MARGIN + 241, Market.SPOT, 241, False, id="spot for a moment"),
        pytest.param(MARGIN + HOUR, Market.SPOT, HOUR, False, id="spot for an hour"),
    ],
)
def test_spot_gets_the_time_that_on_demand_does_not_need(
    slack: float,
    market: Market,
    wait: float | None,
    warned: bool,  # noqa: FBT001 - a case
) -> None:
    decision = with_deadline(slack)

    assert decision.placement is not None
    assert decision.placement.market is market
    assert decision.placement.max_wait == (None if wait is None else timedelta(seconds=wait))
    assert (decision.warning is not None) is warned


def test_max_runtime_and_max_wait_shrink_together_on_spot_alone() -> None:
    short, long, late = (with_deadline(slack).placement for slack in (MARGIN + HOUR, MARGIN + 9 * HOUR, 0))

    assert short is not None
    assert long is not None
    assert late is not None
    assert (short.max_runtime, short.max_wait) == (timedelta(hours=1), timedelta(hours=1))
    assert (long.max_runtime, long.max_wait) == (timedelta(hours=4), timedelta(hours=9))
    assert (late.max_runtime, late.max_wait) == (timedelta(hours=4), None)


def test_a_deadline_far_away_gives_no_more_than_sagemaker_permits() -> None:
    decision = with_deadline(90 * 24 * HOUR)

    assert decision.placement is not None
    assert decision.placement.max_wait == LONGEST
    assert decision.reason.endswith("spot for at most 28 d 00 h, then on demand")


@pytest.mark.parametrize(
    ("slack", "said"),
    [
        pytest.param(
            MARGIN + HOUR,
            "5 h 09 min left until 2026-09-16 20:09 UTC, 4 h 04 min needed on demand: "
            "spot for at most 1 h 00 min, then on demand",
            id="spot",
        ),
        pytest.param(
            60, "4 h 05 min left until 2026-09-16 19:05 UTC, 4 h 04 min needed on demand: on demand from here", id="now"
        ),
        pytest.param(
            -60, "4 h 03 min left until 2026-09-16 19:03 UTC, 4 h 04 min needed on demand: on demand at once", id="late"
        ),
        pytest.param(
            -5 * HOUR,
            "2026-09-16 14:04 UTC was 56 min ago, 4 h 04 min needed on demand: on demand at once",
            id="over",
        ),
    ],
)
def test_the_reason_shows_the_calculation(slack: float, said: str) -> None:
    assert with_deadline(slack).reason == f"ran out of waiting time; {said}"


def test_a_missed_deadline_is_reported_and_the_run_goes_on_demand() -> None:
    decision = with_deadline(-60)

    assert (decision.action, decision.notify) == (Action.RESUBMIT, False)
    assert decision.warning == (
        "the deadline cannot be met any more: 4 h 03 min left until 2026-09-16 19:03 UTC, 4 h 04 min needed on demand"
    )


def test_a_deadline_that_cannot_be_met_ends_the_run_if_the_policy_prefers() -> None:
    decision = with_deadline(-60, when_deadline_missed=WhenMissed.STOP)

    assert outcome(decision) == (
        Action.REFUSE,
        "the deadline cannot be met any more: 4 h 03 min left until 2026-09-16 19:03 UTC, 4 h 04 min needed on demand",
        True,
    )


def test_the_end_of_the_waiting_time_finds_the_deadline_still_to_be_met() -> None:
    """SageMaker needs minutes to stop a job, and the news of it to arrive: that must not read as a missed deadline."""
    deadline = ENDED + NEEDED + HANDOVER + timedelta(hours=1)
    second = attempt(f"Starting={6 * HOUR + 5} MaxWaitTimeExceeded={7 * HOUR + 5}", number=2)
    what = run(*TRAINED.attempts, second, checkpoints=(SAVED,))

    decision = decide(what, now=at(7 * HOUR + 200), deadline=deadline, work=WORK, when_deadline_missed=WhenMissed.STOP)

    assert decision.placement is not None
    assert (decision.placement.market, decision.warning) == (Market.ON_DEMAND, None)


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"max_attempts": 2}, id="the last attempt"),
        pytest.param({"budgets": dict.fromkeys(Budget, 9) | {Budget.CAPACITY: 0}}, id="no budget for want of capacity"),
        pytest.param({"budgets": dict.fromkeys(Budget, 9) | {Budget.INTERRUPTION: 1}}, id="none for interruptions"),
        pytest.param({"ladder": parse_ladder("spot:2")}, id="the last rung"),
    ],
)
def test_spot_is_not_tried_where_nothing_may_follow_it(settings: dict[str, Any]) -> None:
    decision = with_deadline(9 * HOUR, **settings)

    assert decision.placement is not None
    assert decision.placement.market is Market.ON_DEMAND
    assert decision.reason.endswith(", and nothing may follow a spot attempt: on demand")


def test_spot_is_not_used_if_nothing_may_follow_its_max_wait() -> None:
    lost = ending("Failed", reason="CapacityError: none")
    decision = with_deadline(
        9 * HOUR, what=lost, triggers=frozenset({Trigger.CAPACITY_ERROR}), back_off=without_pause()
    )

    assert decision.placement is not None
    assert decision.placement.market is Market.ON_DEMAND


@pytest.mark.parametrize(
    ("words", "slack", "pool"),
    [
        pytest.param("spot:3 on-demand/ml.p4d.24xlarge", 0, "ml.p4d.24xlarge", id="the ladder's on-demand pool"),
        pytest.param("spot/ml.g5.4xlarge", 0, "ml.g5.2xlarge", id="no on-demand pool: the job's own type"),
        pytest.param("spot:1 on-demand/ml.p4d.24xlarge", 9 * HOUR, "ml.p4d.24xlarge", id="the rung itself"),
        pytest.param("on-demand:1 on-demand/ml.p4d.24xlarge", 0, "ml.p4d.24xlarge", id="the rung before the ladder"),
    ],
)
def test_the_on_demand_pool_is_the_ladders_if_it_has_one(words: str, slack: float, pool: str) -> None:
    decision = with_deadline(slack, ladder=parse_ladder(words))

    assert decision.placement is not None
    assert (decision.placement.market, decision.placement.instance_type) == (Market.ON_DEMAND, pool)


def test_a_deadline_never_moves_an_on_demand_job_to_spot() -> None:
    own = run(attempt(market=Market.ON_DEMAND, max_wait=None), checkpoints=(SAVED,))

    decision = with_deadline(99 * HOUR, what=own)

    assert decision.placement is not None
    assert decision.placement.market is Market.ON_DEMAND


@pytest.mark.parametrize(
    ("slack", "until"),
    [
        pytest.param(MARGIN + HOUR, 600, id="time enough: the whole pause"),
        pytest.param(MARGIN + 100, 100, id="until the last moment for on demand"),
        pytest.param(MARGIN, None, id="no time: at once"),
        pytest.param(-HOUR, None, id="too late: at once"),
    ],
)
@pytest.mark.parametrize("market", Market)
def test_a_pause_never_costs_the_deadline(slack: float, until: float | None, market: Market) -> None:
    lost = ending("Failed", reason="CapacityError: none", market=market)
    long = dict.fromkeys(Budget, BackOff(first=timedelta(seconds=900), longest=timedelta(seconds=900)))

    decision = with_deadline(slack, what=lost, back_off=long)

    if until is None:
        assert decision.action is Action.RESUBMIT
    else:
        assert decision.action is Action.WAIT
        assert decision.until is not None
        paused = (decision.until - ENDED).total_seconds()
        assert paused == until if until == 100 else 450 <= paused <= 900


def test_ten_minutes_are_assumed_until_a_restart_was_seen() -> None:
    decision = decide(NEVER, deadline=timedelta(hours=20), work=timedelta(hours=3), back_off=without_pause())

    assert decision.placement is not None
    assert decision.placement.max_wait == timedelta(hours=20 - 6 - 3) - ASSUMED_OVERHEAD - HANDOVER


def test_the_expected_work_is_the_jobs_maximum_runtime_unless_said() -> None:
    unsaid = decide(NEVER, deadline=timedelta(hours=20), back_off=without_pause())
    nothing = run(attempt(NEVER_LAUNCHED, max_runtime=None))

    assert unsaid.inputs["work_expected"] == "4 h 00 min"
    assert decide(nothing).inputs["work_expected"] == "1 d 00 h"


def test_more_work_done_than_expected_needs_no_time_but_to_restart() -> None:
    decision = decide(deadline=ENDED + timedelta(hours=1), work=timedelta(seconds=60))

    assert "4 min needed on demand" in decision.reason


@pytest.mark.parametrize(
    ("deadline", "moment"),
    [
        pytest.param(None, None, id="none"),
        pytest.param(timedelta(hours=10), at(10 * HOUR), id="a span counts from the run's first job"),
        pytest.param(at(10 * HOUR), at(10 * HOUR), id="a moment"),
    ],
)
def test_a_deadline_is_a_moment_or_a_span(deadline: datetime | timedelta | None, moment: datetime | None) -> None:
    what = run(*repeated(OUT_OF_TIME, 2))

    assert deadline_of(what, Policy(deadline=deadline)) == moment


def test_a_deadline_in_another_zone_is_said_in_utc() -> None:
    decision = decide(deadline=datetime.fromisoformat("2026-09-17T09:00:00+02:00"))

    assert decision.inputs["deadline"] == "2026-09-17T07:00:00.000Z"
    assert "until 2026-09-17 07:00 UTC" in decision.reason
