"""Composes `recover`."""

from functools import cache

from respot.adapters.job_queue import SqsJobQueue
from respot.bootstrap.clients import client, required, settings
from respot.settings import RECOVERY_QUEUE_URL


@cache
def recovery_queue() -> SqsJobQueue:
    """Where `recover` sends the jobs that have ended."""
    return SqsJobQueue(client("sqs"), required(settings().recovery_queue_url, RECOVERY_QUEUE_URL))
