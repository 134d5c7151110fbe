"""SageMaker may create a job for minutes after a call that it did not answer: nothing is concluded before."""

from dataclasses import replace
from datetime import timedelta

import pytest

from respot.errors import CreateLaterError, CreateRefusedError, Postponement
from respot.jobs.job import JobId
from respot.recovery.decide import Later
from respot.recovery.planning.run import run_id
from respot.recovery.records import CREATED_WITHIN, OutcomeKind
from respot.recovery.run_place import place_in_run
from respot.runs.load import attempts_of
from respot.runs.run_state import RunState, situation_of
from tests.support.recovery_environment import OPTED_IN, SECOND, RecoveryEnvironment

MOMENT = timedelta(seconds=1)


@pytest.fixture
def unanswered(env: RecoveryEnvironment) -> JobId:
    """A job whose next attempt was asked for, without an answer; then its owner wants none."""
    job = env.ended()
    env.faults["sagemaker.create"] = CreateLaterError("no answer", reason=Postponement.UNANSWERED)
    with pytest.raises(CreateLaterError):
        env.recover(job)
    env.faults.clear()
    env.set_policy(dry_run=True)
    return job


def create_late(env: RecoveryEnvironment, job: JobId) -> JobId:
    """SageMaker creates it after all."""
    env.sagemaker.submit(SECOND, OPTED_IN)
    late, ended = env.sagemaker.jobs[SECOND], env.ledger.load(job).state
    assert ended
    env.sagemaker.jobs[SECOND] = replace(late, state=replace(late.state, checkpoint_uri=ended.checkpoint_uri))
    env.observe(SECOND)
    return late.state.job


def test_a_decision_is_not_closed_while_its_job_may_still_appear(env: RecoveryEnvironment, unanswered: JobId) -> None:
    env.clock.pass_by(CREATED_WITHIN - MOMENT)
    later = env.recover(unanswered)
    assert isinstance(later, Later)
    assert later.delay == MOMENT
    assert f"SageMaker may still create {SECOND}, which it was asked for" in later.reason
    assert env.runs.outcome(unanswered) is None
    env.clock.pass_by(MOMENT)
    assert env.recover(unanswered) is None
    assert env.outcome(unanswered).kind is OutcomeKind.WITHDRAWN


def test_a_job_that_appears_late_is_the_attempt_and_the_run_goes_on(
    env: RecoveryEnvironment, unanswered: JobId
) -> None:
    env.recover(unanswered)
    env.clock.pass_by(timedelta(minutes=3))
    second = create_late(env, unanswered)
    env.clock.pass_by(CREATED_WITHIN)
    env.recover(unanswered)
    assert env.outcome(unanswered).kind is OutcomeKind.CREATED
    state = env.ledger.load(second).state
    assert state
    assert place_in_run(env.runs, env.ledger, state) == (run_id(unanswered), 2)
    assert situation_of(attempts_of(env.ledger, env.runs, state)).state is RunState.WAITING


def test_a_job_of_the_name_after_the_run_has_ended_begins_a_run(env: RecoveryEnvironment, unanswered: JobId) -> None:
    env.clock.pass_by(CREATED_WITHIN)
    env.recover(unanswered)
    second = create_late(env, unanswered)
    state = env.ledger.load(second).state
    assert state
    assert place_in_run(env.runs, env.ledger, state) == (run_id(second), 1)


def test_a_definite_no_of_the_same_delivery_is_concluded_from_at_once(env: RecoveryEnvironment) -> None:
    job = env.ended()
    env.faults["sagemaker.create"] = CreateRefusedError("no such role")
    env.recover(job)
    assert env.outcome(job).kind is OutcomeKind.FAILED
