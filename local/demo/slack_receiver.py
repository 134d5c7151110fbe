"""A stand-in for Slack's incoming webhooks on this machine."""

import json
import threading
import time
from collections import deque
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, ClassVar, Final, Self

_PATH: Final = "/services/T00000000/B00000000/local"


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One request to the webhook, with the answer it got; `message` is None if the body was not a JSON object."""

    at: float
    status: int
    message: dict[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Refusal:
    status: int
    retry_after: int | None


class SlackReceiver:
    """Receives messages on a free port of 127.0.0.1 and remembers them. Use it as a context manager."""

    def __init__(self) -> None:
        """Open the port; nothing is answered before `start`."""
        self._posts: list[Post] = []
        self._refusals: deque[_Refusal] = deque()
        self._arrival = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._port: int = self._server.server_address[1]
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Start receiving."""
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """Stop receiving."""
        self.stop()

    @property
    def url(self) -> str:
        """The webhook's URL. Plain HTTP: slack_sdk would not trust a certificate of ours."""
        return f"http://127.0.0.1:{self._port}{_PATH}"

    @property
    def posts(self) -> tuple[Post, ...]:
        """Every request so far, the refused ones too."""
        with self._arrival:
            return tuple(self._posts)

    @property
    def messages(self) -> tuple[dict[str, Any], ...]:
        """Every message that was accepted."""
        return tuple(post.message for post in self.posts if post.status == 200 and post.message is not None)

    def start(self) -> Self:
        """Answer in a thread of its own."""
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Close the port: from now on the webhook is dead."""
        if self._thread:
            self._server.shutdown()
            self._thread.join()
            self._thread = None
        self._server.server_close()

    def refuse(self, times: int, status: int, *, retry_after: int | None = None) -> None:
        """Answer the next posts with an error: 500, 404, or 429 with the seconds of its Retry-After header."""
        with self._arrival:
            self._refusals.extend([_Refusal(status=status, retry_after=retry_after)] * times)

    def accept(self) -> None:
        """Answer as usual again, whatever was still to be refused."""
        with self._arrival:
            self._refusals.clear()

    def wait_for(self, count: int, *, seconds: float) -> tuple[dict[str, Any], ...]:
        """Wait until that many messages were accepted, at most so long; gives what there is then."""
        deadline = time.monotonic() + seconds
        with self._arrival:
            while sum(post.status == 200 for post in self._posts) < count:
                left = deadline - time.monotonic()
                if left <= 0 or not self._arrival.wait(left):
                    break
        return self.messages

    def receive(self, path: str, body: bytes) -> tuple[int, dict[str, str], str]:
        """Answer one post as Slack does: (status, headers, text)."""
        message = _object(body)
        with self._arrival:
            refusal = self._refusals.popleft() if self._refusals else None
            if refusal:
                status, text = refusal.status, "refused"
            elif path != _PATH:
                status, text = 404, "no_service"
            elif message is None:
                status, text = 400, "invalid_payload"
            elif not message.get("text") and not message.get("blocks") and not message.get("attachments"):
                status, text = 400, "no_text"
            else:
                status, text = 200, "ok"
            self._posts.append(Post(at=time.time(), status=status, message=message))
            self._arrival.notify_all()
        retry_after = refusal.retry_after if refusal else None
        return status, {} if retry_after is None else {"Retry-After": str(retry_after)}, text


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        message = json.loads(body)
    except ValueError:
        return None
    return message if isinstance(message, dict) else None


def _handler(receiver: SlackReceiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version: ClassVar[str] = "HTTP/1.1"  # type: ignore[misc]  # a plain attribute in the base class

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            status, headers, text = receiver.receive(self.path, body)
            self.send_response(status)
            for name, value in {**headers, "Content-Type": "text/plain", "Content-Length": str(len(text))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class' own name
            """Stay silent: whoever wants to know reads `posts`."""

    return Handler
