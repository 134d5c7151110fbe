"""Ends that no list has: they reach recovery, and a pending timeout is a lack of capacity."""

from datetime import timedelta
from typing import Any

import pytest

from respot.jobs.job import JobId, Market
from respot.recovery.planning.decision import Action
from tests.support.builders import NAME
from tests.support.recovery_environment import SECOND, RecoveryEnvironment


def pended(env: RecoveryEnvironment, end: str, **others: Any) -> JobId:  # noqa: ANN401
    """An on-demand job that waited for two hours and got no instance."""
    known: dict[str, Any] = {"market": Market.ON_DEMAND, "max_wait": None, "max_pending": timedelta(hours=2)} | others
    env.submit(**known)
    env.sagemaker.move(NAME, "Pending")
    env.clock.pass_by(timedelta(hours=2, seconds=30))
    env.sagemaker.move(NAME, end)
    env.observe(NAME)
    return env.sagemaker.jobs[NAME].state.job


@pytest.fixture
def env() -> RecoveryEnvironment:
    return RecoveryEnvironment()


def test_a_job_that_ran_out_of_pending_time_goes_on(env: RecoveryEnvironment) -> None:
    job = pended(env, "MaxPendingTimeExceeded")
    assert env.recover(job) is None
    assert env.sagemaker.created == [SECOND]
    assert env.decision(job).decision.reason == "ran out of pending time; next: on-demand ml.g5.2xlarge"


def test_a_stop_at_the_pending_limit_is_reported_as_doubtful_and_not_repeated(env: RecoveryEnvironment) -> None:
    job = pended(env, "Stopped")
    assert env.recover(job) is None
    decision = env.decision(job).decision
    assert (decision.action, decision.notify) == (Action.REFUSE, True)
    assert decision.reason == "stopped, by its user or by SageMaker after MaxPendingTimeInSeconds of 2 h 00 min"
    assert env.sagemaker.created == []


def test_a_stop_long_before_the_pending_limit_is_its_users(env: RecoveryEnvironment) -> None:
    job = pended(env, "Stopped", max_pending=timedelta(hours=5))
    assert env.recover(job) is None
    decision = env.decision(job).decision
    assert (decision.reason, decision.notify) == ("stopped by its user", False)
