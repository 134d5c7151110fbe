"""Many schedules, one for each seed."""

from collections import Counter
from dataclasses import dataclass, field

from tests.support.recovery_world.judge import BrokenRuleError
from tests.support.recovery_world.schedule import Schedule


@dataclass(slots=True)
class Report:
    """What became of many schedules."""

    seen: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)


def soak(seeds: range) -> Report:
    """Play a schedule for each seed."""
    report = Report()
    for seed in seeds:
        schedule = Schedule(seed)
        try:
            report.seen += schedule.play()
        except BrokenRuleError as error:
            report.broken.append(str(error))
    return report
