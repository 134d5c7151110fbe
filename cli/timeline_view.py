"""A job's history on a terminal: a bar to look at, a table to read."""

from datetime import datetime, timedelta

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from cli.history import History, RunAttempt
from respot.domain.alert import AlertOutcome, AlertReceipt
from respot.domain.alert_kinds import KIND_BY_STATUS
from respot.domain.alert_text import console_url, one_line, placement
from respot.domain.durations import in_words, iso
from respot.domain.lifecycle import INTERRUPTED, TRAINING, WAITING, is_terminal, stays
from respot.domain.resubmission import DecisionRecord
from respot.domain.waiting import GivingUp

BAR_WIDTH = 72

_GOOD_ENDS = frozenset({"Completed"})


def render(history: History, *, now: datetime) -> RenderableType:
    """The whole timeline; words of others are shown as they are, never as markup."""
    facts = history.facts
    title = Text.assemble((facts.job.name, "bold"), "  ", (facts.secondary_status, style_of(facts.secondary_status)))
    parts: list[RenderableType] = [_head(history), Text(), bar(history, now=now), Text(), _table(history, now=now)]
    if facts.failure_reason:
        parts += [Text(), Text(f"SageMaker says: {one_line(facts.failure_reason)}", style="red")]
    parts += [Text(), savings_line(history)]
    if history.giving_up:
        parts += [Text(), _giving_up(history.giving_up)]
    if history.decision:
        parts += [Text(), _decision(history.decision)]
    if len(history.run) > 1:
        parts += [Text(), run_table(history)]
    if history.others:
        others = ", ".join(iso(other.created) for other in history.others)
        parts += [Text(f"Other jobs of this name were created {others}: choose one with --created.", style="dim")]
    return Panel(Group(*parts), title=title, title_align="left", padding=(1, 2))


def bar(history: History, *, now: datetime) -> Text:
    """One line in which each stay is as long as it lasted; short ones get one cell all the same."""
    lengths = [
        (stay.status, (ended or max(stay.started, _end(history, now))) - stay.started)
        for stay, ended in stays(history.transitions)
    ]
    whole = sum((length for _, length in lengths), timedelta()) or timedelta(seconds=1)
    line = Text()
    for status, length in lengths:
        line.append("█" * max(1, round(length / whole * BAR_WIDTH)), style=style_of(status))
    return line


def savings_line(history: History) -> Text:
    """What spot saved, in one sentence."""
    facts, sums, percent = history.facts, history.figures, history.savings_percent
    spent = f"Trained {in_words(sums.trained)}, waited {in_words(sums.waited)} for capacity, "
    spent += {0: "never interrupted", 1: "interrupted once"}.get(
        sums.interruptions, f"interrupted {sums.interruptions} times"
    )
    if is_terminal(facts.status) and facts.training_started is None:
        return Text(f"{spent}. Nothing was billed: the job never held an instance.")
    if percent is None or facts.billable_time is None or facts.training_time is None:
        return Text(f"{spent}. SageMaker does not say yet what it bills.")
    billed = f"{in_words(facts.billable_time)} of {in_words(facts.training_time)} billed"
    return Text.assemble(f"{spent}. ", (f"Saved {percent:.0f} %", "bold green"), f" ({billed}).")


