"""The partition keys of a DynamoDB request that IAM receives."""

import json
from typing import Any

import pytest
from botocore.session import get_session

from local.emulator.leading_keys import leading_keys

ITEM = {"pk": {"S": "job#1"}, "sk": {"S": "state"}, "job": {"S": "job#9"}}
OTHER = {"pk": {"S": "run#2"}, "sk": {"S": "attempt#0001"}}
ARN = "arn:aws:dynamodb:us-east-1:111122223333:table/ledger"

NAMED: dict[str, tuple[str, dict[str, Any], list[str]]] = {
    "one item put": ("PutItem", {"TableName": "ledger", "Item": ITEM}, ["job#1"]),
    "one item put into a table named by its ARN": ("PutItem", {"TableName": ARN, "Item": ITEM}, ["job#1"]),
    "one item changed": ("UpdateItem", {"TableName": "ledger", "Key": OTHER}, ["run#2"]),
    "one item deleted": ("DeleteItem", {"TableName": "ledger", "Key": OTHER}, ["run#2"]),
    "one item read": ("GetItem", {"TableName": "ledger", "Key": OTHER}, ["run#2"]),
    "a transaction of puts": (
        "TransactWriteItems",
        {"TransactItems": [{"Put": {"TableName": "ledger", "Item": item}} for item in (ITEM, OTHER)]},
        ["job#1", "run#2"],
    ),
    "a transaction of all kinds": (
        "TransactWriteItems",
        {
            "TransactItems": [
                {"Update": {"TableName": "ledger", "Key": ITEM, "UpdateExpression": "SET a = b"}},
                {"Delete": {"TableName": "ledger", "Key": OTHER}},
                {"ConditionCheck": {"TableName": "ledger", "Key": {"pk": {"N": "3"}}, "ConditionExpression": "x"}},
            ]
        },
        ["job#1", "run#2", "3"],
    ),
    "a batch of writes": (
        "BatchWriteItem",
        {"RequestItems": {"ledger": [{"PutRequest": {"Item": ITEM}}, {"DeleteRequest": {"Key": OTHER}}]}},
        ["job#1", "run#2"],
    ),
    "a batch of reads": ("BatchGetItem", {"RequestItems": {"ledger": {"Keys": [ITEM, OTHER]}}}, ["job#1", "run#2"]),
    "a table that is not there": ("PutItem", {"TableName": "another", "Item": ITEM}, []),
}


def key_of(table: str) -> str | None:
    return {"ledger": "pk"}.get(table)


@pytest.mark.parametrize(("operation", "request_", "keys"), NAMED.values(), ids=list(NAMED))
def test_the_partition_key_of_each_item_is_found(operation: str, request_: dict[str, Any], keys: list[str]) -> None:
    shape: Any = get_session().get_service_model("dynamodb").operation_model(operation).input_shape
    assert request_.keys() <= shape.members.keys()
    assert leading_keys(json.dumps(request_).encode(), key_of) == keys


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"TableName": 1, "Item": []}',
        b'{"TransactItems": ["x", {"Put": 1}]}',
        b'{"RequestItems": {"ledger": ["x", {"PutRequest": 2}]}}',
        b'{"TableName": "ledger", "Item": {"pk": "job#1"}}',
    ],
)
def test_a_malformed_request_has_no_partition_keys(body: bytes) -> None:
    assert leading_keys(body, key_of) == []
