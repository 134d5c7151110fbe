from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from respot.jobs.lifecycle import Figures, figures, has_held_instances, in_order, is_terminal, status_periods
from tests.support.builders import at, history, state, transition
from tests.support.scenarios import SCENARIOS, Scenario


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_the_scenarios_add_up_to_their_figures(scenario: Scenario) -> None:
    assert figures(history(scenario.transitions)) == Figures(
        interruptions=scenario.interruptions, waited=scenario.waited, trained=scenario.trained
    )


@pytest.mark.parametrize("script", ["", "Starting=0", "Training=20"])
def test_the_current_status_does_not_count(script: str) -> None:
    assert figures(history(script)) == Figures(interruptions=0, waited=timedelta(), trained=timedelta())


@pytest.mark.parametrize("status", ["Starting", "Pending", "LaunchingMLInstances", "Restarting", "Interrupted"])
def test_statuses_before_instances_count_as_waiting_and_unknown_ones_as_nothing(status: str) -> None:
    script = f"Downloading=0 Uploading=1 Stopping=2 Updating=3 SomethingNew=4 {status}=10 Downloading=17"
    summed = figures(history(script))
    assert (summed.waited, summed.trained) == (timedelta(seconds=7), timedelta())


def test_waiting_lasts_from_interrupted_through_starting_to_downloading() -> None:
    transitions_ = history("Starting=0 Downloading=10 Training=20 Interrupted=30 Starting=45 Downloading=100")
    assert figures(transitions_).waited == timedelta(seconds=10 + 70)


@pytest.mark.parametrize("status", ["Completed", "Failed", "Stopped", "Deleting"])
def test_a_finished_job_is_terminal(status: str) -> None:
    assert is_terminal(status)


@pytest.mark.parametrize("status", ["InProgress", "Stopping", "", "SomethingNew"])
def test_a_running_stopping_or_unknown_job_is_not_terminal(status: str) -> None:
    assert not is_terminal(status)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Starting", "Downloading"),
        ("Training", "Failed"),
        ("Stopping", "Stopped"),
        ("Uploading", "MaxWaitTimeExceeded"),
    ],
)
def test_the_end_comes_last_among_transitions_of_one_millisecond(first: str, second: str) -> None:
    both = (transition(second, 5), transition(first, 5))
    assert [each.status for each in in_order(both)] == [first, second]
    assert [each.status for each in in_order(both[::-1])] == [first, second]


def test_transitions_are_ordered_by_their_starts() -> None:
    assert in_order(reversed(history("Training=20 Starting=0"))) == history("Starting=0 Training=20")


def test_a_status_ends_where_the_next_one_begins() -> None:
    first, second = history("Starting=0 Training=20")
    assert status_periods((first, second)) == ((first, at(20)), (second, None))
    assert status_periods(()) == ()


# --- whether a job has held instances


@pytest.mark.parametrize(
    ("script", "others", "held"),
    [
        ("Interrupted=100", {}, True),
        ("Starting=0 Training=390 Stopped=400", {}, True),
        ("Starting=0 Downloading=390", {}, True),
        ("Starting=0 Interrupted=390 MaxWaitTimeExceeded=400", {}, True),
        ("Starting=0 SomethingNew=390 Stopped=400", {}, True),
        ("Completed=100", {}, True),
        ("MaxRuntimeExceeded=100", {}, True),
        ("Starting=0 Stopped=400", {"training_started": at(390)}, True),
        ("Starting=0 Stopped=400", {"training_time": timedelta(seconds=1)}, True),
        ("Starting=0 Stopped=400", {"billable_time": timedelta(seconds=1)}, True),
        ("Starting=0 Stopped=400", {"billable_time": timedelta(), "training_time": timedelta()}, False),
        ("Starting=0 Pending=10 LaunchingMLInstances=20 Restarting=30 Stopping=40 Stopped=50", {}, False),
        ("Starting=0 MaxWaitTimeExceeded=21600 Deleting=21700", {}, False),
        ("Starting=0 Failed=100", {}, False),
        ("", {}, False),
    ],
)
def test_times_and_statuses_that_need_instances_show_that_a_job_held_some(
    script: str, others: dict[str, Any], *, held: bool
) -> None:
    assert has_held_instances(state(**others), history(script)) is held


def test_an_undocumented_end_shows_no_instances() -> None:
    """MaxPendingTimeExceeded is in no SecondaryStatus list of the API Reference; TrainingJobStatus decides."""
    end = replace(transition("MaxPendingTimeExceeded", 7200), ended_as="Stopped")
    assert not has_held_instances(state(), (*history("Starting=0 Pending=10"), end))
