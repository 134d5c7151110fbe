"""Reads items of the ledger: what this version cannot read is one error that names the item."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, TypeVar

from respot.aws.dynamodb.attribute_values import deserialize
from respot.aws.dynamodb.keys import job_of
from respot.errors import UnreadableItemError
from respot.jobs.job import JobId
from respot.schema import KIND, OLDEST_SCHEMA, PK, SCHEMA, SCHEMA_OF_THIS_VERSION, SK, VERSION, ItemKind

_Word = TypeVar("_Word", bound=StrEnum)
_WRONG: Final = (LookupError, ValueError, TypeError, ArithmeticError, AttributeError, RecursionError)
"""What reading may raise: an attribute is missing, of another type, or holds no such word, number or time."""


class Values:
    """The values of an item, each read with its type. Attributes that nobody asks for may be anything."""

    def __init__(self, attributes: Mapping[str, Any]) -> None:
        """`attributes` as DynamoDB returns them, or plain values."""
        self._attributes = attributes

    def __contains__(self, name: str) -> bool:
        return self._get(name) is not None

    def text(self, name: str) -> str:
        """A text."""
        return str(self._of(str, name))

    def text_or_none(self, name: str) -> str | None:
        """A text, if there is one."""
        return self.text(name) if name in self else None

    def word(self, name: str, words: type[_Word]) -> _Word:
        """One of a closed set of words."""
        return words(self.text(name))

    def moment(self, name: str) -> datetime:
        """A time with its zone."""
        moment = datetime.fromisoformat(self.text(name))
        if moment.tzinfo is None:
            message = f"{name} has no time zone"
            raise ValueError(message)
        return moment

    def moment_or_none(self, name: str) -> datetime | None:
        """A time, if there is one."""
        return self.moment(name) if name in self else None

    def whole(self, name: str) -> int:
        """A whole number."""
        return _as_whole(self._of(Decimal, name))

    def whole_or_none(self, name: str) -> int | None:
        """A whole number, if there is one."""
        return self.whole(name) if name in self else None

    def number_or_none(self, name: str) -> float | None:
        """A number, if there is one."""
        return float(self._of(Decimal, name)) if name in self else None

    def span(self, name: str) -> timedelta:
        """A span, in seconds."""
        return timedelta(seconds=float(self._of(Decimal, name)))

    def span_or_none(self, name: str) -> timedelta | None:
        """A span, if there is one."""
        return self.span(name) if name in self else None

    def flag(self, name: str) -> bool:
        """Yes or no."""
        return bool(self._of(bool, name))

    def flag_or_none(self, name: str) -> bool | None:
        """Yes or no, if it is known."""
        return self.flag(name) if name in self else None

    def inner(self, name: str) -> "Values":
        """The values of a map."""
        return Values(self._of(dict, name))

    def inner_or_none(self, name: str) -> "Values | None":
        """The values of a map, if there is one."""
        return self.inner(name) if name in self else None

    def texts(self, name: str) -> dict[str, str]:
        """A map of texts."""
        inner = self.inner(name)
        return {each: inner.text(each) for each in self._of(dict, name)}

    def texts_or_none(self, name: str) -> dict[str, str] | None:
        """A map of texts, if there is one."""
        return self.texts(name) if name in self else None

    def lists_of_wholes(self, name: str) -> dict[str, tuple[int, ...]]:
        """A map of lists of whole numbers; empty if there is none."""
        found = self._of(dict, name) if name in self else {}
        return {each: tuple(map(_as_whole, numbers)) for each, numbers in found.items()}

    def job(self, name: str = PK) -> JobId:
        """The job whose partition this is."""
        return job_of(self.text(name))

    def _of(self, kind: type[Any], name: str) -> Any:  # noqa: ANN401 - the callers say what it is
        value = self._get(name)
        if value is None:
            message = f"{name} is missing"
            raise ValueError(message)
        if not isinstance(value, kind):
            message = f"{name} is {type(value).__name__}, not {kind.__name__}"
            raise TypeError(message)
        return value

    def _get(self, name: str) -> object:
        return self._attributes.get(name)


class _Attributes(Values):
    """The values of an item, deserialized one by one: a newer version may have types that this one does not know."""

    def _get(self, name: str) -> object:
        return deserialize({name: self._attributes[name]})[name] if name in self._attributes else None


def _as_whole(number: object) -> int:
    if not isinstance(number, Decimal) or number != int(number):
        message = f"{number!r:.100} is no whole number"
        raise ValueError(message)
    return int(number)


@contextmanager
def reading(item: Mapping[str, Any], *kinds: ItemKind) -> Iterator[Values]:
    """The values of an item that must be of one of these kinds, if any are given.

    An item without a schema number is of the version before there was one.

    Raises:
        UnreadableItemError: it is of another kind or of a schema that this version does not know, or what is done with
            its values fails.
    """
    try:
        values = _Attributes(item)
        _check_schema(values)
        if kinds and values.text(KIND) not in kinds:
            message = f"the kind is {values.text(KIND)!r:.100}, not {' or '.join(kinds)}"
            raise ValueError(message)
        yield values
    except _WRONG as error:
        why = f"{type(error).__name__}: {error!s:.300}"
        raise UnreadableItemError(_key(item, PK), _key(item, SK), why, item.get(VERSION)) from error


def _check_schema(values: Values) -> None:
    schema = values.whole(SCHEMA) if SCHEMA in values else OLDEST_SCHEMA
    if not OLDEST_SCHEMA <= schema <= SCHEMA_OF_THIS_VERSION + 1:
        message = f"schema {schema}; this version reads {OLDEST_SCHEMA} to {SCHEMA_OF_THIS_VERSION + 1}"
        raise ValueError(message)


def _key(item: Mapping[str, Any], name: str) -> str:
    """A key of an item of which nothing is certain."""
    attribute = item.get(name)
    text = attribute.get("S") if isinstance(attribute, Mapping) else None
    return text if isinstance(text, str) else f"(no {name})"
