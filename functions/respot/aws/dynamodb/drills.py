"""Slack's answer to a drill's message, in the ledger: written by `slack`, read by `respot drill`.

It imports nothing of the ledger's other items, so that the cold start of `slack` remains short.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from respot.aws.calls import raising
from respot.errors import LedgerUnavailableError
from respot.jobs.drill_names import KEPT_FOR
from respot.jobs.formatting import iso
from respot.jobs.ports import Clock
from respot.schema import (
    DRILL_PARTITION,
    EXPIRES_AT,
    KIND,
    OUTCOME,
    PK,
    POST_KEY,
    SCHEMA,
    SCHEMA_OF_THIS_VERSION,
    SK,
    ItemKind,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

_ACCEPTED: Final = "accepted"
_REFUSED: Final = "refused"
_LONGEST_REASON: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillPost:
    """Slack's last answer to a drill's message.

    Attributes:
        at: when.
        refusal: why Slack did not take it; `None` if it did.
    """

    at: datetime
    refusal: str | None


class DynamoDbDrillPosts:
    """The port `DrillPosts`, on the ledger's table."""

    def __init__(self, client: "DynamoDBClient", table: str, *, clock: Clock) -> None:
        """`client` must be of the table's region."""
        self._client = client
        self._table = table
        self._clock = clock

    def note(self, drill: str, refusal: str | None) -> None:
        """See `DrillPosts.note`."""
        now = self._clock()
        item: dict[str, AttributeValueTypeDef] = {
            PK: {"S": f"{DRILL_PARTITION}{drill}"},
            SK: {"S": POST_KEY},
            KIND: {"S": ItemKind.DRILL_POST.value},
            SCHEMA: {"N": str(SCHEMA_OF_THIS_VERSION)},
            OUTCOME: {"S": _REFUSED if refusal else _ACCEPTED},
            "at": {"S": iso(now)},
            EXPIRES_AT: {"N": str(int((now + KEPT_FOR).timestamp()))},
        }
        if refusal:
            item["reason"] = {"S": refusal[:_LONGEST_REASON]}
        # A later refusal does not replace an acceptance.
        with (
            raising(LedgerUnavailableError, f"drill {drill}: Slack's answer could not be written"),
            suppress(self._client.exceptions.ConditionalCheckFailedException),
        ):
            self._client.put_item(
                TableName=self._table,
                Item=item,
                ConditionExpression=f"attribute_not_exists({PK}) OR {OUTCOME} = :refused",
                ExpressionAttributeValues={":refused": {"S": _REFUSED}},
            )

    def find(self, drill: str) -> DrillPost | None:
        """Slack's last answer; `None` before the first one.

        Raises:
            LedgerUnavailableError: DynamoDB did not answer.
            UnreadableItemError: another version wrote it.
        """
        key: dict[str, AttributeValueTypeDef] = {PK: {"S": f"{DRILL_PARTITION}{drill}"}, SK: {"S": POST_KEY}}
        with raising(LedgerUnavailableError, f"drill {drill}: the ledger could not be read"):
            item = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item")
        if item is None:
            return None
        return read_post(item)


def read_post(item: Mapping[str, Any]) -> DrillPost:
    """Slack's answer from its item."""
    from respot.aws.dynamodb.reading import reading  # noqa: PLC0415 - see the module

    with reading(item, ItemKind.DRILL_POST) as values:
        return DrillPost(at=values.moment("at"), refusal=values.text_or_none("reason"))
