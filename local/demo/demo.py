"""The demo: five jobs, each with another fate, and three runs to resume, through the whole of Respot."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from rich.console import Console, Group
from rich.live import Live
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from local.demo import demo_runs, slack_rendering
from local.demo.deliveries import compare_deliveries, receive_alerts
from local.demo.deployed import DeployedAccount, deployed_account
from local.demo.screen import Stages, next_commands, screen
from local.demo.verification_jobs import JobOutcome, differences, is_settled, ledger_is_consistent, observe
from local.demo.verification_runs import AttemptOutcome, observe_run
from local.sagemaker.lifecycle import NAMED, Lifecycle, parse
from respot_cli.errors import CommandError
from respot_cli.timeline.bar import style_of
from respot_cli.timeline.command import load
from respot_cli.timeline.history import History, headline
from respot_cli.timeline.view import bar, render, run_table

JOBS: Final = {
    "no-capacity": "never-launched",
    "long-queue": "queued-then-max-wait",
    "out-of-time": "interrupted-twice-max-wait",
    "restarted": "interrupted-once",
    "steady": "uninterrupted",
}
"""The jobs that nobody asked Respot to resume, with their lifecycles; in the order shown, those that fail first."""
WAIT_SECONDS: Final = 90.0
"""How long the last alert may take after the longest lifecycle has ended, on a busy machine."""
_REFRESH_SECONDS: Final = 0.4
_NOTHING_TO_DO: Final = "Completed: nothing to do."
_NOT_ASKED: Final = "Not asked to resume this job (defaults)."

Run = tuple[AttemptOutcome, ...]


def run(
    console: Console | None = None, *, verbose: bool = False, keep: Callable[[DeployedAccount], None] | None = None
) -> int:
    """Run the demo; gives 0 if ledger and alerts are exactly what the lifecycles demand, otherwise 1.

    `verbose` also shows all timelines and Slack messages; `keep` is called at the end, while the account runs.
    """
    console = console or Console(highlight=False)
    began = time.monotonic()
    with Stages(console) as stage, deployed_account(stage=stage) as at:
        if verbose:
            console.print(f"[dim]account {at.account.account_id} at {at.account.endpoint}, log {at.account.log}[/dim]")
        lifecycles = {name: parse(NAMED[lifecycle]) for name, lifecycle in JOBS.items()}
        stage(f"Running {len(JOBS)} jobs and {len(demo_runs.RUNS)} runs", spinner=False)
        for name, lifecycle in JOBS.items():
            at.ground.create(name, lifecycle=lifecycle)
        for expected in demo_runs.RUNS:
            demo_runs.start(at, expected)
        outcomes, runs = _watch(console, at, lifecycles)
        stage("Checking the ledger, the alerts and Slack")
        sent = sum(len(each.alert_records) for each in outcomes)
        sent += sum(len(each.alert_records) for attempts in runs for each in attempts)
        posts = at.slack.wait_for(sent, seconds=WAIT_SECONDS)
        histories = [history_of(at, name) for name in lifecycles]
        found = verify(at, outcomes, [str(post.get("text")) for post in posts])
        found += headline_differences(lifecycles, histories)
        for expected, attempts in zip(demo_runs.RUNS, runs, strict=True):
            found += demo_runs.differences(at, expected, attempts)
        attempts_shown = [history_of(at, each.name) for attempts in reversed(runs) for each in attempts]
        shown = [history for history in (*histories, *attempts_shown) if history]
        stage.end()
        if verbose:
            _show(console, at, [history for history in histories if history])
            console.print(Rule("What Slack shows", style="dim"))
            console.print(Group(*(slack_rendering.render(post) for post in posts)))
        _conclude(console, shown, found, seconds=time.monotonic() - began)
        if keep:
            keep(at)
    return 1 if found else 0


def _conclude(console: Console, histories: Sequence[History], found: Sequence[str], *, seconds: float) -> None:
    ends = {name: parse(NAMED[lifecycle]).ending.status for name, lifecycle in JOBS.items()}
    ends |= {
        name: end
        for expected in demo_runs.RUNS
        for name, (_, end) in zip(expected.names, expected.attempts, strict=True)
    }
    meant_to_fail = {name for name, end in ends.items() if end != "Completed"}
    console.print()
    console.print(screen(histories, meant_to_fail=meant_to_fail, width=console.width, now=datetime.now(UTC)))
    console.print()
    if not found:
        console.print(next_commands(demo_runs.RUNS[0].root))
        console.print()
    for difference in found:
        console.print(Text(f"✗ {difference}", style="red"))
    verdict = "✗ Something differs" if found else "✓ Ledger and alerts are exactly what the lifecycles demand"
    console.print(Text(f"{verdict} ({seconds:.0f} s in all).", style="red" if found else "green"))


def verify(at: DeployedAccount, outcomes: Sequence[JobOutcome], headlines: Sequence[str]) -> list[str]:
    """Everything that differs from what the lifecycles demand: ledger, subscriber, Slack, dead letters."""
    found = [difference for outcome in outcomes for difference in differences(outcome)]
    found += compare_deliveries(outcomes, receive_alerts(at))
    found += ledger_is_consistent(at)
    names = tuple(f"{outcome.name} " for outcome in outcomes)
    sent = sorted(record.headline or "" for outcome in outcomes for record in outcome.alert_records)
    posted = sorted(headline for headline in headlines if headline.startswith(names))
    if sent != posted:
        found.append(f"Slack: {sent} was demanded, {posted} was posted")
    return found + [f"{name}: {depth} dead letters" for name, depth in at.dead_letters().items()]


def headline_differences(lifecycles: Mapping[str, Lifecycle], histories: Sequence[History | None]) -> list[str]:
    """Where a timeline's first sentence is not that of a job without a request to resume it."""
    found = []
    for (name, lifecycle), history in zip(lifecycles.items(), histories, strict=True):
        demanded = _NOTHING_TO_DO if lifecycle.ending.status == "Completed" else _NOT_ASKED
        first = headline(history, datetime.now(UTC)) if history else "nothing"
        if first != demanded:
            found.append(f"{name}: the timeline must begin with {demanded!r}, and it begins with {first!r}")
    return found


