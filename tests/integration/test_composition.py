"""The functions as Lambda composes them: from the environment, on moto."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.sns.models import sns_backends

from respot.adapters.ledger_items import deserialize
from respot.bootstrap import alert as alert_parts
from respot.bootstrap import clients
from respot.bootstrap import ledger as ledger_parts
from respot.bootstrap import record as record_parts
from respot.bootstrap import slack as slack_parts
from respot.errors import SettingsError
from respot.handlers import alert, record, slack
from respot.settings import Settings
from tests.integration.conftest import TABLE
from tests.support.builders import NAME, REGION, event, message, milliseconds

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

COMPOSED = (
    clients.settings,
    clients._client,  # noqa: SLF001 - what a cold start forgets
    ledger_parts.ledger,
    record_parts.intake,
    alert_parts.alerter,
    slack_parts.slack_relay,
)


class Context:
    """Lambda's context."""

    def get_remaining_time_in_millis(self) -> int:
        return 300_000


@pytest.fixture(autouse=True)
def cold_start() -> Iterator[None]:
    for part in COMPOSED:
        part.cache_clear()
    yield
    for part in COMPOSED:
        part.cache_clear()


@pytest.fixture
def deployed(monkeypatch: pytest.MonkeyPatch, dynamodb: "DynamoDBClient") -> "DynamoDBClient":
    """Everything that the functions need, and the environment that says so."""
    queue = boto3.client("sqs", region_name=REGION).create_queue(QueueName="slack")
    topic = boto3.client("sns", region_name=REGION).create_topic(Name="alerts")
    environment = Settings(
        ledger_table=TABLE,
        alerts_topic_arn=topic["TopicArn"],
        slack_secret="respot/slack-webhook",  # noqa: S106 - a name
        queue_url=queue["QueueUrl"],
    ).to_environment()
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    return dynamodb


def test_an_event_becomes_a_transition_and_an_alert(deployed: "DynamoDBClient") -> None:
    """SageMaker, as moto plays it, knows no such job: the event is its last witness."""
    started = milliseconds(datetime.now(UTC) + timedelta(seconds=2))
    stays = [{"Status": "Interrupted", "StartTime": started}]
    body = message(event("Interrupted", LastModifiedTime=started, SecondaryStatusTransitions=stays)).body
    delivery = {
        "messageId": "m1",
        "receiptHandle": "r1",
        "body": body,
        "attributes": {"ApproximateReceiveCount": "1"},
    }
    for _ in range(2):
        assert record.handler({"Records": [delivery]}, Context()) == {"batchItemFailures": []}
    images = [item for item in deployed.scan(TableName=TABLE)["Items"] if item["kind"] == {"S": "transition"}]
    records = [{"dynamodb": {"SequenceNumber": str(n), "NewImage": image}} for n, image in enumerate(images)]
    for _ in range(2):
        assert alert.handler({"Records": records}, Context()) == {"batchItemFailures": []}
    (topic,) = sns_backends[DEFAULT_ACCOUNT_ID][REGION].topics.values()
    assert len(topic.sent_notifications) == 1
    kept = [deserialize(item) for item in deployed.scan(TableName=TABLE)["Items"]]
    assert sorted(item["sk"].partition("#")[0] for item in kept) == ["alert", "state", "transition"]
    (settled,) = (item for item in kept if item["kind"] == "alert")
    assert (settled["outcome"], settled["headline"]) == ("sent", f"{NAME} was interrupted (1st time)")


def test_a_secret_that_is_not_there_keeps_the_message_in_its_queue(deployed: "DynamoDBClient") -> None:
    assert deployed.list_tables()["TableNames"] == [TABLE]
    delivery = {
        "messageId": "m1",
        "receiptHandle": "r1",
        "body": "words",
        "attributes": {"ApproximateReceiveCount": "1"},
    }
    assert slack.handler({"Records": [delivery]}, Context()) == {"batchItemFailures": [{"itemIdentifier": "m1"}]}


@pytest.mark.parametrize(
    ("function", "event_", "variable"),
    [
        (record.handler, {"Records": []}, "RESPOT_LEDGER_TABLE"),
        (slack.handler, {"Records": []}, "RESPOT_SLACK_SECRET"),
    ],
    ids=["record", "slack"],
)
def test_a_function_without_its_settings_says_which_one(
    monkeypatch: pytest.MonkeyPatch, function: Any, event_: dict[str, Any], variable: str  # noqa: ANN401
) -> None:  # fmt: skip
    for name in Settings().to_environment():
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SettingsError, match=f"{variable} is not set"):
        function(event_, Context())


def test_a_client_is_made_once_for_each_region() -> None:
    here, there = clients.client("sagemaker", "us-east-1"), clients.client("sagemaker", "eu-west-1")
    assert clients.client("sagemaker", "us-east-1") is here
    assert there.meta.region_name == "eu-west-1"


def test_a_call_ends_well_within_a_look() -> None:
    config: Any = clients.CLIENT_CONFIG
    assert clients.client("dynamodb").meta.config.read_timeout == config.read_timeout  # type: ignore[attr-defined]
    seconds = config.retries["total_max_attempts"] * (config.connect_timeout + config.read_timeout)
    assert seconds <= 12
