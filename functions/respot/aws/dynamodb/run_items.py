"""The items of recovery, as DynamoDB items and back."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from respot.aws.dynamodb.attribute_values import Item, deserialize, serialize
from respot.aws.dynamodb.expiry import expiry
from respot.aws.dynamodb.keys import (
    DECISION_KEY,
    NOTICE_KEY,
    OUTCOME_KEY,
    STOP_INTENT_KEY,
    WRITER_KEY,
    attempt_key,
    attempt_name_key,
    attempt_name_partition,
    job_of,
    partition_of,
    reservation_partition,
    run_partition,
)
from respot.jobs.formatting import iso
from respot.jobs.job import JobId, Market
from respot.recovery.checkpoints.checkpoint import Checkpoint
from respot.recovery.planning.decision import Action, Decision, Placement
from respot.recovery.planning.run import RunId
from respot.recovery.planning.waiting import StopIntent
from respot.recovery.records import (
    AttemptRecord,
    DecisionRecord,
    LocationReservation,
    Notice,
    NoticeKind,
    Outcome,
    OutcomeKind,
    RecoveryRecords,
)
from respot.schema import DECIDED_AT, EXPIRES_AT, KIND, OUTCOME, PK, SK, WITHDRAWN, ItemKind


def decision_item(record: DecisionRecord, retention: timedelta | None) -> Item:
    """A decision."""
    decision = record.decision
    return serialize(
        {
            PK: partition_of(record.job),
            SK: DECISION_KEY,
            KIND: ItemKind.DECISION.value,
            "action": decision.action.value,
            "reason": decision.reason,
            "inputs": decision.inputs,
            "placement": decision.placement and _placement(decision.placement),
            "attempt": decision.attempt,
            "dry_run": decision.dry_run,
            "notify": decision.notify,
            "warning": decision.warning,
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
    values = deserialize(item)
    placement, checkpoint, attempt = values.get("placement"), values.get("checkpoint"), values.get("attempt")
    return DecisionRecord(
        job=job_of(values[PK]),
        run=RunId(values["run"]),
        number=int(values["number"]),
        decision=Decision(
            action=Action(values["action"]),
            reason=values["reason"],
            inputs=values["inputs"],
            placement=placement and _read_placement(placement),
            attempt=None if attempt is None else int(attempt),
            dry_run=values["dry_run"],
            notify=values["notify"],
            warning=values.get("warning"),
        ),
        decided_at=datetime.fromisoformat(values[DECIDED_AT]),
        checkpoint=checkpoint and _read_checkpoint(checkpoint),
        made_progress=values.get("made_progress"),
        reached={line: tuple(map(int, position)) for line, position in values.get("reached", {}).items()},
        next_name=values.get("next_name"),
        summary=values.get("story"),
    )


def attempt_item(record: AttemptRecord, retention: timedelta | None) -> Item:
    """An attempt."""
    return serialize(
        {
            PK: run_partition(record.run),
            SK: attempt_key(record.number),
            KIND: ItemKind.ATTEMPT.value,
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
    values = deserialize(item)
    return AttemptRecord(
        run=RunId(values["run"]),
        number=int(values["number"]),
        region=values["region"],
        name=values["name"],
        parent=job_of(values["parent"]),
        decided_at=datetime.fromisoformat(values[DECIDED_AT]),
    )


def reservation_item(reservation: LocationReservation) -> Item:
    """A location's writer. The next one replaces it, and it never expires."""
    return serialize(
        {
            PK: reservation_partition(reservation.location),
            SK: WRITER_KEY,
            KIND: ItemKind.WRITER.value,
            "location": reservation.location,
            "run": reservation.run,
            "number": reservation.number,
        }
    )


def read_reservation(item: Item) -> LocationReservation:
    """A location's writer from its item."""
    values = deserialize(item)
    return LocationReservation(location=values["location"], run=RunId(values["run"]), number=int(values["number"]))


def outcome_item(outcome: Outcome, retention: timedelta | None) -> Item:
    """What became of a decision."""
    return serialize(
        {
            PK: partition_of(outcome.job),
            SK: OUTCOME_KEY,
            KIND: ItemKind.OUTCOME.value,
            OUTCOME: outcome.kind.value,
            "story": outcome.summary,
            "settled_at": iso(outcome.settled_at),
            "job_created": outcome.job_created and iso(outcome.job_created),
            "name": outcome.name,
            "arn": outcome.arn,
            "warning": outcome.warning,
            EXPIRES_AT: expiry(outcome.settled_at, retention),
        }
    )


