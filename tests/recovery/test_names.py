"""Whose job it is that bears the next attempt's name."""

from datetime import timedelta

import pytest

from respot.errors import JobNameTakenError
from respot.recovery.planning.attempt import ATTEMPT_TAG, PARENT_TAG, RUN_TAG
from respot.recovery.records import OutcomeKind
from tests.support.builders import NAME
from tests.support.recovery_environment import RUN, SECOND, RecoveryEnvironment

MARKS = {RUN_TAG: RUN, ATTEMPT_TAG: "2", PARENT_TAG: NAME}


def test_a_name_that_is_taken_is_a_failure_with_that_reason(env: RecoveryEnvironment) -> None:
    env.submit(SECOND, {}, checkpoint_uri=None)
    env.clock.pass_by(timedelta(hours=1))
    job = env.ended()
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
    env.submit(SECOND, MARKS, checkpoint_uri=None)
    job = env.end()
    env.recover(job)
    assert env.outcome(job).kind is OutcomeKind.FAILED


@pytest.mark.parametrize("recorded", [False, True], ids=["not recorded", "recorded"])
@pytest.mark.parametrize(
    ("marks", "kind"), [(MARKS, OutcomeKind.CREATED), ({}, OutcomeKind.FAILED)], ids=["ours", "a stranger's"]
)
def test_a_name_that_is_taken_between_the_check_and_the_creation(
    env: RecoveryEnvironment, marks: dict[str, str], kind: OutcomeKind, *, recorded: bool
) -> None:
    """Another delivery of the same message, or a stranger, is faster."""
    job = env.ended()
    submit = env.submit if recorded else env.sagemaker.submit
    env.before["sagemaker.create"] = lambda: submit(SECOND, marks)
    env.recover(job)
    assert env.outcome(job).kind is kind
    assert env.sagemaker.created == []


def test_a_taken_name_whose_job_cannot_be_described_is_retried(env: RecoveryEnvironment) -> None:
    job = env.ended()
    env.faults["sagemaker.create"] = JobNameTakenError("taken")
    with pytest.raises(JobNameTakenError, match="taken"):
        env.recover(job)
    assert job not in env.runs.outcomes
