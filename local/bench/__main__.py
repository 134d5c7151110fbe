"""`python -m local.bench`: the figures of docs/performance.md and docs/cost.md, as tables."""

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import timedelta
from typing import Final

from rich.console import Console
from rich.table import Table

from local.bench import calls, cold_start, command, latency, price
from local.demo.deployed import deployed_account
from respot.sweep.progress import LONGEST_LIFE, QUICK
from respot_cli.output import shielded

_TYPICAL_JOBS: Final = 1_000
_CONSOLE: Final = Console(highlight=False, width=110)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; gives 1 if a ratio or a count is beyond what is allowed."""
    parser = argparse.ArgumentParser(prog="python -m local.bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=11, help="cold starts of each handler (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=200, help="jobs for latency and throughput (default: %(default)s)")
    options = parser.parse_args(arguments)
    excess = _cold_starts(
        "Cold start: imports and first clients, medians; bundle built with Python 3.13", options.runs, bytecode=True
    )
    _cold_starts("The same from a bundle built with another Python: without bytecode", options.runs, bytecode=False)
    excess += _starts(options.runs)
    with deployed_account() as deployed:
        cases = list(calls.measure(deployed))
        excess += _calls(cases)
        recorded, alerted = latency.measure(deployed, jobs=options.jobs)
        spreads = ("the ledger", recorded), ("SNS (published and noted)", alerted)
        _print(
            f"Latency over {options.jobs} jobs in the local account, both cores shared by all",
            ("From the event to", "p50", "p95", "p95 / p50"),
            [(name, f"{s.p50:.2f} s", f"{s.p95:.2f} s", f"{s.p95 / s.p50:.1f}") for name, s in spreads],
        )
        burst = latency.drain(deployed, jobs=options.jobs)
        _CONSOLE.print(
            f"`record` took {burst.events} events of {options.jobs} new jobs in {burst.seconds:.1f} s: "
            f"{burst.events_per_second:.0f} events/s\n"
        )
    _prices(next(case for case in cases if case.messages == 1 and case.inserted))
    for line in excess:
        _CONSOLE.print(f"beyond what is allowed: {line}", style="red")
    return 1 if excess else 0


def _cold_starts(title: str, runs: int, *, bytecode: bool) -> list[str]:
    starts = list(cold_start.measure(runs=runs, bytecode=bytecode))
    rows = [
        (
            each.handler,
            *(f"{figure:.0f} ms" for figure in (each.milliseconds, each.bare_milliseconds)),
            f"{each.time_ratio:.2f}",
            *(f"{figure:.0f} MiB" for figure in (each.mebibytes, each.bare_mebibytes)),
            f"{each.memory_ratio:.2f}",
        )
        for each in starts
    ]
    _print(title, ("Handler", "time", "bare", "ratio", "memory", "bare", "ratio"), rows)
    return [
        f"cold start of {each.handler}, {what}: {ratio:.2f} of {cold_start.ALLOWED}"
        for each in starts
        for what, ratio in (("time", each.time_ratio), ("memory", each.memory_ratio))
        if ratio > cold_start.ALLOWED
    ]


def _starts(runs: int) -> list[str]:
    starts = command.measure(runs=runs)
    _print(
        'Start of the command, against `python -c "import boto3, rich"`: medians of processor time',
        ("Command", "time", "bare", "ratio"),
        [(s.command, f"{s.milliseconds:.0f} ms", f"{s.bare_milliseconds:.0f} ms", f"{s.ratio:.2f}") for s in starts],
    )
    slow = [start for start in starts if start.ratio > command.ALLOWED]
    return [f"start of {start.command}: {start.ratio:.2f} of {command.ALLOWED}" for start in slow]


def _calls(cases: Sequence[calls.Case]) -> list[str]:
    rules: dict[str, Callable[[calls.Case], bool]] = {
        "one Describe for any number of messages": lambda case: case.calls["DescribeTrainingJob"] == 1,
        "at most two writes for each new transition": lambda case: case.calls["PutItem"] <= 2 * case.inserted,
    }
    counted = ("DescribeTrainingJob", "ListTags", "Query", "PutItem")
    rows = [(case.what, str(case.inserted), *(str(case.calls[name]) for name in counted)) for case in cases]
    _print("AWS calls of `record`", ("Delivered", "new transitions", "Describe", "ListTags", "reads", "writes"), rows)
    return [f"{case.what}: {rule}" for case in cases for rule, holds in rules.items() if not holds(case)]


def _prices(case: calls.Case) -> None:
    _bill(
        f"Price of a million events on AWS, list prices of us-east-1, each event like: {case.what}",
        list(price.per_million_events(case.calls, events=case.messages, invocation_seconds=case.seconds)),
    )
    _bill(
        f"What does not grow with events, each month: one region, {_TYPICAL_JOBS:,} jobs in {LONGEST_LIFE.days} days,"
        "\nnone alive for more than a day",
        list(price.each_month(jobs=_TYPICAL_JOBS, depth=QUICK)),
    )
    depths = (QUICK, timedelta(days=7), LONGEST_LIFE)
    sweeps = {
        jobs: [sum(item.dollars for item in price.sweeping(jobs=jobs, depth=depth)) for depth in depths]
        for jobs in (0, _TYPICAL_JOBS, 10 * _TYPICAL_JOBS)
    }
    _print(
        "The sweeps alone, USD each month, by jobs and by the age of the oldest that is alive",
        (f"jobs in {LONGEST_LIFE.days} days", *(f"{depth.days} d" for depth in depths)),
        [(f"{jobs:,}", *(f"{dollars:.2f}" for dollars in bill)) for jobs, bill in sweeps.items()],
    )


def _bill(title: str, items: Sequence[price.Item]) -> None:
    rows = [
        (item.what, f"{item.quantity:,.1f}", f"{item.unit_price:.10f}".rstrip("0"), f"{item.dollars:.2f}")
        for item in items
    ]
    rows.append(("together", "", "", f"{sum(item.dollars for item in items):.2f}"))
    _print(title, ("", "quantity", "USD each", "USD"), rows)


def _print(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index else "left")
    for row in rows:
        table.add_row(*row)
    _CONSOLE.print(title, style="bold")
    _CONSOLE.print(table, "")


if __name__ == "__main__":
    sys.exit(shielded(main, name="python -m local.bench"))
