"""A ledger with items of every kind, full and sparse ones, as this version writes them.

`python -m tests.support.frozen_ledger` writes the file of this version's schema again. Do so only on purpose: later
versions must read what is in the older files.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from respot.alerting.alert import AlertOutcome, AlertRecord
from respot.alerting.digest.digest import DigestEntry, DigestRecord
from respot.alerting.kinds import AlertKind, Severity
from respot.alerting.weekly.digest import WeeklyOutcome, WeeklyRecord
from respot.alerting.weekly.week import week_before
from respot.aws.dynamodb import (
    alerts,
    changes,
    digests,
    drills,
    job_items,
    refusals,
    run_items,
    run_summaries,
    starts,
    sweeps,
    weekly,
)
from respot.aws.dynamodb.attribute_values import Item
from respot.jobs.job import JobRecord, JobSnapshot, Market, Owner, Parent
from respot.jobs.merge import reconcile
from respot.recovery.checkpoints.checkpoint import Checkpoint
from respot.recovery.planning.cause import Cause
from respot.recovery.planning.decision import Action, Decision, Outlook, Placement
from respot.recovery.planning.run import run_id
from respot.recovery.planning.start_history import MeasuredStart, StartPool, StartSample
from respot.recovery.planning.waiting import StopIntent
from respot.recovery.records import (
    AttemptRecord,
    CreationIntent,
    DecisionRecord,
    LocationReservation,
    NextStep,
    Notice,
    NoticeKind,
    Outcome,
    OutcomeKind,
    Refusal,
)
from respot.runs.run_state import RunState
from respot.runs.summary import RunSummary, StoredSummary
from respot.schema import KIND, PK, SCHEMA, SCHEMA_OF_THIS_VERSION, SK, ItemKind
from respot.sweep.progress import SweepProgress
from tests.support.builders import REGION, a_drill, at, history, job_id, state, window_of

FOLDER: Final = Path(__file__).parents[1] / "aws" / "ledgers"
FILE: Final = FOLDER / f"schema-{SCHEMA_OF_THIS_VERSION}.json"
KEPT: Final = timedelta(days=400)
JOB: Final = job_id()
RUN: Final = run_id(JOB)
WINDOW: Final = window_of(opener="an alert")
_PLACEMENT: Final = Placement(
    market=Market.SPOT,
    instance_type="ml.g5.2xlarge",
    max_runtime=timedelta(hours=4),
    max_wait=timedelta(hours=6),
)
_ASKED: Final = CreationIntent(placement=_PLACEMENT, at=at(21700))
END: Final = replace(history("MaxWaitTimeExceeded=21630")[0], ended_as="Stopped")


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """An item, and how it is read.

    Attributes:
        item: what the code writes.
        read: the reader of such items.
        value: what the reader returns.
    """

    item: Item
    read: Callable[[Item], object]
    value: object


def _of_stream(item: Item) -> object:
    return changes.read_change({"dynamodb": {"NewImage": item}})


def _states() -> dict[str, Written]:
    full = state(
        status="Stopped",
        secondary_status="MaxWaitTimeExceeded",
        last_modified=at(21630),
        status_message="a message",
        failure_reason="a reason",
        training_started=at(250),
        training_ended=at(21630),
        max_pending=timedelta(hours=2),
        training_time=timedelta(seconds=3330.5),
        billable_time=timedelta(seconds=1000),
        parent=Parent(owner=Owner.PIPELINE, identifier="a pipeline"),
        tags={"team": "vision"},
        role_arn="arn:aws:iam::111122223333:role/SageMakerTraining",
        algorithm="an algorithm",
        image="an image",
    )
    sparse = replace(
        state(job_id("sparse")),
        market=None,
        instance_type=None,
        instance_count=None,
        max_runtime=None,
        max_wait=None,
        checkpoint_uri=None,
        described=None,
    )
    written = {}
    for name, each in (("state", full), ("state, sparse", sparse)):
        change = reconcile(JobRecord(), JobSnapshot(state=each, history=history("Starting=0")))
        written[name] = Written(item=job_items.state_item(change, KEPT), read=job_items.read_state, value=(each, 1))
    return written


def _summaries() -> dict[str, Written]:
    full = RunSummary(
        run=RUN,
        state=RunState.RECOVERING,
        reason="a reason",
        since=at(21630),
        number=2,
        job=JOB,
        market=Market.SPOT,
        instance_type="ml.g5.2xlarge",
        tags={"team": "vision"},
        parent=Parent(owner=Owner.PIPELINE, identifier="a pipeline"),
        next_step="a next step",
        next_at=at(25000),
    )
    ended = RunSummary(run=RUN, state=RunState.STOPPED, reason="a reason", since=at(21630), number=1, job=JOB)
    return {
        name: Written(
            item=run_summaries.summary_item(each, 7, KEPT),
            read=run_summaries.read_summary,
            value=StoredSummary(summary=each, version=7),
        )
        for name, each in (("run summary", full), ("run summary, ended", ended))
    }


def _decisions() -> dict[str, Written]:
    checkpoint = Checkpoint(
        name="checkpoint-500",
        step=500,
        saved_at=at(3700),
        size=1024,
        complete=False,
        objects=3,
        layout="Hugging Face Trainer",
        flaw="a flaw",
    )
    full = DecisionRecord(
        job=JOB,
        run=RUN,
        number=1,
        decision=Decision(
            action=Action.RESUBMIT,
            reason="a reason",
            inputs={"attempts": "1 of 3"},
            placement=_PLACEMENT,
            attempt=2,
            warning="a warning",
        ),
        decided_at=at(21635),
        checkpoint=checkpoint,
        made_progress=True,
        reached={"checkpoint-#": (2, 500)},
        next_name="spot-job-r2",
        summary="a summary",
    )
    nothing = Decision(action=Action.NOTHING, reason="a reason", inputs={})
    sparse = DecisionRecord(job=job_id("sparse"), run=RUN, number=1, decision=nothing, decided_at=at(21635))
    refused = replace(nothing, action=Action.REFUSE, cause=Cause.ATTEMPTS_SPENT, notify=True)
    against = replace(sparse, decision=refused)
    return {
        name: Written(item=run_items.decision_item(each, KEPT), read=_of_stream, value=each)
        for name, each in (("decision", full), ("decision, sparse", sparse), ("decision, refused", against))
    }


def written() -> dict[str, Written]:
    """Items of every kind."""
    record = AlertRecord(
        job=JOB,
        kind=AlertKind.MAX_WAIT_TIME_EXCEEDED,
        transition=replace(END, ended_as=None),
        outcome=AlertOutcome.SENT,
        reason="a reason",
        headline="a headline",
        settled_at=at(21640),
        message_id="message-1",
        digest="a digest",
    )
    attempt = AttemptRecord(run=RUN, number=2, region=REGION, name="spot-job-r2", parent=JOB, decided_at=at(21635))
    reservation = LocationReservation(location="s3://ml-bucket/checkpoints/", run=RUN, number=2)
    outcome = Outcome(
        job=JOB,
        kind=OutcomeKind.CREATED,
        summary="a summary",
        settled_at=at(21650),
        name="spot-job-r2",
        arn="an ARN",
        job_created=at(21649),
        warning="a warning",
    )
    failed = replace(outcome, kind=OutcomeKind.FAILED, arn=None, cause=Cause.NAME_TAKEN)
    intent = StopIntent(
        job=JOB,
        waiting_since=at(60),
        decided_at=at(9000),
        reason="a reason",
        inputs={"limit": "2 h"},
        withdrawn="it got instances",
        refused_at=at(9001),
    )
    step = NextStep(reason="a reason", at=at(25000), noted_at=at(21635))
    notice = Notice(job=JOB, kind=NoticeKind.POSTPONED, summary="a summary", noticed_at=at(21700))
    refusal = Refusal(
        region=REGION,
        market=Market.SPOT,
        instance_type="ml.g5.2xlarge",
        resource="arn:aws:iam::111122223333:role/Training",
        why="a quota",
        refused_at=at(21650),
    )
    start = MeasuredStart(
        job=JOB,
        pool=StartPool(region=REGION, instance_type="ml.g5.2xlarge", image="an image"),
        sample=StartSample(took=timedelta(minutes=12), seen=at(970)),
    )
    progress = SweepProgress(
        scope=REGION,
        watched_since=at(0),
        leased_at=at(300),
        began=at(301),
        token="a token",  # noqa: S106 - SageMaker's page token
        reached=at(200),
        down_to=at(100),
        last_began=at(0),
        recorded_until=at(-420),
        last_full=at(0),
    )
    entry = DigestEntry(
        job=JOB,
        arn="an ARN",
        started=at(3720),
        alert="an alert",
        headline="a headline",
        description="a description",
        severity=next(iter(Severity)),
        outlook=Outlook.DECIDES,
    )
    digest = DigestRecord(
        digest=WINDOW.id,
        outcome=AlertOutcome.SENT,
        reason="a reason",
        headline="a headline",
        settled_at=at(3905),
        message_id="message-2",
    )
    week = week_before(at(0))
    reported = WeeklyRecord(
        week=week.id,
        outcome=WeeklyOutcome.SENT,
        reason="a reason",
        headline="a headline",
        settled_at=at(3906),
        message_id="message-3",
    )
    drill = a_drill()
    post: Item = {
        PK: {"S": "drill#0123456789ab"},
        SK: {"S": "slack"},
        KIND: {"S": ItemKind.DRILL_POST.value},
        SCHEMA: {"N": str(SCHEMA_OF_THIS_VERSION)},
        "outcome": {"S": "refused"},
        "at": {"S": "2026-09-16T10:00:00.000Z"},
        "reason": {"S": "no_service"},
    }
    transitions = {
        "transition": (JOB, replace(END, provisional=True)),
        "drill's transition": (drill.job, drill.alerted),
    }
    return {
        **_states(),
        **{
            name: Written(
                item=job_items.transition_item(job, each, now=at(21631), retention=KEPT),
                read=job_items.read_transition,
                value=(job, each),
            )
            for name, (job, each) in transitions.items()
        },
        **_decisions(),
        "alert": Written(item=alerts.alert_item(record, KEPT), read=alerts.read_alert, value=record),
        "attempt": Written(item=run_items.attempt_item(attempt, KEPT), read=run_items.read_attempt, value=attempt),
        "attempt's name": Written(
            item=run_items.attempt_name_item(attempt, KEPT), read=run_items.read_attempt, value=attempt
        ),
        "reservation": Written(
            item=run_items.reservation_item(reservation), read=run_items.read_reservation, value=reservation
        ),
        "outcome": Written(item=run_items.outcome_item(outcome, KEPT), read=_of_stream, value=outcome),
        "outcome, failed": Written(item=run_items.outcome_item(failed, KEPT), read=_of_stream, value=failed),
        "stop intent": Written(
            item=run_items.stop_intent_item(intent, KEPT), read=run_items.read_stop_intent, value=intent
        ),
        "creation intent": Written(
            item=run_items.creation_intent_item(JOB, _ASKED, now=at(21700), retention=KEPT),
            read=run_items.read_creation_intent,
            value=_ASKED,
        ),
        "notice": Written(
            item=run_items.notice_item(JOB, notice.kind, notice.summary, now=notice.noticed_at, retention=KEPT),
            read=_of_stream,
            value=notice,
        ),
        "next step": Written(item=run_items.next_step_item(JOB, step, KEPT), read=run_items.read_next_step, value=step),
        **_summaries(),
        "refusal": Written(item=refusals.refusal_item(refusal), read=refusals.read_refusal, value=refusal),
        "start": Written(item=starts.start_item(start, KEPT), read=starts.read_start, value=start.sample),
        "sweep progress": Written(
            item=sweeps.progress_item(progress, until=at(600)),
            read=sweeps.read_progress,
            value=progress,
        ),
        "digest window": Written(item=digests.window_item(WINDOW, KEPT), read=digests.read_window, value=WINDOW),
        "digest entry": Written(item=digests.entry_item(WINDOW, entry, KEPT), read=digests.read_entry, value=entry),
        "digest": Written(
            item=digests.digest_item(WINDOW, digest, KEPT),
            read=lambda item: digests.read_digest(WINDOW, item),
            value=digest,
        ),
        "weekly digest": Written(
            item=weekly.weekly_item(week, reported, KEPT), read=weekly.read_weekly, value=reported
        ),
        "drill's post": Written(
            item=post, read=drills.read_post, value=drills.DrillPost(at=at(3600), refusal="no_service")
        ),
    }


def without_schema(item: Item) -> Item:
    """The item as a version before schema numbers wrote it."""
    return {name: value for name, value in item.items() if name != SCHEMA}


def frozen(file: Path) -> dict[str, dict[str, Any]]:
    """The items of a frozen ledger by their names."""
    items: dict[str, dict[str, Any]] = json.loads(file.read_text(encoding="utf-8"))
    return items


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    ledger = {name: each.item for name, each in written().items()}
    FILE.write_text(json.dumps(ledger, indent=1, sort_keys=True) + "\n", encoding="utf-8")
