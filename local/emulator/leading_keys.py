"""The partition keys that a DynamoDB request names, for policies with a condition on `dynamodb:LeadingKeys`."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any


def leading_keys(body: bytes, partition_key: Callable[[str], str | None]) -> list[str]:
    """The partition keys of all items in a request of any operation; those of a query or a scan are not found.

    `partition_key` gives the name of a table's partition key; `None` if there is no such table. A request of another
    form than AWS's has no keys, and is refused later.
    """
    try:
        # A table may be named by its ARN.
        named = [(partition_key(table.rpartition("/")[2]), item) for table, item in _items(json.loads(body or b"{}"))]
        # {"S": "job#..."}: the value, without its type.
        return [str(value) for name, item in named if name for value in item.get(name, {}).values()]
    except (ValueError, TypeError, AttributeError):
        return []


def _items(request: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    # Each member of a transaction has the form of a call about one item.
    entries = [call for entry in request.get("TransactItems", ()) for call in entry.values()]
    for call in (request, *entries):
        yield from ((call.get("TableName", ""), call[member]) for member in ("Item", "Key") if member in call)
    for table, batch in request.get("RequestItems", {}).items():
        if isinstance(batch, dict):
            yield from ((table, key) for key in batch.get("Keys", ()))
        else:
            yield from ((table, item) for write in batch for each in write.values() for item in each.values())
