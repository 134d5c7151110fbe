"""Weekly digests in the ledger's table."""

from datetime import datetime, timedelta

from respot.alerting.ports import LeaseToken
from respot.alerting.weekly.digest import WeeklyOutcome, WeeklyRecord
from respot.alerting.weekly.week import Week
from respot.aws.dynamodb import lease as leases
from respot.aws.dynamodb.attribute_values import Item, serialize
from respot.aws.dynamodb.expiry import expiry
from respot.aws.dynamodb.keys import WEEKLY_KEY, weekly_partition
from respot.aws.dynamodb.reading import reading
from respot.aws.dynamodb.table import Store
from respot.jobs.formatting import iso
from respot.schema import EXPIRES_AT, KIND, OUTCOME, PK, SCHEMA, SCHEMA_OF_THIS_VERSION, SK, ItemKind


class DynamoDbWeeklyStore(Store):
    """The port `WeeklyStore`. Items expire the retention after the end of their week."""

    def record(self, week: Week) -> WeeklyRecord | None:
        """See `WeeklyStore.record`."""
        item = self._table.get(weekly_partition(week), WEEKLY_KEY)
        return None if item is None or leases.is_leased(item) else read_weekly(item)

    def lease(self, week: Week, *, now: datetime, lease: timedelta) -> LeaseToken | None:
        """See `WeeklyStore.lease`."""
        what = f"the digest of {week.id}"
        return leases.acquire(self._table, _key(week), now=now, until=now + lease, what=what)

    def release(self, week: Week, token: LeaseToken) -> None:
        """See `WeeklyStore.release`."""
        leases.release(self._table, _key(week), token, now=self._clock())

    def complete(self, week: Week, record: WeeklyRecord) -> None:
        """See `WeeklyStore.complete`."""
        leases.complete(self._table, weekly_item(week, record, self._retention))


def weekly_item(week: Week, record: WeeklyRecord, retention: timedelta | None) -> Item:
    """A completed weekly digest."""
    return _key(week) | serialize(
        {
            OUTCOME: record.outcome.value,
            "reason": record.reason,
            "headline": record.headline,
            "settled_at": iso(record.settled_at),
            "message_id": record.message_id,
            EXPIRES_AT: expiry(week.ended, retention),
        }
    )


def read_weekly(item: Item) -> WeeklyRecord:
    """A completed weekly digest from its item."""
    with reading(item, ItemKind.WEEKLY_DIGEST) as values:
        return WeeklyRecord(
            week=values.text(PK).partition("#")[2],
            outcome=values.word(OUTCOME, WeeklyOutcome),
            reason=values.text("reason"),
            headline=values.text_or_none("headline"),
            settled_at=values.moment("settled_at"),
            message_id=values.text_or_none("message_id"),
        )


def _key(week: Week) -> Item:
    keys = {PK: weekly_partition(week), SK: WEEKLY_KEY}
    return serialize(keys | {KIND: ItemKind.WEEKLY_DIGEST.value, SCHEMA: SCHEMA_OF_THIS_VERSION})
