"""What a job that has ended adds to the history of starts."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respot.jobs.job import Market
from respot.jobs.lifecycle import TRAINING, WAITING
from respot.recovery.planning.run import Run
from respot.recovery.planning.start_history import StartPool, StartSample, measured_starts
from tests.support.builders import REGION, at, history, state
from tests.support.runs import attempt

IMAGE = "111122223333.dkr.ecr.us-east-1.amazonaws.com/train:1"
ON_DEMAND = state(market=Market.ON_DEMAND, image=IMAGE)
SPOT = state(image=IMAGE)
OVERHEADS = StartPool(region=REGION, instance_type="ml.g5.2xlarge", image=IMAGE)
WAITS = replace(OVERHEADS, image=None)
USUAL = "Starting=0 Downloading=300 Training=390 Uploading=4000 Completed=4060"


def sample(took: float, seen: float) -> StartSample:
    return StartSample(took=timedelta(seconds=took), seen=at(seen))


def measured(script: str, of: object = ON_DEMAND) -> dict[StartPool, StartSample]:
    return {each.pool: each.sample for each in measured_starts(of, history(script))}  # type: ignore[arg-type]


def test_overhead_and_wait_are_measured_apart() -> None:
    assert measured(USUAL) == {OVERHEADS: sample(90, 390), WAITS: sample(300, 300)}


def test_a_spot_job_shows_nothing_of_the_wait_for_on_demand_capacity() -> None:
    assert measured(USUAL, SPOT) == {OVERHEADS: sample(90, 390)}


def test_of_several_starts_the_longest_counts() -> None:
    script = "Starting=0 Downloading=300 Training=390 Interrupted=900 Starting=901 Downloading=1500 Training=2220"
    assert measured(script + " Interrupted=3000 Starting=3001 Downloading=3100 Training=3110 Completed=5000", SPOT) == {
        OVERHEADS: sample(720, 2220)
    }


def test_every_status_between_instances_and_training_counts() -> None:
    script = "Pending=0 Starting=60 LaunchingMLInstances=90 PreparingTrainingStack=200 Downloading=260"
    assert measured(f"{script} NewInThe2030s=300 Training=500 Failed=600") == {
        OVERHEADS: sample(300, 500),
        WAITS: sample(200, 200),
    }


@pytest.mark.parametrize(
    "script",
    [
        "Starting=0 Stopping=300 Stopped=310",
        "Starting=0 Stopped=310",
        "Starting=0 Failed=300",
        "Starting=0 MaxWaitTimeExceeded=300",
        "Starting=0 Deleting=300",
        "Starting=0",
        "Training=0 Completed=300",
        "Completed=0",
        "",
    ],
)
def test_a_job_that_shows_no_start_adds_nothing(script: str) -> None:
    started = replace(ON_DEMAND, training_started=at(10))  # SageMaker may say so although a transition is missing
    assert measured(script) == measured(script, started) == {}


def test_a_job_that_never_trained_shows_its_wait() -> None:
    assert measured("Starting=0 Downloading=300 Failed=390") == {WAITS: sample(300, 300)}


def test_times_that_are_not_exact_are_no_measurement() -> None:
    (*exact, last) = history(USUAL)
    assert list(measured_starts(ON_DEMAND, (*exact, replace(last, provisional=True)))) == []


@pytest.mark.parametrize(
    ("of", "pools"),
    [
        (replace(ON_DEMAND, image=None), {WAITS}),
        (replace(ON_DEMAND, image=None, algorithm="xgboost"), {replace(OVERHEADS, image="xgboost"), WAITS}),
        (replace(ON_DEMAND, instance_type=None), set()),
        (replace(ON_DEMAND, market=None), {OVERHEADS}),
    ],
)
def test_what_is_not_known_is_not_guessed(of: object, pools: set[StartPool]) -> None:
    assert measured(USUAL, of).keys() == pools


statuses = st.sampled_from([*sorted(WAITING), TRAINING, "Downloading", "Stopping", "Completed", "Failed", "Other"])


@given(st.lists(st.tuples(statuses, st.integers(0, 10_000)), max_size=12))
def test_no_measurement_is_below_what_the_run_itself_has_seen(steps: list[tuple[str, int]]) -> None:
    """Of any history, however odd: the job's sample is what a run of this one job takes for its own overhead."""
    elapsed, script = 0, []
    for status, seconds in steps:
        elapsed += seconds
        script.append(f"{status}={elapsed}")
    found = measured(" ".join(script))
    transitions = history(" ".join(script))
    run = Run(id=attempt().state.job.name, attempts=(replace(attempt(), transitions=transitions),), checkpoints=())  # type: ignore[arg-type]
    assert (found[OVERHEADS].took if OVERHEADS in found else None) == run.restart_overhead()
    for each in found.values():
        assert timedelta() <= each.took <= timedelta(seconds=elapsed)
        assert at(0) <= each.seen <= at(elapsed)
