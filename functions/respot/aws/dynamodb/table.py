"""The ledger's table: conditional writes, queries, AWS's errors as ours."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from respot.aws.dynamodb.attribute_values import Item, deserialize, serialize
from respot.aws.error_codes import Answer, answer_of
from respot.errors import LedgerRefusedError, LedgerUnavailableError, UnreadableItemError
from respot.jobs.ports import Clock
from respot.schema import PK, SK

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_Read = TypeVar("_Read")
_MOST_KEYS: Final = 100
"""DynamoDB's limit on BatchGetItem."""
_ROUNDS: Final = 5
ABSENT: Final = f"attribute_not_exists({PK})"
"""The condition that lets an item be written only once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """An item with the condition under which it is written.

    Attributes:
        item: the item.
        condition: a condition expression; the item must not exist, unless another one is given.
        names: attribute names for the condition.
        values: values for the condition.
    """

    item: Item
    condition: str = ABSENT
    names: Mapping[str, str] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)

    def expression(self) -> dict[str, Any]:
        """What the condition refers to; DynamoDB refuses empty mappings."""
        given = {
            "ExpressionAttributeNames": dict(self.names),
            "ExpressionAttributeValues": serialize(self.values),
        }
        return {name: value for name, value in given.items() if value}


class Table:
    """The ledger's table."""

    def __init__(self, client: "DynamoDBClient", name: str) -> None:
        """`client` must be of the table's region."""
        self.client = client
        self.name = name

    def put(self, item: Item, condition: str, values: Mapping[str, Any] | None = None) -> Item | None:
        """Write the item if the condition holds; otherwise return the item that is there."""
        written, standing = self._put(item, condition, values)
        return None if written else standing or {}

    def exchange(self, item: Item, condition: str, values: Mapping[str, Any]) -> Item | None:
        """Write the item if the condition holds; return the item that was there before, or that is there."""
        _, before = self._put(item, condition, values)
        return before or None

    def _put(self, item: Item, condition: str, values: Mapping[str, Any] | None) -> tuple[bool, Item | None]:
        """Whether the item was written, and the item that was there before."""
        request: dict[str, Any] = {"ExpressionAttributeValues": serialize(values)} if values else {}
        try:
            with translated(f"{deserialize(item)[PK]} {deserialize(item)[SK]}"):
                answer = self.client.put_item(
                    TableName=self.name,
                    Item=item,
                    ConditionExpression=condition,
                    ReturnValues="ALL_OLD",
                    ReturnValuesOnConditionCheckFailure="ALL_OLD",
                    **request,
                )
        except self.client.exceptions.ConditionalCheckFailedException as error:
            return False, cast("Item | None", error.response.get("Item"))
        return True, cast("Item | None", answer.get("Attributes"))

    def query(self, condition: str, values: Mapping[str, Any], **request: Any) -> Iterator[Item]:  # noqa: ANN401
        """The items that meet the key condition, page after page; `request` adds to the query."""
        pages = self.client.get_paginator("query").paginate(
            TableName=self.name,
            KeyConditionExpression=condition,
            ExpressionAttributeValues=serialize(values),
            **request,
        )
        with translated(f"{condition} {dict(values)}"):
            for page in pages:
                yield from page["Items"]

    def get(self, partition: str, key: str) -> Item | None:
        """The item with exactly this key, read consistently."""
        condition, values = f"{PK} = :pk AND {SK} = :sk", {":pk": partition, ":sk": key}
        return next(self.query(condition, values, ConsistentRead=True), None)

    def get_all(self, keys: Sequence[tuple[str, str]]) -> Iterator[Item]:
        """The existing items with these keys, in any order; not read consistently."""
        for first in range(0, len(keys), _MOST_KEYS):
            wanted: Any = [serialize({PK: partition, SK: key}) for partition, key in keys[first : first + _MOST_KEYS]]
            with translated(f"{len(wanted)} items"):
                for _ in range(_ROUNDS):
                    answer = self.client.batch_get_item(RequestItems={self.name: {"Keys": wanted}})
                    yield from answer["Responses"].get(self.name, ())
                    left = answer["UnprocessedKeys"].get(self.name)
                    wanted = left["Keys"] if left else ()
                    if not wanted:
                        break
                else:
                    message = f"ledger: {len(wanted)} items were not read in {_ROUNDS} attempts; try again later"
                    raise LedgerUnavailableError(message)

    def put_all(self, *puts: Put) -> bool:
        """Write all of the items if all of their conditions hold; `False`, with nothing written, if one does not."""
        transaction: list[Any] = [
            {
                "Put": {
                    "TableName": self.name,
                    "Item": put.item,
                    "ConditionExpression": put.condition,
                    **put.expression(),
                }
            }
            for put in puts
        ]
        try:
            with translated(f"{deserialize(puts[0].item)[PK]} {deserialize(puts[0].item)[SK]}"):
                self.client.transact_write_items(TransactItems=transaction)
        except self.client.exceptions.TransactionCanceledException as error:
            reasons = {reason.get("Code") for reason in error.response.get("CancellationReasons", [])}
            if "ConditionalCheckFailed" in reasons:
                return False
            message = f"ledger, {deserialize(puts[0].item)[PK]}: {error}; try again later"
            raise LedgerUnavailableError(message) from error
        return True


class Store:
    """What the stores on the ledger's table have in common."""

    def __init__(
        self,
        client: "DynamoDBClient",
        table: str,
        *,
        clock: Clock,
        retention: timedelta | None,
        on_unreadable: Callable[[UnreadableItemError], None] | None = None,
        shows_the_rest: bool = False,
    ) -> None:
        """`client` must be of the table's region. Items expire `retention` after their date; never if it is `None`.

        Where items of many jobs are listed, `on_unreadable` gets the error of each that cannot be read, and the others
        are returned; without it, the first one is an error. Items of one job belong together: one that cannot be read
        is an error, unless the store only `shows_the_rest` to people.
        """
        self._table = Table(client, table)
        self._clock = clock
        self._retention = retention
        self._on_unreadable = on_unreadable
        self._on_unreadable_of_job = on_unreadable if shows_the_rest else None


def readable(
    items: Iterable[Item], read: Callable[[Item], _Read], on_unreadable: Callable[[UnreadableItemError], None] | None
) -> Iterator[_Read]:
    """What can be read of the items; `on_unreadable` gets the errors of the others.

    Raises:
        UnreadableItemError: one cannot be read, and there is no `on_unreadable`.
    """
    for item in items:
        try:
            yield read(item)
        except UnreadableItemError as error:
            if on_unreadable is None:
                raise
            on_unreadable(error)


@contextmanager
def translated(what: str) -> Iterator[None]:
    """AWS's errors as ours, except a failed condition, which is an answer."""
    try:
        yield
    except (ClientError, BotoCoreError, ResponseParserError) as error:
        answer = answer_of(error)
        if answer is Answer.CONDITION:
            raise
        if answer is Answer.INVALID:
            message = f"ledger, {what}: {error}"
            raise LedgerRefusedError(message) from error
        message = f"ledger, {what}: {error}; try again later"
        raise LedgerUnavailableError(message) from error
