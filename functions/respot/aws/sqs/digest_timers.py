"""Timers of digests: delayed messages to the queue of due alerts, on SQS."""

import math
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from respot.alerting.digest.digest import DigestWindow, write_message
from respot.errors import QueueUnavailableError

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_LONGEST_DELAY: Final = timedelta(minutes=15)
"""SQS delays no message for longer; a timer that comes too early is sent again."""


class SqsDigestTimers:
    """The port `DigestTimers`, on one queue."""

    def __init__(self, client: "SQSClient", queue_url: str) -> None:
        """`client` must be of the queue's region."""
        self._client = client
        self._queue_url = queue_url

    def send(self, window: DigestWindow, *, delay: timedelta) -> None:
        """See `DigestTimers.send`."""
        seconds = math.ceil(min(delay, _LONGEST_DELAY).total_seconds())
        try:
            self._client.send_message(QueueUrl=self._queue_url, MessageBody=write_message(window), DelaySeconds=seconds)
        except (ClientError, BotoCoreError) as error:
            message = f"{window.id}: SQS did not take its timer; try again later: {error}"
            raise QueueUnavailableError(message) from error
