"""The promises of the port `SweepStore`, held against every implementation."""

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from botocore.exceptions import ReadTimeoutError
from botocore.stub import Stubber

from respot.aws.dynamodb.attribute_values import deserialize
from respot.aws.dynamodb.ledger import DynamoDbLedger
from respot.aws.dynamodb.sweeps import DynamoDbSweepStore
from respot.errors import LedgerContentionError, LedgerUnavailableError
from respot.schema import CHECKS
from respot.sweep.ports import SweepStore
from respot.sweep.progress import ABANDONED, SweepProgress
from tests.support.builders import CREATED, REGION, at
from tests.support.clock import FakeClock
from tests.support.lost_answers import lose_the_first_answer
from tests.support.memory import MemorySweepStore
from tests.support.moto_aws import TABLE

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

LEASE = timedelta(minutes=5)
TAKEN = SweepProgress(scope=REGION, watched_since=CREATED, leased_at=at(1))
HALFWAY = replace(
    TAKEN,
    began=at(1.5),
    token="a token",  # noqa: S106 - a page's
    reached=at(-9.037),
    down_to=at(-86_400.037),
    last_began=at(-300),
    last_full=at(-900.001),
)


@pytest.fixture(params=["memory", "dynamodb"])
def sweeps(request: pytest.FixtureRequest) -> SweepStore:
    if request.param == "memory":
        return MemorySweepStore()
    return DynamoDbSweepStore(request.getfixturevalue("dynamodb"), TABLE)


def take(sweeps: SweepStore, seconds: float, *, scope: str = REGION, since: float = 0) -> SweepProgress | None:
    return sweeps.lease(scope, now=at(seconds), lease=LEASE, watched_since=at(since))


def test_a_scope_is_new_once(sweeps: SweepStore) -> None:
    assert take(sweeps, 1) == TAKEN
    assert take(sweeps, 1000, since=999) == replace(TAKEN, leased_at=at(1000))


@pytest.mark.parametrize(("seconds", "free"), [(1, False), (300.999, False), (301, True), (9000, True)])
def test_a_pass_is_in_one_hand_until_its_lease_lapses(sweeps: SweepStore, seconds: float, *, free: bool) -> None:
    take(sweeps, 1)
    assert (take(sweeps, seconds) is not None) is free


def test_scopes_are_taken_one_by_one(sweeps: SweepStore) -> None:
    assert take(sweeps, 1)
    assert take(sweeps, 1, scope="eu-west-1")
    assert take(sweeps, 1, scope=CHECKS)


@pytest.mark.parametrize("left", [TAKEN, HALFWAY], ids=["at its beginning", "halfway"])
def test_a_pass_goes_on_where_it_was_left(sweeps: SweepStore, left: SweepProgress) -> None:
    take(sweeps, 1)
    sweeps.save(left, until=at(9))
    assert take(sweeps, 8.999) is None
    assert take(sweeps, 9) == replace(left, leased_at=at(9))


def test_what_a_pass_no_longer_has_is_forgotten(sweeps: SweepStore) -> None:
    take(sweeps, 1)
    sweeps.save(HALFWAY, until=at(301))
    sweeps.save(replace(HALFWAY, began=None, token=None, reached=None, down_to=None, last_began=at(1)), until=at(9))
    assert take(sweeps, 9) == replace(TAKEN, leased_at=at(9), last_began=at(1), last_full=at(-900.001))


def test_who_keeps_a_pass_keeps_it_in_hand(sweeps: SweepStore) -> None:
    take(sweeps, 1)
    sweeps.save(HALFWAY, until=at(900))
    assert take(sweeps, 899) is None


def test_a_pass_that_was_taken_over_is_kept_no_more(sweeps: SweepStore) -> None:
    take(sweeps, 1)
    take(sweeps, 301)
    with pytest.raises(LedgerContentionError, match=f"the sweep of {REGION} has been taken over"):
        sweeps.save(HALFWAY, until=at(302))
    assert take(sweeps, 601) == replace(TAKEN, leased_at=at(601))


def test_an_abandoned_scope_is_new_again(sweeps: SweepStore) -> None:
    take(sweeps, 1)
    sweeps.save(HALFWAY, until=at(9))
    much_later = 2 + ABANDONED.total_seconds()
    taken = take(sweeps, much_later, since=much_later)
    assert taken == SweepProgress(scope=REGION, watched_since=at(much_later), leased_at=at(much_later))


# --- what only DynamoDB does ----------------------------------------------------------------------------------------


def test_there_is_one_item_for_each_scope_and_it_never_expires(dynamodb: "DynamoDBClient") -> None:
    sweeps = DynamoDbSweepStore(dynamodb, TABLE)
    for number in range(50):
        taken = take(sweeps, number)
        assert taken
        sweeps.save(replace(taken, token=str(number)), until=at(number))
    (item,) = map(deserialize, dynamodb.scan(TableName=TABLE)["Items"])
    assert (item["pk"], item["sk"], item["kind"], item["token"]) == (f"sweep#{REGION}", "sweep", "sweep", "49")
    assert "expires_at" not in item


