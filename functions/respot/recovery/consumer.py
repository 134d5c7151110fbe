"""Takes the recovery queue's messages in; a run that is stuck holds back no other one."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from respot.errors import MalformedMessageError, OutOfTimeError
from respot.jobs.message import read_message
from respot.queueing import QueueMessage, RetrySchedule
from respot.recovery.recover import Later, Recovery

LONGEST_STEP: Final = timedelta(seconds=60)
"""What one job takes when everything it asks is slow: begun with less time left, it might be broken off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Postponed:
    """A message that stays in the queue: why, and how long until it is taken up again.

    Attributes:
        retried_for: how long it has been retried at most; its age may include times to wait.
        error: what failed; `None` if it waits for something that takes time by its nature.
    """

    delivery: QueueMessage
    reason: str
    delay: timedelta
    retried_for: timedelta
    error: Exception | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryConsumer:
    """Hands ended jobs to recovery, one by one."""

    recovery: Recovery
    redelivery: RetrySchedule

    def consume(
        self, deliveries: Iterable[QueueMessage], *, time_left: Callable[[], timedelta]
    ) -> tuple[Postponed, ...]:
        """Take each job as far as it goes; returns the messages that transition in the queue."""
        postponed = []
        for delivery in deliveries:
            try:
                later = self._step(delivery, time_left=time_left())
            except Exception as error:  # noqa: BLE001 - a run must not take the others with it; the handler logs it
                postponed.append(self._failed(delivery, error))
                continue
            if later:
                delay = (
                    self.redelivery.retry(delivery)
                    if later.delay is None
                    else self.redelivery.schedule(delivery, later.delay)
                )
                postponed.append(self._postponed(delivery, later.reason, delay))
        return tuple(postponed)

    def _failed(self, delivery: QueueMessage, error: Exception) -> Postponed:
        match error:
            case MalformedMessageError():
                # No pause mends it: the sooner it is among the dead letters, the sooner somebody reads it.
                delay = self.redelivery.schedule(delivery, self.redelivery.first)
            case OutOfTimeError():
                delay = self.redelivery.schedule(delivery, timedelta())
            case _:
                delay = self.redelivery.retry(delivery)
        return self._postponed(delivery, str(error), delay, error)

    def _postponed(
        self, delivery: QueueMessage, reason: str, delay: timedelta, error: Exception | None = None
    ) -> Postponed:
        retried_for = self.redelivery.retried_for(delivery)
        return Postponed(delivery=delivery, reason=reason, delay=delay, retried_for=retried_for, error=error)

    def _step(self, delivery: QueueMessage, *, time_left: timedelta) -> Later | None:
        if time_left < LONGEST_STEP:
            message = f"{time_left} left are too short for another job; back to the queue"
            raise OutOfTimeError(message)
        return self.recovery.recover(read_message(delivery.body))
