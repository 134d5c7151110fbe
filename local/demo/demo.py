"""The demo: five jobs, each with another fate, and three runs to resume, through the whole of Respot."""

import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from local import PROJECT, run_program
from local.demo import scenarios, slack_rendering
from local.demo.deployed import DeployedAccount, TrainingGround, deployed_account
from local.demo.scenarios import RESUMED, SCENARIOS
from local.demo.verification import (
    JobOutcome,
    compare_deliveries,
    ledger_is_consistent,
    observe_run,
    receive_alerts,
    unequal,
)
from local.emulator.account import LocalAccount
from respot.recovery.records import OutcomeKind
from respot_cli.errors import CommandError
from respot_cli.show.bar import style_of
from respot_cli.show.command import load
from respot_cli.show.history import History, headline
from respot_cli.show.run_view import run_table
from respot_cli.show.view import bar, render

WAIT_SECONDS: Final = 110.0
"""How long all jobs may take, their last alerts included, on a busy machine."""
_REFRESH_SECONDS: Final = 0.4
HOURS_PER_SECOND: Final = 0.5
"""The time scale of what is shown. SageMaker reports whole seconds. Therefore all times shown are exact half hours."""
REPORT: Final = PROJECT / "build" / "demo" / "report.html"
_WITH_BAR: Final = 94
_WITH_COUNTS: Final = 79
"""The narrowest terminals in which the table has room for its bar, and for its counts."""
_NEXT: Final = (
    (".venv/bin/python -m local demo --keep", "the same, and keep the account"),
    (f".venv/bin/respot show {RESUMED.name}", "one job, with the settings it prints"),
    (".venv/bin/respot savings --by team", "what spot saved each team"),
    (".venv/bin/python -m local demo --verbose", "all timelines and Slack messages"),
)

Runs = Sequence[Sequence[JobOutcome]]
Keep = Callable[[LocalAccount, TrainingGround], None]


def run(console: Console | None = None, *, verbose: bool = False, keep: Keep | None = None) -> int:
    """Run the demo; gives 0 if ledger and alerts are exactly what the lifecycles demand, otherwise 1.

    `verbose` also shows all timelines and Slack messages; `keep` is called at the end, while the account runs.
    """
    console = console or Console(highlight=False)
    began = time.monotonic()

    def say(stage: str) -> None:
        console.print(f"{stage} …", style="dim")

    with deployed_account(stage=say) as at:
        if verbose:
            say(f"Account {at.account.account_id} at {at.account.endpoint}, log {at.account.log}")
        say(f"Running {len(SCENARIOS)} jobs")
        for scenario in SCENARIOS:
            scenarios.start(at, scenario)
        runs = _watch(console, at)
        say("Checking the ledger, the alerts and Slack, and writing the report")
        found = verify(at, runs) + write_report(at)
        histories, now = _histories(at, runs), datetime.now(UTC)
        if verbose:
            _show(console, at, histories, now)
        console.print("", _screen(histories, console.width, now), "")
        if not found:
            lines = (Text.assemble((f"{command:<42}", "cyan"), (what, "dim")) for command, what in _NEXT)
            console.print(Group(Text("Next", style="bold"), *(Padding.indent(line, 2) for line in lines)), "")
        for difference in found:
            console.print(Text(f"✗ {difference}", style="red"))
        verdict = "✗ Something differs" if found else "✓ Ledger and alerts are exactly what the lifecycles demand"
        text = f"{verdict} ({time.monotonic() - began:.0f} s in all)."
        console.print(Text(text, style="red" if found else "green"))
        console.print(f"What spot saved, times not scaled: {REPORT.relative_to(PROJECT)}", soft_wrap=True)
        if keep:
            keep(at.account, at.ground)
    return 1 if found else 0


def verify(at: DeployedAccount, runs: Runs) -> list[str]:
    """Everything that differs from what the scenarios demand: ledger, subscriber, Slack, dead letters."""
    outcomes = [attempt for attempts in runs for attempt in attempts]
    sent = sorted(record.headline or "" for outcome in outcomes for record in outcome.alert_records)
    posts = at.slack.wait_for(len(sent), seconds=WAIT_SECONDS)
    found = [
        line
        for scenario, attempts in zip(SCENARIOS, runs, strict=True)
        for line in scenarios.differences(at, scenario, attempts)
    ]
    found += compare_deliveries(outcomes, receive_alerts(at)) + ledger_is_consistent(at)
    found += unequal("Slack", sent, sorted(str(post.get("text")) for post in posts))
    return found + unequal("dead letters", {}, at.dead_letters())


