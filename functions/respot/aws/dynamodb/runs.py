"""The records of recovery in the ledger's table: decisions, attempts, outcomes, notices, stop intents."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from respot.aws.dynamodb.attribute_values import Item
from respot.aws.dynamodb.keys import (
    CREATION_INTENT_KEY,
    DECISION_KEY,
    OUTCOME_KEY,
    STOP_INTENT_KEY,
    WRITER_KEY,
    attempt_key,
    attempt_name_partition,
    partition_of,
    reservation_partition,
    run_partition,
)
from respot.aws.dynamodb.reading import reading
from respot.aws.dynamodb.run_items import (
    attempt_item,
    attempt_name_item,
    creation_intent_item,
    decision_item,
    next_step_item,
    notice_item,
    outcome_item,
    read_attempt,
    read_creation_intent,
    read_decision,
    read_outcome,
    read_recovery_records,
    read_reservation,
    read_stop_intent,
    reservation_item,
    stop_intent_item,
)
from respot.aws.dynamodb.table import ABSENT, Put, Store, readable
from respot.errors import UnreadableItemError
from respot.jobs.formatting import iso
from respot.jobs.job import JobId
from respot.recovery.planning.decision import Placement
from respot.recovery.planning.run import RunId
from respot.recovery.planning.waiting import StopIntent
from respot.recovery.records import (
    AttemptRecord,
    CreationIntent,
    DecisionRecord,
    LocationReservation,
    NextStep,
    NoticeKind,
    Outcome,
    RecoveryRecords,
)
from respot.schema import BY_LIVE, CHECKPOINT_URI, DECIDED_AT, INTENDED_AT, LIVE_IN, NOTED_AT, PK, SK, WITHDRAWN

_Read = TypeVar("_Read")


class DynamoDbRunStore(Store):
    """The port `RunStore`."""

    def decision(self, job: JobId) -> DecisionRecord | None:
        """See `RunStore.decision`."""
        return self._of_job(partition_of(job), DECISION_KEY, read_decision)

    def decide(
        self,
        record: DecisionRecord,
        attempt: AttemptRecord | None,
        *,
        reservation: LocationReservation | None = None,
        replaces: LocationReservation | None = None,
    ) -> bool:
        """See `RunStore.decide`."""
        puts = [Put(item=decision_item(record, self._retention))]
        if attempt:
            puts += (Put(item=make(attempt, self._retention)) for make in (attempt_item, attempt_name_item))
        if reservation:
            puts.append(_put_reservation(reservation, replaces))
        return self._table.put_all(*puts)

    def reservation(self, location: str) -> LocationReservation | None:
        """See `RunStore.reservation`."""
        item = self._table.get(reservation_partition(location), WRITER_KEY)
        return None if item is None else read_reservation(item)

    def attempt(self, run: RunId, number: int) -> AttemptRecord | None:
        """See `RunStore.attempt`."""
        item = self._table.get(run_partition(run), attempt_key(number))
        return None if item is None else read_attempt(item)

    def attempts(self, run: RunId) -> tuple[AttemptRecord, ...]:
        """See `RunStore.attempts`."""
        items = self._table.query(f"{PK} = :pk", {":pk": run_partition(run)}, ConsistentRead=True)
        return tuple(readable(items, read_attempt, self._on_unreadable_of_job))

    def attempts_named(self, region: str, name: str) -> tuple[AttemptRecord, ...]:
        """See `RunStore.attempts_named`."""
        values = {":pk": attempt_name_partition(region, name)}
        items = self._table.query(f"{PK} = :pk", values, ConsistentRead=True)
        found = readable(items, read_attempt, self._on_unreadable_of_job)
        return tuple(sorted(found, key=lambda each: each.decided_at, reverse=True))

    def outcome(self, job: JobId) -> Outcome | None:
        """See `RunStore.outcome`."""
        return self._of_job(partition_of(job), OUTCOME_KEY, read_outcome)

    def record_outcome(self, outcome: Outcome) -> None:
        """See `RunStore.record_outcome`."""
        self._table.put(outcome_item(outcome, self._retention), ABSENT)

    def record_creation_intent(self, job: JobId, placement: Placement, at: datetime) -> CreationIntent | None:
        """See `RunStore.record_creation_intent`."""
        item = self._intent_item(job, CreationIntent(placement=placement, at=at))
        # All times are written in one format, therefore the later one is the greater text.
        condition = f"attribute_not_exists({INTENDED_AT}) OR {INTENDED_AT} < :at"
        before = self._table.exchange(item, condition, {":at": iso(at)})
        if before is None:
            return None
        try:
            return read_creation_intent(before)
        except UnreadableItemError:
            return CreationIntent(placement=placement, at=at)  # a newer version's: perhaps it was asked just now

    def withdraw_creation_intent(
        self, job: JobId, placement: Placement, at: datetime, before: CreationIntent | None
    ) -> None:
        """See `RunStore.withdraw_creation_intent`."""
        item = self._intent_item(job, before or CreationIntent(placement=placement, at=None))
        self._table.put(item, f"{INTENDED_AT} = :at", {":at": iso(at)})

    def _intent_item(self, job: JobId, intent: CreationIntent) -> Item:
        return creation_intent_item(job, intent, now=self._clock(), retention=self._retention)

    def creation_intents(self, job: JobId) -> tuple[CreationIntent, ...]:
        """See `RunStore.creation_intents`."""
        values = {":pk": partition_of(job), ":creation": CREATION_INTENT_KEY}
        items = self._table.query(f"{PK} = :pk AND begins_with({SK}, :creation)", values, ConsistentRead=True)
        return tuple(readable(items, read_creation_intent, self._on_unreadable_of_job))

    def stop_intent(self, job: JobId) -> StopIntent | None:
        """See `RunStore.stop_intent`."""
        return self._of_job(partition_of(job), STOP_INTENT_KEY, read_stop_intent)

    def record_stop_intent(self, record: StopIntent) -> StopIntent | None:
        """See `RunStore.record_stop_intent`."""
        item = stop_intent_item(record, self._retention)
        # All times are written in one format, therefore the later one is the greater text.
        condition = f"{ABSENT} OR {DECIDED_AT} < :decided_at OR attribute_exists({WITHDRAWN})"
        before = self._table.exchange(item, condition, {":decided_at": iso(record.decided_at)})
        return None if before is None else read_stop_intent(before)

    def withdraw_stop_intent(self, record: StopIntent, why: str) -> None:
        """See `RunStore.withdraw_stop_intent`."""
        self.refuse_stop_intent(replace(record, withdrawn=why))

    def refuse_stop_intent(self, record: StopIntent) -> None:
        """See `RunStore.refuse_stop_intent`."""
        item = stop_intent_item(record, self._retention)
        self._table.put(item, f"{DECIDED_AT} = :decided_at", {":decided_at": iso(record.decided_at)})

    def notice(self, job: JobId, kind: NoticeKind, summary: str) -> None:
        """See `RunStore.notice`."""
        self._table.put(notice_item(job, kind, summary, now=self._clock(), retention=self._retention), ABSENT)

    def note_next_step(self, job: JobId, step: NextStep) -> None:
        """See `RunStore.note_next_step`."""
        item = next_step_item(job, step, self._retention)
        noted = {":noted_at": iso(step.noted_at)}
        self._table.put(item, f"{ABSENT} OR {NOTED_AT} < :noted_at", noted)

    def recovery_records(self, job: JobId) -> RecoveryRecords:
        """See `RunStore.recovery_records`."""
        values = {":pk": partition_of(job), ":first": DECISION_KEY, ":last": OUTCOME_KEY}
        items = self._table.query(f"{PK} = :pk AND {SK} BETWEEN :first AND :last", values, ConsistentRead=True)
        return read_recovery_records(items, on_unreadable=self._on_unreadable_of_job)

    def _of_job(self, partition: str, key: str, read: Callable[[Item], _Read]) -> _Read | None:
        item = self._table.get(partition, key)
        return None if item is None else next(readable([item], read, self._on_unreadable_of_job), None)

    def live(self, region: str) -> tuple[tuple[JobId, str | None], ...]:
        """See `RunStore.live`."""
        found = self._table.query(f"{LIVE_IN} = :region", {":region": region}, IndexName=BY_LIVE)
        return tuple(
            (job, self._location(item))
            for item in found
            if CHECKPOINT_URI in item
            for job in readable([item], _read_job, self._on_unreadable)
        )

    def _location(self, item: Item) -> str | None:
        return next(readable([item], _read_location, self._on_unreadable), None) or None


def _read_job(item: Item) -> JobId:
    with reading(item) as values:
        return values.job()


def _read_location(item: Item) -> str:
    with reading(item) as values:
        return values.text(CHECKPOINT_URI)


def _put_reservation(reservation: LocationReservation, replaces: LocationReservation | None) -> Put:
    """The write that reserves a location, if it is free, or reserved by the same run or by `replaces`."""
    condition, names = f"{ABSENT} OR #run = :run", {"#run": "run"}
    values: dict[str, object] = {":run": reservation.run}
    if replaces:
        condition += " OR (#run = :over AND #number = :number)"
        names["#number"] = "number"
        values |= {":over": replaces.run, ":number": replaces.number}
    return Put(item=reservation_item(reservation), condition=condition, names=names, values=values)
