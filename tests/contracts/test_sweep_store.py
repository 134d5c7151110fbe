"""The promises of the port `SweepStore`, held against every implementation."""

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

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
from tests.support.memory import MemorySweepStore
from tests.support.moto_aws import TABLE
from tests.support.refused import lose_the_first_answer

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

LEASE = timedelta(minutes=5)
LEASED = SweepProgress(scope=REGION, watched_since=CREATED, leased_at=at(1))
HALFWAY = replace(
    LEASED,
    began=at(1.5),
    token="a token",  # noqa: S106 - a page's
    reached=at(-9.037),
    down_to=at(-86_400.037),
    last_began=at(-300),
    recorded_until=at(-720),
    missing=at(-800),
    missing_since=at(-600),
    last_full=at(-900.001),
)


@pytest.fixture(params=["memory", "dynamodb"])
def sweeps(request: pytest.FixtureRequest) -> SweepStore:
    if request.param == "memory":
        return MemorySweepStore()
    return DynamoDbSweepStore(request.getfixturevalue("dynamodb"), TABLE)


def lease(sweeps: SweepStore, seconds: float, *, scope: str = REGION, since: float = 0) -> SweepProgress | None:
    return sweeps.lease(scope, now=at(seconds), lease=LEASE, watched_since=at(since))


def test_a_scope_is_new_once(sweeps: SweepStore) -> None:
    assert lease(sweeps, 1) == LEASED
    assert lease(sweeps, 1000, since=999) == replace(LEASED, leased_at=at(1000))


@pytest.mark.parametrize(("seconds", "free"), [(1, False), (300.999, False), (301, True)])
def test_a_scope_is_leased_by_one_invocation_at_a_time(sweeps: SweepStore, seconds: float, *, free: bool) -> None:
    assert lease(sweeps, 1)
    assert lease(sweeps, 1, scope="eu-west-1")
    assert lease(sweeps, 1, scope=CHECKS)
    assert (lease(sweeps, seconds) is not None) is free


def test_a_pass_resumes_where_it_was_saved_and_saving_replaces_all_values(sweeps: SweepStore) -> None:
    lease(sweeps, 1)
    sweeps.save(HALFWAY, until=at(900))  # longer than the lease
    assert lease(sweeps, 899.999) is None
    assert lease(sweeps, 900) == replace(HALFWAY, leased_at=at(900))
    over = replace(LEASED, leased_at=at(900), last_began=at(1), last_full=at(-900.001))
    sweeps.save(over, until=at(901))
    assert lease(sweeps, 901) == replace(over, leased_at=at(901))


def test_a_pass_that_was_taken_over_cannot_be_saved(sweeps: SweepStore) -> None:
    lease(sweeps, 1)
    lease(sweeps, 301)
    with pytest.raises(LedgerContentionError, match=f"the sweep of {REGION} has been taken over"):
        sweeps.save(HALFWAY, until=at(302))
    assert lease(sweeps, 601) == replace(LEASED, leased_at=at(601))


def test_an_abandoned_scope_is_new_again(sweeps: SweepStore) -> None:
    lease(sweeps, 1)
    sweeps.save(HALFWAY, until=at(9))
    much_later = 2 + ABANDONED.total_seconds()
    taken = lease(sweeps, much_later, since=much_later)
    assert taken == SweepProgress(scope=REGION, watched_since=at(much_later), leased_at=at(much_later))


def test_a_lease_that_is_longer_than_any_of_ours_is_taken_over(sweeps: SweepStore) -> None:
    assert sweeps.lease(REGION, now=at(0), lease=timedelta(days=1000), watched_since=CREATED)
    assert lease(sweeps, 1) == LEASED
    assert lease(sweeps, 2) is None


@pytest.mark.parametrize(("seconds", "free"), [(1, False), (300.999, False), (301, True)])
def test_a_scope_is_leased_anew_once_and_not_while_it_is_leased(
    sweeps: SweepStore, seconds: float, *, free: bool
) -> None:
    lease(sweeps, 1)
    sweeps.save(HALFWAY, until=at(301))
    resumed_pass = replace(LEASED, watched_since=at(-9), leased_at=at(seconds))
    for expected in (resumed_pass if free else None, None):
        assert sweeps.lease_anew(REGION, now=at(seconds), lease=LEASE, watched_since=at(-9)) == expected


# --- what only DynamoDB does ----------------------------------------------------------------------------------------


def test_there_is_one_item_for_each_scope_and_it_never_expires(dynamodb: "DynamoDBClient") -> None:
    sweeps = DynamoDbSweepStore(dynamodb, TABLE)
    for number in range(50):
        taken = lease(sweeps, number)
        assert taken
        sweeps.save(replace(taken, token=str(number)), until=at(number))
    (item,) = map(deserialize, dynamodb.scan(TableName=TABLE)["Items"])
    assert (item["pk"], item["sk"], item["kind"], item["token"]) == (f"sweep#{REGION}", "sweep", "sweep", "49")
    assert "expires_at" not in item


def test_a_pass_of_an_earlier_version_is_a_full_one(dynamodb: "DynamoDBClient") -> None:
    sweeps = DynamoDbSweepStore(dynamodb, TABLE)
    lease(sweeps, 1)
    sweeps.save(HALFWAY, until=at(9))
    (item,) = dynamodb.scan(TableName=TABLE)["Items"]
    dynamodb.put_item(TableName=TABLE, Item={name: item[name] for name in item.keys() - {"down_to", "last_full"}})
    assert lease(sweeps, 9) == replace(HALFWAY, leased_at=at(9), down_to=None, last_full=None)


