"""A Slack message in a terminal."""

import pytest
from rich.console import Console

from local.demo.slack_rendering import mrkdwn, render

MESSAGE: dict[str, object] = {
    "text": "fallback",
    "blocks": [
        {"type": "header", "text": {"type": "plain_text", "text": "Interrupted"}},
        {"type": "section", "text": {"type": "mrkdwn", "text": "*job-1* was interrupted &lt;again&gt;"}},
        {
            "type": "section",
            "fields": [
                {"type": "mrkdwn", "text": "*Trained*\n5 min"},
                {"type": "mrkdwn", "text": "*Saved*\n70 %"},
                {"type": "mrkdwn", "text": "*Odd one*"},
            ],
        },
        {"type": "context", "elements": [{"type": "mrkdwn", "text": "us-east-1"}, {"type": "mrkdwn", "text": "_now_"}]},
        {
            "type": "actions",
            "elements": [
                {"type": "button", "text": {"type": "plain_text", "text": "Console"}, "url": "https://example.com/a"},
            ],
        },
        {"type": "video"},
    ],
}


def shown(message: dict[str, object]) -> str:
    console = Console(width=80)
    with console.capture() as capture:
        console.print(render(message))
    return capture.get()


def test_shows_every_block() -> None:
    text = shown(MESSAGE)
    for part in ("Interrupted", "job-1 was interrupted <again>", "5 min", "70 %", "Odd one", "us-east-1 · now"):
        assert part in text
    assert "[ Console ]" in text
    assert "[video]" in text
    assert "fallback" not in text


def test_shows_the_text_of_a_message_without_blocks() -> None:
    assert "only this" in shown({"text": "only this"})


@pytest.mark.parametrize(
    ("markup", "plain"),
    [
        ("*bold* _italic_ `code`", "bold italic code"),
        ("<https://example.com/?a=1&amp;b=2|the job>", "the job"),
        ("<https://example.com/>", "https://example.com/"),
        ("a &lt;b&gt; &amp; c", "a <b> & c"),
        ("snake_case_name and 2*3*4", "snake_case_name and 2*3*4"),
    ],
)
def test_understands_slacks_markup(markup: str, plain: str) -> None:
    assert mrkdwn(markup).plain == plain
