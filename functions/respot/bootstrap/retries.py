"""Retries of messages in the function's own queue. Not in `stores`, so that `slack` does not load DynamoDB."""

from datetime import timedelta

from respot.aws.sqs.queue import SqsDeadLetterQueue, SqsDelayQueue
from respot.bootstrap.clients import client, now, required, settings
from respot.queueing import RetrySchedule
from respot.settings import QUEUE_URL


def retry_schedule(*, longest: timedelta, dead_letters_url: str | None = None) -> RetrySchedule:
    """Delays that grow up to `longest`; with `dead_letters_url`, malformed messages are sent there."""
    queue = SqsDelayQueue(client("sqs"), required(settings().queue_url, QUEUE_URL))
    return RetrySchedule(
        queue=queue,
        first=settings().first_retry,
        longest=longest,
        clock=now,
        dead_letters=SqsDeadLetterQueue(client("sqs"), dead_letters_url) if dead_letters_url else None,
    )


def short_retry_schedule(queue_url: str) -> RetrySchedule:
    """Delays that do not grow, for a queue that itself gives up after few tries."""
    queue, first = SqsDelayQueue(client("sqs"), queue_url), settings().first_retry
    return RetrySchedule(queue=queue, first=first, longest=first, clock=now)
