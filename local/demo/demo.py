"""The demo: five jobs, each with another fate, and three runs to resume, through the whole of Respot."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

from rich.console import Console, Group
from rich.live import Live
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from local.demo import scenarios, slack_rendering
from local.demo.deliveries import compare_deliveries, receive_alerts
from local.demo.deployed import DeployedAccount, deployed_account
from local.demo.scenarios import RESUMED, SCENARIOS
from local.demo.screen import next_commands, screen, status
from local.demo.verification import JobOutcome, ledger_is_consistent, observe_run, unequal
from respot_cli.errors import CommandError
from respot_cli.timeline.command import load
from respot_cli.timeline.history import History
from respot_cli.timeline.view import bar, render, run_table

WAIT_SECONDS: Final = 110.0
"""How long all jobs may take, their last alerts included, on a busy machine."""
_REFRESH_SECONDS: Final = 0.4

Runs = Sequence[Sequence[JobOutcome]]


def run(
    console: Console | None = None, *, verbose: bool = False, keep: Callable[[DeployedAccount], None] | None = None
) -> int:
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
        say("Checking the ledger, the alerts and Slack")
        found = verify(at, runs)
        if verbose:
            _show(console, at)
        _conclude(console, _histories(at, runs), found, seconds=time.monotonic() - began)
        if keep:
            keep(at)
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


def history_of(at: DeployedAccount, name: str) -> History | None:
    """What `respot timeline` knows of a job; `None` while the ledger does not know it."""
    try:
        return load(at.ledger(), at.runs(), region=at.account.region, name=name)
    except CommandError:
        return None


def _histories(at: DeployedAccount, runs: Runs) -> list[History]:
    found = (history_of(at, attempt.name) for attempts in runs for attempt in attempts)
    return [history for history in found if history]


def _watch(console: Console, at: DeployedAccount) -> Runs:
    """Show the progress of all jobs and runs until they are settled, or the time for that is over."""
    deadline = time.monotonic() + WAIT_SECONDS
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        while True:
            runs = [observe_run(at, scenario.name) for scenario in SCENARIOS]
            progress = Table("Job", "Status in the ledger", "", "Alerts", box=None, header_style="dim")
            for each in _histories(at, runs):
                shown = bar(each, now=datetime.now(UTC))
                progress.add_row(each.state.job.name, status(each), shown, str(len(each.alerts)))
            live.update(progress)
            if all(map(scenarios.is_settled, SCENARIOS, runs)) or time.monotonic() > deadline:
                return runs
            time.sleep(_REFRESH_SECONDS)


def _show(console: Console, at: DeployedAccount) -> None:
    console.print(Rule("What the ledger says (respot timeline JOB), times not scaled", style="dim"))
    for scenario in SCENARIOS:
        if history := history_of(at, scenario.name):
            console.print(run_table(history) if len(history.run) > 1 else render(history, now=datetime.now(UTC)))
    console.print(Rule("What Slack shows", style="dim"))
    console.print(Group(*(slack_rendering.render(post) for post in at.slack.messages)))


def _conclude(console: Console, histories: Sequence[History], found: Sequence[str], *, seconds: float) -> None:
    made_to_fail = [name for scenario in SCENARIOS for name in scenario.made_to_fail]
    console.print("", screen(histories, made_to_fail=made_to_fail, width=console.width, now=datetime.now(UTC)), "")
    if not found:
        console.print(next_commands(RESUMED.name), "")
    for difference in found:
        console.print(Text(f"✗ {difference}", style="red"))
    verdict = "✗ Something differs" if found else "✓ Ledger and alerts are exactly what the lifecycles demand"
    console.print(Text(f"{verdict} ({seconds:.0f} s in all).", style="red" if found else "green"))
