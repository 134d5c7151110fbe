"""The entry points, composed of twins."""

import json
from dataclasses import dataclass, replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import pytest

from respot.alerting.alert import Alert, AlertOutcome
from respot.alerting.digest.digest import DigestRecord
from respot.alerting.digest.timer import write_timer
from respot.aws.dynamodb.job_items import transition_item
from respot.errors import (
    PolicyInvalidError,
    PostRefusedError,
    TopicUnavailableError,
    UpstreamUnavailableError,
    WebhookRefusedError,
)
from respot.handlers import alert, record, slack
from respot.handlers.alert import LONGEST_ALERT
from respot.jobs.job import JobId, Transition
from respot.jobs.merge import reconcile
from respot.jobs.message import write_message
from respot.metrics import DRILLS_REFUSED, FAILED_DUE_ALERT_AGE, FAILED_OBSERVATION_AGE, FAILED_SLACK_MESSAGE_AGE
from respot.recording.consumer import LONGEST_DESCRIBE, ObservationConsumer
from respot.recording.drill_limit import AT_ONCE, DrillLimit
from respot.recording.observation import SweepObservation, write_recheck
from respot.recording.recorder import Recorder
from respot.settings import Settings
from respot.slack.relay import SlackRelay
from respot.sweep.heartbeat import HEARTBEAT
from tests.alerting.environment import alerter_on
from tests.recording.test_drills import envelope
from tests.slack.test_relay import Chat
from tests.support.builders import (
    CREATED,
    NAME,
    REGION,
    a_drill,
    at,
    event,
    job_id,
    milliseconds,
    retry_schedule,
    snapshot,
    transition,
    window_of,
)
from tests.support.clock import FakeClock
from tests.support.memory import (
    MemoryDeadLetters,
    MemoryDelayQueue,
    MemoryDrillPosts,
    MemoryLedger,
    MemoryTopic,
    MemoryTrainingJobs,
)
from tests.support.printed import Printed, printed

__all__ = ["printed"]  # used by each test, asked for or not


@dataclass
class Context:
    """Lambda's context."""

    milliseconds: int = 300_000

    def get_remaining_time_in_millis(self) -> int:
        return self.milliseconds


def failed(response: Any) -> list[str]:  # noqa: ANN401
    return [failure["itemIdentifier"] for failure in response["batchItemFailures"]]


# --- record ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def jobs(monkeypatch: pytest.MonkeyPatch) -> MemoryTrainingJobs:
    jobs = MemoryTrainingJobs()
    for name in (NAME, "second"):
        jobs.snapshots[REGION, name] = snapshot("Starting=0 Training=390", job=job_id(name))
    consumer = ObservationConsumer(
        recorder=Recorder(jobs=jobs, ledger=MemoryLedger(created=CREATED)), retry_schedule=retry_schedule()
    )
    monkeypatch.setattr(record, "consumer", lambda: consumer)
    return jobs


def sqs(*bodies: object) -> dict[str, Any]:
    """An SQS event; messages are m1, m2 …"""
    return {
        "Records": [
            {
                "messageId": f"m{number}",
                "receiptHandle": f"r{number}",
                "body": body if isinstance(body, str) else json.dumps(body),
                "attributes": {
                    "ApproximateReceiveCount": "2",
                    "SentTimestamp": str(milliseconds(CREATED)),
                    "ApproximateFirstReceiveTimestamp": str(milliseconds(CREATED)),
                },
            }
            for number, body in enumerate(bodies, start=1)
        ]
    }


@pytest.mark.usefixtures("jobs")
def test_record_takes_a_batch(printed: Printed) -> None:
    assert failed(record.handler(sqs(HEARTBEAT), Context())) == []
    assert printed() == []
    assert failed(record.handler(sqs(event(), HEARTBEAT, event()), Context())) == []
    said, counted = printed()
    assert (said["message"], said["transitions"]) == ("record_completed", ["Starting", "Training"])
    assert counted["TransitionsRecorded"] == [2.0]
    assert "ObservationsFailed" not in counted


@pytest.mark.usefixtures("jobs")
def test_record_counts_transitions_that_no_event_reported(printed: Printed) -> None:
    recheck = SweepObservation(region=REGION, name=NAME, watched_since=CREATED, event_due_by=at(9000))
    assert failed(record.handler(sqs(write_recheck(recheck), event(job=job_id("second"))), Context())) == []
    *_, counted = printed()
    assert counted["TransitionsRecorded"] == [4.0]
    assert counted["TransitionsFirstSeenBySweep"] == [2.0]


