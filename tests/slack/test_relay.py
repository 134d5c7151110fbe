import json
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from respot.alerting.document import to_document
from respot.errors import LedgerUnavailableError, QueueUnavailableError, WebhookRefusedError
from respot.queueing import QueueMessage
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


class Environment:
    """A relay on twins."""

    def __init__(self, **refuses: WebhookRefusedError) -> None:
        self.chat, self.queue, self.drills = Chat(refuses=refuses), MemoryDelayQueue(), MemoryDrillPosts()

    def relay(self, *bodies: str) -> Relayed:
        schedule = retry_schedule(self.queue, first=30, longest=3600)
        relay = SlackRelay(chat=self.chat, retry_schedule=schedule, drills=self.drills)
        return relay.relay(
            QueueMessage(id=f"id-{body}", receipt_handle=f"receipt-{body}", body=body, receive_count=1, sent=CREATED)
            for body in bodies
        )


def test_posts_every_message() -> None:
    env, real = Environment(), json.dumps(to_document(alert_on()))
    assert env.relay("one", "two", real) == Relayed(posted=3, retries=(), drill_errors=())
    assert env.chat.posted[:2] == ["one", "two"]
    assert (env.queue.delays, env.drills.refusals) == ({}, {})


@pytest.mark.parametrize("fault", [None, QueueUnavailableError("down")], ids=["delayed", "a delay that cannot be set"])
def test_a_refused_message_does_not_stop_the_others(fault: QueueUnavailableError | None) -> None:
    error = WebhookRefusedError("500")
    env = Environment(bad=error)
    env.queue.fault = fault
    (retry,) = env.relay("bad", '{"version": "respot.alert/1"}', "good").retries
    assert (retry.message.id, retry.error, retry.delay) == ("id-bad", error, timedelta(seconds=30))
    assert (len(env.chat.posted), env.chat.posted[-1]) == (2, "good")
    assert env.queue.delays == ({} if fault else {"receipt-bad": timedelta(seconds=30)})


def of_drill() -> str:
    drill = a_drill()
    return json.dumps(to_document(alert_on(job=drill.job, arn=drill.snapshot().state.arn)))


def test_slacks_answer_to_a_drill_is_recorded_and_not_counted_as_a_post() -> None:
    env = Environment()
    assert env.relay(of_drill(), "good") == Relayed(posted=1, retries=(), drill_errors=())
    assert env.drills.refusals == {a_drill().id: None}


def test_a_refused_drill_is_recorded_with_the_reason_and_retried() -> None:
    env = Environment(**{render(of_drill()).text: WebhookRefusedError("Slack answered 404")})
    assert len(env.relay(of_drill()).retries) == 1
    assert env.drills.refusals == {a_drill().id: "Slack answered 404"}


def test_a_drill_whose_result_cannot_be_recorded_is_not_posted_again() -> None:
    env, fault = Environment(), LedgerUnavailableError("down")
    env.drills.fault = fault
    assert env.relay(of_drill(), "good") == Relayed(posted=1, retries=(), drill_errors=(fault,))
