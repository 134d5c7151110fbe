"""Which failures fire an alarm, and which are waited out: real handlers in outages of different lengths."""

from datetime import timedelta

import pytest

from respot.errors import (
    CreateLaterError,
    LedgerUnavailableError,
    PolicyInvalidError,
    Postponement,
    RespotError,
    UpstreamUnavailableError,
)
from respot.handlers import recover
from respot.metrics import (
    FAILED_OBSERVATION_AGE,
    FAILED_RECOVERY_AGE,
)
from respot.recovery.planning.ending import Budget
from respot.recovery.policy.policy import BackOff
from tests.infra.alarm_stage import AN_OUTAGE, LONG, START, Stage, all_alarms, each_minute, stage
from tests.infra.alarm_trouble import record_in_trouble, recover_in_trouble, recover_on
from tests.infra.synthesis import Resource
from tests.support.clock import FakeClock
from tests.support.cloudwatch import MINUTE, fired_after
from tests.support.printed import printed
from tests.support.recovery_environment import RecoveryEnvironment

__all__ = ["all_alarms", "printed", "stage"]  # fixtures


@pytest.mark.parametrize(
    "fault",
    [
        UpstreamUnavailableError("DescribeTrainingJob: ThrottlingException"),
        UpstreamUnavailableError("DescribeTrainingJob: AccessDeniedException"),
        UpstreamUnavailableError("ListTags: no answer"),
        LedgerUnavailableError("Query: AccessDeniedException"),
    ],
    ids=str,
)
def test_an_outage_of_a_quarter_of_an_hour_is_noticed_where_jobs_are_recorded(
    alarms: dict[str, Resource], stage: Stage, fault: RespotError
) -> None:
    record_in_trouble(stage, fault)
    samples = stage.emitted[FAILED_OBSERVATION_AGE]
    fired = fired_after(alarms["ObservationsFailing"], samples, since=START, until=START + LONG)
    assert fired is not None
    assert fired <= AN_OUTAGE


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        ("ledger.load", LedgerUnavailableError("Query: AccessDeniedException")),
        ("ssm.load", UpstreamUnavailableError("GetParameter: AccessDeniedException")),
        ("s3.list", UpstreamUnavailableError("ListObjectsV2: AccessDenied")),
        ("sagemaker.description", UpstreamUnavailableError("DescribeTrainingJob: no answer")),
        ("sagemaker.create", CreateLaterError("CreateTrainingJob: throttled", reason=Postponement.THROTTLED)),
        ("sagemaker.create", CreateLaterError("CreateTrainingJob: no answer", reason=Postponement.UNANSWERED)),
    ],
    ids=str,
)
def test_an_outage_of_a_quarter_of_an_hour_is_noticed_where_jobs_are_resubmitted(
    alarms: dict[str, Resource], stage: Stage, call: str, fault: RespotError
) -> None:
    recover_in_trouble(stage, call, fault)
    samples = stage.emitted[FAILED_RECOVERY_AGE]
    fired = fired_after(alarms["RecoveryFailing"], samples, since=START, until=START + LONG)
    assert fired is not None
    assert fired <= AN_OUTAGE + MINUTE


def test_an_outage_of_a_few_minutes_is_waited_out_in_silence(alarms: dict[str, Resource], stage: Stage) -> None:
    record_in_trouble(stage, UpstreamUnavailableError("ThrottlingException"), lasts=timedelta(minutes=5))
    stage.clock = FakeClock(START)
    recover_in_trouble(stage, "s3.list", UpstreamUnavailableError("SlowDown"), lasts=timedelta(minutes=5))
    for name, metric in (("ObservationsFailing", FAILED_OBSERVATION_AGE), ("RecoveryFailing", FAILED_RECOVERY_AGE)):
        assert fired_after(alarms[name], stage.emitted[metric], since=START, until=START + LONG) is None


def test_sqs_does_not_see_an_outage_in_the_age_of_the_oldest_message(alarms: dict[str, Resource], stage: Stage) -> None:
    """Its third receipt, 15 s after the first, takes a message out of SQS's metric."""
    (received,) = (
        each.received for each in record_in_trouble(stage, UpstreamUnavailableError("no answer"), lasts=LONG)
    )
    third = received[2] - START
    samples = each_minute(lambda span: span.total_seconds() if span < third else None)
    assert fired_after(alarms["ObservationsAge"], samples, since=START, until=START + LONG) is None


def waits(env: RecoveryEnvironment, why: str) -> None:
    """Give the job's message a reason to wait for hours."""
    match why:
        case "a pause":
            hours = timedelta(hours=12)
            env.set_policy(back_off=dict.fromkeys(Budget, BackOff(first=hours, longest=hours)))
        case "a quota":
            env.faults["sagemaker.create"] = CreateLaterError("ResourceLimitExceeded", reason=Postponement.QUOTA)
        case "an invalid policy":  # people are alerted
            env.faults["ssm.load"] = PolicyInvalidError("no JSON")


@pytest.mark.parametrize("why", ["a pause", "a quota", "an invalid policy"])
def test_a_job_that_waits_for_a_reason_fires_no_alarm(alarms: dict[str, Resource], stage: Stage, why: str) -> None:
    env = RecoveryEnvironment()
    queue = recover_on(stage, env)
    waits(env, why)
    stage.deliver(queue, recover.handler, until=START + timedelta(hours=1))
    assert queue.messages
    assert FAILED_RECOVERY_AGE not in stage.emitted
    backlog = each_minute(lambda span: queue.messages_visible(now=START + span), lasts=timedelta(hours=1))
    assert fired_after(alarms["RecoveryBacklog"], backlog, since=START, until=START + timedelta(hours=1)) is None


@pytest.mark.parametrize("lasts", [False, True], ids=["once", "again and again"])
@pytest.mark.parametrize("why", ["a pause", "a quota", "an invalid policy"])
def test_after_hours_of_waiting_a_failure_fires_the_alarm_only_if_it_is_repeated(
    alarms: dict[str, Resource], stage: Stage, why: str, *, lasts: bool
) -> None:
    env = RecoveryEnvironment()
    queue = recover_on(stage, env)
    waits(env, why)
    stage.deliver(queue, recover.handler, until=START + timedelta(hours=1))
    failing = queue.messages[0].visible_at
    env.faults["ledger.load"] = LedgerUnavailableError("no answer")
    stage.deliver(queue, recover.handler, until=failing)
    if not lasts:
        del env.faults["ledger.load"]
    stage.deliver(queue, recover.handler, until=failing + LONG)
    samples = stage.emitted[FAILED_RECOVERY_AGE]
    fired = fired_after(alarms["RecoveryFailing"], samples, since=failing, until=failing + LONG)
    assert (fired is not None) is lasts


def test_after_a_pause_of_hours_an_outage_of_a_few_minutes_is_waited_out_in_silence(
    alarms: dict[str, Resource], stage: Stage
) -> None:
    """The message is old, and has not been failing for long."""
    env = RecoveryEnvironment()
    queue = recover_on(stage, env)
    waits(env, "a pause")
    stage.deliver(queue, recover.handler, until=START + timedelta(hours=1))
    failing = queue.messages[0].visible_at
    env.faults["ledger.load"] = LedgerUnavailableError("no answer")
    stage.deliver(queue, recover.handler, until=failing + timedelta(minutes=5, seconds=30))
    env.faults.clear()
    stage.deliver(queue, recover.handler, until=failing + LONG)
    samples = stage.emitted[FAILED_RECOVERY_AGE]
    assert len(samples) > 5
    assert fired_after(alarms["RecoveryFailing"], samples, since=failing, until=failing + LONG) is None
