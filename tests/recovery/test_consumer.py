from datetime import timedelta

import pytest

from respot.errors import (
    CreateLaterError,
    MalformedMessageError,
    OutOfTimeError,
    Postponement,
    QueueUnavailableError,
    UpstreamUnavailableError,
)
from respot.jobs.job import JobId
from respot.jobs.message import write_message
from respot.queueing import LONGEST_DELAY, QueueMessage, Retry
from respot.recovery.consumer import LONGEST_STEP, RecoveryConsumer
from tests.support.builders import CREATED, NAME, job_id, retry_schedule
from tests.support.faulty import ProcessCrashError
from tests.support.memory import MemoryDelayQueue
from tests.support.recovery_environment import SECOND, RecoveryEnvironment

PLENTY = timedelta(minutes=2)


@pytest.fixture
def queue() -> MemoryDelayQueue:
    return MemoryDelayQueue()


@pytest.fixture
def consumer(env: RecoveryEnvironment, queue: MemoryDelayQueue) -> RecoveryConsumer:
    return RecoveryConsumer(recovery=env.recovery, retry_schedule=retry_schedule(queue, first=30, longest=1800))


def message(job: JobId, *, received: int = 1) -> QueueMessage:
    """Its receipt handle is `r`."""
    return QueueMessage(
        id=f"m-{job.name}", receipt_handle="r", body=write_message(job), receive_count=received, sent=CREATED
    )


def consume(consumer: RecoveryConsumer, *messages: QueueMessage, left: timedelta = PLENTY) -> tuple[Retry, ...]:
    return consumer.consume(messages, time_left=lambda: left)


def test_a_pause_sets_the_delay_exactly(
    env: RecoveryEnvironment, consumer: RecoveryConsumer, queue: MemoryDelayQueue
) -> None:
    hour = timedelta(hours=1)
    env.set_pause(hour)
    (retry,) = consume(consumer, message(env.ended(), received=9))
    assert "after a pause" in retry.reason
    assert retry.error is None
    assert hour / 2 <= retry.delay <= hour
    assert queue.delays == {"r": retry.delay}


def test_a_pause_longer_than_the_queue_supports_is_split(
    env: RecoveryEnvironment, consumer: RecoveryConsumer, queue: MemoryDelayQueue
) -> None:
    env.set_pause(timedelta(days=3))
    consume(consumer, message(env.ended()))
    assert queue.delays == {"r": LONGEST_DELAY}


@pytest.mark.parametrize(("received", "seconds"), [(1, 30), (3, 120), (99, 1800)])
def test_a_creation_without_quota_backs_off(
    env: RecoveryEnvironment, consumer: RecoveryConsumer, received: int, seconds: int
) -> None:
    env.faults["sagemaker.create"] = CreateLaterError("a quota is used up", reason=Postponement.QUOTA)
    (retry,) = consume(consumer, message(env.ended(), received=received))
    assert (retry.reason, retry.delay) == ("a quota is used up", timedelta(seconds=seconds))
    assert retry.error is None


def test_a_stuck_run_does_not_hold_up_another(env: RecoveryEnvironment, consumer: RecoveryConsumer) -> None:
    stuck = job_id("unknown")
    (retry,) = consume(consumer, message(stuck), message(env.ended()))
    assert retry.message.id == "m-unknown"
    assert env.sagemaker.created == [SECOND]


def test_a_failure_is_kept_in_the_queue_with_its_error(env: RecoveryEnvironment, consumer: RecoveryConsumer) -> None:
    env.faults["s3.list"] = UpstreamUnavailableError("S3 did not answer")
    (retry,) = consume(consumer, message(env.ended(), received=3))
    assert isinstance(retry.error, UpstreamUnavailableError)
    assert (retry.reason, retry.delay) == ("S3 did not answer", timedelta(seconds=120))


def test_without_enough_time_left_the_message_goes_back_at_once(
    env: RecoveryEnvironment, consumer: RecoveryConsumer
) -> None:
    job = env.ended()
    env.calls.clear()
    (retry,) = consume(consumer, message(job, received=5), left=LONGEST_STEP - timedelta(milliseconds=1))
    assert isinstance(retry.error, OutOfTimeError)
    assert retry.delay == timedelta()
    assert env.calls == []


def test_a_malformed_message_does_not_back_off(consumer: RecoveryConsumer) -> None:
    poison = QueueMessage(id="m", receipt_handle="r", body="poison", receive_count=50, sent=CREATED)
    (retry,) = consume(consumer, poison)
    assert isinstance(retry.error, MalformedMessageError)
    assert retry.delay == timedelta(seconds=30)


def test_a_delay_that_cannot_be_set_loses_no_message(
    env: RecoveryEnvironment, consumer: RecoveryConsumer, queue: MemoryDelayQueue
) -> None:
    queue.fault = QueueUnavailableError("down")
    env.faults["s3.list"] = UpstreamUnavailableError("S3 did not answer")
    other = env.submit("other", {})
    retries = consume(consumer, message(env.ended()), message(other))
    assert [each.message.id for each in retries] == [f"m-{NAME}"]


def test_a_process_crash_is_not_caught(env: RecoveryEnvironment, consumer: RecoveryConsumer) -> None:
    env.faults["sagemaker.create"] = ProcessCrashError()
    with pytest.raises(ProcessCrashError):
        consume(consumer, message(env.ended()))
