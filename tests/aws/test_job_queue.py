from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.stub import Stubber

from respot.aws.sqs.jobs import SqsJobQueue
from respot.errors import QueueUnavailableError
from respot.jobs.message import read_message
from tests.support.builders import REGION, job_id

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


@pytest.fixture
def sqs() -> "SQSClient":
    return boto3.client("sqs", region_name=REGION)


def test_a_job_that_has_ended_is_sent_as_a_message_that_names_it(sqs: "SQSClient") -> None:
    url = sqs.create_queue(QueueName="recovery")["QueueUrl"]
    SqsJobQueue(sqs, url).send(job_id())
    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    assert read_message(message["Body"]) == job_id()


@pytest.mark.parametrize("code", ["RequestThrottled", "AccessDenied", "AWS.SimpleQueueService.NonExistentQueue"])
def test_a_message_that_sqs_refuses_is_an_error(sqs: "SQSClient", code: str) -> None:
    with Stubber(sqs) as stub:
        stub.add_client_error("send_message", code)
        with pytest.raises(QueueUnavailableError, match="did not take it"):
            SqsJobQueue(sqs, "q").send(job_id())
