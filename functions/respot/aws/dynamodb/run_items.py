"""The items of recovery, as DynamoDB items and back."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from respot.aws.dynamodb import keys
from respot.aws.dynamodb.attribute_values import Item, serialize
from respot.aws.dynamodb.expiry import expiry
from respot.aws.dynamodb.keys import (
    CREATION_INTENT_KEY,
    DECISION_KEY,
    NEXT_STEP_KEY,
    NOTICE_KEY,
    OUTCOME_KEY,
    STOP_INTENT_KEY,
    WRITER_KEY,
    attempt_key,
    attempt_name_key,
    attempt_name_partition,
    partition_of,
    reservation_partition,
    run_partition,
)
from respot.aws.dynamodb.reading import Values, reading
from respot.errors import UnreadableItemError
from respot.jobs.formatting import iso
from respot.jobs.job import JobId, Market
from respot.recovery.checkpoints.checkpoint import Checkpoint
from respot.recovery.planning.cause import Cause
from respot.recovery.planning.decision import Action, Decision, Placement
from respot.recovery.planning.run import RunId, first_job
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
    RecoveryRecords,
)
from respot.schema import (
    DECIDED_AT,
    EXPIRES_AT,
    INTENDED_AT,
    KIND,
    NOTED_AT,
    OUTCOME,
    PK,
    SCHEMA,
    SCHEMA_OF_THIS_VERSION,
    SK,
    WITHDRAWN,
    ItemKind,
)


def decision_item(record: DecisionRecord, retention: timedelta | None) -> Item:
    """A decision."""
    decision = record.decision
    return serialize(
        {
            PK: partition_of(record.job),
            SK: DECISION_KEY,
            KIND: ItemKind.DECISION.value,
            SCHEMA: SCHEMA_OF_THIS_VERSION,
            "action": decision.action.value,
            "reason": decision.reason,
            "inputs": decision.inputs,
            "placement": decision.placement and _placement(decision.placement),
            "attempt": decision.attempt,
            "dry_run": decision.dry_run,
            "notify": decision.notify,
            "warning": decision.warning,
            "cause": decision.cause and decision.cause.value,
            "run": record.run,
            "number": record.number,
            DECIDED_AT: iso(record.decided_at),
            "checkpoint": record.checkpoint and _checkpoint(record.checkpoint),
            "made_progress": record.made_progress,
            "reached": {line: list(position) for line, position in record.reached.items()},
            "next_name": record.next_name,
            "story": record.summary,
            EXPIRES_AT: expiry(record.decided_at, retention),
        }
    )


def read_decision(item: Item) -> DecisionRecord:
    """A decision from its item."""
    with reading(item, ItemKind.DECISION) as values:
        placement, checkpoint = values.inner_or_none("placement"), values.inner_or_none("checkpoint")
        return DecisionRecord(
            job=values.job(),
            run=read_run(values),
            number=values.whole("number"),
            decision=Decision(
                action=values.word("action", Action),
                reason=values.text("reason"),
                inputs=values.texts("inputs"),
                placement=None if placement is None else _read_placement(placement),
                attempt=values.whole_or_none("attempt"),
                dry_run=values.flag("dry_run"),
                notify=values.flag("notify"),
                warning=values.text_or_none("warning"),
                cause=_read_cause(values),
            ),
            decided_at=values.moment(DECIDED_AT),
            checkpoint=None if checkpoint is None else _read_checkpoint(checkpoint),
            made_progress=values.flag_or_none("made_progress"),
            reached=values.lists_of_wholes("reached"),
            next_name=values.text_or_none("next_name"),
            summary=values.text_or_none("story"),
        )


def attempt_item(record: AttemptRecord, retention: timedelta | None) -> Item:
    """An attempt."""
    return serialize(
        {
            PK: run_partition(record.run),
            SK: attempt_key(record.number),
            KIND: ItemKind.ATTEMPT.value,
            SCHEMA: SCHEMA_OF_THIS_VERSION,
            "run": record.run,
            "number": record.number,
            "region": record.region,
            "name": record.name,
            "parent": partition_of(record.parent),
            DECIDED_AT: iso(record.decided_at),
            EXPIRES_AT: expiry(record.decided_at, retention),
        }
    )


def attempt_name_item(record: AttemptRecord, retention: timedelta | None) -> Item:
    """The same attempt under its job name, by which a job's place in its run is found."""
    keys = {
        PK: attempt_name_partition(record.region, record.name),
        SK: attempt_name_key(record.run, record.number),
        KIND: ItemKind.ATTEMPT_NAME.value,
    }
    return attempt_item(record, retention) | serialize(keys)


