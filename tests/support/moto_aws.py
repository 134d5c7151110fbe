"""AWS as moto plays it, with the ledger's table as the stack deploys it."""

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import boto3
import pytest
from moto import mock_aws

from infra.config import Config
from respot.aws.dynamodb.ledger import DynamoDbLedger
from tests.infra.synthesis import synthesize
from tests.support.builders import CREATED, REGION
from tests.support.clock import FakeClock

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TABLE = "ledger"
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


@pytest.fixture(autouse=True)
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No call leaves the process, and none finds real credentials."""
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(variable, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    for variable in ("AWS_REGION", "AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE"):
        monkeypatch.delenv(variable, raising=False)
    with mock_aws():
        yield


@pytest.fixture
def dynamodb(aws: None) -> "DynamoDBClient":  # noqa: ARG001 - comes first
    """A client, with the ledger's table there; each query of the table itself must be consistent."""
    client = boto3.client("dynamodb", region_name=REGION)
    client.meta.events.register("provide-client-params.dynamodb.Query", _is_consistent)
    create_table(client, TABLE)
    return client


def _is_consistent(params: Mapping[str, Any], **_: object) -> None:
    """Decisions are made from what is read; moto is always consistent, so that only the request shows it."""
    assert "IndexName" in params or params.get("ConsistentRead") is True, params


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(CREATED)


@pytest.fixture
def dynamodb_ledger(dynamodb: "DynamoDBClient", clock: FakeClock) -> DynamoDbLedger:
    return DynamoDbLedger(dynamodb, TABLE, clock=clock, retention=None)
