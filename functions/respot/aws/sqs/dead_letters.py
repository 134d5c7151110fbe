"""The dead letters of the ledger's stream that its reader sends itself, so that the stream goes on at once."""

import json
from typing import Final

from respot.aws.sqs.queue import SqsQueue

REASON: Final = "ERROR_MESSAGE"
"""The message attribute with the reason; EventBridge calls its own the same."""
_LONGEST_REASON: Final = 1000
_ITEM: Final = "unprocessed_item"


class SqsDeadLetters(SqsQueue):
    """Items of the stream that cannot be processed however often they are tried."""

    def send(self, partition: str, sort_key: str, reason: str) -> None:
        """Send the item's keys with the reason.

        Raises:
            QueueUnavailableError: it may not have been sent; have the stream deliver the item again.
        """
        printable = "".join(each if each.isprintable() else " " for each in reason[:_LONGEST_REASON])
        attributes = {REASON: {"DataType": "String", "StringValue": printable or "unknown"}}
        what = f"{partition} {sort_key}: SQS did not take it as a dead letter; try again later"
        self._send_message(write_dead_letter(partition, sort_key), what, MessageAttributes=attributes)


def write_dead_letter(partition: str, sort_key: str) -> str:
    """The dead letter of an item."""
    return json.dumps({_ITEM: {"partition": partition, "sort_key": sort_key}})


def read_dead_letter(body: str) -> tuple[str, str] | None:
    """The keys of a dead letter's item; `None` for another message."""
    try:
        item = json.loads(body)[_ITEM]
        return str(item["partition"]), str(item["sort_key"])
    except (ValueError, LookupError, TypeError, RecursionError):
        return None
