"""The rules by which the end of a job is classified."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from respot.recovery.planning.decision import Action
from respot.recovery.planning.ending import Budget, Trigger, budget_of, ending_of
from respot.recovery.planning.planner import plan
from respot.recovery.planning.waiting import StopIntent
from tests.support.builders import at, state
from tests.support.runs import asked, attempt, context, ended, run, without_pause

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
        pytest.param(
            *("Stopped", "MaxPendingTimeExceeded", None, Trigger.MAX_PENDING_TIME_EXCEEDED), id="out of pending time"
        ),
        pytest.param(*("Stopped", "PendingTimedOut", None, Trigger.MAX_PENDING_TIME_EXCEEDED), id="by any name"),
        pytest.param(*("Failed", "PENDING_TIMEOUT", None, Trigger.MAX_PENDING_TIME_EXCEEDED), id="failed, in capitals"),
        pytest.param(
            *("Failed", "MaxPendingTimeExceeded", "CapacityError: none", Trigger.CAPACITY_ERROR),
            id="a reason that explains",
        ),
        pytest.param("Completed", "PendingTimedOut", None, None, id="completed"),
        pytest.param("Deleting", "PendingTimedOut", None, None, id="deleted while pending"),
        pytest.param("InProgress", "Pending", None, None, id="pending still"),
        pytest.param("Deleting", "MaxWaitTimeExceeded", None, None, id="being deleted"),
        pytest.param("Completed", "Completed", None, None, id="completed"),
        pytest.param("InProgress", "MaxWaitTimeExceeded", None, None, id="not terminal"),
    ],
)
def test_only_ends_that_another_attempt_can_fix_are_triggers(
    status: str, secondary: str, reason: str | None, trigger: Trigger | None
) -> None:
    assert ending_of(ended(state(), status, secondary, reason)).trigger is trigger


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
def test_a_persons_own_action_is_distinguished_from_sagemakers(status: str, secondary: str, by_a_person: bool) -> None:  # noqa: FBT001 - a case
    assert ending_of(ended(state(), status, secondary)).by_a_person is by_a_person


@pytest.mark.parametrize(
    ("status", "secondary", "reason", "description"),
    [
        pytest.param("Completed", "Completed", None, "completed", id="completed"),
        pytest.param("Stopped", "MaxWaitTimeExceeded", None, "ran out of waiting time", id="waiting time"),
        pytest.param("Stopped", "MaxRuntimeExceeded", None, "reached its maximum runtime", id="runtime"),
        pytest.param("Stopped", "Stopped", None, "stopped by its user", id="stopped"),
        pytest.param("Deleting", "Deleting", None, "is being deleted", id="deleted"),
        pytest.param("Failed", "Failed", "AlgorithmError: boom", "failed: AlgorithmError: boom", id="failed"),
        pytest.param("Failed", "Failed", "", "failed: no reason given", id="failed without a reason"),
        pytest.param("Failed", "Reticulated", None, "failed: ended as Reticulated", id="failed as something unknown"),
        pytest.param("Failed", "PendingTimedOut", None, "ran out of pending time", id="pending time"),
        pytest.param(
            "Failed",
            "PendingTimedOut",
            "It waited.",
            "ran out of pending time: It waited",
            id="pending time, explained",
        ),
        pytest.param("Stopped", "Reticulated", None, "ended as Stopped/Reticulated", id="unknown"),
    ],
)
def test_an_end_is_described_in_words(status: str, secondary: str, reason: str | None, description: str) -> None:
    assert ending_of(ended(state(), status, secondary, reason)).description == description


@pytest.mark.parametrize("launched", [False, True], ids=["never launched", "launched"])
@pytest.mark.parametrize(
    ("trigger", "without_instances", "with_instances"),
    [
        pytest.param(Trigger.CAPACITY_ERROR, Budget.CAPACITY, Budget.CAPACITY, id="capacity"),
        pytest.param(Trigger.MAX_WAIT_TIME_EXCEEDED, Budget.CAPACITY, Budget.INTERRUPTION, id="waiting time"),
        pytest.param(Trigger.MAX_PENDING_TIME_EXCEEDED, Budget.CAPACITY, Budget.INTERRUPTION, id="pending time"),
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
    job = state(training_started=at(250) if launched else None)

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
    job = state(training_started=None, training_time=time)

    assert budget_of(Trigger.MAX_WAIT_TIME_EXCEEDED, job) is budget


# --- a stop of a job with a pending limit ---------------------------------------------------------------------------

LIMIT = timedelta(hours=2)


def test_a_stop_is_its_users_if_sagemaker_had_no_limit_to_apply() -> None:
    """Public case F09."""
    ending = ending_of(ended(state(), "Stopped", "Stopped"))
    assert (ending.trigger, ending.description, ending.by_a_person) == (None, "stopped by its user", True)


def test_the_state_alone_does_not_show_who_stopped_a_job_with_max_pending() -> None:
    """Public case F10: StoppingCondition.MaxPendingTimeInSeconds was set."""
    ending = ending_of(ended(state(max_pending=LIMIT), "Stopped", "Stopped"))
    assert (ending.trigger, ending.description, ending.by_a_person) == (None, "stopped", False)


STOP = "Starting=0 Pending=5 Stopping={0} Stopped={1}"
UNCERTAIN = "stopped, by its user or by SageMaker after MaxPendingTimeInSeconds of 2 h 00 min"


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


def test_a_doubtful_stop_is_reported_and_not_resubmitted() -> None:
    stopped = run(attempt(STOP.format(7200, 7203), max_pending=LIMIT, instance_type="ml.p5.48xlarge"))
    decision = plan(context(stopped, asked()), now=at(7300))
    assert (decision.action, decision.reason, decision.notify) == (Action.REFUSE, UNCERTAIN, True)


def test_a_job_that_ran_out_of_pending_time_is_resubmitted() -> None:
    pended = run(attempt("Starting=0 Pending=5 MaxPendingTimeExceeded=7200", max_pending=LIMIT))
    decision = plan(context(pended, asked(back_off=without_pause())), now=at(7300))
    assert (decision.action, decision.reason) == (
        Action.RESUBMIT,
        "ran out of pending time; next: spot ml.g5.2xlarge",
    )


def test_after_an_unknown_end_people_learn_that_nothing_follows() -> None:
    retired = run(attempt("Starting=0 Pending=5 Retired=7200", status="Failed"))
    decision = plan(context(retired, asked()), now=at(7300))
    assert (decision.action, decision.notify) == (Action.REFUSE, True)
    assert decision.reason == "failed: ended as Retired: repeating it would not help"
