from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta

import pytest

from respot.errors import LedgerUnavailableError, MalformedMessageError, OutOfTimeError, UpstreamUnavailableError
from respot.jobs.job import JobId
from respot.queueing import QueueMessage
from respot.recording.consumer import LONGEST_DESCRIBE, ObservationConsumer, Outcome
from respot.recording.recorder import Recorder
from tests.support.builders import CREATED, NAME, REGION, event, job_id, message, messages, retry_schedule, snapshot
from tests.support.memory import MemoryDelayQueue, MemoryLedger, MemoryTrainingJobs
from tests.support.with_hooks import Hooks, ProcessCrashError, with_hooks


class Environment:
    """A consumer on fakes that know some jobs."""

    def __init__(self) -> None:
        self.jobs = MemoryTrainingJobs()
        for name in (NAME, "second", "third"):
            self.jobs.snapshots[REGION, name] = snapshot("Starting=0 Training=390", job=job_id(name))
        self.queue = MemoryDelayQueue()
        self.memory = MemoryLedger(created=CREATED)
        self.ledger = Hooks()
        self.consumer = ObservationConsumer(
            recorder=Recorder(jobs=self.jobs, ledger=with_hooks(self.memory, self.ledger.gate)),
            retry_schedule=retry_schedule(self.queue),
        )

    def consume(self, batch: Iterable[QueueMessage], *left: timedelta) -> Outcome:
        """Consume a batch; `left` is the time left before each job, plenty if it is not given."""
        spans = iter(left)
        return self.consumer.consume(batch, time_left=lambda: next(spans, timedelta(minutes=5)))


@pytest.fixture
def env() -> Environment:
    return Environment()


def failed(outcome: Outcome) -> list[str]:
    return sorted(retry.message.id for retry in outcome.retries)


def test_ten_messages_of_one_job_describe_it_once(env: Environment) -> None:
    outcome = env.consume(messages(*[event("Training", 390 + n) for n in range(10)]))
    assert env.jobs.describes == 1
    assert env.ledger.calls.count("save") == 1
    assert failed(outcome) == []
    assert len(outcome.recorded) == 1


def test_one_name_in_two_regions_is_two_jobs(env: Environment) -> None:
    there = job_id(region="eu-west-1")
    env.jobs.snapshots["eu-west-1", NAME] = snapshot("Starting=0", job=there)
    outcome = env.consume(messages(event(), event(job=there)))
    assert {recorded.job for recorded in outcome.recorded} == {job_id(), there}


def test_what_was_recorded_is_counted_even_if_what_follows_fails(env: Environment) -> None:
    """A retry finds nothing new, and a transition that events missed would never be counted."""
    followed: list[JobId] = []

    def follow(job: JobId) -> None:
        followed.append(job)
        if job.name == NAME and len(followed) == 1:
            raise LedgerUnavailableError

    env.consumer = replace(env.consumer, on_recorded=follow)
    outcome = env.consume(messages(event(), event(), event(job=job_id("second"))))
    assert ({recorded.job.name for recorded in outcome.recorded}, failed(outcome)) == ({NAME, "second"}, ["m1", "m2"])
    assert env.consume(messages(event())).retries == ()
    assert [job.name for job in followed] == [NAME, "second", NAME]


@pytest.mark.parametrize(
    "poison", ["not JSON", "[]", "{}", '{"source": "aws.ec2"}', "[" * 100_000], ids=lambda body: body[:20]
)
def test_a_poison_message_fails_alone(env: Environment, poison: str) -> None:
    outcome = env.consume(messages(event(), poison, event(job=job_id("second"))))
    assert failed(outcome) == ["m2"]
    assert isinstance(outcome.retries[0].error, MalformedMessageError)
    assert len(outcome.recorded) == 2


@pytest.mark.parametrize(
    "fault", [UpstreamUnavailableError("throttled"), RuntimeError("a defect of ours")], ids=["throttled", "defect"]
)
def test_only_messages_of_the_job_that_cannot_be_described_fail(env: Environment, fault: Exception) -> None:
    env.jobs.faults["second"] = fault
    batch = messages(event(), event(job=job_id("second")), event(job=job_id("third")), event(job=job_id("second")))
    outcome = env.consume(batch)
    assert failed(outcome) == ["m2", "m4"]
    assert {retry.error for retry in outcome.retries} == {fault}
    assert env.queue.delays.keys() == {"receipt-m2", "receipt-m4"}
    assert env.memory.load(job_id("second")).state is None
    assert env.memory.load(job_id("third")).state is not None


def test_a_process_crash_is_not_caught(env: Environment) -> None:
    env.ledger.faults["load"] = ProcessCrashError()
    with pytest.raises(ProcessCrashError):
        env.consume(messages(event()))


def test_messages_without_time_left_go_back_untouched(env: Environment) -> None:
    batch = messages(event(), event(job=job_id("second")), event(job=job_id("third")), event())
    outcome = env.consume(batch, LONGEST_DESCRIBE, LONGEST_DESCRIBE - timedelta(milliseconds=1), timedelta())
    assert failed(outcome) == ["m2", "m3"]
    assert all(isinstance(retry.error, OutOfTimeError) for retry in outcome.retries)
    assert env.jobs.describes == 1


def test_a_message_delivered_twice_in_one_batch_fails_once(env: Environment) -> None:
    env.jobs.faults = dict.fromkeys((NAME, "second", "third"), UpstreamUnavailableError("down"))
    assert failed(env.consume([message(event(), "m1"), message(event(), "m1")])) == ["m1"]


def test_a_malformed_message_does_not_back_off(env: Environment) -> None:
    env.consume([replace(message("poison", "m1"), receive_count=12)])
    assert env.queue.delays == {"receipt-m1": timedelta(seconds=5)}
