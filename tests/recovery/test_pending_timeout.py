"""Ends that no list has: they reach recovery, and a pending timeout is a lack of capacity."""

from datetime import timedelta
from typing import Any

import pytest

from respot.jobs.job import JobId, Market
from respot.recovery.planning.decision import Action
from tests.support.builders import NAME
from tests.support.recovery_bench import SECOND, RecoveryBench


def pended(bench: RecoveryBench, end: str, **others: Any) -> JobId:  # noqa: ANN401
    """An on-demand job that waited for two hours and got no instance."""
    told: dict[str, Any] = {"market": Market.ON_DEMAND, "max_wait": None, "max_pending": timedelta(hours=2)} | others
    bench.submit(**told)
    bench.sagemaker.move(NAME, "Pending")
    bench.clock.pass_by(timedelta(hours=2, seconds=30))
    bench.sagemaker.move(NAME, end)
    bench.observe(NAME)
    return bench.sagemaker.jobs[NAME].state.job


@pytest.fixture
def bench() -> RecoveryBench:
    return RecoveryBench()


def test_a_job_that_ran_out_of_pending_time_goes_on(bench: RecoveryBench) -> None:
    job = pended(bench, "MaxPendingTimeExceeded")
    assert bench.recover(job) is None
    assert bench.sagemaker.created == [SECOND]
    assert bench.decision(job).decision.reason == "ran out of pending time; next: on-demand ml.g5.2xlarge"


def test_a_stop_at_the_pending_limit_is_told_as_doubtful_and_not_repeated(bench: RecoveryBench) -> None:
    job = pended(bench, "Stopped")
    assert bench.recover(job) is None
    decision = bench.decision(job).decision
    assert (decision.action, decision.notify) == (Action.REFUSE, True)
    assert decision.reason == "stopped, by its user or by SageMaker after MaxPendingTimeInSeconds of 2 h 00 min"
    assert bench.sagemaker.created == []


def test_a_stop_long_before_the_pending_limit_is_its_users(bench: RecoveryBench) -> None:
    job = pended(bench, "Stopped", max_pending=timedelta(hours=5))
    assert bench.recover(job) is None
    decision = bench.decision(job).decision
    assert (decision.reason, decision.notify) == ("stopped by its user", False)
