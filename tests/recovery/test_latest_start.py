"""A waiting job with a deadline has a schedule for its latest on-demand start; nothing depends on it."""

from collections.abc import Callable
from contextlib import nullcontext, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from respot.errors import (
    LedgerIncompleteError,
    PolicyInvalidError,
    ScheduleUnavailableError,
    StopRefusedError,
    UpstreamUnavailableError,
)
from respot.jobs.job import JobId, Market
from respot.recovery import wait_timeout
from respot.recovery.records import OutcomeKind
from tests.support.builders import CREATED, NAME, job_id
from tests.support.recovery_environment import OPTED_IN, SECOND, RecoveryEnvironment

FAILURE: Final = ScheduleUnavailableError("CreateSchedule: AccessDeniedException")
IN_A_DAY: Final = CREATED + timedelta(days=1)


@pytest.fixture
def env() -> RecoveryEnvironment:
    env = RecoveryEnvironment()
    env.set_policy(deadline=timedelta(hours=14), work=timedelta(hours=4))
    return env


@pytest.fixture
def latest_start(monkeypatch: pytest.MonkeyPatch) -> list[datetime | None]:
    """The latest on-demand start, as the planner gives it: the last one."""
    moments: list[datetime | None] = [IN_A_DAY]
    monkeypatch.setattr(wait_timeout, "latest_start_of", lambda _, **__: moments[-1])
    return moments


def checked(env: RecoveryEnvironment, job: JobId | None = None, **others: Any) -> JobId:  # noqa: ANN401
    """A waiting job that a sweep has checked."""
    job = job or env.submit(**others)
    env.clock.pass_by(timedelta(hours=1))
    assert env.recover(job) is None
    return job


def test_a_job_that_waits_with_a_deadline_has_a_schedule_before_it(env: RecoveryEnvironment) -> None:
    """By the planner's own rule."""
    job = checked(env)
    assert env.sagemaker.stopped == []
    assert env.clock() < env.schedules.schedules[job] < CREATED + timedelta(hours=10)


def test_with_rare_sweeps_it_is_earlier() -> None:
    moments = []
    for minutes in (5, 25):
        env = RecoveryEnvironment(sweep_interval=timedelta(minutes=minutes))
        env.set_policy(deadline=timedelta(hours=14), work=timedelta(hours=4))
        moments.append(env.schedules.schedules[checked(env)])
    assert moments[0] - moments[1] == 2 * timedelta(minutes=20)


def test_it_moves_with_the_latest_start(env: RecoveryEnvironment, latest_start: list[datetime | None]) -> None:
    job = checked(env)
    assert env.schedules.schedules == {job: IN_A_DAY}
    latest_start.append(IN_A_DAY + timedelta(hours=1))
    checked(env, job)
    assert env.schedules.schedules == {job: IN_A_DAY + timedelta(hours=1)}


@pytest.mark.usefixtures("latest_start")
def test_a_job_that_is_not_judged_has_none(env: RecoveryEnvironment) -> None:
    env.set_policy(resume=False)
    checked(env, tags={})
    assert "scheduler.keep" not in env.calls


@pytest.mark.usefixtures("latest_start")
def test_a_job_whose_deadline_is_far_away_is_judged_later(env: RecoveryEnvironment) -> None:
    """Twice its work and six hours before the deadline: an interruption may be all that has it checked before."""
    env.set_policy(deadline=timedelta(days=9))
    job = checked(env)
    assert env.schedules.schedules == {job: CREATED + timedelta(days=9) - timedelta(hours=2 * 4 + 6)}


def test_a_first_job_whose_work_is_not_known_has_none(env: RecoveryEnvironment) -> None:
    """It is never stopped for its deadline."""
    env.set_policy(work=None)
    checked(env)
    assert env.sagemaker.stopped == []
    assert "scheduler.keep" not in env.calls


@pytest.mark.parametrize("settings", [{"deadline": None}, {"dry_run": True}], ids=str)
def test_a_job_for_which_nothing_would_be_done_then_has_none(
    env: RecoveryEnvironment, settings: dict[str, object]
) -> None:
    env.set_policy(**settings)
    checked(env)
    assert "scheduler.keep" not in env.calls


def test_a_job_that_waits_on_demand_has_none(env: RecoveryEnvironment) -> None:
    env.set_ladder("on-demand")
    checked(env, market=Market.ON_DEMAND, max_wait=None)
    assert "scheduler.keep" not in env.calls


@pytest.mark.parametrize("ago", [timedelta(), timedelta(hours=3)], ids=["now", "over"])
def test_what_is_over_is_not_scheduled_but_half_an_hour_later(
    env: RecoveryEnvironment, latest_start: list[datetime | None], ago: timedelta
) -> None:
    latest_start.append(CREATED + timedelta(hours=1) - ago)
    job = checked(env)
    assert env.schedules.schedules == {job: env.clock() + timedelta(minutes=30)}


