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
from respot.recovery.planning.decision import Action
from respot.recovery.planning.ending import Budget
from respot.recovery.policy.policy import AccountPolicy, BackOff
from respot.recovery.records import NoticeKind, OutcomeKind
from respot.recovery.recover import Later
from tests.support.builders import NAME, redelivery
from tests.support.memory import MemoryDelayQueue
from tests.support.recovery_bench import OPTED_IN, SECOND, RecoveryBench

HALF_AN_HOUR = timedelta(minutes=30)
THREE_DAYS = timedelta(days=3)
TOLD = (
    "ran out of waiting time; the account's kill switch is on: decided once it is off, "
    "until 2026-09-19 10:15 UTC at most"
)


@pytest.fixture
def bench() -> RecoveryBench:
    bench = RecoveryBench()
    bench.kill_switch.is_on = True
    return bench


def notices(bench: RecoveryBench) -> dict[tuple[JobId, NoticeKind], str]:
    return {key: notice.story for key, notice in bench.runs.notices.items()}


def test_a_job_that_its_owner_opted_in_waits_and_people_are_notified_once(bench: RecoveryBench) -> None:
    job = bench.ended()
    for _ in range(3):
        assert bench.recover(job) == Later(reason=TOLD, delay=HALF_AN_HOUR)
        bench.clock.pass_by(HALF_AN_HOUR)
    assert bench.runs.decisions == {}
    assert notices(bench) == {(job, NoticeKind.POSTPONED): TOLD}


def test_a_job_that_the_policy_opted_in_waits_too(bench: RecoveryBench) -> None:
    bench.set_policy(resume=True)
    job = bench.ended(tags={})
    assert bench.recover(job) == Later(reason=TOLD, delay=HALF_AN_HOUR)
    assert notices(bench).keys() == {(job, NoticeKind.POSTPONED)}


def test_once_the_switch_is_off_it_is_decided_and_resubmitted(bench: RecoveryBench) -> None:
    job = bench.ended()
    bench.recover(job)
    bench.clock.pass_by(timedelta(days=2, hours=23))
    bench.kill_switch.is_on = False
    assert bench.recover(job) is None
    assert bench.sagemaker.created == [SECOND]
    assert bench.outcome(job).kind is OutcomeKind.CREATED


def test_after_three_days_it_is_refused_and_people_are_notified(bench: RecoveryBench) -> None:
    job = bench.ended()
    bench.clock.pass_by(THREE_DAYS - timedelta(minutes=10))
    assert bench.recover(job) == Later(reason=TOLD, delay=timedelta(minutes=10))
    bench.clock.pass_by(timedelta(minutes=10))
    assert bench.recover(job) is None
    decision = bench.decision(job).decision
    assert (decision.action, decision.notify) == (Action.REFUSE, True)
    assert decision.reason == (
        "ended 3 d 00 h ago, and a job is resubmitted within 3 d 00 h of its end or not at all; the account's kill "
        "switch is on; to continue, submit a new job with the same checkpoint location"
    )
    bench.kill_switch.is_on = False
    bench.recover(job)
    assert bench.sagemaker.created == []


def test_without_a_checkpoint_location_the_refusal_speaks_of_none(bench: RecoveryBench) -> None:
    job = bench.ended(checkpoint_uri=None)
    bench.clock.pass_by(THREE_DAYS)
    bench.recover(job)
    assert bench.decision(job).decision.reason.endswith(
        "; to start it again, from scratch, submit a new job: no checkpoint location is configured"
    )


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(lambda bench: bench.ended(tags={}), id="nobody asked"),
        pytest.param(lambda bench: bench.ended("Completed"), id="completed"),
        pytest.param(lambda bench: bench.ended("Stopped"), id="stopped by its user"),
        pytest.param(lambda bench: bench.ended("Failed", "AlgorithmError: boom"), id="its own failure"),
        pytest.param(lambda bench: bench.ended("MaxRuntimeExceeded"), id="an end that the policy leaves out"),
        pytest.param(lambda bench: bench.ended(tags={"respot:resume": "yes"}), id="a bad tag"),
        pytest.param(
            lambda bench: bench.ended(tags={**OPTED_IN, "sagemaker:pipeline-execution-arn": "arn:p"}),
            id="owned by a pipeline",
        ),
        pytest.param(lambda bench: bench.ended(tags={**OPTED_IN, "respot:dry-run": "on"}), id="a dry run"),
    ],
)
def test_any_other_job_is_decided_as_if_the_switch_were_off(end: Callable[[RecoveryBench], JobId]) -> None:
    decisions = []
    for is_on in (False, True):
        bench = RecoveryBench()
        bench.kill_switch.is_on = is_on
        job = end(bench)
        assert bench.recover(job) is None
        decision = bench.decision(job).decision
        decisions.append((decision.action, decision.reason, decision.notify))
        assert notices(bench) == {}
    assert decisions[0] == decisions[1]


