"""`make proof`: runs everything that takes too long for `make test`, and judges the figures in one table."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Final

from rich.console import Console
from rich.text import Text

from local import PROJECT
from local.proof import figures
from local.proof.parts import LONGEST_MINUTES, PARTS, Demand, Part

WIDTH: Final = 110
_STOP_SECONDS: Final = 20
"""How long a part may take to end after Ctrl-C."""
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

    Gives 0 if every demand is met, 1 if one is not, 2 for an unknown name, 130 after Ctrl-C.
    """
    console = console or Console(highlight=False, width=WIDTH)
    if unknown := set(only) - {part.name for part in parts}:
        console.print(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(p.name for p in parts)}")
        return 2
    chosen = [part for part in parts if not only or part.name in only]
    logs.mkdir(parents=True, exist_ok=True)
    rows: dict[str, list[Row]] = {}
    began = time.monotonic()
    with _signals_as_ctrl_c(), suppress(KeyboardInterrupt):
        for part in chosen:
            console.print(f"{part.name}, at most {part.minutes:g} min; log: {logs / part.name}.log", style="dim")
            rows[part.name] = run(part, logs / f"{part.name}.log")
            if not all(is_met for *_, is_met in rows[part.name]):
                lines = (logs / f"{part.name}.log").read_text(errors="replace").splitlines()[-_TAIL:]
                console.print(Text("\n".join(["✗ the end of its log:", *lines]), style="dim"))
    interrupted = len(rows) < len(chosen)
    if not interrupted and len(rows) > 1:
        rows["together"] = [_row(Demand(figure="minutes", most=LONGEST_MINUTES), (time.monotonic() - began) / 60)]
    cells = [
        (name if position == 0 else "", figure, value, limit, figures.mark(good=is_met))
        for name, of_part in rows.items()
        for position, (figure, value, limit, is_met) in enumerate(of_part)
    ]
    console.print(figures.table(("Part", "What", "Figure", "Limit", ""), cells, words=2))
    load = f"load of the machine over the last 15 minutes: {os.getloadavg()[2]:.1f}, cores: {os.cpu_count()}"
    console.print(load, style="dim")
    if interrupted:
        console.print(Text(f"✗ Interrupted after {len(rows)} of {len(chosen)} parts.", style="red"))
        return 130
    wrong = [f"{name}: {figure}" for name, of_part in rows.items() for figure, *_, is_met in of_part if not is_met]
    return figures.conclude(console, "Every demand is met.", wrong)


def run(part: Part, log: Path) -> list[Row]:
    """Run one part in a process of its own, and judge it; a part that breaks off is a row that is not met."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="respot-proof-") as directory:
        left = Path(directory) / "figures.json"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", part.module, *part.arguments, "--figures", str(left)],
                cwd=PROJECT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # it can then be stopped with all that it has started
            )
            code = None
            try:
                with suppress(subprocess.TimeoutExpired):
                    code = process.wait(part.minutes * 60)
            finally:
                _stop(process)
        found: dict[str, float] = {}
        with suppress(ValueError):  # it was stopped while it wrote
            found = figures.read(left)
    end = f"after {part.minutes:g} min: stopped" if code is None else str(code)
    minutes = f"{(time.monotonic() - began) / 60:.1f} min"
    return [
        (f"exit code, after {minutes}", end, "exactly 0", code == 0),
        *(_row(demand, found.get(demand.figure)) for demand in part.demands),
    ]


def _row(demand: Demand, value: float | None) -> Row:
    shown = "missing" if value is None else demand.shown(value)
    return demand.figure, shown, demand.limit, value is not None and demand.is_met(value)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End it as Ctrl-C does, then kill everything that is left of what it has started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_SECONDS)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


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
