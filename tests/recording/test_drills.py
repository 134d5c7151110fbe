"""A drill passes through everything, and nothing takes it for a real job."""

import json
import re
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respot.alerting import text as alert_text
from respot.alerting.alert import Alert, AlertOutcome, AlertRecord
from respot.alerting.document import to_document
from respot.alerting.kinds import KIND_BY_STATUS
from respot.alerting.required import required_alerts
from respot.errors import MalformedMessageError, RespotError
from respot.jobs.drill_names import DRILL_PREFIX, drill_id
from respot.recording.drill import DETAIL_TYPE, HISTORIES, SOURCE, Drill, write_detail
from respot.recording.observation import DrillObservation, Observation, parse
from respot.recording.recorder import Recorder
from respot.slack.blocks import render
from tests.alerting.environment import alerter_on
from tests.support.builders import CREATED, REGION, a_drill, alert_on, event, job_id, message
from tests.support.memory import MemoryLedger, MemoryRunStore, MemoryTopic, MemoryTrainingJobs
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
    assert observation(drill) == DrillObservation(region=REGION, name=drill.job.name, reported=drill.snapshot())
    assert json.loads(write_detail(drill))["kind"] == KIND_BY_STATUS[status]  # the name of its alert


def detail(**others: object) -> dict[str, Any]:
    return {"detail": {"id": "0" * 12, "kind": "interrupted", "sent_at": "2026-09-16T09:00:00Z"} | others}


FORGERIES: dict[str, dict[str, Any]] = {
    "a real job's name": detail(id="spot-job"),
    "a key": detail(id="0123456789a#"),
    "an endless id": detail(id="a" * 100_000),
    "a line break": detail(id="0123456789ab\n"),
    "digits of another script": detail(id="\u0660" * 12),
    "a kind without a drill": detail(kind="resubmitted"),
    "a kind that is no text": detail(kind=["interrupted"]),
    "no time": detail(sent_at=None),
    "a time beyond reason": detail(sent_at="9999-01-01T00:00:00Z"),
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
def test_no_drill_event_can_name_a_job_that_sagemaker_could_have(members: dict[str, str], region: str) -> None:
    try:
        read = parse(
            json.dumps(envelope(a_drill(), detail=json.loads(write_detail(a_drill())) | members, region=region))
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


def recorded(drill: Drill) -> MemoryLedger:
    """Delivered twice, recorded once, and SageMaker was not asked."""
    ledger, jobs = MemoryLedger(created=CREATED - timedelta(days=1)), MemoryTrainingJobs()
    recorder, writes = Recorder(jobs=jobs, ledger=ledger), []
    for observations in ([observation(drill)], [observation(drill)] * 2):
        done, *_ = recorder.record(drill.region, drill.job.name, observations)
        assert done.job == drill.job
        writes.append(ledger.writes)
    assert writes[0] == writes[1]
    assert jobs.describes == 0
    return ledger


@DRILLS
def test_a_drill_is_recorded_once_without_asking_sagemaker(status: str) -> None:
    drill = a_drill(status)
    ledger = recorded(drill)
    record = ledger.load(drill.job)
    assert tuple(transition.status for transition in record.transitions) == HISTORIES[status]
    assert record.state is not None
    needed = required_alerts(record, record.state, MemoryRunStore(ledger=ledger).recovery_records(drill.job))
    assert needed == {(KIND_BY_STATUS[status], drill.alerted.started)}


# --- alert


def alerted(drill: Drill) -> tuple[AlertRecord | None, Alert]:
    topic = MemoryTopic()
    alerter = alerter_on(recorded(drill), clock=lambda: drill.sent_at + timedelta(seconds=2), topic=topic)
    alert_record = alerter.alert(drill.job, drill.alerted)
    (alert,) = topic.published
    return alert_record, alert


@DRILLS
def test_every_text_of_a_drill_begins_with_drill(status: str) -> None:
    alert_record, alert = alerted(a_drill(status))
    assert alert_record is not None
    assert (alert_record.kind, alert_record.outcome) == (KIND_BY_STATUS[status], AlertOutcome.SENT)
    document = to_document(alert)
    posted = render(json.dumps(document))
    texts = [
        alert_text.subject(alert),
        alert_text.plain(alert),
        alert_text.short(alert),
        *(document[name] for name in ("headline", "what_happened", "what_happens_next", "cost")),
        posted.text,
        *(block["text"]["text"] for block in posted.blocks if "text" in block),
        posted.blocks[-1]["elements"][0]["text"],
    ]
    assert [text for text in texts if not text.startswith("DRILL")] == []
    assert alert_text.console_url(alert.state).endswith("#/jobs")
    assert document["drill"] is True


@pytest.mark.parametrize("status", KIND_BY_STATUS)
def test_no_text_of_a_real_job_mentions_drills(status: str) -> None:
    alert = alert_on(status)
    document = to_document(alert)
    said = (document, alert_text.plain(alert), alert_text.subject(alert), alert_text.short(alert))
    assert "DRILL" not in f"{said} {render(json.dumps(document)).blocks}"
    assert document["drill"] is False


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
