"""How long a start is estimated to take: by the policy, the ledger, or a default, and never less than this run took."""

from datetime import timedelta
from typing import Any

import pytest

from respot.recovery.planning.estimates import Estimate, on_demand_wait, restart_overhead
from respot.recovery.planning.start_history import StartHistory, StartSample
from respot.recovery.policy.policy import Policy
from tests.support.builders import at
from tests.support.decisions import NEVER, TRAINED
from tests.support.runs import attempt, run

NOW = at(0)


def samples(*minutes: int, days: float = 2) -> tuple[StartSample, ...]:
    seen = [NOW - timedelta(days=days + place) for place in range(len(minutes))]
    return tuple(
        StartSample(took=timedelta(minutes=each), seen=moment) for each, moment in zip(minutes, seen, strict=True)
    )


TWENTY = samples(*range(1, 21))


@pytest.mark.parametrize(
    ("policy", "overheads", "said"),
    [
        pytest.param(None, (), "30 min: assumed, nothing better is known", id="default"),
        pytest.param(None, samples(*[3] * 9), "30 min: assumed, nothing better is known", id="nine jobs are too few"),
        pytest.param(
            None, samples(*range(1, 11)), "10 min: p95 of 10 jobs with this image, newest 2 days old", id="10"
        ),
        pytest.param(
            None, TWENTY, "19 min: p95 of 20 jobs with this image, newest 2 days old", id="one in 20 is longer"
        ),
        pytest.param(
            None, samples(*[3] * 10, days=1.2), "3 min: p95 of 10 jobs with this image, newest 1 day old", id="1"
        ),
        pytest.param(
            None, samples(*[3] * 10, days=0.1), "3 min: p95 of 10 jobs with this image, newest 2 h 24 min old", id="h"
        ),
        pytest.param(7, TWENTY, "7 min: set by the policy", id="the policy outranks the ledger"),
    ],
)
def test_the_overhead_comes_from_the_policy_the_ledger_or_a_default(
    policy: int | None, overheads: tuple[StartSample, ...], said: str
) -> None:
    chosen = Policy(restart_overhead=None if policy is None else timedelta(minutes=policy))
    history = StartHistory(overheads=overheads)
    assert str(restart_overhead(NEVER, NEVER.proof(), chosen, history, now=NOW)) == said


@pytest.mark.parametrize(
    ("assumed", "expected"),
    [
        pytest.param(1, Estimate(value=timedelta(minutes=4), source="this run took that long"), id="longer"),
        pytest.param(
            7, Estimate(value=timedelta(minutes=7), source="set by the policy"), id="shorter: a start was lucky"
        ),
    ],
)
def test_what_this_run_has_shown_only_raises_the_overhead(assumed: int, expected: Estimate) -> None:
    chosen = Policy(restart_overhead=timedelta(minutes=assumed))
    assert restart_overhead(TRAINED, TRAINED.proof(), chosen, StartHistory(), now=NOW) == expected


@pytest.mark.parametrize(
    ("instance_type", "others", "said"),
    [
        ("ml.g5.2xlarge", {}, "1 h 00 min: assumed for GPU types, nothing better is known"),
        ("ml.p5.48xlarge", {}, "1 h 00 min: assumed for GPU types, nothing better is known"),
        (None, {}, "1 h 00 min: assumed for GPU types, nothing better is known"),
        ("ml.m5.large", {}, "10 min: assumed, nothing better is known"),
        ("ml.m5.large/ml.m6i.large", {}, "10 min: assumed, nothing better is known"),
        ("ml.m5.large/ml.g5.2xlarge", {}, "1 h 00 min: assumed for GPU types, nothing better is known"),
        ("ml.g5.2xlarge", {"on_demand_wait": timedelta()}, "0 s: set by the policy"),
    ],
)
def test_the_wait_for_on_demand_depends_on_the_type(
    instance_type: str | None, others: dict[str, Any], said: str
) -> None:
    assert str(on_demand_wait(Policy(**others), StartHistory(), instance_type, now=NOW)) == said


def test_the_wait_for_on_demand_comes_from_the_ledger_too() -> None:
    history = StartHistory(on_demand_waits=TWENTY)
    found = on_demand_wait(Policy(), history, "ml.g5.2xlarge", now=NOW)
    assert str(found) == "19 min: p95 of 20 jobs on demand in this pool, newest 2 days old"


def test_a_run_that_never_trained_has_shown_nothing() -> None:
    assert run(attempt("Starting=0 Downloading=10 Stopped=9000")).restart_overhead() is None