def test_one_of_two_callers_gets_the_lease(dynamodb: "DynamoDBClient") -> None:
    """Each reads before the other writes."""
    first, second = DynamoDbSweepStore(dynamodb, TABLE), DynamoDbSweepStore(dynamodb, TABLE)
    for seconds in (1, 9000):  # a new scope, and one whose lease has expired
        won: list[SweepProgress | None] = []

        def overtake(seconds: float = seconds, won: list[SweepProgress | None] = won, **_: object) -> None:
            if not won:
                won.append(None)
                won.append(lease(second, seconds + 0.001))

        dynamodb.meta.events.register_first("before-call.dynamodb.PutItem", overtake)
        assert lease(first, seconds) is None
        assert won[1] is not None
        dynamodb.meta.events.unregister("before-call.dynamodb.PutItem", overtake)


@pytest.mark.parametrize("lease_until", [{"N": "7"}, {"S": "soon"}, None], ids=str)
def test_one_of_two_callers_replaces_what_cannot_be_read(
    dynamodb: "DynamoDBClient", lease_until: dict[str, str] | None
) -> None:
    sweeps = DynamoDbSweepStore(dynamodb, TABLE)
    item: Any = {"pk": {"S": f"sweep#{REGION}"}, "sk": {"S": "sweep"}} | (
        {"lease_until": lease_until} if lease_until else {}
    )
    dynamodb.put_item(TableName=TABLE, Item=item)
    won: list[SweepProgress | None] = []

    def overtake(**_: object) -> None:
        if not won:
            won.append(None)
            won.append(sweeps.lease_anew(REGION, now=at(2), lease=LEASE, watched_since=CREATED))

    dynamodb.meta.events.register_first("before-call.dynamodb.PutItem", overtake)
    assert sweeps.lease_anew(REGION, now=at(1), lease=LEASE, watched_since=CREATED) is None
    assert won[1] == replace(LEASED, leased_at=at(2))


@pytest.mark.parametrize("operation", ["query", "put_item"])
def test_no_answer_is_no_lease(dynamodb: "DynamoDBClient", operation: str) -> None:
    with Stubber(dynamodb) as stub:
        if operation == "put_item":
            stub.add_response("query", {"Items": []})
        stub.add_client_error(operation, "ThrottlingException")
        with pytest.raises(LedgerUnavailableError, match="try again later"):
            lease(DynamoDbSweepStore(dynamodb, TABLE), 1)


def test_no_answer_is_not_saved(dynamodb: "DynamoDBClient") -> None:
    def hang(**_: object) -> None:
        raise ReadTimeoutError(endpoint_url="https://dynamodb")

    dynamodb.meta.events.register_first("before-call.dynamodb", hang)
    with pytest.raises(LedgerUnavailableError, match="try again later"):
        DynamoDbSweepStore(dynamodb, TABLE).save(HALFWAY, until=at(9))


# --- since when a region is watched, which the ledger reads -----------------------------------------------------------

AFTER_THE_TABLE = 100_000_000.037
"""Seconds after CREATED: years after the table of these tests is created."""


def test_after_its_first_sweep_a_region_is_watched_since_then(
    dynamodb: "DynamoDBClient", dynamodb_ledger: DynamoDbLedger, clock: FakeClock
) -> None:
    assert dynamodb_ledger.watched_since(REGION) == dynamodb_ledger.created_at()  # must not be cached
    lease(DynamoDbSweepStore(dynamodb, TABLE), 1, since=AFTER_THE_TABLE)
    for ledger in (dynamodb_ledger, DynamoDbLedger(dynamodb, TABLE, clock=clock, retention=None)):
        assert ledger.watched_since(REGION) == ledger.first_watched(REGION) == at(AFTER_THE_TABLE)
        assert ledger.watched_since("eu-west-1") == ledger.created_at()


def test_a_table_from_a_backup_watches_since_its_own_creation(
    dynamodb: "DynamoDBClient", dynamodb_ledger: DynamoDbLedger
) -> None:
    before = (dynamodb_ledger.created_at() - CREATED).total_seconds() - 1000
    lease(DynamoDbSweepStore(dynamodb, TABLE), 1, since=before)  # a sweep of the original table
    assert dynamodb_ledger.watched_since(REGION) == dynamodb_ledger.created_at()
    assert dynamodb_ledger.first_watched(REGION) == at(before)  # and so knows that it is a copy


def test_the_start_of_the_watch_is_read_once(dynamodb: "DynamoDBClient", dynamodb_ledger: DynamoDbLedger) -> None:
    lease(DynamoDbSweepStore(dynamodb, TABLE), 1, since=AFTER_THE_TABLE)
    dynamodb_ledger.watched_since(REGION)
    dynamodb.delete_table(TableName=TABLE)
    assert dynamodb_ledger.watched_since(REGION) == at(AFTER_THE_TABLE)


@pytest.mark.parametrize("leased_before", [False, True], ids=["a new scope", "a released scope"])
def test_a_lease_whose_answer_was_lost_is_ours(dynamodb: "DynamoDBClient", *, leased_before: bool) -> None:
    sweeps = DynamoDbSweepStore(dynamodb, TABLE)
    if leased_before:
        assert lease(sweeps, 1)
        sweeps.save(LEASED, until=at(2))
    lose_the_first_answer(dynamodb, "PutItem")
    assert lease(sweeps, 10) == replace(LEASED, leased_at=at(10))
    assert lease(sweeps, 11) is None
