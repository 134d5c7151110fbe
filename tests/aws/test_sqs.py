"""Messages and their delays on SQS as moto plays it."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from respot.alerting.digest.timer import read_timer
from respot.aws.sqs.digest_timers import SqsDigestTimers
from respot.aws.sqs.jobs import SqsJobQueue
from respot.aws.sqs.queue import SqsDeadLetterQueue, SqsDelayQueue
from respot.aws.sqs.sweep import SqsHeartbeatQueue, SqsRecheckQueue
from respot.errors import QueueUnavailableError
from respot.jobs import message
from respot.queueing import LONGEST_DELAY
from respot.recording.observation import SweepObservation, parse
from respot.sweep.heartbeat import HEARTBEAT
from tests.support.builders import REGION, at, job_id, window_of

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


@pytest.fixture
def sqs() -> "SQSClient":
    return boto3.client("sqs", region_name=REGION)


@pytest.fixture
def url(sqs: "SQSClient") -> str:
    return sqs.create_queue(QueueName="queue", Attributes={"VisibilityTimeout": "60"})["QueueUrl"]


def received(sqs: "SQSClient", url: str, member: str = "Body") -> list[str]:
    found: list[Any] = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        found += messages
    return [each[member] for each in found]


def test_a_message_is_hidden_for_its_delay(sqs: "SQSClient", url: str) -> None:
    sqs.send_message(QueueUrl=url, MessageBody="a message")
    (handle,) = received(sqs, url, "ReceiptHandle")
    assert received(sqs, url) == []
    SqsDelayQueue(sqs, url).delay(handle, timedelta())
    (handle,) = received(sqs, url, "ReceiptHandle")
    for delay in (timedelta(minutes=10), LONGEST_DELAY):
        SqsDelayQueue(sqs, url).delay(handle, delay)
        assert received(sqs, url) == []


def test_a_dead_letter_says_why_as_those_of_eventbridge_do(sqs: "SQSClient", url: str) -> None:
    SqsDeadLetterQueue(sqs, url).bury("poison", "not JSON:\n\x00" + 2000 * "x")
    (letter,) = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"])["Messages"]
    said = {name: value["StringValue"] for name, value in letter["MessageAttributes"].items()}
    assert (letter["Body"], said) == ("poison", {"ERROR_MESSAGE": "not JSON:  " + 989 * "x"})


def test_fractions_of_a_second_are_cut(sqs: "SQSClient") -> None:
    with Stubber(sqs) as stub:
        asked = {"QueueUrl": "q", "ReceiptHandle": "r", "VisibilityTimeout": 1}
        stub.add_response("change_message_visibility", {}, asked)
        SqsDelayQueue(sqs, "q").delay("r", timedelta(seconds=1.9))


def test_a_message_names_its_window_or_job_or_is_a_heartbeat(sqs: "SQSClient", url: str) -> None:
    SqsDigestTimers(sqs, url).send(window_of(), delay=timedelta())
    SqsJobQueue(sqs, url).send(job_id())
    SqsHeartbeatQueue(sqs, url).beat()
    timer, ended, beat = received(sqs, url)
    assert read_timer(timer) == window_of()
    assert message.read_message(ended) == job_id()
    assert beat == HEARTBEAT


@pytest.mark.parametrize(("delay", "seconds"), [(0, 0), (0.001, 1), (182.4, 183), (900, 900), (7200, 900)])
def test_a_timer_comes_back_no_earlier_than_asked_as_far_as_sqs_can(
    sqs: "SQSClient", delay: float, seconds: int
) -> None:
    with Stubber(sqs) as stub:
        stub.add_response("send_message", {}, {"QueueUrl": "q", "MessageBody": ANY, "DelaySeconds": seconds})
        SqsDigestTimers(sqs, "q").send(window_of(), delay=timedelta(seconds=delay))


# --- rechecks


def rechecks(count: int, *, delay: float = 0) -> list[tuple[SweepObservation, timedelta]]:
    each = {"region": REGION, "watched_since": at(1), "event_due_by": at(2)}
    return [(SweepObservation(name=f"job-{n}", **each), timedelta(seconds=delay)) for n in range(count)]  # type: ignore[arg-type]


@pytest.mark.parametrize("count", [0, 1, 10, 11, 100])
def test_every_job_becomes_a_message_that_record_reads(sqs: "SQSClient", url: str, count: int) -> None:
    SqsRecheckQueue(sqs, url).send(rechecks(count))
    assert {parse(body) for body in received(sqs, url)} == {recheck for recheck, _ in rechecks(count)}


@pytest.mark.parametrize(("delay", "seconds"), [(0, 0), (60, 60), (900, 900), (0.9, 0)])
def test_each_recheck_has_its_delay(sqs: "SQSClient", delay: float, seconds: int) -> None:
    entries = [{"Id": str(n), "MessageBody": ANY, "DelaySeconds": each} for n, each in enumerate((seconds, 5))]
    with Stubber(sqs) as stub:
        answer: dict[str, Any] = {"Successful": [], "Failed": []}
        stub.add_response("send_message_batch", answer, {"QueueUrl": "q", "Entries": entries})
        SqsRecheckQueue(sqs, "q").send([*rechecks(1, delay=delay), *rechecks(1, delay=5)])


def test_if_sqs_takes_some_of_them_all_must_be_sent_again(sqs: "SQSClient") -> None:
    failure = {"Id": "1", "SenderFault": False, "Code": "InternalError", "Message": "words"}
    with Stubber(sqs) as stub:
        stub.add_response("send_message_batch", {"Successful": [], "Failed": [failure]})
        with pytest.raises(QueueUnavailableError, match=r"1 jobs were not sent .*'InternalError'"):
            SqsRecheckQueue(sqs, "q").send(rechecks(3))


def test_the_backlog_counts_messages_that_are_ready(sqs: "SQSClient", url: str) -> None:
    queue = SqsRecheckQueue(sqs, url)
    assert queue.backlog() == 0
    queue.send(rechecks(7))
    queue.send(rechecks(5, delay=600))
    assert queue.backlog() == 7
