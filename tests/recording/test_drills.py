"""A drill passes through everything, and nothing takes it for a real job."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respot.alerting import text as alert_text
from respot.alerting.alert import Alert, AlertOutcome
from respot.alerting.alerter import Alerter
from respot.alerting.document import to_document
from respot.alerting.kinds import KIND_BY_STATUS, AlertKind
from respot.alerting.required import required_alerts
from respot.errors import MalformedMessageError, RespotError
from respot.jobs.drill_names import DRILL_PREFIX, drill_id
from respot.recording.drill import DETAIL_TYPE, HISTORIES, SOURCE, Drill, write_detail
from respot.recording.observation import DrillObservation, Observation, parse
from respot.recording.recorder import Recorder
from respot.slack.blocks import render
from tests.support.builders import CREATED, REGION, a_drill, alert_on, event, job_id, message
from tests.support.faulty import FaultyJobs
from tests.support.memory import MemoryLedger, MemoryRunStore, MemoryTopic
from tests.support.recovery_environment import RecoveryEnvironment

DRILLS = pytest.mark.parametrize("status", HISTORIES)


def envelope(drill: Drill, **others: Any) -> dict[str, Any]:  # noqa: ANN401
    """The drill's event as EventBridge delivers it."""
    plain = {
        "version": "0",
        "id": "1",
        "source": SOURCE,
        "detail-type": DETAIL_TYPE,
        "account": drill.account,
        "time": "2026-09-16T09:00:00Z",
        "region": drill.region,
        "resources": [],
        "detail": json.loads(write_detail(drill)),
    }
    return plain | others


def observation(drill: Drill) -> Observation:
    return parse(json.dumps(envelope(drill)))


# --- the event


@DRILLS
def test_a_drill_is_read_as_it_was_sent(status: str) -> None:
    drill = a_drill(status)
    read = observation(drill)
    assert read == DrillObservation(region=REGION, name=drill.job.name, reported=drill.snapshot())


@DRILLS
def test_the_kind_of_a_drills_event_is_the_name_of_its_alert(status: str) -> None:
    assert json.loads(write_detail(a_drill(status)))["kind"] == KIND_BY_STATUS[status]


@DRILLS
def test_a_drill_requires_its_alert_and_no_other(status: str) -> None:
    drill = a_drill(status)
    ledger = recorded(drill)
    record = ledger.load(drill.job)
    assert record.state is not None
    assert required_alerts(record, record.state, MemoryRunStore(ledger=ledger).recovery_records(drill.job)) == {
        (KIND_BY_STATUS[status], drill.alerted.started)
    }


FORGERIES: dict[str, dict[str, Any]] = {
    "a real job's name": {"detail": {"id": "spot-job", "kind": "interrupted", "sent_at": "2026-09-16T09:00:00Z"}},
    "a key": {"detail": {"id": "0123456789a#", "kind": "interrupted", "sent_at": "2026-09-16T09:00:00Z"}},
    "an endless id": {"detail": {"id": "a" * 100_000, "kind": "interrupted", "sent_at": "2026-09-16T09:00:00Z"}},
    "a line break": {"detail": {"id": "0123456789ab\n", "kind": "interrupted", "sent_at": "2026-09-16T09:00:00Z"}},
    "digits of another script": {
        "detail": {"id": "\u0660" * 12, "kind": "interrupted", "sent_at": "2026-09-16T09:00:00Z"}
    },
    "a kind without a drill": {"detail": {"id": "0" * 12, "kind": "resubmitted", "sent_at": "2026-09-16T09:00:00Z"}},
    "a kind that is no text": {"detail": {"id": "0" * 12, "kind": ["interrupted"], "sent_at": "2026-09-16T09:00:00Z"}},
    "no time": {"detail": {"id": "0" * 12, "kind": "interrupted"}},
    "a time beyond reason": {"detail": {"id": "0" * 12, "kind": "interrupted", "sent_at": "9999-01-01T00:00:00Z"}},
    "no detail": {"detail": None},
    "another detail type": {"detail-type": "SageMaker Training Job State Change"},
    "no account": {"account": "me"},
    "no region": {"region": "us-east-1#x"},
}


@pytest.mark.parametrize("forged", FORGERIES.values(), ids=list(FORGERIES))
def test_a_forged_drill_is_refused(forged: dict[str, Any]) -> None:
    with pytest.raises(MalformedMessageError) as refused:
        parse(json.dumps(envelope(a_drill()) | forged))
    assert len(str(refused.value)) < 400


@given(st.dictionaries(st.sampled_from(["id", "kind", "sent_at", "name", "TrainingJobName"]), st.text()), st.text())
def test_no_drill_event_can_name_a_job_that_sagemaker_could_have(detail: dict[str, str], region: str) -> None:
    try:
        read = parse(
            json.dumps(envelope(a_drill(), detail=json.loads(write_detail(a_drill())) | detail, region=region))
        )
    except RespotError:
        return
    assert drill_id(read.name)
    assert not re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", read.name)


def test_no_event_of_sagemaker_names_a_drill() -> None:
    with pytest.raises(MalformedMessageError):
        parse(message(event(job=job_id(a_drill().job.name))).body)


def test_only_a_complete_drill_name_has_an_id() -> None:
    assert drill_id(a_drill().job.name) == "0123456789ab"
    assert [drill_id(name) for name in ("spot-job", DRILL_PREFIX, f"{DRILL_PREFIX}x", "xDRILL.0123456789ab")] == [
        None
    ] * 4


# --- record


