"""The webhook against a real HTTP server on the loopback interface."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from slack_sdk.webhook import WebhookClient

from respot.aws import slack_webhook as slack
from respot.aws.slack_webhook import SlackWebhook, read_secret
from respot.errors import PostRefusedError, WebhookRefusedError
from respot.slack.blocks import SlackMessage, render
from respot.slack.webhook_address import webhook_address
from tests.support.builders import REGION

MESSAGE = SlackMessage(text="a headline", blocks=[{"type": "divider"}])


@dataclass
class Answer:
    """What the server says."""

    status: int = 200
    body: bytes = b"ok"
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0


@dataclass
class Receiver:
    """A webhook's receiver; the last answer is repeated."""

    port: int
    answers: list[Answer] = field(default_factory=lambda: [Answer()])
    received: list[tuple[str, Any]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/services/T0/B0/secret"

    def next_answer(self) -> Answer:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = self.rfile.read(length)
            listening.received.append((self.path, json.loads(body) if body else None))
            answer = listening.next_answer()
            time.sleep(answer.delay)
            self.send_response(answer.status)
            for name, value in answer.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

        do_POST = do_GET = answer  # noqa: N815 - http.server's names

        def log_message(self, *_: object) -> None:
            """Says nothing on the tests' output."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        listening = Receiver(port=server.server_address[1])
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield listening
        server.shutdown()
        thread.join()


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses between attempts, not waited out."""
    slept: list[float] = []
    for module in ("builtin_handlers", "handler"):
        monkeypatch.setattr(f"slack_sdk.http_retry.{module}.time", SimpleNamespace(sleep=slept.append))
    return slept


class Secret:
    """A secret that counts how often it was read and forgotten."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.forgotten = 0

    def read(self) -> str:
        return self.text

    def forget(self) -> None:
        self.forgotten += 1


def webhook(secret: str | Secret) -> SlackWebhook:
    kept = Secret(secret) if isinstance(secret, str) else secret
    return SlackWebhook(kept.read, kept.forget)


def refused(address: str) -> WebhookRefusedError:
    with pytest.raises(WebhookRefusedError) as error:
        webhook(address).post(MESSAGE)
    return error.value


def test_the_text_and_the_blocks_are_posted_in_any_words(receiver: Receiver) -> None:
    webhook(receiver.address).post(MESSAGE)
    ((path, body),) = receiver.received
    assert path == "/services/T0/B0/secret"
    assert (body["text"], body["blocks"]) == ("a headline", [{"type": "divider"}])
    assert body["unfurl_links"] is False
    webhook(json.dumps({"url": receiver.address}) + "\n").post(render("größer 😀 \ud800 \x00"))
    assert receiver.received[1][1]["text"] == "größer 😀 \ud800 \x00"


@pytest.mark.parametrize("status", [400, 403, 404, 410, 500, 503])
def test_a_refusal_is_reported_with_slacks_words_and_the_address_is_read_again(receiver: Receiver, status: int) -> None:
    receiver.answers = [Answer(status, b"no_team" * 100)]
    secret = Secret(receiver.address)
    with pytest.raises(WebhookRefusedError, match=f"Slack answered {status}: 'no_team") as error:
        webhook(secret).post(MESSAGE)
    assert secret.forgotten == 1
    assert len(str(error.value)) < 300
    assert len(receiver.received) == 1


@pytest.mark.parametrize(
    ("status", "body", "is_its_own"),
    [
        *((400, b"invalid_blocks", True), (400, b"invalid_payload", True)),
        *((400, b"no_team", False), (404, b"no_team", False), (500, b"invalid_blocks", False)),
    ],
)
def test_a_message_that_slack_never_takes_is_told_from_a_webhook_that_is_wrong(
    receiver: Receiver, status: int, body: bytes, *, is_its_own: bool
) -> None:
    receiver.answers = [Answer(status, body)]
    assert isinstance(refused(receiver.address), PostRefusedError) is is_its_own


@pytest.mark.usefixtures("pauses")
def test_the_address_is_a_secret_and_never_in_reasons(receiver: Receiver) -> None:
    receiver.answers = [Answer(500, b"oops")]
    for address in (receiver.address, "http://127.0.0.1:1/services/secret", "ftp://x/secret", "http://x/secret"):
        assert "/secret" not in str(refused(address))


@pytest.mark.parametrize(
    ("headers", "pauses_of", "left"),
    [
        pytest.param({"Retry-After": "3"}, [3], None, id="a short pause is waited out"),
        pytest.param({}, [1], None, id="none is tried again at once"),
        pytest.param({"Retry-After": "3"}, [3], 3, id="a short one is not waited out for ever"),
        pytest.param({"retry-after": "600"}, [], 600, id="a long one is left to the queue"),
    ],
)
def test_a_pause_that_slack_asks_for(
    receiver: Receiver, pauses: list[float], headers: dict[str, str], pauses_of: list[int], left: int | None
) -> None:
    receiver.answers = [Answer(429, b"rate_limited", headers), *([Answer()] if left is None else [])]
    if left is None:
        webhook(receiver.address).post(MESSAGE)
    else:
        assert refused(receiver.address).retry_after == timedelta(seconds=left)
    assert [int(pause) for pause in pauses] == pauses_of
    assert len(receiver.received) == 1 + len(pauses_of)


@pytest.mark.parametrize(
    "value",
    ["Wed, 21 Oct 2026 07:28:00 GMT", "-5", "1.5", "", "soon", "\xb2", "9" * 30, "9" * 5000],
    ids=lambda value: ascii(value)[:9],
)
def test_a_pause_that_is_no_number_of_seconds_is_left_to_the_queue(
    receiver: Receiver, pauses: list[float], value: str
) -> None:
    receiver.answers = [Answer(429, b"rate_limited", {"Retry-After": value})]
    assert refused(receiver.address).retry_after == timedelta()
    assert sum(pauses) < 3


def test_a_page_instead_of_a_word_is_a_refusal(receiver: Receiver) -> None:
    """A wrong address often redirects to a sign-in page, which answers 200."""
    receiver.answers = [Answer(302, b"", {"Location": receiver.address}), Answer(200, b"\n<!DOCTYPE html>...")]
    assert "Slack answered 200" in str(refused(receiver.address))
    receiver.answers = [Answer(500, b"oops", {"Content-Type": "text/plain; charset=klingon"})]
    refused(receiver.address)


def test_nobody_there_is_a_refusal(pauses: list[float]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    assert "could not be reached (URLError)" in str(refused(f"http://127.0.0.1:{port}/x"))
    assert len(pauses) == 1


def test_a_receiver_that_hangs_times_out(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    def impatient(url: str, **others: Any) -> WebhookClient:  # noqa: ANN401
        return WebhookClient(url, **(others | {"timeout": 0.1}))

    monkeypatch.setattr(slack, "WebhookClient", impatient)
    receiver.answers = [Answer(delay=0.4)]  # a client that waits for it is not refused
    refused(receiver.address)


@pytest.mark.parametrize(
    "secret",
    [
        *("", "hello", "https://", "https://[::1", "{}", '{"url": null}', '{"url": {"x": 1}}', '{"url": '),
        pytest.param("http://hooks.slack.com/services/x", id="in the clear"),
        pytest.param('{"url": "http://hooks.slack.com/x"}', id="in the clear, in JSON"),
        pytest.param("http://127.0.0.1.evil.example/x", id="nearly loopback"),
        pytest.param("http://localhost@evil.example/x", id="loopback as user"),
        pytest.param("ftp://localhost/x", id="another protocol"),
        pytest.param("file:///etc/passwd", id="a file"),
    ],
)
def test_a_secret_without_a_safe_address_is_refused(secret: str) -> None:
    with pytest.raises(WebhookRefusedError, match="must hold an https:// address"):
        webhook_address(secret)


@pytest.mark.parametrize(
    "address",
    ["https://hooks.slack.com/services/x", "http://localhost:9/x", "http://127.0.0.1:9/x", "http://[::1]:9/x"],
)
def test_https_and_loopback_are_taken(address: str) -> None:
    assert webhook_address(f" {address}\n") == address
    assert webhook_address(json.dumps({"url": address})) == address


def test_an_address_that_cannot_be_encoded_is_a_refusal() -> None:
    refused("http://127.0.0.1:1/größe")
    refused(f"https://{'x' * 70}.invalid/x")
    refused("http://127.0.0.1:1/a b")


# --- the secret


def test_a_secret_is_its_text_and_bytes_are_none() -> None:
    manager = boto3.client("secretsmanager", region_name=REGION)
    manager.create_secret(Name="text", SecretString="first")
    manager.create_secret(Name="binary", SecretBinary=b"\xff\x00")
    assert (read_secret(manager, "text"), read_secret(manager, "binary")) == ("first", "")
    with pytest.raises(WebhookRefusedError, match="secret nobody/knows cannot be read"):
        read_secret(manager, "nobody/knows")
