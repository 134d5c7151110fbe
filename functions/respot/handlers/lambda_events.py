"""The words in which Lambda's event sources hand over a batch and are told which parts of it failed."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypedDict

from respot.queueing import QueueMessage
from respot.sweep.heartbeat import HEARTBEAT


class ItemFailure(TypedDict):
    """One item that must be delivered again."""

    itemIdentifier: str


class BatchResponse(TypedDict):
    """The answer of a function that reports partial failures (`ReportBatchItemFailures`)."""

    batchItemFailures: list[ItemFailure]


class Context(Protocol):
    """What Respot uses of Lambda's context object."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda ends the invocation."""


def time_left(context: Context) -> Callable[[], timedelta]:
    """The invocation's time, as the shells ask for it."""
    return lambda: timedelta(milliseconds=context.get_remaining_time_in_millis())


def failed(identifiers: Iterable[str]) -> BatchResponse:
    """Exactly these failed; without any, the whole batch is done."""
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in identifiers]}


def messages(event: Mapping[str, Any]) -> tuple[QueueMessage, ...]:
    """The messages that an SQS event source hands over, without the sweep's heartbeats: these are done on arrival."""
    return tuple(
        QueueMessage(
            id=record["messageId"],
            receipt_handle=record["receiptHandle"],
            body=record["body"],
            receive_count=int(record["attributes"]["ApproximateReceiveCount"]),
            sent=moment(record, "SentTimestamp"),
        )
        for record in event["Records"]
        if record["body"] != HEARTBEAT
    )


def moment(record: Mapping[str, Any], attribute: str) -> datetime:
    """One of an SQS record's timestamps, which are texts of epoch milliseconds."""
    return datetime.fromtimestamp(int(record["attributes"][attribute]) / 1000, tz=UTC)
