"""Takes batches of messages in: folds them by job, so that each job is looked at once, and keeps failures apart."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from respot.errors import MalformedMessageError, OutOfTimeError
from respot.queueing import QueueMessage, RetrySchedule
from respot.recording.observation import Observation, parse
from respot.recording.recorder import Recorded, Recorder

LONGEST_DESCRIBE: Final = timedelta(seconds=30)
"""What one job takes when SageMaker and DynamoDB are slow: begun with less time left, it might be broken off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A message that must stay in the queue: why, and how long until the next attempt."""

    delivery: QueueMessage
    error: Exception
    delay: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a batch."""

    recorded: tuple[Recorded, ...]
    failures: tuple[Failure, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservationConsumer:
    """Hands each job's hints to the recorder."""

    recorder: Recorder
    redelivery: RetrySchedule

    def consume(self, deliveries: Iterable[QueueMessage], *, time_left: Callable[[], timedelta]) -> Outcome:
        """Record a batch; whatever befalls one job's messages, the others are recorded all the same.

        When the time that is left is too short for another job, the rest goes back to the queue.
        """
        recorded: list[Recorded] = []
        failures: list[Failure] = []
        by_job: dict[tuple[str, str], dict[str, tuple[QueueMessage, Observation]]] = defaultdict(dict)
        for delivery in deliveries:
            try:
                observation = parse(delivery.body)
            except Exception as error:  # noqa: BLE001 - a message must not take its batch with it; the handler logs it
                failures.append(self._failed(delivery, error))
            else:
                by_job[observation.region, observation.name][delivery.id] = delivery, observation
        for (region, name), of_job in by_job.items():
            try:
                recorded += self._record(
                    region, name, tuple(observation for _, observation in of_job.values()), time_left=time_left()
                )
            except Exception as error:  # noqa: BLE001 - a job must not take the others with it; the handler logs it
                failures += [self._failed(delivery, error) for delivery, _ in of_job.values()]
        return Outcome(recorded=tuple(recorded), failures=tuple(failures))

    def _record(
        self, region: str, name: str, observations: tuple[Observation, ...], *, time_left: timedelta
    ) -> tuple[Recorded, ...]:
        if time_left < LONGEST_DESCRIBE:
            message = f"{region}/{name}: {time_left} left are too short to look at it; back to the queue"
            raise OutOfTimeError(message)
        return self.recorder.record(region, name, observations)

    def _failed(self, delivery: QueueMessage, error: Exception) -> Failure:
        match error:
            case MalformedMessageError():
                # No pause mends it: the sooner it is among the dead letters, the sooner somebody reads it.
                delay = self.redelivery.schedule(delivery, self.redelivery.first)
            case OutOfTimeError():
                delay = self.redelivery.schedule(delivery, timedelta())
            case _:
                delay = self.redelivery.retry(delivery)
        return Failure(delivery=delivery, error=error, delay=delay)