def run_table(history: History) -> Table:
    """The run's attempts, one to a line, with what was decided after each."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", title="The run", title_justify="left")
    for column in ("#", "Job", "Ran on", "Ended as", "Billed", "Then"):
        table.add_column(column, justify="right" if column in {"#", "Billed"} else "left", overflow="fold")
    for each in history.run:
        facts = each.facts
        billed = facts.billable_time if facts else None
        table.add_row(
            str(each.number),
            Text(each.name, style="bold" if each.name == history.facts.job.name else ""),
            Text(placement(facts)) if facts else "",
            Text(facts.secondary_status, style=style_of(facts.secondary_status)) if facts else Text("not seen yet"),
            "-" if billed is None else in_words(billed),
            Text(_then(each)),
        )
    return table


def _then(attempt: RunAttempt) -> str:
    if attempt.outcome:
        return one_line(attempt.outcome.story)
    if attempt.decision:
        decision = attempt.decision.decision
        return one_line(f"{decision.action}: {decision.reason}")
    return ""


def _decision(record: DecisionRecord) -> Text:
    decision = record.decision
    said = f" (would: {decision.action}, dry run)" if decision.dry_run else ""
    return Text.assemble(("Decided  ", "dim"), (str(decision.action), "bold"), f"{said}: {one_line(decision.reason)}")


def _giving_up(note: GivingUp) -> Text:
    said = f": {one_line(note.reason)}" + (f" (withdrawn: {one_line(note.withdrawn)})" if note.withdrawn else "")
    return Text.assemble(("Patience ", "dim"), (f"{note.decided_at:%H:%M:%S}", "bold"), said)


def style_of(status: str) -> str:
    """A status's colour: waiting yellow, training green, lost red."""
    if status == INTERRUPTED:
        return "red"
    if status in WAITING:
        return "yellow"
    if status == TRAINING or status in _GOOD_ENDS:
        return "green"
    if status in {"Downloading", "Uploading"}:
        return "cyan"
    return "magenta"


def _head(history: History) -> Table:
    facts = history.facts
    head = Table.grid(padding=(0, 2))
    head.add_column(no_wrap=True)
    head.add_column(overflow="fold")
    rows = {
        "Region": facts.job.region,
        "Created": iso(facts.job.created),
        "Instances": placement(facts),
        "Limits": _limits(history),
        "Checkpoints": facts.checkpoint_uri or "none configured",
        "Owned by": facts.parent and f"{facts.parent.owner} {facts.parent.identifier}",
        "Tags": ", ".join(f"{key}={value}" for key, value in sorted((facts.tags or {}).items())),
        "Console": console_url(facts),
    }
    for name, value in rows.items():
        if value:
            head.add_row(Text(name, style="dim"), Text(one_line(value)))
    return head


def _limits(history: History) -> str:
    runtime, wait = history.facts.max_runtime, history.facts.max_wait
    said = [f"runtime {in_words(runtime)}" if runtime else "", f"wait and runtime {in_words(wait)}" if wait else ""]
    return ", ".join(filter(None, said))


def _table(history: History, *, now: datetime) -> Table:
    alerts = {
        (alert.transition.status, alert.transition.started): alert
        for alert in history.alerts
        if KIND_BY_STATUS.get(alert.transition.status) is alert.kind  # what Respot did is told further below
    }
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("Started (UTC)")
    table.add_column("Status")
    table.add_column("For", justify="right")
    table.add_column("Alert")
    for stay, ended in stays(history.transitions):
        table.add_row(
            f"{stay.started:%Y-%m-%d %H:%M:%S}.{stay.started.microsecond // 1000:03}",
            Text(one_line(stay.status) + (" (from an event alone)" if stay.provisional else ""), style_of(stay.status)),
            _length(history, stay.started, ended, now=now),
            _alert(alerts.get((stay.status, stay.started))),
        )
    return table


def _length(history: History, started: datetime, ended: datetime | None, *, now: datetime) -> str:
    if ended is not None:
        return _precise(ended - started)
    return "" if is_terminal(history.facts.status) else f"{_precise(now - started)} so far"


def _precise(span: timedelta) -> str:
    """Below ten seconds tenths matter: local jobs are that quick."""
    return f"{span.total_seconds():.1f} s" if span < timedelta(seconds=10) else in_words(span)


def _alert(alert: AlertReceipt | None) -> Text:
    if alert is None:
        return Text()
    if alert.digest is not None:
        return Text(f"alerted {alert.settled_at:%H:%M:%S} in {alert.digest}")
    if alert.outcome is AlertOutcome.SENT:
        return Text(f"alerted {alert.settled_at:%H:%M:%S}")
    return Text(f"not alerted: {alert.reason}", style="dim")


def _end(history: History, now: datetime) -> datetime:
    return history.transitions[-1].started if is_terminal(history.facts.status) else now