def test_a_job_that_is_stopped_needs_none(env: RecoveryEnvironment) -> None:
    env.set_policy(deadline=timedelta(hours=6))
    checked(env)
    assert env.sagemaker.stopped == [NAME]
    assert "scheduler.keep" not in env.calls


PIPELINE: Final = "arn:aws:sagemaker:us-east-1:123456789012:pipeline/p/execution/e"


@pytest.mark.parametrize(
    ("settings", "others"),
    [
        ({}, {"tags": OPTED_IN | {"sagemaker:pipeline-execution-arn": PIPELINE}}),
        ({}, {"tags": OPTED_IN | {"respot:work": "soon"}}),
        ({"dry_run": True}, {}),
        ({}, {"market": Market.ON_DEMAND, "max_wait": None}),
        ({"deadline": datetime(2030, 1, 1, tzinfo=UTC)}, {}),
    ],
    ids=["pipeline", "bad tag", "dry run", "on demand", "beyond its life"],
)
def test_of_a_job_with_a_far_deadline_for_which_nothing_would_be_done_there_is_none(
    env: RecoveryEnvironment, settings: dict[str, object], others: dict[str, Any]
) -> None:
    env.set_policy(**({"deadline": timedelta(days=9)} | settings))
    checked(env, **others)
    assert "scheduler.keep" not in env.calls


@pytest.mark.parametrize("status", ["Training", "Completed"])
def test_a_job_of_which_an_interruption_comes_late_has_none(env: RecoveryEnvironment, status: str) -> None:
    """The ledger does not know yet that it trains again, or has ended."""
    env.set_policy(deadline=timedelta(days=9))
    job = env.submit()
    env.end("Interrupted")
    env.sagemaker.move(NAME, status)
    checked(env, job)
    assert "scheduler.keep" not in env.calls


# --- once its moment has passed


def switch_on_late(env: RecoveryEnvironment) -> None:
    """The kill switch is turned on just before the stop."""
    env.after["runs.record_stop_intent"] = lambda: env.turn_switch(on=True)


def says(message: str) -> Callable[[RecoveryEnvironment], None]:
    """SageMaker's words, since ten minutes."""

    def say(env: RecoveryEnvironment) -> None:
        fake = env.sagemaker.jobs[NAME]
        since = env.clock() - timedelta(minutes=10)
        fake.state = replace(fake.state, status_message=message, last_modified=since)

    return say


def refuse(env: RecoveryEnvironment) -> None:
    """SageMaker refuses the stop."""
    env.faults["sagemaker.stop"] = StopRefusedError("AccessDeniedException")


AGAIN: Final = pytest.mark.parametrize(
    ("meddle", "minutes"),
    [
        (says("Preparing the instances for training"), 20),
        (says("Something new"), 30),
        (lambda env: env.turn_switch(on=True), 30),
        (switch_on_late, 30),
        (refuse, 30),
        (lambda env: env.set_limits(instance_types=("ml.none",)), 30),
    ],
    ids=["preparing", "unknown message", "kill switch", "kill switch at the stop", "refused", "nothing follows"],
)


@AGAIN
def test_a_job_that_is_not_stopped_then_has_a_new_one(
    env: RecoveryEnvironment, meddle: Callable[[RecoveryEnvironment], None], minutes: int
) -> None:
    job = checked(env)
    env.clock.pass_by(env.schedules.schedules.pop(job) - env.clock())
    meddle(env)
    with suppress(StopRefusedError):
        env.recover(job)
    assert env.sagemaker.stopped == []
    assert env.schedules.schedules == {job: env.clock() + timedelta(minutes=minutes)}


@AGAIN
def test_there_is_no_new_one_beyond_the_deadline(
    env: RecoveryEnvironment, meddle: Callable[[RecoveryEnvironment], None], minutes: int
) -> None:
    job = checked(env)
    env.clock.pass_by(CREATED + timedelta(hours=14) - timedelta(minutes=minutes) - env.clock())
    env.schedules.schedules.clear()
    meddle(env)
    with suppress(StopRefusedError):
        env.recover(job)
    assert (env.sagemaker.stopped, env.schedules.schedules) == ([], {})


def test_a_stop_that_was_refused_lately_is_checked_again(env: RecoveryEnvironment) -> None:
    job = checked(env)
    env.clock.pass_by(timedelta(hours=8))
    refuse(env)
    for _ in range(2):
        env.schedules.schedules.clear()
        env.clock.pass_by(timedelta(minutes=5))
        with pytest.raises(StopRefusedError):
            env.recover(job)
        assert env.schedules.schedules == {job: env.clock() + timedelta(minutes=30)}


