"""The sweep's messages on SQS."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from respot.aws.sqs.sweep import SqsRecheckQueue
from respot.errors import QueueUnavailableError
from respot.recording.observation import SweepObservation, parse
from tests.support.builders import REGION, at, job_id

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


@pytest.fixture
def sqs() -> "SQSClient":
    return boto3.client("sqs", region_name=REGION)


def rechecks(count: int, *, delay: float = 0) -> list[tuple[SweepObservation, timedelta]]:
    return [
        (
            SweepObservation(region=REGION, name=f"job-{n}", watched_since=at(1), event_due_by=at(2)),
            timedelta(seconds=delay),
        )
        for n in range(count)
    ]


@pytest.mark.parametrize("count", [0, 1, 9, 10, 11, 100])
def test_every_job_becomes_a_message_that_record_reads(sqs: "SQSClient", count: int) -> None:
    url = sqs.create_queue(QueueName="observations")["QueueUrl"]
    SqsRecheckQueue(sqs, url).send(rechecks(count))
    found: list[Any] = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        found += messages
    observations = [parse(message["Body"]) for message in found]
    assert sorted(observation.name for observation in observations) == sorted(f"job-{n}" for n in range(count))
    assert all(isinstance(observation, SweepObservation) for observation in observations)


@pytest.mark.parametrize(("delay", "seconds"), [(0, 0), (60, 60), (900, 900), (0.9, 0)])
def test_each_recheck_has_its_delay(sqs: "SQSClient", delay: float, seconds: int) -> None:
    missed, after = (
        SweepObservation(region=REGION, name="x", watched_since=at(1), event_due_by=at(2), unlisted=job_id().created),
        5,
    )
    entry = {"Id": "0", "MessageBody": ANY, "DelaySeconds": seconds}
    with Stubber(sqs) as stub:
        stub.add_response(
            "send_message_batch",
            {"Successful": [], "Failed": []},
            {"QueueUrl": "q", "Entries": [entry, {"Id": "1", "MessageBody": ANY, "DelaySeconds": after}]},
        )
        SqsRecheckQueue(sqs, "q").send([*rechecks(1, delay=delay), (missed, timedelta(seconds=after))])
        stub.assert_no_pending_responses()


@pytest.mark.parametrize("code", ["RequestThrottled", "AccessDenied", "AWS.SimpleQueueService.NonExistentQueue"])
def test_messages_that_sqs_refuses_are_an_error(sqs: "SQSClient", code: str) -> None:
    with Stubber(sqs) as stub:
        stub.add_client_error("send_message_batch", code)
        with pytest.raises(QueueUnavailableError, match="3 jobs were not sent"):
            SqsRecheckQueue(sqs, "q").send(rechecks(3))


def test_if_sqs_takes_some_of_them_all_must_be_sent_again(sqs: "SQSClient") -> None:
    failure = {"Id": "1", "SenderFault": False, "Code": "InternalError", "Message": "words"}
    with Stubber(sqs) as stub:
        stub.add_response("send_message_batch", {"Successful": [], "Failed": [failure]})
        with pytest.raises(QueueUnavailableError, match=r"1 jobs were not sent .*'InternalError'"):
            SqsRecheckQueue(sqs, "q").send(rechecks(3))


def test_the_backlog_counts_messages_that_are_ready(sqs: "SQSClient") -> None:
    url = sqs.create_queue(QueueName="observations")["QueueUrl"]
    queue = SqsRecheckQueue(sqs, url)
    assert queue.backlog() == 0
    queue.send(rechecks(7))
    queue.send(rechecks(5, delay=600))
    assert queue.backlog() == 7


def test_an_unknown_backlog_is_an_error(sqs: "SQSClient") -> None:
    with Stubber(sqs) as stub:
        stub.add_client_error("get_queue_attributes", "RequestThrottled")
        with pytest.raises(QueueUnavailableError, match="how many observations wait"):
            SqsRecheckQueue(sqs, "q").backlog()
