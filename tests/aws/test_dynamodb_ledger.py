"""What only the ledger in DynamoDB does: its items, its expiry, its errors."""

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.stub import Stubber

from respot.alerting.kinds import AlertKind
from respot.aws.dynamodb.attribute_values import deserialize
from respot.aws.dynamodb.job_items import read_transition
from respot.aws.dynamodb.keys import job_of, partition_of
from respot.aws.dynamodb.ledger import DynamoDbLedger
from respot.aws.dynamodb.sweeps import DynamoDbSweepStore
from respot.errors import AlertInProgressError, LedgerUnavailableError
from respot.jobs.job import JobRecord, JobSnapshot
from respot.jobs.merge import reconcile
from respot.sweep.progress import completed, started
from tests.support.builders import REGION, at, history, job_id, snapshot, state, transition
from tests.support.clock import FakeClock
from tests.support.moto_aws import TABLE
from tests.support.records import alert_record
from tests.support.refused import lose_the_first_answer
from tests.support.scenarios import SCENARIOS, Scenario

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

JOB = job_id()
INTERRUPTED = transition("Interrupted", 3720)
RECEIPT = alert_record()


def items(client: "DynamoDBClient") -> dict[str, dict[str, Any]]:
    """The table's items by their sort keys."""
    found = (deserialize(item) for item in client.scan(TableName=TABLE)["Items"])
    return {item["sk"]: item for item in found}


def save(ledger: DynamoDbLedger, script: str, **others: Any) -> None:  # noqa: ANN401
    seen = snapshot(script, **others)
    assert ledger.save(reconcile(ledger.load(seen.state.job), seen))


def test_a_partition_is_named_after_region_name_and_creation() -> None:
    job = job_id(created=at(0.037))
    assert partition_of(job) == "job#us-east-1#spot-job#1789549200037"
    assert job_of(partition_of(job)) == job


def test_keys_are_as_documented(dynamodb: "DynamoDBClient", dynamodb_ledger: DynamoDbLedger) -> None:
    save(dynamodb_ledger, "Starting=0 Interrupted=3720")
    dynamodb_ledger.complete_alert(RECEIPT)
    assert list(items(dynamodb)) == [
        "alert#2026-09-16T10:02:00.000Z#interrupted",
        "state",
        "transition#2026-09-16T09:00:00.000Z#Starting",
        "transition#2026-09-16T10:02:00.000Z#Interrupted",
    ]
    assert {item["pk"] for item in items(dynamodb).values()} == {partition_of(JOB)}


def test_recorded_until_is_what_the_last_sweep_of_the_region_has_saved(
    dynamodb: "DynamoDBClient", dynamodb_ledger: DynamoDbLedger
) -> None:
    """It is read each time: a function lives for hours."""
    sweeps = DynamoDbSweepStore(dynamodb, TABLE)
    assert dynamodb_ledger.recorded_until(REGION) is None
    for number in (1, 2):
        progress = sweeps.lease(REGION, now=at(600 * number), lease=timedelta(), watched_since=at(0))
        assert progress
        under_way = started(progress, now=at(600 * number), down_to=None)
        sweeps.save(under_way, until=at(600 * number))
        assert dynamodb_ledger.recorded_until(REGION) == (None if number == 1 else at(600))
        sweeps.save(completed(replace(under_way, recorded_until=at(600 * number))), until=at(600 * number))
        assert dynamodb_ledger.recorded_until(REGION) == at(600 * number)
    assert dynamodb_ledger.recorded_until("eu-west-1") is None


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_the_state_carries_the_figures(
    dynamodb: "DynamoDBClient", dynamodb_ledger: DynamoDbLedger, scenario: Scenario
) -> None:
    spans = [
        None if n is None else timedelta(seconds=n) for n in (scenario.training_seconds, scenario.billable_seconds)
    ]
    save(dynamodb_ledger, scenario.transitions, training_time=spans[0], billable_time=spans[1])
    state = items(dynamodb)["state"]
    assert state["interruptions"] == scenario.interruptions
    assert float(state["waited_seconds"]) == scenario.waited.total_seconds()
    assert float(state["trained_seconds"]) == scenario.trained.total_seconds()
    percent = state.get("savings_percent")
    assert (percent and float(percent)) == scenario.savings_percent


def test_a_transition_item_has_its_recording_time_and_reads_back(
    dynamodb: "DynamoDBClient", dynamodb_ledger: DynamoDbLedger, clock: FakeClock
) -> None:
    clock.moment = at(3725.5)
    save(dynamodb_ledger, "Interrupted=3720")
    (image,) = (item for item in dynamodb.scan(TableName=TABLE)["Items"] if item["kind"] == {"S": "transition"})
    assert image["recorded_at"] == {"S": "2026-09-16T10:02:05.500Z"}
    assert read_transition(image) == (JOB, INTERRUPTED)


