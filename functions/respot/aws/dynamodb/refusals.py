"""What SageMaker lately refused to create, in the ledger's table."""

import hashlib
from datetime import datetime

from respot.aws.dynamodb.attribute_values import Item, serialize
from respot.aws.dynamodb.expiry import expiry
from respot.aws.dynamodb.keys import refusal_partition
from respot.aws.dynamodb.reading import reading
from respot.aws.dynamodb.table import Store, readable
from respot.jobs.formatting import iso
from respot.jobs.job import Market
from respot.recovery.records import REMEMBERED_FOR, Refusal
from respot.schema import EXPIRES_AT, KIND, PK, SCHEMA, SCHEMA_OF_THIS_VERSION, SK, ItemKind

_REFUSED_AT = "refused_at"
_RESOURCE = "role"
"""The name is an earlier version's, which remembered no other resource, and must not take one for a pool."""


class DynamoDbRefusals(Store):
    """The port `Refusals`."""

    def remember(self, refusal: Refusal) -> None:
        """See `Refusals.remember`."""
        item = refusal_item(refusal)
        older = f"attribute_not_exists({PK}) OR {_REFUSED_AT} < :refused_at"
        self._table.put(item, older, {":refused_at": iso(refusal.refused_at)})

    def since(self, region: str, moment: datetime) -> tuple[Refusal, ...]:
        """See `Refusals.since`."""
        items = self._table.query(f"{PK} = :pk", {":pk": refusal_partition(region)}, ConsistentRead=True)
        found = readable(items, read_refusal, self._on_unreadable)
        return tuple(refusal for refusal in found if refusal.refused_at > moment)


def refusal_item(refusal: Refusal) -> Item:
    """A refusal; the next one of the same pool or resource replaces it. It always expires after an hour."""
    market = refusal.market and refusal.market.value
    about = {"market": market, "instance_type": refusal.instance_type, _RESOURCE: refusal.resource}
    # A hash: an ARN may be longer than a key, and others choose the text.
    key = hashlib.sha256("\n".join(f"{name}={value}" for name, value in about.items()).encode()).hexdigest()
    return serialize(
        {
            PK: refusal_partition(refusal.region),
            SK: key,
            KIND: ItemKind.REFUSAL.value,
            SCHEMA: SCHEMA_OF_THIS_VERSION,
            "region": refusal.region,
            **about,
            "why": refusal.why,
            _REFUSED_AT: iso(refusal.refused_at),
            EXPIRES_AT: expiry(refusal.refused_at, REMEMBERED_FOR),
        }
    )


def read_refusal(item: Item) -> Refusal:
    """A refusal from its item."""
    with reading(item, ItemKind.REFUSAL) as values:
        market = values.text_or_none("market")
        return Refusal(
            region=values.text("region"),
            market=None if market is None else Market(market),
            instance_type=values.text_or_none("instance_type"),
            resource=values.text_or_none(_RESOURCE),
            why=values.text("why"),
            refused_at=values.moment(_REFUSED_AT),
        )
