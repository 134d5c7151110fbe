"""What Respot recognises, on a terminal: tables, then one sentence."""

from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from respot.alerting.text import one_line
from respot.jobs.formatting import bytes_in_words
from respot.recovery.checkpoints.checkpoint import Checkpoint
from respot_cli.checkpoints.explanation import (
    UNKNOWN,
    Explanation,
    Verdict,
    conclusion,
    saved_in_words,
    shown_name,
)
from respot_cli.checkpoints.listing_text import Clock, minutes_of
from respot_cli.rows import Rows

MOST_SHOWN: Final = 20
"""Checkpoints in the table, unless all are asked for."""
_LONGEST_NAME: Final = 120
_STYLES: Final = {
    Verdict.RESUMED: "bold green",
    Verdict.COMPLETE: "",
    Verdict.COPY: "dim",
    Verdict.INCOMPLETE: "yellow",
}
_SAVED: Final = {Clock.UTC: "Saved (UTC)", Clock.LOCAL: "Saved (as listed)", Clock.MINUTES: "Minute"}


def render(explanation: Explanation, *, everything: bool = False) -> RenderableType:
    """The whole explanation; names are shown as they are, never as markup."""
    source = explanation.source
    said = f"{source.name}: {_count(explanation.objects, 'object')}{', and there are more' if source.cut else ''}"
    parts: list[RenderableType] = [Text(one_line(said), style="bold")]
    if source.left_out:
        parts.append(Text(f"{_count(source.left_out, 'other object')} not below {one_line(str(source.location))}."))
    if explanation.checkpoints:
        parts += [Text(), _layouts(explanation), Text(), _checkpoints(explanation, everything=everything)]
        hidden = 0 if everything else len(explanation.checkpoints) - MOST_SHOWN
        if hidden > 0:
            parts.append(Text(f"{_count(hidden, 'older checkpoint')} not shown: --all shows them.", style="dim"))
    if explanation.idle:
        parts += [Text(), _idle(explanation)]
    style = "bold green" if explanation.resumed else "bold yellow"
    return Group(*parts, Text(), Text(conclusion(explanation), style=style))


def _layouts(explanation: Explanation) -> Rows:
    rows = [
        (Text(layout or UNKNOWN), Text(f"{checkpoints:,}"), Text(f"{objects:,}"))
        for layout, checkpoints, objects in explanation.layouts
    ]
    columns = ("Layout", "Checkpoints", "Objects")
    return Rows(title="Recognised", columns=columns, rows=rows, right={"Checkpoints", "Objects"})


def _checkpoints(explanation: Explanation, *, everything: bool) -> Rows:
    shown = explanation.checkpoints if everything else explanation.checkpoints[-MOST_SHOWN:]
    saved = _SAVED[explanation.source.clock]
    columns = ("Checkpoint", "Step", saved, "Size", "Objects", "Complete")
    rows = [_row(explanation, each) for each in reversed(shown)]
    return Rows(
        title="Checkpoints, newest first", columns=columns, rows=rows, right={"Step", "Size", "Objects", "Minute"}
    )


def _row(explanation: Explanation, each: Checkpoint) -> tuple[Text, ...]:
    verdict, clock = explanation.verdict(each), explanation.source.clock
    style = _STYLES[verdict]
    if clock is Clock.MINUTES:
        saved = f"{minutes_of(each.saved_at):.4g}"
    else:
        saved = saved_in_words(clock, each.saved_at).removesuffix(" UTC")
    return (
        Text(_shortened(one_line(shown_name(each))), style=style),
        Text("-" if each.step is None else str(each.step)),
        Text(saved),
        Text(bytes_in_words(each.size)),
        Text(f"{each.objects:,}"),
        Text(one_line(_complete(each, verdict)), style=style),
    )


def _complete(each: Checkpoint, verdict: Verdict) -> str:
    match verdict:
        case Verdict.RESUMED if each.complete:
            return "yes; a job resumes from it"
        case Verdict.RESUMED:
            return f"no: {each.flaw}; a job resumes from it"
        case Verdict.COPY:
            return "yes; a copy"
        case Verdict.COMPLETE:
            return "yes"
        case Verdict.INCOMPLETE:
            return f"no: {each.flaw}"


def _idle(explanation: Explanation) -> Rows:
    rows = [
        (Text(str(each.what)), Text(f"{each.count:,}"), Text(_shortened(one_line(each.example)), style="dim"))
        for each in explanation.idle
    ]
    return Rows(title="Counts for nothing", columns=("What", "Objects", "For example"), rows=rows, right={"Objects"})


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _shortened(name: str) -> str:
    """A name of at most `_LONGEST_NAME` characters: its beginning and its end."""
    half = _LONGEST_NAME // 2
    return name if len(name) <= _LONGEST_NAME else f"{name[:half]}…{name[-half:]}"
