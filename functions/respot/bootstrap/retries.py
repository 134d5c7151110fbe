"""Retries of messages in the function's own queue. Not in `stores`, so that `slack` does not load DynamoDB."""

from datetime import timedelta

from respot.aws.sqs.queue import SqsDelayQueue
from respot.bootstrap.clients import client, now, required, settings
from respot.queueing import RetrySchedule
from respot.settings import QUEUE_URL


def retry_schedule(*, longest: timedelta) -> RetrySchedule:
    """Delays that grow up to `longest`."""
    queue = SqsDelayQueue(client("sqs"), required(settings().queue_url, QUEUE_URL))
    return RetrySchedule(queue=queue, first=settings().first_retry, longest=longest, clock=now)
