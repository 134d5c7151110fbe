"""The messages of the sweep, on SQS: rechecks and heartbeats."""

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from respot.aws.calls import raising
from respot.aws.sqs.queue import SqsQueue
from respot.errors import QueueUnavailableError
from respot.recording.observation import SweepObservation, write_recheck
from respot.sweep.heartbeat import HEARTBEAT

if TYPE_CHECKING:
    from mypy_boto3_sqs.type_defs import SendMessageBatchRequestEntryTypeDef

_MOST_ENTRIES: Final = 10
"""SQS's limit on SendMessageBatch."""


class SqsHeartbeatQueue(SqsQueue):
    """The port `HeartbeatQueue`."""

    def beat(self) -> None:
        """See `HeartbeatQueue.beat`."""
        self._send_message(HEARTBEAT, f"{self._queue_url}: SQS did not take the heartbeat")


class SqsRecheckQueue(SqsQueue):
    """The port `RecheckQueue`, on the observations queue."""

    def send(self, rechecks: Sequence[tuple[SweepObservation, timedelta]]) -> None:
        """See `RecheckQueue.send`."""
        for first in range(0, len(rechecks), _MOST_ENTRIES):
            self._send(rechecks[first : first + _MOST_ENTRIES])

    def backlog(self) -> int:
        """See `RecheckQueue.backlog`."""
        name: Final = "ApproximateNumberOfMessages"
        with raising(QueueUnavailableError, f"{self._queue_url}: SQS does not say how many observations wait"):
            answer = self._client.get_queue_attributes(QueueUrl=self._queue_url, AttributeNames=[name])
        return int(answer["Attributes"][name])

    def _send(self, rechecks: Sequence[tuple[SweepObservation, timedelta]]) -> None:
        message = f"{len(rechecks)} jobs were not sent to be described; try again later"
        entries: list[SendMessageBatchRequestEntryTypeDef] = [
            {"Id": str(number), "MessageBody": write_recheck(recheck), "DelaySeconds": int(delay.total_seconds())}
            for number, (recheck, delay) in enumerate(rechecks)
        ]
        with raising(QueueUnavailableError, message):
            answer = self._client.send_message_batch(QueueUrl=self._queue_url, Entries=entries)
        if failed := answer.get("Failed"):
            message = f"{len(failed)} jobs were not sent to be described; try again later: {failed}"
            raise QueueUnavailableError(message)
