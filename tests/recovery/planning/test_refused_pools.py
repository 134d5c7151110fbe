"""Pools in which no attempt can be created are passed over."""

from datetime import timedelta
from typing import Any

import pytest

from respot.jobs.job import Market
from respot.recovery.planning.decision import Action, Decision, RefusedPool
from respot.recovery.planning.ending import Budget
from respot.recovery.planning.run import Attempt, Run
from respot.recovery.policy.policy import WhenMissed, parse_ladder
from tests.support.decisions import LONG_AFTER, TRAINED, decide
from tests.support.runs import ENDED, HOUR, NEVER_LAUNCHED, attempt, repeated, run, timed_out, without_pause

OWN = "ml.g5.2xlarge"


def pools(*words: str) -> tuple[RefusedPool, ...]:
    """`spot/ml.g5.2xlarge`; without a type, it is the run's own; `spot/*` is the whole market."""
    parts = [(word.partition("/")[0], word.partition("/")[2] or OWN) for word in words]
    return tuple(
        RefusedPool(market=Market(market), instance_type=None if name == "*" else name, why="quota 0")
        for market, name in parts
    )


def plan_without(*refused: str, what: Run = TRAINED, ladder: str = "", **others: Any) -> Decision:  # noqa: ANN401
    settings = {"ladder": parse_ladder(ladder) if ladder else (), "back_off": without_pause()} | others
    return decide(what, around={"refused_pools": pools(*refused)}, **settings)


def placed(decision: Decision) -> str:
    assert decision.placement is not None, decision.reason
    return f"{decision.placement.market}/{decision.placement.instance_type}"


THREE = "spot:3 spot/ml.g5.4xlarge:2 on-demand:1"
WORK = timedelta(seconds=6510 + 4 * HOUR)
SOON = ENDED + timedelta(seconds=4 * HOUR + 240)
BY_A_DEADLINE: dict[str, Any] = {"deadline": SOON + timedelta(hours=6), "work": WORK}
BY_NOW: dict[str, Any] = {"deadline": SOON, "work": WORK}


@pytest.mark.parametrize(
    ("ladder", "refused", "settings", "pool"),
    [
        pytest.param("spot:3 on-demand:1", ["spot"], {}, f"on-demand/{OWN}", id="the next rung"),
        pytest.param("spot on-demand", ["spot"], {}, f"on-demand/{OWN}", id="below a rung without a number"),
        pytest.param(THREE, ["spot"], {}, "spot/ml.g5.4xlarge", id="on spot of another type"),
        pytest.param(THREE, ["spot", "spot/ml.g5.4xlarge"], {}, f"on-demand/{OWN}", id="the next but one"),
        pytest.param(THREE, ["spot/*"], {}, f"on-demand/{OWN}", id="a whole market is refused"),
        pytest.param(f"spot:3 spot/{OWN}:2 on-demand", ["spot"], {}, f"on-demand/{OWN}", id="the pool by two names"),
        pytest.param("spot:3 on-demand:1", ["on-demand"], {}, f"spot/{OWN}", id="another pool is refused"),
        pytest.param("", ["spot"], BY_A_DEADLINE, f"on-demand/{OWN}", id="early, by a deadline"),
        pytest.param("spot", ["spot"], BY_A_DEADLINE, f"on-demand/{OWN}", id="early, a ladder without on demand"),
        pytest.param(
            *("spot:2 on-demand:1 on-demand/ml.g5.4xlarge:1", ["on-demand"], BY_NOW, "on-demand/ml.g5.4xlarge"),
            id="another on-demand pool, by a deadline",
        ),
    ],
)
def test_the_next_rung_whose_pool_is_not_refused_is_used(
    ladder: str, refused: list[str], settings: dict[str, Any], pool: str
) -> None:
    assert placed(plan_without(*refused, ladder=ladder, **settings)) == pool


def test_the_reason_says_which_pools_were_passed_over() -> None:
    pool, market = (plan_without(each, ladder="spot:3 on-demand:1").reason for each in ("spot", "spot/*"))
    assert pool == f"ran out of waiting time; cannot use spot {OWN} (quota 0); next: on-demand {OWN}"
    assert "; cannot use spot on any instance type (quota 0); next: on-demand" in market


@pytest.mark.parametrize(
    ("ladder", "refused"), [("", ["spot"]), ("spot", ["spot"]), ("spot:3 on-demand:1", ["spot", "on-demand/*"])]
)
def test_without_another_pool_the_reason_says_what_to_do(ladder: str, refused: list[str]) -> None:
    decision = plan_without(*refused, ladder=ladder)
    assert (decision.action, decision.notify) == (Action.REFUSE, True)
    assert decision.reason.startswith(f"cannot use any pool that is left: spot {OWN} (quota 0)")
    assert "Request a quota in AWS Service Quotas, or name another pool in the ladder" in decision.reason


