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
from respot.queueing import LONGEST_DELAY, QueueMessage
from respot.recovery.consumer import LONGEST_STEP, Postponed, RecoveryConsumer
from respot.recovery.planning.ending import Budget
from respot.recovery.policy.policy import BackOff
from tests.support.builders import CREATED, NAME, job_id, redelivery
from tests.support.faulty import ProcessCrashError
from tests.support.memory import MemoryDelayQueue
from tests.support.recovery_environment import SECOND, RecoveryEnvironment

PLENTY = timedelta(minutes=2)


@pytest.fixture
def env() -> RecoveryEnvironment:
    return RecoveryEnvironment()


@pytest.fixture
def queue() -> MemoryDelayQueue:
    return MemoryDelayQueue()


@pytest.fixture
def consumer(env: RecoveryEnvironment, queue: MemoryDelayQueue) -> RecoveryConsumer:
    return RecoveryConsumer(recovery=env.recovery, redelivery=redelivery(queue, first=30, longest=1800))


def delivery(job: JobId, *, received: int = 1) -> QueueMessage:
    return QueueMessage(
        id=f"m-{job.name}",
        receipt_handle=f"receipt-{job.name}",
        body=write_message(job),
        receive_count=received,
        sent=CREATED,
    )


def consume(consumer: RecoveryConsumer, *deliveries: QueueMessage, left: timedelta = PLENTY) -> tuple[Postponed, ...]:
    return consumer.consume(deliveries, time_left=lambda: left)


def test_a_job_is_taken_as_far_as_it_goes(env: RecoveryEnvironment, consumer: RecoveryConsumer) -> None:
    assert consume(consumer, delivery(env.ended())) == ()
    assert env.sagemaker.created == [SECOND]


def test_a_pause_is_kept_to_the_moment(
    env: RecoveryEnvironment, consumer: RecoveryConsumer, queue: MemoryDelayQueue
) -> None:
    hour = timedelta(hours=1)
    env.set_policy(back_off=dict.fromkeys(Budget, BackOff(first=hour, longest=hour)))
    (postponed,) = consume(consumer, delivery(env.ended(), received=9))
    assert "after a pause" in postponed.reason
    assert postponed.error is None
    assert hour / 2 <= postponed.delay <= hour
    assert queue.delays == {f"receipt-{NAME}": postponed.delay}


def test_a_pause_longer_than_the_queue_can_keep_is_kept_in_parts(
    env: RecoveryEnvironment, consumer: RecoveryConsumer, queue: MemoryDelayQueue
) -> None:
    days = timedelta(days=3)
    env.set_policy(back_off=dict.fromkeys(Budget, BackOff(first=days, longest=days)))
    consume(consumer, delivery(env.ended()))
    assert queue.delays == {f"receipt-{NAME}": LONGEST_DELAY}


@pytest.mark.parametrize(("received", "seconds"), [(1, 30), (2, 60), (3, 120), (7, 1800), (99, 1800)])
def test_what_cannot_be_created_now_waits_longer_each_time(
    env: RecoveryEnvironment, consumer: RecoveryConsumer, received: int, seconds: int
) -> None:
    env.faults["sagemaker.create"] = CreateLaterError("a quota is used up", reason=Postponement.QUOTA)
    (postponed,) = consume(consumer, delivery(env.ended(), received=received))
    assert (postponed.reason, postponed.delay) == ("a quota is used up", timedelta(seconds=seconds))
    assert postponed.error is None


def test_a_stuck_run_holds_back_no_other_one(env: RecoveryEnvironment, consumer: RecoveryConsumer) -> None:
    stuck = job_id("unknown")
    (postponed,) = consume(consumer, delivery(stuck), delivery(env.ended()))
    assert postponed.delivery.id == "m-unknown"
    assert env.sagemaker.created == [SECOND]


def test_what_fails_stays_in_the_queue_with_its_error(env: RecoveryEnvironment, consumer: RecoveryConsumer) -> None:
    env.faults["s3.list"] = UpstreamUnavailableError("S3 did not answer")
    (postponed,) = consume(consumer, delivery(env.ended(), received=3))
    assert isinstance(postponed.error, UpstreamUnavailableError)
    assert (postponed.reason, postponed.delay) == ("S3 did not answer", timedelta(seconds=120))


def test_without_enough_time_left_the_message_goes_back_at_once(
    env: RecoveryEnvironment, consumer: RecoveryConsumer
) -> None:
    job = env.ended()
    env.calls.clear()
    (postponed,) = consume(consumer, delivery(job, received=5), left=LONGEST_STEP - timedelta(milliseconds=1))
    assert isinstance(postponed.error, OutOfTimeError)
    assert postponed.delay == timedelta()
    assert env.calls == []


def test_a_message_that_nobody_can_read_does_not_wait_longer_each_time(consumer: RecoveryConsumer) -> None:
    poison = QueueMessage(id="m", receipt_handle="r", body="poison", receive_count=50, sent=CREATED)
    (postponed,) = consume(consumer, poison)
    assert isinstance(postponed.error, MalformedMessageError)
    assert postponed.delay == timedelta(seconds=30)


def test_a_delay_that_cannot_be_set_is_no_loss(
    env: RecoveryEnvironment, consumer: RecoveryConsumer, queue: MemoryDelayQueue
) -> None:
    queue.fault = QueueUnavailableError("down")
    env.faults["s3.list"] = UpstreamUnavailableError("S3 did not answer")
    other = env.submit("other", {})
    postponed = consume(consumer, delivery(env.ended()), delivery(other))
    assert [each.delivery.id for each in postponed] == [f"m-{NAME}"]


def test_the_death_of_the_process_is_not_caught(env: RecoveryEnvironment, consumer: RecoveryConsumer) -> None:
    env.faults["sagemaker.create"] = ProcessCrashError()
    with pytest.raises(ProcessCrashError):
        consume(consumer, delivery(env.ended()))
