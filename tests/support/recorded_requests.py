"""Requests of real clients to a local account, and the names of their answers' members, as they were once recorded."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DIRECTORY = Path(__file__).with_name("recorded_clients")
CLIENTS = sorted(path.stem for path in DIRECTORY.glob("*.json"))

_TAG = re.compile(r"<([A-Za-z]\w*)[ />]")


def requests_of(client: str) -> list[dict[str, Any]]:
    document: dict[str, Any] = json.loads((DIRECTORY / f"{client}.json").read_text())
    return list(document["requests"])


def operation(request: dict[str, Any]) -> str:
    """`Service.Operation` of a request to a JSON service, and the empty word for others."""
    return str(request["headers"].get("x-amz-target", ""))


def members(answer: str) -> set[str]:
    """The names of an answer's members, JSON or XML, as paths."""
    try:
        return set(_paths(json.loads(answer), ""))
    except ValueError:
        return set(_TAG.findall(answer))


def _paths(value: object, path: str) -> Iterator[str]:
    if isinstance(value, dict):
        for name, member in value.items():
            yield f"{path}.{name}".lstrip(".")
            yield from _paths(member, f"{path}.{name}")
    elif isinstance(value, list):
        for item in value:
            yield from _paths(item, f"{path}[]")