def test_a_rung_gets_no_more_attempts_than_it_allows() -> None:
    """Spot remains refused: the one attempt on demand was the second, and a third would be one too many."""
    on_demand = repeated(NEVER_LAUNCHED, 2, market=Market.ON_DEMAND, failure_reason=None)[1:]
    second = run(*repeated(NEVER_LAUNCHED, 1), *on_demand)
    settings: dict[str, Any] = {"max_attempts": 9, "budgets": dict.fromkeys(Budget, 9), "now": LONG_AFTER}
    assert plan_without("spot", what=second, ladder="spot:3 on-demand:1", **settings).action is Action.REFUSE
    for more in ("on-demand:2", "on-demand"):
        assert placed(plan_without("spot", what=second, ladder=f"spot:3 {more}", **settings)) == f"on-demand/{OWN}"


def test_without_an_on_demand_pool_a_deadline_leaves_the_run_on_spot() -> None:
    for ladder in ("spot:3 on-demand:1", ""):
        decision = plan_without("on-demand", ladder=ladder, **BY_NOW)
        assert placed(decision) == f"spot/{OWN}"
        assert (decision.warning or "").startswith("the deadline may be missed: ")
        assert "no on-demand pool can be used" in (decision.warning or "")


def test_a_missed_deadline_stops_a_run_that_was_to_stop_then() -> None:
    past = SOON - timedelta(seconds=1)
    stop = plan_without("on-demand", deadline=past, work=WORK, when_deadline_missed=WhenMissed.STOP)
    assert stop.action is Action.REFUSE
    assert "the deadline cannot be met any more" in stop.reason
    assert placed(plan_without("on-demand", deadline=past, work=WORK)) == f"spot/{OWN}"


# --- back to a pool that timed out


def again(number: int) -> Attempt:
    """An attempt that ran out of waiting time by itself."""
    start = (7 * number - 8) * HOUR
    return attempt(f"Starting={start} MaxWaitTimeExceeded={start + 6 * HOUR}", number=number)


LARGER = "spot/ml.g5.4xlarge"
ONCE = (timed_out(),)
TWICE = (timed_out(), timed_out(2, start=6 * HOUR, instance_type="ml.g5.4xlarge"))
LATE: dict[str, Any] = {"ladder": "spot:2 spot/ml.g5.4xlarge:1", "deadline": timedelta(hours=40)}


@pytest.mark.parametrize(
    ("attempts", "refused", "settings", "pool"),
    [
        pytest.param(ONCE, [], {}, f"on-demand/{OWN}", id="the rung below"),
        pytest.param(ONCE, ["on-demand"], {}, f"spot/{OWN}", id="back, if all others are refused"),
        pytest.param(ONCE, ["on-demand"], {"ladder": "spot:1 on-demand:1"}, None, id="used up"),
        pytest.param(ONCE, ["on-demand", "spot"], {}, None, id="refused too"),
        pytest.param(TWICE, ["on-demand"], {"ladder": "spot:2 spot/ml.g5.4xlarge:2 on-demand:1"}, LARGER, id="latest"),
        pytest.param(
            *(TWICE, ["on-demand"], {"ladder": "spot:2 spot/ml.g5.4xlarge:1 on-demand:1"}, f"spot/{OWN}"),
            id="the latest with attempts left",
        ),
        pytest.param(ONCE, [LARGER], LATE, f"on-demand/{OWN}", id="by a deadline, on demand comes first"),
        pytest.param(ONCE, [LARGER, "on-demand"], LATE, f"spot/{OWN}", id="by a deadline, on demand refused"),
        pytest.param((*ONCE, again(2)), [], {}, f"on-demand/{OWN}", id="gone back is no attempt of the rung below"),
        pytest.param((*ONCE, again(2)), ["on-demand"], {}, f"spot/{OWN}", id="back once more"),
        pytest.param((*ONCE, again(2), again(3)), ["on-demand"], {}, None, id="until it is used up"),
    ],
)
def test_a_run_goes_back_to_a_pool_that_timed_out_if_all_others_are_refused(
    attempts: tuple[Attempt, ...], refused: list[str], settings: dict[str, Any], pool: str | None
) -> None:
    """Nothing is lost by having waited there: the user's job would still be waiting."""
    now = attempts[-1].ended + timedelta(seconds=10)
    known: dict[str, Any] = {"ladder": "spot:3 on-demand:1", "max_attempts": 9, "now": now} | settings
    decision = plan_without(*refused, what=run(*attempts), **known)
    assert (placed(decision) if decision.placement else None) == pool
