"""Alerts in the ledger's table."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from respot.alerting.alert import AlertOutcome, AlertRecord
from respot.alerting.kinds import AlertKind
from respot.alerting.ports import LeaseToken
from respot.aws.dynamodb import lease as leases
from respot.aws.dynamodb.attribute_values import Item, deserialize, serialize
from respot.aws.dynamodb.expiry import expiry, with_drill_expiry
from respot.aws.dynamodb.job_items import transition_of
from respot.aws.dynamodb.keys import partition_of
from respot.aws.dynamodb.reading import reading
from respot.aws.dynamodb.table import Store, readable
from respot.jobs.formatting import iso
from respot.jobs.job import JobId, Transition
from respot.schema import EXPIRES_AT, KIND, OUTCOME, PK, SCHEMA, SCHEMA_OF_THIS_VERSION, SK, STARTED, STATUS, ItemKind

_ALERTS: Final = "alert#"
"""What the sort keys of alerts begin with."""


class DynamoDbAlertStore(Store):
    """The port `AlertStore`."""

    def lease_alert(
        self, job: JobId, kind: AlertKind, transition: Transition, *, now: datetime, lease: timedelta
    ) -> LeaseToken | None:
        """See `AlertStore.lease_alert`."""
        item, what = self._item(job, kind, transition), f"{job}: the {kind} alert on {transition.status}"
        return leases.acquire(self._table, item, now=now, until=now + lease, what=what)

    def release_alert(self, job: JobId, kind: AlertKind, transition: Transition, token: LeaseToken) -> None:
        """See `AlertStore.release_alert`."""
        leases.release(self._table, self._item(job, kind, transition), token, now=self._clock())

    def complete_alert(self, alert_record: AlertRecord) -> None:
        """See `AlertStore.complete_alert`."""
        item = alert_item(alert_record, self._retention)
        leases.complete(self._table, with_drill_expiry(item, alert_record.job, self._clock()))

    def alert_began(self, job: JobId, kind: AlertKind) -> datetime | None:
        """See `AlertStore.alert_began`."""
        keys = (deserialize(item)[SK].split("#") for item in self._items(job))  # in order
        return next((datetime.fromisoformat(started) for _, started, of in keys if of == kind.value), None)

    def alerts(self, job: JobId) -> tuple[AlertRecord, ...]:
        """See `AlertStore.alerts`."""
        found = readable(self._items(job), _read_completed, self._on_unreadable_of_job)
        return tuple(alert_record for alert_record in found if alert_record)

    def _items(self, job: JobId) -> Iterator[Item]:
        condition, values = f"{PK} = :pk AND begins_with({SK}, :alert)", {":pk": partition_of(job), ":alert": _ALERTS}
        return self._table.query(condition, values, ConsistentRead=True)

    def _item(self, job: JobId, kind: AlertKind, transition: Transition) -> Item:
        return with_drill_expiry(alert_key(job, kind, transition), job, self._clock())


def alert_key(job: JobId, kind: AlertKind, transition: Transition) -> Item:
    """The keys and the kind of an alert about a transition."""
    sort_key = f"{_ALERTS}{iso(transition.started)}#{kind.value}"
    return serialize({PK: partition_of(job), SK: sort_key, KIND: ItemKind.ALERT.value, SCHEMA: SCHEMA_OF_THIS_VERSION})


def alert_item(alert_record: AlertRecord, retention: timedelta | None) -> Item:
    """A completed alert."""
    transition = alert_record.transition
    return alert_key(alert_record.job, alert_record.kind, transition) | serialize(
        {
            "alert_kind": alert_record.kind.value,
            STATUS: transition.status,
            STARTED: iso(transition.started),
            OUTCOME: alert_record.outcome.value,
            "reason": alert_record.reason,
            "headline": alert_record.headline,
            "settled_at": iso(alert_record.settled_at),
            "message_id": alert_record.message_id,
            "digest": alert_record.digest,
            EXPIRES_AT: expiry(transition.started, retention),
        }
    )


def read_alert(item: Item) -> AlertRecord:
    """A completed alert from its item."""
    with reading(item, ItemKind.ALERT) as values:
        return AlertRecord(
            job=values.job(),
            kind=values.word("alert_kind", AlertKind),
            transition=transition_of(values),
            outcome=values.word(OUTCOME, AlertOutcome),
            reason=values.text("reason"),
            headline=values.text_or_none("headline"),
            settled_at=values.moment("settled_at"),
            message_id=values.text_or_none("message_id"),
            digest=values.text_or_none("digest"),
        )


def _read_completed(item: Item) -> AlertRecord | None:
    return None if leases.is_leased(item) else read_alert(item)
