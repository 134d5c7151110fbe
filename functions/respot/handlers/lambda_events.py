"""Lambda's formats: batches of an event source, the answer with the failed items, the context."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, TypedDict

from respot.queueing import QueueMessage
from respot.sweep.heartbeat import HEARTBEAT


class ItemFailure(TypedDict):
    """An item to deliver again."""

    itemIdentifier: str


class BatchResponse(TypedDict):
    """The answer of a function with `ReportBatchItemFailures`."""

    batchItemFailures: list[ItemFailure]


class Context(Protocol):
    """The part of Lambda's context object that Respot uses."""

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until Lambda ends the invocation."""


def time_left(context: Context) -> Callable[[], timedelta]:
    """A function that returns the time until Lambda ends the invocation."""
    return lambda: timedelta(milliseconds=context.get_remaining_time_in_millis())


def failed(identifiers: Iterable[str]) -> BatchResponse:
    """The answer that exactly these items failed; without any, the whole batch is done."""
    return {"batchItemFailures": [{"itemIdentifier": identifier} for identifier in identifiers]}


def is_from(event: Mapping[str, Any], queue_url: str | None) -> bool:
    """Whether a batch comes from this queue. Its ARN and its URL end in the queue's name."""
    arn = next((record.get("eventSourceARN", "") for record in event["Records"]), "")
    return queue_url is not None and arn.rpartition(":")[2] == queue_url.rpartition("/")[2]


def messages(event: Mapping[str, Any]) -> tuple[QueueMessage, ...]:
    """The messages of an SQS batch, without the sweep's heartbeats, which need no handling."""
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
    """One of an SQS record's timestamps, which are strings of epoch milliseconds."""
    return datetime.fromtimestamp(int(record["attributes"][attribute]) / 1000, tz=UTC)
