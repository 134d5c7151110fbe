"""Named lifecycles and scripts."""

from datetime import timedelta

import pytest

from local.sagemaker import lifecycle
from local.sagemaker.billing import billable_seconds, training_seconds
from local.sagemaker.lifecycle import parse

# Managed Spot Training Lifecycle, in "Managed Spot Training in Amazon SageMaker"; the last is a real job of 2026.
DOCUMENTED = {
    "uninterrupted": "Starting Downloading Training Uploading Completed",
    "interrupted-once": ("Starting Downloading Training Interrupted Starting Downloading Training Uploading Completed"),
    "interrupted-twice-max-wait": (
        "Starting Downloading Training Interrupted Starting Downloading Training Interrupted Downloading Training "
        "Stopping MaxWaitTimeExceeded"
    ),
    "never-launched": "Starting Stopping MaxWaitTimeExceeded",
    "queued-then-max-wait": "Starting Downloading Training Stopping Uploading MaxWaitTimeExceeded",
}


@pytest.mark.parametrize("name", DOCUMENTED)
def test_a_named_lifecycle_has_the_documented_order(name: str) -> None:
    assert parse(name).statuses == tuple(DOCUMENTED[name].split())


@pytest.mark.parametrize("name", lifecycle.NAMED)
def test_a_named_lifecycle_is_short_enough_for_a_demo(name: str) -> None:
    assert 4 <= parse(name).seconds <= 10


def test_every_named_lifecycle_is_documented_here() -> None:
    assert set(lifecycle.NAMED) == set(DOCUMENTED)


def test_a_script_without_a_terminal_status_completes() -> None:
    fate = parse("Starting=0.4 Downloading=0.2 Training=1 Interrupted=0.5 Training=1 Uploading=0.1")
    assert fate.statuses[-1] == "Completed"
    assert fate.seconds == pytest.approx(3.2)


@pytest.mark.parametrize(
    ("end", "status", "reason"),
    [
        ("Completed", "Completed", None),
        ("Stopped", "Stopped", None),
        ("MaxRuntimeExceeded", "MaxRuntimeExceeded", None),
        ("MaxWaitTimeExceeded", "MaxWaitTimeExceeded", None),
        ("MaxPendingTimeExceeded", "MaxPendingTimeExceeded", None),
        ("Failed", "Failed", "AlgorithmError: "),
        ("Failed=AlgorithmError", "Failed", "AlgorithmError: "),
        ("Failed=ClientError", "Failed", "ClientError: "),
        ("Failed=CapacityError", "Failed", "CapacityError: Unable to provision requested ML compute capacity. "),
        ("Failed=InternalServerError", "Failed", "InternalServerError: We encountered an internal error."),
    ],
)
def test_a_script_may_say_how_it_ends(end: str, status: str, reason: str | None) -> None:
    fate = parse(f"Pending=1 {end}")
    assert fate.end == status
    assert (fate.failure_reason or "").startswith(reason or "")
    assert (fate.failure_reason is None) == (reason is None)


@pytest.mark.parametrize(
    ("script", "complaint"),
    [
        ("", "empty"),
        ("interupted-once", "is not Status=seconds"),
        ("Starting", "needs a number"),
        ("Starting=soon", "needs a number"),
        ("Starting=-1", "needs a number"),
        ("Starting=1e9", "needs a number"),
        ("Sleeping=1", "is not Status=seconds"),
        ("Completed", "needs a phase"),
        ("Starting=1 Completed=1", "takes no value"),
        ("Completed Starting=1", "is not Status=seconds"),
        ("Starting=1 Failed=Meteor", "fails with one of CapacityError"),
    ],
    ids=lambda value: value or "nothing",
)
def test_a_bad_script_is_refused_with_what_to_write_instead(script: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        parse(script)


def test_a_repeated_status_is_one_transition_in_which_the_message_changes() -> None:
    fate = parse("Starting=1 Starting=1 Starting=2 Starting=4 Downloading=1")
    assert fate.periods[0] == ("Starting", timedelta(), timedelta(seconds=8))
    starting = [moment for moment in fate.moments if moment.status == "Starting"]
    assert [(each.message.split()[0], each.after.total_seconds(), each.announced) for each in starting] == [
        ("Starting", 0.0, True),
        ("Launching", 1.0, True),
        ("Insufficient", 2.0, True),
        ("Insufficient", 4.0, True),
        ("Preparing", 7.2, True),
    ]


def messages(script: str, status: str) -> list[tuple[str, bool]]:
    return [(each.message, each.announced) for each in parse(script).moments if each.status == status]


def test_a_short_start_ends_with_a_message_that_no_event_has() -> None:
    assert messages("uninterrupted", "Starting")[-1] == ("Preparing the instances for training", False)


def test_a_pending_job_says_what_real_ones_say() -> None:
    """As in public logs of on-demand jobs of 2024."""
    said = [message for message, _ in messages("Starting=0.1 Pending=2 Downloading=1", "Pending")]
    assert said == ["Training job waiting for capacity", "Preparing the instances for training"]


def test_a_job_that_never_launched_prepares_nothing() -> None:
    assert len(messages("never-launched", "Starting")) == 1


@pytest.mark.parametrize(
    ("name", "spot", "on_demand"),
    [
        ("uninterrupted", (4, 1), (4, 4)),
        ("interrupted-once", (6, 2), (6, 6)),
        ("interrupted-twice-max-wait", (6, 2), None),
        ("never-launched", (None, None), None),
        ("queued-then-max-wait", (3, 1), None),
        ("Starting=1 Training=500", (500, 175), (500, 500)),
        ("Starting=1 Training=0.1", (1, 1), (1, 1)),
        ("Starting=1 Interrupted=1 Stopping=5", (None, None), None),
        ("Downloading=1 Training=1 Interrupted=9 Stopping=9 MaxWaitTimeExceeded", (2, 1), None),
    ],
)
def test_training_and_billable_seconds_can_be_known_beforehand(
    name: str,
    spot: tuple[int | None, int | None],
    on_demand: tuple[int | None, int | None] | None,
) -> None:
    training = training_seconds((status, length) for status, _, length in parse(name).periods)
    assert (training, billable_seconds(training, spot=True)) == spot
    if on_demand:
        assert (training, billable_seconds(training, spot=False)) == on_demand


def test_speed_shortens_every_transition() -> None:
    fate = parse("interrupted-once")
    assert fate.faster(4).seconds == pytest.approx(fate.seconds / 4)
    assert fate.faster(4).statuses == fate.statuses


def test_only_spot_jobs_can_be_interrupted_or_wait_too_long() -> None:
    needs = {name for name in lifecycle.NAMED if parse(name).needs_spot}
    assert needs == set(lifecycle.NAMED) - {"uninterrupted"}
