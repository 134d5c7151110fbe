"""`python -m local.bench`: the figures of docs/performance.md and docs/cost.md, as tables."""

import argparse
import sys
from collections.abc import Iterator, Sequence

from rich.console import Console

from local.bench import calls, cold_start, load, price
from local.demo.deployed import deployed_account
from local.proof.figures import Report, conclude, table
from respot_cli.output import shielded


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; gives 1 if a ratio or a count is beyond what is allowed."""
    parser = argparse.ArgumentParser(prog="python -m local.bench", description=__doc__)
    parser.add_argument("--runs", type=int, default=11, help="starts of each program (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=200, help="jobs for the throughput (default: %(default)s)")
    options = parser.parse_args(arguments)
    console = Console(highlight=False, width=110)
    excess: list[str] = []
    for report in _reports(options.runs, options.jobs):
        console.print(report.title, style="bold")
        console.print(table(report.columns, report.rows), "")
        excess += report.excess
    return conclude(console, "All ratios and counts are within their limits.", excess)


def _reports(runs: int, jobs: int) -> Iterator[Report]:
    yield cold_start.report(runs=runs, bytecode=True)
    yield cold_start.report(runs=runs, bytecode=False)
    with deployed_account() as deployed:
        cases = list(calls.measure(deployed))
        yield calls.report(cases)
        yield load.latency_report(deployed, jobs=jobs)
    yield from price.reports(next(case for case in cases if case.messages == 1 and case.inserted))


if __name__ == "__main__":
    sys.exit(shielded(main, name="python -m local.bench"))
