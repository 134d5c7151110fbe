"""Whose job it is that bears the next attempt's name."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from respot.errors import JobNameTakenError
from respot.jobs.job import JobId
from respot.recovery.planning.attempt import ATTEMPT_TAG, PARENT_TAG, RUN_TAG
from respot.recovery.records import OutcomeKind
from tests.support.builders import NAME
from tests.support.recovery_bench import RUN, SECOND, RecoveryBench


def taken(bench: RecoveryBench, **tags: str) -> JobId:
    bench.submit(SECOND, tags, checkpoint_uri=None)
    bench.clock.pass_by(timedelta(hours=1))
    return bench.ended()


def test_a_name_that_is_taken_is_a_failure_that_says_so(bench: RecoveryBench) -> None:
    job = taken(bench)
    assert bench.recover(job) is None
    assert bench.outcome(job).kind is OutcomeKind.FAILED
    assert bench.outcome(job).story == (
        "not resubmitted: a job named spot-job-r2 exists that is none of this run's; "
        "delete it or choose another job name"
    )
    assert bench.sagemaker.created == []


def test_a_job_older_than_the_decision_is_not_ours_whatever_its_tags_say(bench: RecoveryBench) -> None:
    # The run's identity holds the creation of its first job, which can be known only once that is there.
    bench.submit()
    marks = {RUN_TAG: RUN, ATTEMPT_TAG: "2", PARENT_TAG: NAME}
    bench.submit(SECOND, marks, checkpoint_uri=None)
    job = bench.end()
    bench.recover(job)
    assert bench.outcome(job).kind is OutcomeKind.FAILED


@pytest.mark.parametrize("ours", [True, False])
def test_a_name_that_is_taken_between_the_look_and_the_creation(bench: RecoveryBench, *, ours: bool) -> None:
    """Another delivery of the same message, or a stranger, is faster."""
    job = bench.ended()
    marks = {RUN_TAG: RUN, ATTEMPT_TAG: "2", PARENT_TAG: NAME} if ours else {}
    document = bench.sagemaker.document

    def race(region: str, name: str) -> object:
        if job in bench.runs.decisions and SECOND not in bench.sagemaker.jobs:
            bench.sagemaker.submit(SECOND, marks)
        return document(region, name)

    object.__setattr__(bench.recovery, "jobs", Racing(bench.recovery.jobs, race))
    bench.recover(job)
    assert bench.outcome(job).kind is (OutcomeKind.CREATED if ours else OutcomeKind.FAILED)
    assert bench.sagemaker.created == []


class Racing:
    """SageMaker, with somebody else at work just before a document is read."""

    def __init__(self, jobs: object, document: Callable[[str, str], object]) -> None:
        self._jobs = jobs
        self.document = document

    def __getattr__(self, method: str) -> object:
        return getattr(self._jobs, method)


def test_a_name_said_to_be_taken_by_a_job_that_cannot_be_seen_is_asked_for_again(bench: RecoveryBench) -> None:
    job = bench.ended()
    bench.faults["sagemaker.create"] = JobNameTakenError("taken")
    with pytest.raises(JobNameTakenError, match="taken"):
        bench.recover(job)
    assert job not in bench.runs.outcomes
