"""The kill switch postpones: while it is on nothing is created or stopped, and nothing is forgotten."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from infra.config import Config
from respot.alerting.kinds import AlertKind
from respot.alerting.required import news_of
from respot.errors import PolicyInvalidError, UpstreamUnavailableError
from respot.handlers.recover import LONGEST_DELAY
from respot.jobs.job import JobId
from respot.jobs.message import write_message
from respot.queueing import QueueMessage
from respot.recovery.consumer import RecoveryConsumer
from respot.recovery.decide import Later
from respot.recovery.planning.decision import Action
from respot.recovery.planning.ending import Budget
from respot.recovery.policy.policy import AccountPolicy, BackOff
from respot.recovery.records import NoticeKind, OutcomeKind
from tests.support.builders import NAME, retry_schedule
from tests.support.memory import MemoryDelayQueue
from tests.support.recovery_environment import OPTED_IN, SECOND, RecoveryEnvironment

HALF_AN_HOUR = timedelta(minutes=30)
THREE_DAYS = timedelta(days=3)
POSTPONED = (
    "ran out of waiting time; the account's kill switch is on: decided once it is off, "
    "until 2026-09-19 10:15 UTC at most"
)


@pytest.fixture
def env() -> RecoveryEnvironment:
    env = RecoveryEnvironment()
    env.kill_switch.is_on = True
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


def test_a_job_that_the_policy_opted_in_waits_too(env: RecoveryEnvironment) -> None:
    env.set_policy(resume=True)
    job = env.ended(tags={})
    assert env.recover(job) == Later(reason=POSTPONED, delay=HALF_AN_HOUR)
    assert notices(env).keys() == {(job, NoticeKind.POSTPONED)}


def test_once_the_switch_is_off_it_is_decided_and_resubmitted(env: RecoveryEnvironment) -> None:
    job = env.ended()
    env.recover(job)
    env.clock.pass_by(timedelta(days=2, hours=23))
    env.kill_switch.is_on = False
    assert env.recover(job) is None
    assert env.sagemaker.created == [SECOND]
    assert env.outcome(job).kind is OutcomeKind.CREATED


def test_after_three_days_it_is_refused_and_people_are_notified(env: RecoveryEnvironment) -> None:
    job = env.ended()
    env.clock.pass_by(THREE_DAYS - timedelta(minutes=10))
    assert env.recover(job) == Later(reason=POSTPONED, delay=timedelta(minutes=10))
    env.clock.pass_by(timedelta(minutes=10))
    assert env.recover(job) is None
    decision = env.decision(job).decision
    assert (decision.action, decision.notify) == (Action.REFUSE, True)
    assert decision.reason == (
        "ended 3 d 00 h ago, and a job is resubmitted within 3 d 00 h of its end or not at all; the account's kill "
        "switch is on; to continue, submit a new job with the same checkpoint location"
    )
    env.kill_switch.is_on = False
    env.recover(job)
    assert env.sagemaker.created == []


def test_without_a_checkpoint_location_the_refusal_speaks_of_none(env: RecoveryEnvironment) -> None:
    job = env.ended(checkpoint_uri=None)
    env.clock.pass_by(THREE_DAYS)
    env.recover(job)
    assert env.decision(job).decision.reason.endswith(
        "; to start it again, from scratch, submit a new job: no checkpoint location is configured"
    )


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(lambda env: env.ended(tags={}), id="nobody asked"),
        pytest.param(lambda env: env.ended("Completed"), id="completed"),
        pytest.param(lambda env: env.ended("Stopped"), id="stopped by its user"),
        pytest.param(lambda env: env.ended("Failed", "AlgorithmError: boom"), id="its own failure"),
        pytest.param(lambda env: env.ended("MaxRuntimeExceeded"), id="an end that the policy leaves out"),
        pytest.param(lambda env: env.ended(tags={"respot:resume": "yes"}), id="a bad tag"),
        pytest.param(
            lambda env: env.ended(tags={**OPTED_IN, "sagemaker:pipeline-execution-arn": "arn:p"}),
            id="owned by a pipeline",
        ),
        pytest.param(lambda env: env.ended(tags={**OPTED_IN, "respot:dry-run": "on"}), id="a dry run"),
    ],
)
def test_any_other_job_is_decided_as_if_the_switch_were_off(end: Callable[[RecoveryEnvironment], JobId]) -> None:
    decisions = []
    for is_on in (False, True):
        env = RecoveryEnvironment()
        env.kill_switch.is_on = is_on
        job = end(env)
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


def withdrawn(env: RecoveryEnvironment, job: JobId) -> list[tuple[AlertKind, str, bool]]:
    """What people are notified of, without the notices."""
    recovery_records = env.runs.recovery_records(job)
    return [(news.kind, news.summary, news.withdrawn) for news in news_of(replace(recovery_records, notices=()))]


def _no_rule(env: RecoveryEnvironment) -> None:
    env.policies.policy = AccountPolicy()


def _tag_off(env: RecoveryEnvironment) -> None:
    env.sagemaker.jobs[NAME].tags["respot:resume"] = "off"


OPT_OUTS = [
    pytest.param(_no_rule, "not asked to resume this job (defaults)", id="the policy no longer asks"),
    pytest.param(_tag_off, "its owner opted out: respot:resume = off", id="the owner's tag"),
]


@pytest.mark.parametrize(("opt_out", "reason"), OPT_OUTS)
def test_an_opt_out_while_the_job_waits_is_reported_as_an_information(
    env: RecoveryEnvironment, opt_out: Callable[[RecoveryEnvironment], None], reason: str
) -> None:
    """People read that the job waits, and must not wait for ever."""
    env.set_policy(resume=True)
    job = env.ended(tags={})
    env.recover(job)
    opt_out(env)
    env.kill_switch.is_on = False
    assert env.recover(job) is None
    assert env.sagemaker.created == []
    assert withdrawn(env, job) == [(AlertKind.NOT_RESUBMITTED, f"not resubmitted: {reason}", True)]


def test_a_job_no_longer_wanted_stops_waiting_while_the_switch_is_on(
    env: RecoveryEnvironment,
) -> None:
    env.set_policy(resume=True)
    job = env.ended(tags={})
    env.recover(job)
    _no_rule(env)
    assert env.recover(job) is None
    assert env.decision(job).decision.action is Action.NOTHING
    assert len(withdrawn(env, job)) == 1


@pytest.mark.parametrize(("opt_out", "reason"), OPT_OUTS)
def test_an_opt_out_cancels_a_waiting_attempt_as_well(
    env: RecoveryEnvironment, opt_out: Callable[[RecoveryEnvironment], None], reason: str
) -> None:
    env.kill_switch.is_on = False
    env.set_policy(resume=True)
    job = env.decided(tags={})
    env.kill_switch.is_on = True
    env.recover(job)
    opt_out(env)
    env.recover(job)
    assert withdrawn(env, job) == [(AlertKind.NOT_RESUBMITTED, f"not resubmitted: {reason}", True)]


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("MaxWaitTimeExceeded", "not asked to resume this job (defaults)"),
        ("Stopped", "stopped by its user"),
    ],
)
def test_a_job_held_up_by_an_invalid_policy_is_reported(env: RecoveryEnvironment, status: str, reason: str) -> None:
    """The alert said that Respot decides on it once the policy is valid; see also `test_silence`."""
    env.set_policy(resume=status == "Stopped")
    job = env.ended(status, tags={})
    env.policies.fault = PolicyInvalidError("no JSON")
    env.recover(job)
    env.policies.fault = None
    assert env.recover(job) is None
    assert withdrawn(env, job) == [(AlertKind.NOT_RESUBMITTED, f"not resubmitted: {reason}", True)]


def test_a_job_without_alerts_is_left_alone_in_silence(env: RecoveryEnvironment) -> None:
    job = env.ended(tags={})
    env.recover(job)
    assert withdrawn(env, job) == []


def test_a_switch_that_cannot_be_read_decides_nothing(env: RecoveryEnvironment) -> None:
    job = env.ended()
    env.kill_switch.fault = UpstreamUnavailableError("throttled")
    with pytest.raises(UpstreamUnavailableError):
        env.recover(job)
    assert (env.runs.decisions, env.runs.notices) == ({}, {})


# --- between the decision and the creation


@pytest.fixture
def decided() -> RecoveryEnvironment:
    """A decision to resubmit, whose attempt could not be created yet."""
    env = RecoveryEnvironment()
    env.decided()
    env.kill_switch.is_on = True
    return env


def the_job(env: RecoveryEnvironment) -> JobId:
    return env.sagemaker.jobs[NAME].state.job


def test_an_attempt_that_was_decided_on_waits_as_well(decided: RecoveryEnvironment) -> None:
    job = the_job(decided)
    for _ in range(2):
        assert decided.recover(job) == Later(reason=POSTPONED, delay=HALF_AN_HOUR)
    assert notices(decided) == {(job, NoticeKind.POSTPONED): POSTPONED}
    assert (decided.sagemaker.created, decided.runs.outcomes) == ([], {})
    decided.kill_switch.is_on = False
    assert decided.recover(job) is None
    assert decided.outcome(job).kind is OutcomeKind.CREATED


def test_after_three_days_it_is_called_off_and_people_are_notified(decided: RecoveryEnvironment) -> None:
    job = the_job(decided)
    decided.clock.pass_by(THREE_DAYS)
    assert decided.recover(job) is None
    assert decided.outcome(job).kind is OutcomeKind.CANCELLED
    assert "3 d 00 h of its end or not at all; the account's kill switch is on" in decided.outcome(job).summary


def test_the_switch_is_read_again_just_before_the_creation() -> None:
    """What the request is built from may take a minute, most of it S3's."""
    env = RecoveryEnvironment()
    env.kill_switch.is_on = False
    job = env.ended()
    env.calls.clear()
    env.recover(job)
    last = len(env.calls) - env.calls.index("sagemaker.create")
    assert env.calls[-last - 1] == "switch.why_on"