def test_a_pass_that_an_earlier_version_left_is_a_full_one_and_none_was_before(dynamodb: "DynamoDBClient") -> None:
    sweeps = DynamoDbSweepStore(dynamodb, TABLE)
    take(sweeps, 1)
    sweeps.save(HALFWAY, until=at(9))
    (item,) = dynamodb.scan(TableName=TABLE)["Items"]
    dynamodb.put_item(TableName=TABLE, Item={name: item[name] for name in item.keys() - {"down_to", "last_full"}})
    assert take(sweeps, 9) == replace(HALFWAY, leased_at=at(9), down_to=None, last_full=None)


def test_of_two_that_take_a_scope_at_once_one_gets_it(dynamodb: "DynamoDBClient") -> None:
    """Each reads before the other one writes."""
    first, second = DynamoDbSweepStore(dynamodb, TABLE), DynamoDbSweepStore(dynamodb, TABLE)
    for seconds in (1, 9000):  # a new scope, and one whose lease has lapsed
        won: list[SweepProgress | None] = []

        def overtake(seconds: float = seconds, won: list[SweepProgress | None] = won, **_: object) -> None:
            if not won:
                won.append(None)
                won.append(take(second, seconds + 0.001))

        dynamodb.meta.events.register_first("before-call.dynamodb.PutItem", overtake)
        assert take(first, seconds) is None
        assert won[1] is not None
        dynamodb.meta.events.unregister("before-call.dynamodb.PutItem", overtake)


@pytest.mark.parametrize("operation", ["query", "put_item"])
def test_no_answer_is_no_pass(dynamodb: "DynamoDBClient", operation: str) -> None:
    with Stubber(dynamodb) as stub:
        if operation == "put_item":
            stub.add_response("query", {"Items": []})
        stub.add_client_error(operation, "ThrottlingException")
        with pytest.raises(LedgerUnavailableError, match="try again later"):
            take(DynamoDbSweepStore(dynamodb, TABLE), 1)


def test_no_answer_keeps_nothing(dynamodb: "DynamoDBClient") -> None:
    def hang(**_: object) -> None:
        raise ReadTimeoutError(endpoint_url="https://dynamodb")

    dynamodb.meta.events.register_first("before-call.dynamodb", hang)
    with pytest.raises(LedgerUnavailableError, match="try again later"):
        DynamoDbSweepStore(dynamodb, TABLE).save(HALFWAY, until=at(9))


# --- since when a region is watched, which the ledger tells -----------------------------------------------------------

AFTER_THE_TABLE = 100_000_000.037
"""Years after these tests run, which is when their table comes into being."""


def test_until_its_first_sweep_a_region_is_watched_since_the_deployment(dynamodb_ledger: DynamoDbLedger) -> None:
    assert dynamodb_ledger.watched_since(REGION) == dynamodb_ledger.created_at()


def test_from_its_first_sweep_on_a_region_is_watched_since_what_that_said(
    dynamodb: "DynamoDBClient", dynamodb_ledger: DynamoDbLedger, clock: FakeClock
) -> None:
    dynamodb_ledger.watched_since(REGION)  # which must not be remembered
    take(DynamoDbSweepStore(dynamodb, TABLE), 1, since=AFTER_THE_TABLE)
    for ledger in (dynamodb_ledger, DynamoDbLedger(dynamodb, TABLE, clock=clock, retention=None)):
        assert ledger.watched_since(REGION) == at(AFTER_THE_TABLE)
        assert ledger.watched_since("eu-west-1") == ledger.created_at()


def test_a_ledger_from_a_backup_watches_nothing_since_before_itself(
    dynamodb: "DynamoDBClient", dynamodb_ledger: DynamoDbLedger
) -> None:
    take(DynamoDbSweepStore(dynamodb, TABLE), 1, since=-1000)  # a sweep of the ledger that it was made of
    assert dynamodb_ledger.watched_since(REGION) == dynamodb_ledger.created_at()


def test_the_table_is_asked_once_since_when_a_region_is_watched(
    dynamodb: "DynamoDBClient", dynamodb_ledger: DynamoDbLedger
) -> None:
    take(DynamoDbSweepStore(dynamodb, TABLE), 1, since=AFTER_THE_TABLE)
    dynamodb_ledger.watched_since(REGION)
    dynamodb.delete_table(TableName=TABLE)
    assert dynamodb_ledger.watched_since(REGION) == at(AFTER_THE_TABLE)


@pytest.mark.parametrize("taken_before", [False, True], ids=["a new scope", "a scope that was let go"])
def test_a_pass_whose_answer_was_lost_is_in_our_own_hand(dynamodb: "DynamoDBClient", *, taken_before: bool) -> None:
    sweeps = DynamoDbSweepStore(dynamodb, TABLE)
    if taken_before:
        assert take(sweeps, 1)
        sweeps.save(TAKEN, until=at(2))
    lose_the_first_answer(dynamodb, "PutItem")
    assert take(sweeps, 10) == replace(TAKEN, leased_at=at(10))
    assert take(sweeps, 11) is None