def test_a_job_that_hangs_in_preparing_is_checked_when_it_counts_as_waiting(env: RecoveryEnvironment) -> None:
    job = checked(env)
    env.clock.pass_by(env.schedules.schedules.pop(job) - env.clock())
    says("Preparing the instances for training")(env)
    env.clock.pass_by(timedelta(minutes=20))
    env.recover(job)
    assert env.sagemaker.stopped == []
    env.clock.pass_by(env.schedules.schedules.pop(job) - env.clock())
    env.recover(job)
    assert env.sagemaker.stopped == [NAME]


# --- Respot's own attempt


def test_respots_own_attempt_has_one_as_soon_as_it_is_created(env: RecoveryEnvironment) -> None:
    """Otherwise it would have none while no sweep runs."""
    env.set_policy(deadline=timedelta(hours=20))
    env.set_ladder("spot on-demand")
    env.recover(env.ended())
    second = env.sagemaker.jobs[SECOND].state
    assert second.market is Market.SPOT
    at = env.schedules.schedules.pop(second.job)
    assert env.schedules.schedules == {}
    assert env.clock() < at < CREATED + timedelta(hours=20 - 4)
    env.observe(SECOND)
    checked(env, second.job)
    assert abs(env.schedules.schedules[second.job] - at) < timedelta(hours=1)


@pytest.mark.parametrize(
    ("ladder", "deadline"), [("on-demand", timedelta(hours=20)), ("spot on-demand", None)], ids=["on demand", "none"]
)
def test_an_attempt_without_a_latest_start_has_none(
    env: RecoveryEnvironment, ladder: str, deadline: timedelta | None
) -> None:
    env.set_policy(deadline=deadline)
    env.set_ladder(ladder)
    env.recover(env.ended())
    assert env.sagemaker.created == [SECOND]
    assert "scheduler.keep" not in env.calls


def test_a_schedule_that_fails_holds_up_no_attempt(env: RecoveryEnvironment) -> None:
    env.set_policy(deadline=timedelta(hours=20))
    env.set_ladder("spot on-demand")
    env.faults["scheduler.keep"] = FAILURE
    job = env.ended()
    assert env.recover(job) is None
    assert env.outcome(job).kind is OutcomeKind.CREATED
    assert env.schedule_failures == [f"{SECOND}: {FAILURE}"]


# --- the end


@pytest.mark.parametrize("status", ["Completed", "Failed", "Stopped", "MaxWaitTimeExceeded"])
def test_the_schedule_goes_when_the_job_has_ended(env: RecoveryEnvironment, status: str) -> None:
    job = checked(env)
    env.end(status)
    env.recover(job)
    assert job not in env.schedules.schedules
    env.calls.clear()
    env.recover(job)
    assert "scheduler.forget" not in env.calls  # once


def test_a_job_without_a_deadline_is_not_asked_about(env: RecoveryEnvironment) -> None:
    """Most functions then need no client of Scheduler."""
    env.set_policy(deadline=None)
    env.recover(env.ended())
    assert [call for call in env.calls if call.startswith("scheduler")] == []


def test_what_a_schedule_that_was_left_over_sends_changes_nothing(env: RecoveryEnvironment) -> None:
    job = checked(env)
    env.faults["scheduler.forget"] = FAILURE
    env.end()
    env.recover(job)
    created = list(env.sagemaker.created)
    assert (env.recover(job), env.sagemaker.created) == (None, created)


@pytest.mark.parametrize(("days", "done"), [(34, False), (35, True)])
def test_a_message_of_a_job_that_has_expired_from_the_ledger_is_done(
    env: RecoveryEnvironment, days: int, *, done: bool
) -> None:
    """It may have lived for 31 days, and be decided on for three more."""
    env.clock.pass_by(timedelta(days=days))
    job = job_id()
    with nullcontext() if done else pytest.raises(LedgerIncompleteError):
        assert env.recover(job) is None


# --- failures


def test_a_schedule_that_fails_is_reported_and_holds_up_nothing(env: RecoveryEnvironment) -> None:
    env.faults["scheduler.keep"] = env.faults["scheduler.forget"] = FAILURE
    job = checked(env)
    assert env.schedule_failures == [f"{NAME}: {FAILURE}"]
    checked(env, job)
    env.set_policy(deadline=timedelta(hours=8))
    checked(env, job)
    assert env.sagemaker.stopped == [NAME]  # as without schedules
    env.sagemaker.move(NAME, "Stopped")
    env.observe(NAME)
    env.recover(job)
    assert env.sagemaker.created == [SECOND]
    assert env.schedule_failures == [f"{NAME}: {FAILURE}"] * 3


@pytest.mark.parametrize("fault", [PolicyInvalidError("no policy"), UpstreamUnavailableError("no answer")], ids=str)
def test_a_policy_that_cannot_be_read_does_not_hold_up_a_completed_job(
    env: RecoveryEnvironment, fault: Exception
) -> None:
    job = env.ended("Completed")
    env.faults["ssm.load"] = fault
    assert env.recover(job) is None
    assert env.decision(job).decision.reason
