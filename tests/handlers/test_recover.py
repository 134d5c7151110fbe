"""The entry points of recovery, composed of twins."""

from datetime import timedelta
from typing import Any

import pytest

from respot.aws.dynamodb.attribute_values import serialize
from respot.aws.dynamodb.job_items import transition_item
from respot.aws.dynamodb.sweeps import progress_item
from respot.handlers import enqueue_ended, recover
from respot.jobs.message import write_message
from respot.recovery.consumer import RecoveryConsumer
from respot.recovery.planning.ending import Budget
from respot.recovery.policy.policy import BackOff
from respot.schema import CHECKS, LEASE_HOLDER, STATUS
from respot.sweep.heartbeat import HEARTBEAT
from respot.sweep.progress import SweepProgress
from tests.handlers.test_handlers import Context, failed, sqs
from tests.support.builders import CREATED, at, job_id, retry_schedule, transition
from tests.support.memory import MemoryDelayQueue, MemoryJobQueue
from tests.support.printed import Printed, printed
from tests.support.recovery_environment import SECOND, RecoveryEnvironment

__all__ = ["printed"]  # a fixture that holds for all tests of this module, too


LEASED = progress_item(
    SweepProgress(scope=CHECKS, watched_since=CREATED, leased_at=CREATED), until=CREATED
) | serialize({LEASE_HOLDER: "c"})
"""The sweep's item when it leases its scope: the stream shows this write to its readers, as their heartbeat."""


def stream(*images: dict[str, Any]) -> dict[str, Any]:
    """A DynamoDB stream event; sequence numbers are s1, s2 …"""
    return {
        "Records": [
            {"eventName": "INSERT", "dynamodb": {"SequenceNumber": f"s{number}", "NewImage": image}}
            for number, image in enumerate(images, start=1)
        ]
    }


# --- enqueue_ended --------------------------------------------------------------------------------------------------


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> MemoryJobQueue:
    queue = MemoryJobQueue()
    monkeypatch.setattr(enqueue_ended, "recovery_queue", lambda: queue)
    return queue


def ending(name: str) -> dict[str, Any]:
    return transition_item(job_id(name), transition("Stopped", 9000), now=at(9001), retention=None)


def test_enqueue_ended_sends_each_ended_job(queue: MemoryJobQueue, printed: Printed) -> None:
    assert failed(enqueue_ended.handler(stream(LEASED, ending("one"), ending("two")), Context())) == []
    assert queue.sent == [job_id("one"), job_id("two")]
    (counted,) = printed()
    assert counted["JobsEnded"] == [2.0]


def test_enqueue_ended_sends_an_interrupted_job_at_once(queue: MemoryJobQueue, printed: Printed) -> None:
    """It waits again, perhaps beyond its latest on-demand start; it has not ended."""
    interrupted = transition_item(job_id("one"), transition("Interrupted", 9000), now=at(9001), retention=None)
    assert failed(enqueue_ended.handler(stream(interrupted, ending("two")), Context())) == []
    assert queue.sent == [job_id("one"), job_id("two")]
    (counted,) = printed()
    assert counted["JobsEnded"] == [1.0]


def test_enqueue_ended_repeats_only_what_was_not_sent(queue: MemoryJobQueue, printed: Printed) -> None:
    queue.refused = {job_id("two")}
    assert failed(enqueue_ended.handler(stream(ending("one"), ending("two"), ending("three")), Context())) == ["s2"]
    assert [job.name for job in queue.sent] == ["one", "three"]
    assert printed()[0]["message"] == "enqueue_failed"


def test_a_transition_without_a_status_holds_up_no_other(
    queue: MemoryJobQueue, monkeypatch: pytest.MonkeyPatch, printed: Printed
) -> None:
    given_up: list[object] = []

    def give_up(record: object, _: Exception) -> bool:
        given_up.append(record)
        return True

    monkeypatch.setattr(enqueue_ended, "give_up", give_up)
    bad = {name: value for name, value in ending("one").items() if name != STATUS}
    batch = stream(bad, ending("two"))
    assert failed(enqueue_ended.handler(batch, Context())) == []
    assert job_id("two") in queue.sent
    assert given_up == batch["Records"][:1]
    assert printed()[-1]["JobsEnded"] == [1.0]


# --- recover --------------------------------------------------------------------------------------------------------


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> RecoveryEnvironment:
    env = RecoveryEnvironment()
    consumer = RecoveryConsumer(recovery=env.recovery, retry_schedule=retry_schedule(MemoryDelayQueue()))
    monkeypatch.setattr(recover, "recovery_consumer", lambda: consumer)
    return env


def test_resubmit_takes_a_batch(env: RecoveryEnvironment) -> None:
    assert failed(recover.handler(sqs(HEARTBEAT, write_message(env.ended())), Context())) == []
    assert env.sagemaker.created == [SECOND]


def test_resubmit_keeps_what_fails_and_says_why(env: RecoveryEnvironment, printed: Printed) -> None:
    batch = sqs(write_message(job_id("unknown")), write_message(env.ended()), "poison")
    assert failed(recover.handler(batch, Context())) == ["m1", "m3"]
    assert env.sagemaker.created == [SECOND]
    *said, counted, _ = printed()
    assert [(line["message"], line["message_id"]) for line in said] == [
        ("recovery_failed", "m1"),
        ("recovery_failed", "m3"),
    ]
    assert "LedgerIncompleteError" in said[0]["exception"]
    assert counted["RecoveriesFailed"] == [2.0]


def test_resubmit_keeps_what_must_wait_and_counts_no_failure(env: RecoveryEnvironment, printed: Printed) -> None:
    hour = timedelta(hours=1)
    env.set_policy(back_off=dict.fromkeys(Budget, BackOff(first=hour, longest=hour)))
    assert failed(recover.handler(sqs(write_message(env.ended())), Context())) == ["m1"]
    (said,) = printed()
    assert said["message"] == "recovery_deferred"
    assert "after a pause" in said["reason"]
    assert 1800 <= said["seconds"] <= 3600


def test_resubmit_sends_everything_back_when_out_of_time(env: RecoveryEnvironment) -> None:
    job = env.ended()
    assert failed(recover.handler(sqs(write_message(job)), Context(milliseconds=59_999))) == ["m1"]
    assert env.runs.decisions == {}
