"""The ledger's part on storms, in DynamoDB."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from respot.alerting.digest.digest import CapacityPool, DigestEntry, DigestRecord, DigestWindow
from respot.alerting.ports import LeaseToken
from respot.aws.dynamodb.attribute_values import deserialize
from respot.aws.dynamodb.digest_items import (
    ENTRIES,
    digest_item,
    digest_partition,
    entry_item,
    lease_item,
    pool_partition,
    read_digest,
    read_entry,
    read_window,
    window_item,
)
from respot.aws.dynamodb.table import ABSENT, Table
from respot.errors import AlertInProgressError
from respot.jobs.formatting import iso
from respot.jobs.ports import Clock
from respot.schema import DIGEST_KEY, LEASE_HOLDER, LEASE_UNTIL, OUTCOME, PK, SK, WINDOW_KEY

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_LEASED: Final = "claimed"
_NOT_COMPLETED: Final = f"{ABSENT} OR {OUTCOME} = :claimed"
_OUR_LEASE: Final = f"{OUTCOME} = :claimed AND {LEASE_HOLDER} = :claim"
"""Nobody has taken it over, nor settled it."""
_STILL_OPEN: Final = "opened = :opened AND closed = :no"
"""The window is the pool's latest, and nobody has closed it."""


class DynamoDbDigestStore:
    """The port `DigestStore`, on the ledger's table."""

    def __init__(self, client: "DynamoDBClient", table: str, *, clock: Clock, retention: timedelta | None) -> None:
        """`retention` is how long items live after their window was opened; `None` keeps them."""
        self._table = Table(client, table)
        self._clock = clock
        self._retention = retention

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
        items = self._table.query(
            f"{PK} = :pk AND begins_with({SK}, :member)",
            {":pk": digest_partition(window), ":member": ENTRIES},
            ConsistentRead=True,
        )
        return tuple(read_entry(item) for item in items)

    def lease_digest(self, window: DigestWindow, *, now: datetime, lease: timedelta) -> LeaseToken | None:
        """See `DigestStore.lease_digest`."""
        lapsed = f"{ABSENT} OR ({OUTCOME} = :claimed AND {LEASE_UNTIL} <= :now)"
        token = LeaseToken(uuid4().hex)
        item = lease_item(window, outcome=_LEASED, until=now + lease, token=token)
        standing = self._table.put(item, lapsed, {":claimed": _LEASED, ":now": iso(now)})
        if standing is None:
            return token
        values = deserialize(standing)
        if values[OUTCOME] != _LEASED:
            return None
        if values.get(LEASE_HOLDER) == token:
            return token  # our own: the client repeated the write, because the answer to it was lost
        message = f"{window.id} is claimed until {values[LEASE_UNTIL]}"
        raise AlertInProgressError(message)

    def release_digest(self, window: DigestWindow, token: LeaseToken) -> None:
        """See `DigestStore.release_digest`."""
        lapsed = lease_item(window, outcome=_LEASED, until=self._clock())
        # A client may repeat this when its answer was lost, and somebody else has long claimed it.
        self._table.put(lapsed, _OUR_LEASE, {":claimed": _LEASED, ":claim": token})

    def complete_digest(self, window: DigestWindow, digest_record: DigestRecord) -> None:
        """See `DigestStore.complete_digest`."""
        self._table.put(digest_item(window, digest_record, self._retention), _NOT_COMPLETED, {":claimed": _LEASED})

    def digest(self, window: DigestWindow) -> DigestRecord | None:
        """See `DigestStore.digest`."""
        item = self._table.get(digest_partition(window), DIGEST_KEY)
        if item is None or deserialize(item)[OUTCOME] == _LEASED:
            return None
        return read_digest(window, item)

    def _replace(self, window: DigestWindow) -> None:
        """Write the window anew; one that was closed, or that another one has followed, stays as it is."""
        item = window_item(window, self._retention)
        self._table.put(item, _STILL_OPEN, {":opened": iso(window.opened), ":no": False})
