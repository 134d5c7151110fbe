"""The demo judges what its timelines begin with."""

from local.demo.demo import headline_differences
from local.sagemaker.lifecycle import parse
from respot.recovery.planning.decision import Action, Decision
from respot.recovery.planning.run import run_id
from respot.recovery.records import DecisionRecord, RecoveryRecords
from respot_cli.timeline.history import History
from tests.support.builders import at, history, job_id, state

ENDED = {"never-launched": parse("never-launched")}
NOT_ASKED = "not asked to resume this job (defaults)"


def of(reason: str | None) -> History:
    record = DecisionRecord(
        job=job_id(),
        run=run_id(job_id()),
        number=1,
        decision=Decision(action=Action.NOTHING, reason=reason or "", inputs={}),
        decided_at=at(1010),
        checkpoint=None,
        next_name=None,
    )
    return History(
        state=state(status="Stopped", secondary_status="MaxWaitTimeExceeded"),
        transitions=history("Starting=0 MaxWaitTimeExceeded=1000"),
        alerts=(),
        recovery_records=RecoveryRecords(decision=record if reason else None),
    )


def test_a_timeline_with_its_decision_is_as_demanded() -> None:
    assert headline_differences(ENDED, [of(NOT_ASKED)]) == []


def test_a_timeline_without_its_decision_is_a_difference() -> None:
    (found,) = headline_differences(ENDED, [of(None)])
    assert "begins with 'Ended as MaxWaitTimeExceeded, not decided yet.'" in found


def test_a_job_that_the_ledger_does_not_know_is_a_difference() -> None:
    assert len(headline_differences(ENDED, [None])) == 1


def test_what_must_become_of_a_completed_job_is_another_thing() -> None:
    completed = {"uninterrupted": parse("uninterrupted")}
    assert headline_differences(completed, [of("completed: nothing to do")]) == []
    assert len(headline_differences(completed, [of(NOT_ASKED)])) == 1
