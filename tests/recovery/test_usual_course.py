"""Recovery decides once and creates once, and says so."""

from datetime import timedelta

import pytest

from respot.recovery.planning.attempt import ATTEMPT_TAG, PARENT_TAG, RUN_TAG
from respot.recovery.planning.decision import Action
from respot.recovery.planning.run import run_id
from respot.recovery.records import OutcomeKind
from tests.support.builders import CREATED, NAME, REGION, arn_of
from tests.support.recovery_bench import RUN, SECOND, THIRD, RecoveryBench


def test_a_job_that_ran_out_of_waiting_time_is_resubmitted_under_its_run(bench: RecoveryBench) -> None:
    job = bench.ended()
    assert bench.recover(job) is None
    assert bench.sagemaker.created == [SECOND]
    tags = bench.sagemaker.jobs[SECOND].tags
    assert tags == {"respot:resume": "on", RUN_TAG: RUN, ATTEMPT_TAG: "2", PARENT_TAG: NAME}


def test_people_are_told_as_what_where_and_from_which_checkpoint(bench: RecoveryBench) -> None:
    job = bench.ended()
    bench.recover(job)
    outcome = bench.outcome(job)
    assert (outcome.kind, outcome.name, outcome.arn) == (OutcomeKind.CREATED, SECOND, arn_of(SECOND))
    assert outcome.story.startswith(
        "resubmitted as spot-job-r2, attempt 2 of 5, spot ml.g5.2xlarge, resumes from checkpoint-1.pt "
        "(10 min old, 2.0 MB); 10 min of training lost (ran out of waiting time; "
    )


def test_the_decision_keeps_what_it_was_made_from(bench: RecoveryBench) -> None:
    job = bench.ended()
    bench.recover(job)
    record = bench.decision(job)
    assert (record.run, record.number, record.next_name) == (RUN, 1, SECOND)
    assert (record.decision.action, record.decision.attempt) == (Action.RESUBMIT, 2)
    assert record.checkpoint is not None
    assert record.decision.inputs["newest_checkpoint"].startswith("checkpoint-1")


def test_resubmits_once_however_often_the_message_comes(bench: RecoveryBench) -> None:
    job = bench.ended()
    for _ in range(5):
        assert bench.recover(job) is None
        bench.clock.pass_by(timedelta(hours=1))
    assert bench.sagemaker.created == [SECOND]


def test_the_decision_is_written_before_the_creation_and_the_outcome_after_it(bench: RecoveryBench) -> None:
    bench.recover(bench.ended())
    order = [call for call in bench.calls if call in {"runs.decide", "sagemaker.create", "runs.record_outcome"}]
    assert order == ["runs.decide", "sagemaker.create", "runs.record_outcome"]


def test_what_was_settled_is_not_looked_at_again(bench: RecoveryBench) -> None:
    job = bench.ended()
    bench.recover(job)
    bench.calls.clear()
    bench.recover(job)
    assert bench.calls == ["ledger.load", "runs.decision", "runs.outcome"]


def test_a_chain_of_attempts_is_one_run(bench: RecoveryBench) -> None:
    first = bench.ended()
    bench.recover(first)
    second = bench.end(name=SECOND)
    bench.recover(second)
    third = bench.end(name=THIRD)
    bench.set_policy(max_attempts=3)
    bench.recover(third)
    assert bench.sagemaker.created == [SECOND, THIRD]
    assert [bench.decision(job).number for job in (first, second, third)] == [1, 2, 3]
    assert {bench.decision(job).run for job in (first, second, third)} == {RUN}
    inputs = bench.decision(third).decision.inputs
    assert inputs["attempts"] == "3 of 3"
    assert inputs["budgets"].startswith("capacity 0 of 5, interruption 3 of 5")
    assert bench.decision(third).decision.reason == "all 3 attempts are spent"
    assert bench.sagemaker.jobs[THIRD].tags[PARENT_TAG] == SECOND


@pytest.mark.parametrize("region", [REGION, "eu-west-1"])
def test_the_region_is_the_jobs_own(region: str) -> None:
    """The bench's SageMaker and S3 fail when they are asked of another region."""
    bench = RecoveryBench(region=region)
    job = bench.ended()
    bench.recover(job)
    first = bench.sagemaker.jobs[NAME].state.job
    planned = bench.runs.planned[run_id(first), 2]
    assert (planned.region, planned.name, planned.parent) == (region, SECOND, job)
    assert planned.decided_at > CREATED
    assert bench.checkpoints.listed
    assert bench.sagemaker.created == [SECOND]
    assert bench.recover(bench.end(name=SECOND)) is None
    assert bench.sagemaker.created == [SECOND, THIRD]
