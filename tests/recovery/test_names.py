"""Whose job it is that bears the next attempt's name."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from respot.errors import JobNameTakenError
from respot.jobs.job import JobId
from respot.recovery.planning.attempt import ATTEMPT_TAG, PARENT_TAG, RUN_TAG
from respot.recovery.records import OutcomeKind
from tests.support.builders import NAME
from tests.support.recovery_environment import RUN, SECOND, RecoveryEnvironment


def taken(env: RecoveryEnvironment, **tags: str) -> JobId:
    env.submit(SECOND, tags, checkpoint_uri=None)
    env.clock.pass_by(timedelta(hours=1))
    return env.ended()


def test_a_name_that_is_taken_is_a_failure_with_that_reason(env: RecoveryEnvironment) -> None:
    job = taken(env)
    assert env.recover(job) is None
    assert env.outcome(job).kind is OutcomeKind.FAILED
    assert env.outcome(job).summary == (
        "not resubmitted: a job named spot-job-r2 exists that is none of this run's; "
        "delete it or choose another job name"
    )
    assert env.sagemaker.created == []


def test_a_job_older_than_the_decision_is_not_ours_with_any_tags(env: RecoveryEnvironment) -> None:
    # The run's identity holds the creation of its first job, which can be known only once that is there.
    env.submit()
    marks = {RUN_TAG: RUN, ATTEMPT_TAG: "2", PARENT_TAG: NAME}
    env.submit(SECOND, marks, checkpoint_uri=None)
    job = env.end()
    env.recover(job)
    assert env.outcome(job).kind is OutcomeKind.FAILED


@pytest.mark.parametrize("ours", [True, False])
def test_a_name_that_is_taken_between_the_check_and_the_creation(env: RecoveryEnvironment, *, ours: bool) -> None:
    """Another delivery of the same message, or a stranger, is faster."""
    job = env.ended()
    marks = {RUN_TAG: RUN, ATTEMPT_TAG: "2", PARENT_TAG: NAME} if ours else {}
    description = env.sagemaker.description

    def race(region: str, name: str) -> object:
        if job in env.runs.decisions and SECOND not in env.sagemaker.jobs:
            env.sagemaker.submit(SECOND, marks)
        return description(region, name)

    object.__setattr__(env.recovery.decider, "jobs", Racing(env.recovery.decider.jobs, race))
    env.recover(job)
    assert env.outcome(job).kind is (OutcomeKind.CREATED if ours else OutcomeKind.FAILED)
    assert env.sagemaker.created == []


class Racing:
    """SageMaker, with somebody else at work just before a description is read."""

    def __init__(self, jobs: object, description: Callable[[str, str], object]) -> None:
        self._jobs = jobs
        self.description = description

    def __getattr__(self, method: str) -> object:
        return getattr(self._jobs, method)


def test_a_taken_name_whose_job_cannot_be_described_is_retried(env: RecoveryEnvironment) -> None:
    job = env.ended()
    env.faults["sagemaker.create"] = JobNameTakenError("taken")
    with pytest.raises(JobNameTakenError, match="taken"):
        env.recover(job)
    assert job not in env.runs.outcomes
