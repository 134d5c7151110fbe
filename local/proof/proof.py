"""`make proof`: runs everything that takes too long for `make test`, and judges the figures in one table."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from local import PROJECT
from local.proof import figures
from local.proof.parts import LONGEST_MINUTES, PARTS, Demand, Part, shown

WIDTH: Final = 110
_POLL_SECONDS: Final = 0.2
_STOP_SECONDS: Final = 20
"""How long a part may take to end after Ctrl-C."""
_TAIL: Final = 15
"""Lines that are shown of the log of a failed part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table: a figure, and what is demanded of it."""

    what: str
    figure: str
    limit: str
    is_met: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A part that ran."""

    part: str
    rows: tuple[Row, ...]
    seconds: float

    @property
    def is_good(self) -> bool:
        """Whether every demand is met."""
        return all(row.is_met for row in self.rows)


def main(
    console: Console | None = None,
    *,
    only: Sequence[str] = (),
    parts: Sequence[Part] = PARTS,
    logs: Path = PROJECT / "build" / "proof",
) -> int:
    """Run the parts one after the other and print the table.

    Gives 0 if every demand is met, 1 if one is not, 2 for an unknown name, 130 after Ctrl-C.
    """
    console = console or Console(highlight=False, width=WIDTH)
    if unknown := set(only) - {part.name for part in parts}:
        console.print(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(p.name for p in parts)}")
        return 2
    chosen = [part for part in parts if not only or part.name in only]
    logs.mkdir(parents=True, exist_ok=True)
    results: list[Result] = []
    with _signals_as_ctrl_c(), suppress(KeyboardInterrupt):
        for part in chosen:
            log = logs / f"{part.name}.log"
            results.append(run(part, console, log))
            _report(console, results[-1], log)
    interrupted = len(results) < len(chosen)
    whole = sum(each.seconds for each in results)
    if not interrupted and len(results) > 1:
        limit = Demand(figure="minutes", most=LONGEST_MINUTES, unit="min")
        results.append(Result(part="together", rows=(_row(limit, whole / 60),), seconds=whole))
    console.print(table(results))
    load = f"load of the machine over the last 15 minutes: {os.getloadavg()[2]:.1f}, cores: {os.cpu_count()}"
    console.print(load, style="dim")
    if interrupted:
        console.print(Text(f"✗ Interrupted after {len(results)} of {len(chosen)} parts.", style="red"))
        return 130
    good = all(each.is_good for each in results)
    verdict = "✓ Every demand is met." if good else "✗ A demand is not met."
    console.print(Text(verdict, style="green" if good else "red"))
    return 0 if good else 1


def run(part: Part, console: Console, log: Path) -> Result:
    """Run one part in a process of its own, and judge it; a part that breaks off is a row that is not met."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="respot-proof-") as directory:
        left = Path(directory) / "figures.json"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", part.module, *part.arguments, "--figures", str(left)],
                cwd=PROJECT,
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # it can then be stopped with all that it has started
            )
            try:
                code = _wait(part, process, console, log)
            finally:
                _stop(process)
        found: dict[str, float] = {}
        with suppress(ValueError):  # it was stopped while it wrote
            found = figures.read(left)
    end = f"after {part.minutes:g} min: stopped" if code is None else str(code)
    ended = Row(what="exit code", figure=end, limit="exactly 0", is_met=code == 0)
    rows = [_row(demand, found.get(demand.figure)) for demand in part.demands]
    return Result(part=part.name, rows=(ended, *rows), seconds=time.monotonic() - began)


def table(results: Sequence[Result]) -> Table:
    """One line for each figure; a part's first line has its name and time."""
    made = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for column in ("Part", "What", "Figure", "Limit", "", "Time"):
        made.add_column(column, justify="right" if column in {"Figure", "Time"} else "left", no_wrap=True)
    for each in results:
        name, seconds = each.part, _minutes(each.seconds)
        for row in each.rows:
            mark = Text("✓", style="green") if row.is_met else Text("✗", style="red")
            made.add_row(name, row.what, row.figure, row.limit, mark, seconds)
            name = seconds = ""
    return made


def _wait(part: Part, process: subprocess.Popen[bytes], console: Console, log: Path) -> int | None:
    """Wait until it ends; gives its exit code, `None` if it took too long."""
    began = time.monotonic()
    with console.status(part.name) as status:
        while (code := process.poll()) is None:
            spent = time.monotonic() - began
            if spent > part.minutes * 60:
                return None
            status.update(f"{part.name}, {_minutes(spent)}: {_last_line(log)}")
            time.sleep(_POLL_SECONDS)
    return code


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End it as Ctrl-C does, then kill everything that is left of what it has started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _row(demand: Demand, value: float | None) -> Row:
    figure = "missing" if value is None else shown(value, demand.unit)
    is_met = value is not None and demand.is_met(value)
    return Row(what=demand.figure, figure=figure, limit=demand.limit, is_met=is_met)


def _report(console: Console, each: Result, log: Path) -> None:
    if each.is_good:
        console.print(Text(f"✓ {each.part}, {_minutes(each.seconds)}", style="green"))
        return
    console.print(Text(f"✗ {each.part}, {_minutes(each.seconds)}: the end of {log}", style="red"))
    for line in log.read_text(errors="replace").splitlines()[-_TAIL:]:
        console.print(Text(f"  {line}", style="dim"))


def _last_line(log: Path) -> str:
    lines = log.read_bytes()[-400:].decode(errors="replace").strip().splitlines()
    return lines[-1].strip()[:80] if lines else ""


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d} min"


@contextmanager
def _signals_as_ctrl_c() -> Iterator[None]:
    """Raise KeyboardInterrupt on SIGINT, SIGTERM and SIGHUP: only this process can end the parts' sessions.

    SIGINT is handled as well because a shell makes background programs ignore it, and a part would inherit that.
    """

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = {each: signal.signal(each, interrupt) for each in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
