"""Gives items of the ledger's stream and due alerts up that cannot be processed however often they are tried."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from respot.aws.dynamodb.stream import key_of
from respot.aws.sqs.dead_letters import SqsDeadLetters
from respot.aws.sqs.queue import SqsDeadLetterQueue
from respot.bootstrap.clients import client, required, settings
from respot.bootstrap.observability import logger
from respot.errors import ItemError, QueueUnavailableError, RespotError
from respot.log_events import DEAD_LETTER_FAILED
from respot.queueing import MALFORMED_TRIES
from respot.settings import STREAM_DEAD_LETTERS_URL


def give_up(record: Mapping[str, Any], error: Exception) -> bool:
    """Make a record of the stream a dead letter, unless repeating it can help; whether it is one now.

    Respot's own errors say whether they concern this item alone. Any error that is not ours is a fault of the code with
    this item. Either would hold up everything behind it.
    """
    if isinstance(error, RespotError) and not isinstance(error, ItemError):
        return False
    try:
        dead_letters().send(*key_of(record), f"{type(error).__name__}: {error}")
    except QueueUnavailableError as refused:
        logger().error(DEAD_LETTER_FAILED, item=" ".join(key_of(record)), reason=str(refused))
        return False
    return True


def bury(record: Mapping[str, Any], error: Exception, dead_letters_url: str | None) -> bool:
    """Make a message of a queue a dead letter on its second try, if the error is its own; whether it is one now.

    The retry is for an item that is there soon, or that people repair.
    """
    tries = int(record["attributes"]["ApproximateReceiveCount"])
    if not isinstance(error, ItemError) or tries < MALFORMED_TRIES or dead_letters_url is None:
        return False
    try:
        SqsDeadLetterQueue(client("sqs"), dead_letters_url).bury(record["body"], f"{type(error).__name__}: {error}")
    except QueueUnavailableError as refused:
        logger().error(DEAD_LETTER_FAILED, item=record["body"], reason=str(refused))
        return False
    return True


@cache
def dead_letters() -> SqsDeadLetters:
    """The dead letters of the stream's reader."""
    return SqsDeadLetters(client("sqs"), required(settings().stream_dead_letters_url, STREAM_DEAD_LETTERS_URL))
