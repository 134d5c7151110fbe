"""The heartbeat: a message without content that each sweep sends through every queue that a function reads.

A function that is never called logs as little as one that has nothing to do. The heartbeat calls each function at least
once a sweep, so that an alarm can distinguish the two.
"""

from collections.abc import Iterable
from typing import Final

from respot.errors import QueueUnavailableError
from respot.sweep.ports import HeartbeatQueue

HEARTBEAT: Final = '{"heartbeat": "respot.sweep"}'
"""The message. A function that receives it has nothing to do."""


def beat(queues: Iterable[HeartbeatQueue]) -> tuple[QueueUnavailableError, ...]:
    """Send a heartbeat through each queue; returns the errors of those not sent. The next sweep sends them again."""
    return tuple(error for queue in queues if (error := _sent(queue)))


def _sent(queue: HeartbeatQueue) -> QueueUnavailableError | None:
    try:
        queue.beat()
    except QueueUnavailableError as error:
        return error
    return None
