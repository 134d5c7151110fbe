"""A stand-in for Slack's incoming webhooks on this machine."""

import json
import threading
import time
from collections import deque
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, NamedTuple, Self

_PATH: Final = "/services/T00000000/B00000000/local"


class Post(NamedTuple):
    """One request to the webhook, with the answer it got; `message` is None if the body was not a JSON object."""

    status: int
    message: dict[str, Any] | None


class SlackReceiver:
    """Receives messages on a free port of 127.0.0.1 and remembers them. Use it as a context manager."""

    def __init__(self) -> None:
        """Open the port; nothing is answered before `__enter__`."""
        self.posts: list[Post] = []
        """Every request so far, the refused ones too."""
        self._refusals: deque[int] = deque()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"receiver": self}))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Close the port: from now on the webhook is dead."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def url(self) -> str:
        """The webhook's URL. Plain HTTP: slack_sdk would not trust a certificate of ours."""
        return f"http://127.0.0.1:{self._server.server_address[1]}{_PATH}"

    @property
    def messages(self) -> tuple[dict[str, Any], ...]:
        """Every message that was accepted."""
        return tuple(post.message for post in [*self.posts] if post.status == 200 and post.message is not None)

    def refuse(self, times: int, status: int) -> None:
        """Answer the next posts with an error: 400 (of the message), 500, 404 or 429."""
        self._refusals.extend([status] * times)

    def accept(self) -> None:
        """Answer as usual again, however many posts were still to be refused."""
        self._refusals.clear()

    def wait_for(self, count: int, *, seconds: float) -> tuple[dict[str, Any], ...]:
        """Wait until that many messages were accepted, at most so long; gives those that there are then."""
        deadline = time.monotonic() + seconds
        while len(self.messages) < count and time.monotonic() < deadline:
            time.sleep(0.05)
        return self.messages

    def receive(self, path: str, body: bytes) -> tuple[int, str]:
        """Answer one post as Slack does: (status, text)."""
        message: Any = None
        refusal = None
        with suppress(ValueError):
            message = json.loads(body)
        is_object = isinstance(message, dict)
        with suppress(IndexError):
            refusal = self._refusals.popleft()
        if refusal:
            answer = refusal, "invalid_payload" if refusal == 400 else "refused"
        elif path != _PATH:
            answer = 404, "no_service"
        elif not is_object:
            answer = 400, "invalid_payload"
        else:
            has_content = any(message.get(member) for member in ("text", "blocks", "attachments"))
            answer = (200, "ok") if has_content else (400, "no_text")
        self.posts.append(Post(answer[0], message if is_object else None))
        return answer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    receiver: SlackReceiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        status, text = self.receiver.receive(self.path, body)
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        """Log nothing: `posts` has it."""
