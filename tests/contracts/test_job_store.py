"""The promises of the port `Ledger`, held against every implementation."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from respot.alerting.alert import AlertOutcome, AlertRecord
from respot.alerting.kinds import AlertKind
from respot.alerting.ports import LeaseToken, Ledger
from respot.errors import AlertInProgressError
from respot.jobs.job import JobRecord, JobSnapshot, JobState, Market, Owner, Parent
from respot.jobs.lifecycle import in_order
from respot.jobs.merge import Change, reconcile
from tests.support.builders import CREATED, NAME, REGION, at, history, job_id, reported, snapshot, state, transition
from tests.support.clock import FakeClock
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


def look(ledger: Ledger, seen: JobSnapshot) -> Change:
    return reconcile(ledger.load(seen.state.job), seen)


def save(ledger: Ledger, seen: JobSnapshot) -> bool:
    return ledger.save(look(ledger, seen))


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


# --- state and stays ------------------------------------------------------------------------------------------------


def test_an_unknown_job_is_an_empty_record(ledger: Ledger) -> None:
    assert ledger.load(JOB) == JobRecord()
    assert ledger.find(REGION, NAME) == ()
    assert ledger.alerts(JOB) == ()


FULL = state(
    status="Failed",
    secondary_status="Failed",
    last_modified=at(9000.037),
    status_message="Training job failed",
    failure_reason="AlgorithmError: <größer & 😀>",
    training_started=at(250.074),
    training_ended=at(9000.037),
    market=Market.ON_DEMAND,
    max_wait=None,
    max_pending=timedelta(hours=2),
    training_time=timedelta(seconds=8500),
    billable_time=timedelta(seconds=3100.5),
    parent=Parent(owner=Owner.STEP_FUNCTIONS, identifier=""),
    tags={"team": "vision", "empty": ""},
)
BARE = JobState(job=JOB, arn="", status="", secondary_status="Starting", last_modified=at(0))


@pytest.mark.parametrize(
    "known", [FULL, BARE, replace(BARE, tags={})], ids=["everything", "next to nothing", "no tags"]
)
def test_what_is_saved_is_loaded(ledger: Ledger, known: JobState) -> None:
    transitions = [transition("Starting", 0.001), transition("Reticulating #1", 5.999, provisional=True)]
    if known is FULL:
        transitions.append(transition("Failed", 9000.037))
    assert save(ledger, JobSnapshot(state=known, history=tuple(transitions)))
    assert ledger.load(JOB) == JobRecord(state=known, version=1, transitions=tuple(transitions))


def test_what_is_saved_is_not_seen_as_a_change(ledger: Ledger) -> None:
    seen = JobSnapshot(state=FULL, history=history("Starting=0 Failed=9000.037"))
    save(ledger, seen)
    assert look(ledger, seen).is_empty


def test_the_version_counts_the_writes_of_the_state(ledger: Ledger) -> None:
    for number, seen in enumerate(("Starting=0", "Starting=0 Downloading=250"), start=1):
        save(ledger, snapshot(seen))
        assert ledger.load(JOB).version == number


@pytest.mark.parametrize("known", [True, False], ids=["a known job", "a new job"])
def test_a_state_worked_out_from_an_old_one_is_refused_with_nothing_changed(ledger: Ledger, *, known: bool) -> None:
    if known:
        save(ledger, snapshot("Starting=0"))
    stale = look(ledger, snapshot("Starting=0 Downloading=250"))
    save(ledger, snapshot("Starting=0 Training=300"))
    before = ledger.load(JOB)
    assert not ledger.save(stale)
    assert ledger.load(JOB) == before


def test_stays_are_inserted_without_the_state_if_that_has_not_changed(ledger: Ledger) -> None:
    change = look(ledger, snapshot("Starting=0 Downloading=250"))
    ledger.save(replace(change, inserted=change.inserted[:1]))
    assert ledger.save(replace(change, state_changed=False))
    record = ledger.load(JOB)
    assert (record.version, record.transitions) == (1, history("Starting=0 Downloading=250"))


def test_a_stay_that_is_there_is_left_as_it_is(ledger: Ledger) -> None:
    told = reported("Interrupted", 3720)
    save(ledger, told)
    again = replace(look(ledger, told), inserted=(INTERRUPTED,))
    assert ledger.save(again)
    assert ledger.load(JOB).transitions == told.history


def test_the_end_of_a_job_is_told_with_its_last_stay(ledger: Ledger) -> None:
    save(ledger, snapshot("Starting=0 Reticulated=7200", status="Stopped"))
    assert [transition.ended_as for transition in ledger.load(JOB).transitions] == [None, "Stopped"]


def test_a_stay_that_turns_out_to_be_the_end_is_marked_once(ledger: Ledger) -> None:
    save(ledger, snapshot("Starting=0 Reticulated=7200", status="Stopping"))
    change = look(ledger, snapshot("Starting=0 Reticulated=7200", status="Stopped"))
    assert ledger.save(change)
    marked = ledger.load(JOB)
    assert [transition.ended_as for transition in marked.transitions] == [None, "Stopped"]
    (transition,) = change.marked
    late = replace(change, state_changed=False, marked=(replace(transition, ended_as="Failed"),))
    assert ledger.save(late)
    assert [transition.ended_as for transition in ledger.load(JOB).transitions] == [None, "Stopped"]


def test_a_partition_may_hold_hundreds_of_stays(ledger: Ledger) -> None:
    script = " ".join(f"Interrupted={2 * n} Starting={2 * n + 1}" for n in range(200))
    save(ledger, snapshot(script))
    assert ledger.load(JOB).transitions == history(script)


def test_stays_come_in_order_whatever_the_order_they_were_saved_in(ledger: Ledger) -> None:
    transitions = history("Uploading=5 Completed=5 Starting=0")
    save(ledger, JobSnapshot(state=state(), history=transitions))
    assert [transition.status for transition in ledger.load(JOB).transitions] == ["Starting", "Uploading", "Completed"]
    assert ledger.load(JOB).transitions == in_order(transitions)


def test_jobs_of_one_name_are_found_newest_first_and_no_others(ledger: Ledger) -> None:
    created = [at(0), at(100_000), at(50_000)]
    for moment in created:
        save(ledger, snapshot("Starting=0", job=job_id(created=moment)))
    save(ledger, snapshot("Starting=0", job=job_id(f"{NAME}-2")))
    save(ledger, snapshot("Starting=0", job=job_id(region="eu-west-1")))
    assert ledger.find(REGION, NAME) == tuple(job_id(created=moment) for moment in sorted(created, reverse=True))


def test_jobs_of_one_name_are_kept_apart(ledger: Ledger) -> None:
    again = job_id(created=at(100_000))
    save(ledger, snapshot("Starting=0"))
    save(ledger, snapshot("Starting=0 Downloading=250", job=again))
    assert len(ledger.load(JOB).transitions) == 1
    assert len(ledger.load(again).transitions) == 2


def test_alerts_do_not_show_among_the_stays(ledger: Ledger) -> None:
    save(ledger, snapshot("Starting=0"))
    ledger.complete_alert(alert_record())
    assert ledger.load(JOB).transitions == history("Starting=0")


def test_the_ledger_knows_when_it_came_into_being(ledger: Ledger) -> None:
    created = ledger.created_at()
    assert created.utcoffset() == timedelta()
    assert created.microsecond % 1000 == 0
    assert ledger.created_at() == created


def test_a_region_that_nobody_swept_is_watched_since_the_deployment(ledger: Ledger) -> None:
    assert ledger.watched_since(REGION) == ledger.created_at()


# --- alerts ---------------------------------------------------------------------------------------------------------


def test_one_claim_only(ledger: Ledger) -> None:
    assert ledger.lease_alert(JOB, AlertKind.INTERRUPTED, INTERRUPTED, now=at(0), lease=LEASE)
    with pytest.raises(AlertInProgressError):
        ledger.lease_alert(JOB, AlertKind.INTERRUPTED, INTERRUPTED, now=at(1), lease=LEASE)


def test_claims_on_other_alerts_are_free(ledger: Ledger) -> None:
    ledger.lease_alert(JOB, AlertKind.INTERRUPTED, INTERRUPTED, now=at(0), lease=LEASE)
    assert ledger.lease_alert(JOB, AlertKind.INTERRUPTED, transition("Interrupted", 9000), now=at(0), lease=LEASE)
    assert ledger.lease_alert(JOB, AlertKind.FAILED, transition("Failed", 3720), now=at(0), lease=LEASE)
    assert ledger.lease_alert(job_id("other"), AlertKind.INTERRUPTED, INTERRUPTED, now=at(0), lease=LEASE)


@pytest.mark.parametrize(("seconds", "free"), [(119.999, False), (120, True), (500, True)])
def test_a_claim_lapses_with_its_lease(ledger: Ledger, seconds: float, *, free: bool) -> None:
    ledger.lease_alert(JOB, AlertKind.INTERRUPTED, INTERRUPTED, now=at(0), lease=LEASE)
    if free:
        assert ledger.lease_alert(JOB, AlertKind.INTERRUPTED, INTERRUPTED, now=at(seconds), lease=LEASE)
    else:
        with pytest.raises(AlertInProgressError):
            ledger.lease_alert(JOB, AlertKind.INTERRUPTED, INTERRUPTED, now=at(seconds), lease=LEASE)


def test_a_claim_taken_over_holds_anew(ledger: Ledger) -> None:
    ledger.lease_alert(JOB, AlertKind.INTERRUPTED, INTERRUPTED, now=at(0), lease=LEASE)
    ledger.lease_alert(JOB, AlertKind.INTERRUPTED, INTERRUPTED, now=at(130), lease=LEASE)
    with pytest.raises(AlertInProgressError):
        ledger.lease_alert(JOB, AlertKind.INTERRUPTED, INTERRUPTED, now=at(200), lease=LEASE)


def test_a_claim_given_back_is_free_at_once(ledger: Ledger, clock: FakeClock) -> None:
    clock.moment = at(1)
    token = ledger.lease_alert(JOB, AlertKind.INTERRUPTED, INTERRUPTED, now=at(0), lease=LEASE)
    assert token
    ledger.release_alert(JOB, AlertKind.INTERRUPTED, INTERRUPTED, token)
    assert ledger.lease_alert(JOB, AlertKind.INTERRUPTED, INTERRUPTED, now=at(1), lease=LEASE)


@pytest.mark.parametrize("taken_over", [at(1), at(120)], ids=["after it was given back", "after its lease"])
def test_only_who_made_a_claim_gives_it_back(ledger: Ledger, clock: FakeClock, taken_over: datetime) -> None:
    """A client repeats a release whose answer was lost; meanwhile the alert is in somebody else's hand."""
    clock.moment = at(1)
    ours = ledger.lease_alert(JOB, AlertKind.INTERRUPTED, INTERRUPTED, now=at(0), lease=LEASE)
    assert ours
    if taken_over == clock():
        ledger.release_alert(JOB, AlertKind.INTERRUPTED, INTERRUPTED, ours)
    theirs = ledger.lease_alert(JOB, AlertKind.INTERRUPTED, INTERRUPTED, now=taken_over, lease=LEASE)
    assert theirs not in {None, ours}
    ledger.release_alert(JOB, AlertKind.INTERRUPTED, INTERRUPTED, ours)
    with pytest.raises(AlertInProgressError):
        ledger.lease_alert(JOB, AlertKind.INTERRUPTED, INTERRUPTED, now=taken_over, lease=LEASE)


