"""`python -m local.backtest`: how often each policy misses the deadline, and what it costs, over public traces."""

import argparse
import sys
from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path

from rich.console import Console

from local.backtest import traces
from local.backtest.table import DEADLINES, LIMITS, POLICIES, SCENARIOS, figures, judge, measure
from local.backtest.traces import Trace
from local.proof.figures import chosen, conclude, table, write
from respot_cli.output import shielded


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="python -m local.backtest", description=__doc__)
    parser.add_argument("--starts", type=int, default=60, help="for each deadline and overhead (default: %(default)s)")
    parser.add_argument("--only", action="append", default=[], metavar="POLICY", help="only this (repeatable)")
    parser.add_argument("--scenario", choices=SCENARIOS, default="measured", help="the world (default: %(default)s)")
    parser.add_argument("--traces", type=Path, default=traces.DIRECTORY, help="a folder of traces in the same format")
    parser.add_argument("--summary", action="store_true", help="only the rows over all deadlines and overheads")
    parser.add_argument("--figures", type=Path, help="leave the figures there, as JSON, for `make proof`")
    parser.add_argument(
        "--judge", action="store_true", help="instead, judge Respot in each scenario: about 1,000 runs by default"
    )
    options = parser.parse_args(arguments)
    console = Console(highlight=False, width=150)
    names = chosen(console, "policy", POLICIES, options.only)
    if not names:
        return 1
    by_zone = traces.zones(options.traces)
    if options.judge:
        return _judge(console, by_zone, options)
    found: dict[str, float] = {}
    for places, by_place in (("zones", by_zone), ("unions of zones", traces.regions(by_zone))):
        for work in DEADLINES:
            rows, columns = [], []
            for name in names:
                results = measure(by_place, name, work=work, starts=options.starts, scenario=options.scenario)
                if not results:
                    continue  # no trace is long enough
                cells = {} if options.summary else {(f"{d:g} h", f"{o:g} h"): each for (d, o), each in results.items()}
                for place, each in (cells | {("all", "all"): [*chain(*results.values())]}).items():
                    summed = figures(each)
                    columns = [*summed]
                    rows.append([name, *place, *(f"{value:,.1f}".removesuffix(".0") for value in summed.values())])
                found |= {f"{name}, {places}, {work:g} h: {column}": value for column, value in summed.items()}
            console.print(f"{work:g} h of work, {places}, world: {options.scenario}", style="bold")
            console.print(table(("policy", "deadline", "overhead", *columns), rows), "")
    write(options.figures, found)
    return 0


def _judge(console: Console, by_zone: Mapping[str, Trace], options: argparse.Namespace) -> int:
    """Run Respot in each scenario, and compare with the limits."""
    wrong: list[str] = []
    left: dict[str, float] = {}
    for places, by_place in (("zones", by_zone), ("unions of zones", traces.regions(by_zone))):
        rows, columns = [], []
        for scenario in SCENARIOS:
            found, name = judge(by_place, scenario, starts=options.starts), f"{scenario}, {places}"
            columns = [*found]
            rows.append([scenario, *(f"{value:,.2f}".removesuffix(".00") for value in found.values())])
            left |= {f"{name}: {column}": value for column, value in found.items()}
            wrong += LIMITS[scenario].excess(name, found)
        console.print(f"Respot in each scenario, {places}", style="bold")
        console.print(table(("scenario", *columns), rows), "")
    write(options.figures, left | {"scenarios": len(SCENARIOS), "beyond limits": len(wrong)})
    return conclude(console, "every scenario is within its limits", wrong)


if __name__ == "__main__":
    sys.exit(shielded(main, name="python -m local.backtest"))
