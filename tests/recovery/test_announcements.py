"""People are notified of each stop that Respot makes, and of a creation that is postponed for long."""

from datetime import timedelta
from typing import Final

import pytest

from respot.errors import (
    CreateLaterError,
    LedgerUnavailableError,
    PolicyInvalidError,
    Postponement,
    StopFailedError,
    StopRefusedError,
    UpstreamUnavailableError,
)
from respot.jobs.job import JobId
from respot.recovery.records import NoticeKind, OutcomeKind
from tests.support.builders import NAME
from tests.support.recovery_environment import SECOND, RecoveryEnvironment
from tests.support.with_hooks import ProcessCrashError

STOPPED_BY_US: Final = NoticeKind.WAIT_LIMIT_EXCEEDED
LATE: Final = NoticeKind.CREATION_POSTPONED
QUOTA: Final = CreateLaterError("spot-job-r2: a quota is used up; try again later", reason=Postponement.QUOTA)
NO_ANSWER: Final = CreateLaterError("spot-job-r2: no answer", reason=Postponement.UNANSWERED)
THROTTLED: Final = CreateLaterError("spot-job-r2: throttled", reason=Postponement.THROTTLED)


@pytest.fixture
def env() -> RecoveryEnvironment:
    env = RecoveryEnvironment()
    env.set_policy(give_up_waiting_after=timedelta(hours=2))
    env.set_ladder("spot:1 on-demand:1")
    return env


def waiting(env: RecoveryEnvironment) -> JobId:
    job = env.submit()
    env.clock.pass_by(timedelta(hours=2, minutes=5))
    return job


def stopped(env: RecoveryEnvironment) -> JobId:
    env.clock.pass_by(timedelta(seconds=5))
    env.sagemaker.move(NAME, "Stopped")
    env.observe(NAME)
    return env.sagemaker.jobs[NAME].state.job


def kinds(env: RecoveryEnvironment) -> list[NoticeKind]:
    return [kind for _, kind in env.runs.notices]


# --- stops


def test_people_are_notified_of_a_stop_at_once_and_once(env: RecoveryEnvironment) -> None:
    job = waiting(env)
    env.recover(job)
    notice = env.runs.notices[job, STOPPED_BY_US]
    assert notice.noticed_at == env.clock()
    assert notice.summary == (
        "has waited for spot ml.g5.2xlarge since 2026-09-16 09:00 UTC, longer than 2 h 00 min: stopping it; "
        "next: on-demand ml.g5.2xlarge"
    )
    env.recover(stopped(env))
    assert kinds(env) == [STOPPED_BY_US]
    assert env.runs.notices[job, STOPPED_BY_US] == notice


@pytest.mark.parametrize("error", [ProcessCrashError(), StopFailedError("no answer"), LedgerUnavailableError("down")])
@pytest.mark.parametrize("call", ["sagemaker.stop", "runs.notice"])
def test_a_stop_is_announced_although_its_answer_or_the_process_was_lost(
    env: RecoveryEnvironment, call: str, error: BaseException
) -> None:
    job = waiting(env)
    env.afterwards["sagemaker.stop"] = error
    if call == "runs.notice":
        env.afterwards.clear()
        env.faults["runs.notice"] = error
    with pytest.raises(type(error)):
        env.recover(job)
    env.afterwards.clear()
    env.faults.clear()
    env.recover(stopped(env))
    assert kinds(env) == [STOPPED_BY_US]
    assert env.sagemaker.created == [SECOND]


def test_a_stop_is_announced_although_the_job_ran_out_of_waiting_time_while_it_was_being_stopped(
    env: RecoveryEnvironment,
) -> None:
    job = waiting(env)
    env.afterwards["sagemaker.stop"] = ProcessCrashError()
    with pytest.raises(ProcessCrashError):
        env.recover(job)
    env.afterwards.clear()
    env.clock.pass_by(timedelta(minutes=1))
    env.sagemaker.move(NAME, "MaxWaitTimeExceeded")
    env.observe(NAME)
    env.recover(job)
    assert kinds(env) == [STOPPED_BY_US]


def test_a_stop_that_did_not_happen_is_not_announced(env: RecoveryEnvironment) -> None:
    job = waiting(env)
    env.faults["sagemaker.stop"] = StopRefusedError("AccessDenied")
    with pytest.raises(StopRefusedError):
        env.recover(job)
    env.faults.clear()
    env.before["sagemaker.stop"] = lambda: env.sagemaker.move(NAME, "Failed", "gone")
    env.clock.pass_by(timedelta(hours=2))
    env.recover(job)
    assert kinds(env) == []


def test_a_users_stop_is_not_announced_as_respots(env: RecoveryEnvironment) -> None:
    waiting(env)
    env.sagemaker.move(NAME, "Stopping")
    env.recover(stopped(env))
    assert kinds(env) == []


def test_a_users_stop_after_respots_withdrawn_intent_is_not_announced_as_respots(env: RecoveryEnvironment) -> None:
    job = waiting(env)
    env.after["runs.record_stop_intent"] = lambda: env.turn_switch(on=True)
    env.recover(job)
    assert env.runs.stop_intents[job].withdrawn
    env.turn_switch(on=False)
    env.sagemaker.move(NAME, "Stopping")
    env.recover(stopped(env))
    assert kinds(env) == []


