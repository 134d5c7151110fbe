"""Answers that never arrive: the client repeats a call that has taken effect."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


def lose_the_first_answer(client: "DynamoDBClient", operation: str) -> None:
    """Have the client send its next request of this operation twice, as if the answer to the first one was lost."""
    event, lost = f"needs-retry.dynamodb.{operation}", iter([0.0])
    client.meta.events.register_first(event, lambda **_: next(lost, None))  # type: ignore[arg-type]  # this event wants an answer
