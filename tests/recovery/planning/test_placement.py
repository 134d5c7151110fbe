"""Where the next attempt runs, and for how long, without a deadline."""

from datetime import timedelta
from typing import Any

import pytest

from respot.jobs.job import Market
from respot.recovery.planning.decision import Action
from respot.recovery.planning.ending import Budget
from respot.recovery.planning.placement import LONGEST
from respot.recovery.planning.run import Run
from respot.recovery.policy.policy import parse_ladder
from tests.support.decisions import LONG_AFTER, SAVED, decide, outcome
from tests.support.runs import NEVER_LAUNCHED, attempt, repeated, run


def numbered(attempts: int) -> Run:
    return run(*repeated(NEVER_LAUNCHED, attempts))


MOST = LONGEST / timedelta(hours=1)
LADDER = "spot:2 spot/ml.g5.4xlarge:1 on-demand:2"


@pytest.mark.parametrize(
    ("words", "attempts", "market", "instance_type"),
    [
        pytest.param(LADDER, 1, Market.SPOT, "ml.g5.2xlarge", id="the user's job is the first of the first rung"),
        pytest.param(LADDER, 2, Market.SPOT, "ml.g5.4xlarge", id="second rung"),
        pytest.param(LADDER, 4, Market.ON_DEMAND, "ml.g5.2xlarge", id="last of the third rung"),
        pytest.param("spot", 5, Market.SPOT, "ml.g5.2xlarge", id="a rung without a number never ends"),
    ],
)
def test_each_rung_of_the_ladder_takes_its_number_of_attempts(
    words: str, attempts: int, market: Market, instance_type: str
) -> None:
    policy: dict[str, Any] = {"ladder": parse_ladder(words), "max_attempts": 99, "budgets": dict.fromkeys(Budget, 99)}

    decision = decide(numbered(attempts), now=LONG_AFTER, **policy)

    assert decision.placement is not None
    assert (decision.placement.market, decision.placement.instance_type) == (market, instance_type)
    assert decision.reason == f"ran out of waiting time; next: {market} {instance_type}"
    assert decision.attempt == attempts + 1


def test_refuses_at_the_end_of_the_ladder() -> None:
    decision = decide(numbered(2), now=LONG_AFTER, ladder=parse_ladder("spot:2"))

    assert outcome(decision) == (Action.REFUSE, "the ladder has no rung left after 2 attempts", True)


@pytest.mark.parametrize(
    ("known", "market", "runtime", "wait"),
    [
        pytest.param({}, Market.SPOT, 4, 6, id="spot"),
        pytest.param({"market": Market.ON_DEMAND, "max_wait": None}, Market.ON_DEMAND, 4, None, id="on demand"),
        pytest.param({"market": None}, Market.SPOT, 4, 6, id="not known, with a MaxWait"),
        pytest.param({"market": None, "max_wait": None}, Market.ON_DEMAND, 4, None, id="not known, without"),
        pytest.param({"max_wait": None}, Market.SPOT, 4, 8, id="no MaxWait: twice the runtime"),
        pytest.param({"max_runtime": None, "max_wait": None}, Market.SPOT, 24, 48, id="nothing said"),
        pytest.param({"max_runtime": LONGEST, "max_wait": None}, Market.SPOT, MOST, MOST, id="SageMaker's most"),
        pytest.param({"max_wait": timedelta(days=30)}, Market.SPOT, 4, MOST, id="no longer than SageMaker permits"),
    ],
)
def test_without_a_ladder_the_job_keeps_its_own_market_type_and_limits(
    known: dict[str, Any], market: Market, runtime: float, wait: float | None
) -> None:
    placement = decide(run(attempt(**known), checkpoints=(SAVED,))).placement

    assert placement is not None
    assert (placement.market, placement.instance_type) == (market, "ml.g5.2xlarge")
    assert placement.max_runtime == timedelta(hours=runtime)
    assert placement.max_wait == (None if wait is None else timedelta(hours=wait))


def test_the_users_own_job_is_the_measure_not_the_attempt_before() -> None:
    other: dict[str, Any] = {"market": Market.ON_DEMAND, "instance_type": "ml.p4d.24xlarge", "max_wait": None}
    second = attempt("Starting=21600 MaxWaitTimeExceeded=30000", number=2, max_runtime=timedelta(hours=1), **other)
    placement = decide(run(attempt(), second, checkpoints=(SAVED,)), now=LONG_AFTER).placement

    assert placement is not None
    assert (placement.market, placement.instance_type) == (Market.SPOT, "ml.g5.2xlarge")
    assert (placement.max_runtime, placement.max_wait) == (timedelta(hours=4), timedelta(hours=6))


def test_a_type_that_is_not_known_is_left_open() -> None:
    decision = decide(run(attempt(instance_type=None), checkpoints=(SAVED,)))

    assert decision.placement is not None
    assert decision.placement.instance_type == ""
    assert decision.reason == "ran out of waiting time; next: spot"