def test_the_announced_stop_has_an_end_although_its_owner_opted_out_meanwhile(env: RecoveryEnvironment) -> None:
    job = waiting(env)
    env.recover(job)
    env.set_tag("off")
    env.recover(stopped(env))
    assert env.decision(job).decision.notify


@pytest.mark.parametrize("status", ["Completed", "Stopped"])
def test_a_job_that_had_only_a_warning_ends_without_an_alert(env: RecoveryEnvironment, status: str) -> None:
    env.set_policy(give_up_waiting_after=None, deadline=timedelta(hours=14))
    job = env.submit()
    env.clock.pass_by(timedelta(hours=1))
    env.recover(job)
    assert len(kinds(env)) == 1
    env.end(status)
    env.recover(job)
    assert not env.decision(job).decision.notify


def test_a_warning_hides_no_end_that_people_wait_for(env: RecoveryEnvironment) -> None:
    env.set_policy(deadline=timedelta(hours=6))
    job = env.submit()
    for _ in range(2):
        env.clock.pass_by(timedelta(minutes=70))
        env.recover(job)
    assert kinds(env) == [NoticeKind.WORK_UNKNOWN, STOPPED_BY_US]
    env.set_tag("off")
    env.recover(stopped(env))
    assert env.decision(job).decision.notify


# --- creations


@pytest.mark.parametrize("error", [QUOTA, NO_ANSWER, THROTTLED], ids=lambda error: error.reason)
def test_people_are_notified_once_of_a_creation_that_is_postponed_for_more_than_a_quarter_of_an_hour(
    env: RecoveryEnvironment, error: CreateLaterError
) -> None:
    job = env.ended()
    env.faults["sagemaker.create"] = error
    for minutes in (0, 15):
        env.clock.pass_by(timedelta(minutes=minutes))
        deliver(env, job)
        assert kinds(env) == []
    env.clock.pass_by(timedelta(minutes=1))
    deliver(env, job)
    notice = env.runs.notices[job, LATE]
    assert notice.summary == (
        f"{SECOND} was to be created at 2026-09-16 10:15 UTC: {error}; "
        "it is tried again within half an hour each time, until 2026-09-19 10:15 UTC"
    )
    env.clock.pass_by(timedelta(hours=1))
    deliver(env, job)
    assert env.runs.notices == {(job, LATE): notice}
    env.faults.clear()
    env.recover(job)
    assert env.outcome(job).kind == "created"


@pytest.mark.parametrize(
    "call",
    [
        "sagemaker.page",
        "sagemaker.describe",
        "sagemaker.description",
        "sagemaker.tags",
        "s3.list",
        "ssm.load",
        "switch.why_on",
        "runs.record_creation_intent",
    ],
)
@pytest.mark.parametrize("error", [UpstreamUnavailableError("no answer"), RuntimeError("odd")], ids=["silence", "odd"])
def test_people_are_notified_once_whatever_delays_a_creation(
    env: RecoveryEnvironment, call: str, error: Exception
) -> None:
    job = env.decided()
    env.faults[call] = error
    for minutes in (14, 2, 60):
        assert kinds(env) == []
        env.clock.pass_by(timedelta(minutes=minutes))
        with pytest.raises(type(error)):
            env.recover(job)
        if minutes == 2:
            notice = env.runs.notices.pop((job, LATE))
            assert f"was to be created at 2026-09-16 10:15 UTC: {error}; it is tried again" in notice.summary
            env.faults["runs.notice"] = LedgerUnavailableError("down")  # the cause is what the message returns with


def test_a_creation_that_another_delivery_has_settled_is_not_late(env: RecoveryEnvironment) -> None:
    job = env.decided()
    env.clock.pass_by(timedelta(minutes=16))

    def other() -> None:
        env.recover(job)
        env.faults["s3.list"] = UpstreamUnavailableError("no answer")

    env.before["sagemaker.tags"] = other
    with pytest.raises(UpstreamUnavailableError):
        env.recover(job)
    assert (env.outcome(job).kind, kinds(env)) == (OutcomeKind.CREATED, [])


def test_a_creation_that_waits_by_plan_is_not_announced_as_late(env: RecoveryEnvironment) -> None:
    job = env.decided()
    env.turn_switch(on=True)
    env.clock.pass_by(timedelta(hours=1))
    assert env.recover(job)
    assert kinds(env) == [NoticeKind.POSTPONED]


def test_an_invalid_policy_has_its_own_notice(env: RecoveryEnvironment) -> None:
    job = env.decided()
    env.faults["ssm.load"] = PolicyInvalidError("a typing error")
    env.clock.pass_by(timedelta(hours=1))
    assert env.recover(job)
    assert kinds(env) == [NoticeKind.POLICY_INVALID]


def deliver(env: RecoveryEnvironment, job: JobId) -> None:
    try:
        env.recover(job)
    except CreateLaterError:
        assert "sagemaker.create" in env.faults


def test_a_refused_creation_is_reported_by_its_outcome_alone(env: RecoveryEnvironment) -> None:
    job = env.decided()
    env.clock.pass_by(timedelta(hours=1))
    env.recover(job)
    assert kinds(env) == []
