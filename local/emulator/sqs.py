"""SQS: a function's poller reads no more messages of a queue than it hands out.

ministack walks the whole queue several times for each batch, and rebuilds it for each deletion. A backlog then drains
in a time that grows with its square, which no backlog on AWS does.
"""

import heapq
import time
from collections.abc import Iterable, Mapping, MutableMapping
from itertools import islice
from typing import Any

from ministack.services import sqs  # type: ignore[import-untyped]


def hand_out_from_the_front() -> None:
    """Replace what the poller receives and deletes with."""
    receive = sqs._receive_messages_for_esm

    def received(url: str, most: int) -> Any:
        with sqs._queues_lock:
            queue = sqs._get_q(url)
            size = min(most, 10)
            if not queue["is_fifo"] and (batch := _front(queue["messages"], size) or _longest_visible(queue, size)):
                visibility = int(queue["attributes"].get("VisibilityTimeout", "30"))
                return sqs._collect_msgs({"is_fifo": False, "messages": batch}, len(batch), visibility)
        return receive(url, most)

    def deleted(url: str, handles: set[str]) -> None:
        with sqs._queues_lock:
            messages = sqs._get_q(url)["messages"]
            found = (place for place, each in enumerate(messages) if each.get("receipt_handle") in handles)
            # In place and from the back: a sender may append at the same time.
            for place in reversed(list(islice(found, len(handles)))):
                del messages[place]

    sqs._receive_messages_for_esm, sqs._delete_messages_for_esm = received, deleted


def _front(messages: Iterable[Mapping[str, Any]], most: int) -> list[Mapping[str, Any]]:
    """As many messages as are wanted, if that many wait and none was handed out before; otherwise none.

    What was handed out before may be due for the dead-letter queue: `_longest_visible` checks that.
    """
    now = time.time()
    visible = (each for each in messages if each.get("visible_at", 0) <= now)
    front = list(islice(visible, most))
    return [] if len(front) < most or any(each.get("receive_count") for each in front) else front


def _longest_visible(queue: MutableMapping[str, Any], most: int) -> list[Mapping[str, Any]]:
    """The messages that have been visible for longest: those that came back are behind those that wait.

    ministack hands out by the time of sending. Messages that come back then always go first, and if the function
    crashes on them, all others starve. A standard queue of AWS promises no order, and does not do that.
    """
    sqs._expire_retained(queue)
    sqs._dlq_sweep(queue)
    now = time.time()
    visible = (each for each in queue["messages"] if each.get("visible_at", 0) <= now)
    return heapq.nsmallest(most, visible, key=lambda each: each.get("visible_at", 0))
