"""How far the sweeps have come, in the ledger's table."""

from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from respot.adapters.attribute_values import Item, deserialize, serialize
from respot.adapters.ledger_keys import sweep_partition
from respot.adapters.table import ABSENT, Table
from respot.domain.durations import iso
from respot.domain.sweeping import Pass, taken_up
from respot.errors import LedgerContentionError
from respot.schema import KIND, LEASE_HOLDER, LEASE_UNTIL, PK, SCOPE, SK, SWEEP_KEY, WATCHED_SINCE, ItemKind

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_TAKEN_AT = "taken_at"


class DynamoDbSweepStore:
    """The port `SweepStore`; its items are replaced as a sweep proceeds, and kept for as long as the ledger."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        """`client` must be of the table's region."""
        self._table = Table(client, table)

    def take(self, scope: str, *, now: datetime, lease: timedelta, watched_since: datetime) -> Pass | None:
        """See `SweepStore.take`."""
        item = self._table.get(sweep_partition(scope), SWEEP_KEY)
        if item is None:
            passed = taken_up(None, scope=scope, now=now, watched_since=watched_since)
            return passed if self._taken(passed, now + lease, ABSENT, {}) else None
        if deserialize(item)[LEASE_UNTIL] > iso(now):
            return None
        passed = taken_up(_read(item), scope=scope, now=now, watched_since=watched_since)
        unchanged = {":before": deserialize(item)[LEASE_UNTIL]}
        return passed if self._taken(passed, now + lease, f"{LEASE_UNTIL} = :before", unchanged) else None

    def keep(self, passed: Pass, *, until: datetime) -> None:
        """See `SweepStore.keep`."""
        if not self._put(passed, until, f"{_TAKEN_AT} = :mine", {":mine": iso(passed.taken_at)}):
            message = f"the sweep of {passed.scope} has been taken over by another invocation"
            raise LedgerContentionError(message)

    def _taken(self, passed: Pass, until: datetime, condition: str, values: dict[str, str]) -> bool:
        """Whether the pass is in our hand; a write that the client repeated meets what it wrote itself."""
        token = uuid4().hex
        item = pass_item(passed, until=until) | serialize({LEASE_HOLDER: token})
        standing = self._table.put(item, condition, values)
        return standing is None or deserialize(standing).get(LEASE_HOLDER) == token

    def _put(self, passed: Pass, until: datetime, condition: str, values: dict[str, str]) -> bool:
        return self._table.put(pass_item(passed, until=until), condition, values) is None


def pass_item(passed: Pass, *, until: datetime) -> Item:
    """How far a pass has come, and until when it is in hand."""
    return serialize(
        {
            PK: sweep_partition(passed.scope),
            SK: SWEEP_KEY,
            KIND: ItemKind.SWEEP.value,
            SCOPE: passed.scope,
            WATCHED_SINCE: iso(passed.watched_since),
            _TAKEN_AT: iso(passed.taken_at),
            LEASE_UNTIL: iso(until),
            "began": passed.began and iso(passed.began),
            "token": passed.token,
            "reached": passed.reached and iso(passed.reached),
            "down_to": passed.down_to and iso(passed.down_to),
            "last_began": passed.last_began and iso(passed.last_began),
            "last_full": passed.last_full and iso(passed.last_full),
        }
    )


def _read(item: Item) -> Pass:
    # An item from before there were shallow passes lacks `down_to`, rightly, and `last_full`: the next pass is full.
    values = deserialize(item)
    moments = {
        name: datetime.fromisoformat(values[name]) if name in values else None
        for name in ("began", "reached", "down_to", "last_began", "last_full")
    }
    return Pass(
        scope=values[SCOPE],
        watched_since=datetime.fromisoformat(values[WATCHED_SINCE]),
        taken_at=datetime.fromisoformat(values[_TAKEN_AT]),
        token=values.get("token"),
        **moments,
    )
