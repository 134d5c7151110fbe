"""A resubmission that was decided on, and could not be created until it was nobody's concern any more."""

from datetime import timedelta

import pytest

from respot.errors import CreateRefusedError
from respot.recovery.records import OutcomeKind
from tests.support.recovery_environment import SECOND, RecoveryEnvironment


@pytest.mark.parametrize(
    ("span", "reason"),
    [
        (timedelta(days=2, hours=22), None),
        (timedelta(days=30), "not resubmitted: ended 30 d 00 h ago, and a job is resubmitted within 3 d 00 h"),
    ],
    ids=["within three days", "a dead letter redriven after weeks"],
)
def test_within_three_days_it_is_created_and_later_it_is_not(
    env: RecoveryEnvironment, span: timedelta, reason: str | None
) -> None:
    job = env.decided()
    env.clock.pass_by(span)
    assert env.recover(job) is None
    assert env.sagemaker.created == ([] if reason else [SECOND])
    assert env.outcome(job).kind is (OutcomeKind.CANCELLED if reason else OutcomeKind.CREATED)
    assert env.outcome(job).summary.startswith(reason or "resubmitted")


def test_a_ledger_from_a_backup_creates_nothing_that_was_decided_before_it(env: RecoveryEnvironment) -> None:
    job = env.decided()
    env.clock.pass_by(timedelta(hours=5))
    env.ledger.created = env.clock()
    env.recover(job)
    assert (env.sagemaker.created, env.outcome(job).kind) == ([], OutcomeKind.CANCELLED)


def test_a_late_message_does_not_cancel_what_was_created(env: RecoveryEnvironment) -> None:
    job = env.ended()
    env.faults["runs.record_outcome"] = RuntimeError("died")
    with pytest.raises(RuntimeError):
        env.recover(job)
    env.faults.clear()
    assert env.sagemaker.created == [SECOND]
    env.clock.pass_by(timedelta(days=30))
    env.recover(job)
    assert env.outcome(job).kind is OutcomeKind.CREATED


def test_no_failure_is_recorded_for_what_another_delivery_created(env: RecoveryEnvironment) -> None:
    job = env.ended()
    # SageMaker took the request of the other delivery, and refuses this one for another reason than its name.
    env.afterwards["sagemaker.create"] = CreateRefusedError("refused")
    env.recover(job)
    assert env.sagemaker.created == [SECOND]
    assert env.outcome(job).kind is OutcomeKind.CREATED
