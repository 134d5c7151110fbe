"""The promises of the port `Refusals`, held against every implementation."""

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.stub import Stubber

from respot.aws.dynamodb.attribute_values import deserialize, serialize
from respot.aws.dynamodb.refusals import DynamoDbRefusals, refusal_item
from respot.errors import LedgerUnavailableError, UnreadableItemError
from respot.jobs.job import Market
from respot.recovery.ports import Refusals
from respot.recovery.records import REMEMBERED_FOR, Refusal
from respot.schema import EXPIRES_AT, SK
from tests.support.builders import REGION, at
from tests.support.memory import MemoryRefusals
from tests.support.moto_aws import TABLE

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

POOL = Refusal(region=REGION, market=Market.SPOT, instance_type="ml.g5.2xlarge", why="no quota", refused_at=at(100))
OTHERS = (
    replace(POOL, market=Market.ON_DEMAND),
    replace(POOL, instance_type="ml.g5.4xlarge"),
    replace(POOL, instance_type=None),
    replace(POOL, market=None, instance_type=None, resource="arn:aws:iam::111122223333:role/One"),
    replace(POOL, market=None, instance_type=None, resource="arn:aws:iam::111122223333:role/" + "x" * 2000),
    replace(POOL, market=None, instance_type=None, resource="subnet-1"),
)


@pytest.fixture(params=["memory", "dynamodb"])
def refusals(request: pytest.FixtureRequest) -> Refusals:
    if request.param == "memory":
        return MemoryRefusals()
    return store(request.getfixturevalue("dynamodb"))


def store(client: "DynamoDBClient") -> DynamoDbRefusals:
    return DynamoDbRefusals(client, TABLE, clock=lambda: at(0), retention=None)


def test_what_was_refused_is_found_in_its_region(refusals: Refusals) -> None:
    for each in (POOL, *OTHERS):
        refusals.remember(each)
    assert set(refusals.since(REGION, at(0))) == {POOL, *OTHERS}
    assert refusals.since("eu-west-1", at(0)) == ()


def test_what_is_older_is_not_found(refusals: Refusals) -> None:
    """TTL deletes an item hours after it has expired."""
    refusals.remember(POOL)
    assert refusals.since(REGION, at(100)) == ()
    assert refusals.since(REGION, at(99.9)) == (POOL,)


def test_the_latest_refusal_of_a_pool_stands(refusals: Refusals) -> None:
    later = replace(POOL, refused_at=at(200), why="no permission")
    for each in (POOL, later, POOL):
        refusals.remember(each)
    assert refusals.since(REGION, at(0)) == (later,)


def test_it_expires_after_an_hour_and_its_key_is_short() -> None:
    for each in (POOL, *OTHERS):
        item = deserialize(refusal_item(each))
        assert int(item[EXPIRES_AT]) == int((at(100) + REMEMBERED_FOR).timestamp())
        assert len(item[SK]) == 64
    assert timedelta(hours=1) == REMEMBERED_FOR


def test_a_refusal_that_cannot_be_read_hides_no_other(dynamodb: "DynamoDBClient") -> None:
    item: dict[str, Any] = refusal_item(POOL) | serialize({"market": "of a newer version"})
    dynamodb.put_item(TableName=TABLE, Item=item)
    other = replace(POOL, instance_type="ml.p4d.24xlarge")
    unread: list[UnreadableItemError] = []
    refusals = DynamoDbRefusals(dynamodb, TABLE, clock=lambda: at(0), retention=None, on_unreadable=unread.append)
    refusals.remember(other)
    assert refusals.since(REGION, at(0)) == (other,)
    assert [error.sort_key for error in unread] == [item["sk"]["S"]]


def test_an_unavailable_store_is_reported(dynamodb: "DynamoDBClient") -> None:
    with Stubber(dynamodb) as stubber:
        stubber.add_client_error("query", "InternalServerError")
        with pytest.raises(LedgerUnavailableError):
            store(dynamodb).since(REGION, at(0))
