"""Windows, their members and digests as items of the ledger, and back."""

from datetime import datetime, timedelta
from typing import Any

from respot.alerting.alert import AlertOutcome
from respot.alerting.digest.digest import CapacityPool, DigestEntry, DigestRecord, DigestWindow
from respot.alerting.kinds import AlertKind, Severity
from respot.aws.dynamodb.attribute_values import Item, deserialize, serialize
from respot.aws.dynamodb.keys import job_of, partition_of
from respot.jobs.formatting import iso
from respot.recovery.planning.decision import Outlook
from respot.schema import (
    DIGEST_KEY,
    DIGEST_PARTITION,
    EXPIRES_AT,
    KIND,
    LEASE_HOLDER,
    LEASE_UNTIL,
    OUTCOME,
    PK,
    POOL_PARTITION,
    SK,
    STARTED,
    WINDOW_KEY,
    ItemKind,
)

ENTRIES = "member#"
"""What the sort keys of members begin with."""


def pool_partition(pool: CapacityPool) -> str:
    """Where a pool's latest window stands."""
    return f"{POOL_PARTITION}{pool.key}"


def digest_partition(window: DigestWindow) -> str:
    """Where a window's members stand, and its digest."""
    return f"{DIGEST_PARTITION}{window.id}"


def window_item(window: DigestWindow, retention: timedelta | None) -> Item:
    """A pool's latest window."""
    pool = window.pool
    return serialize(
        {
            PK: pool_partition(pool),
            SK: WINDOW_KEY,
            KIND: ItemKind.WINDOW.value,
            "alert_kind": pool.kind.value,
            "region": pool.region,
            "instance_type": pool.instance_type,
            "opened": iso(window.opened),
            "closes": iso(window.closes),
            "opener": window.opener,
            "timer_sent": window.timer_sent,
            "closed": window.closed,
            EXPIRES_AT: _expiry(window, retention),
        }
    )


def read_window(item: Item) -> DigestWindow:
    """A window from its item."""
    values = deserialize(item)
    return DigestWindow(
        pool=CapacityPool(
            kind=AlertKind(values["alert_kind"]),
            region=values["region"],
            instance_type=values.get("instance_type"),
        ),
        opened=datetime.fromisoformat(values["opened"]),
        closes=datetime.fromisoformat(values["closes"]),
        opener=values["opener"],
        timer_sent=values["timer_sent"],
        closed=values["closed"],
    )


def entry_item(window: DigestWindow, entry: DigestEntry, retention: timedelta | None) -> Item:
    """A member of a window; an alert is a member once."""
    return serialize(
        {
            PK: digest_partition(window),
            SK: f"{ENTRIES}{iso(entry.started)}#{partition_of(entry.job)}",
            KIND: ItemKind.MEMBER.value,
            "job": partition_of(entry.job),
            "arn": entry.arn,
            STARTED: iso(entry.started),
            "alert": entry.alert,
            "headline": entry.headline,
            "said": entry.description or None,
            "severity": entry.severity and entry.severity.value,
            "outlook": entry.outlook.value,
            EXPIRES_AT: _expiry(window, retention),
        }
    )


def read_entry(item: Item) -> DigestEntry:
    """A member from its item."""
    values = deserialize(item)
    return DigestEntry(
        job=job_of(values["job"]),
        arn=values["arn"],
        started=datetime.fromisoformat(values[STARTED]),
        alert=values["alert"],
        headline=values["headline"],
        description=values.get("said", ""),
        # Members that another version has written, during a deployment, may lack them or have other words.
        severity=next((each for each in Severity if each == values.get("severity")), None),
        outlook=next((each for each in Outlook if each == values.get("outlook")), Outlook.UNKNOWN),
    )


def lease_item(window: DigestWindow, *, outcome: str, until: datetime, token: str | None = None) -> Item:
    """The claim on a window's digest; the token tells who made it."""
    return _digest(window, {OUTCOME: outcome, LEASE_UNTIL: iso(until), LEASE_HOLDER: token})


def digest_item(window: DigestWindow, digest_record: DigestRecord, retention: timedelta | None) -> Item:
    """A settled digest."""
    return _digest(
        window,
        {
            OUTCOME: digest_record.outcome.value,
            "reason": digest_record.reason,
            "headline": digest_record.headline,
            "settled_at": iso(digest_record.settled_at),
            "message_id": digest_record.message_id,
            EXPIRES_AT: _expiry(window, retention),
        },
    )


def read_digest(window: DigestWindow, item: Item) -> DigestRecord:
    """A settled digest from its item."""
    values = deserialize(item)
    return DigestRecord(
        digest=window.id,
        outcome=AlertOutcome(values[OUTCOME]),
        reason=values["reason"],
        headline=values.get("headline"),
        settled_at=datetime.fromisoformat(values["settled_at"]),
        message_id=values.get("message_id"),
    )


def _digest(window: DigestWindow, values: dict[str, Any]) -> Item:
    return serialize({PK: digest_partition(window), SK: DIGEST_KEY, KIND: ItemKind.DIGEST.value} | values)


def _expiry(window: DigestWindow, retention: timedelta | None) -> int | None:
    return None if retention is None else int((window.opened + retention).timestamp())
