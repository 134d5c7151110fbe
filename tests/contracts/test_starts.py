"""The promises of the port `Starts`, held against every implementation."""

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.stub import Stubber

from respot.aws.dynamodb.attribute_values import deserialize, serialize
from respot.aws.dynamodb.starts import DynamoDbStarts, start_item
from respot.errors import LedgerUnavailableError, UnreadableItemError
from respot.recovery.planning.start_history import MOST_SAMPLES, MeasuredStart, StartPool, StartSample
from respot.recovery.ports import Starts
from respot.schema import EXPIRES_AT, PK, SK
from tests.support.builders import REGION, at, job_id
from tests.support.clock import FakeClock
from tests.support.memory import MemoryStarts
from tests.support.moto_aws import TABLE

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

POOL = StartPool(region=REGION, instance_type="ml.g5.2xlarge", image="registry/image:1")
OTHERS = (
    replace(POOL, region="eu-west-1"),
    replace(POOL, instance_type="ml.g5.4xlarge"),
    replace(POOL, image="registry/image:2"),
    replace(POOL, image=None),
    replace(POOL, image=""),
    replace(POOL, image="None"),
    # What would be taken for another pool if its parts were only joined.
    replace(POOL, instance_type="ml.g5", image="2xlarge\nregistry/image:1"),
    replace(POOL, image='registry/image:1", "'),
    replace(POOL, image="#" * 3000),
    replace(POOL, image="\ud800"),
)
KEPT = timedelta(days=400)


def started(number: int = 0, minutes: float = 12, pool: StartPool = POOL) -> MeasuredStart:
    """What a job adds that was created `number` minutes after the first one."""
    job = job_id(f"job-{number}", created=at(60 * number))
    return MeasuredStart(job=job, pool=pool, sample=StartSample(took=timedelta(minutes=minutes), seen=at(9000)))


@pytest.fixture(params=["memory", "dynamodb"])
def starts(request: pytest.FixtureRequest) -> Starts:
    if request.param == "memory":
        return MemoryStarts()
    return store(request.getfixturevalue("dynamodb"))


def store(client: "DynamoDBClient", *, retention: timedelta | None = KEPT, **others: Any) -> DynamoDbStarts:  # noqa: ANN401
    return DynamoDbStarts(client, TABLE, clock=FakeClock(at(9000)), retention=retention, **others)


def test_each_pool_has_its_own_whatever_the_image_is_called(starts: Starts) -> None:
    for minutes, pool in enumerate((POOL, *OTHERS)):
        starts.remember(started(minutes=minutes, pool=pool))
    for minutes, pool in enumerate((POOL, *OTHERS)):
        assert [each.took for each in starts.newest(pool)] == [timedelta(minutes=minutes)]
    assert starts.newest(replace(POOL, image="unknown")) == ()


def test_the_first_measurement_of_a_job_stands(starts: Starts) -> None:
    for minutes in (12, 50):
        starts.remember(started(minutes=minutes))
    assert starts.newest(POOL) == (started().sample,)


def test_two_jobs_that_were_created_at_once_both_count(starts: Starts) -> None:
    starts.remember(started(minutes=1))
    starts.remember(replace(started(minutes=2), job=job_id("another")))
    assert {each.took for each in starts.newest(POOL)} == {timedelta(minutes=1), timedelta(minutes=2)}


def test_a_hundred_of_the_latest_jobs_count(starts: Starts) -> None:
    for number in range(MOST_SAMPLES + 3):
        starts.remember(started(number, minutes=number))
    newest = [each.took / timedelta(minutes=1) for each in starts.newest(POOL)]
    assert newest == [*range(MOST_SAMPLES + 2, 2, -1)]


def test_one_query_of_one_page_gives_them(dynamodb: "DynamoDBClient") -> None:
    """DynamoDB would go on with the next page for as long as there is one, and what it reads is paid for."""
    for number in range(MOST_SAMPLES + 3):
        store(dynamodb).remember(started(number))
    queries: list[dict[str, Any]] = []
    dynamodb.meta.events.register("before-parameter-build.dynamodb.Query", lambda params, **_: queries.append(params))
    assert len(store(dynamodb).newest(POOL)) == MOST_SAMPLES
    assert [query["Limit"] for query in queries] == [MOST_SAMPLES]


def test_what_has_expired_does_not_count(dynamodb: "DynamoDBClient") -> None:
    """TTL deletes an item hours after it has expired."""
    old = started(1)
    store(dynamodb).remember(replace(old, sample=replace(old.sample, seen=at(9000) - KEPT)))
    kept = started(2)
    store(dynamodb).remember(replace(kept, sample=replace(kept.sample, seen=at(9001) - KEPT)))
    assert [each.seen for each in store(dynamodb).newest(POOL)] == [at(9001) - KEPT]


def test_it_expires_like_the_jobs_other_items_or_never() -> None:
    item = deserialize(start_item(started(), KEPT))
    assert int(item[EXPIRES_AT]) == int((at(9000) + KEPT).timestamp())
    assert EXPIRES_AT not in start_item(started(), None)


def test_no_time_is_written_as_less_than_it_was() -> None:
    start = started()
    item = start_item(replace(start, sample=replace(start.sample, took=timedelta(seconds=90.001))), KEPT)
    assert deserialize(item)["took_seconds"] == 91


@pytest.mark.parametrize("pool", [POOL, *OTHERS])
def test_keys_are_short_and_hold_nothing_that_others_chose(pool: StartPool) -> None:
    item = deserialize(start_item(started(pool=pool), KEPT))
    assert (len(item[PK]), len(item[SK])) == (len("start#") + 64, len("2026-09-16T09:00:00.000Z#") + 64)


@pytest.mark.parametrize(
    "wrong", [{"took_seconds": "soon"}, {"took_seconds": -1}, {"seen": "2026-09-16T09:00:00"}, {"kind": "state"}]
)
def test_one_that_cannot_be_read_hides_no_other(dynamodb: "DynamoDBClient", wrong: dict[str, object]) -> None:
    item: dict[str, Any] = start_item(started(1), KEPT) | serialize(wrong)
    dynamodb.put_item(TableName=TABLE, Item=item)
    unread: list[UnreadableItemError] = []
    starts = store(dynamodb, on_unreadable=unread.append)
    starts.remember(started(2, minutes=3))
    assert [each.took for each in starts.newest(POOL)] == [timedelta(minutes=3)]
    assert [error.sort_key for error in unread] == [item["sk"]["S"]]


def test_an_unavailable_store_is_reported(dynamodb: "DynamoDBClient") -> None:
    with Stubber(dynamodb) as stubber:
        for method in ("query", "put_item"):
            stubber.add_client_error(method, "InternalServerError")
        with pytest.raises(LedgerUnavailableError):
            store(dynamodb).newest(POOL)
        with pytest.raises(LedgerUnavailableError):
            store(dynamodb).remember(started())