@pytest.mark.usefixtures("jobs")
def test_record_counts_no_drill(printed: Printed) -> None:
    assert failed(record.handler(sqs(envelope(a_drill())), Context())) == []
    (recorded,) = printed()
    assert recorded["transitions"] == ["Starting", "Downloading", "Training", "Interrupted"]


@pytest.mark.usefixtures("jobs")
def test_record_sends_poison_back_alone_and_says_why(printed: Printed) -> None:
    assert failed(record.handler(sqs(event(), "poison", event(job=job_id("second"))), Context())) == ["m2"]
    (said,) = (line for line in printed() if line.get("message") == "record_failed")
    assert said["message_id"] == "m2"
    assert said["reason"].startswith("not JSON")
    assert "MalformedMessageError" in said["exception"]


@pytest.mark.usefixtures("jobs")
def test_record_does_not_return_what_is_a_dead_letter_already(
    monkeypatch: pytest.MonkeyPatch, printed: Printed
) -> None:
    dead = MemoryDeadLetters()
    burying = replace(record.consumer(), retry_schedule=replace(retry_schedule(), dead_letters=dead))
    monkeypatch.setattr(record, "consumer", lambda: burying)
    assert failed(record.handler(sqs(event(), "poison", event(job=job_id("second"))), Context())) == []
    assert [body for body, _ in dead.letters] == ["poison"]
    lines = printed()
    assert ["retry_in_seconds" in line for line in lines if line.get("message") == "record_failed"] == [False]
    assert FAILED_OBSERVATION_AGE not in lines[-1]


def test_drills_have_a_way_of_their_own_and_are_few(monkeypatch: pytest.MonkeyPatch, printed: Printed) -> None:
    """Neither many nor malformed ones count as observations; what fails goes back into their own queue."""
    ledger, jobs = MemoryLedger(created=CREATED), MemoryTrainingJobs()
    drills = ObservationConsumer(
        recorder=Recorder(jobs=jobs, ledger=ledger),
        retry_schedule=retry_schedule(),
        drill_limit=DrillLimit(clock=FakeClock(CREATED)),
    )
    monkeypatch.setattr(record, "settings", lambda: Settings(drills_queue_url="https://sqs.example/1/drills"))
    monkeypatch.setattr(record, "drills_consumer", lambda: drills)
    many = [envelope(replace(a_drill(), id=f"{number:012x}")) for number in range(AT_ONCE + 30)]
    batch = sqs(*many, "malformed")
    for each in batch["Records"]:
        each["eventSourceARN"] = "arn:aws:sqs:us-east-1:111122223333:drills"
    assert failed(record.handler(batch, Context())) == [f"m{AT_ONCE + 31}"]
    lines = printed()
    assert sum(line.get("message") == "record_completed" for line in lines) == AT_ONCE
    assert sum(line.get("message") == "drill_refused" for line in lines) == 30
    assert lines[-1][DRILLS_REFUSED] == [31.0]
    assert not {"ObservationsFailed", FAILED_OBSERVATION_AGE, "TransitionsRecorded"} & lines[-1].keys()


def test_words_of_others_are_one_line_of_the_log(jobs: MemoryTrainingJobs, printed: Printed) -> None:
    forged = json.dumps({"message": "record_completed", "job": "forged"})
    jobs.faults["second"] = UpstreamUnavailableError(f"AWS says:\n{forged}\r\n{forged}")
    record.handler(sqs(event(job=job_id("second"))), Context())
    said, counted, _ = printed()  # each line is one JSON object, or reading them fails
    assert said["message"] == "record_failed"
    assert forged in said["reason"]
    assert counted["ObservationsFailed"] == [1.0]


def test_record_measures_the_age_of_the_oldest_failure(
    monkeypatch: pytest.MonkeyPatch, jobs: MemoryTrainingJobs, printed: Printed
) -> None:
    """Sent 100 s ago, received twice, tried again 10 s from now; what is recorded is not late."""
    monkeypatch.setattr(record, "now", FakeClock(at(100)))
    jobs.faults["second"] = UpstreamUnavailableError("throttled")
    record.handler(sqs(event(), event(job=job_id("second"))), Context())
    assert printed()[-1][FAILED_OBSERVATION_AGE] == [110.0]


def test_record_sends_everything_back_when_out_of_time(jobs: MemoryTrainingJobs) -> None:
    context = Context(milliseconds=int(LONGEST_DESCRIBE.total_seconds() * 1000) - 1)
    assert failed(record.handler(sqs(event(), event(job=job_id("second"))), context)) == ["m1", "m2"]
    assert jobs.describes == 0


