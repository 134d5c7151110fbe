"""Queues of jobs to be looked after, on SQS."""

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from respot.errors import QueueUnavailableError
from respot.jobs.job import JobId
from respot.jobs.message import write_message

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient


class SqsJobQueue:
    """The port `JobQueue`, on one queue."""

    def __init__(self, client: "SQSClient", queue_url: str) -> None:
        """`client` must be of the queue's region."""
        self._client = client
        self._queue_url = queue_url

    def send(self, job: JobId) -> None:
        """See `JobQueue.send`."""
        try:
            self._client.send_message(QueueUrl=self._queue_url, MessageBody=write_message(job))
        except (ClientError, BotoCoreError) as error:
            message = f"{job}: SQS did not take it; try again later: {error}"
            raise QueueUnavailableError(message) from error
