"""The demo: five training jobs, each with another fate, through the whole of Respot, shown and checked."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from cli.history import History
from cli.timeline_view import bar, render, style_of
from local import slack_rendering
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
from respot.domain.durations import in_words

PATIENCE_SECONDS: Final = 30.0
"""How long the last alert may take after the longest lifecycle has ended."""
_REFRESH_SECONDS: Final = 0.4


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
        outcomes = _watch(console, at, lifecycles)
        posts = at.slack.wait_for(sum(len(outcome.receipts) for outcome in outcomes), seconds=PATIENCE_SECONDS)
        _show(console, outcomes, posts)
        found = verify(at, outcomes, [str(post.get("text")) for post in posts])
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
    said = sorted(receipt.headline or "" for outcome in outcomes for receipt in outcome.receipts)
    if said != sorted(headlines):
        found.append(f"Slack: {said} was demanded, {sorted(headlines)} was posted")
    for name, url in at.outputs.items():
        if name.endswith("DlqUrl") and (depth := at.queue_depth(url)):
            found.append(f"{name}: {depth} dead letters")
    return found


def _watch(console: Console, at: DeployedAccount, lifecycles: dict[str, Lifecycle]) -> list[JobOutcome]:
    """Show the jobs while they run; ends when all are settled, or when patience does."""
    deadline = time.monotonic() + max(lifecycle.seconds for lifecycle in lifecycles.values()) + PATIENCE_SECONDS
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        while True:
            outcomes = [observe(at, name, lifecycle) for name, lifecycle in lifecycles.items()]
            live.update(_progress(outcomes))
            if all(is_settled(outcome) for outcome in outcomes) or time.monotonic() > deadline:
                return outcomes
            time.sleep(_REFRESH_SECONDS)


def _progress(outcomes: Sequence[JobOutcome]) -> RenderableType:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("Job", "Status in the ledger", "", "Alerts"):
        table.add_column(column)
    now = datetime.now(UTC)
    for outcome in outcomes:
        history = _history(outcome)
        status = history.facts.secondary_status if history else "not seen yet"
        table.add_row(
            outcome.name,
            Text(status, style=style_of(status)),
            bar(history, now=now) if history else Text(),
            f"{len(outcome.receipts)}/{len(outcome.expected_alerts)}",
        )
    return table


def _show(console: Console, outcomes: Sequence[JobOutcome], posts: Sequence[dict[str, object]]) -> None:
    console.print(Rule("What the ledger says (respot timeline JOB)", style="dim"))
    histories = [history for outcome in outcomes if (history := _history(outcome))]
    now = datetime.now(UTC)
    for history in histories:
        console.print(render(history, now=now))
    console.print(Rule("What Slack shows", style="dim"))
    console.print(Group(*(slack_rendering.render(post) for post in posts)))
    console.print(Rule("What spot saved", style="dim"))
    console.print(_savings(histories))


def _savings(histories: Sequence[History]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("Job", "Ended as", "Interruptions", "Waited", "Trained", "Billed", "Saved"):
        table.add_column(column, justify="left" if column in {"Job", "Ended as"} else "right", overflow="fold")
    for history in histories:
        facts, sums, percent = history.facts, history.figures, history.savings_percent
        table.add_row(
            facts.job.name,
            Text(facts.secondary_status, style=style_of(facts.secondary_status)),
            str(sums.interruptions),
            in_words(sums.waited),
            in_words(sums.trained),
            "-" if facts.billable_time is None else in_words(facts.billable_time),
            "-" if percent is None else Text(f"{percent:.0f} %", style="bold green"),
        )
    return table


def _history(outcome: JobOutcome) -> History | None:
    record = outcome.record
    if record.facts is None:
        return None
    return History(facts=record.facts, transitions=record.transitions, alerts=outcome.receipts)


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
