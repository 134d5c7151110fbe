"""What recovery says of a job that has to wait: why, and when something happens."""

from datetime import timedelta

import pytest

from respot.errors import CreateLaterError, Postponement, StopFailedError, StopRefusedError, UpstreamUnavailableError
from respot.jobs.job import JobId
from respot.jobs.message import write_message
from respot.queueing import QueueMessage
from respot.recovery.consumer import RecoveryConsumer
from respot.recovery.records import NextStep
from respot.runs.run_state import RunState
from respot.runs.summary import RunSummaries, RunSummary
from tests.support.builders import CREATED, retry_schedule
from tests.support.memory import MemoryDelayQueue, MemorySummaries
from tests.support.recovery_environment import SECOND, RecoveryEnvironment


@pytest.fixture
def env() -> RecoveryEnvironment:
    return RecoveryEnvironment()


def delivered(env: RecoveryEnvironment, job: JobId) -> RunSummary:
    """The summary of the job's run, after a delivery of the job's message."""
    store = MemorySummaries()
    summaries = RunSummaries(ledger=env.ledger, runs=env.runs, store=store)
    consumer = RecoveryConsumer(
        recovery=env.recovery, retry_schedule=retry_schedule(MemoryDelayQueue()), on_step=summaries.refresh
    )
    body = write_message(job)
    message = QueueMessage(id="m", receipt_handle="m", body=body, receive_count=1, sent=CREATED)
    consumer.consume([message], time_left=lambda: timedelta(minutes=2))
    (stored,) = store.stored.values()
    return stored.summary


def test_a_pause_names_the_attempt_that_follows_and_its_time(env: RecoveryEnvironment) -> None:
    env.set_pause(timedelta(hours=1))
    summary = delivered(env, env.ended())
    assert summary.state is RunState.RECOVERING
    assert "attempt 2, spot ml.g5.2xlarge, is to start at" in (summary.next_step or "")
    assert "after a pause" in (summary.next_step or "")
    assert summary.next_at is not None
    assert timedelta(minutes=29) < summary.next_at - env.clock() <= timedelta(hours=1)


def test_a_quota_that_is_used_up_is_waited_for(env: RecoveryEnvironment) -> None:
    reason = f"{SECOND}: a quota is used up; try again later"
    env.faults["sagemaker.create"] = CreateLaterError(reason, reason=Postponement.QUOTA)
    summary = delivered(env, env.ended())
    assert (summary.state, summary.next_step) == (RunState.RECOVERING, reason)
    assert summary.next_at is not None
    assert summary.next_at > env.clock()


def test_the_kill_switch_is_a_reason_to_wait(env: RecoveryEnvironment) -> None:
    env.kill_switch.is_on = True
    summary = delivered(env, env.ended())
    assert "kill switch" in (summary.next_step or "")
    assert summary.next_at == env.clock() + timedelta(minutes=30)


def test_a_creation_that_is_not_answered_is_tried_again(env: RecoveryEnvironment) -> None:
    env.faults["sagemaker.create"] = CreateLaterError("no answer", reason=Postponement.UNANSWERED)
    summary = delivered(env, env.ended())
    assert (summary.state, summary.next_step) == (RunState.RECOVERING, "no answer")
    assert summary.next_at is not None
    assert summary.next_at > env.clock()
    assert f"{SECOND} is to follow" in summary.reason


def test_so_is_a_decision_for_which_aws_does_not_answer(env: RecoveryEnvironment) -> None:
    env.faults["s3.list"] = UpstreamUnavailableError("S3 did not answer")
    summary = delivered(env, env.ended())
    assert (summary.state, summary.next_step) == (RunState.RECOVERING, "S3 did not answer")


def test_a_job_that_waits_with_a_deadline_has_its_latest_start(env: RecoveryEnvironment) -> None:
    env.set_policy(deadline=timedelta(hours=14), work=timedelta(hours=4))
    job = env.submit()
    env.clock.pass_by(timedelta(hours=1))
    summary = delivered(env, job)
    assert summary.state is RunState.WAITING
    assert "its latest on-demand start is" in (summary.next_step or "")
    assert summary.next_at == env.schedules.schedules[job]


@pytest.mark.parametrize(
    ("is_owned", "reason"), [(True, "owned by a pipeline execution (p)"), (False, "has waited 1 h 00 min")]
)
def test_the_end_of_a_limit_is_no_time_for_a_job_that_is_not_stopped_then(
    env: RecoveryEnvironment,
    is_owned: bool,  # noqa: FBT001 - a case
    reason: str,
) -> None:
    env.set_policy(give_up_waiting_after=timedelta(hours=2), dry_run=not is_owned)
    env.set_ladder("spot:2 on-demand:2")
    job = env.submit()
    if is_owned:
        env.set_tag("p", "sagemaker:pipeline-execution-arn")
    env.clock.pass_by(timedelta(hours=1))
    summary = delivered(env, job)
    assert reason in (summary.next_step or "")
    assert summary.next_at is None


@pytest.mark.parametrize("minutes", [0, 5, 59])
def test_after_a_refused_stop_people_read_when_the_next_one_is_asked_for(
    env: RecoveryEnvironment, minutes: float
) -> None:
    env.set_policy(give_up_waiting_after=timedelta(hours=2))
    env.set_ladder("spot:2 on-demand:2")
    job = env.submit()
    env.clock.pass_by(timedelta(hours=2, minutes=5))
    env.faults["sagemaker.stop"] = StopRefusedError("AccessDenied")
    summary = delivered(env, job)
    env.clock.pass_by(timedelta(minutes=minutes))
    if minutes:
        summary = delivered(env, job)
    else:
        assert (summary.next_step or "").startswith("AccessDenied: it is not stopped; ")
    assert summary.state is RunState.WAITING
    assert (summary.next_step or "").endswith("the next stop is asked for after 2026-09-16 12:05 UTC")
    assert summary.next_at is not None
    assert summary.next_at > env.clock()


def test_a_stop_that_is_not_answered_is_asked_for_again(env: RecoveryEnvironment) -> None:
    env.set_policy(give_up_waiting_after=timedelta(hours=2))
    env.set_ladder("spot:2 on-demand:2")
    job = env.submit()
    env.clock.pass_by(timedelta(hours=2, minutes=5))
    env.faults["sagemaker.stop"] = StopFailedError("no answer")
    summary = delivered(env, job)
    assert (summary.state, summary.next_step) == (RunState.WAITING, "no answer")
    assert summary.next_at is not None
    assert summary.next_at > env.clock()


def test_the_latest_one_stands(env: RecoveryEnvironment) -> None:
    job = env.submit()
    first = NextStep(reason="first", at=None, noted_at=CREATED)
    later = NextStep(reason="later", at=CREATED, noted_at=CREATED + timedelta(seconds=1))
    for each in (later, first):
        env.runs.note_next_step(job, each)
    assert env.runs.recovery_records(job).next_step == later
