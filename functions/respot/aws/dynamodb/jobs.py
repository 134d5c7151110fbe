"""The ledger in DynamoDB. Together with `ledger_items`, the only modules that know the table's keys."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from respot.alerting.alert import AlertRecord
from respot.alerting.kinds import AlertKind
from respot.alerting.ports import LeaseToken
from respot.aws.dynamodb.attribute_values import Item, deserialize, serialize
from respot.aws.dynamodb.job_items import (
    alert_item,
    alert_key,
    read_alert,
    read_record,
    state_item,
    transition_item,
    transition_key,
)
from respot.aws.dynamodb.keys import job_of, partition_of, region_and_name, sweep_partition
from respot.aws.dynamodb.table import ABSENT, Table, translated
from respot.errors import AlertInProgressError
from respot.jobs.drill_names import KEPT_FOR
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
    EXPIRES_AT,
    KIND,
    LAST_MODIFIED,
    LEASE_HOLDER,
    LEASE_UNTIL,
    LIVE_IN,
    OUTCOME,
    PK,
    RECORDED_AT,
    REGION_AND_NAME,
    SK,
    STATE_KEY,
    SWEEP_KEY,
    VERSION,
    WATCHED_SINCE,
    ItemKind,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_LEASED: Final = "claimed"
"""The outcome of an alert that somebody has in hand; see AlertOutcome for those that are settled."""
_NOT_COMPLETED: Final = f"attribute_not_exists({PK}) OR {OUTCOME} = :claimed"
_UNMARKED: Final = f"attribute_not_exists({ENDED_AS})"
"""Of a transition: nobody has written yet that the job ended in it. So the stream shows that once."""
_OUR_LEASE: Final = f"{OUTCOME} = :claimed AND {LEASE_HOLDER} = :claim"
"""Nobody has taken it over, nor settled it."""


class DynamoDbLedger:
    """The ports `Ledger` and `JobIndex`, on one table."""

    def __init__(self, client: "DynamoDBClient", table: str, *, clock: Clock, retention: timedelta | None) -> None:
        """`retention` is how long items live after what they tell of; `None` keeps them."""
        self._table = Table(client, table)
        self._clock = clock
        self._retention = retention
        self._created_at: datetime | None = None
        self._watched_since: dict[str, datetime] = {}

    def find(self, region: str, name: str) -> tuple[JobId, ...]:
        """See `Ledger.find`."""
        items = self._table.query(
            f"{REGION_AND_NAME} = :key",
            {":key": region_and_name(region, name)},
            IndexName=BY_NAME,
            ScanIndexForward=False,
        )
        return tuple(job_of(deserialize(item)[PK]) for item in items)

    def load(self, job: JobId) -> JobRecord:
        """See `Ledger.load`."""
        # One query for the state and the transitions: `state` and `transition#…` are the last of a partition's sort
        # keys.
        values = {":pk": partition_of(job), ":state": STATE_KEY}
        return read_record(self._table.query(f"{PK} = :pk AND {SK} >= :state", values, ConsistentRead=True))

    def save(self, change: Change) -> bool:
        """See `Ledger.save`."""
        if change.state_changed and not self._put_state(change):
            return False
        for transitions, condition in ((change.inserted, ABSENT), (change.marked, _UNMARKED)):
            for transition in transitions:
                item = transition_item(change.state.job, transition, now=self._clock(), retention=self._retention)
                self._table.put(self._kept(change.state.job, item), condition)
        return True

    def created_at(self) -> datetime:
        """See `Ledger.created_at`: the table's own creation, which no restart and no new deployment moves."""
        if self._created_at is None:
            with translated(f"table {self._table.name}"):
                answer = self._table.client.describe_table(TableName=self._table.name)
            self._created_at = at_milliseconds(answer["Table"]["CreationDateTime"])
        return self._created_at

    def watched_since(self, region: str) -> datetime:
        """See `Ledger.watched_since`; until the first sweep, the whole deployment's age.

        A ledger from a backup brings its sweeps' notes with it: what happened before its own creation is history.
        """
        if region not in self._watched_since:
            item = self._table.get(sweep_partition(region), SWEEP_KEY)
            if item is None:
                return self.created_at()
            told = datetime.fromisoformat(deserialize(item)[WATCHED_SINCE])
            self._watched_since[region] = max(told, self.created_at())
        return self._watched_since[region]

    def state_of(self, jobs: Sequence[JobId]) -> dict[JobId, JobState]:
        """See `JobIndex.state_of`."""
        items = self._table.get_all([(partition_of(job), STATE_KEY) for job in dict.fromkeys(jobs)])
        records = (read_record([item]) for item in items)
        return {record.state.job: record.state for record in records if record.state}

    def open_jobs(self, region: str, *, since: datetime, until: datetime) -> tuple[JobId, ...]:
        """See `JobIndex.open_jobs`."""
        if iso(since) > iso(until):  # DynamoDB refuses a range without an inside
            return ()
        condition = f"{LIVE_IN} = :region AND {CREATED} BETWEEN :since AND :until"
        values = {":region": region, ":since": iso(since), ":until": iso(until)}
        return tuple(job_of(deserialize(item)[PK]) for item in self._table.query(condition, values, IndexName=BY_LIVE))

    def oldest_open(self, region: str, *, since: datetime) -> datetime | None:
        """See `JobIndex.oldest_open`."""
        condition, values = f"{LIVE_IN} = :region AND {CREATED} >= :since", {":region": region, ":since": iso(since)}
        oldest = next(self._table.query(condition, values, IndexName=BY_LIVE, Limit=1), None)
        return None if oldest is None else job_of(deserialize(oldest)[PK]).created

    def changed(self, *, since: datetime, until: datetime, limit: int) -> tuple[tuple[JobId, datetime], ...]:
        """See `JobIndex.changed`."""
        found: list[tuple[JobId, datetime]] = []
        for job, changed in self._changed(since, until):
            if len(found) >= limit and changed != found[-1][1]:
                break
            found.append((job, changed))
        return tuple(found)

    def _changed(self, since: datetime, until: datetime) -> Iterator[tuple[JobId, datetime]]:
        if iso(since) > iso(until):  # DynamoDB refuses a range without an inside
            return
        condition = f"{ACTIVE_ON} = :day AND {LAST_MODIFIED} BETWEEN :since AND :until"
        for day in range((until.date() - since.date()).days + 1):
            values = {
                ":day": f"{since + timedelta(days=day):%Y-%m-%d}",
                ":since": iso(since),
                ":until": iso(until),
            }
            for item in self._table.query(condition, values, IndexName=BY_ACTIVITY):
                told = deserialize(item)
                yield job_of(told[PK]), datetime.fromisoformat(told[LAST_MODIFIED])

    def lease_alert(
        self, job: JobId, kind: AlertKind, transition: Transition, *, now: datetime, lease: timedelta
    ) -> LeaseToken | None:
        """See `Ledger.lease_alert`."""
        lapsed = f"attribute_not_exists({PK}) OR ({OUTCOME} = :claimed AND {LEASE_UNTIL} <= :now)"
        token = LeaseToken(uuid4().hex)
        item = _claim(job, kind, transition, until=now + lease, token=token)
        standing = self._table.put(self._kept(job, item), lapsed, {":claimed": _LEASED, ":now": iso(now)})
        if standing is None:
            return token
        if deserialize(standing)[OUTCOME] != _LEASED:
            return None
        if deserialize(standing).get(LEASE_HOLDER) == token:
            return token  # our own: the client repeated the write, because the answer to it was lost
        message = (
            f"{job}: the {kind} alert on {transition.status} is claimed until {deserialize(standing)[LEASE_UNTIL]}"
        )
        raise AlertInProgressError(message)

    def release_alert(self, job: JobId, kind: AlertKind, transition: Transition, token: LeaseToken) -> None:
        """See `Ledger.release_alert`."""
        lapsed = self._kept(job, _claim(job, kind, transition, until=self._clock()))
        # A client may repeat this when its answer was lost, and somebody else has long claimed it.
        self._table.put(lapsed, _OUR_LEASE, {":claimed": _LEASED, ":claim": token})

    def complete_alert(self, alert_record: AlertRecord) -> None:
        """See `Ledger.complete_alert`."""
        item = self._kept(alert_record.job, alert_item(alert_record, self._retention))
        self._table.put(item, _NOT_COMPLETED, {":claimed": _LEASED})

    def alerts(self, job: JobId) -> tuple[AlertRecord, ...]:
        """See `Ledger.alerts`."""
        items = self._table.query(
            f"{PK} = :pk AND begins_with({SK}, :alert)",
            {":pk": partition_of(job), ":alert": "alert#"},
            ConsistentRead=True,
        )
        return tuple(read_alert(item) for item in items if deserialize(item)[OUTCOME] != _LEASED)

    def recorded_at(self, job: JobId, transition: Transition) -> datetime | None:
        """When Respot recorded a transition; `None` while it has not. Beyond the port: only `respot drill` asks."""
        item = self._table.get(partition_of(job), transition_key(transition))
        return None if item is None else datetime.fromisoformat(deserialize(item)[RECORDED_AT])

    def _kept(self, job: JobId, item: Item) -> Item:
        """A drill's items go after a day, whatever is configured and whatever time the drill claims."""
        if not job.is_drill:
            return item
        return item | serialize({EXPIRES_AT: int((self._clock() + KEPT_FOR).timestamp())})

    def _put_state(self, change: Change) -> bool:
        item = self._kept(change.state.job, state_item(change, self._retention))
        if change.version == 0:
            return self._table.put(item, ABSENT) is None
        return self._table.put(item, f"{VERSION} = :version", {":version": change.version}) is None


def _claim(job: JobId, kind: AlertKind, transition: Transition, *, until: datetime, token: str = "") -> Item:
    return alert_key(job, kind, transition) | serialize(
        {KIND: ItemKind.ALERT.value, OUTCOME: _LEASED, LEASE_UNTIL: iso(until), LEASE_HOLDER: token}
    )
