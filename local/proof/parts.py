"""The parts of `make proof`, as data: what each runs, and what is demanded of its figures.

A new part is one more entry: a module that takes `--figures FILE` and writes its figures there
(`local.proof.figures.write`). Limits of time are three times what was measured on two cores (docs/performance.md).
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """The smallest and the largest value that is allowed for one of the figures that a part leaves."""

    figure: str
    least: float | None = None
    most: float | None = None
    unit: str = ""

    def is_met(self, value: float) -> bool:
        """Whether this value is within the limits."""
        return (self.least is None or value >= self.least) and (self.most is None or value <= self.most)

    @property
    def limit(self) -> str:
        """In words."""
        words = ("at least", self.least), ("at most", self.most)
        return " and ".join(f"{word} {shown(value, self.unit)}" for word, value in words if value is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One proof: `python -m module arguments`, stopped after `minutes`."""

    name: str
    module: str
    arguments: tuple[str, ...] = ()
    demands: tuple[Demand, ...]
    minutes: float


def shown(value: float, unit: str) -> str:
    """A figure as the table shows it."""
    number = f"{value:,.0f}" if value == int(value) else f"{value:,.1f}"
    return f"{number} {unit}" if unit else number


def none_of(*figures: str) -> tuple[Demand, ...]:
    """These must be zero."""
    return tuple(Demand(figure=figure, most=0) for figure in figures)


_CHAOS: Final = none_of("not healed", "not hit", "lost", "doubled", "wrong")

PARTS: Final = (
    Part(
        name="chaos",
        module="local",
        arguments=("chaos",),
        demands=(
            Demand(figure="rounds", least=25),
            *_CHAOS,
            Demand(figure="healed, median", most=10, unit="s"),
            Demand(figure="healed, slowest", most=220, unit="s"),
        ),
        minutes=55,
    ),
    Part(
        name="chaos-again",
        module="local",
        arguments=("chaos", "--only", "all-at-once", "--times", "5"),
        demands=(
            Demand(figure="rounds", least=6),
            *_CHAOS,
            Demand(figure="healed, median", most=160, unit="s"),
            Demand(figure="healed, slowest", most=220, unit="s"),
        ),
        minutes=30,
    ),
    Part(
        name="load",
        module="local",
        arguments=("load", "--jobs", "500", "--jobs", "1000"),
        demands=(
            Demand(figure="jobs", least=1500),
            *none_of("transitions lost", "alerts lost", "written for duplicates", "dead letters"),
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
        demands=(Demand(figure="schedules", least=20_000), *none_of("broken rules")),
        minutes=20,
    ),
    Part(
        name="clients",
        module="local",
        arguments=("clients",),
        demands=(Demand(figure="cases", least=10), *none_of("cases that differ")),
        minutes=30,
    ),
)

LONGEST_MINUTES: Final = 60
"""All parts together, on two cores."""
