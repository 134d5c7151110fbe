"""When a queue's message is tried again: later each time it could not be handled."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from respot.errors import QueueUnavailableError

LONGEST_DELAY: Final = timedelta(hours=11)
"""SQS hides a message for 12 hours at most, counted from its receipt."""


class DelayQueue(Protocol):
    """The queue that a message stays in until it is handled."""

    def delay(self, receipt_handle: str, delay: timedelta) -> None:
        """Hide the message for that long.

        Raises:
            QueueUnavailableError: it was not hidden; the queue's own visibility timeout holds.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueMessage:
    """One delivery of a message by the queue.

    Attributes:
        id: the message's id.
        receipt_handle: what the queue wants to see when the message's delay is set.
        body: the message.
        receive_count: how often the queue has delivered it, this time included.
        sent: when it was sent to the queue.
    """

    id: str
    receipt_handle: str
    body: str
    receive_count: int
    sent: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrySchedule:
    """Sets the delay before a message's next delivery.

    Attributes:
        queue: the queue that the message stays in.
        first: the delay after the first attempt; doubles with each.
        longest: no delay grows beyond.
        clock: tells a message's age.
    """

    queue: DelayQueue
    first: timedelta
    longest: timedelta
    clock: Callable[[], datetime]

    def retry(self, delivery: QueueMessage, *, at_least: timedelta = timedelta()) -> timedelta:
        """Have the message delivered again, later than last time; returns the delay.

        The delay doubles with each delivery, up to the message's age. SQS also counts deliveries that were no failures,
        for example those for which no time was left. By the count alone, one error after eight of those would be waited
        for as long as after eight errors. If every delivery fails, the delays add up to the age: the bound then changes
        nothing.
        """
        age = max(timedelta(), self.clock() - delivery.sent)
        return self.schedule(delivery, max(at_least, min(age + self.first, self._grown(delivery.receive_count))))

    def schedule(self, delivery: QueueMessage, delay: timedelta) -> timedelta:
        """Have the message delivered again after this delay, or after the longest that the queue can hide it.

        A delay that cannot be set is no loss: the message comes back by the queue's own visibility timeout.
        Failing here instead would handle the batch's other messages twice.
        """
        clamped = max(timedelta(), min(delay, LONGEST_DELAY))
        with suppress(QueueUnavailableError):
            self.queue.delay(delivery.receipt_handle, clamped)
        return clamped

    def retried_for(self, delivery: QueueMessage) -> timedelta:
        """How long the message has been retried at most: the sum of delays that doubled each time.

        Less than its age if it also waited for something else, for example for the end of a pause.
        """
        return sum((self._grown(count) for count in range(1, delivery.receive_count)), timedelta())

    def _grown(self, receive_count: int) -> timedelta:
        doublings = min(max(receive_count - 1, 0), 20)
        return min(self.longest, self.first * (1 << doublings))
