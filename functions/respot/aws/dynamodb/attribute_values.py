"""DynamoDB's attribute values, from and to the types that the ledger has.

The results equal those of boto3's `TypeSerializer` and `TypeDeserializer`, which a test compares. boto3's are not used:
their package imports all of boto3, which takes a tenth of a cold start.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

Item = dict[str, Any]
"""A DynamoDB item in the form of the low-level client: `{"attribute": {"S": "..."}}`."""

_LONGEST_NUMBER: Final = 38
"""The digits that DynamoDB keeps of a number."""


def serialize(values: Mapping[str, Any]) -> Item:
    """The item of these values; a value that is `None` is not written.

    Raises:
        TypeError: a value is of a type that the ledger does not have.
        ValueError: a number has more digits than DynamoDB keeps, or is none.
    """
    return {name: _attribute(value) for name, value in values.items() if value is not None}


def deserialize(item: Mapping[str, Any]) -> dict[str, Any]:
    """The values of an item; numbers as `Decimal`.

    Raises:
        TypeError: an attribute is of a type that the ledger does not have.
    """
    return {name: _value(attribute) for name, attribute in item.items()}


def _attribute(value: object) -> dict[str, Any]:
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case str():
            return {"S": value}
        case int() | Decimal():
            return {"N": _number(Decimal(value))}
        case Mapping():
            return {"M": {name: _attribute(inner) for name, inner in value.items()}}
        case list() | tuple():
            return {"L": [_attribute(inner) for inner in value]}
        case _:
            message = f"the ledger has no attribute of type {type(value).__name__}: {value!r:.100}"
            raise TypeError(message)


def _number(value: Decimal) -> str:
    if not value.is_finite() or len(value.as_tuple().digits) > _LONGEST_NUMBER:
        message = f"DynamoDB cannot keep the number {value!s:.100} as it is"
        raise ValueError(message)
    return str(value)


def _value(attribute: Mapping[str, Any]) -> object:
    match attribute:
        case {"S": str(text)}:
            return text
        case {"N": str(number)}:
            return Decimal(number)
        case {"BOOL": bool(truth)}:
            return truth
        case {"NULL": _}:
            return None
        case {"M": Mapping() as values}:
            return {name: _value(inner) for name, inner in values.items()}
        case {"L": list(values)}:
            return [_value(inner) for inner in values]
        case _:
            message = f"the ledger has no attribute of type {', '.join(attribute)}"
            raise TypeError(message)
