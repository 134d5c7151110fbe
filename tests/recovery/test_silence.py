"""Nothing is decided or created because nobody answered."""

import pytest

from respot.errors import PolicyInvalidError, UpstreamUnavailableError
from respot.recovery.decide import Later
from respot.recovery.records import NoticeKind
from tests.support.builders import NAME
from tests.support.recovery_environment import RecoveryEnvironment


@pytest.mark.parametrize(
    ("decided", "call"),
    [
        *((False, call) for call in ("ssm.load", "s3.list", "sagemaker.description", "switch.why_on")),
        *((True, call) for call in ("ssm.load", "s3.list", "sagemaker.description", "sagemaker.describe")),
        (True, "sagemaker.tags"),
    ],
)
def test_what_cannot_be_asked_decides_and_creates_nothing(
    env: RecoveryEnvironment, call: str, *, decided: bool
) -> None:
    job = env.decided() if decided else env.ended()
    env.faults[call] = UpstreamUnavailableError("no answer")
    with pytest.raises(UpstreamUnavailableError):
        env.recover(job)
    assert (job in env.runs.decisions) is decided
    assert (env.runs.notices, env.runs.outcomes, env.sagemaker.created) == ({}, {}, [])


def test_an_invalid_policy_decides_nothing_and_is_reported_once(env: RecoveryEnvironment) -> None:
    job = env.ended()
    for words in ("no JSON", "still no JSON"):
        env.faults["ssm.load"] = PolicyInvalidError(words)
        assert env.recover(job) == Later(reason=words)
    assert env.runs.decisions == {}
    assert [(notice.kind, notice.summary) for notice in env.runs.recovery_records(job).notices] == [
        (NoticeKind.POLICY_INVALID, "no JSON")
    ]


def test_a_job_that_has_not_ended_by_the_ledger_is_left_alone(env: RecoveryEnvironment) -> None:
    assert env.recover(env.submit()) is None
    assert env.runs.decisions == {}


@pytest.mark.parametrize("decided", [False, True], ids=["not decided on", "never followed"])
def test_a_job_that_has_not_ended_by_sagemaker_is_no_end(env: RecoveryEnvironment, *, decided: bool) -> None:
    job = env.decided() if decided else env.ended()
    env.sagemaker.move(NAME, "Training")
    with pytest.raises(UpstreamUnavailableError, match="InProgress by SageMaker"):
        env.recover(job)
    assert (job in env.runs.decisions) is decided
    assert (env.runs.outcomes, env.sagemaker.created) == ({}, [])
