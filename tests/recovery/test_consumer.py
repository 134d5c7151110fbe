"""The consumer of the recovery queue; `tests/handlers/test_queueing.py` has the rules of its delays."""

from datetime import timedelta

import pytest

from respot.errors import LedgerIncompleteError, MalformedMessageError, OutOfTimeError, UpstreamUnavailableError
from respot.jobs.job import JobId
from respot.jobs.message import write_message
from respot.queueing import LONGEST_DELAY, QueueMessage, Retry
from respot.recovery.consumer import LONGEST_STEP, RecoveryConsumer
from tests.support.builders import CREATED, NAME, job_id, retry_schedule
from tests.support.memory import MemoryDelayQueue
from tests.support.recovery_environment import SECOND, RecoveryEnvironment
from tests.support.with_hooks import ProcessCrashError

PLENTY = timedelta(minutes=2)


@pytest.fixture
def queue() -> MemoryDelayQueue:
    return MemoryDelayQueue()


@pytest.fixture
def consumer(env: RecoveryEnvironment, queue: MemoryDelayQueue) -> RecoveryConsumer:
    return RecoveryConsumer(recovery=env.recovery, retry_schedule=retry_schedule(queue, first=30, longest=1800))


def message(body: str, name: str = NAME) -> QueueMessage:
    """Its third delivery."""
    return QueueMessage(id="m", receipt_handle=name, body=body, receive_count=3, sent=CREATED)


def consume(consumer: RecoveryConsumer, *jobs: JobId, left: timedelta = PLENTY) -> tuple[Retry, ...]:
    """A batch of these jobs' messages; each receipt handle is the job's name."""
    return consumer.consume([message(write_message(job), job.name) for job in jobs], time_left=lambda: left)


@pytest.mark.parametrize("pause", [timedelta(hours=1), timedelta(days=3)], ids=["exactly", "split"])
def test_a_pause_sets_the_delay(
    env: RecoveryEnvironment, consumer: RecoveryConsumer, queue: MemoryDelayQueue, pause: timedelta
) -> None:
    env.set_pause(pause)
    (retry,) = consume(consumer, env.ended())
    assert "after a pause" in retry.reason
    assert retry.error is None
    assert min(pause / 2, LONGEST_DELAY) <= retry.delay <= min(pause, LONGEST_DELAY)
    assert queue.delays == {NAME: retry.delay}


def test_a_stuck_run_or_a_malformed_message_does_not_hold_up_another(
    env: RecoveryEnvironment, consumer: RecoveryConsumer
) -> None:
    batch = [message("poison"), message(write_message(job_id("unknown"))), message(write_message(env.ended()))]
    retries = consumer.consume(batch, time_left=lambda: PLENTY)
    assert [type(retry.error) for retry in retries] == [MalformedMessageError, LedgerIncompleteError]
    assert env.sagemaker.created == [SECOND]


def test_a_failure_is_kept_in_the_queue_with_its_error(env: RecoveryEnvironment, consumer: RecoveryConsumer) -> None:
    env.faults["s3.list"] = UpstreamUnavailableError("S3 did not answer")
    (retry,) = consume(consumer, env.ended())
    assert isinstance(retry.error, UpstreamUnavailableError)
    assert (retry.reason, retry.delay) == ("S3 did not answer", timedelta(seconds=120))


def test_without_enough_time_left_the_message_goes_back_at_once(
    env: RecoveryEnvironment, consumer: RecoveryConsumer
) -> None:
    job = env.ended()
    env.calls.clear()
    (retry,) = consume(consumer, job, left=LONGEST_STEP - timedelta(milliseconds=1))
    assert isinstance(retry.error, OutOfTimeError)
    assert retry.delay == timedelta()
    assert env.calls == []
    assert consume(consumer, job, left=LONGEST_STEP) == ()


def test_a_process_crash_is_not_caught(env: RecoveryEnvironment, consumer: RecoveryConsumer) -> None:
    env.faults["sagemaker.create"] = ProcessCrashError()
    with pytest.raises(ProcessCrashError):
        consume(consumer, env.ended())
