"""The entry points of recovery, and `alert` on what recovery writes, composed of twins."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from respot.alerting.alerter import Alerter
from respot.alerting.kinds import AlertKind
from respot.aws.dynamodb.job_items import state_item, transition_item
from respot.aws.dynamodb.run_items import attempt_item, decision_item, notice_item, outcome_item
from respot.errors import QueueUnavailableError
from respot.handlers import alert, enqueue_ended, recover
from respot.jobs.job import JobId
from respot.jobs.merge import reconcile
from respot.jobs.message import write_message
from respot.recovery.consumer import RecoveryConsumer
from respot.recovery.planning.decision import Action, Decision
from respot.recovery.planning.ending import Budget
from respot.recovery.planning.run import run_id
from respot.recovery.policy.policy import BackOff
from respot.recovery.records import AttemptRecord, DecisionRecord, NoticeKind, Outcome, OutcomeKind
from tests.handlers.test_handlers import Context, failed, sqs
from tests.support.builders import CREATED, NAME, at, job_id, retry_schedule, snapshot, transition
from tests.support.clock import FakeClock
from tests.support.memory import MemoryDelayQueue, MemoryLedger, MemoryRunStore, MemoryTopic
from tests.support.printed import Printed, printed
from tests.support.recovery_environment import SECOND, RecoveryEnvironment

__all__ = ["printed"]  # a fixture that holds for all tests of this module, too

ENDED = "Starting=0 MaxWaitTimeExceeded=21600"
JOB = job_id()


def stream(*images: dict[str, Any]) -> dict[str, Any]:
    """A DynamoDB stream event; sequence numbers are s1, s2 …"""
    return {
        "Records": [
            {"eventName": "INSERT", "dynamodb": {"SequenceNumber": f"s{number}", "NewImage": image}}
            for number, image in enumerate(images, start=1)
        ]
    }


# --- enqueue_ended --------------------------------------------------------------------------------------------------


@dataclass
class Queue:
    """The port `JobQueue`: a list, and the jobs that it refuses."""

    sent: list[JobId] = field(default_factory=list)
    refuses: str = ""

    def send(self, job: JobId) -> None:
        if job.name == self.refuses:
            message = "SQS did not take it"
            raise QueueUnavailableError(message)
        self.sent.append(job)


@pytest.fixture
def queue(monkeypatch: pytest.MonkeyPatch) -> Queue:
    queue = Queue()
    monkeypatch.setattr(enqueue_ended, "recovery_queue", lambda: queue)
    return queue


def ending(name: str) -> dict[str, Any]:
    return transition_item(job_id(name), transition("Stopped", 9000), now=at(9001), retention=None)


def test_enqueue_ended_sends_each_ended_job(queue: Queue, printed: Printed) -> None:
    assert failed(enqueue_ended.handler(stream(ending("one"), ending("two")), Context())) == []
    assert queue.sent == [job_id("one"), job_id("two")]
    (counted,) = printed()
    assert counted["JobsEnded"] == [2.0]


def test_enqueue_ended_repeats_only_what_was_not_sent(queue: Queue, printed: Printed) -> None:
    queue.refuses = "two"
    assert failed(enqueue_ended.handler(stream(ending("one"), ending("two"), ending("three")), Context())) == ["s2"]
    assert [job.name for job in queue.sent] == ["one", "three"]
    assert printed()[0]["message"] == "enqueue_failed"


# --- recover --------------------------------------------------------------------------------------------------------


@pytest.fixture
def env(monkeypatch: pytest.MonkeyPatch) -> RecoveryEnvironment:
    env = RecoveryEnvironment()
    consumer = RecoveryConsumer(recovery=env.recovery, retry_schedule=retry_schedule(MemoryDelayQueue()))
    monkeypatch.setattr(recover, "recovery_consumer", lambda: consumer)
    return env


def test_resubmit_takes_a_batch(env: RecoveryEnvironment) -> None:
    assert failed(recover.handler(sqs(write_message(env.ended())), Context())) == []
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


# --- alert ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch) -> MemoryTopic:
    ledger, topic = MemoryLedger(created=CREATED), MemoryTopic()
    look = snapshot(ENDED, checkpoint_uri=None)
    ledger.save(reconcile(ledger.load(JOB), look))
    alerter = Alerter(
        ledger=ledger,
        runs=MemoryRunStore(ledger=ledger),
        topic=topic,
        clock=FakeClock(at(21700)),
        kinds=frozenset(AlertKind),
        max_age=timedelta(hours=24),
        lease=timedelta(minutes=2),
    )
    monkeypatch.setattr(alert, "alerter", lambda: alerter)
    return topic


def decision(action: Action, **others: Any) -> DecisionRecord:  # noqa: ANN401
    return DecisionRecord(
        job=JOB,
        run=run_id(JOB),
        number=1,
        decision=Decision(action=action, reason="the reason", inputs={}, **others),
        decided_at=at(21650),
        checkpoint=None,
        next_name=SECOND,
    )


def outcome(kind: OutcomeKind) -> Outcome:
    return Outcome(job=JOB, kind=kind, story="the story", settled_at=at(21660), name=SECOND, warning="the warning")


def alerted(topic: MemoryTopic, image: dict[str, Any]) -> list[tuple[AlertKind, str, str | None]]:
    assert failed(alert.handler(stream(image), Context())) == []
    assert failed(alert.handler(stream(image), Context())) == []  # every item may be delivered again
    return [(each.kind, each.story, each.warning) for each in topic.published]


@pytest.mark.parametrize(
    ("record", "told"),
    [
        (
            decision(Action.REFUSE, notify=True),
            [(AlertKind.NOT_RESUBMITTED, "not resubmitted: the reason", None)],
        ),
        (decision(Action.REFUSE), []),
        (decision(Action.NOTHING), []),
        (
            decision(Action.RESUBMIT, notify=True, dry_run=True, warning="late"),
            [(AlertKind.WOULD_RESUBMIT, "the reason", "late")],
        ),
        (decision(Action.RESUBMIT), []),
        (decision(Action.RESUBMIT, notify=True, warning="late"), []),
    ],
    ids=["refused", "refused quietly", "nothing", "dry run", "resubmission", "resubmission with a warning"],
)
def test_a_decision_is_told_where_no_outcome_will_be(
    topic: MemoryTopic, record: DecisionRecord, told: list[tuple[AlertKind, str, str | None]]
) -> None:
    assert alerted(topic, decision_item(record, None)) == told


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (OutcomeKind.CREATED, AlertKind.RESUBMITTED),
        (OutcomeKind.FAILED, AlertKind.NOT_RESUBMITTED),
        (OutcomeKind.CANCELLED, AlertKind.NOT_RESUBMITTED),
        (OutcomeKind.WITHDRAWN, AlertKind.NOT_RESUBMITTED),
    ],
)
def test_an_outcome_is_told(topic: MemoryTopic, kind: OutcomeKind, told: AlertKind) -> None:
    assert alerted(topic, outcome_item(outcome(kind), None)) == [(told, "the story", "the warning")]


def test_a_notice_is_told(topic: MemoryTopic) -> None:
    image = notice_item(JOB, NoticeKind.POLICY_INVALID, "no JSON", now=at(21650), retention=None)
    assert alerted(topic, image) == [(AlertKind.POLICY_INVALID, "no JSON", None)]


def test_a_new_job_at_a_risk_is_advised(topic: MemoryTopic) -> None:
    ledger = MemoryLedger(created=CREATED)
    change = reconcile(ledger.load(JOB), snapshot(ENDED))
    ((kind, _, _),) = alerted(topic, state_item(change, None))
    assert kind is AlertKind.ADVICE


def test_an_attempt_is_nobodys_news(topic: MemoryTopic) -> None:
    record = AttemptRecord(run=run_id(JOB), number=2, region="us-east-1", name=SECOND, parent=JOB, decided_at=at(1))
    assert alerted(topic, attempt_item(record, None)) == []


def test_what_cannot_be_told_stops_no_other(topic: MemoryTopic, printed: Printed) -> None:
    lost = replace(outcome(OutcomeKind.CREATED), job=job_id("unknown"))
    whole = stream(outcome_item(lost, None), outcome_item(outcome(OutcomeKind.CREATED), None))
    assert failed(alert.handler(whole, Context())) == ["s1"]
    assert [each.state.job.name for each in topic.published] == [NAME]
    (said,) = (line for line in printed() if line.get("message") == "alert_failed")
    assert said["item"].endswith(" outcome")
