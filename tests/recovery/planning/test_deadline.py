"""A deadline decides between spot and on-demand, and says what it calculates."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from respot.jobs.job import Market
from respot.recovery.planning.decision import Action, Decision, Placement
from respot.recovery.planning.ending import Budget, Trigger
from respot.recovery.planning.placement import ASSUMED_OVERHEAD, HANDOVER, LONGEST, deadline_of
from respot.recovery.policy.policy import BackOff, Policy, WhenMissed, parse_ladder
from tests.support.builders import at
from tests.support.decisions import NEVER, SAVED, TRAINED, decide, ending, outcome
from tests.support.runs import ENDED, HOUR, NEVER_LAUNCHED, OUT_OF_TIME, attempt, repeated, run, without_pause

WORK = timedelta(seconds=6510 + 4 * HOUR)
NEEDED = timedelta(seconds=4 * HOUR + 240)
"""What is left of it once 6510 s are proved, and the 240 s that the run has taken to restart."""


def with_deadline(slack: float, **others: Any) -> Decision:  # noqa: ANN401
    """The decision with this many seconds left beyond what on-demand needs."""
    return decide(deadline=ENDED + NEEDED + timedelta(seconds=slack), work=WORK, **others)


MARGIN = HANDOVER.total_seconds()


def placed(decision: Decision) -> Placement:
    assert decision.placement is not None, decision.reason
    return decision.placement


@pytest.mark.parametrize(
    ("slack", "market", "runtime", "wait", "warned"),
    [
        pytest.param(-1, Market.ON_DEMAND, 4 * HOUR, None, True, id="a second too late"),
        pytest.param(0, Market.ON_DEMAND, 4 * HOUR, None, False, id="just in time"),
        pytest.param(MARGIN + 240, Market.ON_DEMAND, 4 * HOUR, None, False, id="spot would not even start to train"),
        pytest.param(MARGIN + 241, Market.SPOT, 241, 241, False, id="spot for a moment: both limits shrink"),
        pytest.param(MARGIN + 9 * HOUR, Market.SPOT, 4 * HOUR, 9 * HOUR, False, id="spot for nine hours"),
        pytest.param(90 * 24 * HOUR, Market.SPOT, 4 * HOUR, LONGEST.total_seconds(), False, id="SageMaker's most"),
    ],
)
def test_spot_gets_the_time_that_on_demand_does_not_need(
    slack: float, market: Market, runtime: float, wait: float | None, *, warned: bool
) -> None:
    decision = with_deadline(slack)

    assert placed(decision).market is market
    assert placed(decision).max_runtime == timedelta(seconds=runtime)
    assert placed(decision).max_wait == (None if wait is None else timedelta(seconds=wait))
    assert (decision.action, decision.notify) == (Action.RESUBMIT, False)
    assert (decision.warning is not None) is warned


NEEDS = "4 h 04 min needed on demand"


@pytest.mark.parametrize(
    ("slack", "said"),
    [
        (
            MARGIN + HOUR,
            f"5 h 09 min left until 2026-09-16 20:09 UTC, {NEEDS}: spot for at most 1 h 00 min, then on de",
        ),
        (90 * 24 * HOUR, f"90 d 04 h left until 2026-12-15 19:04 UTC, {NEEDS}: spot for at most 28 d 00 h, then on "),
        (60, f"4 h 05 min left until 2026-09-16 19:05 UTC, {NEEDS}: on demand from here"),
        (-60, f"4 h 03 min left until 2026-09-16 19:03 UTC, {NEEDS}: on demand at once"),
        (-5 * HOUR, f"2026-09-16 14:04 UTC was 56 min ago, {NEEDS}: on demand at once"),
    ],
)
def test_the_reason_shows_the_calculation(slack: float, said: str) -> None:
    assert with_deadline(slack).reason.startswith(f"ran out of waiting time; {said}")


def test_a_deadline_that_cannot_be_met_is_reported_and_ends_the_run_if_the_policy_prefers() -> None:
    missed = f"the deadline cannot be met any more: 4 h 03 min left until 2026-09-16 19:03 UTC, {NEEDS}"
    assert with_deadline(-60).warning == missed
    assert outcome(with_deadline(-60, when_deadline_missed=WhenMissed.STOP)) == (Action.REFUSE, missed, True)


def test_the_end_of_the_waiting_time_finds_the_deadline_still_to_be_met() -> None:
    """SageMaker needs minutes to stop a job, and the news of it to arrive: that must not read as a missed deadline."""
    deadline = ENDED + NEEDED + HANDOVER + timedelta(hours=1)
    second = attempt(f"Starting={6 * HOUR + 5} MaxWaitTimeExceeded={7 * HOUR + 5}", number=2)
    what = run(*TRAINED.attempts, second, checkpoints=(SAVED,))

    decision = decide(what, now=at(7 * HOUR + 200), deadline=deadline, work=WORK, when_deadline_missed=WhenMissed.STOP)

    assert (placed(decision).market, decision.warning) == (Market.ON_DEMAND, None)


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"max_attempts": 2}, id="the last attempt"),
        pytest.param({"budgets": dict.fromkeys(Budget, 9) | {Budget.CAPACITY: 0}}, id="no budget for want of capacity"),
        pytest.param({"budgets": dict.fromkeys(Budget, 9) | {Budget.INTERRUPTION: 1}}, id="none for interruptions"),
        pytest.param({"ladder": parse_ladder("spot:2")}, id="the last rung"),
        pytest.param(
            {"what": ending("Failed", reason="CapacityError: x"), "triggers": frozenset({Trigger.CAPACITY_ERROR})},
            id="no attempt after its MaxWait",
        ),
    ],
)
def test_spot_is_not_tried_where_nothing_may_follow_it(settings: dict[str, Any]) -> None:
    decision = with_deadline(9 * HOUR, back_off=without_pause(), **settings)

    assert placed(decision).market is Market.ON_DEMAND
    assert decision.reason.endswith(", and nothing may follow a spot attempt: on demand")


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
    placement = placed(with_deadline(slack, ladder=parse_ladder(words)))
    assert (placement.market, placement.instance_type) == (Market.ON_DEMAND, pool)


def test_a_deadline_never_moves_an_on_demand_job_to_spot() -> None:
    own = run(attempt(market=Market.ON_DEMAND, max_wait=None), checkpoints=(SAVED,))
    assert placed(with_deadline(99 * HOUR, what=own)).market is Market.ON_DEMAND


@pytest.mark.parametrize(
    ("slack", "least", "most"),
    [
        pytest.param(MARGIN + HOUR, 450, 900, id="time enough: the whole pause"),
        pytest.param(MARGIN + 100, 100, 100, id="until the last moment for on demand"),
        pytest.param(MARGIN, None, None, id="no time: at once"),
        pytest.param(-HOUR, None, None, id="too late: at once"),
    ],
)
@pytest.mark.parametrize("market", Market)
def test_a_pause_never_costs_the_deadline(slack: float, least: float | None, most: float, market: Market) -> None:
    lost = ending("Failed", reason="CapacityError: none", market=market)
    long = dict.fromkeys(Budget, BackOff(first=timedelta(seconds=900), longest=timedelta(seconds=900)))

    decision = with_deadline(slack, what=lost, back_off=long)

    if least is None:
        assert decision.action is Action.RESUBMIT
    else:
        assert (decision.action, decision.until is None) == (Action.WAIT, False)
        assert least <= ((decision.until or ENDED) - ENDED).total_seconds() <= most


def test_ten_minutes_are_assumed_until_a_restart_was_seen() -> None:
    decision = decide(NEVER, deadline=timedelta(hours=20), work=timedelta(hours=3), back_off=without_pause())
    assert placed(decision).max_wait == timedelta(hours=20 - 6 - 3) - ASSUMED_OVERHEAD - HANDOVER


def test_the_expected_work_is_the_jobs_maximum_runtime_unless_said() -> None:
    assert decide(NEVER).inputs["work_expected"] == "4 h 00 min"
    assert decide(run(attempt(NEVER_LAUNCHED, max_runtime=None))).inputs["work_expected"] == "1 d 00 h"


def test_more_work_done_than_expected_needs_no_time_but_to_restart() -> None:
    decision = decide(deadline=ENDED + timedelta(hours=1), work=timedelta(seconds=60))
    assert "4 min needed on demand" in decision.reason


def test_a_deadline_is_a_moment_or_a_span_from_the_runs_first_job_and_is_said_in_utc() -> None:
    two = run(*repeated(OUT_OF_TIME, 2))
    moments = [deadline_of(two, Policy(deadline=each)) for each in (None, timedelta(hours=10), at(10 * HOUR))]
    assert moments == [None, at(10 * HOUR), at(10 * HOUR)]

    decision = decide(deadline=datetime.fromisoformat("2026-09-17T09:00:00+02:00"))
    assert decision.inputs["deadline"] == "2026-09-17T07:00:00.000Z"
    assert "until 2026-09-17 07:00 UTC" in decision.reason
