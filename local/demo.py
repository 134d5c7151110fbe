"""The demo: five jobs, each with another fate, and three runs to resume, through the whole of Respot."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from local import demo_runs, slack_rendering
from local.deployed import DeployedAccount, deployed_account
from local.sagemaker.lifecycle import NAMED, Lifecycle, parse
from local.verification import (
    JobOutcome,
    compare_deliveries,
    differences,
    is_settled,
    ledger_is_consistent,
    observe,
    receive_alerts,
)
from respot.jobs.formatting import in_words
from respot_cli.rows import Rows
from respot_cli.timeline.bar import style_of
from respot_cli.timeline.history import History, headline
from respot_cli.timeline.view import bar, render, run_table

PATIENCE_SECONDS: Final = 30.0
"""How long the last alert may take after the longest lifecycle has ended."""
_REFRESH_SECONDS: Final = 0.4
_NOTHING_TO_DO: Final = "Completed: nothing to do."
_NOT_ASKED: Final = "Not asked to resume this job (defaults)."


def run(console: Console | None = None) -> int:
    """Run the demo; gives 0 if ledger and alerts are exactly what the lifecycles demand, otherwise 1."""
    console = console or Console(highlight=False)
    began = time.monotonic()
    with _step(console, "Starting a local AWS account and deploying Respot into it") as done, deployed_account() as at:
        done()
        console.print(f"[dim]account {at.account.account_id} at {at.account.endpoint}, log {at.account.log}[/dim]")
        lifecycles = {name: parse(name) for name in NAMED}
        for name in lifecycles:
            at.ground.create(name, lifecycle=name)
        for expected in demo_runs.RUNS:
            demo_runs.start(at, expected)
        outcomes, histories, runs = _watch(console, at, lifecycles)
        ledger = at.ledger()
        told = sum(len(outcome.alert_records) for outcome in outcomes) + sum(
            len(ledger.alerts(each.state.job)) for history in runs if history for each in history.run if each.state
        )
        posts = at.slack.wait_for(told, seconds=PATIENCE_SECONDS)
        _show(console, [history for history in histories if history], runs, posts)
        found = verify(at, outcomes, [str(post.get("text")) for post in posts])
        found += headline_differences(lifecycles, histories)
        for expected, history in zip(demo_runs.RUNS, runs, strict=True):
            found += demo_runs.differences(at, expected, history)
    console.print(Rule(style="dim"))
    for difference in found:
        console.print(Text(f"✗ {difference}", style="red"))
    seconds = time.monotonic() - began
    if found:
        console.print(Text(f"✗ Something is not as it should be ({seconds:.0f} s in all).", style="red"))
    else:
        console.print(
            Text(f"✓ Ledger and alerts are exactly what the lifecycles demand ({seconds:.0f} s in all).", style="green")
        )
    return 1 if found else 0


def verify(at: DeployedAccount, outcomes: Sequence[JobOutcome], headlines: Sequence[str]) -> list[str]:
    """Everything that differs from what the lifecycles demand: ledger, subscriber, Slack, dead letters."""
    found = [difference for outcome in outcomes for difference in differences(outcome)]
    found += compare_deliveries(outcomes, receive_alerts(at))
    found += ledger_is_consistent(at)
    names = tuple(f"{outcome.name} " for outcome in outcomes)
    said = sorted(alert_record.headline or "" for outcome in outcomes for alert_record in outcome.alert_records)
    posted = sorted(headline for headline in headlines if headline.startswith(names))
    if said != posted:
        found.append(f"Slack: {said} was demanded, {posted} was posted")
    for name, url in at.outputs.items():
        if name.endswith("DlqUrl") and (depth := at.queue_depth(url)):
            found.append(f"{name}: {depth} dead letters")
    return found


def headline_differences(lifecycles: Mapping[str, Lifecycle], histories: Sequence[History | None]) -> list[str]:
    """Where a timeline's first sentence is not what must become of a job that nobody asked Respot to resume."""
    found = []
    for (name, lifecycle), history in zip(lifecycles.items(), histories, strict=True):
        demanded = _NOTHING_TO_DO if lifecycle.ending.status == "Completed" else _NOT_ASKED
        said = headline(history, datetime.now(UTC)) if history else "nothing"
        if said != demanded:
            found.append(f"{name}: the timeline must begin with {demanded!r}, and it begins with {said!r}")
    return found


