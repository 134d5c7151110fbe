"""Queues with their dead-letter queues, encrypted and closed to plain HTTP."""

from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

DEAD_LETTER_RETENTION_DAYS: Final = 14
"""The longest that SQS allows: a dead letter's age counts from when it was first sent."""

_TIMEOUTS_PER_VISIBILITY: Final = 6
"""Lambda's advice: room for a throttled function's retries before SQS delivers a message again."""


def dead_letter_queue(scope: Construct, construct_id: str) -> sqs.Queue:
    """A queue for what cannot be processed; a person reads it after an alarm."""
    return sqs.Queue(
        scope,
        construct_id,
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        retention_period=Duration.days(DEAD_LETTER_RETENTION_DAYS),
    )


class WorkQueue(Construct):
    """A queue that one function reads, and its dead-letter queue.

    A message comes back when the function says so, or after the visibility timeout.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        max_receives: int,
        consumer_timeout_seconds: int,
        retention_days: int = 4,
    ) -> None:
        """`consumer_timeout_seconds` is the function's timeout."""
        super().__init__(scope, construct_id)
        self.dead_letters: Final = dead_letter_queue(self, "DeadLetters")
        self.queue: Final = sqs.Queue(
            self,
            "Queue",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(retention_days),
            visibility_timeout=Duration.seconds(_TIMEOUTS_PER_VISIBILITY * consumer_timeout_seconds),
            dead_letter_queue=sqs.DeadLetterQueue(queue=self.dead_letters, max_receive_count=max_receives),
        )
        self.url: Final = self.queue.queue_url

    def grant_send(self, grantee: iam.IGrantable) -> None:
        """Send messages."""
        self.queue.grant(grantee, "sqs:SendMessage")

    def grant_bury(self, grantee: iam.IGrantable) -> None:
        """Send messages that cannot be understood to the dead-letter queue, without further tries."""
        self.dead_letters.grant(grantee, "sqs:SendMessage")

    def deliver_to(self, function: lambda_.Function, *, max_concurrency: int, batch_size: int = 1) -> None:
        """Have `function` read the queue, with permission; it reports the failed messages of a batch.

        A batch of one is the default: no message waits for another one's slow call.
        """
        lambda_.EventSourceMapping(
            self,
            "Delivery",
            target=function,
            event_source_arn=self.queue.queue_arn,
            batch_size=batch_size,
            max_concurrency=max_concurrency,
            report_batch_item_failures=True,
        )
        # Lambda needs the first three to read the queue on the function's behalf, the function the last one to set the
        # delay of a retry.
        self.queue.grant(
            function, "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility"
        )
