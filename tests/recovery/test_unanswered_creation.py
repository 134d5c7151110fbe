"""SageMaker may create a job for minutes after a call that it did not answer: nothing is concluded before."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from respot.errors import CloneRefusedError, CreateLaterError, CreateRefusedError, Postponement, Reach
from respot.jobs.description import JobDescription
from respot.jobs.job import JobId
from respot.recovery.decide import Later
from respot.recovery.planning.attempt import AttemptRequest
from respot.recovery.planning.run import run_id
from respot.recovery.ports import Cloned
from respot.recovery.records import CREATED_WITHIN, OutcomeKind
from respot.recovery.run_place import place_in_run
from respot.runs.load import attempts_of
from respot.runs.run_state import RunState, situation_of
from tests.support.builders import NAME
from tests.support.recovery_environment import OPTED_IN, SECOND, RecoveryEnvironment

MOMENT = timedelta(seconds=1)


def unanswered_job(env: RecoveryEnvironment) -> JobId:
    """A job whose next attempt was asked for, without an answer."""
    job = env.ended()
    env.faults["sagemaker.create"] = CreateLaterError("no answer", reason=Postponement.UNANSWERED)
    with pytest.raises(CreateLaterError):
        env.recover(job)
    env.faults.clear()
    return job


@pytest.fixture
def unanswered(env: RecoveryEnvironment) -> JobId:
    """Such a job, whose owner then wants no other."""
    job = unanswered_job(env)
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


def test_a_definite_no_is_concluded_from_at_once(env: RecoveryEnvironment) -> None:
    job = env.ended()
    for error in (CreateLaterError("throttled", reason=Postponement.THROTTLED), CreateRefusedError("no such role")):
        env.faults["sagemaker.create"] = error
        with suppress(CreateLaterError):
            env.recover(job)
    assert env.outcome(job).kind is OutcomeKind.FAILED


def test_a_refusal_does_not_answer_the_call_before(env: RecoveryEnvironment) -> None:
    """For example: the role lost a permission in between."""
    job = unanswered_job(env)
    env.clock.pass_by(timedelta(minutes=1))
    env.faults["sagemaker.create"] = CreateRefusedError("denied", permission="iam:PassRole")
    later = env.recover(job)
    assert isinstance(later, Later)
    assert later.delay == CREATED_WITHIN - timedelta(minutes=1)
    env.clock.pass_by(later.delay)  # refused once more, it ends: the refused calls do not prolong the wait
    assert env.recover(job) is None
    assert env.outcome(job).kind is OutcomeKind.FAILED


def test_a_request_that_could_not_be_built_answers_no_call(env: RecoveryEnvironment) -> None:
    """The trial of the plan passes, and the second build does not."""
    job, clone, built = unanswered_job(env), env.clone, list[AttemptRequest]()

    def once(description: JobDescription, tags: Mapping[str, str], attempt: AttemptRequest) -> Cloned:
        built.append(attempt)
        if len(built) > 1:
            raise CloneRefusedError("not there", job=NAME, field="ResourceConfig", reach=Reach.POOL)
        return clone(description, tags, attempt)

    env.clone = once
    assert isinstance(env.recover(job), Later)
    assert env.runs.outcome(job) is None


def test_another_deliverys_call_for_the_same_placement_is_waited_for(env: RecoveryEnvironment) -> None:
    job = env.ended()

    def other_delivery() -> None:
        """It asks for the same placement a second later, and has no answer yet."""
        (placement,) = (each.placement for each in env.runs.creation_intents(job))
        env.clock.pass_by(MOMENT)
        env.runs.record_creation_intent(job, placement, env.clock())

    env.before["sagemaker.create"] = other_delivery
    env.faults["sagemaker.create"] = CreateRefusedError("denied", permission="iam:PassRole")
    later = env.recover(job)
    assert isinstance(later, Later)
    assert later.delay == CREATED_WITHIN


def test_a_call_that_the_kill_switch_prevented_is_not_waited_for(env: RecoveryEnvironment) -> None:
    job = env.ended()
    env.before["runs.record_creation_intent"] = lambda: setattr(env.kill_switch, "is_on", True)
    env.recover(job)
    assert [each.at for each in env.runs.creation_intents(job)] == [None]
