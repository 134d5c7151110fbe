"""Digests in the ledger's table: windows, their entries, what became of them."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from respot.alerting.alert import AlertOutcome
from respot.alerting.digest.digest import CapacityPool, DigestEntry, DigestRecord, DigestWindow
from respot.alerting.kinds import AlertKind, Severity
from respot.alerting.ports import LeaseToken
from respot.aws.dynamodb import lease as leases
from respot.aws.dynamodb.attribute_values import Item, serialize
from respot.aws.dynamodb.expiry import expiry
from respot.aws.dynamodb.keys import DIGEST_KEY, WINDOW_KEY, digest_partition, partition_of, pool_partition
from respot.aws.dynamodb.reading import reading
from respot.aws.dynamodb.table import ABSENT, Store, readable
from respot.jobs.formatting import iso
from respot.recovery.planning.decision import Outlook
from respot.schema import EXPIRES_AT, KIND, OUTCOME, PK, SCHEMA, SCHEMA_OF_THIS_VERSION, SK, STARTED, ItemKind

_ENTRIES: Final = "member#"
"""What the sort keys of entries begin with."""
_STILL_OPEN: Final = "opened = :opened AND closed = :no"
"""The window is the pool's latest, and is not closed."""


class DynamoDbDigestStore(Store):
    """The port `DigestStore`. Items expire the retention after their window was opened."""

    def window(self, pool: CapacityPool) -> DigestWindow | None:
        """See `DigestStore.window`."""
        item = self._table.get(pool_partition(pool), WINDOW_KEY)
        return None if item is None else read_window(item)

    def open(self, window: DigestWindow) -> bool:
        """See `DigestStore.open`."""
        condition = f"{ABSENT} OR closes <= :opens"
        item = window_item(window, self._retention)
        return self._table.put(item, condition, {":opens": iso(window.opened)}) is None

    def join(self, window: DigestWindow, entry: DigestEntry) -> None:
        """See `DigestStore.join`."""
        self._table.put(entry_item(window, entry, self._retention), ABSENT)

    def note_timer(self, window: DigestWindow) -> None:
        """See `DigestStore.note_timer`."""
        self._replace(replace(window, timer_sent=True))

    def close(self, window: DigestWindow) -> None:
        """See `DigestStore.close`."""
        latest = self.window(window.pool)
        if latest and latest.id == window.id:
            self._replace(replace(latest, closed=True))

    def entries(self, window: DigestWindow) -> tuple[DigestEntry, ...]:
        """See `DigestStore.entries`."""
        condition = f"{PK} = :pk AND begins_with({SK}, :entries)"
        values = {":pk": digest_partition(window), ":entries": _ENTRIES}
        items = self._table.query(condition, values, ConsistentRead=True)
        return tuple(readable(items, read_entry, self._on_unreadable))

    def lease_digest(self, window: DigestWindow, *, now: datetime, lease: timedelta) -> LeaseToken | None:
        """See `DigestStore.lease_digest`."""
        return leases.acquire(self._table, digest_key(window), now=now, until=now + lease, what=window.id)

    def release_digest(self, window: DigestWindow, token: LeaseToken) -> None:
        """See `DigestStore.release_digest`."""
        leases.release(self._table, digest_key(window), token, now=self._clock())

    def complete_digest(self, window: DigestWindow, digest_record: DigestRecord) -> None:
        """See `DigestStore.complete_digest`."""
        leases.complete(self._table, digest_item(window, digest_record, self._retention))

    def digest(self, window: DigestWindow) -> DigestRecord | None:
        """See `DigestStore.digest`."""
        item = self._table.get(digest_partition(window), DIGEST_KEY)
        return None if item is None or leases.is_leased(item) else read_digest(window, item)

    def _replace(self, window: DigestWindow) -> None:
        """Write the window again, unless it was closed or another one has followed."""
        item = window_item(window, self._retention)
        self._table.put(item, _STILL_OPEN, {":opened": iso(window.opened), ":no": False})


