"""The stand-in for Slack's webhooks, asked by Slack's own client."""

from collections.abc import Iterator

import pytest
from slack_sdk.webhook import WebhookClient

from local.demo.slack_receiver import SlackReceiver


@pytest.fixture(name="receiver")
def running_receiver() -> Iterator[SlackReceiver]:
    with SlackReceiver() as receiver:
        yield receiver


def send(receiver: SlackReceiver, text: str = "hello") -> tuple[int, str]:
    response = WebhookClient(receiver.url).send(text=text)
    return response.status_code, response.body


def test_remembers_what_it_accepts(receiver: SlackReceiver) -> None:
    assert send(receiver) == (200, "ok")
    assert receiver.messages == ({"text": "hello"},)


def test_refuses_as_often_as_demanded(receiver: SlackReceiver) -> None:
    receiver.refuse(1, 500)
    receiver.refuse(1, 429)
    assert [send(receiver)[0] for _ in range(3)] == [500, 429, 200]
    assert [post.status for post in receiver.posts] == [500, 429, 200]
    assert len(receiver.messages) == 1


@pytest.mark.parametrize(
    ("path", "body", "answer"),
    [
        ("/services/T00000000/B00000000/revoked", b'{"text": "x"}', (404, "no_service")),
        ("/services/T00000000/B00000000/local", b"[]", (400, "invalid_payload")),
        ("/services/T00000000/B00000000/local", b"not json", (400, "invalid_payload")),
        ("/services/T00000000/B00000000/local", b"{}", (400, "no_text")),
    ],
)
def test_refuses_what_slack_refuses(receiver: SlackReceiver, path: str, body: bytes, answer: tuple[int, str]) -> None:
    assert receiver.receive(path, body) == answer


def test_waits_for_messages_no_longer_than_it_may(receiver: SlackReceiver) -> None:
    assert receiver.wait_for(1, seconds=0.05) == ()
    send(receiver)
    assert len(receiver.wait_for(1, seconds=5)) == 1


def test_is_dead_once_stopped() -> None:
    with SlackReceiver() as receiver:
        pass
    with pytest.raises(OSError, match="refused"):
        send(receiver)
