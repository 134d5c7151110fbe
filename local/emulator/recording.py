"""Keeps what clients ask of the local account: one JSON document a line.

Only requests of clients that give themselves a name are kept. botocore and the AWS CLI send the value of the variable
`AWS_SDK_UA_APP_ID` in the user agent.
"""

import json
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from pathlib import Path
from typing import Any, Final

APP_ID: Final = "AWS_SDK_UA_APP_ID"

_APP: Final = re.compile(rb"\bapp/([\w-]+)")
# Signatures, checksums and ids of a single request say nothing about what a client asks for.
_KEPT: Final = re.compile(r"content-type|content-encoding|x-amz-(target|server-side-.*|acl|tagging|meta-.*)")


class Recording:
    """An ASGI application around another that keeps its requests and answers in a file."""

    def __init__(self, app: Callable[..., Awaitable[None]], path: Path) -> None:
        """Keep what this application is asked."""
        self._app = app
        self._path = path

    async def __call__(self, scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        """Pass a request on."""
        headers = dict(scope.get("headers", ()))
        client = _APP.search(headers.get(b"user-agent", b""))
        if scope["type"] != "http" or client is None:
            await self._app(scope, receive, send)
            return
        asked, answered, status = bytearray(), bytearray(), 0

        async def receiving() -> Mapping[str, Any]:
            message: Mapping[str, Any] = await receive()
            asked.extend(message.get("body", b""))
            return message

        async def sending(message: Mapping[str, Any]) -> None:
            nonlocal status
            status = message.get("status", status)
            answered.extend(message.get("body", b""))
            await send(message)

        await self._app(scope, receiving, sending)
        document = {
            "client": client[1].decode(),
            "method": scope["method"],
            "path": scope["path"],
            "query": scope["query_string"].decode(),
            "headers": {
                name.decode(): value.decode() for name, value in headers.items() if _KEPT.fullmatch(name.decode())
            },
            "body": _text(asked),
            "status": status,
            "answer": _text(answered),
        }
        with self._path.open("a") as file:
            file.write(f"{json.dumps(document)}\n")


def _text(body: bytearray) -> str | None:
    """A body that can be read; None of any other, such as an archive."""
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None
