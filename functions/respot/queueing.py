"""Retries: when a message that remains in its queue is delivered again."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from respot.errors import (
    MalformedMessageError,
    NotShownError,
    OutOfTimeError,
    QueueUnavailableError,
    WebhookRefusedError,
)

LONGEST_DELAY: Final = timedelta(hours=11)
"""SQS hides a message for at most 12 hours, counted from its receipt."""


MALFORMED_TRIES: Final = 2
"""How often a message is tried that cannot be understood."""
SHOWN_AFTER: Final = timedelta(minutes=5)
"""How long SageMaker may take to show a new job. A message may have been delivered before without an answer."""


class DeadLetterQueue(Protocol):
    """Where messages go that can never be handled."""

    def bury(self, body: str, reason: str) -> None:
        """Send a message there, with the reason for a person to read.

        Raises:
            QueueUnavailableError: it may not have been sent; the message must remain in its queue.
        """


class DelayQueue(Protocol):
    """The queue that a message remains in until it is handled."""

    def delay(self, receipt_handle: str, delay: timedelta) -> None:
        """Hide the message for that long.

        Raises:
            QueueUnavailableError: it was not hidden; the queue's own visibility timeout holds.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueMessage:
    """A message as the queue delivered it.

    Attributes:
        id: the message's id.
        receipt_handle: what the queue requires to set the message's delay.
        body: the content.
        receive_count: how often the queue has delivered it, including this time.
        sent: when it was sent to the queue.
    """

    id: str
    receipt_handle: str
    body: str
    receive_count: int
    sent: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """A message that remains in its queue.

    Attributes:
        message: the message.
        reason: why it remains, in words for an operator.
        delay: until its next delivery.
        retried_for: how long it has been retried at most; its age may also contain waits that were no failures.
        error: what failed; `None` if it waits for something that takes time, for example the end of a pause.
        buried: whether it does not remain: it can never be handled, and is a dead letter already.
    """

    message: QueueMessage
    reason: str
    delay: timedelta
    retried_for: timedelta
    error: Exception | None
    buried: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrySchedule:
    """Sets the delay before a message's next delivery.

    Attributes:
        queue: the queue of the message.
        first: the delay after the first attempt; it doubles with each attempt.
        longest: the limit of that growth.
        clock: the present moment, for a message's age.
        dead_letters: where a message goes that cannot be understood; `None` to leave that to the queue itself.
    """

    queue: DelayQueue
    first: timedelta
    longest: timedelta
    clock: Callable[[], datetime]
    dead_letters: DeadLetterQueue | None = None

    def retry(self, message: QueueMessage, error: Exception) -> Retry:
        """Retry a message whose handling failed; the error decides how soon, and whether at all."""
        reason = str(error)
        if self.dead_letters and self._is_hopeless(message, error):
            try:
                self.dead_letters.bury(message.body, reason)
            except QueueUnavailableError as unburied:  # the queue's own limit holds
                reason = f"{reason}; {unburied}"
            else:
                return Retry(
                    message=message,
                    reason=reason,
                    delay=timedelta(),
                    retried_for=timedelta(),
                    error=error,
                    buried=True,
                )
        match error:
            case NotShownError():
                delay = self._backed_off(message)
            case MalformedMessageError():
                delay = self.first  # It is a dead letter soon, so that someone sees it.
            case OutOfTimeError():
                delay = timedelta()
            case WebhookRefusedError():
                delay = max(error.retry_after, self._backed_off(message))
            case _:
                delay = self._backed_off(message)
        return self._retry(message, reason, delay, error)

    def defer(self, message: QueueMessage, reason: str, delay: timedelta | None = None) -> Retry:
        """Retry a message that has to wait although nothing failed; without a delay, later each time."""
        return self._retry(message, reason, self._backed_off(message) if delay is None else delay, None)

    def _is_hopeless(self, message: QueueMessage, error: Exception) -> bool:
        if isinstance(error, NotShownError) and self.clock() - message.sent < SHOWN_AFTER:
            return False
        return isinstance(error, MalformedMessageError) and message.receive_count >= MALFORMED_TRIES

    def _retry(self, message: QueueMessage, reason: str, delay: timedelta, error: Exception | None) -> Retry:
        """Hide the message for this delay, or for the longest that the queue supports.

        If the delay cannot be set, the message comes back after the queue's own visibility timeout, and the reason says
        so. An error here would handle the batch's other messages twice.
        """
        clamped = max(timedelta(), min(delay, LONGEST_DELAY))
        try:
            self.queue.delay(message.receipt_handle, clamped)
        except QueueUnavailableError as undelayed:
            reason = f"{reason}; {undelayed}"
        retried_for = sum((self._doubled(count) for count in range(1, message.receive_count)), timedelta())
        return Retry(message=message, reason=reason, delay=clamped, retried_for=retried_for, error=error)

    def _backed_off(self, message: QueueMessage) -> timedelta:
        """The delay doubles with each delivery, and is never much longer than the message's age.

        SQS also counts deliveries that were no failures, for example those with no time left. By the count alone, one
        error after eight of those would wait as long as the ninth error. If every delivery fails, the delays add up to
        the age: the limit then changes nothing.
        """
        age = max(timedelta(), self.clock() - message.sent)
        return min(age + self.first, self._doubled(message.receive_count))

    def _doubled(self, receive_count: int) -> timedelta:
        doublings = min(max(receive_count - 1, 0), 20)
        return min(self.longest, self.first * (1 << doublings))
