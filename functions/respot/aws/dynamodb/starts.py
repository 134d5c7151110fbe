"""How long starting took earlier jobs, in the ledger's table."""

import math
from datetime import timedelta
from itertools import islice

from respot.aws.dynamodb.attribute_values import Item, serialize
from respot.aws.dynamodb.expiry import expiry
from respot.aws.dynamodb.keys import partition_of, start_key, start_partition
from respot.aws.dynamodb.reading import reading
from respot.aws.dynamodb.table import ABSENT, Store, readable
from respot.jobs.formatting import iso
from respot.recovery.planning.start_history import MOST_SAMPLES, MeasuredStart, StartPool, StartSample
from respot.schema import EXPIRES_AT, KIND, PK, SCHEMA, SCHEMA_OF_THIS_VERSION, SK, ItemKind


class DynamoDbStarts(Store):
    """The port `Starts`."""

    def remember(self, start: MeasuredStart) -> None:
        """See `Starts.remember`."""
        self._table.put(start_item(start, self._retention), ABSENT)

    def newest(self, pool: StartPool) -> tuple[StartSample, ...]:
        """See `Starts.newest`."""
        values = {":pk": start_partition(pool)}
        request = {"ConsistentRead": True, "ScanIndexForward": False, "Limit": MOST_SAMPLES}
        items = self._table.query(f"{PK} = :pk", values, **request)
        # The first page has them all: an item is below a kilobyte.
        found = readable(islice(items, MOST_SAMPLES), _read_with_expiry, self._on_unreadable)
        now = int(self._clock().timestamp())
        return tuple(sample for sample, expires_at in found if expires_at is None or now < expires_at)


def start_item(start: MeasuredStart, retention: timedelta | None) -> Item:
    """What a job adds to the history of a pool."""
    return serialize(
        {
            PK: start_partition(start.pool),
            SK: start_key(start.job),
            KIND: ItemKind.START.value,
            SCHEMA: SCHEMA_OF_THIS_VERSION,
            "job": partition_of(start.job),
            "took_seconds": math.ceil(start.sample.took.total_seconds()),
            "seen": iso(start.sample.seen),
            EXPIRES_AT: expiry(start.sample.seen, retention),
        }
    )


def read_start(item: Item) -> StartSample:
    """A measurement from its item."""
    return _read_with_expiry(item)[0]


def _read_with_expiry(item: Item) -> tuple[StartSample, int | None]:
    with reading(item, ItemKind.START) as values:
        took = values.span("took_seconds")
        if took < timedelta():
            message = f"took_seconds is {took.total_seconds()}"
            raise ValueError(message)
        return StartSample(took=took, seen=values.moment("seen")), values.whole_or_none(EXPIRES_AT)
