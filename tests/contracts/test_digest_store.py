"""The promises of the port `DigestStore`, held against every implementation."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from respot.alerting.alert import AlertOutcome
from respot.alerting.digest.digest import DigestRecord, DigestWindow
from respot.alerting.kinds import Severity
from respot.alerting.ports import DigestStore, LeaseToken
from respot.aws.dynamodb.attribute_values import deserialize
from respot.aws.dynamodb.digests import DynamoDbDigestStore, entry_item, read_entry
from respot.errors import AlertInProgressError, LedgerUnavailableError
from respot.recovery.planning.decision import Outlook
from tests.support.builders import at, member_of, window_of
from tests.support.clock import FakeClock
from tests.support.lost_answers import lose_the_first_answer
from tests.support.memory import MemoryDigestStore
from tests.support.moto_aws import TABLE

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

LEASE = timedelta(minutes=2)
WINDOW = window_of(opener="alert-1")
NEXT = window_of(seconds=3720 + 180, opener="alert-2")


@pytest.fixture(params=["memory", "dynamodb"])
def storms(request: pytest.FixtureRequest) -> DigestStore:
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


def test_a_pool_has_no_window_before_one_is_opened(storms: DigestStore) -> None:
    assert storms.window(WINDOW.pool) is None
    assert storms.entries(WINDOW) == ()
    assert storms.digest(WINDOW) is None


@pytest.mark.parametrize("instance_type", ["ml.g5.2xlarge", None, "x" * 1024, "größer # 😀"])
def test_what_is_opened_is_the_pools_window(storms: DigestStore, instance_type: str | None) -> None:
    window = window_of(opener="alert-1", instance_type=instance_type)
    assert storms.open(window)
    assert storms.window(window.pool) == window


def test_one_opens_only_and_the_other_changes_nothing(storms: DigestStore) -> None:
    storms.open(WINDOW)
    assert not storms.open(replace(WINDOW, opener="alert-2"))
    assert not storms.open(window_of(seconds=3720 + 179.999, opener="alert-3"))
    assert storms.window(WINDOW.pool) == WINDOW


@pytest.mark.parametrize("closed", [True, False])
def test_a_window_that_is_over_is_followed_closed_or_not(storms: DigestStore, *, closed: bool) -> None:
    storms.open(WINDOW)
    if closed:
        storms.close(WINDOW)
    assert storms.open(NEXT)
    assert storms.window(WINDOW.pool) == NEXT


def test_pools_have_windows_of_their_own(storms: DigestStore) -> None:
    storms.open(WINDOW)
    other = window_of(instance_type="ml.p3.2xlarge")
    assert storms.open(other)
    assert storms.window(WINDOW.pool) == WINDOW


def test_the_timer_is_noted(storms: DigestStore) -> None:
    storms.open(WINDOW)
    storms.note_timer(WINDOW)
    storms.note_timer(WINDOW)
    assert storms.window(WINDOW.pool) == replace(WINDOW, timer_sent=True)


def test_what_is_closed_stays_closed_and_keeps_what_it_was(storms: DigestStore) -> None:
    storms.open(WINDOW)
    storms.note_timer(WINDOW)
    named_by_its_timer = replace(WINDOW, opener="")
    storms.close(named_by_its_timer)
    storms.note_timer(WINDOW)
    storms.close(named_by_its_timer)
    assert storms.window(WINDOW.pool) == replace(WINDOW, timer_sent=True, closed=True)


def test_an_old_window_cannot_touch_the_one_that_followed_it(storms: DigestStore) -> None:
    storms.open(WINDOW)
    storms.open(NEXT)
    storms.close(WINDOW)
    storms.note_timer(WINDOW)
    assert storms.window(WINDOW.pool) == NEXT


def test_closing_what_was_never_opened_opens_nothing(storms: DigestStore) -> None:
    storms.close(WINDOW)
    assert storms.window(WINDOW.pool) is None


# --- members --------------------------------------------------------------------------------------------------------


def test_members_are_told_once_and_in_order_of_time(storms: DigestStore) -> None:
    early, late = member_of(2, 3721), member_of(1, 3722)
    for entry in (late, early, late):
        storms.join(WINDOW, entry)
    storms.join(NEXT, member_of(3, 3900))
    assert storms.entries(WINDOW) == (early, late)


def test_a_job_may_be_a_member_twice(storms: DigestStore) -> None:
    twice = (member_of(1, 3721), member_of(1, 3790))
    for entry in twice:
        storms.join(WINDOW, entry)
    assert storms.entries(WINDOW) == twice


def test_what_a_member_says_is_kept(storms: DigestStore) -> None:
    entries = (member_of(1, 3721, said="not resubmitted: größer 😀"), member_of(2, 3722))
    for entry in entries:
        storms.join(WINDOW, entry)
    assert storms.entries(WINDOW) == entries


def test_a_window_may_have_hundreds_of_members(storms: DigestStore) -> None:
    entries = tuple(member_of(number, 3721 + number) for number in range(300))
    for entry in entries:
        storms.join(WINDOW, entry)
    assert storms.entries(WINDOW) == entries


def test_who_comes_after_the_closing_is_written_down_all_the_same(storms: DigestStore) -> None:
    storms.open(WINDOW)
    storms.close(WINDOW)
    storms.join(WINDOW, member_of(1, 3721))
    assert storms.entries(WINDOW) == (member_of(1, 3721),)


# --- digests --------------------------------------------------------------------------------------------------------


def test_one_claim_only_until_it_lapses(storms: DigestStore) -> None:
    assert storms.lease_digest(WINDOW, now=at(0), lease=LEASE)
    with pytest.raises(AlertInProgressError):
        storms.lease_digest(WINDOW, now=at(119.999), lease=LEASE)
    assert storms.lease_digest(NEXT, now=at(1), lease=LEASE)
    assert storms.lease_digest(WINDOW, now=at(120), lease=LEASE)
    assert storms.digest(WINDOW) is None


def test_a_claim_given_back_is_free_at_once(storms: DigestStore, clock: FakeClock) -> None:
    clock.moment = at(1)
    token = storms.lease_digest(WINDOW, now=at(0), lease=LEASE)
    assert token
    storms.release_digest(WINDOW, token)
    assert storms.lease_digest(WINDOW, now=at(1), lease=LEASE)


@pytest.mark.parametrize("taken_over", [at(1), at(120)], ids=["after it was given back", "after its lease"])
def test_only_who_made_a_claim_gives_it_back(storms: DigestStore, clock: FakeClock, taken_over: datetime) -> None:
    """A client repeats a release whose answer was lost; meanwhile the digest is in somebody else's hand."""
    clock.moment = at(1)
    ours = storms.lease_digest(WINDOW, now=at(0), lease=LEASE)
    assert ours
    if taken_over == clock():
        storms.release_digest(WINDOW, ours)
    theirs = storms.lease_digest(WINDOW, now=taken_over, lease=LEASE)
    assert theirs not in {None, ours}
    storms.release_digest(WINDOW, ours)
    with pytest.raises(AlertInProgressError):
        storms.lease_digest(WINDOW, now=taken_over, lease=LEASE)


