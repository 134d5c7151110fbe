"""Consumes the recovery queue; a run that is stuck does not hold up the others."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from respot.errors import OutOfTimeError
from respot.jobs.message import read_message
from respot.queueing import QueueMessage, Retry, RetrySchedule
from respot.recovery.decide import Later
from respot.recovery.recover import Recovery

LONGEST_STEP: Final = timedelta(seconds=60)
"""What one job takes when every call is slow. With less time left, Lambda might end it halfway."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryConsumer:
    """Passes jobs to recovery, one after another."""

    recovery: Recovery
    retry_schedule: RetrySchedule

    def consume(self, messages: Iterable[QueueMessage], *, time_left: Callable[[], timedelta]) -> tuple[Retry, ...]:
        """Take each job as far as it goes; returns the messages that remain in the queue."""
        self.recovery.begin()
        retries = []
        for message in messages:
            try:
                later = self._step(message, time_left=time_left())
            except Exception as error:  # noqa: BLE001 - a run must not take the others with it; the handler logs it
                retries.append(self.retry_schedule.retry(message, error))
            else:
                if later:
                    retries.append(self.retry_schedule.defer(message, later.reason, later.delay))
        return tuple(retries)

    def _step(self, message: QueueMessage, *, time_left: timedelta) -> Later | None:
        if time_left < LONGEST_STEP:
            words = f"{time_left} left is too short for another job; back to the queue"
            raise OutOfTimeError(words)
        return self.recovery.recover(read_message(message.body))
