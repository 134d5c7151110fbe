"""What the clients asked the account, kept for the tests without anything of the machine they ran on."""

import json
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from local import PROJECT
from local.clients import environments

DIRECTORY: Final = PROJECT / "tests" / "support" / "recorded_clients"
HOST: Final = "https://localhost"

_HOST: Final = re.compile(r"https?://(localhost|127\.0\.0\.1):\d+")
# Log streams of the account that was asked: a test finds its own.
_STREAM: Final = re.compile(r"/algo-(\d+)-\d{10}")
_TAG: Final = re.compile(r"<([A-Za-z]\w*)[ />]")


def keep(recording: Path) -> list[str]:
    """Write a file for each client into `DIRECTORY`; gives the names of the files."""
    kept: dict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    for line in recording.read_text().splitlines():
        request = scrubbed(json.loads(line))
        # One of each kind: the same operation with the same members, of any value.
        kept[str(request.pop("client"))].setdefault(_kind(request), request)
    DIRECTORY.mkdir(exist_ok=True)
    names = []
    for client, requests in sorted(kept.items()):
        version = environments.prepare(client).version
        document = {"recorded_with": version, "requests": list(requests.values())}
        (DIRECTORY / f"{client}.json").write_text(f"{json.dumps(document, indent=1)}\n")
        names.append(f"{client}.json")
    return names


def scrubbed(request: Mapping[str, Any]) -> dict[str, Any]:
    """A request without hosts and log streams of its account; of the answer, the names of its members only."""
    text = json.dumps({name: value for name, value in request.items() if name != "answer"})
    text = _STREAM.sub(r"/algo-\1-{epoch}", _HOST.sub(HOST, text))
    document: dict[str, Any] = json.loads(text)
    if document["body"] and document["method"] == "PUT":
        # What was uploaded is the machine's, and nothing depends on it.
        document["body"] = None
    body = document["body"] or ""
    if body.startswith("{"):
        document["body"] = json.loads(body)
    return {**document, "members": sorted(members(request["answer"] or ""))}


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


def _kind(request: Mapping[str, Any]) -> str:
    body = request["body"]
    form = re.findall(r"(?:^|&)(\w+)=", body) if isinstance(body, str) else body
    names = sorted(form or ())
    operation = request["headers"].get("x-amz-target") or (re.findall(r"Action=\w+", body) if body else "")
    # One upload of each client is enough: the SDK v3 sends fifteen.
    path = "" if request["method"] == "PUT" else request["path"]
    return json.dumps([operation, request["method"], path, names, request["status"]])
