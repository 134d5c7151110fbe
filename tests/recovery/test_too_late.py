"""A resubmission that was decided on, and could not be created until it was nobody's concern any more."""

from datetime import timedelta

import pytest

from respot.errors import CreateLaterError, CreateRefusedError, Postponement
from respot.jobs.job import JobId
from respot.recovery.records import OutcomeKind
from tests.support.recovery_bench import SECOND, RecoveryBench


def postponed(bench: RecoveryBench) -> JobId:
    """Decided, but the quota was exhausted."""
    job = bench.ended()
    bench.faults["sagemaker.create"] = CreateLaterError("no quota", reason=Postponement.QUOTA)
    assert bench.recover(job) is not None
    bench.faults.clear()
    return job


def test_within_three_days_it_is_created(bench: RecoveryBench) -> None:
    job = postponed(bench)
    bench.clock.pass_by(timedelta(days=2, hours=23))
    bench.recover(job)
    assert (bench.sagemaker.created, bench.outcome(job).kind) == ([SECOND], OutcomeKind.CREATED)


def test_a_dead_letter_that_is_sent_back_after_weeks_creates_nothing_and_says_so(bench: RecoveryBench) -> None:
    job = postponed(bench)
    bench.clock.pass_by(timedelta(days=30))
    assert bench.recover(job) is None
    assert bench.sagemaker.created == []
    outcome = bench.outcome(job)
    assert outcome.kind is OutcomeKind.CANCELLED
    assert outcome.story.startswith("not resubmitted: ended 30 d 00 h ago, and a job is resubmitted within 3 d 00 h")


def test_a_ledger_from_a_backup_creates_nothing_that_was_decided_before_it(bench: RecoveryBench) -> None:
    job = postponed(bench)
    bench.clock.pass_by(timedelta(hours=5))
    bench.ledger.created = bench.clock()
    bench.recover(job)
    assert (bench.sagemaker.created, bench.outcome(job).kind) == ([], OutcomeKind.CANCELLED)


def test_what_was_created_before_is_not_called_off_however_late_the_message(bench: RecoveryBench) -> None:
    job = bench.ended()
    bench.faults["runs.record_outcome"] = RuntimeError("died")
    with pytest.raises(RuntimeError):
        bench.recover(job)
    bench.faults.clear()
    assert bench.sagemaker.created == [SECOND]
    bench.clock.pass_by(timedelta(days=30))
    bench.recover(job)
    assert bench.outcome(job).kind is OutcomeKind.CREATED


def test_no_failure_is_written_down_of_what_another_delivery_has_created_meanwhile(bench: RecoveryBench) -> None:
    job = bench.ended()
    # SageMaker took the request of the other delivery, and refuses this one for another reason than its name.
    bench.afterwards["sagemaker.create"] = CreateRefusedError("refused")
    bench.recover(job)
    assert bench.sagemaker.created == [SECOND]
    assert bench.outcome(job).kind is OutcomeKind.CREATED
