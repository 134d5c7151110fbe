"""Respot's Slack messages as a terminal shows them."""

import html
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

_MARKUP: Final = re.compile(
    r"<(?P<url>(?:https?|mailto):[^|>]+)(?:\|(?P<label>[^>]*))?>"
    r"|`(?P<cyan>[^`\n]+)`"
    r"|(?<!\w)\*(?P<bold>[^*\n]+)\*(?!\w)"
    r"|(?<!\w)_(?P<italic>[^_\n]+)_(?!\w)"
)


def render(message: Mapping[str, Any]) -> RenderableType:
    """Render a message with Block Kit blocks; without blocks, its text."""
    parts = [part for block in message.get("blocks", []) for part in _block(block)]
    return Panel(Group(*(parts or [mrkdwn(str(message.get("text", "")))])), title="Slack", title_align="left")


def mrkdwn(text: str) -> Text:
    """Render Slack's own markup: *bold*, _italic_, `code`, <https://link|label> and escaped <>&."""
    rendered = Text()
    position = 0
    for match in _MARKUP.finditer(text):
        rendered.append(html.unescape(text[position : match.start()]))
        if url := match["url"]:
            shown, style = match["label"] or url, f"underline blue link {html.unescape(url)}"
        else:
            style = str(match.lastgroup)
            shown = match[style]
        rendered.append(html.unescape(shown), style=style)
        position = match.end()
    return rendered.append(html.unescape(text[position:]))


def _block(block: Mapping[str, Any]) -> Iterator[RenderableType]:
    match block.get("type"):
        case "header":
            yield Text(block["text"]["text"], style="bold")
        case "section" if "text" in block:
            yield mrkdwn(block["text"]["text"])
        case "section":
            table = Table.grid(padding=(0, 4))
            fields = [mrkdwn(field["text"]) for field in block["fields"]] + [Text()] * (len(block["fields"]) % 2)
            for pair in zip(fields[::2], fields[1::2], strict=True):
                table.add_row(*pair)
            yield table
        case "context":
            yield Text(" · ", style="dim").join(mrkdwn(element["text"]) for element in block["elements"])
        case "actions":
            for button in block["elements"]:
                yield Text(f"[ {button['text']['text']} ]", style=f"underline blue link {button['url']}")
        case kind:
            yield Text(f"[{kind}]", style="dim")
