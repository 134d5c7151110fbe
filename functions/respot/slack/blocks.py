"""Renders a topic's message as Block Kit, within Slack's limits for any content."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from respot.alerting.contract import DIGEST_MEMBER, VERSION, WEEK_MEMBER
from respot.alerting.kinds import OF_ANY_TYPE, AlertKind, moment_of
from respot.jobs.drill_names import drill_id

HEADER_LIMIT: Final = 150
SECTION_LIMIT: Final = 3000
FIELD_LIMIT: Final = 2000
TEXT_LIMIT: Final = 4000
NAMES_LISTED: Final = 20
"""Jobs that a digest names."""
URL_LIMIT: Final = 3000
_POOLS_LISTED: Final = 3

_ICON: Final = {"info": "🔵", "warning": "🟡", "error": "🔴"}
"""Characters, since plain text would show a code like `:red_circle:` as it is."""
_ENTITIES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}
"""Control characters of Slack's mrkdwn; escaping them removes mentions and links."""

Block = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackMessage:
    """What is posted.

    Attributes:
        text: for notifications and screen readers.
        blocks: Block Kit blocks.
        drill: the id of the drill that sent it; `None` for all other messages.
    """

    text: str
    blocks: list[Block]
    drill: str | None = None


def render(body: str) -> SlackMessage:
    """Render an alert, a digest, a weekly digest or a CloudWatch alarm; any other message as plain text."""
    document = _document(body)
    if document.get("version") == VERSION:
        # A malformed alert is shown as plain text: it must not block the other messages.
        with suppress(LookupError, TypeError, AttributeError, ValueError, OverflowError):
            if WEEK_MEMBER in document:
                return _week(document)
            return _digest(document) if DIGEST_MEMBER in document else _alert(document)
    if "AlarmName" in document and "NewStateValue" in document:
        return _alarm(document)
    words = body if body.strip() else "(an empty message)"  # Slack refuses blocks without text
    return SlackMessage(text=escaped(words, TEXT_LIMIT), blocks=[_section(escaped(words, SECTION_LIMIT))])


def escaped(words: str, limit: int) -> str:
    """Foreign text, escaped, and cut to the limit after escaping."""
    pieces: list[str] = []
    room = limit - 1
    for character in words:
        piece = _ENTITIES.get(character, character)
        room -= len(piece)
        if room < 0:
            return "".join(pieces) + "…"
        pieces.append(piece)
    return "".join(pieces)