# --- alert ----------------------------------------------------------------------------------------------------------


class Choosy(MemoryTopic):
    """A topic that refuses the alerts of some jobs."""

    refuses: str = ""

    def publish(self, alert: Alert) -> str:
        if alert.state.job.name == self.refuses:
            message = "throttled"
            raise TopicUnavailableError(message)
        return MemoryTopic.publish(self, alert)


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch) -> Choosy:
    """Where `alert` publishes; the ledger has three interrupted jobs and a drill."""
    ledger, topic, drill = MemoryLedger(created=CREATED), Choosy(), a_drill()
    seen = [snapshot("Starting=0 Interrupted=3720", job=job_id(name)) for name in (NAME, "second", "third")]
    for each in (*seen, drill.snapshot()):
        ledger.save(reconcile(ledger.load(each.state.job), each))
    alerter = alerter_on(ledger, clock=FakeClock(at(3725)), topic=topic)
    monkeypatch.setattr(alert, "alerter", lambda: alerter)
    return topic


INTERRUPTED = transition("Interrupted", 3720)


def stream(*inserted: tuple[JobId, Transition]) -> dict[str, Any]:
    """A DynamoDB stream event; sequence numbers are s1, s2 …"""
    return {
        "Records": [
            {
                "eventName": "INSERT",
                "dynamodb": {
                    "SequenceNumber": f"s{number}",
                    "NewImage": transition_item(job, transition, now=at(3721), retention=None),
                },
            }
            for number, (job, transition) in enumerate(inserted, start=1)
        ]
    }


def test_alert_sends_required_alerts(topic: Choosy, printed: Printed) -> None:
    nothing_happened = (job_id(), transition("Training", 390))
    assert failed(alert.handler(stream(nothing_happened), Context())) == []
    assert printed() == []
    assert failed(alert.handler(stream((job_id(), INTERRUPTED), nothing_happened), Context())) == []
    assert [sent.state.job.name for sent in topic.published] == [NAME]
    said, counted = printed()
    assert (said["message"], said["outcome"]) == ("alert_completed", "sent")
    assert counted["AlertsSent"] == [1.0]


def test_alert_does_not_count_drills(topic: Choosy, printed: Printed) -> None:
    drill = a_drill()
    alert.handler(stream((drill.job, drill.alerted)), Context())
    assert [sent.state.job for sent in topic.published] == [drill.job]
    (completed,) = printed()
    assert completed["outcome"] == "sent"


def test_an_alert_that_fails_stops_no_other_one(topic: Choosy, printed: Printed) -> None:
    topic.refuses = "second"
    whole = stream(*((job_id(name), INTERRUPTED) for name in (NAME, "second", "third")))
    assert failed(alert.handler(whole, Context())) == ["s2"]
    assert [sent.state.job.name for sent in topic.published] == [NAME, "third"]
    (said,) = (line for line in printed() if line.get("message") == "alert_failed")
    assert said["item"].endswith("transition#2026-09-16T10:02:00.000Z#Interrupted")
    topic.refuses = ""
    assert failed(alert.handler(whole, Context())) == []
    assert len(topic.published) == 3


@pytest.mark.parametrize(
    ("error", "times"), [(None, 0), (UpstreamUnavailableError("denied"), 2), (PolicyInvalidError("not JSON"), 2)]
)
def test_alert_reads_the_policy_with_each_heartbeat(
    monkeypatch: pytest.MonkeyPatch, printed: Printed, error: Exception | None, times: int
) -> None:
    """Its alarm needs a failure in each sweep's interval, and jobs may end more rarely."""
    monkeypatch.setattr(alert, "settings", lambda: Settings(policy_parameter="policy"))
    monkeypatch.setattr(alert, "_policies", lambda _: Mock(load=Mock(side_effect=error)))
    for _ in range(2):
        assert failed(alert.handler(sqs(HEARTBEAT), Context())) == []
    lines = printed()
    assert [line["reason"] for line in lines if line.get("message") == "policy_read_failed"] == [str(error)] * times
    assert [line["PolicyReadsFailed"] for line in lines if "PolicyReadsFailed" in line] == [[1.0]] * times