def history_of(at: DeployedAccount, name: str) -> History | None:
    """What `respot timeline` knows of a job; `None` while the ledger does not know it."""
    try:
        return load(at.ledger(), at.runs(), region=at.account.region, name=name)
    except CommandError:
        return None


def _watch(
    console: Console, at: DeployedAccount, lifecycles: dict[str, Lifecycle]
) -> tuple[list[JobOutcome], list[Run]]:
    """Show jobs and runs in progress until all are settled, or the time for that is over."""
    longest = max(lifecycle.seconds for lifecycle in lifecycles.values())
    deadline = time.monotonic() + 2 * longest + WAIT_SECONDS
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        while True:
            outcomes = [observe(at, name, lifecycle) for name, lifecycle in lifecycles.items()]
            runs = [observe_run(at, expected.root) for expected in demo_runs.RUNS]
            histories = [history_of(at, name) for name in lifecycles]
            live.update(_progress(histories, [attempt for run in runs for attempt in run]))
            done = (
                all(is_settled(outcome) for outcome in outcomes)
                and all(history and history.recovery_records.decision for history in histories)
                and all(map(demo_runs.is_settled, demo_runs.RUNS, runs))
            )
            if done or time.monotonic() > deadline:
                return outcomes, runs
            time.sleep(_REFRESH_SECONDS)


def _progress(histories: Sequence[History | None], attempts: Sequence[AttemptOutcome]) -> Table:
    table = Table("Job", "Status in the ledger", "", "Alerts", box=None, padding=(0, 2, 0, 0), header_style="dim")
    for history in filter(None, histories):
        state, shown = history.state, bar(history, now=datetime.now(UTC))
        status = Text(state.secondary_status, style=style_of(state.secondary_status))
        table.add_row(state.job.name, status, shown, str(len(history.alerts)))
    for attempt in attempts:
        name = attempt.record.state.secondary_status if attempt.record.state else "not seen yet"
        table.add_row(attempt.name, Text(name, style=style_of(name)), "", str(len(attempt.alert_records)))
    return table


def _show(console: Console, at: DeployedAccount, histories: Sequence[History]) -> None:
    console.print(Rule("What the ledger says (respot timeline JOB), times not scaled", style="dim"))
    now = datetime.now(UTC)
    for history in histories:
        console.print(render(history, now=now))
    for expected in demo_runs.RUNS:
        console.print(Rule(f"A run: {expected.title}", style="dim"))
        run_history = history_of(at, expected.root)
        console.print(run_table(run_history) if run_history else Text("not seen"))
