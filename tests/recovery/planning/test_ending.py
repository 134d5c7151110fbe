"""The rules by which the end of a job is classified."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest

from respot.recovery.planning.ending import TRIGGERS_TO_CHOOSE, Budget, Trigger, budget_of, ending_of
from respot.recovery.planning.waiting import StopIntent
from tests.support.builders import at, state
from tests.support.runs import attempt, ended

CAPACITY: Final = "CapacityError: Unable to provision requested ML compute capacity."
INTERNAL: Final = "InternalServerError: We encountered an internal error.{}Please try again."
PENDING_TIME: Final = "ran out of pending time"


@pytest.mark.parametrize(
    ("status", "secondary", "reason", "trigger", "description"),
    [
        ("Stopped", "MaxWaitTimeExceeded", None, Trigger.MAX_WAIT_TIME_EXCEEDED, "ran out of waiting time"),
        ("Stopped", "MaxRuntimeExceeded", None, Trigger.MAX_RUNTIME_EXCEEDED, "reached its maximum runtime"),
        ("Failed", "Failed", CAPACITY, Trigger.CAPACITY_ERROR, f"failed: {CAPACITY[:-1]}"),
        # In public logs there are one or two spaces.
        ("Failed", "Failed", INTERNAL.format(" "), Trigger.INTERNAL_SERVER_ERROR, "failed: InternalServerError: We"),
        ("Failed", "Failed", INTERNAL.format("  "), Trigger.INTERNAL_SERVER_ERROR, "failed: InternalServerError: We"),
        ("Failed", "Failed", "AlgorithmError: saw a CapacityError: in a log", None, "failed: AlgorithmError: saw a C"),
        ("Failed", "Failed", "", None, "failed: no reason given"),
        ("Failed", "Reticulated", None, None, "failed: ended as Reticulated"),
        ("Stopped", "MaxPatienceExceeded", None, None, "ended as Stopped/MaxPatienceExceeded"),
        ("Stopped", "MaxPendingTimeExceeded", None, Trigger.MAX_PENDING_TIME_EXCEEDED, PENDING_TIME),
        ("Stopped", "PendingTimedOut", None, Trigger.MAX_PENDING_TIME_EXCEEDED, PENDING_TIME),
        ("Failed", "PENDING_TIMEOUT", "It waited.", Trigger.MAX_PENDING_TIME_EXCEEDED, f"{PENDING_TIME}: It waited"),
        ("Failed", "MaxPendingTimeExceeded", "CapacityError: no", Trigger.CAPACITY_ERROR, "failed: CapacityError: no"),
        ("Completed", "Completed", None, None, "completed"),
        ("Completed", "PendingTimedOut", None, None, "completed"),
        ("InProgress", "Pending", None, None, "ended as InProgress/Pending"),
        ("InProgress", "MaxWaitTimeExceeded", None, None, "ended as InProgress/MaxWaitTimeExceeded"),
    ],
)
def test_only_ends_that_another_attempt_can_fix_are_triggers(
    status: str, secondary: str, reason: str | None, trigger: Trigger | None, description: str
) -> None:
    ending = ending_of(ended(state(), status, secondary, reason))
    assert (ending.trigger, ending.by_a_person) == (trigger, False)
    assert ending.description.startswith(description)
    assert (ending.description == description) or reason


@pytest.mark.parametrize(
    ("status", "secondary", "description"),
    [
        ("Stopped", "Stopped", "stopped by its user"),  # public case F09
        ("Deleting", "Deleting", "is being deleted"),
        ("Deleting", "PendingTimedOut", "is being deleted"),
    ],
)
def test_a_persons_own_action_is_distinguished_from_sagemakers(status: str, secondary: str, description: str) -> None:
    ending = ending_of(ended(state(), status, secondary))
    assert (ending.trigger, ending.description, ending.by_a_person) == (None, description, True)


def test_the_triggers_to_choose_are_all_but_respots_own() -> None:
    assert set(Trigger) - set(TRIGGERS_TO_CHOOSE) == {Trigger.GAVE_UP_WAITING}


@pytest.mark.parametrize(
    ("trigger", "without_instances", "with_instances"),
    [
        (Trigger.CAPACITY_ERROR, Budget.CAPACITY, Budget.CAPACITY),
        (Trigger.MAX_WAIT_TIME_EXCEEDED, Budget.CAPACITY, Budget.INTERRUPTION),
        (Trigger.MAX_PENDING_TIME_EXCEEDED, Budget.CAPACITY, Budget.INTERRUPTION),
        (Trigger.GAVE_UP_WAITING, Budget.CAPACITY, Budget.INTERRUPTION),
        (Trigger.INTERNAL_SERVER_ERROR, Budget.FAILURE, Budget.FAILURE),
        (Trigger.MAX_RUNTIME_EXCEEDED, Budget.FAILURE, Budget.FAILURE),
    ],
)
def test_each_kind_of_trouble_is_charged_to_its_own_budget(
    trigger: Trigger, without_instances: Budget, with_instances: Budget
) -> None:
    """A start of training or a time spent in it proves an instance."""
    without: tuple[dict[str, Any], ...] = ({"training_time": None}, {"training_time": timedelta()})
    proofs: tuple[dict[str, Any], ...] = ({"training_started": at(250)}, {"training_time": timedelta(seconds=1)})
    assert {budget_of(trigger, state(**known)) for known in without} == {without_instances}
    assert {budget_of(trigger, state(**known)) for known in proofs} == {with_instances}


# --- a stop of a job with a pending limit ---------------------------------------------------------------------------

LIMIT: Final = timedelta(hours=2)
STOP: Final = "Starting=0 Pending=5 Stopping={0} Stopped={1}"
UNCERTAIN: Final = "stopped, by its user or by SageMaker after MaxPendingTimeInSeconds of 2 h 00 min"


def test_the_state_alone_does_not_show_who_stopped_a_job_with_max_pending() -> None:
    """Public case F10: StoppingCondition.MaxPendingTimeInSeconds was set."""
    ending = ending_of(ended(state(max_pending=LIMIT), "Stopped", "Stopped"))
    assert (ending.trigger, ending.description, ending.by_a_person) == (None, "stopped", False)


@pytest.mark.parametrize(
    ("seconds", "others", "uncertain"),
    [
        pytest.param(7200, {}, True, id="at the limit"),
        pytest.param(7334, {}, True, id="as late as a real MaxWait stop"),
        pytest.param(7140, {}, True, id="when the counter begins is not known"),
        pytest.param(7139, {}, False, id="too early"),
        pytest.param(9000, {"max_pending": None}, False, id="no limit"),
        pytest.param(9000, {"training_started": at(8000)}, False, id="it had instances"),
        pytest.param(9000, {"training_time": timedelta(seconds=1)}, False, id="it had trained"),
        pytest.param(9000, {"instance_type": "ml.m5.large"}, False, id="no effect on CPU-only types"),
        pytest.param(
            *(9000, {"instance_type": None, "preferred_types": ("ml.m5.large", "ml.g5.xlarge")}, True),
            id="a list with an accelerated type",
        ),
        pytest.param(9000, {"instance_type": "ml.m5.large+ml.trn1.2xlarge"}, True, id="one type is accelerated"),
        pytest.param(9000, {"instance_type": None}, True, id="type not known"),
    ],
)
def test_a_stop_when_the_pending_limit_was_over_may_be_sagemakers(
    seconds: float, others: dict[str, Any], *, uncertain: bool
) -> None:
    known: dict[str, Any] = {"max_pending": LIMIT, "instance_type": "ml.p5.48xlarge"} | others
    ending = attempt(STOP.format(seconds, seconds + 3), **known).ending
    assert (ending.trigger, ending.uncertain, ending.by_a_person) == (None, uncertain, not uncertain)
    assert ending.description == (UNCERTAIN if uncertain else "stopped by its user")


def test_a_job_that_trained_was_stopped_by_its_user_despite_max_pending() -> None:
    trained = "Starting=0 Training=10 Interrupted=20 Stopping=9000 Stopped=9003"
    assert attempt(trained, max_pending=LIMIT, training_started=None).ending.by_a_person


def test_respots_own_stop_comes_first() -> None:
    stopped = attempt(STOP.format(7200, 7203), max_pending=LIMIT)
    intent = StopIntent(job=stopped.state.job, waiting_since=at(0), decided_at=at(7199), reason="waited too long")
    assert replace(stopped, stop_intent=intent).ending.trigger is Trigger.GAVE_UP_WAITING
