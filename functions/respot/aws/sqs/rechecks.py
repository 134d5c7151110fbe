"""The sweep's messages, on the observations queue."""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from respot.errors import QueueUnavailableError
from respot.recording.observation import SweepObservation, write_recheck

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

_MOST_ENTRIES: Final = 10
"""SQS's limit on SendMessageBatch."""


class SqsRecheckQueue:
    """The port `RecheckQueue`, on one queue."""

    def __init__(self, client: "SQSClient", queue_url: str) -> None:
        """`client` must be of the queue's region."""
        self._client = client
        self._queue_url = queue_url

    def send(self, rechecks: Sequence[tuple[SweepObservation, timedelta]]) -> None:
        """See `RecheckQueue.send`."""
        for first in range(0, len(rechecks), _MOST_ENTRIES):
            self._send(rechecks[first : first + _MOST_ENTRIES])

    def backlog(self) -> int:
        """See `RecheckQueue.backlog`."""
        name: Final = "ApproximateNumberOfMessages"
        try:
            answer = self._client.get_queue_attributes(QueueUrl=self._queue_url, AttributeNames=[name])
        except (ClientError, BotoCoreError) as error:
            message = f"{self._queue_url}: SQS does not say how many observations wait: {error}"
            raise QueueUnavailableError(message) from error
        return int(answer["Attributes"][name])

    def _send(self, rechecks: Sequence[tuple[SweepObservation, timedelta]]) -> None:
        try:
            answer = self._client.send_message_batch(
                QueueUrl=self._queue_url,
                Entries=[
                    {
                        "Id": str(number),
                        "MessageBody": write_recheck(look),
                        "DelaySeconds": int(delay.total_seconds()),
                    }
                    for number, (look, delay) in enumerate(rechecks)
                ],
            )
        except (ClientError, BotoCoreError) as error:
            message = f"{len(rechecks)} jobs were not sent to be looked at; try again later: {error}"
            raise QueueUnavailableError(message) from error
        if answer.get("Failed"):
            message = f"{len(answer['Failed'])} jobs were not sent to be looked at; try again later: {answer['Failed']}"
            raise QueueUnavailableError(message)
