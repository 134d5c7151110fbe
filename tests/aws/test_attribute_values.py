"""DynamoDB's attribute values, held against boto3's."""

from decimal import Decimal
from typing import Any

import pytest
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from hypothesis import given
from hypothesis import strategies as st

from respot.aws.dynamodb.attribute_values import deserialize, serialize

NUMBERS = st.integers(-(10**38) + 1, 10**38 - 1) | st.decimals(
    allow_nan=False, allow_infinity=False, min_value=-(10**9), max_value=10**9, places=6
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.text() | NUMBERS,
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text(), inner),
    max_leaves=12,
)
ITEMS = st.dictionaries(st.text(min_size=1), VALUES)


@given(ITEMS)
def test_an_item_is_what_boto3_makes_of_its_values(values: dict[str, Any]) -> None:
    serializer = TypeSerializer()
    assert serialize(values) == {
        name: serializer.serialize(value) for name, value in values.items() if value is not None
    }


@given(ITEMS)
def test_an_item_s_values_are_what_boto3_reads_in_it(values: dict[str, Any]) -> None:
    deserializer, item = TypeDeserializer(), serialize(values)
    assert deserialize(item) == {name: deserializer.deserialize(value) for name, value in item.items()}


def test_an_absent_value_is_null_only_inside_another_and_truth_is_no_number() -> None:
    assert serialize({"a": None, "b": [None]}) == {"b": {"L": [{"NULL": True}]}}
    assert serialize({"a": True, "b": 1}) == {"a": {"BOOL": True}, "b": {"N": "1"}}
    assert deserialize({"a": {"BOOL": False}}) == {"a": False}


@pytest.mark.parametrize("number", [10**38, Decimal("0.1234567890123456789012345678901234567890"), Decimal("NaN")])
def test_a_number_that_dynamodb_cannot_keep_is_refused(number: int | Decimal) -> None:
    with pytest.raises(ValueError, match="DynamoDB cannot keep the number"):
        serialize({"n": number})


@pytest.mark.parametrize("value", [1.5, {"a"}, b"bytes", object()])
def test_what_the_ledger_does_not_have_is_refused_by_its_type(value: object) -> None:
    with pytest.raises(TypeError, match=f"no attribute of type {type(value).__name__}"):
        serialize({"v": [value]})


@pytest.mark.parametrize("attribute", [{"SS": ["a"]}, {"B": b"bytes"}, {"S": 1}, {}])
def test_an_attribute_that_the_ledger_does_not_have_is_refused(attribute: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="no attribute of type"):
        deserialize({"v": attribute})