def read_attempt(item: Item) -> AttemptRecord:
    """An attempt from either of its items."""
    with reading(item, ItemKind.ATTEMPT, ItemKind.ATTEMPT_NAME) as values:
        return AttemptRecord(
            run=read_run(values),
            number=values.whole("number"),
            region=values.text("region"),
            name=values.text("name"),
            parent=values.job("parent"),
            decided_at=values.moment(DECIDED_AT),
        )


def reservation_item(reservation: LocationReservation) -> Item:
    """A location's writer. The next one replaces it, and it never expires."""
    return serialize(
        {
            PK: reservation_partition(reservation.location),
            SK: WRITER_KEY,
            KIND: ItemKind.WRITER.value,
            SCHEMA: SCHEMA_OF_THIS_VERSION,
            "location": reservation.location,
            "run": reservation.run,
            "number": reservation.number,
        }
    )


def read_reservation(item: Item) -> LocationReservation:
    """A location's writer from its item."""
    with reading(item, ItemKind.WRITER) as values:
        return LocationReservation(
            location=values.text("location"), run=read_run(values), number=values.whole("number")
        )


def read_run(values: Values) -> RunId:
    """The run that an item names. One that names no job would fail later, where nothing names the item."""
    run = RunId(values.text("run"))
    first_job(run)
    return run


def outcome_item(outcome: Outcome, retention: timedelta | None) -> Item:
    """What became of a decision."""
    return serialize(
        {
            PK: partition_of(outcome.job),
            SK: OUTCOME_KEY,
            KIND: ItemKind.OUTCOME.value,
            SCHEMA: SCHEMA_OF_THIS_VERSION,
            OUTCOME: outcome.kind.value,
            "story": outcome.summary,
            "settled_at": iso(outcome.settled_at),
            "job_created": outcome.job_created and iso(outcome.job_created),
            "name": outcome.name,
            "arn": outcome.arn,
            "warning": outcome.warning,
            "cause": outcome.cause and outcome.cause.value,
            EXPIRES_AT: expiry(outcome.settled_at, retention),
        }
    )


def read_outcome(item: Item) -> Outcome:
    """What became of a decision, from its item."""
    with reading(item, ItemKind.OUTCOME) as values:
        return Outcome(
            job=values.job(),
            kind=values.word(OUTCOME, OutcomeKind),
            summary=values.text("story"),
            settled_at=values.moment("settled_at"),
            name=values.text("name"),
            arn=values.text_or_none("arn"),
            job_created=values.moment_or_none("job_created"),
            warning=values.text_or_none("warning"),
            cause=_read_cause(values),
        )


def stop_intent_item(record: StopIntent, retention: timedelta | None) -> Item:
    """The intent to stop a job."""
    return serialize(
        {
            PK: partition_of(record.job),
            SK: STOP_INTENT_KEY,
            KIND: ItemKind.STOP_INTENT.value,
            SCHEMA: SCHEMA_OF_THIS_VERSION,
            "waiting_since": iso(record.waiting_since),
            DECIDED_AT: iso(record.decided_at),
            "reason": record.reason,
            "inputs": dict(record.inputs),
            WITHDRAWN: record.withdrawn,
            "refused_at": record.refused_at and iso(record.refused_at),
            EXPIRES_AT: expiry(record.decided_at, retention),
        }
    )


def read_stop_intent(item: Item) -> StopIntent:
    """The intent to stop a job, from its item."""
    with reading(item, ItemKind.STOP_INTENT) as values:
        return StopIntent(
            job=values.job(),
            waiting_since=values.moment("waiting_since"),
            decided_at=values.moment(DECIDED_AT),
            reason=values.text("reason"),
            inputs=values.texts("inputs"),
            withdrawn=values.text_or_none(WITHDRAWN),
            refused_at=values.moment_or_none("refused_at"),
        )


def creation_intent_item(job: JobId, intent: CreationIntent, *, now: datetime, retention: timedelta | None) -> Item:
    """A placement for which a creation is about to be called, under a hash: others choose the instance type."""
    asked = _placement(intent.placement)
    return serialize(
        {
            PK: partition_of(job),
            SK: CREATION_INTENT_KEY + hashlib.sha256(repr(asked).encode()).hexdigest(),
            KIND: ItemKind.CREATION_INTENT.value,
            SCHEMA: SCHEMA_OF_THIS_VERSION,
            "placement": asked,
            INTENDED_AT: iso(intent.at) if intent.at else None,
            EXPIRES_AT: expiry(now, retention),
        }
    )


def read_creation_intent(item: Item) -> CreationIntent:
    """A creation intent from its item."""
    with reading(item, ItemKind.CREATION_INTENT) as values:
        at = values.moment_or_none(INTENDED_AT)
        return CreationIntent(placement=_read_placement(values.inner("placement")), at=at)


