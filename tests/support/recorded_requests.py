"""The requests of real clients that `python -m local clients --record` kept."""

import json
from typing import Any

from local.clients.recorded import DIRECTORY

CLIENTS = sorted(path.stem for path in DIRECTORY.glob("*.json"))


def requests_of(client: str) -> list[dict[str, Any]]:
    document: dict[str, Any] = json.loads((DIRECTORY / f"{client}.json").read_text())
    return list(document["requests"])


def operation(request: dict[str, Any]) -> str:
    """`Service.Operation` of a request to a JSON service, and the empty word for others."""
    return str(request["headers"].get("x-amz-target", ""))
