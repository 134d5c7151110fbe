import json
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from respot.alerting.document import to_document
from respot.errors import LedgerUnavailableError, QueueUnavailableError, WebhookRefusedError
from respot.queueing import LONGEST_DELAY, QueueMessage
from respot.slack.blocks import SlackMessage, render
from respot.slack.relay import Relayed, SlackRelay
from tests.support.builders import CREATED, a_drill, alert_on, retry_schedule
from tests.support.memory import MemoryDelayQueue, MemoryDrillPosts


@dataclass
class Chat:
    """A chat that refuses some texts."""

    refuses: dict[str, WebhookRefusedError] = field(default_factory=dict)
    posted: list[str] = field(default_factory=list)

    def post(self, message: SlackMessage) -> None:
        if message.text in self.refuses:
            raise self.refuses[message.text]
        self.posted.append(message.text)


def message(body: str, *, receive_count: int = 1) -> QueueMessage:
    return QueueMessage(
        id=f"id-{body}", receipt_handle=f"receipt-{body}", body=body, receive_count=receive_count, sent=CREATED
    )


def relay(chat: Chat, queue: MemoryDelayQueue, drills: MemoryDrillPosts | None = None) -> SlackRelay:
    return SlackRelay(
        chat=chat, retry_schedule=retry_schedule(queue, first=30, longest=3600), drills=drills or MemoryDrillPosts()
    )


def test_posts_every_message() -> None:
    chat, queue = Chat(), MemoryDelayQueue()
    assert relay(chat, queue).relay([message("one"), message("two")]) == Relayed(posted=2, retries=(), drill_errors=())
    assert chat.posted == ["one", "two"]
    assert queue.delays == {}


def test_a_refused_message_does_not_stop_the_others() -> None:
    error = WebhookRefusedError("500")
    chat, queue = Chat(refuses={"bad": error}), MemoryDelayQueue()
    (retry,) = relay(chat, queue).relay([message("bad"), message("good")]).retries
    assert (retry.message.id, retry.error, retry.delay) == ("id-bad", error, timedelta(seconds=30))
    assert chat.posted == ["good"]
    assert queue.delays == {"receipt-bad": timedelta(seconds=30)}


def test_a_poison_message_does_not_stop_the_others() -> None:
    chat, queue = Chat(), MemoryDelayQueue()
    assert relay(chat, queue).relay([message('{"version": "respot.alert/1"}'), message("good")]).retries == ()
    assert chat.posted[-1] == "good"


@pytest.mark.parametrize(
    ("receive_count", "seconds"),
    [(0, 30), (1, 30), (2, 60), (3, 120), (7, 1920), (8, 3600), (20, 3600), (10_000, 3600)],
)
def test_delays_double_up_to_an_hour(receive_count: int, seconds: int) -> None:
    queue = MemoryDelayQueue()
    relay(Chat(refuses={"bad": WebhookRefusedError("500")}), queue).relay([message("bad", receive_count=receive_count)])
    assert queue.delays["receipt-bad"] == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("asked", "waited"),
    [
        (timedelta(seconds=5), timedelta(seconds=30)),
        (timedelta(minutes=5), timedelta(minutes=5)),
        (timedelta(hours=2), timedelta(hours=2)),
        (timedelta(days=3650), LONGEST_DELAY),
    ],
)
def test_a_pause_that_slack_asks_for_is_kept_up_to_the_queues_limit(asked: timedelta, waited: timedelta) -> None:
    queue = MemoryDelayQueue()
    chat = Chat(refuses={"bad": WebhookRefusedError("429", retry_after=asked)})
    relay(chat, queue).relay([message("bad")])
    assert queue.delays["receipt-bad"] == waited
    assert timedelta(hours=12) > LONGEST_DELAY


def test_a_delay_that_cannot_be_set_stops_nothing() -> None:
    queue = MemoryDelayQueue(fault=QueueUnavailableError("down"))
    chat = Chat(refuses={"bad": WebhookRefusedError("500")})
    retries = relay(chat, queue).relay([message("bad"), message("good")]).retries
    assert [retry.message.id for retry in retries] == ["id-bad"]
    assert chat.posted == ["good"]


def of_drill() -> str:
    drill = a_drill()
    return json.dumps(to_document(alert_on(job=drill.job, arn=drill.snapshot().state.arn)))


def test_slacks_answer_to_a_drill_is_recorded_and_not_counted_as_a_post() -> None:
    posts = MemoryDrillPosts()
    relayed = relay(Chat(), MemoryDelayQueue(), posts).relay([message(of_drill()), message("good")])
    assert relayed == Relayed(posted=1, retries=(), drill_errors=())
    assert posts.refusals == {a_drill().id: None}


def test_slacks_answer_to_a_real_alert_is_not_recorded() -> None:
    posts, real = MemoryDrillPosts(), json.dumps(to_document(alert_on()))
    assert relay(Chat(), MemoryDelayQueue(), posts).relay([message(real), message("text")]).posted == 2
    assert posts.refusals == {}


def test_a_refused_drill_is_recorded_with_the_reason_and_retried() -> None:
    posts, body = MemoryDrillPosts(), of_drill()
    chat = Chat(refuses={render(body).text: WebhookRefusedError("Slack answered 404")})
    assert len(relay(chat, MemoryDelayQueue(), posts).relay([message(body)]).retries) == 1
    assert posts.refusals == {a_drill().id: "Slack answered 404"}


def test_a_drill_whose_result_cannot_be_recorded_is_not_posted_again() -> None:
    fault = LedgerUnavailableError("down")
    relayed = relay(Chat(), MemoryDelayQueue(), MemoryDrillPosts(fault=fault)).relay(
        [message(of_drill()), message("good")]
    )
    assert relayed == Relayed(posted=1, retries=(), drill_errors=(fault,))
