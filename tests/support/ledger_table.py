"""The ledger's table as the stack deploys it, made in whatever AWS the client talks to."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from infra.config import Config
from tests.infra.synthesis import synthesize

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_SAID_ALIKE: Final = ("AttributeDefinitions", "BillingMode", "GlobalSecondaryIndexes", "KeySchema")
"""What CreateTable and CloudFormation call by the same names; the rest changes nothing that a test sees."""


@cache
def deployed_table() -> dict[str, Any]:
    """Arguments of CreateTable, without the table's name; the synthesis takes seconds, once."""
    with TemporaryDirectory() as directory:
        (table,) = synthesize(Path(directory), Config()).of_type("DynamoDB::Table").values()
    return {name: table[name] for name in _SAID_ALIKE}


def create_table(client: "DynamoDBClient", name: str) -> None:
    """Make a table of that definition."""
    client.create_table(TableName=name, **deployed_table())
