"""On-demand rungs that list instance types: what is used once some of them are refused."""

from datetime import timedelta
from typing import Any

import pytest

from respot.jobs.job import Market
from respot.recovery.planning.decision import Action, Placement, RefusedPool
from respot.recovery.planning.type_choice import refused_types, usable
from respot.recovery.planning.wait_decision import _is_within
from respot.recovery.policy.policy import Rung, parse_ladder
from respot.recovery.same_request import misplacement
from tests.support.builders import state
from tests.support.decisions import LONG_AFTER, decide
from tests.support.runs import NEVER_LAUNCHED, repeated, run, without_pause

A, B, C = "ml.g5.4xlarge", "ml.g6.4xlarge", "ml.g6e.4xlarge"
ALL = f"{A}/{B}/{C}"


def placement(types: str, market: Market = Market.ON_DEMAND) -> Placement:
    return Placement(market=market, instance_type=types, max_runtime=timedelta(hours=1), max_wait=None)


@pytest.mark.parametrize(
    ("refused", "left"),
    [
        ([], ALL),
        ([B], f"{A}/{C}"),
        ([A, B], C),
        ([A, B, C], None),
        ([ALL], A),
        ([ALL, A], B),
        ([ALL, A, B], C),
        ([ALL, A, B, C], None),
        ([B, f"{A}/{C}"], A),
        ([f"{A}/{B}"], ALL),
        ([None], None),
    ],
)
def test_named_types_leave_the_list_and_an_unnamed_refusal_leads_to_single_types(
    refused: list[str | None], left: str | None
) -> None:
    pools = [RefusedPool(market=Market.ON_DEMAND, instance_type=each, why="quota") for each in refused]
    found = usable(Rung(market=Market.ON_DEMAND, instance_type=ALL, attempts=2), "ml.own", pools)
    assert found == (left and Rung(market=Market.ON_DEMAND, instance_type=left, attempts=2))


def test_a_refusal_on_spot_leaves_the_list_alone() -> None:
    rung = Rung(market=Market.ON_DEMAND, instance_type=ALL)
    assert usable(rung, "", [RefusedPool(market=Market.SPOT, instance_type=each, why="") for each in (A, ALL)]) == rung


@pytest.mark.parametrize(
    ("words", "types"),
    [
        (f"the quota '{B} for training job usage' is 0", (B,)),
        (f"neither {A} nor {C}.", (A, C)),
        (f"one of {A}, {B}, {C}", (ALL,)),
        ("the quota 'Number of instances across all training jobs' is 0", (ALL,)),
        ("ml.g6.4xlarge2 and ml.g6.48xlarge", (ALL,)),
    ],
)
def test_a_refusal_is_about_the_types_that_it_names(words: str, types: tuple[str, ...]) -> None:
    assert refused_types(placement(ALL), words) == types


def test_an_attempt_on_the_rest_of_a_list_counts_for_its_rung() -> None:
    """The second attempt had left spot early. Spot is refused again, and the list has had its one attempt."""
    first = repeated(NEVER_LAUNCHED, 1)
    for asked, action in (((A, C), Action.REFUSE), ((A, "ml.p5.48xlarge"), Action.RESUBMIT)):
        found: dict[str, Any] = {"instance_type": None, "preferred_types": asked, "failure_reason": None}
        ended = repeated(NEVER_LAUNCHED, 2, market=Market.ON_DEMAND, **found)[1:]
        decision = decide(
            run(*first, *ended),
            around={"refused_pools": (RefusedPool(market=Market.SPOT, instance_type=None, why="quota"),)},
            ladder=parse_ladder(f"spot:5 on-demand/{ALL}:1"),
            back_off=without_pause(),
            max_attempts=9,
            now=LONG_AFTER,
        )
        assert decision.action is action, decision.reason


def test_a_job_of_a_listed_type_has_the_placement_of_the_list() -> None:
    for kind, different in ((B, None), ("ml.p5.48xlarge", "its instance type"), (None, None)):
        found = state(market=Market.ON_DEMAND, instance_type=kind, max_runtime=timedelta(hours=1))
        assert misplacement([placement(ALL)], found) == different


def test_a_refusal_of_a_plain_type_is_about_that_type() -> None:
    assert refused_types(placement(A), f"not {B}") == (A,)


@pytest.mark.parametrize(
    ("types", "waits_there_already"),
    [(ALL, True), (B, True), (f"{A}/ml.p5.48xlarge", False), ("ml.p5.48xlarge", False)],
)
def test_a_job_that_waits_for_a_list_is_not_stopped_for_a_part_of_it(types: str, *, waits_there_already: bool) -> None:
    live = state(market=Market.ON_DEMAND, instance_type=None, preferred_types=(A, B, C))
    assert _is_within(placement(types), live) is waits_there_already
    assert not _is_within(placement(types, Market.SPOT), live)