@pytest.mark.parametrize("days", [None, 365])
def test_every_item_expires_the_retention_after_its_date(
    dynamodb: "DynamoDBClient", clock: FakeClock, days: int | None
) -> None:
    retention = None if days is None else timedelta(days=days)
    ledger = DynamoDbLedger(dynamodb, TABLE, clock=clock, retention=retention)
    save(ledger, "Interrupted=3720")
    ledger.complete_alert(RECEIPT)
    expiry = None if retention is None else int((INTERRUPTED.started + retention).timestamp())
    assert {item.get("expires_at") for item in items(dynamodb).values()} == {expiry}


def test_a_job_is_found_by_the_day_of_its_last_change(
    dynamodb: "DynamoDBClient", dynamodb_ledger: DynamoDbLedger
) -> None:
    save(dynamodb_ledger, "Starting=0 Training=390")
    found = dynamodb.query(
        TableName=TABLE,
        IndexName="by-activity",
        KeyConditionExpression="active_on = :day",
        ExpressionAttributeValues={":day": {"S": "2026-09-16"}},
    )["Items"]
    assert [job_of(item["pk"]["S"]) for item in found] == [JOB]


def test_the_largest_event_fits_into_an_item(dynamodb_ledger: DynamoDbLedger) -> None:
    """50 tags and every text at its longest: what `events` lets through, DynamoDB takes (400 KB)."""
    words = "😀" * 1024
    big = state(
        status_message=words,
        failure_reason=words,
        checkpoint_uri=words,
        instance_type=words,
        tags={f"{n:02}" + "😀" * 126: "😀" * 256 for n in range(50)},
    )
    assert dynamodb_ledger.save(reconcile(JobRecord(), JobSnapshot(state=big, history=history("Starting=0"))))
    assert dynamodb_ledger.load(JOB).state == big


def test_the_table_is_asked_once_when_it_was_made(dynamodb: "DynamoDBClient", clock: FakeClock) -> None:
    ledger = DynamoDbLedger(dynamodb, TABLE, clock=clock, retention=None)
    first = ledger.created_at()
    dynamodb.delete_table(TableName=TABLE)
    assert ledger.created_at() == first


# --- errors


def test_a_failure_between_state_and_transitions_heals_at_the_next_check(
    dynamodb: "DynamoDBClient", dynamodb_ledger: DynamoDbLedger
) -> None:
    seen = snapshot("Starting=0 Downloading=250 Training=390")
    with Stubber(dynamodb) as stub:
        stub.add_response("put_item", {})
        stub.add_client_error("put_item", "ThrottlingException")
        with pytest.raises(LedgerUnavailableError):
            dynamodb_ledger.save(reconcile(JobRecord(), seen))
    save(dynamodb_ledger, "Starting=0 Downloading=250 Training=390")
    assert dynamodb_ledger.load(JOB).transitions == history("Starting=0 Downloading=250 Training=390")


def test_a_lease_whose_answer_was_lost_is_recognised_by_its_token(
    dynamodb: "DynamoDBClient", dynamodb_ledger: DynamoDbLedger
) -> None:
    """Otherwise the alert would wait for a lease that no caller holds."""
    lose_the_first_answer(dynamodb, "PutItem")
    lease = timedelta(minutes=2)
    assert dynamodb_ledger.lease_alert(JOB, AlertKind.INTERRUPTED, INTERRUPTED, now=at(0), lease=lease)
    with pytest.raises(AlertInProgressError):
        dynamodb_ledger.lease_alert(JOB, AlertKind.INTERRUPTED, INTERRUPTED, now=at(1), lease=lease)


def test_a_state_whose_answer_was_lost_counts_as_another_write(
    dynamodb: "DynamoDBClient", dynamodb_ledger: DynamoDbLedger
) -> None:
    """The recorder loads again then, and inserts the transitions that are missing."""
    seen = snapshot("Starting=0 Interrupted=3720")
    lose_the_first_answer(dynamodb, "PutItem")
    assert not dynamodb_ledger.save(reconcile(dynamodb_ledger.load(JOB), seen))
    assert list(items(dynamodb)) == ["state"]
    assert dynamodb_ledger.save(reconcile(dynamodb_ledger.load(JOB), seen))
    assert [transition.status for transition in dynamodb_ledger.load(JOB).transitions] == ["Starting", "Interrupted"]
