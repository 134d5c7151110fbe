from datetime import timedelta
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.stub import Stubber

from respot.aws.sqs.queue import SqsDelayQueue
from respot.errors import QueueUnavailableError
from respot.queueing import LONGEST_DELAY
from tests.support.builders import REGION

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


@pytest.fixture
def sqs() -> "SQSClient":
    return boto3.client("sqs", region_name=REGION)


@pytest.fixture
def queue_url(sqs: "SQSClient") -> str:
    url = sqs.create_queue(QueueName="slack", Attributes={"VisibilityTimeout": "60"})["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="a message")
    return url


def received(sqs: "SQSClient", queue_url: str) -> list[str]:
    return [message["ReceiptHandle"] for message in sqs.receive_message(QueueUrl=queue_url).get("Messages", [])]


def test_a_message_is_hidden_for_its_delay(sqs: "SQSClient", queue_url: str) -> None:
    (receipt_handle,) = received(sqs, queue_url)
    assert received(sqs, queue_url) == []
    SqsDelayQueue(sqs, queue_url).delay(receipt_handle, timedelta())
    (receipt_handle,) = received(sqs, queue_url)
    SqsDelayQueue(sqs, queue_url).delay(receipt_handle, timedelta(minutes=10))
    assert received(sqs, queue_url) == []


def test_the_longest_pause_is_one_that_sqs_takes(sqs: "SQSClient", queue_url: str) -> None:
    (receipt_handle,) = received(sqs, queue_url)
    SqsDelayQueue(sqs, queue_url).delay(receipt_handle, LONGEST_DELAY)


def test_fractions_of_a_second_are_cut(sqs: "SQSClient") -> None:
    with Stubber(sqs) as stub:
        stub.add_response(
            "change_message_visibility", {}, {"QueueUrl": "q", "ReceiptHandle": "r", "VisibilityTimeout": 1}
        )
        SqsDelayQueue(sqs, "q").delay("r", timedelta(seconds=1.9))
        stub.assert_no_pending_responses()


@pytest.mark.parametrize("code", ["MessageNotInflight", "ReceiptHandleIsInvalid", "RequestThrottled", "AccessDenied"])
def test_a_delay_that_cannot_be_set_is_an_error(sqs: "SQSClient", code: str) -> None:
    with Stubber(sqs) as stub:
        stub.add_client_error("change_message_visibility", code)
        with pytest.raises(QueueUnavailableError, match="could not be set"):
            SqsDelayQueue(sqs, "q").delay("r", timedelta(seconds=1))
