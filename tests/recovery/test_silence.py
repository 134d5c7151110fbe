"""Nothing is decided or created because nobody answered."""

import pytest

from respot.errors import CreateLaterError, PolicyInvalidError, Postponement, UpstreamUnavailableError
from respot.recovery.planning.decision import Action
from respot.recovery.records import NoticeKind
from respot.recovery.recover import Later
from tests.support.builders import NAME
from tests.support.recovery_bench import RecoveryBench


@pytest.mark.parametrize("call", ["ssm.load", "s3.list", "sagemaker.document"])
def test_what_cannot_be_asked_decides_nothing(bench: RecoveryBench, call: str) -> None:
    job = bench.ended()
    bench.faults[call] = UpstreamUnavailableError("no answer")
    with pytest.raises(UpstreamUnavailableError):
        bench.recover(job)
    assert bench.runs.decisions == {}


@pytest.mark.parametrize("call", ["sagemaker.describe", "sagemaker.document", "sagemaker.tags", "s3.list", "ssm.load"])
def test_what_cannot_be_asked_creates_nothing(bench: RecoveryBench, call: str) -> None:
    job = bench.decided()
    if call == "sagemaker.tags":
        bench.faults["sagemaker.create"] = CreateLaterError("not now", reason=Postponement.QUOTA)
    bench.faults[call] = UpstreamUnavailableError("no answer")
    with pytest.raises(UpstreamUnavailableError):
        bench.recover(job)
    assert bench.sagemaker.created == []
    assert bench.runs.outcomes == {}


def test_an_invalid_policy_decides_nothing_and_is_told_once(bench: RecoveryBench) -> None:
    job = bench.ended()
    bench.faults["ssm.load"] = PolicyInvalidError("no JSON")
    assert bench.recover(job) == Later(reason="no JSON")
    bench.faults["ssm.load"] = PolicyInvalidError("still no JSON")
    assert bench.recover(job) == Later(reason="still no JSON")
    assert bench.runs.decisions == {}
    assert [(notice.kind, notice.story) for notice in bench.runs.recovery_records(job).notices] == [
        (NoticeKind.POLICY_INVALID, "no JSON")
    ]


def test_what_completed_needs_no_policy(bench: RecoveryBench) -> None:
    job = bench.ended("Completed")
    bench.faults["ssm.load"] = PolicyInvalidError("no JSON")
    assert bench.recover(job) is None
    assert bench.decision(job).decision.action is Action.NOTHING


def test_a_job_that_has_not_ended_by_the_ledger_is_left_alone(bench: RecoveryBench) -> None:
    job = bench.submit()
    assert bench.recover(job) is None
    assert bench.runs.decisions == {}


def test_a_job_that_has_not_ended_by_sagemaker_is_not_decided_on(bench: RecoveryBench) -> None:
    job = bench.ended()
    bench.sagemaker.move(NAME, "Training")
    with pytest.raises(UpstreamUnavailableError, match="InProgress by SageMaker"):
        bench.recover(job)
    assert bench.runs.decisions == {}


def test_a_job_that_has_not_ended_by_sagemaker_is_never_followed(bench: RecoveryBench) -> None:
    job = bench.decided()
    bench.sagemaker.move(NAME, "Training")
    with pytest.raises(UpstreamUnavailableError):
        bench.recover(job)
    assert bench.sagemaker.created == []
    assert bench.runs.outcomes == {}


@pytest.mark.parametrize("again", [False, True], ids=["gone", "another of its name"])
def test_a_deleted_job_is_refused_since_nothing_tells_its_settings(bench: RecoveryBench, *, again: bool) -> None:
    job = bench.ended()
    del bench.sagemaker.jobs[NAME]
    if again:
        bench.sagemaker.submit(NAME)
    bench.recover(job)
    decision = bench.decision(job).decision
    assert decision.action is Action.REFUSE
    assert decision.reason == "cannot be created again: spot-job was deleted, and its settings with it"


def test_tags_that_are_not_known_are_no_consent(bench: RecoveryBench) -> None:
    bench.set_policy(resume=True)
    job = bench.ended()
    state, version = bench.ledger.states[job]
    object.__setattr__(state, "tags", None)
    bench.ledger.states[job] = state, version
    bench.recover(job)
    assert "tags are not known" in bench.decision(job).decision.reason
