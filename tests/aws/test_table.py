"""Reading many items of the table at once."""

from typing import TYPE_CHECKING, Any

import pytest
from botocore.parsers import ResponseParserError
from botocore.stub import Stubber

from respot.aws.dynamodb.attribute_values import deserialize, serialize
from respot.aws.dynamodb.table import Table
from respot.errors import LedgerUnavailableError
from respot.schema import PK, SK
from tests.support.moto_aws import TABLE

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

KEYS = [(f"job#{number}", "state") for number in range(3)]


def item(key: tuple[str, str]) -> dict[str, Any]:
    return serialize({PK: key[0], SK: key[1]})


def answer(*found: tuple[str, str], left: tuple[tuple[str, str], ...] = ()) -> dict[str, Any]:
    return {
        "Responses": {TABLE: [item(key) for key in found]},
        "UnprocessedKeys": {TABLE: {"Keys": [item(key) for key in left]}} if left else {},
    }


def asked(*keys: tuple[str, str]) -> dict[str, Any]:
    return {"RequestItems": {TABLE: {"Keys": [item(key) for key in keys]}}}


@pytest.mark.parametrize("count", [0, 1, 100, 101, 250])
def test_as_many_as_wanted_a_hundred_at_a_time(dynamodb: "DynamoDBClient", count: int) -> None:
    table, sizes = Table(dynamodb, TABLE), []

    def note(params: Any, **_: object) -> None:  # noqa: ANN401
        sizes.append(len(params["RequestItems"][TABLE]["Keys"]))

    dynamodb.meta.events.register("provide-client-params.dynamodb.BatchGetItem", note)
    keys = [(f"job#{number}", "state") for number in range(count)]
    for key in keys[1:]:  # what is not there is left out
        table.put(item(key), f"attribute_not_exists({PK})")
    assert sorted(deserialize(found)[PK] for found in table.get_all(keys)) == sorted(pk for pk, _ in keys[1:])
    assert sizes == [100] * (count // 100) + [count % 100] * bool(count % 100)


def test_what_dynamodb_has_left_over_is_asked_for_again(dynamodb: "DynamoDBClient") -> None:
    with Stubber(dynamodb) as stub:
        stub.add_response("batch_get_item", answer(KEYS[1], left=(KEYS[0], KEYS[2])), asked(*KEYS))
        stub.add_response("batch_get_item", answer(left=(KEYS[0], KEYS[2])), asked(KEYS[0], KEYS[2]))
        stub.add_response("batch_get_item", answer(KEYS[2], KEYS[0]), asked(KEYS[0], KEYS[2]))
        found = list(Table(dynamodb, TABLE).get_all(KEYS))
        stub.assert_no_pending_responses()
    assert found == [item(key) for key in (KEYS[1], KEYS[2], KEYS[0])]


def test_items_that_remain_unread_are_an_error(dynamodb: "DynamoDBClient") -> None:
    """They must not count as absent: their jobs would seem unknown."""
    with Stubber(dynamodb) as stub:
        for _ in range(5):
            stub.add_response("batch_get_item", answer(left=tuple(KEYS)))
        with pytest.raises(LedgerUnavailableError, match="3 items were not read in 5 attempts; try again later"):
            list(Table(dynamodb, TABLE).get_all(KEYS))
        stub.assert_no_pending_responses()


@pytest.mark.parametrize("asked_for", [{}, {"ConsistentRead": False}])
def test_each_test_with_this_table_notices_a_read_that_is_not_consistent(
    dynamodb: "DynamoDBClient", asked_for: dict[str, bool]
) -> None:
    """That each store reads consistently is thus tested with each of its methods, in tests/contracts."""
    found = Table(dynamodb, TABLE).query(f"{PK} = :pk", {":pk": "job#1"}, **asked_for)
    with pytest.raises(AssertionError, match="KeyConditionExpression"):
        list(found)


def test_a_garbled_answer_says_nothing_of_an_item(dynamodb: "DynamoDBClient") -> None:
    """Something between has answered: what was asked for is asked for again, and nothing is buried."""

    def garble(**_: object) -> None:
        message = "no JSON"
        raise ResponseParserError(message)

    dynamodb.meta.events.register("before-send.dynamodb", garble)
    with pytest.raises(LedgerUnavailableError, match="no JSON"):
        Table(dynamodb, TABLE).get(*KEYS[0])
