"""Which requests of an account are kept, and what of them."""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.emulator.recording import Recording


async def answering(_scope: object, receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b'{"answer": ', "more_body": True})
    await send({"type": "http.response.body", "body": b"1}"})


def asked(path: Path, *parts: bytes, agent: str = "aws-cli/1.46 app/cli") -> list[dict[str, Any]]:
    """Send a request in parts through a recording; gives what is kept."""
    messages = [{"body": part, "more_body": part is not parts[-1]} for part in parts]
    sent: list[Mapping[str, Any]] = []
    headers = {"user-agent": agent, "x-amz-target": "SageMaker.ListTags", "authorization": "secret", "host": "here:1"}
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "query_string": b"a=b",
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }

    async def receive() -> Mapping[str, Any]:
        return messages.pop(0)

    async def send(message: Mapping[str, Any]) -> None:
        sent.append(message)

    asyncio.run(Recording(answering, path)(scope, receive, send))
    assert [message.get("body", b"") for message in sent] == [b"", b'{"answer": ', b"1}"]
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_the_request_of_a_named_client_is_kept_without_its_signature(tmp_path: Path) -> None:
    (kept,) = asked(tmp_path / "kept", b'{"Resource', b'Arn": "x"}')
    assert kept == {
        "client": "cli",
        "method": "POST",
        "path": "/",
        "query": "a=b",
        "headers": {"x-amz-target": "SageMaker.ListTags"},
        "body": '{"ResourceArn": "x"}',
        "status": 200,
        "answer": '{"answer": 1}',
    }


def test_the_requests_of_others_are_not_kept(tmp_path: Path) -> None:
    assert asked(tmp_path / "kept", b"{}", agent="Boto3/1.44") == []


def test_an_archive_is_not_kept(tmp_path: Path) -> None:
    (kept,) = asked(tmp_path / "kept", b"\x1f\x8b\x08")
    assert kept["body"] is None
