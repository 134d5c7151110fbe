from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta

import pytest

from respot.errors import LedgerUnavailableError, MalformedMessageError, OutOfTimeError, UpstreamUnavailableError
from respot.queueing import QueueMessage
from respot.recording.consumer import LONGEST_DESCRIBE, ObservationConsumer, Outcome
from respot.recording.recorder import Recorder
from tests.support.builders import CREATED, NAME, REGION, event, job_id, message, messages, redelivery, snapshot
from tests.support.memory import MemoryDelayQueue, MemoryLedger
from tests.support.troubled import DiedError, TroubledJobs, TroubledLedger


def plenty() -> timedelta:
    return timedelta(minutes=5)


class Bench:
    """An intake on twins that know some jobs."""

    def __init__(self) -> None:
        self.jobs = TroubledJobs()
        for name in (NAME, "second", "third"):
            look = snapshot("Starting=0 Training=390", job=job_id(name))
            self.jobs.snapshots[REGION, name] = look
        self.queue = MemoryDelayQueue()
        self.memory = MemoryLedger(created=CREATED)
        self.ledger = TroubledLedger(ledger=self.memory)
        self.consumer = ObservationConsumer(
            recorder=Recorder(jobs=self.jobs, ledger=self.ledger), redelivery=redelivery(self.queue)
        )

    def consume(self, batch: Iterable[QueueMessage], time_left: Callable[[], timedelta] = plenty) -> Outcome:
        return self.consumer.consume(batch, time_left=time_left)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def failed(outcome: Outcome) -> list[str]:
    return sorted(failure.delivery.id for failure in outcome.failures)


def test_ten_messages_of_one_job_are_one_look(bench: Bench) -> None:
    outcome = bench.consume(messages(*[event("Training", 390 + n) for n in range(10)]))
    assert bench.jobs.describes == 1
    assert bench.ledger.saves == 1
    assert failed(outcome) == []
    assert len(outcome.recorded) == 1


def test_an_empty_batch_is_no_work(bench: Bench) -> None:
    assert bench.consume([]) == Outcome(recorded=(), failures=())


def test_one_name_in_two_regions_is_two_jobs(bench: Bench) -> None:
    there = job_id(region="eu-west-1")
    bench.jobs.snapshots["eu-west-1", NAME] = snapshot("Starting=0", job=there)
    outcome = bench.consume(messages(event(), event(job=there)))
    assert {recorded.job for recorded in outcome.recorded} == {job_id(), there}


@pytest.mark.parametrize(
    "poison", ["not JSON", "[]", "{}", '{"source": "aws.ec2"}', "[" * 100_000], ids=lambda body: body[:20]
)
def test_a_poison_message_fails_alone(bench: Bench, poison: str) -> None:
    outcome = bench.consume(messages(event(), poison, event(job=job_id("second"))))
    assert failed(outcome) == ["m2"]
    assert isinstance(outcome.failures[0].error, MalformedMessageError)
    assert len(outcome.recorded) == 2


@pytest.mark.parametrize(
    "fault", [UpstreamUnavailableError("throttled"), RuntimeError("a defect of ours")], ids=["look", "defect"]
)
def test_only_the_messages_of_the_job_that_cannot_be_described_fail(bench: Bench, fault: Exception) -> None:
    bench.jobs.faults["second"] = fault
    batch = messages(event(), event(job=job_id("second")), event(job=job_id("third")), event(job=job_id("second")))
    outcome = bench.consume(batch)
    assert failed(outcome) == ["m2", "m4"]
    assert {failure.error for failure in outcome.failures} == {fault}
    assert bench.memory.load(job_id("second")).state is None
    assert bench.memory.load(job_id("third")).state is not None


def test_when_sagemaker_is_down_every_message_goes_back_and_nothing_is_written(bench: Bench) -> None:
    bench.jobs.fault = UpstreamUnavailableError("down")
    assert failed(bench.consume(messages(event(), event(job=job_id("second"))))) == ["m1", "m2"]
    assert bench.memory.writes == 0


def test_when_dynamodb_is_down_every_message_goes_back(bench: Bench) -> None:
    bench.ledger.faults["load"] = LedgerUnavailableError("down")
    assert failed(bench.consume(messages(event(), event(job=job_id("second"))))) == ["m1", "m2"]


def test_a_process_that_dies_is_not_kept_alive(bench: Bench) -> None:
    bench.ledger.faults["load"] = DiedError()
    with pytest.raises(DiedError):
        bench.consume(messages(event()))


def test_what_the_time_is_too_short_for_goes_back_untouched(bench: Bench) -> None:
    spans = iter([LONGEST_DESCRIBE, LONGEST_DESCRIBE - timedelta(milliseconds=1), timedelta()])
    batch = messages(event(), event(job=job_id("second")), event(job=job_id("third")), event())
    outcome = bench.consume(batch, time_left=lambda: next(spans))
    assert failed(outcome) == ["m2", "m3"]
    assert all(isinstance(failure.error, OutOfTimeError) for failure in outcome.failures)
    assert bench.jobs.describes == 1


def test_a_message_delivered_twice_in_one_batch_fails_once(bench: Bench) -> None:
    bench.jobs.fault = UpstreamUnavailableError("down")
    assert failed(bench.consume([message(event(), "m1"), message(event(), "m1")])) == ["m1"]


def test_a_job_that_cannot_be_looked_at_is_tried_later_each_time(bench: Bench) -> None:
    bench.jobs.fault = UpstreamUnavailableError("throttled")
    bench.consume([replace(message(event(), "m1"), receive_count=1), replace(message(event(), "m2"), receive_count=4)])
    assert bench.queue.delays == {"receipt-m1": timedelta(seconds=5), "receipt-m2": timedelta(seconds=40)}


def test_poison_goes_to_the_dead_letters_without_growing_pauses(bench: Bench) -> None:
    bench.consume([replace(message("poison", "m1"), receive_count=12)])
    assert bench.queue.delays == {"receipt-m1": timedelta(seconds=5)}


def test_what_was_out_of_time_comes_back_at_once(bench: Bench) -> None:
    bench.consume(messages(event()), time_left=timedelta)
    assert bench.queue.delays == {"receipt-m1": timedelta()}
