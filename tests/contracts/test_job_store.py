"""The promises of the port `JobStore`, held against every implementation."""

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from respot.jobs.job import JobId, JobRecord, JobSnapshot, JobState, Market, Owner, Parent
from respot.jobs.lifecycle import in_order
from respot.jobs.merge import Change, reconcile
from respot.jobs.ports import JobStore
from tests.support.builders import CREATED, NAME, REGION, at, history, job_id, reported, snapshot, state, transition
from tests.support.memory import MemoryLedger

if TYPE_CHECKING:
    from respot.aws.dynamodb.ledger import DynamoDbLedger

JOB = job_id()
INTERRUPTED = transition("Interrupted", 3720)
LEASE = timedelta(minutes=2)


@pytest.fixture(params=["memory", "dynamodb"])
def ledger(request: pytest.FixtureRequest) -> JobStore:
    if request.param == "memory":
        return MemoryLedger(created=CREATED)
    built: DynamoDbLedger = request.getfixturevalue("dynamodb_ledger")
    return built


def reconciled(ledger: JobStore, seen: JobSnapshot) -> Change:
    return reconcile(ledger.load(seen.state.job), seen)


def save(ledger: JobStore, seen: JobSnapshot) -> bool:
    return ledger.save(reconciled(ledger, seen))


def test_an_unknown_job_is_an_empty_record(ledger: JobStore) -> None:
    assert ledger.load(JOB) == JobRecord()
    assert ledger.find(REGION, NAME) == ()


FULL = state(
    status="Failed",
    secondary_status="Failed",
    last_modified=at(9000.037),
    status_message="Training job failed",
    failure_reason="AlgorithmError: <größer & 😀>",
    training_started=at(250.074),
    training_ended=at(9000.037),
    market=Market.ON_DEMAND,
    preferred_types=("ml.p5.48xlarge", "ml.p4d.24xlarge"),
    max_wait=None,
    max_pending=timedelta(hours=2),
    training_time=timedelta(seconds=8500),
    billable_time=timedelta(seconds=3100.5),
    parent=Parent(owner=Owner.STEP_FUNCTIONS, identifier=""),
    tags={"team": "vision", "empty": ""},
)
BARE = JobState(job=JOB, arn="", status="", secondary_status="Starting", last_modified=at(0))


@pytest.mark.parametrize("known", [FULL, BARE, replace(BARE, tags={})], ids=["everything", "almost nothing", "no tags"])
def test_what_is_saved_is_loaded(ledger: JobStore, known: JobState) -> None:
    transitions = [transition("Starting", 0.001), transition("Reticulating #1", 5.999, provisional=True)]
    if known is FULL:
        transitions.append(transition("Failed", 9000.037))
    assert save(ledger, JobSnapshot(state=known, history=tuple(transitions)))
    assert ledger.load(JOB) == JobRecord(state=known, version=1, transitions=tuple(transitions))
    assert reconciled(ledger, JobSnapshot(state=known, history=tuple(transitions))).is_empty


@pytest.mark.parametrize("known", [True, False], ids=["a known job", "a new job"])
def test_a_state_based_on_an_old_version_is_refused(ledger: JobStore, *, known: bool) -> None:
    if known:
        save(ledger, snapshot("Starting=0"))
    stale = reconciled(ledger, snapshot("Starting=0 Downloading=250"))
    save(ledger, snapshot("Starting=0 Training=300"))
    before = ledger.load(JOB)
    assert before.version == 1 + known
    assert not ledger.save(stale)
    assert ledger.load(JOB) == before


def test_transitions_are_inserted_without_an_unchanged_state(ledger: JobStore) -> None:
    change = reconciled(ledger, snapshot("Starting=0 Downloading=250"))
    ledger.save(replace(change, inserted=change.inserted[:1]))
    assert ledger.save(replace(change, state_changed=False))
    record = ledger.load(JOB)
    assert (record.version, record.transitions) == (1, history("Starting=0 Downloading=250"))


def test_a_known_transition_is_not_changed(ledger: JobStore) -> None:
    seen = reported("Interrupted", 3720)
    save(ledger, seen)
    again = replace(reconciled(ledger, seen), inserted=(INTERRUPTED,))
    assert ledger.save(again)
    assert ledger.load(JOB).transitions == seen.history


def ended_as(ledger: JobStore, job: JobId = JOB) -> list[str | None]:
    return [transition.ended_as for transition in ledger.load(job).transitions]


def test_the_last_transition_says_once_how_the_job_ended(ledger: JobStore) -> None:
    at_once = job_id("other")
    save(ledger, snapshot("Starting=0 Reticulated=7200", job=at_once, status="Stopped"))
    assert ended_as(ledger, at_once) == [None, "Stopped"]
    save(ledger, snapshot("Starting=0 Reticulated=7200", status="Stopping"))
    change = reconciled(ledger, snapshot("Starting=0 Reticulated=7200", status="Stopped"))
    assert ledger.save(change)
    assert ended_as(ledger) == [None, "Stopped"]
    late = replace(change, state_changed=False, marked=(replace(change.marked[0], ended_as="Failed"),))
    assert ledger.save(late)
    assert ended_as(ledger) == [None, "Stopped"]


def test_a_job_may_have_hundreds_of_transitions(ledger: JobStore) -> None:
    script = " ".join(f"Interrupted={2 * n} Starting={2 * n + 1}" for n in range(200))
    save(ledger, snapshot(script))
    assert ledger.load(JOB).transitions == history(script)


def test_transitions_come_in_order(ledger: JobStore) -> None:
    transitions = history("Uploading=5 Completed=5 Starting=0")
    save(ledger, JobSnapshot(state=state(), history=transitions))
    assert [transition.status for transition in ledger.load(JOB).transitions] == ["Starting", "Uploading", "Completed"]
    assert ledger.load(JOB).transitions == in_order(transitions)


def test_jobs_of_one_name_are_kept_apart_and_found_newest_first(ledger: JobStore) -> None:
    created = [at(0), at(100_000), at(50_000)]
    for moment in created:
        save(ledger, snapshot("Starting=0", job=job_id(created=moment)))
    save(ledger, snapshot("Starting=0 Downloading=250", job=job_id(created=at(50_000))))
    save(ledger, snapshot("Starting=0", job=job_id(f"{NAME}-2")))
    save(ledger, snapshot("Starting=0", job=job_id(region="eu-west-1")))
    found = ledger.find(REGION, NAME)
    assert found == tuple(job_id(created=moment) for moment in sorted(created, reverse=True))
    assert [len(ledger.load(job).transitions) for job in found] == [1, 2, 1]


def test_the_ledger_has_a_creation_time(ledger: JobStore) -> None:
    """An unswept region is watched since then."""
    created = ledger.created_at()
    assert created.utcoffset() == timedelta()
    assert created.microsecond % 1000 == 0
    assert ledger.created_at() == ledger.watched_since(REGION) == ledger.first_watched(REGION) == created
