"""The heartbeat: a message that asks for nothing, sent by each sweep through every queue that a function reads.

A function that nothing calls is as silent as one that has nothing to do. With heartbeats, each function is called and
writes to its log at least once a sweep, and an alarm can tell one silence from the other.
"""

from collections.abc import Iterable
from typing import Final

from respot.errors import QueueUnavailableError
from respot.sweep.ports import HeartbeatQueue

HEARTBEAT: Final = '{"heartbeat": "respot.sweep"}'
"""The message. A function that receives it has nothing to do."""


def beat(queues: Iterable[HeartbeatQueue]) -> tuple[QueueUnavailableError, ...]:
    """Send a heartbeat through each queue; returns why some were not sent, which the next sweep repeats anyway."""
    return tuple(error for queue in queues if (error := _sent(queue)))


def _sent(queue: HeartbeatQueue) -> QueueUnavailableError | None:
    try:
        queue.beat()
    except QueueUnavailableError as error:
        return error
    return None
