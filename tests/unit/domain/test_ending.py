"""The rules by which the end of a job is classified."""

from datetime import timedelta

import pytest

from respot.domain.ending import Budget, Trigger, budget_of, ending_of
from tests.support.builders import at, facts
from tests.support.runs import ended

CAPACITY = "CapacityError: Unable to provision requested ML compute capacity. Please retry using a different type."


@pytest.mark.parametrize(
    ("status", "secondary", "reason", "trigger"),
    [
        pytest.param("Stopped", "MaxWaitTimeExceeded", None, Trigger.MAX_WAIT_TIME_EXCEEDED, id="out of waiting time"),
        pytest.param("Stopped", "MaxRuntimeExceeded", None, Trigger.MAX_RUNTIME_EXCEEDED, id="out of runtime"),
        pytest.param("Failed", "Failed", CAPACITY, Trigger.CAPACITY_ERROR, id="no capacity"),
        pytest.param(
            "Failed",
            "Failed",
            "InternalServerError: We encountered an internal error.  Please try again.",
            Trigger.INTERNAL_SERVER_ERROR,
            id="internal error, two spaces",
        ),
        pytest.param(
            "Failed",
            "Failed",
            "InternalServerError: We encountered an internal error. Please try again.",
            Trigger.INTERNAL_SERVER_ERROR,
            id="internal error, one space",
        ),
        pytest.param("Failed", "Failed", "AlgorithmError: ExitCode 1", None, id="the training's own fault"),
        pytest.param("Failed", "Failed", "ClientError: no such object", None, id="the request's fault"),
        pytest.param(
            "Failed", "Failed", "AlgorithmError: saw a CapacityError: in a log", None, id="only the prefix counts"
        ),
        pytest.param("Failed", "Failed", None, None, id="no reason given"),
        pytest.param("Failed", "Failed", "NewKindOfError: what", None, id="a reason of tomorrow"),
        pytest.param("Stopped", "Stopped", None, None, id="stopped by a user"),
        pytest.param("Stopped", "MaxPatienceExceeded", None, None, id="a limit of tomorrow"),
        pytest.param("Deleting", "MaxWaitTimeExceeded", None, None, id="being deleted"),
        pytest.param("Completed", "Completed", None, None, id="completed"),
        pytest.param("InProgress", "MaxWaitTimeExceeded", None, None, id="not terminal"),
    ],
)
def test_only_ends_that_another_attempt_can_mend_are_triggers(
    status: str, secondary: str, reason: str | None, trigger: Trigger | None
) -> None:
    assert ending_of(ended(facts(), status, secondary, reason)).trigger is trigger


@pytest.mark.parametrize(
    ("status", "secondary", "by_a_person"),
    [
        pytest.param("Stopped", "Stopped", True, id="stopped"),
        pytest.param("Deleting", "Deleting", True, id="deleted"),
        pytest.param("Stopped", "MaxWaitTimeExceeded", False, id="waiting time"),
        pytest.param("Stopped", "MaxRuntimeExceeded", False, id="runtime"),
        pytest.param("Stopped", "MaxPatienceExceeded", False, id="an unknown limit is no person"),
        pytest.param("Failed", "Failed", False, id="failed"),
    ],
)
def test_a_persons_own_doing_is_told_from_sagemakers(status: str, secondary: str, by_a_person: bool) -> None:  # noqa: FBT001 - a case
    assert ending_of(ended(facts(), status, secondary)).by_a_person is by_a_person


@pytest.mark.parametrize(
    ("status", "secondary", "reason", "said"),
    [
        pytest.param("Completed", "Completed", None, "completed", id="completed"),
        pytest.param("Stopped", "MaxWaitTimeExceeded", None, "ran out of waiting time", id="waiting time"),
        pytest.param("Stopped", "MaxRuntimeExceeded", None, "reached its maximum runtime", id="runtime"),
        pytest.param("Stopped", "Stopped", None, "stopped by its user", id="stopped"),
        pytest.param("Deleting", "Deleting", None, "is being deleted", id="deleted"),
        pytest.param("Failed", "Failed", "AlgorithmError: boom", "failed: AlgorithmError: boom", id="failed"),
        pytest.param("Failed", "Failed", "", "failed: no reason given", id="failed without a reason"),
        pytest.param("Stopped", "Reticulated", None, "ended as Stopped/Reticulated", id="unknown"),
    ],
)
def test_an_end_is_said_in_words(status: str, secondary: str, reason: str | None, said: str) -> None:
    assert ending_of(ended(facts(), status, secondary, reason)).said == said


@pytest.mark.parametrize("launched", [False, True], ids=["never launched", "launched"])
@pytest.mark.parametrize(
    ("trigger", "without_instances", "with_instances"),
    [
        pytest.param(Trigger.CAPACITY_ERROR, Budget.CAPACITY, Budget.CAPACITY, id="capacity"),
        pytest.param(Trigger.MAX_WAIT_TIME_EXCEEDED, Budget.CAPACITY, Budget.INTERRUPTION, id="waiting time"),
        pytest.param(Trigger.INTERNAL_SERVER_ERROR, Budget.FAILURE, Budget.FAILURE, id="internal error"),
        pytest.param(Trigger.MAX_RUNTIME_EXCEEDED, Budget.FAILURE, Budget.FAILURE, id="runtime"),
    ],
)
def test_each_kind_of_trouble_is_charged_to_its_own_budget(
    trigger: Trigger,
    without_instances: Budget,
    with_instances: Budget,
    launched: bool,  # noqa: FBT001 - a case
) -> None:
    job = facts(training_started=at(250) if launched else None)

    assert budget_of(trigger, job) is (with_instances if launched else without_instances)


@pytest.mark.parametrize(
    ("seconds", "budget"),
    [
        pytest.param(None, Budget.CAPACITY, id="time unknown"),
        pytest.param(0, Budget.CAPACITY, id="no time"),
        pytest.param(1, Budget.INTERRUPTION, id="a second"),
    ],
)
def test_time_spent_in_training_proves_an_instance_too(seconds: int | None, budget: Budget) -> None:
    time = None if seconds is None else timedelta(seconds=seconds)
    job = facts(training_started=None, training_time=time)

    assert budget_of(Trigger.MAX_WAIT_TIME_EXCEEDED, job) is budget
