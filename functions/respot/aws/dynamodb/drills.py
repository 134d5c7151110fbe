"""What Slack said to a drill's message, in the ledger: written by `slack`, read by `respot drill`.

Apart from the ledger's other items, and without their imports: `slack` starts as lean as it did before.
"""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from respot.errors import LedgerUnavailableError
from respot.jobs.drill_names import KEPT_FOR
from respot.jobs.formatting import iso
from respot.jobs.ports import Clock
from respot.schema import DRILL_PARTITION, EXPIRES_AT, KIND, OUTCOME, PK, POST_KEY, SK, ItemKind

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

_ACCEPTED: Final = "accepted"
_REFUSED: Final = "refused"
_LONGEST_REASON: Final = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class DrillPost:
    """Slack's last word on a drill's message.

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
            OUTCOME: {"S": _REFUSED if refusal else _ACCEPTED},
            "at": {"S": iso(now)},
            EXPIRES_AT: {"N": str(int((now + KEPT_FOR).timestamp()))},
        }
        if refusal:
            item["reason"] = {"S": refusal[:_LONGEST_REASON]}
        try:
            # A repetition that Slack refuses takes nothing back of what it accepted before.
            with suppress(self._client.exceptions.ConditionalCheckFailedException):
                self._client.put_item(
                    TableName=self._table,
                    Item=item,
                    ConditionExpression=f"attribute_not_exists({PK}) OR {OUTCOME} = :refused",
                    ExpressionAttributeValues={":refused": {"S": _REFUSED}},
                )
        except (ClientError, BotoCoreError) as error:
            message = f"drill {drill}: what Slack said could not be written down: {error}"
            raise LedgerUnavailableError(message) from error

    def find(self, drill: str) -> DrillPost | None:
        """What Slack said last; `None` while it has not been asked.

        Raises:
            LedgerUnavailableError: DynamoDB did not answer.
        """
        key: dict[str, AttributeValueTypeDef] = {PK: {"S": f"{DRILL_PARTITION}{drill}"}, SK: {"S": POST_KEY}}
        try:
            item = self._client.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item")
        except (ClientError, BotoCoreError) as error:
            message = f"drill {drill}: the ledger could not be read: {error}"
            raise LedgerUnavailableError(message) from error
        if item is None:
            return None
        return DrillPost(at=datetime.fromisoformat(item["at"]["S"]), refusal=item.get("reason", {}).get("S"))
