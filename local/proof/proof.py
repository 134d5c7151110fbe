"""`make proof`: runs everything that takes too long for `make test`, and judges the figures in one table."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.text import Text

from local import PROJECT
from local.proof import figures
from local.proof.parts import LONGEST_MINUTES, PARTS, Demand, Part

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
    """Run the parts one after the other and print the table.

    Gives 0 if every demand is met, 1 if one is not, 2 for an unknown name.
    """
    console = console or Console(highlight=False, width=WIDTH)
    if unknown := set(only) - {part.name for part in parts}:
        console.print(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(p.name for p in parts)}")
        return 2
    logs.mkdir(parents=True, exist_ok=True)
    rows: dict[str, list[Row]] = {}
    began = time.monotonic()
    for part in parts:
        if only and part.name not in only:
            continue
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
            code = subprocess.run(
                command,
                cwd=PROJECT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=part.minutes * 60,
                check=False,
            ).returncode
        found: dict[str, float] = {}
        with suppress(ValueError):  # it was stopped while it wrote
            found = figures.read(left)
    end = f"after {part.minutes:g} min: stopped" if code is None else str(code)
    taken = f"exit code, after {(time.monotonic() - began) / 60:.1f} min"
    return [(taken, end, "exactly 0", code == 0), *(_row(each, found.get(each.figure)) for each in part.demands)]


def _row(demand: Demand, value: float | None) -> Row:
    if value is None:
        return demand.figure, "missing", demand.limit, False
    return demand.figure, demand.shown(value), demand.limit, demand.is_met(value)
