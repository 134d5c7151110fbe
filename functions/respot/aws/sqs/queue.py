"""One SQS queue: what all its ports have in common, the delays of its messages."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from respot.aws.calls import raising
from respot.errors import QueueUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


_LONGEST_REASON: Final = 1000
"""Characters: a message and its attributes have one limit together."""


class SqsQueue:
    """What the ports on one queue have in common."""

    def __init__(self, client: "SQSClient", queue_url: str) -> None:
        """`client` must be of the queue's region."""
        self._client = client
        self._queue_url = queue_url

    def _send_message(self, body: str, what: str, **request: Any) -> None:  # noqa: ANN401
        with raising(QueueUnavailableError, what):
            self._client.send_message(QueueUrl=self._queue_url, MessageBody=body, **request)


class SqsDeadLetterQueue(SqsQueue):
    """The port `DeadLetterQueue`."""

    def bury(self, body: str, reason: str) -> None:
        """See `DeadLetterQueue.bury`. The reason is where EventBridge writes it on what it cannot deliver."""
        words = "".join(letter if letter.isprintable() else " " for letter in reason)[:_LONGEST_REASON]
        self._send_message(
            body,
            f"{self._queue_url}: SQS did not take the dead letter",
            MessageAttributes={"ERROR_MESSAGE": {"DataType": "String", "StringValue": words or "unknown"}},
        )


class SqsDelayQueue(SqsQueue):
    """The port `DelayQueue`."""

    def delay(self, receipt_handle: str, delay: timedelta) -> None:
        """See `DelayQueue.delay`."""
        with raising(QueueUnavailableError, f"{self._queue_url}: the message's delay could not be set"):
            self._client.change_message_visibility(
                QueueUrl=self._queue_url, ReceiptHandle=receipt_handle, VisibilityTimeout=int(delay.total_seconds())
            )