def test_a_switch_turned_on_while_the_request_is_built_prevents_creation() -> None:
    env = RecoveryEnvironment()
    job = env.ended()
    listing = env.checkpoints.list

    def list_slowly(*where: object) -> object:
        env.kill_switch.is_on = True
        return listing(*where)  # type: ignore[arg-type]

    object.__setattr__(
        env.recovery.decider.contexts, "checkpoints", type("Slow", (), {"list": staticmethod(list_slowly)})
    )
    assert env.recover(job) == Later(reason=POSTPONED, delay=HALF_AN_HOUR)
    env.kill_switch.is_on = False
    assert env.recover(job) == Later(reason="the account's kill switch is on", delay=timedelta(seconds=1))
    assert env.sagemaker.created == []


# --- the queue


def test_three_days_of_waiting_need_fewer_receives_than_the_queues_maximum(env: RecoveryEnvironment) -> None:
    """What is over is for throttling, a quota, or an invalid policy before and after."""
    consumer = RecoveryConsumer(
        recovery=env.recovery, retry_schedule=retry_schedule(queue := MemoryDelayQueue(), longest=1800, clock=env.clock)
    )
    assert timedelta(seconds=1800) == LONGEST_DELAY
    hours = timedelta(hours=11)  # the longest pause there is
    env.set_policy(back_off=dict.fromkeys(Budget, BackOff(first=hours, longest=hours)))
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