def recorded(drill: Drill, jobs: FaultyJobs | None = None) -> MemoryLedger:
    ledger = MemoryLedger(created=CREATED - timedelta(days=1))
    recorder = Recorder(jobs=jobs or FaultyJobs(), ledger=ledger)
    (done,) = recorder.record(drill.region, drill.job.name, [observation(drill)])
    assert done.job == drill.job
    return ledger


@DRILLS
def test_a_drill_is_recorded_without_asking_sagemaker(status: str) -> None:
    jobs = FaultyJobs()
    ledger = recorded(a_drill(status), jobs)
    assert jobs.describes == 0
    assert tuple(transition.status for transition in ledger.load(a_drill(status).job).transitions) == HISTORIES[status]


def test_a_drill_delivered_twice_is_recorded_once() -> None:
    ledger = recorded(a_drill())
    writes = ledger.writes
    Recorder(jobs=FaultyJobs(), ledger=ledger).record(REGION, a_drill().job.name, [observation(a_drill())] * 2)
    assert ledger.writes == writes


# --- alert


def alerted(drill: Drill, *, kinds: frozenset[AlertKind] = frozenset(AlertKind)) -> tuple[Alerter, MemoryTopic]:
    ledger, topic = recorded(drill), MemoryTopic()
    alerter = Alerter(
        ledger=ledger,
        runs=MemoryRunStore(ledger=ledger),
        topic=topic,
        clock=lambda: drill.sent_at + timedelta(seconds=2),
        kinds=kinds,
        max_age=timedelta(hours=24),
        lease=timedelta(minutes=2),
    )
    return alerter, topic


@DRILLS
def test_a_drill_is_alerted_on_like_a_real_job(status: str) -> None:
    drill = a_drill(status)
    alerter, topic = alerted(drill)
    alert_record = alerter.alert(drill.job, drill.alerted)
    assert alert_record is not None
    assert (alert_record.kind, alert_record.outcome) == (KIND_BY_STATUS[status], AlertOutcome.SENT)
    assert len(topic.published) == 1


def test_a_drill_of_a_disabled_kind_is_declined_with_that_reason() -> None:
    drill = a_drill("MaxWaitTimeExceeded")
    alerter, topic = alerted(drill, kinds=frozenset({AlertKind.INTERRUPTED}))
    alert_record = alerter.alert(drill.job, drill.alerted)
    assert alert_record is not None
    assert alert_record.outcome is AlertOutcome.DECLINED
    assert "switched off in the settings" in alert_record.reason
    assert topic.published == []


def test_a_drill_gets_no_advice() -> None:
    alerter, _ = alerted(a_drill())
    assert alerter.advise(a_drill().job) is None


def the_alert(status: str) -> Alert:
    drill = a_drill(status)
    alerter, topic = alerted(drill)
    alerter.alert(drill.job, drill.alerted)
    return topic.published[0]


@DRILLS
def test_every_text_of_a_drill_begins_with_drill(status: str) -> None:
    alert = the_alert(status)
    document = to_document(alert)
    texts = {
        "subject": alert_text.subject(alert),
        "plain": alert_text.plain(alert),
        "short": alert_text.short(alert),
        **{name: document[name] for name in ("headline", "what_happened", "what_happens_next", "cost")},
    }
    assert {name: text for name, text in texts.items() if not text.startswith("DRILL")} == {}
    posted = render(json.dumps(document))
    shown = [block["text"]["text"] for block in posted.blocks if "text" in block]
    assert [text for text in (posted.text, *shown) if not text.startswith("DRILL")] == []
    assert posted.blocks[-1]["elements"][0]["text"].startswith("DRILL")
    assert alert_text.console_url(alert.state).endswith("#/jobs")


def test_no_text_of_a_real_job_mentions_drills() -> None:
    for status in KIND_BY_STATUS:
        alert = alert_on(status)
        said = json.dumps(to_document(alert) | {"drill": None}) + alert_text.plain(alert) + alert_text.subject(alert)
        assert "DRILL" not in said + alert_text.short(alert) + json.dumps(render(json.dumps(to_document(alert))).blocks)


def test_a_document_says_whether_it_is_a_drills() -> None:
    assert to_document(the_alert("Interrupted"))["drill"] is True
    assert to_document(alert_on())["drill"] is False


# --- recovery


def test_recovery_decides_nothing_about_a_drill() -> None:
    env = RecoveryEnvironment()
    name = a_drill().job.name
    env.submit(name)  # were it not for its name, this job would be resubmitted
    job = env.end(name=name)
    assert env.recover(job) is None
    assert env.runs.decision(job) is None
    assert env.sagemaker.created == []


@pytest.mark.parametrize(
    ("status", "ends_as", "statuses"),
    [
        ("Interrupted", "InProgress", ["Starting", "Downloading", "Training", "Interrupted"]),
        ("MaxWaitTimeExceeded", "Stopped", ["Starting", "Stopping", "MaxWaitTimeExceeded"]),
    ],
)
def test_a_drill_shows_a_job_that_has_just_come_to_its_status(status: str, ends_as: str, statuses: list[str]) -> None:
    seen = a_drill(status).snapshot()
    starts = [CREATED + number * timedelta(milliseconds=1) for number in range(len(statuses))]
    assert [(each.status, each.started) for each in seen.history] == list(zip(statuses, starts, strict=True))
    assert (seen.state.status, seen.state.secondary_status, seen.state.last_modified) == (ends_as, status, starts[-1])
    assert seen.state.arn == f"arn:aws:sagemaker:{REGION}:{a_drill().account}:training-job/DRILL.0123456789ab"
    assert seen.state.market is None
