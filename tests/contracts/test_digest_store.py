"""The promises of the port `DigestStore`, held against every implementation."""

from dataclasses import replace
from datetime import timedelta
from itertools import product
from typing import TYPE_CHECKING

import pytest

from respot.alerting.alert import AlertOutcome
from respot.alerting.digest.digest import DigestRecord, DigestWindow
from respot.alerting.kinds import Severity
from respot.alerting.ports import DigestStore, LeaseToken
from respot.aws.dynamodb.attribute_values import deserialize
from respot.aws.dynamodb.digests import DynamoDbDigestStore, entry_item, read_entry
from respot.errors import AlertInProgressError
from respot.recovery.planning.decision import Outlook
from tests.support.builders import at, member_of, window_of
from tests.support.clock import FakeClock
from tests.support.memory import MemoryDigestStore
from tests.support.moto_aws import TABLE
from tests.support.refused import lose_the_first_answer

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

LEASE = timedelta(minutes=2)
WINDOW = window_of(opener="alert-1")
NEXT = window_of(seconds=3720 + 180, opener="alert-2")


@pytest.fixture(params=["memory", "dynamodb"])
def digests(request: pytest.FixtureRequest) -> DigestStore:
    if request.param == "memory":
        return MemoryDigestStore()
    client: DynamoDBClient = request.getfixturevalue("dynamodb")
    clock: FakeClock = request.getfixturevalue("clock")
    return DynamoDbDigestStore(client, TABLE, clock=clock, retention=None)


def digest_record(outcome: AlertOutcome = AlertOutcome.SENT, window: DigestWindow = WINDOW) -> DigestRecord:
    sent = outcome is AlertOutcome.SENT
    return DigestRecord(
        digest=window.id,
        outcome=outcome,
        reason="a reason",
        headline="a headline" if sent else None,
        settled_at=at(3905.5),
        message_id="message-1" if sent else None,
    )


# --- windows --------------------------------------------------------------------------------------------------------


def test_a_pool_has_no_window_before_one_is_opened(digests: DigestStore) -> None:
    digests.close(WINDOW)
    assert digests.window(WINDOW.pool) is None
    assert digests.entries(WINDOW) == ()
    assert digests.digest(WINDOW) is None


@pytest.mark.parametrize("instance_type", ["ml.g5.2xlarge", None, "x" * 1024, "größer # 😀"])
def test_an_opened_window_is_the_pools_window(digests: DigestStore, instance_type: str | None) -> None:
    window = window_of(opener="alert-1", instance_type=instance_type)
    assert digests.open(window)
    assert digests.window(window.pool) == window


def test_only_one_caller_opens_the_window_of_a_pool(digests: DigestStore) -> None:
    digests.open(WINDOW)
    assert digests.open(window_of(instance_type="ml.p3.2xlarge"))
    assert not digests.open(replace(WINDOW, opener="alert-2"))
    assert not digests.open(window_of(seconds=3720 + 179.999, opener="alert-3"))
    assert digests.window(WINDOW.pool) == WINDOW


@pytest.mark.parametrize("closed", [True, False])
def test_a_window_that_is_over_is_followed_by_the_next(digests: DigestStore, *, closed: bool) -> None:
    digests.open(WINDOW)
    if closed:
        digests.close(WINDOW)
    assert digests.open(NEXT)
    assert digests.window(WINDOW.pool) == NEXT


def test_a_closed_window_remains_closed_and_keeps_its_values(digests: DigestStore) -> None:
    digests.open(WINDOW)
    digests.note_timer(WINDOW)
    digests.note_timer(WINDOW)
    assert digests.window(WINDOW.pool) == replace(WINDOW, timer_sent=True)
    named_by_its_timer = replace(WINDOW, opener="")
    digests.close(named_by_its_timer)
    digests.note_timer(WINDOW)
    digests.close(named_by_its_timer)
    assert digests.window(WINDOW.pool) == replace(WINDOW, timer_sent=True, closed=True)


