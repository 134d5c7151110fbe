"""The kill switch postpones: while it is on nothing is created or stopped, and nothing is forgotten."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Final

import pytest

from infra.config import Config
from respot.alerting.kinds import AlertKind
from respot.alerting.required import news_of
from respot.errors import PolicyInvalidError
from respot.handlers.recover import LONGEST_DELAY
from respot.jobs.job import JobId
from respot.jobs.message import write_message
from respot.queueing import QueueMessage
from respot.recovery.consumer import RecoveryConsumer
from respot.recovery.decide import Later
from respot.recovery.policy.policy import AccountPolicy
from respot.recovery.records import NoticeKind, OutcomeKind
from tests.support.builders import retry_schedule
from tests.support.memory import MemoryDelayQueue
from tests.support.recovery_environment import OPTED_IN, SECOND, RecoveryEnvironment

HALF_AN_HOUR: Final = timedelta(minutes=30)
THREE_DAYS: Final = timedelta(days=3)
POSTPONED: Final = (
    "ran out of waiting time; the account's kill switch is on: decided once it is off, "
    "until 2026-09-19 10:15 UTC at most"
)


@pytest.fixture
def env() -> RecoveryEnvironment:
    env = RecoveryEnvironment()
    env.turn_switch(on=True)
    return env


def notices(env: RecoveryEnvironment) -> dict[tuple[JobId, NoticeKind], str]:
    return {key: notice.summary for key, notice in env.runs.notices.items()}


def test_a_job_that_its_owner_opted_in_waits_and_people_are_notified_once(env: RecoveryEnvironment) -> None:
    job = env.ended()
    for _ in range(3):
        assert env.recover(job) == Later(reason=POSTPONED, delay=HALF_AN_HOUR)
        env.clock.pass_by(HALF_AN_HOUR)
    assert env.runs.decisions == {}
    assert notices(env) == {(job, NoticeKind.POSTPONED): POSTPONED}
    env.clock.pass_by(timedelta(days=2, hours=22))
    env.turn_switch(on=False)
    assert env.recover(job) is None
    assert env.sagemaker.created == [SECOND]
    assert env.outcome(job).kind is OutcomeKind.CREATED


@pytest.mark.parametrize(
    ("status", "tags"),
    [
        pytest.param("MaxWaitTimeExceeded", {}, id="nobody asked"),
        pytest.param("Completed", OPTED_IN, id="completed"),
        pytest.param("MaxRuntimeExceeded", OPTED_IN, id="an end that the policy leaves out"),
        pytest.param("MaxWaitTimeExceeded", OPTED_IN | {"sagemaker:pipeline-execution-arn": "arn:p"}, id="owned"),
        pytest.param("MaxWaitTimeExceeded", OPTED_IN | {"respot:dry-run": "on"}, id="a dry run"),
    ],
)
def test_any_other_job_is_decided_as_if_the_switch_were_off(status: str, tags: dict[str, str]) -> None:
    decisions = []
    for is_on in (False, True):
        env = RecoveryEnvironment()
        env.turn_switch(on=is_on)
        job = env.ended(status, tags=tags)
        assert env.recover(job) is None
        decision = env.decision(job).decision
        decisions.append((decision.action, decision.reason, decision.notify))
        assert notices(env) == {}
    assert decisions[0] == decisions[1]


def test_a_postponed_job_asks_neither_s3_nor_sagemaker(env: RecoveryEnvironment) -> None:
    """It is checked 144 times in three days."""
    job = env.ended()
    env.calls.clear()
    env.recover(job)
    assert {call.partition(".")[0] for call in env.calls} == {"ledger", "runs", "ssm", "switch"}


# --- how the wait ends that people were notified about


def withdrawn(env: RecoveryEnvironment, job: JobId) -> list[tuple[AlertKind, str, bool]]:
    """What people are notified of, without the notices."""
    recovery_records = env.runs.recovery_records(job)
    return [(news.kind, news.summary, news.withdrawn) for news in news_of(replace(recovery_records, notices=()))]


def _no_rule(env: RecoveryEnvironment) -> None:
    env.policies.policy = AccountPolicy()


def _tag_off(env: RecoveryEnvironment) -> None:
    env.set_tag("off")


@pytest.mark.parametrize(
    ("opt_out", "was_decided", "is_on"),
    [
        pytest.param(_no_rule, False, False, id="the policy no longer asks"),
        pytest.param(_no_rule, False, True, id="while the switch is on"),
        pytest.param(_no_rule, True, True, id="an attempt was decided on"),
        pytest.param(_tag_off, False, False, id="the owner's tag"),
        pytest.param(_tag_off, True, True, id="the owner's tag, decided"),
    ],
)
def test_an_opt_out_while_the_job_waits_is_reported_as_an_information(
    env: RecoveryEnvironment, opt_out: Callable[[RecoveryEnvironment], None], *, was_decided: bool, is_on: bool
) -> None:
    """People read that the job waits, and must not wait for ever."""
    env.set_policy(resume=True)
    env.turn_switch(on=not was_decided)
    job = env.decided(tags={}) if was_decided else env.ended(tags={})
    env.turn_switch(on=True)
    env.recover(job)
    opt_out(env)
    env.turn_switch(on=is_on)
    assert env.recover(job) is None
    assert env.sagemaker.created == []
    tagged = opt_out is _tag_off
    reason = "its owner opted out: respot:resume = off" if tagged else "not asked to resume this job (defaults)"
    assert withdrawn(env, job) == [(AlertKind.NOT_RESUBMITTED, f"not resubmitted: {reason}", True)]


@pytest.mark.parametrize(
    ("status", "reason"),
    [("MaxWaitTimeExceeded", "not asked to resume this job (defaults)"), ("Stopped", "stopped by its user")],
)
def test_a_job_held_up_by_an_invalid_policy_is_reported(env: RecoveryEnvironment, status: str, reason: str) -> None:
    """The alert said that Respot decides on it once the policy is valid; without one, nothing is reported."""
    env.set_policy(resume=status == "Stopped")
    job = env.ended(status, tags={})
    env.policies.fault = PolicyInvalidError("no JSON")
    env.recover(job)
    env.policies.fault = None
    assert env.recover(job) is None
    assert withdrawn(env, job) == [(AlertKind.NOT_RESUBMITTED, f"not resubmitted: {reason}", True)]
    unreported = RecoveryEnvironment()
    unreported.recover(unreported.ended("Stopped"))
    assert withdrawn(unreported, job) == []


# --- between the decision and the creation


def test_an_attempt_that_was_decided_on_waits_as_well(env: RecoveryEnvironment) -> None:
    env.turn_switch(on=False)
    job = env.decided()
    env.turn_switch(on=True)
    for _ in range(2):
        assert env.recover(job) == Later(reason=POSTPONED, delay=HALF_AN_HOUR)
    assert notices(env) == {(job, NoticeKind.POSTPONED): POSTPONED}
    assert (env.sagemaker.created, env.runs.outcomes) == ([], {})
    env.turn_switch(on=False)
    assert env.recover(job) is None
    assert env.outcome(job).kind is OutcomeKind.CREATED


def test_a_switch_turned_on_while_the_request_is_built_prevents_creation(env: RecoveryEnvironment) -> None:
    """What the request is built from may take a minute, most of it S3's: the switch is read just before the call."""
    env.turn_switch(on=False)
    job = env.decided()
    env.before["s3.list"] = lambda: env.turn_switch(on=True)
    env.calls.clear()
    assert env.recover(job) == Later(reason="the account's kill switch is on", delay=timedelta(seconds=1))
    assert env.sagemaker.created == []
    env.turn_switch(on=False)
    env.recover(job)
    assert env.calls[env.calls.index("sagemaker.create") - 1] == "switch.why_on"


# --- the queue


def test_three_days_of_waiting_need_fewer_receives_than_the_queues_maximum(env: RecoveryEnvironment) -> None:
    """What is over is for throttling, a quota, or an invalid policy before and after."""
    consumer = RecoveryConsumer(
        recovery=env.recovery, retry_schedule=retry_schedule(queue := MemoryDelayQueue(), longest=1800, clock=env.clock)
    )
    assert timedelta(seconds=1800) == LONGEST_DELAY
    env.set_pause(timedelta(hours=11))  # the longest pause there is
    job, received = env.ended(), 0
    ended = env.clock()
    while job not in env.runs.decisions:
        received += 1
        delivery = QueueMessage(id="m", receipt_handle="r", body=write_message(job), receive_count=received, sent=ended)
        for postponed in consumer.consume([delivery], time_left=lambda: timedelta(minutes=2)):
            assert postponed.error is None
            assert postponed.delay <= HALF_AN_HOUR
            env.clock.pass_by(queue.delays["r"])
    assert env.clock() - ended == THREE_DAYS
    assert received == 145
    assert received <= Config().recovery_max_receives * 0.75
