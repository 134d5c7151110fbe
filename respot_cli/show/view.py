"""A run and one of its jobs on a terminal: bars, then tables."""

import shlex
from dataclasses import replace
from datetime import datetime, timedelta

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.text import Text

from respot.alerting.alert import AlertOutcome, AlertRecord
from respot.alerting.kinds import KIND_BY_STATUS
from respot.alerting.text import console_url, one_line, placement
from respot.jobs.formatting import clause, in_words, iso, sentence
from respot.jobs.lifecycle import has_held_instances, is_terminal
from respot.recovery.records import OutcomeKind
from respot.runs.run_state import situation_of
from respot_cli.rows import Rows
from respot_cli.show import run_view
from respot_cli.show.bar import Bar, Legend, Stretch, style_of
from respot_cli.show.history import History, headline
from respot_cli.show.run_view import decision_in_words


def render(history: History, *, now: datetime) -> RenderableType:
    """The run, then the job; words of others are shown as they are, never as markup."""
    state = history.state
    title = Text.assemble((state.job.name, "bold"), "  ", (state.secondary_status, style_of(state.secondary_status)))
    drawn = stretches(history, now=now)
    parts: list[RenderableType] = [Text(headline(history, now), style="bold")]
    if after := _later_attempt(history):
        parts.append(Text(after))
    if history.run:
        of_run = (run_view.attempts(history, now=now), run_view.checkpoints(history))
        parts += [Text(), run_view.summary(history, now=now)]
        parts += [each for part in of_run if part for each in (Text(), *part)]
    parts += [Text(), _head(history), Text(), Bar(drawn), Legend(drawn), Text(), _table(history, now=now)]
    if state.failure_reason:
        parts += [Text(), Text(sentence(f"SageMaker says: {one_line(state.failure_reason)}"), style="red")]
    parts += [Text(), savings_line(history, now=now)]
    if happened := _happened(history):
        parts += [Text(), _history_table(happened)]
    if history.others:
        others = ", ".join(iso(other.created) for other in history.others)
        parts += [Text(), Text(f"Other jobs of this name were created {others}: choose one with --created.", "dim")]
    return Panel(Group(*parts), title=title, title_align="left", padding=(1, 2))


def commands(history: History, reference: str) -> list[tuple[str, str]]:
    """What the reader may want next of the run that is named so."""
    listed = [(f"respot why {reference}", "what was decided, and what would change it")]
    if not (history.run and situation_of(history.run).has_ended):
        listed.append((f"respot wait {reference}", "waits until the run has ended"))
    listed.append((f"respot logs {reference}", "the logs of all attempts"))
    if history.state.checkpoint_uri:
        uri = shlex.quote(one_line(history.state.checkpoint_uri))
        listed.append((f"respot checkpoints {uri}", "what a job would resume from"))
    return listed


def stretches(history: History, *, now: datetime) -> list[Stretch]:
    """The job's status periods, to draw."""
    drawn = [Stretch(status=transition.status, length=length) for transition, length in history.lengths(now)]
    if drawn and history.is_open:
        drawn[-1] = replace(drawn[-1], so_far=True)
    return drawn


def bar(history: History, *, now: datetime) -> Bar:
    """One line in which each status period is as long as it lasted; short ones get one cell all the same."""
    return Bar(stretches(history, now=now))


def _later_attempt(history: History) -> str:
    """The run's latest attempt; empty if that is this job."""
    if not history.run or history.run[-1].name == history.state.job.name:
        return ""
    last = history.run[-1]
    status = last.state.secondary_status if last.state else "created, no event of it yet"
    return one_line(f"The run is at attempt {last.number}: {last.name}, {status}.")


def savings_line(history: History, *, now: datetime) -> Text:
    """What spot saved, in one sentence."""
    state, sums, percent = history.state, history.figures(now), history.savings_percent
    spent = "So far: trained" if history.is_open else "Trained"
    spent += f" {in_words(sums.trained)}, waited {in_words(sums.waited)} for capacity, "
    spent += {0: "never interrupted", 1: "interrupted once"}.get(
        sums.interruptions, f"interrupted {sums.interruptions} times"
    )
    # A job that is known from events alone has no market and no times.
    if is_terminal(state.status) and state.market and not has_held_instances(state, history.transitions):
        return Text(f"{spent}. Nothing was billed: the job never held an instance.")
    if percent is None or state.billable_time is None or state.training_time is None:
        return Text(f"{spent}. SageMaker has not reported yet what it bills.")
    billed = f"{in_words(state.billable_time)} of {in_words(state.training_time)} billed"
    return Text.assemble(f"{spent}. ", (f"Saved {percent:z.0f} %", "bold green"), f" ({billed}).")