def window_item(window: DigestWindow, retention: timedelta | None) -> Item:
    """A pool's latest window."""
    pool = window.pool
    return serialize(
        {
            PK: pool_partition(pool),
            SK: WINDOW_KEY,
            KIND: ItemKind.WINDOW.value,
            SCHEMA: SCHEMA_OF_THIS_VERSION,
            "alert_kind": pool.kind.value,
            "region": pool.region,
            "instance_type": pool.instance_type,
            "opened": iso(window.opened),
            "closes": iso(window.closes),
            "opener": window.opener,
            "timer_sent": window.timer_sent,
            "closed": window.closed,
            EXPIRES_AT: expiry(window.opened, retention),
        }
    )


def read_window(item: Item) -> DigestWindow:
    """A window from its item."""
    with reading(item, ItemKind.WINDOW) as values:
        return DigestWindow(
            pool=CapacityPool(
                kind=values.word("alert_kind", AlertKind),
                region=values.text("region"),
                instance_type=values.text_or_none("instance_type"),
            ),
            opened=values.moment("opened"),
            closes=values.moment("closes"),
            opener=values.text("opener"),
            timer_sent=values.flag("timer_sent"),
            closed=values.flag("closed"),
        )


def entry_item(window: DigestWindow, entry: DigestEntry, retention: timedelta | None) -> Item:
    """An entry of a window. An alert is entered once."""
    return serialize(
        {
            PK: digest_partition(window),
            SK: f"{_ENTRIES}{iso(entry.started)}#{partition_of(entry.job)}",
            KIND: ItemKind.MEMBER.value,
            SCHEMA: SCHEMA_OF_THIS_VERSION,
            "job": partition_of(entry.job),
            "arn": entry.arn,
            STARTED: iso(entry.started),
            "alert": entry.alert,
            "headline": entry.headline,
            "said": entry.description or None,
            "severity": entry.severity and entry.severity.value,
            "outlook": entry.outlook.value,
            EXPIRES_AT: expiry(window.opened, retention),
        }
    )


def read_entry(item: Item) -> DigestEntry:
    """An entry from its item."""
    with reading(item, ItemKind.MEMBER) as values:
        severity, outlook = values.text_or_none("severity"), values.text_or_none("outlook")
        return DigestEntry(
            job=values.job("job"),
            arn=values.text("arn"),
            started=values.moment(STARTED),
            alert=values.text("alert"),
            headline=values.text("headline"),
            description=values.text_or_none("said") or "",
            # Entries written by another version during a deployment may lack these, or have other values.
            severity=next((each for each in Severity if each == severity), None),
            outlook=next((each for each in Outlook if each == outlook), Outlook.UNKNOWN),
        )


def digest_key(window: DigestWindow) -> Item:
    """The keys and the kind of a window's digest."""
    keys = {PK: digest_partition(window), SK: DIGEST_KEY}
    return serialize(keys | {KIND: ItemKind.DIGEST.value, SCHEMA: SCHEMA_OF_THIS_VERSION})


def digest_item(window: DigestWindow, digest_record: DigestRecord, retention: timedelta | None) -> Item:
    """A completed digest."""
    return digest_key(window) | serialize(
        {
            OUTCOME: digest_record.outcome.value,
            "reason": digest_record.reason,
            "headline": digest_record.headline,
            "settled_at": iso(digest_record.settled_at),
            "message_id": digest_record.message_id,
            EXPIRES_AT: expiry(window.opened, retention),
        }
    )


def read_digest(window: DigestWindow, item: Item) -> DigestRecord:
    """A completed digest from its item."""
    with reading(item, ItemKind.DIGEST) as values:
        return DigestRecord(
            digest=window.id,
            outcome=values.word(OUTCOME, AlertOutcome),
            reason=values.text("reason"),
            headline=values.text_or_none("headline"),
            settled_at=values.moment("settled_at"),
            message_id=values.text_or_none("message_id"),
        )
