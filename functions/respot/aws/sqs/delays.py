"""Delays on an SQS queue's messages."""

from datetime import timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from respot.errors import QueueUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class SqsDelayQueue:
    """The port `DelayQueue`, on one queue."""

    def __init__(self, client: "SQSClient", queue_url: str) -> None:
        """`client` must be of the queue's region."""
        self._client = client
        self._queue_url = queue_url

    def delay(self, receipt_handle: str, delay: timedelta) -> None:
        """See `DelayQueue.delay`."""
        try:
            self._client.change_message_visibility(
                QueueUrl=self._queue_url, ReceiptHandle=receipt_handle, VisibilityTimeout=int(delay.total_seconds())
            )
        except (ClientError, BotoCoreError) as error:
            message = f"{self._queue_url}: the message's delay could not be set: {error}"
            raise QueueUnavailableError(message) from error
