"""Recovery creates once, wherever it fails or dies."""

import pytest

from respot.errors import CreateLaterError, LedgerUnavailableError, Postponement
from respot.recovery.records import OutcomeKind
from tests.support.builders import arn_of
from tests.support.recovery_bench import SECOND, THIRD, RecoveryBench
from tests.support.troubled import DiedError

CALLS = (
    *(
        "ledger.load",
        "ledger.watched_since",
        "ledger.find",
        "runs.decision",
        "runs.reservation",
        "runs.attempts",
        "ssm.load",
        "switch.why_on",
        "s3.list",
        "runs.attempt",
        "runs.live",
    ),
    *("sagemaker.document", "runs.decide", "runs.outcome", "sagemaker.describe", "sagemaker.tags"),
    *("sagemaker.create", "runs.record_outcome"),
)


def test_the_list_of_calls_is_complete(bench: RecoveryBench) -> None:
    bench.recover(bench.ended())
    bench.recover(bench.end(name=SECOND))
    assert set(bench.calls) == set(CALLS)


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("death", [DiedError(), LedgerUnavailableError("down")], ids=["dies", "fails"])
def test_whatever_breaks_the_next_delivery_creates_what_is_missing_and_no_more(
    bench: RecoveryBench, call: str, death: BaseException, *, done: bool
) -> None:
    bench.recover(bench.ended())
    job = bench.end(name=SECOND)
    trouble = bench.afterwards if done else bench.faults
    trouble[call] = death
    for _ in range(3):
        # A call that comes only after the crash point is not made, and nothing breaks.
        try:
            bench.recover(job)
        except (DiedError, LedgerUnavailableError):
            continue
    trouble.clear()
    assert bench.recover(job) is None
    assert bench.recover(job) is None
    assert bench.sagemaker.created == [SECOND, THIRD]
    assert bench.outcome(job).kind is OutcomeKind.CREATED
    assert bench.outcome(job).name == THIRD
    assert bench.decision(job).number == 2


def test_a_creation_without_an_answer_is_found_by_the_next_delivery(bench: RecoveryBench) -> None:
    job = bench.ended()
    bench.afterwards["sagemaker.create"] = CreateLaterError("no answer", reason=Postponement.UNANSWERED)
    with pytest.raises(CreateLaterError, match="no answer"):
        bench.recover(job)
    bench.afterwards.clear()
    assert bench.recover(job) is None
    assert bench.sagemaker.created == [SECOND]
    assert bench.outcome(job).arn == arn_of(SECOND)
    assert bench.calls.count("sagemaker.create") == 1


def test_an_attempt_that_was_followed_by_another_one_and_deleted_is_not_created_again(bench: RecoveryBench) -> None:
    first = bench.ended()
    bench.faults["runs.record_outcome"] = DiedError()
    with pytest.raises(DiedError):
        bench.recover(first)
    bench.faults.clear()
    bench.recover(bench.end(name=SECOND))
    del bench.sagemaker.jobs[SECOND]
    bench.recover(first)
    assert bench.sagemaker.created == [SECOND, THIRD]
    assert bench.outcome(first).kind is OutcomeKind.CREATED


def test_an_attempt_that_was_recorded_and_deleted_is_not_created_again(bench: RecoveryBench) -> None:
    job = bench.ended()
    bench.afterwards["sagemaker.create"] = DiedError()
    with pytest.raises(DiedError):
        bench.recover(job)
    bench.afterwards.clear()
    bench.observe(SECOND)
    del bench.sagemaker.jobs[SECOND]
    bench.recover(job)
    assert bench.outcome(job).kind is OutcomeKind.CREATED
    assert bench.sagemaker.created == [SECOND]