def _happened(history: History) -> list[tuple[datetime, str, str]]:
    """What Respot recorded about the job, oldest first: when, what, why."""
    recovery_records, note = history.recovery_records, history.stop_intent
    happened = [(notice.noticed_at, str(notice.kind), notice.summary) for notice in recovery_records.notices]
    if note:
        withdrawn = f" (withdrawn: {note.withdrawn})" if note.withdrawn else ""
        happened.append((note.decided_at, "stops waiting", f"{clause(note.reason)}{withdrawn}"))
    if recovery_records.decision:
        happened.append(
            (recovery_records.decision.decided_at, "decided", decision_in_words(recovery_records.decision.decision))
        )
    if recovery_records.outcome:
        # The headline already describes a creation.
        said = (
            recovery_records.outcome.name
            if recovery_records.outcome.kind is OutcomeKind.CREATED
            else recovery_records.outcome.summary
        )
        warning = f"; {recovery_records.outcome.warning}" if recovery_records.outcome.warning else ""
        happened.append(
            (recovery_records.outcome.settled_at, str(recovery_records.outcome.kind), f"{clause(said)}{warning}")
        )
    shown = {(transition.status, transition.started) for transition in history.transitions}
    happened += [
        (alert.settled_at, f"{alert.kind} alert", _alert_in_words(alert))
        for alert in history.alerts
        if (alert.transition.status, alert.transition.started) not in shown
    ]
    return sorted(happened)


def _history_table(happened: list[tuple[datetime, str, str]]) -> Rows:
    rows = [
        (Text(f"{when:%Y-%m-%d %H:%M:%S}"), Text(one_line(what)), Text(one_line(why))) for when, what, why in happened
    ]
    return Rows(title="What Respot did", columns=("At (UTC)", "What", "Why"), rows=rows)


def _head(history: History) -> Rows:
    state = history.state
    rows = {
        "Region": state.job.region,
        "Created": iso(state.job.created),
        "Instances": placement(state),
        "Limits": _limits(history),
        "Checkpoints": state.checkpoint_uri or "none configured",
        "Owned by": state.parent and f"{state.parent.owner} {state.parent.identifier}",
        "Tags": ", ".join(f"{key}={value}" for key, value in sorted((state.tags or {}).items())),
        "Console": console_url(state),
    }
    shown = [(Text(name, style="dim"), Text(one_line(value))) for name, value in rows.items() if value]
    own = next((each.number for each in history.run if each.name == state.job.name), None)
    title = f"Attempt {own}, {state.job.name}" if own and len(history.run) > 1 else ""
    return Rows(title=title, columns=("", ""), rows=shown)


def _limits(history: History) -> str:
    runtime, wait = history.state.max_runtime, history.state.max_wait
    said = [f"runtime {in_words(runtime)}" if runtime else "", f"wait and runtime {in_words(wait)}" if wait else ""]
    return ", ".join(filter(None, said))


def _table(history: History, *, now: datetime) -> Rows:
    alerts: dict[tuple[str, datetime], list[AlertRecord]] = {}
    for alert in history.alerts:
        alerts.setdefault((alert.transition.status, alert.transition.started), []).append(alert)
    rows = []
    for place, (transition, length) in enumerate(history.lengths(now), start=1):
        is_open = history.is_open and place == len(history.transitions)
        row = (
            Text(f"{transition.started:%Y-%m-%d %H:%M:%S}"),
            Text(
                one_line(transition.status) + (" (from an event alone)" if transition.provisional else ""),
                style_of(transition.status),
            ),
            Text("" if length is None else _precise(length) + (" so far" if is_open else "")),
            Text("\n").join(map(_alert, alerts.get((transition.status, transition.started), ()))),
        )
        rows.append(row)
    return Rows(columns=("Started (UTC)", "Status", "For", "Alerts"), rows=rows, right={"For"})


def _precise(span: timedelta) -> str:
    """Below ten seconds tenths matter: local jobs are that quick."""
    return f"{span.total_seconds():.1f} s" if span < timedelta(seconds=10) else in_words(span)


def _alert(alert: AlertRecord) -> Text:
    """An alert on a status; one of another kind than the status's own says which it is."""
    own = KIND_BY_STATUS.get(alert.transition.status) is alert.kind
    words = one_line(_alert_in_words(alert) if own else f"{alert.kind}: {_alert_in_words(alert)}")
    return Text(words, style="" if alert.outcome is AlertOutcome.SENT else "dim")


def _alert_in_words(alert: AlertRecord) -> str:
    if alert.outcome is not AlertOutcome.SENT:
        return f"not alerted: {alert.reason}"
    return f"alerted {alert.settled_at:%H:%M:%S}" + (f" in {alert.digest}" if alert.digest else "")
