"""A run on a terminal: its state, what happens next, its attempts on one time axis, its checkpoints."""

from datetime import datetime
from typing import Final

from rich.console import RenderableType
from rich.text import Text

from respot.alerting.text import one_line, placement
from respot.jobs.formatting import bytes_in_words, in_words
from respot.recovery.planning.decision import Decision
from respot.recovery.records import DecisionRecord
from respot.runs.run_state import RunAttempt, RunState, situation_of
from respot_cli.rows import Rows
from respot_cli.show.bar import style_of
from respot_cli.show.gantt import Gantt, lanes_of
from respot_cli.show.history import History

STYLES: Final = {
    RunState.RUNNING: "green",
    RunState.WAITING: "yellow",
    RunState.RECOVERING: "cyan",
    RunState.COMPLETED: "green",
    RunState.FAILED: "red",
    RunState.STOPPED: "red",
    RunState.REFUSED: "red",
}
"""The colour of each state."""
_LISTED: Final = "fruitless_attempts"
"""The input that a decision has only if S3 was asked."""


def summary(history: History, *, now: datetime) -> Rows:
    """The run's id, its state with the reason, and what happens next."""
    situation, step = situation_of(history.run), history.next_step
    rows = [
        ("Run", Text(history.run_id)),
        (
            "State",
            Text.assemble((situation.state, f"bold {STYLES[situation.state]}"), f": {one_line(situation.reason)}"),
        ),
        ("Next", Text(one_line(step.words) if step else "nothing: the run has ended")),
        ("When", Text(step.when(now) if step else "")),
    ]
    return Rows(columns=("", ""), rows=[(Text(name, style="dim"), value) for name, value in rows if value])


def attempts(history: History, *, now: datetime) -> list[RenderableType]:
    """The attempts as bars on one time axis, then as a table; nothing of a run that has one."""
    if len(history.run) < 2:
        return []
    return [Gantt(lanes_of(history.run, now=now)), Text(), run_table(history)]


def run_table(history: History) -> Rows:
    """The run's attempts, one to a line, with what was decided after each."""
    rows = []
    for each in history.run:
        state = each.state
        billed = state.billable_time if state else None
        row = (
            Text(str(each.number)),
            Text(each.name, style="bold" if each.name == history.state.job.name else ""),
            Text(placement(state)) if state else Text(),
            Text(state.secondary_status, style=style_of(state.secondary_status)) if state else Text("not seen yet"),
            Text("-" if billed is None else in_words(billed)),
            Text(_then(each)),
        )
        rows.append(row)
    columns = ("#", "Job", "Ran on", "Status", "Billed", "Then")
    return Rows(title="The run", columns=columns, rows=rows, right={"#", "Billed"})


def _then(attempt: RunAttempt) -> str:
    if attempt.outcome:
        return one_line(attempt.outcome.summary)
    return one_line(decision_in_words(attempt.decision.decision)) if attempt.decision else ""


def decision_in_words(decision: Decision) -> str:
    """What was decided, and why."""
    return f"{decision.action}{' (dry run)' if decision.dry_run else ''}: {decision.reason}"


def checkpoints(history: History) -> list[RenderableType]:
    """What each attempt had saved when it was decided on; nothing if no decision says it."""
    rows = [_saved(each) for each in history.run if each.decision and _was_asked(each.decision)]
    if not rows:
        return []
    columns = ("#", "Newest", "Saved (UTC)", "Size", "Layout", "Progress")
    title = "Checkpoints when each attempt had ended"
    return [Rows(title=title, columns=columns, rows=rows, right={"#", "Size"})]


def _was_asked(decided: DecisionRecord) -> bool:
    """Whether what S3 has was part of the decision: that of a job which completed needs none of it."""
    inputs = decided.decision.inputs
    return decided.checkpoint is not None or (_LISTED in inputs and "checkpoint_location" in inputs)


def _saved(attempt: RunAttempt) -> tuple[Text, ...]:
    decided = attempt.decision
    newest, inputs = (decided.checkpoint, decided.decision.inputs) if decided else (None, {})
    passed = f"passed over: {inputs['passed_over']}" if "passed_over" in inputs else ""
    if newest is None:
        words = (f"none; {passed}" if passed else "none", "", "", "")
    else:
        layout = newest.layout or f"unknown, {newest.objects:,} objects"
        name = f"{newest.name}; {passed}" if passed else newest.name
        words = (name, f"{newest.saved_at:%Y-%m-%d %H:%M}", bytes_in_words(newest.size), layout)
    progress = inputs.get("progress", "") if decided is None or decided.made_progress is not False else "none"
    return tuple(Text(one_line(each)) for each in (str(attempt.number), *words, progress))
