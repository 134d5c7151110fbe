"""Consumes the observations queue: groups messages by job, so that each job is described once."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from respot.errors import OutOfTimeError
from respot.jobs.job import JobId, nobody
from respot.queueing import QueueMessage, Retry, RetrySchedule
from respot.recording.drill_limit import DrillLimit
from respot.recording.observation import DrillObservation, Observation, parse
from respot.recording.recorder import Recorded, Recorder

LONGEST_DESCRIBE: Final = timedelta(seconds=30)
"""What one job takes when SageMaker and DynamoDB are slow. With less time left, Lambda might end it halfway."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The result of a batch.

    Attributes:
        recorded: what was recorded.
        retries: the messages that remain in the queue, or are dead letters.
        refused: drills beyond the limit, which are dropped.
    """

    recorded: tuple[Recorded, ...]
    retries: tuple[Retry, ...]
    refused: tuple[Observation, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ObservationConsumer:
    """Passes each job's observations to the recorder.

    Attributes:
        recorder: records one job.
        retry_schedule: when a failed message comes back.
        drill_limit: how many drills are recorded; `None` for all.
        on_recorded: called with each job whose record is up to date now, also if there was nothing to write. If it
            fails, the job's messages come back.
    """

    recorder: Recorder
    retry_schedule: RetrySchedule
    drill_limit: DrillLimit | None = None
    on_recorded: Callable[[JobId], None] = nobody

    def consume(self, messages: Iterable[QueueMessage], *, time_left: Callable[[], timedelta]) -> Outcome:
        """Record a batch. A failure in one job's messages does not affect the others.

        Messages of jobs for which no time is left go back to the queue.
        """
        recorded: list[Recorded] = []
        retries: list[Retry] = []
        refused: list[Observation] = []
        by_job: dict[tuple[str, str], dict[str, tuple[QueueMessage, Observation]]] = defaultdict(dict)
        for message in messages:
            try:
                observation = parse(message.body)
            except Exception as error:  # noqa: BLE001 - a message must not take its batch with it; the handler logs it
                retries.append(self.retry_schedule.retry(message, error))
            else:
                if self._is_too_many(observation):
                    refused.append(observation)
                else:
                    by_job[observation.region, observation.name][message.id] = message, observation
        for (region, name), of_job in by_job.items():
            observations = tuple(observation for _, observation in of_job.values())
            try:
                found = self._record(region, name, observations, time_left=time_left())
                recorded += found  # what it was is counted, even if the rest fails: the retry finds nothing new
                for job in dict.fromkeys(each.job for each in found):
                    self.on_recorded(job)
            except Exception as error:  # noqa: BLE001 - a job must not take the others with it; the handler logs it
                retries += [self.retry_schedule.retry(message, error) for message, _ in of_job.values()]
        return Outcome(recorded=tuple(recorded), retries=tuple(retries), refused=tuple(refused))

    def _is_too_many(self, observation: Observation) -> bool:
        limit = self.drill_limit if isinstance(observation, DrillObservation) else None
        return limit is not None and not limit.passes()

    def _record(
        self, region: str, name: str, observations: tuple[Observation, ...], *, time_left: timedelta
    ) -> tuple[Recorded, ...]:
        if time_left < LONGEST_DESCRIBE:
            message = f"{region}/{name}: {time_left} left is too short to describe it; back to the queue"
            raise OutOfTimeError(message)
        return self.recorder.record(region, name, observations)