@pytest.mark.parametrize("claimed", [True, False])
@pytest.mark.parametrize("outcome", AlertOutcome)
def test_what_is_settled_is_never_changed_again(storms: DigestStore, outcome: AlertOutcome, *, claimed: bool) -> None:
    if claimed:
        storms.lease_digest(WINDOW, now=at(0), lease=LEASE)
    storms.complete_digest(WINDOW, digest_record(outcome))
    storms.complete_digest(WINDOW, replace(digest_record(), message_id="message-2"))
    storms.release_digest(WINDOW, LeaseToken("gone"))
    assert not storms.lease_digest(WINDOW, now=at(99_999), lease=LEASE)
    assert storms.digest(WINDOW) == digest_record(outcome)
    assert storms.entries(WINDOW) == ()


# --- DynamoDB alone -------------------------------------------------------------------------------------------------


def test_everything_expires_with_the_ledger(dynamodb: "DynamoDBClient", clock: FakeClock) -> None:
    storms = DynamoDbDigestStore(dynamodb, TABLE, clock=clock, retention=timedelta(days=1))
    storms.open(WINDOW)
    storms.join(WINDOW, member_of(1, 3721))
    storms.complete_digest(WINDOW, digest_record())
    items = [deserialize(item) for item in dynamodb.scan(TableName=TABLE)["Items"]]
    assert sorted(item["kind"] for item in items) == ["digest", "member", "window"]
    assert {int(item["expires_at"]) for item in items} == {int(at(3720 + 86400).timestamp())}


def test_a_table_that_does_not_answer_is_said_to_be_unavailable(dynamodb: "DynamoDBClient", clock: FakeClock) -> None:
    storms = DynamoDbDigestStore(dynamodb, "nowhere", clock=clock, retention=None)
    for ask in (
        lambda: storms.window(WINDOW.pool),
        lambda: storms.open(WINDOW),
        lambda: storms.join(WINDOW, member_of(1, 3721)),
        lambda: storms.entries(WINDOW),
        lambda: storms.lease_digest(WINDOW, now=at(0), lease=LEASE),
    ):
        with pytest.raises(LedgerUnavailableError):
            ask()


def test_a_claim_on_a_digest_whose_answer_was_lost_is_known_by_who_made_it(dynamodb: "DynamoDBClient") -> None:
    storms = DynamoDbDigestStore(dynamodb, TABLE, clock=FakeClock(at(0)), retention=None)
    lose_the_first_answer(dynamodb, "PutItem")
    assert storms.lease_digest(WINDOW, now=at(0), lease=LEASE)
    with pytest.raises(AlertInProgressError):
        storms.lease_digest(WINDOW, now=at(1), lease=LEASE)


@pytest.mark.parametrize("outlook", Outlook)
@pytest.mark.parametrize("severity", [None, *Severity])
def test_a_member_keeps_how_urgent_it_is_and_what_to_expect(
    storms: DigestStore, outlook: Outlook, severity: Severity | None
) -> None:
    entry = replace(member_of(1, 3721), outlook=outlook, severity=severity)
    storms.join(WINDOW, entry)
    assert storms.entries(WINDOW) == (entry,)


def test_a_member_of_another_version_is_read_all_the_same() -> None:
    item = entry_item(WINDOW, replace(member_of(1, 3721), outlook=Outlook.LEAVES), None)
    assert read_entry({key: value for key, value in item.items() if key != "outlook"}).outlook is Outlook.UNKNOWN
    later = read_entry(item | {"outlook": {"S": "new"}, "severity": {"S": "new"}})
    assert (later.outlook, later.severity) == (Outlook.UNKNOWN, None)