def _document(body: str) -> Mapping[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _alert(document: Mapping[str, Any]) -> SlackMessage:
    job, transition = document["job"], document["transition"]
    drill = drill_id(job["name"])
    icon = "" if drill else _ICON.get(document["severity"], "")  # a drill's texts begin with a label instead
    headline = document["headline"].strip() or VERSION
    parts = ("what_happened", "what_happens_next", "cost")
    description = "\n".join(filter(None, (str(document[part]) for part in parts)))
    market = f" ({job['market']})" if job["market"] else ""
    fields = {
        "Region": job["region"],
        "Instances": f"{job['instance_count'] or '?'} x {job['instance_type'] or 'unknown'}{market}",
        "Checkpoints": job["checkpoint_uri"] or "none configured",
    }
    if job["parent"]:
        fields["Owned by"] = f"{job['parent']['owner']} {job['parent']['identifier']}"
    blocks: list[Block] = [
        {"type": "header", "text": {"type": "plain_text", "text": _cut(headline, HEADER_LIMIT)}},
        _section(f"{icon} {escaped(description, SECTION_LIMIT - 40)}".lstrip()),
        {"type": "section", "fields": [_field(title, str(value)) for title, value in fields.items()]},
    ]
    if len(document["console_url"]) <= URL_LIMIT:
        blocks.append(_button("Open in the AWS console", document["console_url"]))
    blocks.append(
        _context(
            f"{'DRILL · ' if drill else ''}{transition['status']} at {transition['started']} · account {job['account']}"
        )
    )
    return SlackMessage(text=escaped(headline, TEXT_LIMIT), blocks=blocks, drill=drill)


def _digest(document: Mapping[str, Any]) -> SlackMessage:
    digest, headline = document[DIGEST_MEMBER], document["headline"].strip() or VERSION
    of_kind, icon = AlertKind(digest["of_kind"]), _ICON.get(document["severity"], "")
    description = "\n".join(str(document[part]) for part in ("what_happened", "what_happens_next"))
    names = list(dict.fromkeys(str(alert["job"]) for alert in digest["alerts"]))
    left = int(digest["job_count"]) - len(names[:NAMES_LISTED])
    listed = ", ".join(names[:NAMES_LISTED]) + (f" and {left} more" if left > 0 else "")
    fields = {
        "Region": digest["region"],
        "Instances": digest["instance_type"] or ("of any type" if of_kind in OF_ANY_TYPE else "unknown"),
        "Alerts": f"{digest['count']} of {digest['job_count']} {'job' if digest['job_count'] == 1 else 'jobs'}",
        f"{moment_of(of_kind)} between": f"{digest['since']} and {digest['until']}",
    }
    blocks: list[Block] = [
        {"type": "header", "text": {"type": "plain_text", "text": _cut(headline, HEADER_LIMIT)}},
        _section(f"{icon} {escaped(description, SECTION_LIMIT - 40)}"),
        {"type": "section", "fields": [_field(title, str(value)) for title, value in fields.items()]},
        _section(escaped(listed if listed.strip() else "(no job is named)", SECTION_LIMIT)),
    ]
    if len(document["console_url"]) <= URL_LIMIT:
        blocks.append(_button("Open the jobs in the AWS console", document["console_url"]))
    blocks.append(_context(f"{document['id']} · account {digest['account']}"))
    return SlackMessage(text=escaped(headline, TEXT_LIMIT), blocks=blocks)


def _week(document: Mapping[str, Any]) -> SlackMessage:
    week, headline = document[WEEK_MEMBER], document["headline"].strip() or VERSION
    icon = _ICON.get(document["severity"], "")
    description = "\n".join(str(document[part]) for part in ("what_happened", "what_happens_next"))
    fields = {
        "Runs on spot that ended": f"{int(week['runs']):,}",
        "Interruptions": f"{int(week['interruptions']):,}",
        "Billed": f"{_hours(week['billed_seconds'])} instance-hours",
        "Saved, gross": f"{_hours(week['saved_gross_seconds'])} instance-hours",
        "Saved, net": _hour_range(week["saved_net_seconds"]),
        "Lost training": _hour_range(week["lost_seconds"]),
    }
    pools = "\n".join(f"• {pool['name']}: {pool['words']}" for pool in week["worst_pools"][:_POOLS_LISTED])
    blocks: list[Block] = [
        {"type": "header", "text": {"type": "plain_text", "text": _cut(headline, HEADER_LIMIT)}},
        _section(f"{icon} {escaped(description, SECTION_LIMIT - 40)}".lstrip()),
        {"type": "section", "fields": [_field(title, value) for title, value in fields.items()]},
    ]
    if pools:
        blocks.append(_section(f"*Worst pools*\n{escaped(pools, SECTION_LIMIT - 40)}"))
    blocks.append(_context(f"{document['id']} · account {week['account']}"))
    return SlackMessage(text=escaped(headline, TEXT_LIMIT), blocks=blocks)


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:z,.1f}"


def _hour_range(seconds: Mapping[str, float]) -> str:
    least, most = _hours(seconds["least"]), _hours(seconds["most"])
    return f"{least if least == most else f'{least} to {most}'} instance-hours"


def _alarm(document: Mapping[str, Any]) -> SlackMessage:
    state = str(document["NewStateValue"])
    headline = f"{document['AlarmName']} is {state}"
    icon = "🟢" if state == "OK" else "🚨"
    reason = "\n".join(str(document.get(part) or "") for part in ("AlarmDescription", "NewStateReason")).strip()
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": _cut(f"Respot alarm: {state}", HEADER_LIMIT)}},
        _section(f"{icon} {escaped(headline, 500)}\n{escaped(reason, SECTION_LIMIT - 600)}"),
        _context(f"{document.get('Region', '')} · {document.get('StateChangeTime', '')}"),
    ]
    return SlackMessage(text=escaped(headline, TEXT_LIMIT), blocks=blocks)


def _cut(words: str, limit: int) -> str:
    return words if len(words) <= limit else words[: limit - 1] + "…"


def _section(mrkdwn: str) -> Block:
    # verbatim: Slack adds no links to text that may come from an attacker.
    return {"type": "section", "text": {"type": "mrkdwn", "text": mrkdwn, "verbatim": True}}


def _field(title: str, value: str) -> Block:
    return {"type": "mrkdwn", "text": f"*{title}*\n{escaped(value, FIELD_LIMIT - 100)}", "verbatim": True}


def _button(label: str, url: str) -> Block:
    return {
        "type": "actions",
        "elements": [{"type": "button", "text": {"type": "plain_text", "text": label}, "url": url}],
    }


def _context(words: str) -> Block:
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": escaped(words, FIELD_LIMIT), "verbatim": True}]}
