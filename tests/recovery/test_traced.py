"""Recovery as a whole keeps deadlines over public traces: judged by when the work was truly done."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Final

import pytest

from local.backtest import product, traces
from local.backtest.table import DEADLINES, cases
from local.backtest.world import HOUR, Case, World, play
from tests.support.traced_recovery import TracedRecovery

WORLD: Final = World(overhead=720)
ZONES: Final = traces.zones()
EVERY: Final = {**ZONES, **traces.regions(ZONES)}
ROOM: Final = 2 * HOUR
"""The user's own first job trains at once where it can: it needs room for one fruitless start."""


def some_cases(starts: int) -> Iterator[Case]:
    for work, deadlines in DEADLINES.items():
        for deadline in deadlines:
            if (deadline - work) * HOUR >= ROOM:
                yield from cases(EVERY, work=work, deadline=deadline, starts=starts)


@pytest.mark.parametrize("each", [*some_cases(3)], ids=lambda each: f"{each.work} {each.deadline} {each.seed}")
def test_the_backtest_does_what_recovery_does(each: Case) -> None:
    """Its planner sees what recovery reads from SageMaker, the ledger and S3, and it reacts as fast."""
    recovered = play(WORLD, each, TracedRecovery)
    assert recovered == play(WORLD, each, product.after_own_first_job())
    assert recovered.finished is not None
    assert recovered.finished <= each.deadline


def test_deadlines_are_kept_although_calls_fail() -> None:
    """Every third delivery fails, no schedule can be kept, and sweeps fail for half an hour of every two hours."""
    jobs = 0
    for each in some_cases(2):
        outcome = play(replace(WORLD, blind=1800), each, partial(TracedRecovery, faulty=True))
        assert outcome.finished is not None
        assert outcome.finished <= each.deadline
        jobs += outcome.jobs
    assert jobs > 20  # some went on demand
