"""The parts of `make proof`, as data: what each runs, and what is demanded of its figures.

A new part is one more entry: a module that takes `--figures FILE` and writes its figures there
(`local.proof.figures.write`). Limits of time are three times what was measured on two cores (docs/performance.md).
"""

from dataclasses import dataclass
from math import inf
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """The smallest or the largest value that is allowed for one of the figures that a part leaves."""

    figure: str
    least: float = -inf
    most: float = inf
    unit: str = ""

    def is_met(self, value: float) -> bool:
        """Whether this value is within the limits."""
        return self.least <= value <= self.most

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
    _chaos("chaos", rounds=25, median=10, minutes=55),
    _chaos("chaos-again", "--only", "all-at-once", "--times", "5", rounds=6, median=160, minutes=30),
    Part(
        name="load",
        arguments=("load", "--jobs", "500", "--jobs", "1000"),
        demands=(
            Demand(figure="jobs", least=1500),
            *_none_of("transitions lost", "alerts lost", "written for duplicates", "dead letters"),
            Demand(figure="events by the second", least=22),
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
        name="clients",
        arguments=("clients",),
        demands=(Demand(figure="cases", least=10), *_none_of("cases that differ")),
        minutes=30,
    ),
)

LONGEST_MINUTES: Final = 60
"""All parts together, on two cores."""
