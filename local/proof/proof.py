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
LOGS: Final = Path("build", "proof")
_LOOK_SECONDS: Final = 0.2
_STOP_SECONDS: Final = 20
"""How long a part may take to end after Ctrl-C."""
_TAIL: Final = 15
"""Lines of the log of a part that fell short."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the table: a figure, and what is demanded of it."""

    what: str
    figure: str
    limit: str
    is_met: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """What came of a part."""

    part: str
    rows: tuple[Row, ...]
    seconds: float
    log: Path | None = None

    @property
    def is_good(self) -> bool:
        """Whether every demand is met."""
        return all(row.is_met for row in self.rows)


def main(
    console: Console | None = None,
    *,
    only: Sequence[str] = (),
    parts: Sequence[Part] = PARTS,
    logs: Path = PROJECT / LOGS,
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
    proven: list[Proven] = []
    interrupted = False
    with _signals_as_ctrl_c():
        try:
            for part in chosen:
                proven.append(run(part, console, logs / f"{part.name}.log"))
                _say(console, proven[-1])
        except KeyboardInterrupt:
            interrupted = True
    whole = sum(each.seconds for each in proven)
    if len(proven) == len(chosen) > 1:
        limit = Demand(figure="minutes", most=LONGEST_MINUTES, unit="min")
        proven.append(Proven(part="together", rows=(_row(limit, whole / 60),), seconds=whole))
    console.print(table(proven))
    load = f"load of the machine over the last 15 minutes: {os.getloadavg()[2]:.1f}, cores: {os.cpu_count()}"
    console.print(load, style="dim")
    if interrupted:
        console.print(Text(f"✗ Interrupted after {len(proven)} of {len(chosen)} parts.", style="red"))
        return 130
    good = all(each.is_good for each in proven)
    verdict = "✓ Every demand is met." if good else "✗ A demand is not met."
    console.print(Text(verdict, style="green" if good else "red"))
    return 0 if good else 1


def run(part: Part, console: Console, log: Path) -> Proven:
    """Run one part in a process of its own, and judge it; a part that breaks off is a row that is not met."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="respot-proof-") as directory:
        left = Path(directory) / "figures.json"
        command = [sys.executable, "-m", part.module, *part.arguments, "--figures", str(left)]
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 - our own modules
                command,
                cwd=PROJECT,
                env=os.environ | {"PYTHONUNBUFFERED": "1"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # so that it can be stopped with all that it has started
            )
            try:
                code = _await(part, process, console, log)
            finally:
                _stop(process)
        try:
            found = figures.read(left)
        except ValueError:  # it was stopped while it wrote
            found = {}
    rows = [_ended(part, code), *(_judged(demand, found) for demand in part.demands)]
    return Proven(part=part.name, rows=tuple(rows), seconds=time.monotonic() - began, log=log)


def table(proven: Sequence[Proven]) -> Table:
    """One line for each figure; the part and its time stand in its first."""
    made = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for column in ("Part", "What", "Figure", "Limit", "", "Time"):
        made.add_column(column, justify="right" if column in {"Figure", "Time"} else "left", no_wrap=True)
    for each in proven:
        for number, row in enumerate(each.rows):
            mark = Text("✓", style="green") if row.is_met else Text("✗", style="red")
            first = (each.part, _minutes(each.seconds)) if number == 0 else ("", "")
            made.add_row(first[0], row.what, row.figure, row.limit, mark, first[1])
    return made


def _await(part: Part, process: subprocess.Popen[bytes], console: Console, log: Path) -> int | None:
    """Wait until it ends; gives its exit code, `None` if it took too long."""
    began = time.monotonic()
    with console.status(part.name) as status:
        while (code := process.poll()) is None:
            spent = time.monotonic() - began
            if spent > part.minutes * 60:
                return None
            status.update(f"{part.name}, {_minutes(spent)}: {_last_line(log)}")
            time.sleep(_LOOK_SECONDS)
    return code


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End it as Ctrl-C does, then all that is left of what it has started."""
    group = process.pid
    if process.poll() is None:
        os.killpg(group, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
    process.wait()


def _ended(part: Part, code: int | None) -> Row:
    figure = f"after {part.minutes:g} min: stopped" if code is None else str(code)
    return Row(what="exit code", figure=figure, limit="exactly 0", is_met=code == 0)


def _judged(demand: Demand, found: dict[str, float]) -> Row:
    value = found.get(demand.figure)
    if value is None:
        return Row(what=demand.figure, figure="missing", limit=demand.limit, is_met=False)
    return _row(demand, value)


def _row(demand: Demand, value: float) -> Row:
    figure = shown(value, demand.unit)
    return Row(what=demand.figure, figure=figure, limit=demand.limit, is_met=demand.is_met(value))


def _say(console: Console, each: Proven) -> None:
    if each.is_good:
        console.print(Text(f"✓ {each.part}, {_minutes(each.seconds)}", style="green"))
        return
    console.print(Text(f"✗ {each.part}, {_minutes(each.seconds)}: the end of {each.log}", style="red"))
    lines = each.log.read_text(errors="replace").splitlines() if each.log else []
    for line in lines[-_TAIL:]:
        console.print(Text(f"  {line}", style="dim"))


def _last_line(log: Path) -> str:
    with log.open("rb") as written:
        written.seek(max(0, log.stat().st_size - 400))
        lines = written.read().decode(errors="replace").strip().splitlines()
    return lines[-1].strip()[:80] if lines else ""


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d} min"


@contextmanager
def _signals_as_ctrl_c() -> Iterator[None]:
    """The parts have sessions of their own: nothing but this process ends them.

    Ctrl-C is among the signals because a shell lets what it runs in the background ignore it. A part would inherit
    that, and could not be asked to end.
    """

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    ending = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, interrupt) for number in ending}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
