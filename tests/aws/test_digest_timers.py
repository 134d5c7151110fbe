from datetime import timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.stub import Stubber

from respot.alerting.digest.timer import read_timer
from respot.aws.sqs.digest_timers import SqsDigestTimers
from respot.errors import QueueUnavailableError
from tests.support.builders import REGION, window_of

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


@pytest.fixture
def sqs() -> "SQSClient":
    return boto3.client("sqs", region_name=REGION)


def test_a_window_comes_back_as_a_message_that_names_it(sqs: "SQSClient") -> None:
    url = sqs.create_queue(QueueName="due")["QueueUrl"]
    SqsDigestTimers(sqs, url).send(window_of(), delay=timedelta())
    (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
    assert read_timer(message["Body"]) == window_of()


@pytest.mark.parametrize(("delay", "seconds"), [(0, 0), (0.001, 1), (182.4, 183), (900, 900), (7200, 900)])
def test_it_comes_back_no_earlier_than_asked_as_far_as_sqs_can(sqs: "SQSClient", delay: float, seconds: int) -> None:
    asked: list[dict[str, Any]] = []
    sqs.meta.events.register("provide-client-params.sqs.SendMessage", lambda params, **_: asked.append(params))
    url = sqs.create_queue(QueueName="due")["QueueUrl"]
    SqsDigestTimers(sqs, url).send(window_of(), delay=timedelta(seconds=delay))
    assert [params["DelaySeconds"] for params in asked] == [seconds]


def test_a_message_that_sqs_refuses_is_an_error(sqs: "SQSClient") -> None:
    with Stubber(sqs) as stub:
        stub.add_client_error("send_message", "AccessDenied")
        with pytest.raises(QueueUnavailableError, match="did not take its timer"):
            SqsDigestTimers(sqs, "q").send(window_of(), delay=timedelta())
