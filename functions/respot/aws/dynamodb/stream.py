"""Records of the ledger's DynamoDB stream."""

from collections.abc import Mapping
from typing import Any

from respot.aws.dynamodb.attribute_values import Item
from respot.aws.dynamodb.reading import reading
from respot.errors import UnreadableItemError
from respot.jobs.job import JobId
from respot.schema import KIND, PK, SK, STATUS


def kind_of(record: Mapping[str, Any]) -> str:
    """What kind of item a record is about; may be one that this version does not know.

    Raises:
        UnreadableItemError: it does not say.
    """
    with reading(image_of(record)) as values:
        return values.text(KIND)


def read_job(record: Mapping[str, Any]) -> JobId:
    """The job whose item a record is about.

    Raises:
        UnreadableItemError: it is no job's.
    """
    with reading(image_of(record)) as values:
        return values.job()


def status_of(record: Mapping[str, Any]) -> str:
    """The SecondaryStatus of the transition that a record is about.

    Raises:
        UnreadableItemError: the item has none.
    """
    with reading(image_of(record)) as values:
        return values.text(STATUS)


def image_of(record: Mapping[str, Any]) -> Item:
    """The item as it was written.

    Raises:
        UnreadableItemError: the record has none.
    """
    try:
        return dict(record["dynamodb"]["NewImage"])
    except (LookupError, TypeError, ValueError) as error:
        partition, sort_key = key_of(record)
        raise UnreadableItemError(partition, sort_key, "the stream's record has no item") from error


def key_of(record: Mapping[str, Any]) -> tuple[str, str]:
    """The partition key and the sort key of a record's item, as far as they can be read."""
    keys: list[str] = []
    for name in (PK, SK):
        try:
            change = record["dynamodb"]
            keys.append(str((change.get("NewImage") or change["Keys"])[name]["S"]))
        except (LookupError, TypeError, AttributeError):
            keys.append(f"(no {name})")
    return keys[0], keys[1]
