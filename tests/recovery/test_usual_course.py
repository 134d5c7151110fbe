"""Recovery decides once, creates once and reports both."""

from dataclasses import replace
from datetime import timedelta

import pytest

from respot.jobs.job import Market
from respot.recovery.planning.attempt import ATTEMPT_TAG, PARENT_TAG, RUN_TAG
from respot.recovery.planning.decision import Action
from respot.recovery.planning.run import run_id
from respot.recovery.records import OutcomeKind
from tests.support.builders import CREATED, NAME, REGION, arn_of
from tests.support.recovery_environment import OPTED_IN, RUN, SECOND, THIRD, RecoveryEnvironment


def test_a_job_that_ran_out_of_waiting_time_is_resubmitted_under_its_run(env: RecoveryEnvironment) -> None:
    job = env.ended()
    assert env.recover(job) is None
    assert env.sagemaker.created == [SECOND]
    tags = env.sagemaker.jobs[SECOND].tags
    assert tags == {"respot:resume": "on", RUN_TAG: RUN, ATTEMPT_TAG: "2", PARENT_TAG: NAME}
    record = env.decision(job)
    assert (record.run, record.number, record.next_name) == (RUN, 1, SECOND)
    assert (record.decision.action, record.decision.attempt) == (Action.RESUBMIT, 2)
    assert record.checkpoint is not None
    assert record.decision.inputs["newest_checkpoint"].startswith("checkpoint-1")
    outcome = env.outcome(job)
    assert (outcome.kind, outcome.name, outcome.arn) == (OutcomeKind.CREATED, SECOND, arn_of(SECOND))
    assert outcome.summary.startswith(
        "resubmitted as spot-job-r2, attempt 2 of 5, spot ml.g5.2xlarge, resumes from checkpoint-1.pt "
        "(numbered files, 10 min old, 2.0 MB); progress: step 1; 10 min of training lost (ran out of waiting time; "
    )


def test_resubmits_once_however_often_the_message_comes(env: RecoveryEnvironment) -> None:
    job = env.ended()
    assert env.recover(job) is None
    steps = ["runs.decide", "runs.record_creation_intent", "sagemaker.create", "runs.record_outcome"]
    assert [call for call in env.calls if call in steps] == steps
    for _ in range(4):
        env.clock.pass_by(timedelta(hours=1))
        env.calls.clear()
        assert env.recover(job) is None
        assert env.calls == ["ledger.load", "runs.decision", "runs.outcome"]
    assert env.sagemaker.created == [SECOND]


def test_a_chain_of_attempts_is_one_run(env: RecoveryEnvironment) -> None:
    first = env.ended()
    env.recover(first)
    second = env.end(name=SECOND)
    env.recover(second)
    third = env.end(name=THIRD)
    env.set_policy(max_attempts=3)
    env.recover(third)
    assert env.sagemaker.created == [SECOND, THIRD]
    assert [env.decision(job).number for job in (first, second, third)] == [1, 2, 3]
    assert {env.decision(job).run for job in (first, second, third)} == {RUN}
    inputs = env.decision(third).decision.inputs
    assert inputs["attempts"] == "3 of 3"
    assert inputs["budgets"].startswith("capacity 0 of 5, interruption 3 of 5")
    assert env.decision(third).decision.reason == "all 3 attempts are spent"
    assert env.sagemaker.jobs[THIRD].tags[PARENT_TAG] == SECOND


@pytest.mark.parametrize("region", [REGION, "eu-west-1"])
def test_the_region_is_the_jobs_own(region: str) -> None:
    """The env's SageMaker and S3 fail when they are asked of another region."""
    env = RecoveryEnvironment(region=region)
    job = env.ended()
    env.recover(job)
    first = env.sagemaker.jobs[NAME].state.job
    planned = env.runs.planned[run_id(first), 2]
    assert (planned.region, planned.name, planned.parent) == (region, SECOND, job)
    assert planned.decided_at > CREATED
    assert env.checkpoints.listed
    assert env.sagemaker.created == [SECOND]
    assert env.recover(env.end(name=SECOND)) is None
    assert env.sagemaker.created == [SECOND, THIRD]


@pytest.mark.parametrize("described", [None, True])
@pytest.mark.parametrize("market", [None, Market.ON_DEMAND])
def test_a_job_that_only_events_reported_is_resubmitted_if_its_tags_ask_for_that(
    env: RecoveryEnvironment, market: Market | None, *, described: bool | None
) -> None:
    job = env.ended()
    state, version = env.ledger.states[job]
    env.ledger.states[job] = replace(state, market=market, tags=None, described=described), version
    env.recover(job)
    assert env.sagemaker.created == [SECOND]
    assert ATTEMPT_TAG in env.sagemaker.jobs[SECOND].tags


def test_its_tags_name_its_owner_too(env: RecoveryEnvironment) -> None:
    owner = {"AWS_STEP_FUNCTIONS_EXECUTION_ARN": "arn"}
    job = env.ended(tags=OPTED_IN | owner)
    state, version = env.ledger.states[job]
    env.ledger.states[job] = replace(state, tags=None, parent=None, described=None), version
    env.recover(job)
    assert env.decision(job).decision.reason.startswith("owned by a ")
