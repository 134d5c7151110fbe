"""The partition keys that a DynamoDB request names, for policies with a condition on `dynamodb:LeadingKeys`."""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

_MEMBERS: Final = ("Put", "Update", "Delete", "ConditionCheck", "Get")
"""Of a transaction; each has the form of a call about one item."""


def leading_keys(body: bytes, partition_key: Callable[[str], str | None]) -> list[str]:
    """The partition keys of all items in a request of any operation; those of a query or a scan are not found.

    `partition_key` gives the name of a table's partition key; `None` if there is no such table.
    """
    try:
        request = json.loads(body or b"{}")
    except ValueError:
        return []
    found = []
    for table, item in _items(request):
        # A table may be named by its ARN.
        name = partition_key(table.rpartition("/")[2])
        # {"S": "job#..."}: the value, without its type.
        found += [str(value) for value in _mapping(item.get(name)).values()] if name else []
    return found


def _items(request: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Each item or key, with its table; what has another form than AWS's is passed over, and refused later."""
    calls = [_mapping(request)]
    for entry in _list(calls[0].get("TransactItems")):
        calls += [_mapping(_mapping(entry).get(member)) for member in _MEMBERS]
    for call in calls:
        yield from ((str(call.get("TableName")), _mapping(call.get(member))) for member in ("Item", "Key"))
    for table, batch in _mapping(calls[0].get("RequestItems")).items():
        yield from ((table, _mapping(key)) for key in _list(_mapping(batch).get("Keys")))
        for write in _list(batch):
            yield table, _mapping(_mapping(_mapping(write).get("PutRequest")).get("Item"))
            yield table, _mapping(_mapping(_mapping(write).get("DeleteRequest")).get("Key"))


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
