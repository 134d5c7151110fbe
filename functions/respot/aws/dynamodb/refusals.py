"""What SageMaker lately refused to create, in the ledger's table."""

import hashlib
from datetime import datetime
from typing import Any

from respot.aws.dynamodb.attribute_values import Item, deserialize, serialize
from respot.aws.dynamodb.expiry import expiry
from respot.aws.dynamodb.keys import refusal_partition
from respot.aws.dynamodb.table import Store
from respot.jobs.formatting import iso
from respot.jobs.job import Market
from respot.recovery.records import REMEMBERED_FOR, Refusal
from respot.schema import EXPIRES_AT, KIND, PK, SK, ItemKind

_REFUSED_AT = "refused_at"


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
        found = (read_refusal(region, deserialize(item)) for item in items)
        return tuple(refusal for refusal in found if refusal.refused_at > moment)


def refusal_item(refusal: Refusal) -> Item:
    """A refusal; the next one of the same pool or role replaces it. It always expires after an hour."""
    market = refusal.market and refusal.market.value
    about = {"market": market, "instance_type": refusal.instance_type, "role": refusal.role}
    # A hash: a role's ARN may be longer than a key, and others choose the text.
    key = hashlib.sha256("\n".join(f"{name}={value}" for name, value in about.items()).encode()).hexdigest()
    return serialize(
        {
            PK: refusal_partition(refusal.region),
            SK: key,
            KIND: ItemKind.REFUSAL.value,
            **about,
            "why": refusal.why,
            _REFUSED_AT: iso(refusal.refused_at),
            EXPIRES_AT: expiry(refusal.refused_at, REMEMBERED_FOR),
        }
    )


def read_refusal(region: str, values: dict[str, Any]) -> Refusal:
    """A refusal from the values of its item; of a market that this version does not know, it covers all."""
    market = values.get("market")
    return Refusal(
        region=region,
        market=Market(market) if market in set(Market) else None,
        instance_type=values.get("instance_type"),
        role=values.get("role"),
        why=values["why"],
        refused_at=datetime.fromisoformat(values[_REFUSED_AT]),
    )
