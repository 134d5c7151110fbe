"""The lease on an item that is completed once: an alert, a digest.

Its outcome is `claimed` while it is leased; a final outcome replaces that.
"""

from datetime import datetime
from typing import Final
from uuid import uuid4

from respot.alerting.ports import LeaseToken
from respot.aws.dynamodb.attribute_values import Item, serialize
from respot.aws.dynamodb.reading import reading
from respot.aws.dynamodb.table import ABSENT, Table
from respot.errors import AlertInProgressError
from respot.jobs.formatting import iso
from respot.schema import LEASE_HOLDER, LEASE_UNTIL, OUTCOME

_LEASED: Final = "claimed"
_EXPIRED: Final = f"{ABSENT} OR ({OUTCOME} = :leased AND ({LEASE_UNTIL} <= :now OR {LEASE_UNTIL} > :longest))"
"""No lease that ends later than one of twice this length is ours: it would hold the item up for as long as it says."""
_NOT_COMPLETED: Final = f"{ABSENT} OR {OUTCOME} = :leased"
_OURS: Final = f"{OUTCOME} = :leased AND {LEASE_HOLDER} = :token"


def acquire(table: Table, item: Item, *, now: datetime, until: datetime, what: str) -> LeaseToken | None:
    """Lease an item for one caller; `None` once it is completed.

    Args:
        table: where the item is.
        item: its keys and kind.
        now: a lease that ends by then has expired.
        until: when the new lease expires.
        what: the item, in the words of an error.

    Raises:
        UnreadableItemError: another version wrote what is there.
        AlertInProgressError: another caller's lease has not expired yet.
    """
    token = LeaseToken(uuid4().hex)
    bounds = {":leased": _LEASED, ":now": iso(now), ":longest": iso(until + (until - now))}
    standing = table.put(leased_item(item, until, token), _EXPIRED, bounds)
    if standing is None:
        return token
    with reading(standing) as values:
        if values.text(OUTCOME) != _LEASED:
            return None
        if values.text_or_none(LEASE_HOLDER) == token:
            return token  # ours: the client repeated the write because its answer was lost
        message = f"{what} is leased until {values.text(LEASE_UNTIL)}"
    raise AlertInProgressError(message)


def release(table: Table, item: Item, token: LeaseToken, *, now: datetime) -> None:
    """End the lease with this token. A lease that another caller has acquired since is left alone."""
    table.put(leased_item(item, now), _OURS, {":leased": _LEASED, ":token": token})


def complete(table: Table, item: Item) -> None:
    """Write the completed item, leased or not; one that is completed is never changed again."""
    table.put(item, _NOT_COMPLETED, {":leased": _LEASED})


def is_leased(item: Item) -> bool:
    """Whether the item is leased and not completed; its lease may have expired."""
    with reading(item) as values:
        return values.text(OUTCOME) == _LEASED


def leased_item(item: Item, until: datetime, token: LeaseToken | None = None) -> Item:
    """The item while it is leased."""
    return item | serialize({OUTCOME: _LEASED, LEASE_UNTIL: iso(until), LEASE_HOLDER: token})
