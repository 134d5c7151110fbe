"""The promises of the port `AlertStore`, held against every implementation."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from respot.alerting.alert import AlertOutcome, AlertRecord
from respot.alerting.kinds import AlertKind
from respot.alerting.ports import LeaseToken, Ledger
from respot.jobs.merge import reconcile
from tests.support.builders import CREATED, at, history, job_id, snapshot, transition
from tests.support.memory import MemoryLedger

if TYPE_CHECKING:
    from respot.aws.dynamodb.ledger import DynamoDbLedger

JOB = job_id()
INTERRUPTED = transition("Interrupted", 3720)
LEASE = timedelta(minutes=2)


@pytest.fixture(params=["memory", "dynamodb"])
def ledger(request: pytest.FixtureRequest) -> Ledger:
    if request.param == "memory":
        return MemoryLedger(created=CREATED)
    built: DynamoDbLedger = request.getfixturevalue("dynamodb_ledger")
    return built


def alert_record(
    outcome: AlertOutcome = AlertOutcome.SENT, seconds: float = 3720, status: str = "Interrupted"
) -> AlertRecord:
    sent = outcome is AlertOutcome.SENT
    return AlertRecord(
        job=JOB,
        kind=AlertKind.INTERRUPTED if status == "Interrupted" else AlertKind.FAILED,
        transition=transition(status, seconds),
        outcome=outcome,
        reason="a reason",
        headline="a headline" if sent else None,
        settled_at=at(3725.5),
        message_id="message-1" if sent else None,
    )


def test_alerts_are_no_transitions(ledger: Ledger) -> None:
    assert ledger.alerts(JOB) == ()
    ledger.save(reconcile(ledger.load(JOB), snapshot("Starting=0")))
    ledger.complete_alert(alert_record())
    assert ledger.load(JOB).transitions == history("Starting=0")


@pytest.mark.parametrize("complete", [False, True], ids=["leased", "complete"])
def test_an_alert_has_begun_once_it_is_leased_or_complete(ledger: Ledger, *, complete: bool) -> None:
    assert ledger.alert_began(JOB, AlertKind.INTERRUPTED) is None
    for seconds in (9000.037, 3720):
        if complete:
            ledger.complete_alert(alert_record(seconds=seconds))
        else:
            about = transition("Interrupted", seconds)
            ledger.lease_alert(JOB, AlertKind.INTERRUPTED, about, now=at(0), lease=LEASE)
        assert ledger.alert_began(JOB, AlertKind.INTERRUPTED) == at(seconds)
    assert ledger.alert_began(JOB, AlertKind.FAILED) is None
    assert ledger.alert_began(job_id("other"), AlertKind.INTERRUPTED) is None


def test_other_alerts_are_free(ledger: Ledger) -> None:
    ledger.lease_alert(JOB, AlertKind.INTERRUPTED, INTERRUPTED, now=at(0), lease=LEASE)
    assert ledger.lease_alert(JOB, AlertKind.INTERRUPTED, transition("Interrupted", 9000), now=at(0), lease=LEASE)
    assert ledger.lease_alert(JOB, AlertKind.FAILED, transition("Failed", 3720), now=at(0), lease=LEASE)
    assert ledger.lease_alert(job_id("other"), AlertKind.INTERRUPTED, INTERRUPTED, now=at(0), lease=LEASE)


@pytest.mark.parametrize("leased", [True, False])
@pytest.mark.parametrize("outcome", AlertOutcome)
def test_a_completed_alert_is_kept_leased_or_not(ledger: Ledger, outcome: AlertOutcome, *, leased: bool) -> None:
    if leased:
        ledger.lease_alert(JOB, AlertKind.INTERRUPTED, INTERRUPTED, now=at(0), lease=LEASE)
        assert ledger.alerts(JOB) == ()
    ledger.complete_alert(alert_record(outcome))
    assert ledger.alerts(JOB) == (alert_record(outcome),)


@pytest.mark.parametrize(
    "afterwards",
    [
        lambda ledger: ledger.complete_alert(alert_record(AlertOutcome.DECLINED)),
        lambda ledger: ledger.complete_alert(replace(alert_record(), message_id="message-2")),
        lambda ledger: ledger.release_alert(JOB, AlertKind.INTERRUPTED, INTERRUPTED, LeaseToken("gone")),
        lambda ledger: ledger.lease_alert(JOB, AlertKind.INTERRUPTED, INTERRUPTED, now=at(99_999), lease=LEASE),
    ],
    ids=["declined", "sent again", "released", "leased"],
)
def test_a_completed_alert_never_changes(ledger: Ledger, afterwards: Callable[[Ledger], object]) -> None:
    ledger.complete_alert(alert_record())
    assert not afterwards(ledger)
    assert ledger.alerts(JOB) == (alert_record(),)


def test_alerts_come_in_the_order_of_their_transitions(ledger: Ledger) -> None:
    late, early = replace(alert_record(seconds=9000), digest="digest/us-east-1"), alert_record(seconds=3720)
    failed = alert_record(AlertOutcome.DECLINED, seconds=12_000, status="Failed")
    for each in (failed, late, early):
        ledger.complete_alert(each)
    assert ledger.alerts(JOB) == (early, late, failed)
