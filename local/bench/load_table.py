"""`python -m local load`: Respot under load in the local account, as a table and a plot."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from local.bench.events import Spread
from local.bench.load import HOURS_PER_MONTH, VM_HOUR, Load, measure
from local.bench.plot import Panel, draw
from local.demo.deployed import deployed_account
from local.proof.figures import write

SIZES: Final = (500, 1000, 2500, 5000)
"""Numbers of jobs, each at least twice the one before: faster growth is visible."""


def run(*, jobs: Sequence[int] | None, plot: Path | None, figures: Path | None = None) -> int:
    """Measure each number of jobs in an account of its own; gives 1 if anything was lost or doubled."""
    console = Console(highlight=False, width=150)
    loads = []
    for size in jobs or SIZES:
        with (
            console.status(f"{size:,} jobs") as status,
            deployed_account(context={"respot:digest_seconds": "180"}) as deployed,
        ):
            loads.append(measure(deployed, jobs=size, say=status.update))
        console.print(f"{size:,} jobs: {'sound' if loads[-1].is_sound else 'NOT SOUND'}")
    console.print(_table(loads))
    if plot and len(loads) > 1:
        plot.write_text(draw(_panels(loads)), encoding="utf-8")
    write(figures, to_figures(loads))
    return 0 if all(each.is_sound for each in loads) else 1


def to_figures(loads: Sequence[Load]) -> dict[str, float]:
    """What `make proof` judges: of all sizes the sum, and of times the worst."""
    growth = [
        (later.fresh.seconds / earlier.fresh.seconds) / (later.jobs / earlier.jobs) * 2
        for earlier, later in pairwise(loads)
    ]
    return {
        "jobs": sum(each.jobs for each in loads),
        "transitions lost": sum(each.lost_transitions for each in loads),
        "alerts lost": sum(each.lost_alerts for each in loads),
        "written for duplicates": sum(each.written_by_duplicates for each in loads),
        "dead letters": sum(each.dead_letters for each in loads),
        "events by the second": min(each.fresh.events_per_second for each in loads),
        "event to alert, p95": max(each.to_alert.p95 for each in loads),
        "time for twice the jobs": max(growth, default=0.0),
    }


def _panels(loads: Sequence[Load]) -> list[Panel]:
    figures: dict[str, Callable[[Load], float]] = {
        "Seconds until all is recorded": lambda each: each.fresh.seconds,
        "AWS calls": lambda each: float(sum(each.fresh.calls.values())),
        "USD, list price": lambda each: each.dollars_per_thousand_jobs * each.jobs / 1000,
    }
    return [Panel(title=title, points=[(each.jobs, of(each)) for each in loads]) for title, of in figures.items()]


def _table(loads: Sequence[Load]) -> Table:
    rows: dict[str, Callable[[Load], str]] = {
        "events, then again": lambda each: f"{each.fresh.events:,} + {each.again.events:,}",
        "transitions lost": lambda each: str(each.lost_transitions),
        "alerts lost": lambda each: str(each.lost_alerts),
        "written for duplicates": lambda each: str(each.written_by_duplicates),
        "dead letters": lambda each: str(each.dead_letters),
        "recorded in": lambda each: f"{each.fresh.seconds:.0f} s",
        "events/s": lambda each: f"{each.fresh.events_per_second:.0f}",
        "duplicates/s": lambda each: f"{each.again.events_per_second:.0f}",
        "largest backlog": lambda each: f"{each.fresh.backlog:,}",
        "drained in": lambda each: f"{each.fresh.drain_seconds:.0f} s",
        "event to ledger p50 / p95 / p99": lambda each: _spread(each.to_ledger),
        "event to alert p50 / p95 / p99": lambda each: _spread(each.to_alert),
        "most Describes in flight": lambda each: str(each.most_describes_in_flight),
        "most Describes in a second": lambda each: str(each.most_describes_in_a_second),
        "AWS calls": lambda each: f"{sum(each.fresh.calls.values()):,}",
        "AWS calls per transition": lambda each: f"{each.calls_per_transition:.2f}",
        "USD for 1,000 jobs": lambda each: f"{each.dollars_per_thousand_jobs:.3f}",
        "USD for a t4g.small a month": lambda _: f"{VM_HOUR * HOURS_PER_MONTH:.2f}",
    }
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("jobs")
    for each in loads:
        table.add_column(f"{each.jobs:,}", justify="right")
    for title, cell in rows.items():
        table.add_row(title, *map(cell, loads))
    return table


def _spread(spread: Spread) -> str:
    return f"{spread.p50:.1f} / {spread.p95:.1f} / {spread.p99:.1f} s"
