"""The ledger's table, made in whatever AWS the client talks to."""

from typing import TYPE_CHECKING, Any, Final

from respot.schema import ACTIVE_ON, BY_ACTIVITY, BY_NAME, CREATED, LAST_MODIFIED, PK, REGION_AND_NAME, SK

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TableDefinition = dict[str, Any]
"""Arguments of CreateTable, without the table's name."""


def _keys(partition: str, sort: str) -> list[dict[str, str]]:
    return [{"AttributeName": partition, "KeyType": "HASH"}, {"AttributeName": sort, "KeyType": "RANGE"}]


def _index(name: str, partition: str, sort: str) -> dict[str, Any]:
    return {
        "IndexName": name,
        "KeySchema": _keys(partition, sort),
        "Projection": {"ProjectionType": "KEYS_ONLY"},
    }


FROM_SCHEMA: Final[TableDefinition] = {
    "AttributeDefinitions": [
        {"AttributeName": name, "AttributeType": "S"}
        for name in (PK, SK, REGION_AND_NAME, CREATED, ACTIVE_ON, LAST_MODIFIED)
    ],
    "KeySchema": _keys(PK, SK),
    "GlobalSecondaryIndexes": [
        _index(BY_NAME, REGION_AND_NAME, CREATED),
        _index(BY_ACTIVITY, ACTIVE_ON, LAST_MODIFIED),
    ],
    "BillingMode": "PAY_PER_REQUEST",
}
"""The table as `respot.schema` names its keys and indexes."""


def create_table(client: "DynamoDBClient", name: str, definition: TableDefinition = FROM_SCHEMA) -> None:
    """Make a table of that definition."""
    client.create_table(TableName=name, **definition)