def read_outcome(item: Item) -> Outcome:
    """What became of a decision, from its item."""
    values = deserialize(item)
    created: str | None = values.get("job_created")
    return Outcome(
        job=job_of(values[PK]),
        kind=OutcomeKind(values[OUTCOME]),
        summary=values["story"],
        settled_at=datetime.fromisoformat(values["settled_at"]),
        name=values["name"],
        arn=values.get("arn"),
        job_created=datetime.fromisoformat(created) if created else None,
        warning=values.get("warning"),
    )


def stop_intent_item(record: StopIntent, retention: timedelta | None) -> Item:
    """The intent to stop a job."""
    return serialize(
        {
            PK: partition_of(record.job),
            SK: STOP_INTENT_KEY,
            KIND: ItemKind.STOP_INTENT.value,
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
    values = deserialize(item)
    return StopIntent(
        job=job_of(values[PK]),
        waiting_since=datetime.fromisoformat(values["waiting_since"]),
        decided_at=datetime.fromisoformat(values[DECIDED_AT]),
        reason=values["reason"],
        inputs=values["inputs"],
        withdrawn=values.get(WITHDRAWN),
        refused_at=datetime.fromisoformat(values["refused_at"]) if "refused_at" in values else None,
    )


def notice_item(job: JobId, kind: NoticeKind, summary: str, *, now: datetime, retention: timedelta | None) -> Item:
    """A notice to people about a job."""
    return serialize(
        {
            PK: partition_of(job),
            SK: f"{NOTICE_KEY}#{kind.value}",
            KIND: ItemKind.NOTICE.value,
            "alert_kind": kind.value,
            "story": summary,
            "noticed_at": iso(now),
            EXPIRES_AT: expiry(now, retention),
        }
    )


def read_notice(item: Item) -> Notice:
    """A notice from its item."""
    values = deserialize(item)
    return Notice(
        job=job_of(values[PK]),
        kind=NoticeKind(values["alert_kind"]),
        summary=values["story"],
        noticed_at=datetime.fromisoformat(values["noticed_at"]),
    )


def read_recovery_records(items: Iterable[Item]) -> RecoveryRecords:
    """What Respot has recorded about a job's recovery; other kinds of items are skipped."""
    recovery_records = RecoveryRecords()
    for item in items:
        match deserialize(item)[KIND]:
            case ItemKind.DECISION:
                recovery_records = replace(recovery_records, decision=read_decision(item))
            case ItemKind.OUTCOME:
                recovery_records = replace(recovery_records, outcome=read_outcome(item))
            case ItemKind.NOTICE:
                recovery_records = replace(recovery_records, notices=(*recovery_records.notices, read_notice(item)))
    return recovery_records


def _placement(placement: Placement) -> dict[str, Any]:
    wait = placement.max_wait
    return {
        "market": placement.market.value,
        "instance_type": placement.instance_type,
        "max_runtime_seconds": int(placement.max_runtime.total_seconds()),
        "max_wait_seconds": None if wait is None else int(wait.total_seconds()),
    }


def _read_placement(values: Mapping[str, Any]) -> Placement:
    wait: Decimal | None = values["max_wait_seconds"]
    return Placement(
        market=Market(values["market"]),
        instance_type=values["instance_type"],
        max_runtime=timedelta(seconds=int(values["max_runtime_seconds"])),
        max_wait=None if wait is None else timedelta(seconds=int(wait)),
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


def _read_checkpoint(values: Mapping[str, Any]) -> Checkpoint:
    step: Decimal | None = values["step"]
    return Checkpoint(
        name=values["name"],
        step=None if step is None else int(step),
        saved_at=datetime.fromisoformat(values["saved_at"]),
        size=int(values["size"]),
        complete=values["complete"],
        objects=int(values["objects"]),
        layout=values.get("layout", "known layout" if values.get("known") else None),  # older records have `known`
        flaw=values.get("flaw"),
    )