def notice_item(job: JobId, kind: NoticeKind, summary: str, *, now: datetime, retention: timedelta | None) -> Item:
    """A notice to people about a job."""
    return serialize(
        {
            PK: partition_of(job),
            SK: f"{NOTICE_KEY}#{kind.value}",
            KIND: ItemKind.NOTICE.value,
            SCHEMA: SCHEMA_OF_THIS_VERSION,
            "alert_kind": kind.value,
            "story": summary,
            "noticed_at": iso(now),
            EXPIRES_AT: expiry(now, retention),
        }
    )


def read_notice(item: Item) -> Notice:
    """A notice from its item."""
    with reading(item, ItemKind.NOTICE) as values:
        return Notice(
            job=values.job(),
            kind=values.word("alert_kind", NoticeKind),
            summary=values.text("story"),
            noticed_at=values.moment("noticed_at"),
        )


def next_step_item(job: JobId, step: NextStep, retention: timedelta | None) -> Item:
    """What is to happen about a job next."""
    return serialize(
        {
            PK: partition_of(job),
            SK: NEXT_STEP_KEY,
            KIND: ItemKind.NEXT_STEP.value,
            SCHEMA: SCHEMA_OF_THIS_VERSION,
            "reason": step.reason,
            "at": step.at and iso(step.at),
            NOTED_AT: iso(step.noted_at),
            EXPIRES_AT: expiry(step.noted_at, retention),
        }
    )


def read_next_step(item: Item) -> NextStep:
    """What is to happen about a job next, from its item."""
    with reading(item, ItemKind.NEXT_STEP) as values:
        return NextStep(reason=values.text("reason"), at=values.moment_or_none("at"), noted_at=values.moment(NOTED_AT))


def read_recovery_records(
    items: Iterable[Item], *, on_unreadable: Callable[[UnreadableItemError], None] | None = None
) -> RecoveryRecords:
    """What Respot has recorded about a job's recovery; items under other keys are skipped.

    Raises:
        UnreadableItemError: one cannot be read, and there is no `on_unreadable`.
    """
    recovery_records = RecoveryRecords()
    for item in items:
        try:
            with reading(item) as values:
                match values.text(SK).split("#")[0]:
                    case keys.DECISION_KEY:
                        recovery_records = replace(recovery_records, decision=read_decision(item))
                    case keys.OUTCOME_KEY:
                        recovery_records = replace(recovery_records, outcome=read_outcome(item))
                    case keys.NEXT_STEP_KEY:
                        recovery_records = replace(recovery_records, next_step=read_next_step(item))
                    case keys.NOTICE_KEY:
                        notices = (*recovery_records.notices, read_notice(item))
                        recovery_records = replace(recovery_records, notices=notices)
        except UnreadableItemError as error:
            if on_unreadable is None:
                raise
            on_unreadable(error)
    return recovery_records


def _read_cause(values: Values) -> Cause | None:
    """The cause; `None` where there is none, and for one that only another version knows: its words say it, too."""
    word = values.text_or_none("cause")
    return Cause(word) if word in set(Cause) else None


def _placement(placement: Placement) -> dict[str, Any]:
    wait = placement.max_wait
    return {
        "market": placement.market.value,
        "instance_type": placement.instance_type,
        "max_runtime_seconds": int(placement.max_runtime.total_seconds()),
        "max_wait_seconds": None if wait is None else int(wait.total_seconds()),
    }


def _read_placement(values: Values) -> Placement:
    return Placement(
        market=values.word("market", Market),
        instance_type=values.text("instance_type"),
        max_runtime=values.span("max_runtime_seconds"),
        max_wait=values.span_or_none("max_wait_seconds"),
    )


def _checkpoint(checkpoint: Checkpoint) -> dict[str, Any]:
    return {
        "name": checkpoint.name,
        "step": checkpoint.step,
        "saved_at": checkpoint.saved_at.isoformat(),
        "size": checkpoint.size,
        "complete": checkpoint.complete,
        "objects": checkpoint.objects,
        "layout": checkpoint.layout,
        "flaw": checkpoint.flaw,
    }


def _read_checkpoint(values: Values) -> Checkpoint:
    older = "known layout" if values.flag_or_none("known") else None  # older records have `known`
    return Checkpoint(
        name=values.text("name"),
        step=values.whole_or_none("step"),
        saved_at=values.moment("saved_at"),
        size=values.whole("size"),
        complete=values.flag("complete"),
        objects=values.whole("objects"),
        layout=values.text_or_none("layout") or older,
        flaw=values.text_or_none("flaw"),
    )