def test_an_old_window_does_not_change_the_next_one(digests: DigestStore) -> None:
    digests.open(WINDOW)
    digests.open(NEXT)
    digests.close(WINDOW)
    digests.note_timer(WINDOW)
    assert digests.window(WINDOW.pool) == NEXT


# --- entries --------------------------------------------------------------------------------------------------------


def test_entries_come_once_and_in_order_of_time(digests: DigestStore) -> None:
    digests.open(WINDOW)
    early, late, again = member_of(2, 3721), member_of(1, 3722, said="not resubmitted: größer 😀"), member_of(2, 3790)
    for entry in (late, early, late):
        digests.join(WINDOW, entry)
    digests.join(NEXT, member_of(3, 3900))
    digests.close(WINDOW)
    digests.join(WINDOW, again)
    assert digests.entries(WINDOW) == (early, late, again)


def test_entries_keep_their_severity_and_outlook(digests: DigestStore) -> None:
    entries = tuple(
        replace(member_of(number, 3721 + number), outlook=outlook, severity=severity)
        for number, (outlook, severity) in enumerate(product(Outlook, [None, *Severity]))
    )
    for entry in entries:
        digests.join(WINDOW, entry)
    assert digests.entries(WINDOW) == entries


# --- digests --------------------------------------------------------------------------------------------------------


def test_the_digests_of_two_windows_are_leased_separately(digests: DigestStore) -> None:
    for window in (WINDOW, NEXT):
        assert digests.lease_digest(window, now=at(0), lease=LEASE)
    assert digests.digest(WINDOW) is None


@pytest.mark.parametrize("leased", [True, False])
@pytest.mark.parametrize("outcome", AlertOutcome)
def test_a_completed_digest_never_changes(digests: DigestStore, outcome: AlertOutcome, *, leased: bool) -> None:
    if leased:
        digests.lease_digest(WINDOW, now=at(0), lease=LEASE)
    digests.complete_digest(WINDOW, digest_record(outcome))
    digests.complete_digest(WINDOW, replace(digest_record(), message_id="message-2"))
    digests.release_digest(WINDOW, LeaseToken("gone"))
    assert not digests.lease_digest(WINDOW, now=at(99_999), lease=LEASE)
    assert digests.digest(WINDOW) == digest_record(outcome)
    assert digests.entries(WINDOW) == ()


# --- DynamoDB alone -------------------------------------------------------------------------------------------------


def test_everything_expires_with_the_ledger(dynamodb: "DynamoDBClient", clock: FakeClock) -> None:
    digests = DynamoDbDigestStore(dynamodb, TABLE, clock=clock, retention=timedelta(days=1))
    digests.open(WINDOW)
    digests.join(WINDOW, member_of(1, 3721))
    digests.complete_digest(WINDOW, digest_record())
    items = [deserialize(item) for item in dynamodb.scan(TableName=TABLE)["Items"]]
    assert sorted(item["kind"] for item in items) == ["digest", "member", "window"]
    assert {int(item["expires_at"]) for item in items} == {int(at(3720 + 86400).timestamp())}


def test_a_lease_whose_answer_was_lost_is_recognised_by_its_token(dynamodb: "DynamoDBClient") -> None:
    digests = DynamoDbDigestStore(dynamodb, TABLE, clock=FakeClock(at(0)), retention=None)
    lose_the_first_answer(dynamodb, "PutItem")
    assert digests.lease_digest(WINDOW, now=at(0), lease=LEASE)
    with pytest.raises(AlertInProgressError):
        digests.lease_digest(WINDOW, now=at(1), lease=LEASE)


def test_an_entry_of_another_version_is_readable() -> None:
    item = entry_item(WINDOW, replace(member_of(1, 3721), outlook=Outlook.LEAVES), None)
    assert read_entry({key: value for key, value in item.items() if key != "outlook"}).outlook is Outlook.UNKNOWN
    later = read_entry(item | {"outlook": {"S": "new"}, "severity": {"S": "new"}})
    assert (later.outlook, later.severity) == (Outlook.UNKNOWN, None)
