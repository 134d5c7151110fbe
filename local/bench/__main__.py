"""`python -m local.bench`: the figures of docs/performance.md and docs/cost.md, as tables."""

import argparse
import sys
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

from rich.console import Console
from rich.table import Table

from local.bench import calls, cold_start, command, latency, price
from local.deployed import deployed_account
from respot.sweep.progress import LONGEST_LIFE, QUICK
from respot_cli.output import shielded

_TYPICAL_JOBS: Final = 1_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; gives 1 if a ratio or a count is beyond what is allowed."""
    parser = argparse.ArgumentParser(prog="python -m local.bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=11, help="cold starts of each handler (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=200, help="jobs for latency and throughput (default: %(default)s)")
    options = parser.parse_args(arguments)
    console = Console(highlight=False, width=110)
    console.print("Cold start: imports and first clients, medians; bundle built with Python 3.13", style="bold")
    excess = _cold_starts(console, options.runs, bytecode=True)
    console.print("The same from a bundle built with another Python: without bytecode", style="bold")
    _cold_starts(console, options.runs, bytecode=False)
    console.print(
        'Start of the command, against `python -c "import boto3, rich"`: medians of processor time', style="bold"
    )
    excess += _starts(console, options.runs)
    with deployed_account() as deployed:
        console.print("AWS calls of `record`", style="bold")
        cases = list(calls.measure(deployed))
        excess += _calls(console, cases)
        console.print(f"Latency over {options.jobs} jobs in the local account, both cores shared by all", style="bold")
        recorded, alerted = latency.measure(deployed, jobs=options.jobs)
        _latency(console, recorded, alerted)
        burst = latency.drain(deployed, jobs=options.jobs)
        console.print(
            f"`record` took {burst.events} events of {options.jobs} new jobs in {burst.seconds:.1f} s: "
            f"{burst.events_per_second:.0f} events/s\n"
        )
    typical = next(case for case in cases if case.messages == 1 and case.inserted)
    _price(console, typical)
    _month(console)
    for line in excess:
        console.print(f"beyond what is allowed: {line}", style="red")
    return 1 if excess else 0


def _cold_starts(console: Console, runs: int, *, bytecode: bool) -> list[str]:
    excess = []
    table = _table("Handler", "time", "bare", "ratio", "memory", "bare", "ratio")
    for figures in cold_start.measure(runs=runs, bytecode=bytecode):
        table.add_row(
            figures.handler,
            f"{figures.milliseconds:.0f} ms",
            f"{figures.bare_milliseconds:.0f} ms",
            f"{figures.time_ratio:.2f}",
            f"{figures.mebibytes:.0f} MiB",
            f"{figures.bare_mebibytes:.0f} MiB",
            f"{figures.memory_ratio:.2f}",
        )
        for what, ratio in (("time", figures.time_ratio), ("memory", figures.memory_ratio)):
            if ratio > cold_start.ALLOWED:
                excess.append(f"cold start of {figures.handler}, {what}: {ratio:.2f} of {cold_start.ALLOWED}")
    console.print(table, "")
    return excess


def _starts(console: Console, runs: int) -> list[str]:
    starts = command.measure(runs=runs)
    table = _table("Command", "time", "bare", "ratio")
    for start in starts:
        bare = f"{start.bare_milliseconds:.0f} ms"
        table.add_row(start.command, f"{start.milliseconds:.0f} ms", bare, f"{start.ratio:.2f}")
    console.print(table, "")
    return [
        f"start of {start.command}: {start.ratio:.2f} of {command.ALLOWED}"
        for start in starts
        if start.ratio > command.ALLOWED
    ]


def _calls(console: Console, cases: Sequence[calls.Case]) -> list[str]:
    rules: dict[str, Callable[[calls.Case], bool]] = {
        "one Describe, whatever the number of messages": lambda case: case.calls["DescribeTrainingJob"] == 1,
        "at most two writes for each new transition": lambda case: case.calls["PutItem"] <= 2 * case.inserted,
    }
    table = _table("Delivered", "new transitions", "Describe", "ListTags", "reads", "writes")
    for case in cases:
        counted = [case.calls[name] for name in ("DescribeTrainingJob", "ListTags", "Query", "PutItem")]
        table.add_row(case.what, str(case.inserted), *map(str, counted))
    console.print(table, "")
    return [f"{case.what}: {rule}" for case in cases for rule, holds in rules.items() if not holds(case)]


def _latency(console: Console, recorded: latency.Spread, alerted: latency.Spread) -> None:
    table = _table("From the event to", "transitions", "p50", "p95", "p95 / p50")
    for name, spread in (("the ledger", recorded), ("SNS (published and noted)", alerted)):
        ratio = f"{spread.p95 / spread.p50:.1f}"
        table.add_row(name, str(spread.count), f"{spread.p50:.2f} s", f"{spread.p95:.2f} s", ratio)
    console.print(table, "")


def _price(console: Console, case: calls.Case) -> None:
    console.print(
        f"Price of a million events on AWS, list prices of us-east-1, each event like: {case.what}", style="bold"
    )
    items = list(price.per_million_events(case.calls, events=case.messages, invocation_seconds=case.seconds))
    table = _table("", "quantity", "USD each", "USD")
    for item in items:
        table.add_row(item.what, f"{item.quantity:,.1f}", f"{item.unit_price:.10f}".rstrip("0"), f"{item.dollars:.2f}")
    table.add_row("together", "", "", f"{sum(item.dollars for item in items):.2f}", style="bold")
    console.print(table)


def _month(console: Console) -> None:
    console.print(
        f"\nWhat does not grow with events, each month: one region, {_TYPICAL_JOBS:,} jobs in {LONGEST_LIFE.days} days,"
        "\nnone alive for more than a day",
        style="bold",
    )
    items = list(price.each_month(jobs=_TYPICAL_JOBS, depth=QUICK))
    table = _table("", "quantity", "USD each", "USD")
    for item in items:
        table.add_row(item.what, f"{item.quantity:,.0f}", f"{item.unit_price:.7f}".rstrip("0"), f"{item.dollars:.2f}")
    table.add_row("together", "", "", f"{sum(item.dollars for item in items):.2f}", style="bold")
    console.print(table)
    console.print(
        "\nThe sweeps alone, USD each month, by jobs and by the age of the oldest that is alive", style="bold"
    )
    depths = (QUICK, timedelta(days=7), LONGEST_LIFE)
    table = _table(f"jobs in {LONGEST_LIFE.days} days", *(f"{depth.days} d" for depth in depths))
    for jobs in (0, _TYPICAL_JOBS, 10 * _TYPICAL_JOBS):
        bills = (price.sweeping(jobs=jobs, depth=depth) for depth in depths)
        table.add_row(f"{jobs:,}", *(f"{sum(item.dollars for item in bill):.2f}" for bill in bills))
    console.print(table)


def _table(*columns: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index else "left")
    return table


if __name__ == "__main__":
    sys.exit(shielded(main, name="python -m local.bench"))