def test_alert_takes_jobs_from_the_queue_of_due_alerts(monkeypatch: pytest.MonkeyPatch, topic: Choosy) -> None:
    monkeypatch.setattr(alert, "check_policy", lambda: None)
    named = (write_message(job_id()), "poison", write_message(job_id("unknown")), write_message(job_id("second")))
    assert failed(alert.handler(sqs(*named, HEARTBEAT), Context())) == ["m2", "m3"]
    assert [sent.state.job.name for sent in topic.published] == [NAME, "second"]


def test_alert_measures_the_age_of_a_failing_due_alert(
    monkeypatch: pytest.MonkeyPatch, topic: Choosy, printed: Printed
) -> None:
    """Since it was first received: a timer is delayed on purpose. Of the stream, Lambda measures the age itself."""
    monkeypatch.setattr(alert, "now", FakeClock(at(720)))
    topic.refuses = NAME
    alert.handler(sqs(write_message(job_id())), Context())
    assert printed()[-1][FAILED_DUE_ALERT_AGE] == [720.0]
    alert.handler(stream((job_id(), INTERRUPTED)), Context())
    assert not any(FAILED_DUE_ALERT_AGE in line for line in printed())


def test_alert_closes_windows_from_the_queue_of_due_alerts(monkeypatch: pytest.MonkeyPatch, printed: Printed) -> None:
    sent = DigestRecord(
        digest=window_of().id, outcome=AlertOutcome.SENT, reason="", headline="", settled_at=at(3905), message_id="m"
    )
    collector = SimpleNamespace(close=lambda window: sent if window == window_of() else None)
    monkeypatch.setattr(alert, "digest_collector", lambda: collector)
    named = sqs(write_timer(window_of()), write_timer(window_of(seconds=9000)), '{"window": 7}')
    assert failed(alert.handler(named, Context())) == ["m3"]
    (said,) = (line for line in printed() if line.get("message") == "alert_completed")
    assert (said["kind"], said["digest"], said["outcome"]) == ("digest", window_of().id, "sent")


def test_alert_begins_nothing_that_it_cannot_finish_in_time(topic: Choosy, printed: Printed) -> None:
    whole = stream((job_id(), INTERRUPTED), (job_id("second"), INTERRUPTED))
    too_short = LONGEST_ALERT // timedelta(milliseconds=1) - 1
    assert failed(alert.handler(whole, Context(milliseconds=too_short))) == ["s1", "s2"]
    assert topic.published == []
    assert sum(line.get("message") == "alert_deferred" for line in printed()) == 2
    assert failed(alert.handler(stream((job_id(), INTERRUPTED)), Context(milliseconds=too_short + 1))) == []
    assert len(topic.published) == 1


# --- slack ----------------------------------------------------------------------------------------------------------


def test_slack_leaves_refused_messages_in_the_queue(monkeypatch: pytest.MonkeyPatch, printed: Printed) -> None:
    chat, queue = Chat(refuses={"bad": WebhookRefusedError("Slack answered 500")}), MemoryDelayQueue()
    relay = SlackRelay(chat=chat, retry_schedule=retry_schedule(queue, first=30), drills=MemoryDrillPosts())
    monkeypatch.setattr(slack, "slack_relay", lambda: relay)
    assert failed(slack.handler(sqs(HEARTBEAT), Context())) == []
    assert (chat.posted, printed()) == ([], [])
    assert failed(slack.handler(sqs("bad", "good", HEARTBEAT, '{"version": "respot.alert/1"}'), Context())) == ["m1"]
    assert (chat.posted[0], len(chat.posted)) == ("good", 2)
    assert queue.delays == {"r1": timedelta(seconds=60)}
    said, counted, _ = printed()
    assert (said["message_id"], said["reason"], said["retry_in_seconds"]) == ("m1", "Slack answered 500", 60.0)
    assert counted["SlackMessagesPosted"] == [2.0]
    assert counted["SlackMessagesRefused"] == [1.0]


def test_slack_does_not_return_what_is_a_dead_letter_already(monkeypatch: pytest.MonkeyPatch, printed: Printed) -> None:
    chat, dead = Chat(refuses={"bad": PostRefusedError("invalid_blocks")}), MemoryDeadLetters()
    schedule = replace(retry_schedule(), dead_letters=dead)
    relay = SlackRelay(chat=chat, retry_schedule=schedule, drills=MemoryDrillPosts())
    monkeypatch.setattr(slack, "slack_relay", lambda: relay)
    assert failed(slack.handler(sqs("bad", "good"), Context())) == []
    assert (dead.letters, chat.posted) == ([("bad", "invalid_blocks")], ["good"])
    assert not any(FAILED_SLACK_MESSAGE_AGE in line for line in printed())
