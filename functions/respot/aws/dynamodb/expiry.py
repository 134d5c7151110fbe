"""When an item of the ledger expires: TTL in epoch seconds."""

from datetime import datetime, timedelta

from respot.aws.dynamodb.attribute_values import Item, serialize
from respot.jobs.drill_names import KEPT_FOR
from respot.jobs.job import JobId
from respot.schema import EXPIRES_AT


def expiry(since: datetime, retention: timedelta | None) -> int | None:
    """The TTL of an item about that moment; `None` where items are kept for ever."""
    return None if retention is None else int((since + retention).timestamp())


def with_drill_expiry(item: Item, job: JobId, now: datetime) -> Item:
    """The item; a drill's item expires after a day; neither the retention nor simulated times count."""
    return item | serialize({EXPIRES_AT: expiry(now, KEPT_FOR)}) if job.is_drill else item
