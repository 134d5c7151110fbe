"""What checkpoints prove: never time that was lost."""

from datetime import timedelta

import pytest

from respot.recovery.checkpoints.checkpoint import Checkpoint
from tests.support.runs import attempt, run, saved

MINUTES = 60
TEN_LOST = " ".join(
    f"Starting={each} Downloading={each + 60} Training={each + 120} Interrupted={each + 120 + 14 * MINUTES}"
    for each in range(0, 10 * 3600, 3600)
)
"""Ten periods of 14 minutes, each lost before its first checkpoint."""
AFTER = 10 * 3600
THEN = f"{TEN_LOST} Starting={AFTER} Downloading={AFTER + 60} Training={AFTER + 120} MaxWaitTimeExceeded={AFTER + 2000}"


def steps(*found: tuple[int, int], name: str = "checkpoint") -> tuple[Checkpoint, ...]:
    return tuple(saved(at, f"{name}-{step}") for at, step in found)


def test_training_that_was_lost_is_no_work() -> None:
    """The first cause of missed deadlines: this read as 2 h 35 min."""
    proof = run(attempt(THEN), checkpoints=(saved(AFTER + 120 + 15 * MINUTES),)).proof()
    assert proof.done == timedelta(minutes=15)


TWICE = (
    "Starting=0 Downloading=0 Training=100 Interrupted=5000 Starting=5000 Downloading=6000 Training=6100 Stopped=9000"
)


@pytest.mark.parametrize(
    ("found", "done"),
    [
        pytest.param(steps((1000, 80), (2000, 180), (4000, 380)), 3724, id="steps of 10 s, less a minute for uploads"),
        pytest.param(steps((1000, 80), (2000, 180), (7000, 280), (8000, 380)), 3572, id="the same in a later period"),
        pytest.param(steps((1000, 80), (3000, 180), (7000, 280), (8000, 380)), 3572, id="the least time of a step"),
        pytest.param(steps((7000, 500), (8000, 600)), 5640, id="all older ones were deleted"),
        pytest.param(steps((7000, 700), (8000, 900)), 4230, id="the same at another rate"),
        pytest.param(steps((4000, 100), (8000, 200)), 2100 + 900, id="no rate within a period: in time"),
        pytest.param(steps((7000, 1), (7050, 2)), 950, id="two uploads at once are no rate: in time"),
        pytest.param(steps((-500, 100), (1000, 180), (2000, 280)), 1692, id="steps of an earlier run do not count"),
        pytest.param(steps((-500, 900), (1000, 80), (2000, 180)), 1692, id="unless this one began again"),
        pytest.param(steps((1000, 200), (2000, 100)), 1000, id="numbers that fall: what was before may be lost"),
        pytest.param(
            tuple(saved(at, f"size-{n}", is_counted=False) for at, n in ((1000, 1), (2000, 2))),
            1900,
            id="numbers that may be a size",
        ),
    ],
)
def test_steps_prove_work_by_the_least_time_of_a_step(found: tuple[Checkpoint, ...], done: int) -> None:
    proof = run(attempt(TWICE), checkpoints=found).proof()
    assert proof.done.total_seconds() == done


def test_loading_that_hides_in_training_is_overhead_and_no_work() -> None:
    """Training shows from 6100 on; the first 100 steps of 10 s there take until 7900: 800 s were something else."""
    found = steps((1000, 90), (2000, 190), (7900, 290), (8900, 390))
    proof = run(attempt(TWICE), checkpoints=found).proof()
    assert proof.done.total_seconds() == 390 * 9.4
    assert proof.overhead == timedelta(seconds=900)


@pytest.mark.parametrize(
    ("found", "interval", "unsaved"),
    [
        pytest.param((), None, 4900, id="nothing is saved"),
        pytest.param(steps((1000, 1)), None, 4000, id="one checkpoint shows no interval"),
        pytest.param(steps((1000, 1), (2000, 2), (3000, 3), (4900, 4)), 1000, 2900, id="the usual one"),
        pytest.param(steps((1000, 1), (2000, 2), (7000, 3), (8900, 4)), 1900, 100, id="the longer one of two"),
    ],
)
def test_the_interval_is_that_of_checkpoints_within_one_period(
    found: tuple[Checkpoint, ...], interval: int | None, unsaved: int
) -> None:
    proof = run(attempt(TWICE), checkpoints=found).proof()
    assert proof.interval == (None if interval is None else timedelta(seconds=interval))
    assert proof.unsaved == timedelta(seconds=unsaved)
