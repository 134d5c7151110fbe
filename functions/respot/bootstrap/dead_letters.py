"""Gives items of the ledger's stream up that cannot be processed however often they are tried."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from respot.aws.dynamodb.stream import key_of
from respot.aws.sqs.dead_letters import SqsDeadLetters
from respot.bootstrap.clients import client, required, settings
from respot.bootstrap.observability import logger
from respot.errors import QueueUnavailableError, RespotError, UnreadableItemError
from respot.log_events import DEAD_LETTER_FAILED
from respot.settings import STREAM_DEAD_LETTERS_URL


def give_up(record: Mapping[str, Any], error: Exception) -> bool:
    """Make a record of the stream a dead letter, unless repeating it can help; whether it is one now.

    Respot's own errors say that it can, except for an item that cannot be read. Any other error is a fault of the code
    with this item: it would hold up everything behind it.
    """
    if isinstance(error, RespotError) and not isinstance(error, UnreadableItemError):
        return False
    try:
        dead_letters().send(*key_of(record), f"{type(error).__name__}: {error}")
    except QueueUnavailableError as refused:
        logger().error(DEAD_LETTER_FAILED, item=" ".join(key_of(record)), reason=str(refused))
        return False
    return True


@cache
def dead_letters() -> SqsDeadLetters:
    """The dead letters of the stream's reader."""
    return SqsDeadLetters(client("sqs"), required(settings().stream_dead_letters_url, STREAM_DEAD_LETTERS_URL))
