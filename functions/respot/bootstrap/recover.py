"""Composes `recover`."""

from functools import cache

from respot.adapters.recovery_queue import SqsRecoveryQueue
from respot.bootstrap.clients import client, required, settings
from respot.settings import RECOVERY_QUEUE_URL


@cache
def recovery_queue() -> SqsRecoveryQueue:
    """Where `recover` sends the jobs that have ended."""
    return SqsRecoveryQueue(client("sqs"), required(settings().recovery_queue_url, RECOVERY_QUEUE_URL))