def test_a_postponed_job_asks_neither_s3_nor_sagemaker(bench: RecoveryBench) -> None:
    """It is looked at 144 times in three days."""
    job = bench.ended()
    bench.calls.clear()
    bench.recover(job)
    assert {call.partition(".")[0] for call in bench.calls} == {"ledger", "runs", "ssm", "switch"}


def withdrawn(bench: RecoveryBench, job: JobId) -> list[tuple[AlertKind, str, bool]]:
    """What people are notified of besides the notices."""
    recovery_records = bench.runs.recovery_records(job)
    return [(told.kind, told.story, told.withdrawn) for told in news_of(replace(recovery_records, notices=()))]


def _no_rule(bench: RecoveryBench) -> None:
    bench.policies.policy = AccountPolicy()


def _tag_off(bench: RecoveryBench) -> None:
    bench.sagemaker.jobs[NAME].tags["respot:resume"] = "off"


OPT_OUTS = [
    pytest.param(_no_rule, "not asked to resume this job (defaults)", id="the policy no longer asks"),
    pytest.param(_tag_off, "its owner opted out: respot:resume = off", id="the owner's tag"),
]


@pytest.mark.parametrize(("opt_out", "reason"), OPT_OUTS)
def test_an_opt_out_while_the_job_waits_is_reported_as_an_information(
    bench: RecoveryBench, opt_out: Callable[[RecoveryBench], None], reason: str
) -> None:
    """People read that the job waits, and must not wait for ever."""
    bench.set_policy(resume=True)
    job = bench.ended(tags={})
    bench.recover(job)
    opt_out(bench)
    bench.kill_switch.is_on = False
    assert bench.recover(job) is None
    assert bench.sagemaker.created == []
    assert withdrawn(bench, job) == [(AlertKind.NOT_RESUBMITTED, f"not resubmitted: {reason}", True)]


def test_a_policy_that_no_longer_asks_for_the_job_ends_its_wait_also_while_the_switch_is_on(
    bench: RecoveryBench,
) -> None:
    bench.set_policy(resume=True)
    job = bench.ended(tags={})
    bench.recover(job)
    _no_rule(bench)
    assert bench.recover(job) is None
    assert bench.decision(job).decision.action is Action.NOTHING
    assert len(withdrawn(bench, job)) == 1


@pytest.mark.parametrize(("opt_out", "reason"), OPT_OUTS)
def test_so_is_an_opt_out_while_an_attempt_that_was_decided_on_waits(
    bench: RecoveryBench, opt_out: Callable[[RecoveryBench], None], reason: str
) -> None:
    bench.kill_switch.is_on = False
    bench.set_policy(resume=True)
    job = bench.decided(tags={})
    bench.kill_switch.is_on = True
    bench.recover(job)
    opt_out(bench)
    bench.recover(job)
    assert withdrawn(bench, job) == [(AlertKind.NOT_RESUBMITTED, f"not resubmitted: {reason}", True)]


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("MaxWaitTimeExceeded", "not asked to resume this job (defaults)"),
        ("Stopped", "stopped by its user"),
    ],
)
def test_a_job_that_nobody_asks_for_is_reported_if_an_invalid_policy_held_it_up(
    bench: RecoveryBench, status: str, reason: str
) -> None:
    """The alert said that Respot decides on it once the policy is valid; see also `test_silence`."""
    bench.set_policy(resume=status == "Stopped")
    job = bench.ended(status, tags={})
    bench.policies.fault = PolicyInvalidError("no JSON")
    bench.recover(job)
    bench.policies.fault = None
    assert bench.recover(job) is None
    assert withdrawn(bench, job) == [(AlertKind.NOT_RESUBMITTED, f"not resubmitted: {reason}", True)]


