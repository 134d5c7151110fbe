"""Takes batches of messages in: folds them by job, so that each job is looked at once, and keeps failures apart."""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from respot.errors import OutOfTimeError
from respot.events import Hint, parse
from respot.recorder import Recorded, Recorder

LONGEST_LOOK: Final = timedelta(seconds=25)
"""What one job may take at worst: SageMaker's and DynamoDB's calls with their timeouts and retries (`bootstrap`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message of the observations queue."""

    id: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A message that must go back to the queue, and why."""

    message_id: str
    error: Exception


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a batch."""

    recorded: tuple[Recorded, ...]
    failures: tuple[Failure, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """Hands each job's hints to the recorder."""

    recorder: Recorder

    def take(self, messages: Iterable[Message], *, time_left: Callable[[], timedelta]) -> Outcome:
        """Record a batch; whatever befalls one job's messages, the others are recorded all the same.

        When the time that is left is too short for another job, the rest goes back to the queue.
        """
        recorded: list[Recorded] = []
        failures: list[Failure] = []
        hints: dict[tuple[str, str], dict[str, Hint]] = defaultdict(dict)
        for message in messages:
            try:
                hint = parse(message.body)
            except Exception as error:  # noqa: BLE001 - a message must not take its batch with it; the handler logs it
                failures.append(Failure(message_id=message.id, error=error))
            else:
                hints[hint.region, hint.name][message.id] = hint
        for (region, name), of_job in hints.items():
            try:
                recorded += self._record(region, name, tuple(of_job.values()), time_left=time_left())
            except Exception as error:  # noqa: BLE001 - a job must not take the others with it; the handler logs it
                failures += [Failure(message_id=message_id, error=error) for message_id in of_job]
        return Outcome(recorded=tuple(recorded), failures=tuple(failures))

    def _record(self, region: str, name: str, hints: tuple[Hint, ...], *, time_left: timedelta) -> tuple[Recorded, ...]:
        if time_left < LONGEST_LOOK:
            message = f"{region}/{name}: {time_left} left are too short to look at it; back to the queue"
            raise OutOfTimeError(message)
        return self.recorder.record(region, name, hints)
