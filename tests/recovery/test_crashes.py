"""Recovery creates once, wherever it fails or dies."""

import pytest

from respot.errors import CreateLaterError, LedgerUnavailableError, Postponement
from respot.recovery.records import OutcomeKind
from tests.support.builders import arn_of
from tests.support.recovery_environment import SECOND, THIRD, RecoveryEnvironment
from tests.support.with_hooks import ProcessCrashError

CALLS = (
    *("ledger.load", "ledger.watched_since", "ledger.find", "runs.decision", "runs.reservation", "runs.attempts"),
    *("ssm.load", "switch.why_on", "s3.list", "runs.attempt", "runs.attempts_named", "runs.live", "runs.decide"),
    *("sagemaker.description", "sagemaker.describe", "sagemaker.tags", "sagemaker.create"),
    *("runs.outcome", "runs.record_outcome", "runs.record_creation_intent", "ledger.recorded_until", "sagemaker.page"),
)


def test_the_list_of_calls_is_complete(env: RecoveryEnvironment) -> None:
    env.recover(env.ended())
    env.recover(env.end(name=SECOND))
    assert set(env.calls) == set(CALLS)


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("death", [ProcessCrashError(), LedgerUnavailableError("down")], ids=["dies", "fails"])
def test_after_any_crash_the_next_delivery_creates_what_is_missing(
    env: RecoveryEnvironment, call: str, death: BaseException, *, done: bool
) -> None:
    env.recover(env.ended())
    job = env.end(name=SECOND)
    trouble = env.afterwards if done else env.faults
    trouble[call] = death
    for _ in range(3):
        # A call that comes only after the crash point is not made, and nothing breaks.
        try:
            env.recover(job)
        except (ProcessCrashError, LedgerUnavailableError):
            continue
    trouble.clear()
    assert env.recover(job) is None
    assert env.recover(job) is None
    assert env.sagemaker.created == [SECOND, THIRD]
    assert env.outcome(job).kind is OutcomeKind.CREATED
    assert env.outcome(job).name == THIRD
    assert env.decision(job).number == 2


def test_a_creation_without_an_answer_is_found_by_the_next_delivery(env: RecoveryEnvironment) -> None:
    job = env.ended()
    env.afterwards["sagemaker.create"] = CreateLaterError("no answer", reason=Postponement.UNANSWERED)
    with pytest.raises(CreateLaterError, match="no answer"):
        env.recover(job)
    env.afterwards.clear()
    assert env.recover(job) is None
    assert env.sagemaker.created == [SECOND]
    assert env.outcome(job).arn == arn_of(SECOND)
    assert env.calls.count("sagemaker.create") == 1


def test_an_attempt_that_was_followed_and_deleted_is_not_created_again(env: RecoveryEnvironment) -> None:
    first = env.ended()
    env.faults["runs.record_outcome"] = ProcessCrashError()
    with pytest.raises(ProcessCrashError):
        env.recover(first)
    env.faults.clear()
    env.recover(env.end(name=SECOND))
    del env.sagemaker.jobs[SECOND]
    env.recover(first)
    assert env.sagemaker.created == [SECOND, THIRD]
    assert env.outcome(first).kind is OutcomeKind.CREATED


def test_an_attempt_that_was_recorded_and_deleted_is_not_created_again(env: RecoveryEnvironment) -> None:
    job = env.ended()
    env.afterwards["sagemaker.create"] = ProcessCrashError()
    with pytest.raises(ProcessCrashError):
        env.recover(job)
    env.afterwards.clear()
    env.observe(SECOND)
    del env.sagemaker.jobs[SECOND]
    env.recover(job)
    assert env.outcome(job).kind is OutcomeKind.CREATED
    assert env.sagemaker.created == [SECOND]
