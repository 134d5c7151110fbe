"""The list of runs as a table."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from respot.alerting.text import one_line
from respot.jobs.formatting import in_words
from respot.recovery.planning.run import first_job
from respot.runs.run_state import RunState
from respot_cli.list.rows import Row
from respot_cli.next_commands import next_commands
from respot_cli.rows import Rows

_STYLES: Final = {
    RunState.RUNNING: "green",
    RunState.WAITING: "yellow",
    RunState.RECOVERING: "yellow",
    RunState.COMPLETED: "dim",
    RunState.FAILED: "red",
    RunState.STOPPED: "dim",
    RunState.REFUSED: "red",
}
_LONGEST_TEXT: Final = 100
"""Letters of a next step or a reason; `respot why` has all of it."""


def render(
    rows: Sequence[Row], *, now: datetime, owner_tag: str, commands: Sequence[tuple[str, str]]
) -> RenderableType:
    """The runs, one in a row, and the next commands."""
    if not rows:
        return Group(Text("No runs."), next_commands(*commands))
    with_owner = any(_owner(row, owner_tag) for row in rows)
    with_deadline = any(row.deadline for row in rows)
    columns = ["State", "Run", "Attempt", "Pool", "For", "Next step, or the end", "Deadline", owner_tag.title()]
    shown = [True] * 6 + [with_deadline, with_owner]
    cells = [_cells(row, now, owner_tag) for row in rows]
    table = Rows(
        columns=[column for column, is_shown in zip(columns, shown, strict=True) if is_shown],
        rows=[[cell for cell, is_shown in zip(row, shown, strict=True) if is_shown] for row in cells],
    )
    return Group(table, Text(), next_commands(*commands))


def _cells(row: Row, now: datetime, owner_tag: str) -> list[Text]:
    summary = row.summary
    attempt = f"{summary.number} of {row.most_attempts}" if row.most_attempts else f"{summary.number}"
    pool = " ".join(filter(None, (summary.market, summary.instance_type)))
    return [
        Text(summary.state, style=_STYLES[summary.state]),
        Text(one_line(first_job(summary.run).name)),
        Text(attempt),
        Text(one_line(pool)),
        Text(in_words(max(now - summary.since, timedelta()))),
        Text(_what_next(row)),
        Text(_short(row.deadline, now) if row.deadline else ""),
        Text(one_line(_owner(row, owner_tag))),
    ]


def _what_next(row: Row) -> str:
    summary = row.summary
    if summary.has_ended:
        # The state and the job's name are in the row already.
        _, _, why = summary.reason.partition("; ")
        return _cut(why or summary.reason.removeprefix(f"{summary.job.name} "))
    if row.next_step is None:  # the job's name and its pool are in the row already
        doing = summary.reason.removeprefix(f"{summary.job.name} ").removeprefix("is in ")
        return _cut(doing.partition(" on ")[0])
    step = row.next_step
    at = f"{step.at:%H:%M} UTC, {step.at:%d %b}: " if step.at else ""
    return _cut(f"{at}{step.words}")


def _cut(words: str) -> str:
    line = one_line(words)
    return line if len(line) <= _LONGEST_TEXT else f"{line[: _LONGEST_TEXT - 1]}…"


def _short(moment: datetime, now: datetime) -> str:
    left = moment - now
    return f"in {in_words(left)}" if left >= timedelta() else f"{in_words(-left)} ago"


def _owner(row: Row, owner_tag: str) -> str:
    """Whose run it is: what else owns the job, else its tag."""
    parent = row.summary.parent
    if parent:
        return f"{parent.owner} {parent.identifier}"
    return next((value for key, value in row.summary.tags.items() if key.lower() == owner_tag.lower()), "")