def write_report(at: DeployedAccount) -> list[str]:
    """Have `respot report` write the page, as a user would; gives what it says if it could not."""
    REPORT.parent.mkdir(parents=True, exist_ok=True)
    # Not the user's cache: its prices are real, and those of this account would remain in it.
    with tempfile.TemporaryDirectory() as cache:
        environment = at.account.process_environment() | {"XDG_CACHE_HOME": cache}
        words = [sys.executable, "-m", "respot_cli.main", "report", "--output", str(REPORT)]
        done = run_program(words, env=environment)
    return [f"respot report: {done.stdout.strip()}"] if done.returncode else []


def _histories(at: DeployedAccount, runs: Runs) -> list[History]:
    """What `respot show` knows of each job that the ledger knows by now."""
    found = []
    for name in (attempt.name for attempts in runs for attempt in attempts):
        with suppress(CommandError):
            found.append(load(at.ledger(), at.runs(), region=at.account.region, name=name))
    return found


def _watch(console: Console, at: DeployedAccount) -> Runs:
    """Show the progress of all jobs and runs until they are settled, or the time for that is over."""
    deadline = time.monotonic() + WAIT_SECONDS
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        while True:
            runs = [observe_run(at, scenario.name) for scenario in SCENARIOS]
            progress = Table("Job", "Status in the ledger", "", "Alerts", box=None, header_style="dim")
            for each in _histories(at, runs):
                shown = bar(each, now=datetime.now(UTC))
                progress.add_row(each.state.job.name, _status(each), shown, str(len(each.alerts)))
            live.update(progress)
            if all(map(scenarios.is_settled, SCENARIOS, runs)) or time.monotonic() > deadline:
                return runs
            time.sleep(_REFRESH_SECONDS)


def _show(console: Console, at: DeployedAccount, histories: Sequence[History], now: datetime) -> None:
    console.print(Rule("What the ledger says (respot show JOB), times not scaled", style="dim"))
    first = {scenario.name for scenario in SCENARIOS}
    for history in histories:
        if history.state.job.name in first:
            console.print(run_table(history) if len(history.run) > 1 else render(history, now=now))
    console.print(Rule("What Slack shows", style="dim"))
    console.print(Group(*(slack_rendering.render(post) for post in at.slack.messages)))


def _screen(histories: Sequence[History], width: int, now: datetime) -> Group:
    """All jobs in this order, which attempts end without success on purpose, and what Respot decided."""
    legend = "░ waiting  ▒ moving data  █ training  ! interrupted  ▓ other  ■ ended"
    attempts = [each for scenario in SCENARIOS for each in zip(scenario.names, scenario.attempts, strict=True)]
    made_to_fail = ", ".join(name for name, (_, end) in attempts if end != "Completed")
    return Group(
        f"Time scale: 1 second waited = {60 * HOURS_PER_SECOND:.0f} minutes shown. Saved = 1 - Billed / Training.",
        _table(histories, width, now),
        *([Text(legend, "dim")] * (width >= _WITH_BAR)),
        "",
        Text.assemble(("Made to fail by the demo: ", "bold"), made_to_fail, "."),
        "",
        Text("What Respot decided", style="bold"),
        *(
            Padding.indent(Text.assemble((", ".join(named), "cyan"), f": {said}"), 2)
            for said, named in _decisions(histories, now).items()
        ),
    )


def _table(histories: Sequence[History], width: int, now: datetime) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    columns: list[tuple[str, int, Callable[[History], RenderableType]]] = [
        ("Job", 0, lambda history: Text(history.state.job.name)),
        ("Status", 0, _status),
        ("Timeline", _WITH_BAR, lambda history: bar(history, now=now)),
        ("Interrupted", _WITH_COUNTS, lambda history: str(history.figures(now).interruptions)),
        ("Alerts", _WITH_COUNTS, lambda history: str(len(history.alerts))),
        ("Training", 0, lambda history: _hours(history.state.training_time)),
        ("Billed", 0, lambda history: _hours(history.state.billable_time)),
        ("Saved", 0, _saved),
    ]
    shown = [(title, cell) for title, narrowest, cell in columns if width >= narrowest]
    for title, _ in shown:
        words = title != "Timeline"
        table.add_column(title, justify="left" if title in {"Job", "Status", "Timeline"} else "right", no_wrap=words)
        table.columns[-1].max_width = None if words else width - 80
    for history in histories:
        table.add_row(*(cell(history) for _, cell in shown))
    return table


def _status(history: History) -> Text:
    return Text(history.state.secondary_status, style=style_of(history.state.secondary_status))


def _saved(history: History) -> Text:
    percent = history.savings_percent
    return Text("-") if percent is None else Text(f"{percent:.0f} %", style="bold green" if percent else "")


def _hours(span: timedelta | None) -> str:
    return "-" if span is None else f"{span.total_seconds() * HOURS_PER_SECOND:.1f} h"


def _decisions(histories: Sequence[History], now: datetime) -> dict[str, list[str]]:
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
    return named
