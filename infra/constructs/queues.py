"""Queues, encrypted and closed to plain HTTP."""

from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

RETENTION_DAYS: Final = 4
DEAD_LETTER_RETENTION_DAYS: Final = 14
"""The longest there is: a dead letter's age counts from when it was first sent."""

_TIMEOUTS_PER_VISIBILITY: Final = 6
"""Lambda's advice: room for a throttled function's retries before a message is shown to anyone else."""


def dead_letter_queue(scope: Construct, construct_id: str) -> sqs.Queue:
    """Where what cannot be processed waits for a person, behind an alarm."""
    return sqs.Queue(
        scope,
        construct_id,
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        retention_period=Duration.days(DEAD_LETTER_RETENTION_DAYS),
    )


def work_queue(
    scope: Construct,
    construct_id: str,
    *,
    dead_letters: sqs.IQueue,
    max_receives: int,
    consumer_timeout_seconds: int,
    retention_days: int = RETENTION_DAYS,
) -> sqs.Queue:
    """A queue that a function reads; a message comes back when the function says so, or after the timeout."""
    return sqs.Queue(
        scope,
        construct_id,
        encryption=sqs.QueueEncryption.SQS_MANAGED,
        enforce_ssl=True,
        retention_period=Duration.days(retention_days),
        visibility_timeout=Duration.seconds(_TIMEOUTS_PER_VISIBILITY * consumer_timeout_seconds),
        dead_letter_queue=sqs.DeadLetterQueue(queue=dead_letters, max_receive_count=max_receives),
    )


def deliver(
    scope: Construct, queue: sqs.IQueue, function: lambda_.Function, *, batch_size: int, max_concurrency: int
) -> None:
    """Have a function read a queue, in batches of which it reports the failed messages, and let it do so."""
    lambda_.EventSourceMapping(
        scope,
        "Delivery",
        target=function,
        event_source_arn=queue.queue_arn,
        batch_size=batch_size,
        max_concurrency=max_concurrency,
        report_batch_item_failures=True,
    )
    # What Lambda needs to read the queue on the function's behalf, and the function to delay what it could not handle.
    queue.grant(
        function, "sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ChangeMessageVisibility"
    )
