"""The demo's last screen: its jobs, what was decided about them, and what to do next."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from respot.recovery.records import OutcomeKind
from respot_cli.timeline.bar import style_of
from respot_cli.timeline.history import History, headline
from respot_cli.timeline.view import bar

HOURS_PER_SECOND: Final = 0.5
"""The time scale of what is shown. SageMaker reports whole seconds. Therefore all times shown are exact half hours."""
_WITH_BAR: Final = 94
_WITH_COUNTS: Final = 79
"""The narrowest terminals in which the table has room for its bar, and for its counts."""
_NEXT: Final = (
    (".venv/bin/python -m local demo --keep", "the same, and keep the account"),
    (".venv/bin/respot timeline {}", "one job, with the settings it prints"),
    (".venv/bin/python -m local demo --verbose", "all timelines and Slack messages"),
)


def screen(histories: Sequence[History], *, made_to_fail: Sequence[str], width: int, now: datetime) -> Group:
    """All jobs in this order, which attempts end without success on purpose, and what Respot decided."""
    minutes = 60 * HOURS_PER_SECOND
    legend = "░ waiting  ▒ moving data  █ training  ! interrupted  ▓ other  ■ ended"
    return Group(
        f"Time scale: 1 second waited = {minutes:.0f} minutes shown. Saved = 1 - Billed / Training.",
        _table(histories, width=width, now=now),
        *([Text(legend, "dim")] * (width >= _WITH_BAR)),
        "",
        Text.assemble(("Made to fail by the demo: ", "bold"), ", ".join(made_to_fail), "."),
        "",
        Text("What Respot decided", style="bold"),
        *(
            _indented(Text.assemble((", ".join(named), "cyan"), f": {said}"))
            for said, named in _decisions(histories, now)
        ),
    )


def next_commands(name: str) -> Group:
    """What to run next, with a job's name."""
    lines = (Text.assemble((f"{command.format(name):<42}", "cyan"), (what, "dim")) for command, what in _NEXT)
    return Group(Text("Next", style="bold"), *map(_indented, lines))


def _table(histories: Sequence[History], *, width: int, now: datetime) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    cells: Mapping[str, list[RenderableType]] = {
        "Job": [Text(history.state.job.name) for history in histories],
        "Status": [status(history) for history in histories],
        "Timeline": [bar(history, now=now) for history in histories],
        "Interrupted": [str(history.figures(now).interruptions) for history in histories],
        "Alerts": [str(len(history.alerts)) for history in histories],
        "Training": [_hours(history.state.training_time) for history in histories],
        "Billed": [_hours(history.state.billable_time) for history in histories],
        "Saved": [_saved(history) for history in histories],
    }
    left_out = {"Timeline"} if width < _WITH_BAR else set()
    left_out |= {"Interrupted", "Alerts"} if width < _WITH_COUNTS else set()
    shown = {title: column for title, column in cells.items() if title not in left_out}
    for title in shown:
        words = title != "Timeline"
        table.add_column(title, justify="left" if title in {"Job", "Status", "Timeline"} else "right", no_wrap=words)
        table.columns[-1].max_width = None if words else width - 80
    for row in zip(*shown.values(), strict=True):
        table.add_row(*row)
    return table


def status(history: History) -> Text:
    """The status in its colour."""
    return Text(history.state.secondary_status, style=style_of(history.state.secondary_status))


def _saved(history: History) -> Text:
    percent = history.savings_percent
    return Text("-") if percent is None else Text(f"{percent:.0f} %", style="bold green" if percent else "")


def _hours(span: timedelta | None) -> str:
    return "-" if span is None else f"{span.total_seconds() * HOURS_PER_SECOND:.1f} h"


def _decisions(histories: Sequence[History], now: datetime) -> list[tuple[str, list[str]]]:
    """Each decision, in order, with the names of the jobs that it was made about."""
    named: dict[str, list[str]] = {}
    markets = {history.state.job.name: history.state.market for history in histories}
    for history in histories:
        outcome, decided = history.recovery_records.outcome, history.recovery_records.decision
        said = headline(history, now)
        if outcome and decided and outcome.kind is OutcomeKind.CREATED:
            # Not the story: it has times, which are not scaled.
            start = f"from {decided.checkpoint.name}" if decided.checkpoint else "from scratch"
            said = f"Resubmitted as {outcome.name} ({markets.get(outcome.name) or 'not seen yet'}), {start}."
        named.setdefault(said, []).append(history.state.job.name)
    return list(named.items())


def _indented(line: Text) -> Padding:
    return Padding(line, (0, 0, 0, 2), expand=False)
