"""Composes `slack`."""

from functools import cache

from respot.adapters.queue import SqsDelayQueue
from respot.adapters.secrets import CachedSecret
from respot.adapters.slack import SlackWebhook
from respot.bootstrap.clients import client, required, settings
from respot.settings import SLACK_QUEUE_URL, SLACK_SECRET
from respot.slack_relay import SlackRelay


@cache
def slack_relay() -> SlackRelay:
    """What `slack` hands its deliveries to."""
    secret = CachedSecret(client("secretsmanager"), required(settings().slack_secret, SLACK_SECRET))
    return SlackRelay(
        chat=SlackWebhook(secret.read, secret.forget),
        queue=SqsDelayQueue(client("sqs"), required(settings().slack_queue_url, SLACK_QUEUE_URL)),
        first_delay=settings().slack_retry,
    )
