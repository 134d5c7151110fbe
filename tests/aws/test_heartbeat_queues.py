"""Heartbeats through SQS, and through the ledger's stream."""

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from infra.constructs.ledger_stream import HEARTBEAT as PATTERN
from respot.aws.dynamodb.sweeps import DynamoDbSweepStore
from respot.aws.sqs.sweep import SqsHeartbeatQueue
from respot.errors import QueueUnavailableError
from respot.schema import CHECKS
from respot.sweep.heartbeat import HEARTBEAT
from tests.infra.test_stream_filters import matches
from tests.support.builders import CREATED, REGION
from tests.support.moto_aws import TABLE

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def test_a_heartbeat_is_one_message() -> None:
    sqs = boto3.client("sqs", region_name=REGION)
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    SqsHeartbeatQueue(sqs, url).beat()
    assert [each["Body"] for each in sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]] == [
        HEARTBEAT
    ]


def test_a_missing_queue_is_an_error() -> None:
    sqs = boto3.client("sqs", region_name=REGION)
    url = sqs.create_queue(QueueName="q")["QueueUrl"]
    sqs.delete_queue(QueueUrl=url)
    with pytest.raises(QueueUnavailableError, match="did not take the heartbeat"):
        SqsHeartbeatQueue(sqs, url).beat()


def test_each_sweep_shows_the_readers_of_the_stream_one_item(dynamodb: "DynamoDBClient") -> None:
    """Of all its writes: the lease, each step, the release."""
    images: list[dict[str, Any]] = []

    def note(params: Any, **_: object) -> None:  # noqa: ANN401 - botocore's
        images.append(json.loads(params["body"])["Item"])

    dynamodb.meta.events.register("before-call.dynamodb.PutItem", note)
    sweeps = DynamoDbSweepStore(dynamodb, TABLE)
    for minutes in (0, 5):
        for scope in (CHECKS, REGION):
            now = CREATED + timedelta(minutes=minutes)
            taken = sweeps.lease(scope, now=now, lease=timedelta(minutes=4), watched_since=CREATED)
            assert taken is not None
            for _ in range(9):
                sweeps.save(taken, until=now)
    shown = [image for image in images if matches(PATTERN, {"eventName": "MODIFY", "dynamodb": {"NewImage": image}})]
    assert (len(images), len(shown)) == (40, 2)
