"""Nothing is decided or created because nobody answered."""

import pytest

from respot.errors import CreateLaterError, PolicyInvalidError, Postponement, UpstreamUnavailableError
from respot.recovery.decide import Later
from respot.recovery.planning.decision import Action
from respot.recovery.records import NoticeKind
from tests.support.builders import NAME
from tests.support.recovery_environment import RecoveryEnvironment


@pytest.mark.parametrize("call", ["ssm.load", "s3.list", "sagemaker.description"])
def test_what_cannot_be_asked_decides_nothing(env: RecoveryEnvironment, call: str) -> None:
    job = env.ended()
    env.faults[call] = UpstreamUnavailableError("no answer")
    with pytest.raises(UpstreamUnavailableError):
        env.recover(job)
    assert env.runs.decisions == {}


CALLS = ("sagemaker.describe", "sagemaker.description", "sagemaker.tags", "s3.list", "ssm.load")


@pytest.mark.parametrize("call", CALLS)
def test_what_cannot_be_asked_creates_nothing(env: RecoveryEnvironment, call: str) -> None:
    job = env.decided()
    if call == "sagemaker.tags":
        env.faults["sagemaker.create"] = CreateLaterError("not now", reason=Postponement.QUOTA)
    env.faults[call] = UpstreamUnavailableError("no answer")
    with pytest.raises(UpstreamUnavailableError):
        env.recover(job)
    assert env.sagemaker.created == []
    assert env.runs.outcomes == {}


def test_an_invalid_policy_decides_nothing_and_is_reported_once(env: RecoveryEnvironment) -> None:
    job = env.ended()
    env.faults["ssm.load"] = PolicyInvalidError("no JSON")
    assert env.recover(job) == Later(reason="no JSON")
    env.faults["ssm.load"] = PolicyInvalidError("still no JSON")
    assert env.recover(job) == Later(reason="still no JSON")
    assert env.runs.decisions == {}
    assert [(notice.kind, notice.summary) for notice in env.runs.recovery_records(job).notices] == [
        (NoticeKind.POLICY_INVALID, "no JSON")
    ]


def test_what_completed_needs_no_policy(env: RecoveryEnvironment) -> None:
    job = env.ended("Completed")
    env.faults["ssm.load"] = PolicyInvalidError("no JSON")
    assert env.recover(job) is None
    assert env.decision(job).decision.action is Action.NOTHING


def test_a_job_that_has_not_ended_by_the_ledger_is_left_alone(env: RecoveryEnvironment) -> None:
    job = env.submit()
    assert env.recover(job) is None
    assert env.runs.decisions == {}


def test_a_job_that_has_not_ended_by_sagemaker_is_not_decided_on(env: RecoveryEnvironment) -> None:
    job = env.ended()
    env.sagemaker.move(NAME, "Training")
    with pytest.raises(UpstreamUnavailableError, match="InProgress by SageMaker"):
        env.recover(job)
    assert env.runs.decisions == {}


def test_a_job_that_has_not_ended_by_sagemaker_is_never_followed(env: RecoveryEnvironment) -> None:
    job = env.decided()
    env.sagemaker.move(NAME, "Training")
    with pytest.raises(UpstreamUnavailableError):
        env.recover(job)
    assert env.sagemaker.created == []
    assert env.runs.outcomes == {}


@pytest.mark.parametrize("again", [False, True], ids=["gone", "another of its name"])
def test_a_deleted_job_is_refused_since_its_settings_are_unknown(env: RecoveryEnvironment, *, again: bool) -> None:
    job = env.ended()
    del env.sagemaker.jobs[NAME]
    if again:
        env.sagemaker.submit(NAME)
    env.recover(job)
    decision = env.decision(job).decision
    assert decision.action is Action.REFUSE
    assert decision.reason == "cannot be created again: spot-job was deleted, and its settings with it"


def test_tags_that_are_not_known_are_no_consent(env: RecoveryEnvironment) -> None:
    env.set_policy(resume=True)
    job = env.ended()
    state, version = env.ledger.states[job]
    object.__setattr__(state, "tags", None)
    env.ledger.states[job] = state, version
    env.recover(job)
    assert "tags are not known" in env.decision(job).decision.reason