def test_a_claim_is_no_alert(ledger: Ledger) -> None:
    ledger.lease_alert(JOB, AlertKind.INTERRUPTED, INTERRUPTED, now=at(0), lease=LEASE)
    assert ledger.alerts(JOB) == ()


@pytest.mark.parametrize("claimed", [True, False])
@pytest.mark.parametrize("outcome", AlertOutcome)
def test_what_is_settled_is_kept_claimed_or_not(ledger: Ledger, outcome: AlertOutcome, *, claimed: bool) -> None:
    if claimed:
        ledger.lease_alert(JOB, AlertKind.INTERRUPTED, INTERRUPTED, now=at(0), lease=LEASE)
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
    ids=["declined", "sent again", "given back", "claimed"],
)
def test_what_is_settled_is_never_changed_again(ledger: Ledger, afterwards: Callable[[Ledger], object]) -> None:
    ledger.complete_alert(alert_record())
    assert not afterwards(ledger)
    assert ledger.alerts(JOB) == (alert_record(),)


def test_the_digest_in_which_people_hear_of_an_alert_is_kept(ledger: Ledger) -> None:
    held_back = replace(alert_record(), digest="digest/us-east-1/ml.g5.2xlarge/interrupted/2026-09-16T10:02:00.000Z")
    ledger.complete_alert(held_back)
    assert ledger.alerts(JOB) == (held_back,)


def test_alerts_come_in_the_order_of_their_transitions(ledger: Ledger) -> None:
    late, early = alert_record(seconds=9000), alert_record(seconds=3720)
    failed = alert_record(AlertOutcome.DECLINED, seconds=12_000, status="Failed")
    for each in (failed, late, early):
        ledger.complete_alert(each)
    assert ledger.alerts(JOB) == (early, late, failed)