def test_a_job_of_which_people_heard_nothing_is_left_alone_in_silence(bench: RecoveryBench) -> None:
    job = bench.ended(tags={})
    bench.recover(job)
    assert withdrawn(bench, job) == []


def test_a_switch_that_cannot_be_read_decides_nothing(bench: RecoveryBench) -> None:
    job = bench.ended()
    bench.kill_switch.fault = UpstreamUnavailableError("throttled")
    with pytest.raises(UpstreamUnavailableError):
        bench.recover(job)
    assert (bench.runs.decisions, bench.runs.notices) == ({}, {})


# --- between the decision and the creation


@pytest.fixture
def decided() -> RecoveryBench:
    """A decision to resubmit, whose attempt could not be created yet."""
    bench = RecoveryBench()
    bench.decided()
    bench.kill_switch.is_on = True
    return bench


def the_job(bench: RecoveryBench) -> JobId:
    return bench.sagemaker.jobs[NAME].state.job


def test_an_attempt_that_was_decided_on_waits_as_well(decided: RecoveryBench) -> None:
    job = the_job(decided)
    for _ in range(2):
        assert decided.recover(job) == Later(reason=TOLD, delay=HALF_AN_HOUR)
    assert notices(decided) == {(job, NoticeKind.POSTPONED): TOLD}
    assert (decided.sagemaker.created, decided.runs.outcomes) == ([], {})
    decided.kill_switch.is_on = False
    assert decided.recover(job) is None
    assert decided.outcome(job).kind is OutcomeKind.CREATED


def test_after_three_days_it_is_called_off_and_people_are_notified(decided: RecoveryBench) -> None:
    job = the_job(decided)
    decided.clock.pass_by(THREE_DAYS)
    assert decided.recover(job) is None
    assert decided.outcome(job).kind is OutcomeKind.CANCELLED
    assert "3 d 00 h of its end or not at all; the account's kill switch is on" in decided.outcome(job).story


def test_the_switch_is_read_again_just_before_the_creation() -> None:
    """What the request is built from may take a minute, most of it S3's."""
    bench = RecoveryBench()
    bench.kill_switch.is_on = False
    job = bench.ended()
    bench.calls.clear()
    bench.recover(job)
    last = len(bench.calls) - bench.calls.index("sagemaker.create")
    assert bench.calls[-last - 1] == "switch.why_on"


def test_a_switch_that_is_turned_on_while_the_request_is_built_prevents_the_creation() -> None:
    bench = RecoveryBench()
    job = bench.ended()
    listing = bench.checkpoints.list

    def list_slowly(*where: object) -> object:
        bench.kill_switch.is_on = True
        return listing(*where)  # type: ignore[arg-type]

    object.__setattr__(bench.recovery.situations, "checkpoints", type("Slow", (), {"list": staticmethod(list_slowly)}))
    assert bench.recover(job) == Later(reason=TOLD, delay=HALF_AN_HOUR)
    bench.kill_switch.is_on = False
    assert bench.recover(job) == Later(reason="the account's kill switch is on", delay=timedelta(seconds=1))
    assert bench.sagemaker.created == []


# --- the queue


def test_three_days_of_waiting_need_fewer_deliveries_than_the_queue_allows_as_shipped(bench: RecoveryBench) -> None:
    """What is over is for throttling, a quota, or an invalid policy before and after."""
    consumer = RecoveryConsumer(
        recovery=bench.recovery, redelivery=redelivery(queue := MemoryDelayQueue(), longest=1800, clock=bench.clock)
    )
    assert timedelta(seconds=1800) == LONGEST_DELAY
    hours = timedelta(hours=11)  # the longest pause there is
    bench.set_policy(back_off=dict.fromkeys(Budget, BackOff(first=hours, longest=hours)))
    job, received = bench.ended(), 0
    ended = bench.clock()
    while job not in bench.runs.decisions:
        received += 1
        delivery = QueueMessage(id="m", receipt_handle="r", body=write_message(job), receive_count=received, sent=ended)
        for postponed in consumer.consume([delivery], time_left=lambda: timedelta(minutes=2)):
            assert postponed.error is None
            assert postponed.delay <= HALF_AN_HOUR
            bench.clock.pass_by(queue.delays["r"])
    assert bench.clock() - ended == THREE_DAYS
    assert received == 145
    assert received <= Config().recovery_max_receives * 0.75
