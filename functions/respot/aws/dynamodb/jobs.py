"""Jobs in the ledger's table: their states, their transitions, their indexes."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from respot.aws.dynamodb.attribute_values import Item
from respot.aws.dynamodb.expiry import with_drill_expiry
from respot.aws.dynamodb.job_items import read_record, read_state, state_item, transition_item
from respot.aws.dynamodb.keys import (
    STATE_KEY,
    SWEEP_KEY,
    partition_of,
    region_and_name,
    sweep_partition,
    transition_key,
)
from respot.aws.dynamodb.reading import reading
from respot.aws.dynamodb.table import ABSENT, Store, readable, translated
from respot.errors import UnreadableItemError
from respot.jobs.drill_names import DRILL_PREFIX
from respot.jobs.formatting import iso
from respot.jobs.job import JobId, JobRecord, JobState, Transition, at_milliseconds
from respot.jobs.merge import Change
from respot.jobs.ports import Clock
from respot.schema import (
    ACTIVE_ON,
    BY_ACTIVITY,
    BY_LIVE,
    BY_NAME,
    CREATED,
    ENDED_AS,
    LAST_MODIFIED,
    LIVE_IN,
    PK,
    RECORDED_AT,
    RECORDED_UNTIL,
    REGION_AND_NAME,
    SK,
    VERSION,
    WATCHED_SINCE,
    ItemKind,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_UNMARKED: Final = f"attribute_not_exists({ENDED_AS})"
"""Of a transition: it does not say yet that the job ended in it. The stream therefore shows each end once."""


class DynamoDbJobStore(Store):
    """The ports `JobStore` and `JobIndex`."""

    def __init__(
        self,
        client: "DynamoDBClient",
        table: str,
        *,
        clock: Clock,
        retention: timedelta | None,
        on_unreadable: Callable[[UnreadableItemError], None] | None = None,
        shows_the_rest: bool = False,
    ) -> None:
        """See `Store`."""
        super().__init__(
            client,
            table,
            clock=clock,
            retention=retention,
            on_unreadable=on_unreadable,
            shows_the_rest=shows_the_rest,
        )
        self._created_at: datetime | None = None
        self._watched_since: dict[str, datetime] = {}

    def find(self, region: str, name: str) -> tuple[JobId, ...]:
        """See `JobStore.find`."""
        items = self._table.query(
            f"{REGION_AND_NAME} = :key",
            {":key": region_and_name(region, name)},
            IndexName=BY_NAME,
            ScanIndexForward=False,
        )
        return tuple(readable(items, _read_job, self._on_unreadable))

    def load(self, job: JobId) -> JobRecord:
        """See `JobStore.load`."""
        # One query: `state` and `transition#…` are the last sort keys of a partition.
        values = {":pk": partition_of(job), ":state": STATE_KEY}
        items = self._table.query(f"{PK} = :pk AND {SK} >= :state", values, ConsistentRead=True)
        return read_record(items, on_unreadable=self._on_unreadable_of_job)

    def save(self, change: Change) -> bool:
        """See `JobStore.save`."""
        if change.state_changed and not self._put_state(change):
            return False
        for transitions, condition in ((change.inserted, ABSENT), (change.marked, _UNMARKED)):
            for transition in transitions:
                item = transition_item(change.state.job, transition, now=self._clock(), retention=self._retention)
                self._table.put(with_drill_expiry(item, change.state.job, self._clock()), condition)
        return True

    def created_at(self) -> datetime:
        """See `JobStore.created_at`: the table's own creation, which no restart and no deployment changes."""
        if self._created_at is None:
            with translated(f"table {self._table.name}"):
                answer = self._table.client.describe_table(TableName=self._table.name)
            self._created_at = at_milliseconds(answer["Table"]["CreationDateTime"])
        return self._created_at

    def first_watched(self, region: str) -> datetime:
        """See `JobStore.first_watched`: a table restored from a backup has the sweep items of the old one."""
        item = self._table.get(sweep_partition(region), SWEEP_KEY)
        since = item and next(readable([item], _read_watched_since, self._on_unreadable), None)
        return since or self.created_at()

    def watched_since(self, region: str) -> datetime:
        """See `JobStore.watched_since`; until the first sweep, since the deployment.

        A table restored from a backup has the sweep items of the old one: what happened before its creation is history.
        """
        if region not in self._watched_since:
            item = self._table.get(sweep_partition(region), SWEEP_KEY)
            if item is None:
                return self.created_at()
            since = next(readable([item], _read_watched_since, self._on_unreadable), None)
            if since is None:  # the region's jobs must not wait for it: what is old is left alone in any case
                return self.created_at()
            self._watched_since[region] = max(since, self.created_at())
        return self._watched_since[region]

    def recorded_until(self, region: str) -> datetime | None:
        """See `JobStore.recorded_until`."""
        item = self._table.get(sweep_partition(region), SWEEP_KEY)
        if item is None:
            return None
        with reading(item, ItemKind.SWEEP) as values:
            return values.moment_or_none(RECORDED_UNTIL)

    def state_of(self, jobs: Sequence[JobId]) -> dict[JobId, JobState | None]:
        """See `JobIndex.state_of`."""
        items = self._table.get_all([(partition_of(job), STATE_KEY) for job in dict.fromkeys(jobs)])
        found: dict[JobId, JobState | None] = {}
        for item in items:
            # The key was asked for, and can be read.
            for job in readable([item], _read_job, self._on_unreadable):
                state = next(readable([item], read_state, self._on_unreadable), None)
                found[job] = state and state[0]
        return found

    def open_jobs(self, region: str, *, since: datetime, until: datetime) -> tuple[JobId, ...]:
        """See `JobIndex.open_jobs`."""
        if iso(since) > iso(until):  # DynamoDB refuses a range that ends before it begins
            return ()
        condition = f"{LIVE_IN} = :region AND {CREATED} BETWEEN :since AND :until"
        values = {":region": region, ":since": iso(since), ":until": iso(until)}
        items = self._table.query(condition, values, IndexName=BY_LIVE)
        return tuple(readable(items, _read_job, self._on_unreadable))

    def oldest_open(self, region: str, *, since: datetime) -> datetime | None:
        """See `JobIndex.oldest_open`."""
        condition, values = f"{LIVE_IN} = :region AND {CREATED} >= :since", {":region": region, ":since": iso(since)}
        items = self._table.query(condition, values, IndexName=BY_LIVE, Limit=1)
        oldest = next(readable(items, _read_job, self._on_unreadable), None)
        return None if oldest is None else oldest.created

    def changed(self, *, since: datetime, until: datetime, limit: int) -> tuple[tuple[JobId, datetime], ...]:
        """See `JobIndex.changed`."""
        found: list[tuple[JobId, datetime]] = []
        for job, changed in self._changed(since, until):
            if len(found) >= limit and changed != found[-1][1]:
                break
            found.append((job, changed))
        return tuple(found)

    def _changed(self, since: datetime, until: datetime) -> Iterator[tuple[JobId, datetime]]:
        if iso(since) > iso(until):  # DynamoDB refuses a range that ends before it begins
            return
        condition = f"{ACTIVE_ON} = :day AND {LAST_MODIFIED} BETWEEN :since AND :until"
        for day in range((until.date() - since.date()).days + 1):
            values = {":day": f"{since + timedelta(days=day):%Y-%m-%d}", ":since": iso(since), ":until": iso(until)}
            items = self._table.query(condition, values, IndexName=BY_ACTIVITY)
            yield from readable(items, _read_changed, self._on_unreadable)

    def last_drill(self, region: str, *, until: datetime) -> JobId | None:
        """The job of the region's last drill sent until then. Not in the port: only `respot doctor` asks.

        Anyone may send a drill of tomorrow, which would be the last one until it expires.
        """
        condition = f"{REGION_AND_NAME} = :key AND {CREATED} <= :until"
        values = {":key": region_and_name(region, DRILL_PREFIX), ":until": iso(until)}
        items = self._table.query(condition, values, IndexName=BY_NAME, ScanIndexForward=False, Limit=1)
        return next(readable(items, _read_job, self._on_unreadable), None)

    def recorded_at(self, job: JobId, transition: Transition) -> datetime | None:
        """When Respot recorded a transition; `None` if it has not. Not in the port: only `respot drill` asks."""
        item = self._table.get(partition_of(job), transition_key(transition))
        if item is None:
            return None
        with reading(item) as values:
            return values.moment(RECORDED_AT)

    def _put_state(self, change: Change) -> bool:
        item = with_drill_expiry(state_item(change, self._retention), change.state.job, self._clock())
        if change.version == 0:
            return self._table.put(item, ABSENT) is None
        return self._table.put(item, f"{VERSION} = :version", {":version": change.version}) is None


def _read_job(item: Item) -> JobId:
    with reading(item) as values:
        return values.job()


def _read_watched_since(item: Item) -> datetime:
    with reading(item) as values:
        return values.moment(WATCHED_SINCE)


def _read_changed(item: Item) -> tuple[JobId, datetime]:
    with reading(item) as values:
        return values.job(), values.moment(LAST_MODIFIED)
