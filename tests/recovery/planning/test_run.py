"""What the attempts of a run add up to."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respot.jobs.lifecycle import figures
from respot.recovery.checkpoints.checkpoint import Checkpoint
from respot.recovery.planning.ending import Budget, Trigger
from respot.recovery.planning.run import run_id
from tests.support.builders import CREATED, at, job_id
from tests.support.runs import HOUR, NEVER_LAUNCHED, OUT_OF_TIME, attempt, ended, repeated, run, saved

INTERRUPTED_ONCE = (
    "Starting=0 Downloading=100 Training=1000 Interrupted=3000 Downloading=4000 Training=4500 Stopping=6500 "
    "Uploading=6510 MaxWaitTimeExceeded=6600"
)
"""Training 1000-3000 and 4500-6500."""


@pytest.mark.parametrize(
    ("saves", "done", "lost"),
    [
        pytest.param([], 0, 4000, id="nothing saved"),
        pytest.param([saved(-100)], 0, 4000, id="saved before the run began"),
        pytest.param([saved(1000)], 0, 4000, id="saved as the training began"),
        pytest.param([saved(1600)], 600, 3400, id="saved in the first period only"),
        pytest.param([saved(3020)], 900, 2000, id="synced after the interruption"),
        pytest.param([saved(3020, "checkpoint-2"), saved(4499, "checkpoint-3")], 900, 2000, id="synced twice"),
        pytest.param([saved(2800, "checkpoint-1"), saved(6000, "checkpoint-2")], 1800, 500, id="one in each period"),
        pytest.param([saved(6000)], 900, 500, id="older ones were deleted: what they proved is not known"),
        pytest.param([saved(4500)], 0, 2000, id="long after one period, as the next began"),
        pytest.param(
            [saved(1600, "checkpoint-1"), saved(2900, "log.txt", layout=None), saved(6000, "checkpoint-2")],
            *(1500, 500),
            id="a log among checkpoints proves nothing",
        ),
        pytest.param([saved(1600), saved(6590, "checkpoint-600")], 1500, 0, id="early, and synced after the stop"),
        pytest.param([saved(1600), saved(6000, complete=False)], 600, 3400, id="incomplete ones prove nothing"),
        pytest.param([saved(1600, "weights", layout=None)], 600, 3400, id="unknown files, and nothing else"),
        pytest.param([saved(6000, "checkpoint-9"), saved(1600)], 600, 3400, id="newest is the one to resume from"),
        pytest.param([saved(6500 + 2 * HOUR)], 0, 0, id="written by somebody else, much later"),
        pytest.param([saved(6000 + 100 * n, f"checkpoint-{20 + n}") for n in range(5)], 2040, 100, id="the last five"),
        pytest.param(
            [saved(6000 + 100 * n, f"checkpoint-{80 + n}") for n in range(5)],
            1190,
            100,
            id="more than the run can have made",
        ),
        pytest.param([saved(6000 + 100 * n, f"step-{9 - n}") for n in range(3)], 100, 300, id="steps that fall"),
    ],
)
def test_work_done_is_what_the_checkpoints_prove_and_the_rest_is_lost(
    saves: list[Checkpoint], done: int, lost: int
) -> None:
    ended_run = run(attempt(INTERRUPTED_ONCE), checkpoints=tuple(saves))
    assert (ended_run.work_done().total_seconds(), ended_run.work_lost().total_seconds()) == (done, lost)


FIRST = "Starting=0 Downloading=100 Training=1000 Interrupted=8200 MaxWaitTimeExceeded=9000"
SECOND = "Starting=9010 Downloading=9100 Training=9200 Stopping=10200 MaxWaitTimeExceeded=10300"


@pytest.mark.parametrize(
    ("seen", "second", "saves", "done", "lost"),
    [
        pytest.param(None, SECOND, [saved(9700)], 500, 500, id="nothing proved by the first attempt"),
        pytest.param(saved(7200, "checkpoint-1"), SECOND, [saved(9700, "checkpoint-6")], 4900, 500, id="deleted later"),
        pytest.param(saved(7200), "Starting=9010 MaxWaitTimeExceeded=20000", [], 0, 0, id="all were deleted"),
        pytest.param(None, "Starting=9010 MaxWaitTimeExceeded=20000", [saved(2000)], 900, 0, id="the first lost work"),
    ],
)
def test_an_earlier_attempt_counts_up_to_its_last_checkpoint(
    seen: Checkpoint | None, second: str, saves: list[Checkpoint], done: int, lost: int
) -> None:
    two = run(attempt(FIRST, checkpoint=seen), attempt(second, number=2), checkpoints=tuple(saves))
    assert (two.work_done().total_seconds(), two.work_lost().total_seconds()) == (done, lost)


def test_a_training_that_has_not_ended_counts_for_nothing() -> None:
    going_on = run(attempt("Starting=0 Downloading=100 Training=1000"), checkpoints=(saved(2000),))

    assert (going_on.work_done(), going_on.work_lost()) == (timedelta(), timedelta())


STATUSES = ("Starting", "Downloading", "Training", "Interrupted", "Uploading", "Stopping", "Reticulating")


lives = st.lists(st.tuples(st.sampled_from(STATUSES), st.integers(0, 5000)), min_size=1, max_size=8)
saves = st.builds(
    lambda at, step, **others: saved(at, f"checkpoint-{step}", **others),
    *(st.integers(-5000, 150_000), st.integers(1, 9)),
    complete=st.booleans(),
    layout=st.sampled_from([None, "numbered files"]),
)


@given(st.lists(lives, min_size=1, max_size=4), st.lists(saves, max_size=8).map(tuple))
def test_work_done_and_lost_together_are_never_more_than_was_trained(
    each_life: list[list[tuple[str, int]]], checkpoints: tuple[Checkpoint, ...]
) -> None:
    clock, attempts = 0, []
    for number, life in enumerate(each_life, start=1):
        script = []
        for status, length in [*life, ("MaxWaitTimeExceeded", 0)]:
            script.append(f"{status}={clock}")
            clock += length
        seen = checkpoints[number % len(checkpoints)] if checkpoints else None
        attempts.append(attempt(" ".join(script), number=number, checkpoint=seen))
    made_up = run(*attempts, checkpoints=checkpoints)
    trained = [figures(each.transitions).trained for each in attempts]

    assert timedelta() <= made_up.work_done()
    assert timedelta() <= made_up.work_lost() <= trained[-1]
    assert made_up.work_done() + made_up.work_lost() <= sum(trained, timedelta())


def test_attempts_in_a_row_without_progress_are_counted_from_the_last() -> None:
    first, second, third = repeated(OUT_OF_TIME, 3)
    never = replace(attempt(NEVER_LAUNCHED, number=2), made_progress=None)  # it trained nothing
    good, bad = replace(first, made_progress=True), replace(first, made_progress=False)

    assert run(first, checkpoints=(saved(6000),)).attempts_without_progress() == 0
    assert run(good, replace(second, made_progress=False), third).attempts_without_progress() == 2
    assert run(bad, never, third).attempts_without_progress() == 2
    assert run(bad, second, checkpoints=(saved(20 * HOUR),)).attempts_without_progress() == 0


def test_of_an_older_record_the_checkpoint_tells_progress() -> None:
    first, second = repeated(OUT_OF_TIME, 2)
    assert run(replace(first, checkpoint=saved(6000)), second).attempts_without_progress() == 1
    assert run(replace(first, checkpoint=saved(-1)), second).attempts_without_progress() == 2


@pytest.mark.parametrize(
    ("script", "seconds"),
    [
        pytest.param(NEVER_LAUNCHED, None, id="never trained"),
        pytest.param("Starting=0 Downloading=100 Training=280 Stopped=900", 180, id="downloading"),
        pytest.param("Starting=0 Training=280 Stopped=900", None, id="no transition between"),
        pytest.param(
            "LaunchingMLInstances=0 PreparingTrainingStack=100 Downloading=200 Training=400 Stopped=900",
            300,
            id="several transitions add up",
        ),
        pytest.param(INTERRUPTED_ONCE, 900, id="the longest of two"),
        pytest.param(
            "Starting=0 Downloading=100 Interrupted=900 Starting=950 Downloading=1000 Training=1060 Stopped=2000",
            60,
            id="a download that was interrupted led to no training",
        ),
        pytest.param("Pending=0 Downloading=100 Failed=200", None, id="failed before training"),
    ],
)
def test_restart_overhead_is_the_longest_time_from_instances_to_training(script: str, seconds: int | None) -> None:
    seen = run(attempt(script)).restart_overhead()

    assert seen == (None if seconds is None else timedelta(seconds=seconds))


def test_the_restart_overhead_is_that_of_all_attempts() -> None:
    slow = attempt("Starting=0 Downloading=100 Training=700 MaxWaitTimeExceeded=900")
    fast = attempt("Starting=1000 Downloading=1100 Training=1200 MaxWaitTimeExceeded=1900", number=2)

    assert run(slow, fast).restart_overhead() == timedelta(seconds=600)


@pytest.mark.parametrize(
    ("known", "hours"),
    [
        pytest.param({"billable_time": timedelta(hours=1), "training_time": timedelta(hours=3)}, 1, id="billed"),
        pytest.param({"billable_time": timedelta(), "training_time": timedelta(hours=3)}, 0, id="nothing billed"),
        pytest.param({"training_time": timedelta(hours=3)}, 3, id="not said yet"),
        pytest.param({}, 5500 / 3600, id="nothing said: all that instances were held for"),
        pytest.param({"billable_time": timedelta(hours=1), "instance_count": 8}, 8, id="eight instances"),
        pytest.param({"billable_time": timedelta(hours=1), "instance_count": None}, 1, id="count unknown"),
    ],
)
def test_hours_are_those_billed_or_the_most_that_they_can_be(known: dict[str, Any], hours: float) -> None:
    only = attempt(INTERRUPTED_ONCE, **known)

    assert run(only).billable_hours == pytest.approx(hours)


def test_hours_of_all_attempts_add_up() -> None:
    assert run(*repeated(OUT_OF_TIME, 3, billable_time=timedelta(hours=2))).billable_hours == 6


def test_resubmissions_are_counted_by_what_they_are_charged_to() -> None:
    trained, again = repeated(OUT_OF_TIME, 2)
    never = attempt(NEVER_LAUNCHED, number=3)
    stopped = attempt("Starting=90000 Stopped=90100", number=4)
    mixed = run(trained, again, never, stopped)

    assert [mixed.resubmissions(budget) for budget in Budget] == [1, 2, 0]
    assert mixed.budget is None


@pytest.mark.parametrize(
    ("minutes", "trigger", "interruptions"),
    [
        pytest.param(239, Trigger.MAX_WAIT_TIME_EXCEEDED, 2, id="shortened"),
        pytest.param(240, Trigger.MAX_RUNTIME_EXCEEDED, 1, id="the user's own"),
        pytest.param(None, Trigger.MAX_RUNTIME_EXCEEDED, 1, id="not known"),
    ],
)
def test_reaching_a_max_runtime_shortened_for_a_deadline_counts_as_max_wait(
    minutes: int | None, trigger: Trigger, interruptions: int
) -> None:
    limit = None if minutes is None else timedelta(minutes=minutes)
    script = "Starting=30000 Downloading=30100 Training=30200 MaxRuntimeExceeded=37200"
    two = run(attempt(), attempt(script, number=2, max_runtime=limit))

    assert two.ending.trigger is trigger
    assert two.resubmissions(Budget.INTERRUPTION) == interruptions
    assert (two.budget is Budget.INTERRUPTION) is (interruptions == 2)
    shortened = "reached the maximum runtime that the deadline left for spot"
    assert (two.ending.description == shortened) is (interruptions == 2)


def test_nothing_is_shortened_where_the_users_own_runtime_is_not_known() -> None:
    first, second = repeated("Starting=0 Training=100 MaxRuntimeExceeded=7300", 2, max_runtime=None)

    assert run(first, second).budget is Budget.FAILURE


def test_a_failure_is_no_shortened_runtime() -> None:
    job = attempt(max_runtime=timedelta(hours=2), number=2)
    failed = replace(job, state=ended(job.state, "Failed", "Failed", "InternalServerError: x"))

    assert run(attempt(), failed).ending.trigger is Trigger.INTERNAL_SERVER_ERROR


def test_a_run_is_named_after_its_first_job_to_the_millisecond() -> None:
    assert run_id(job_id(created=at(0.25))) == f"us-east-1/spot-job/{round(CREATED.timestamp() * 1000) + 250}"
    assert run(*repeated(OUT_OF_TIME, 2)).created == CREATED
