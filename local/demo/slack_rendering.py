"""A Slack message as a terminal shows it."""

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

_MARKUP: Final = re.compile(
    r"<(?P<url>(?:https?|mailto):[^|>]+)(?:\|(?P<label>[^>]*))?>"
    r"|`(?P<code>[^`\n]+)`"
    r"|(?<!\w)\*(?P<bold>[^*\n]+)\*(?!\w)"
    r"|(?<!\w)_(?P<italic>[^_\n]+)_(?!\w)"
    r"|:(?P<emoji>[a-z0-9_+-]+):",
)
# The few that people may write in words that are quoted: alerts themselves use no codes. Any other keeps its name.
_EMOJI: Final = {
    "warning": "⚠️",
    "rotating_light": "🚨",
    "x": "❌",
    "no_entry": "⛔",
    "hourglass": "⌛",
    "hourglass_flowing_sand": "⏳",
    "white_check_mark": "✅",
    "moneybag": "💰",
    "large_yellow_circle": "🟡",
    "large_orange_circle": "🟠",
    "red_circle": "🔴",
    "zap": "⚡",
    "octagonal_sign": "🛑",
}


def render(message: Mapping[str, Any]) -> RenderableType:
    """Render a message with Block Kit blocks, plain or in attachments with a colour; without blocks, its text."""
    parts: list[RenderableType] = list(_blocks(message.get("blocks", [])))
    colour = ""
    for attachment in message.get("attachments", []):
        colour = colour or attachment.get("color", "")
        parts.extend(_blocks(attachment.get("blocks", [])))
        if attachment.get("text"):
            parts.append(mrkdwn(attachment["text"]))
    if not parts:
        parts.append(mrkdwn(str(message.get("text", ""))))
    style = colour if re.fullmatch(r"#[0-9a-fA-F]{6}", colour) else "magenta"
    return Panel(Group(*parts), border_style=style, title="Slack", title_align="left")


def mrkdwn(text: str) -> Text:
    """Render Slack's own markup: *bold*, _italic_, `code`, <https://link|label>, :emoji: and escaped <>&."""
    rendered = Text()
    position = 0
    for match in _MARKUP.finditer(text):
        rendered.append(html.unescape(text[position : match.start()]))
        rendered.append_text(_marked(match))
        position = match.end()
    rendered.append(html.unescape(text[position:]))
    return rendered


def _marked(match: re.Match[str]) -> Text:
    if match["url"]:
        return _link(html.unescape(match["label"] or match["url"]), html.unescape(match["url"]))
    if match["emoji"]:
        return Text(_EMOJI.get(match["emoji"], match[0]))
    for name, style in (("code", "cyan"), ("bold", "bold"), ("italic", "italic")):
        if match[name]:
            return Text(html.unescape(match[name]), style=style)
    return Text(match[0])


def _link(label: str, url: str) -> Text:
    return Text(label, style=f"underline blue link {url}")


def _blocks(blocks: Sequence[Mapping[str, Any]]) -> Iterator[RenderableType]:
    for block in blocks:
        match block.get("type"):
            case "header":
                yield Padding(Text(_EMOJI_NAMES.sub(_emoji, block["text"]["text"]), style="bold"), (0, 0, 1, 0))
            case "section":
                yield from _section(block)
            case "context":
                texts = [_text(element) for element in block.get("elements", []) if "text" in element]
                yield Text(" · ", style="dim").join(texts).copy() if texts else Text()
            case "actions":
                yield Columns([_element(element) for element in block.get("elements", [])], padding=(0, 2))
            case "divider":
                yield Rule(style="dim")
            case kind:
                yield Text(f"[{kind}]", style="dim")


def _section(block: Mapping[str, Any]) -> Iterator[RenderableType]:
    if "text" in block:
        yield _text(block["text"])
    if fields := block.get("fields"):
        table = Table.grid(padding=(0, 4), expand=False)
        for left, right in zip(fields[::2], [*fields[1::2], None], strict=False):
            table.add_row(_text(left), _text(right) if right else "")
        yield table
    if "accessory" in block:
        yield _element(block["accessory"])


def _element(element: Mapping[str, Any]) -> Text:
    if element.get("type") != "button":
        return Text(f"[{element.get('type')}]", style="dim")
    label = f"[ {element['text']['text']} ]"
    return _link(label, element["url"]) if "url" in element else Text(label, style="reverse")


def _text(element: Mapping[str, Any]) -> Text:
    text = str(element["text"])
    return mrkdwn(text) if element.get("type") == "mrkdwn" else Text(_EMOJI_NAMES.sub(_emoji, text))


_EMOJI_NAMES: Final = re.compile(r":([a-z0-9_+-]+):")


def _emoji(match: re.Match[str]) -> str:
    return _EMOJI.get(match[1], match[0])