def _watch(
    console: Console, at: DeployedAccount, lifecycles: dict[str, Lifecycle]
) -> tuple[list[JobOutcome], list[History | None], list[History | None]]:
    """Show jobs and runs while they go on; ends when all are settled, or when patience does."""
    longest = max(lifecycle.seconds for lifecycle in lifecycles.values())
    deadline = time.monotonic() + 2 * longest + PATIENCE_SECONDS
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        while True:
            outcomes = [observe(at, name, lifecycle) for name, lifecycle in lifecycles.items()]
            runs = [demo_runs.observe(at, expected) for expected in demo_runs.RUNS]
            histories = [demo_runs.history_of(at, name) for name in lifecycles]
            live.update(Group(_progress(outcomes, histories), Text(), _run_progress(runs)))
            done = (
                all(is_settled(outcome) for outcome in outcomes)
                and all(history and history.recovery_records.decision for history in histories)
                and all(
                    demo_runs.is_settled(at, expected, history)
                    for expected, history in zip(demo_runs.RUNS, runs, strict=True)
                )
            )
            if done or time.monotonic() > deadline:
                return outcomes, histories, runs
            time.sleep(_REFRESH_SECONDS)


def _progress(outcomes: Sequence[JobOutcome], histories: Sequence[History | None]) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("Job", "Status in the ledger", "", "Alerts"):
        table.add_column(column)
    now = datetime.now(UTC)
    for outcome, history in zip(outcomes, histories, strict=True):
        status = history.state.secondary_status if history else "not seen yet"
        table.add_row(
            outcome.name,
            Text(status, style=style_of(status)),
            bar(history, now=now) if history else Text(),
            f"{len(outcome.alert_records)}/{len(outcome.expected_alerts)}",
        )
    return table


def _run_progress(runs: Sequence[History | None]) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("Run to resume", "Its attempts in the ledger"):
        table.add_column(column)
    for expected, history in zip(demo_runs.RUNS, runs, strict=True):
        attempts = Text("not seen yet")
        if history:
            states = [(each.name, each.state.secondary_status if each.state else "created") for each in history.run]
            attempts = Text("  ").join(Text(f"{name} {status}", style=style_of(status)) for name, status in states)
        table.add_row(expected.root, attempts)
    return table


def _show(
    console: Console,
    histories: Sequence[History],
    runs: Sequence[History | None],
    posts: Sequence[dict[str, object]],
) -> None:
    console.print(Rule("What the ledger says (respot timeline JOB)", style="dim"))
    now = datetime.now(UTC)
    for history in histories:
        console.print(render(history, now=now))
    for expected, run_history in zip(demo_runs.RUNS, runs, strict=True):
        console.print(Rule(f"A run: {expected.title}", style="dim"))
        console.print(run_table(run_history) if run_history else Text("not seen"))
    console.print(Rule("What Slack shows", style="dim"))
    console.print(Group(*(slack_rendering.render(post) for post in posts)))
    console.print(Rule("What spot saved", style="dim"))
    console.print(_savings(histories, now=now))


def _savings(histories: Sequence[History], *, now: datetime) -> Rows:
    rows = []
    for history in histories:
        state, sums, percent = history.state, history.figures(now), history.savings_percent
        row = (
            Text(state.job.name),
            Text(state.secondary_status, style=style_of(state.secondary_status)),
            Text(in_words(sums.waited)),
            Text(in_words(sums.trained)),
            Text("-" if state.billable_time is None else in_words(state.billable_time)),
            Text("-") if percent is None else Text(f"{percent:.0f} %", style="bold green"),
        )
        rows.append(row)
    figures = ("Waited", "Trained", "Billed", "Saved")
    return Rows(columns=("Job", "Ended as", *figures), rows=rows, right=figures)


@contextmanager
def _step(console: Console, what: str) -> Iterator["_Done"]:
    """A spinner while something long goes on, until it is called done."""
    done = _Done(console, what)
    with done.status:
        yield done


class _Done:
    def __init__(self, console: Console, what: str) -> None:
        self.status = console.status(f"{what} …")
        self._console, self._what, self._began = console, what, time.monotonic()

    def __call__(self) -> None:
        self.status.stop()
        self._console.print(f"{self._what}: {time.monotonic() - self._began:.1f} s")
