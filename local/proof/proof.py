"""`make proof`: runs everything that takes too long for `make test`, and judges the figures in one table.

A new part is one more entry: a module that takes `--figures FILE` and writes its figures there
(`local.proof.figures.write`). Limits of time are three times what was measured on two cores (docs/performance.md).
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.text import Text

from local import PROJECT, run_program
from local.proof import figures


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """The smallest or the largest value that is allowed for one of the figures that a part leaves."""

    figure: str
    least: float = -inf
    most: float = inf
    unit: str = ""

    @property
    def limit(self) -> str:
        """In words."""
        return f"at least {self.shown(self.least)}" if self.most == inf else f"at most {self.shown(self.most)}"

    def shown(self, value: float) -> str:
        """A value as the table shows it."""
        number = f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"
        return f"{number} {self.unit}".rstrip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One proof: `python -m module arguments`, stopped after `minutes`."""

    name: str
    module: str = "local"
    arguments: tuple[str, ...] = ()
    demands: tuple[Demand, ...]
    minutes: float


def _none_of(*figures: str) -> tuple[Demand, ...]:
    return tuple(Demand(figure=figure, most=0) for figure in figures)


def _chaos(name: str, *arguments: str, rounds: int, median: float, minutes: float) -> Part:
    demands = (
        Demand(figure="rounds", least=rounds),
        *_none_of("not healed", "not hit", "lost", "doubled", "wrong"),
        Demand(figure="healed, median", most=median, unit="s"),
        Demand(figure="healed, slowest", most=220, unit="s"),
    )
    return Part(name=name, arguments=("chaos", *arguments), demands=demands, minutes=minutes)


PARTS: Final = (
    _chaos("chaos", rounds=29, median=10, minutes=55),
    _chaos("chaos-again", "--only", "all-at-once", "--times", "5", rounds=6, median=160, minutes=30),
    Part(
        name="load",
        arguments=("load", "--jobs", "500", "--jobs", "1000"),
        demands=(
            Demand(figure="jobs", least=1500),
            *_none_of("transitions lost", "alerts lost", "written for duplicates", "dead letters"),
            Demand(figure="events by the second", least=12),
            Demand(figure="event to alert, p95", most=310, unit="s"),
            Demand(figure="time for twice the jobs", most=3, unit="times"),
        ),
        minutes=30,
    ),
    Part(
        name="soak",
        module="tests.support.recovery_world",
        arguments=("--schedules", "20000", "--processes", "2"),
        demands=(Demand(figure="schedules", least=20_000), *_none_of("broken rules")),
        minutes=20,
    ),
    Part(
        name="backtest",
        module="local.backtest",
        arguments=("--judge",),
        demands=(
            Demand(figure="scenarios", least=18),
            Demand(figure="measured, zones: runs", least=1000),
            *_none_of("measured, zones: missed %", "measured, unions of zones: missed %", "beyond limits"),
        ),
        minutes=30,
    ),
    Part(
        name="permissions",
        module="local.permissions",
        demands=(
            Demand(figure="permissions removed", least=39),
            *_none_of("never named", "without an alarm in time"),
            Demand(figure="by log or alert alone", most=6),
            # Five are the Scheduler's: tests/e2e/test_schedules.py takes them away.
            Demand(figure="not played", most=39),
            Demand(figure="slowest alarm", most=45, unit="min"),
        ),
        minutes=30,
    ),
    Part(
        name="clients",
        arguments=("clients",),
        demands=(Demand(figure="cases", least=10), *_none_of("cases that differ")),
        minutes=30,
    ),
    Part(
        name="browser",
        module="tests.browser",
        demands=(Demand(figure="tests", least=10), *_none_of("tests that fail", "tests skipped")),
        minutes=10,
    ),
)

LONGEST_MINUTES: Final = 120
"""All parts together, on two cores; the slowest measurement, an hour of it beside other work, was 111.3."""

WIDTH: Final = 110
_TAIL: Final = 15
"""Lines that are shown of the log of a failed part."""

Row = tuple[str, str, str, bool]
"""A figure's name, its value, what is demanded of it, and whether that is met."""


def main(
    console: Console | None = None,
    *,
    only: Sequence[str] = (),
    parts: Sequence[Part] = PARTS,
    logs: Path = PROJECT / "build" / "proof",
) -> int:
    """Run the parts one after the other and print the table; gives 1 if a demand is not met, 2 for an unknown name."""
    console = console or Console(highlight=False, width=WIDTH)
    names = figures.chosen(console, "part", (part.name for part in parts), only)
    if not names:
        return 2
    logs.mkdir(parents=True, exist_ok=True)
    rows: dict[str, list[Row]] = {}
    began = time.monotonic()
    for part in (each for each in parts if each.name in names):
        log = logs / f"{part.name}.log"
        console.print(f"{part.name}, at most {part.minutes:g} min, log in {log}", style="dim")
        rows[part.name] = run(part, log)
        if not all(is_met for *_, is_met in rows[part.name]):
            tail = log.read_text(errors="replace").splitlines()[-_TAIL:]
            console.print(Text("\n".join(["✗ the end of its log:", *tail]), style="dim"))
    if len(rows) > 1:
        whole = Demand(figure="minutes", most=LONGEST_MINUTES)
        rows["together"] = [_row(whole, (time.monotonic() - began) / 60)]
    cells = [
        (name if place == 0 else "", what, value, limit, figures.mark(good=is_met))
        for name, of_part in rows.items()
        for place, (what, value, limit, is_met) in enumerate(of_part)
    ]
    console.print(figures.table(("Part", "What", "Figure", "Limit", ""), cells, words=2))
    load = f"load of the machine over the last 15 minutes: {os.getloadavg()[2]:.1f}, cores: {os.cpu_count()}"
    console.print(load, style="dim")
    wrong = [f"{name}: {what}" for name, of_part in rows.items() for what, *_, is_met in of_part if not is_met]
    return figures.conclude(console, "Every demand is met.", wrong)


def run(part: Part, log: Path) -> list[Row]:
    """Run one part in a process of its own, and judge it; a part that breaks off is a row that is not met.

    The local account of a part that is stopped ends on its own, with all functions.
    """
    began, code = time.monotonic(), None
    with tempfile.TemporaryDirectory(prefix="respot-proof-") as directory, log.open("wb") as output:
        left = Path(directory) / "figures.json"
        command = [sys.executable, "-m", part.module, *part.arguments, "--figures", str(left)]
        with suppress(subprocess.TimeoutExpired):
            code = run_program(command, stdout=output, timeout=part.minutes * 60).returncode
        found: dict[str, float] = {}
        with suppress(OSError, ValueError):  # it left none, or was stopped while it wrote
            found = json.loads(left.read_text(encoding="utf-8"))
    end = f"after {part.minutes:g} min: stopped" if code is None else str(code)
    taken = f"exit code, after {(time.monotonic() - began) / 60:.1f} min"
    return [(taken, end, "exactly 0", code == 0), *(_row(each, found.get(each.figure)) for each in part.demands)]


def _row(demand: Demand, value: float | None) -> Row:
    is_met = value is not None and demand.least <= value <= demand.most
    return demand.figure, "missing" if value is None else demand.shown(value), demand.limit, is_met
