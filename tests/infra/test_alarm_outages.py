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
    "fault", [UpstreamUnavailableError("ListTags: no answer"), LedgerUnavailableError("Query: denied")], ids=str
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


@pytest.mark.parametrize(
    ("minutes", "fires"), [(0, False), (5.5, False), (120, True)], ids=["one failure", "a few minutes", "an outage"]
)
@pytest.mark.parametrize("why", ["a pause", "a quota", "an invalid policy"])
def test_a_job_that_waits_for_a_reason_fires_no_alarm_unless_it_fails_again_and_again_afterwards(
    alarms: dict[str, Resource], stage: Stage, why: str, minutes: float, *, fires: bool
) -> None:
    """The message is old, and has not been failing for long."""
    env = RecoveryEnvironment()
    queue = recover_on(stage, env)
    waits(env, why)
    hour = timedelta(hours=1)
    stage.deliver(queue, recover.handler, until=START + hour)
    assert queue.messages
    assert FAILED_RECOVERY_AGE not in stage.emitted
    backlog = each_minute(lambda span: queue.messages_visible(now=START + span), lasts=hour)
    assert fired_after(alarms["RecoveryBacklog"], backlog, since=START, until=START + hour) is None

    failing = queue.messages[0].visible_at
    env.faults["ledger.load"] = LedgerUnavailableError("no answer")
    stage.deliver(queue, recover.handler, until=failing + timedelta(minutes=minutes))
    del env.faults["ledger.load"]
    stage.deliver(queue, recover.handler, until=failing + LONG)
    samples = stage.emitted[FAILED_RECOVERY_AGE]
    fired = fired_after(alarms["RecoveryFailing"], samples, since=failing, until=failing + LONG)
    assert (fired is not None) is fires
