"""Consumes the recovery queue; a run that is stuck does not hold up the others."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from respot.errors import OutOfTimeError, RespotError
from respot.jobs.job import JobId, nobody
from respot.jobs.message import read_message
from respot.queueing import QueueMessage, Retry, RetrySchedule
from respot.recovery.recover import Recovery

LONGEST_STEP: Final = timedelta(seconds=60)
"""What one job takes when every call is slow. With less time left, Lambda might end it halfway."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryConsumer:
    """Passes jobs to recovery, one after another.

    Attributes:
        recovery: recovery.
        retry_schedule: of the messages that remain in the queue.
        on_step: called with each job about which something may have been written.
    """

    recovery: Recovery
    retry_schedule: RetrySchedule
    on_step: Callable[[JobId], None] = nobody

    def consume(self, messages: Iterable[QueueMessage], *, time_left: Callable[[], timedelta]) -> tuple[Retry, ...]:
        """Take each job as far as it goes; returns the messages that remain in the queue."""
        self.recovery.begin()
        retries = []
        for message in messages:
            try:
                retry = self._step(message, time_left=time_left())
            except Exception as error:  # noqa: BLE001 - a run must not take the others with it; the handler logs it
                retry = self.retry_schedule.retry(message, error)
                self._note(message, retry)
            if retry:
                retries.append(retry)
        return tuple(retries)

    def _note(self, message: QueueMessage, failed: Retry) -> None:
        """Have people see why the job has to wait, and until when, if the ledger takes it."""
        if failed.buried or isinstance(failed.error, OutOfTimeError):
            return
        with suppress(RespotError):
            job = read_message(message.body)
            self.recovery.note_next_step(job, failed.reason, within=failed.delay)
            self.on_step(job)

    def _step(self, message: QueueMessage, *, time_left: timedelta) -> Retry | None:
        if time_left < LONGEST_STEP:
            words = f"{time_left} left is too short for another job; back to the queue"
            raise OutOfTimeError(words)
        job = read_message(message.body)
        later = self.recovery.recover(job)
        retry = self.retry_schedule.defer(message, later.reason, later.delay) if later else None
        if retry:
            self.recovery.note_next_step(job, retry.reason, within=retry.delay)
        self.on_step(job)
        return retry
