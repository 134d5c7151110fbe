"""Heartbeats: every function is called, and does nothing."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from respot.aws.dynamodb.attribute_values import serialize
from respot.aws.dynamodb.sweeps import progress_item
from respot.errors import QueueUnavailableError
from respot.handlers import alert, enqueue_ended, record, recover, slack, sweep
from respot.jobs.message import write_message
from respot.recording.consumer import ObservationConsumer
from respot.recording.recorder import Recorder
from respot.recovery.consumer import RecoveryConsumer
from respot.schema import CHECKS, LEASE_HOLDER
from respot.slack.blocks import SlackMessage
from respot.slack.relay import SlackRelay
from respot.sweep.heartbeat import HEARTBEAT, beat
from respot.sweep.progress import SweepProgress
from tests.handlers.test_handlers import Context, failed, sqs
from tests.handlers.test_recover import Queue, ending, stream
from tests.handlers.test_sweep import FakeSweeper
from tests.support.builders import CREATED, NAME, REGION, event, job_id, retry_schedule, snapshot
from tests.support.faulty import FaultyJobs
from tests.support.memory import MemoryDelayQueue, MemoryDrillPosts, MemoryLedger
from tests.support.printed import Printed, printed
from tests.support.recovery_environment import SECOND, RecoveryEnvironment

__all__ = ["printed"]  # used by each test, asked for or not

LEASED = progress_item(
    SweepProgress(scope=CHECKS, watched_since=CREATED, leased_at=CREATED), until=CREATED
) | serialize({LEASE_HOLDER: "c"})
"""The sweep's item when it leases its scope: the stream shows this write to its readers."""


class Chat:
    """A chat."""

    def __init__(self) -> None:
        self.posted: list[str] = []

    def post(self, message: SlackMessage) -> None:
        self.posted.append(message.text)


def test_record_ignores_a_heartbeat_and_records_the_rest(monkeypatch: pytest.MonkeyPatch, printed: Printed) -> None:
    jobs = FaultyJobs()
    jobs.snapshots[REGION, NAME] = snapshot("Starting=0 Training=390")
    recorder = Recorder(jobs=jobs, ledger=MemoryLedger(created=CREATED))
    monkeypatch.setattr(
        record, "consumer", lambda: ObservationConsumer(recorder=recorder, retry_schedule=retry_schedule())
    )
    assert failed(record.handler(sqs(HEARTBEAT), Context())) == []
    assert (jobs.describes, printed()) == (0, [])
    assert failed(record.handler(sqs(HEARTBEAT, event()), Context())) == []
    assert [line["message"] for line in printed() if "message" in line] == ["record_completed"]


def test_recover_ignores_a_heartbeat(monkeypatch: pytest.MonkeyPatch, printed: Printed) -> None:
    env = RecoveryEnvironment()
    consumer = RecoveryConsumer(recovery=env.recovery, retry_schedule=retry_schedule(MemoryDelayQueue()))
    monkeypatch.setattr(recover, "recovery_consumer", lambda: consumer)
    assert failed(recover.handler(sqs(HEARTBEAT), Context())) == []
    assert (env.calls, printed()) == ([], [])
    recover.handler(sqs(HEARTBEAT, write_message(env.ended())), Context())
    assert env.sagemaker.created == [SECOND]


def test_slack_posts_no_heartbeat(monkeypatch: pytest.MonkeyPatch, printed: Printed) -> None:
    chat = Chat()
    relay = SlackRelay(chat=chat, retry_schedule=retry_schedule(), drills=MemoryDrillPosts())
    monkeypatch.setattr(slack, "slack_relay", lambda: relay)
    assert failed(slack.handler(sqs(HEARTBEAT), Context())) == []
    assert (chat.posted, printed()) == ([], [])
    slack.handler(sqs(HEARTBEAT, "good"), Context())
    assert chat.posted == ["good"]


@pytest.mark.parametrize("beats", [sqs(HEARTBEAT), stream(LEASED)], ids=["of its queue", "of the stream"])
def test_alert_ignores_a_heartbeat(monkeypatch: pytest.MonkeyPatch, printed: Printed, beats: dict[str, Any]) -> None:
    monkeypatch.setattr(alert, "alerter", object)
    assert failed(alert.handler(beats, Context())) == []
    assert printed() == []


def test_enqueue_ended_ignores_a_heartbeat_and_forwards_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    queue = Queue()
    monkeypatch.setattr(enqueue_ended, "recovery_queue", lambda: queue)
    assert failed(enqueue_ended.handler(stream(LEASED), Context())) == []
    assert queue.sent == []
    assert failed(enqueue_ended.handler(stream(LEASED, ending("one")), Context())) == []
    assert queue.sent == [job_id("one")]


@dataclass
class FakeQueue:
    """A queue that counts heartbeats, or refuses them."""

    refuses: bool = False
    beats: int = 0

    def beat(self) -> None:
        if self.refuses:
            message = "no permission"
            raise QueueUnavailableError(message)
        self.beats += 1


def test_a_refused_heartbeat_does_not_stop_the_others() -> None:
    queues = (FakeQueue(), FakeQueue(refuses=True), FakeQueue())
    assert [str(error) for error in beat(queues)] == ["no permission"]
    assert [queue.beats for queue in queues] == [1, 0, 1]


def test_each_sweep_sends_heartbeats_and_sweeps_even_if_they_are_refused(
    monkeypatch: pytest.MonkeyPatch, printed: Printed
) -> None:
    taking, refusing, fake = FakeQueue(), FakeQueue(refuses=True), FakeSweeper()
    monkeypatch.setattr(sweep, "heartbeat_queues", lambda: (refusing, taking))
    monkeypatch.setattr(sweep, "sweeper", lambda: fake)
    for _ in range(2):
        sweep.handler({}, Context())
    assert taking.beats == 2
    assert fake.times_left == [timedelta(minutes=5)] * 2
    assert [line["message"] for line in printed()] == ["heartbeat_failed"] * 2
