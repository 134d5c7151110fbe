"""The sweep's progress in the ledger's table."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from respot.aws.dynamodb.attribute_values import Item, serialize
from respot.aws.dynamodb.keys import SWEEP_KEY, sweep_partition
from respot.aws.dynamodb.reading import reading
from respot.aws.dynamodb.table import ABSENT, Table
from respot.errors import LedgerContentionError
from respot.jobs.formatting import iso
from respot.schema import (
    KIND,
    LEASE_HOLDER,
    LEASE_UNTIL,
    PK,
    RECORDED_UNTIL,
    SCHEMA,
    SCHEMA_OF_THIS_VERSION,
    SCOPE,
    SK,
    WATCHED_SINCE,
    ItemKind,
)
from respot.sweep.progress import SweepProgress, resumed

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_LEASED_AT = "taken_at"


class DynamoDbSweepStore:
    """The port `SweepStore`. Its items are replaced as a sweep proceeds, and never expire."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        """`client` must be of the table's region."""
        self._table = Table(client, table)

    def lease(self, scope: str, *, now: datetime, lease: timedelta, watched_since: datetime) -> SweepProgress | None:
        """See `SweepStore.lease`."""
        item = self._table.get(sweep_partition(scope), SWEEP_KEY)
        if item is None:
            progress = resumed(None, scope=scope, now=now, watched_since=watched_since)
            return progress if self._leased(progress, now + lease, ABSENT, {}) else None
        progress = resumed(read_progress(item), scope=scope, now=now, watched_since=watched_since)
        return self._replace(item, progress, now=now, lease=lease)

    def lease_anew(
        self, scope: str, *, now: datetime, lease: timedelta, watched_since: datetime
    ) -> SweepProgress | None:
        """See `SweepStore.lease_anew`."""
        item = self._table.get(sweep_partition(scope), SWEEP_KEY) or {}
        progress = resumed(None, scope=scope, now=now, watched_since=watched_since)
        return self._replace(item, progress, now=now, lease=lease)

    def _replace(self, item: Item, progress: SweepProgress, *, now: datetime, lease: timedelta) -> SweepProgress | None:
        """Lease the scope of this item, unless somebody has leased it, or leases it first."""
        standing = item.get(LEASE_UNTIL, {}).get("S")
        # None of ours ends later than one of twice this length.
        if standing is not None and iso(now) < standing <= iso(now + 2 * lease):
            return None
        if standing is None:
            condition, values = f"NOT attribute_type({LEASE_UNTIL}, :type)", {":type": "S"}
        else:
            condition, values = f"{LEASE_UNTIL} = :before", {":before": standing}
        return progress if self._leased(progress, now + lease, condition, values) else None

    def find(self, scope: str) -> SweepProgress | None:
        """How far the sweep of a scope has come; `None` before the first. Not in the port: only `respot doctor` asks.

        Raises:
            UnreadableItemError: this version cannot read the progress.
        """
        item = self._table.get(sweep_partition(scope), SWEEP_KEY)
        return None if item is None else read_progress(item)

    def save(self, progress: SweepProgress, *, until: datetime) -> None:
        """See `SweepStore.save`."""
        if not self._put(progress, until, f"{_LEASED_AT} = :mine", {":mine": iso(progress.leased_at)}):
            message = f"the sweep of {progress.scope} has been taken over by another invocation"
            raise LedgerContentionError(message)

    def _leased(self, progress: SweepProgress, until: datetime, condition: str, values: dict[str, str]) -> bool:
        """Whether the lease is ours. A write that the client repeated finds its own token."""
        token = uuid4().hex
        item = progress_item(progress, until=until) | serialize({LEASE_HOLDER: token})
        standing = self._table.put(item, condition, values)
        if standing is None:
            return True
        with reading(standing) as there:
            return there.text_or_none(LEASE_HOLDER) == token

    def _put(self, progress: SweepProgress, until: datetime, condition: str, values: dict[str, str]) -> bool:
        return self._table.put(progress_item(progress, until=until), condition, values) is None


def progress_item(progress: SweepProgress, *, until: datetime) -> Item:
    """The progress of a scope, with the end of its lease."""
    return serialize(
        {
            PK: sweep_partition(progress.scope),
            SK: SWEEP_KEY,
            KIND: ItemKind.SWEEP.value,
            SCHEMA: SCHEMA_OF_THIS_VERSION,
            SCOPE: progress.scope,
            WATCHED_SINCE: iso(progress.watched_since),
            _LEASED_AT: iso(progress.leased_at),
            LEASE_UNTIL: iso(until),
            "began": progress.began and iso(progress.began),
            "token": progress.token,
            "reached": progress.reached and iso(progress.reached),
            "down_to": progress.down_to and iso(progress.down_to),
            "last_began": progress.last_began and iso(progress.last_began),
            "last_full": progress.last_full and iso(progress.last_full),
            RECORDED_UNTIL: progress.recorded_until and iso(progress.recorded_until),
            "missing": progress.missing and iso(progress.missing),
            "missing_since": progress.missing_since and iso(progress.missing_since),
        }
    )


def read_progress(item: Item) -> SweepProgress:
    """The progress of a scope."""
    with reading(item, ItemKind.SWEEP) as values:
        # An item of an earlier version lacks `recorded_until`, and perhaps `last_full`: the next pass is a full one.
        return SweepProgress(
            scope=values.text(SCOPE),
            watched_since=values.moment(WATCHED_SINCE),
            leased_at=values.moment(_LEASED_AT),
            token=values.text_or_none("token"),
            began=values.moment_or_none("began"),
            reached=values.moment_or_none("reached"),
            down_to=values.moment_or_none("down_to"),
            last_began=values.moment_or_none("last_began"),
            last_full=values.moment_or_none("last_full"),
            recorded_until=values.moment_or_none(RECORDED_UNTIL),
            missing=values.moment_or_none("missing"),
            missing_since=values.moment_or_none("missing_since"),
        )
