"""`make chaos` on the terminal: what goes on, and what came of it."""

import os
import statistics
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.text import Text

from local.chaos import runner
from local.chaos.faults import FAULTS, QUICK, UNDISTURBED, Fault
from local.chaos.runner import Round
from local.chaos.subjects import SMALL, VERDICTS, Cast
from local.proof.figures import chosen, conclude, mark, table, write

WIDTH: Final = 150
_COLUMNS: Final = ("Fault", "calls", "hit", "retried", "killed", "healed", "lost", "doubled", "wrong", "again")
_LEGEND: Final = (
    "hit: the functions' calls that the fault affected. retried: sent again by the client itself. healed: after the "
    "fault, or the last job, has ended. again: delivered to subscriber or Slack once more, under the alert's own id."
)


def main(
    console: Console | None = None,
    *,
    only: Sequence[str] = (),
    quick: bool = False,
    times: int = 1,
    figures: Path | None = None,
) -> int:
    """Inject the faults and print the table; gives 1 if anything was lost, doubled or wrong, 2 for an unknown name.

    Each fault is injected `times` times; `figures` is a file for the figures that `make proof` judges.
    """
    console = console or Console(highlight=False, width=WIDTH)
    faults, cast = (QUICK, SMALL) if quick else (FAULTS, Cast())
    names = chosen(console, "fault", (fault.name for fault in faults), only)
    if not names:
        return 2
    rounds: list[Round] = []

    def begin(fault: Fault) -> None:
        console.print(f"{fault.name}: {fault.title} …", style="dim")

    for each in runner.run([fault for fault in faults if fault.name in names], cast, times=times, begin=begin):
        rounds.append(each)
        console.print("  ", mark(good=not each.faults), f"healed after {_healed(each)}")
    console.print("", table(_COLUMNS, map(_row, rounds)), Text(_LEGEND, style="dim"))
    if times > 1:
        seconds = ", ".join(f"{each:.0f}" for each in healed_after(rounds)) or "never"
        console.print(f"healed after {seconds} s; load of the machine: {os.getloadavg()[2]:.1f}")
    write(figures, to_figures(rounds))
    wrong = [f"{each.fault.title}: {line}" for each in rounds for line in each.faults]
    return conclude(console, "Nothing was lost or doubled.", wrong)


def _row(each: Round) -> list[str]:
    calls = (each.counts[what] for what in ("calls", "hit", "retries", "killed"))
    ends = (*_ends(each).values(), each.judgement.delivered_again)
    return [each.fault.title, *map(str, calls), _healed(each), *map(str, ends)]


def _ends(each: Round) -> Counter[str]:
    return Counter({word: len(getattr(each.judgement, word)) for word in VERDICTS})


def _healed(each: Round) -> str:
    return "never" if each.heal_seconds is None else f"{each.heal_seconds:.1f} s"


def to_figures(rounds: Sequence[Round]) -> dict[str, float]:
    """What `make proof` judges."""
    healed = healed_after(rounds)
    return {
        "rounds": len(rounds),
        "not healed": sum(each.heal_seconds is None for each in rounds),
        **{word: sum(_ends(each)[word] for each in rounds) for word in VERDICTS},
        "not hit": sum(not each.was_felt for each in rounds if each.fault.name != UNDISTURBED.name),
        "healed, median": statistics.median(healed) if healed else 0.0,
        "healed, slowest": max(healed, default=0.0),
    }


def healed_after(rounds: Sequence[Round]) -> list[float]:
    """Seconds of each round with a fault that healed, the shortest first."""
    faulty = (each for each in rounds if each.fault.name != UNDISTURBED.name)
    return sorted(each.heal_seconds for each in faulty if each.heal_seconds is not None)
