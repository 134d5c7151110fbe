"""The sweep's heartbeats, on SQS."""

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from respot.errors import QueueUnavailableError
from respot.sweep.heartbeat import HEARTBEAT

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class SqsHeartbeatQueue:
    """The port `HeartbeatQueue`, on one queue."""

    def __init__(self, client: "SQSClient", queue_url: str) -> None:
        """`client` must be of the queue's region."""
        self._client = client
        self._queue_url = queue_url

    def beat(self) -> None:
        """See `HeartbeatQueue.beat`."""
        try:
            self._client.send_message(QueueUrl=self._queue_url, MessageBody=HEARTBEAT)
        except (ClientError, BotoCoreError) as error:
            message = f"{self._queue_url}: SQS did not take the heartbeat: {error}"
            raise QueueUnavailableError(message) from error
