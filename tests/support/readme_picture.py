"""The picture of the README: what Slack shows of the example's run, above the timelines of its attempts."""

import html
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from respot.alerting.alert import Alert
from respot.alerting.document import to_document
from respot.alerting.required import news_of_outcome
from respot.jobs.formatting import in_words
from respot.jobs.lifecycle import end_of, figures
from respot.slack.blocks import SlackMessage, render
from respot_cli.show.bar import Period, Stretch
from respot_cli.show.history import History
from respot_cli.show.view import stretches
from tests.support.builders import CREATED, job_id
from tests.support.example_run import NEXT, NOW, ROOT, example, example_history
from tests.support.svg import document, rectangle, text, wrapped

WIDTH: Final = 620
_LEFT: Final = 24
_RIGHT: Final = WIDTH - _LEFT
_COLUMNS: Final = 50
_LINE: Final = 27
_HEIGHTS: Final = {Period.WAITING: 8, Period.MOVING: 18, Period.TRAINING: 32, Period.INTERRUPTED: 32}
"""What has a height of its own can be distinguished without colours."""
_LABEL: Final = (
    "Above, a Slack message: nightly-resnet was resubmitted as nightly-resnet-r2 and resumes from its checkpoint. "
    "Below, the timelines of both attempts: waiting, training, two interruptions, and training again."
)


def slack_message() -> SlackMessage:
    """What Slack is sent when the example's second attempt has been created."""
    ledger, runs = example()
    record = ledger.load(job_id(ROOT))
    outcome = runs.outcome(job_id(ROOT))
    assert record.state
    assert outcome
    news = news_of_outcome(outcome)
    alert = Alert(
        kind=news.kind,
        transition=end_of(record, record.state),
        state=record.state,
        figures=figures(record.transitions),
        transitions=record.transitions,
        earlier_interruptions=2,
        summary=news.summary,
    )
    return render(json.dumps(to_document(alert)))


def picture() -> str:
    """The picture, as SVG."""
    slack, bottom = _slack(slack_message())
    timelines, height = _timelines(bottom + 34)
    return document(WIDTH, height, [*slack, *timelines], label=_LABEL, font_size=20)


def _slack(message: SlackMessage) -> tuple[list[str], int]:
    header, section, fields, button, context = message.blocks
    y = 48
    parts = [text(_LEFT + 18, y, header["text"]["text"], classes="title", size=21)]
    y += 36
    icon, _, said = html.unescape(section["text"]["text"]).partition(" ")
    assert icon == "🔵"
    parts.append(f'<circle class="info" cx="{_LEFT + 26}" cy="{y - 7}" r="8"/>')
    for number, line in enumerate(line for each in said.splitlines() for line in wrapped(each, _COLUMNS)):
        parts.append(text(_LEFT + (42 if number == 0 else 18), y, line))
        y += _LINE
    y += 8
    for field in fields["fields"][:2]:
        title, _, value = html.unescape(field["text"]).partition("\n")
        parts += [text(_LEFT + 18, y, title.strip("*"), classes="small"), text(_LEFT + 140, y, value)]
        y += _LINE
    label = button["elements"][0]["text"]["text"]
    parts += [
        rectangle(_LEFT + 18, y - 8, 272, 38, classes="button"),
        text(_LEFT + 154, y + 18, label, classes="middle", size=19),
    ]
    y += 60
    for line in html.unescape(context["elements"][0]["text"]).split(" · "):
        parts.append(text(_LEFT + 18, y, line, classes="small", size=17))
        y += 24
    return [rectangle(_LEFT, 14, _RIGHT - _LEFT, y - 18, classes="card"), *parts], y - 4


def _timelines(y: int) -> tuple[list[str], int]:
    histories = [example_history(ROOT), example_history(NEXT)]
    until = NOW - CREATED
    parts = []
    for number, history in enumerate(histories, start=1):
        parts.append(text(_LEFT, y + 8, f"{number}  {history.state.job.name}", classes="title"))
        parts.append(text(_RIGHT, y + 8, _ending(history), classes="small end", size=18))
        parts += _bar(history, y + 20, until)
        y += 84
    parts += _axis(y - 14, until)
    y += 44
    for place, (period, words) in enumerate(_legend(histories)):
        x = _LEFT + place % 2 * 280
        parts.append(
            rectangle(x, y - 8 - _HEIGHTS[period] / 2, 22, _HEIGHTS[period], classes=period.name.lower(), radius=1)
        )
        parts.append(text(x + 32, y, words, size=18))
        y += 40 * (place % 2)
    return parts, y + 4


def _ending(history: History) -> str:
    status = history.state.secondary_status
    return f"{status} now" if history.is_open else status


def _bar(history: History, top: int, until: timedelta) -> Iterator[str]:
    at = history.transitions[0].started
    for each in stretches(history, now=NOW):
        if each.length is not None:
            height = _HEIGHTS[each.period]
            x, width = _x(at, until), max((_RIGHT - _LEFT) * (each.length / until), 3)
            yield rectangle(x, top + 32 - height, width, height, classes=each.period.name.lower(), radius=1)
            at += each.length


def _x(at: datetime, until: timedelta) -> float:
    return round(_LEFT + (_RIGHT - _LEFT) * ((at - CREATED) / until), 1)


def _axis(y: int, until: timedelta) -> Iterator[str]:
    yield f'<path class="axis" d="M{_LEFT} {y}H{_RIGHT}"/>'
    for hours in range(0, int(until / timedelta(hours=1)) + 1, 2):
        x = _x(CREATED + timedelta(hours=hours), until)
        yield f'<path class="axis" d="M{x:g} {y}v6"/>'
        yield text(x, y + 26, f"{hours} h", classes="small" if hours == 0 else "small middle", size=17)


def _legend(histories: list[History]) -> Iterator[tuple[Period, str]]:
    """Each kind of period with its sum over both attempts."""
    drawn: list[Stretch] = [each for history in histories for each in stretches(history, now=NOW)]
    for period in _HEIGHTS:
        lengths = [each.length for each in drawn if each.period is period and each.length is not None]
        times = f" ({len(lengths)} times)" if period is Period.INTERRUPTED else ""
        yield period, f"{period.value} {in_words(sum(lengths, timedelta()))}{times}"
