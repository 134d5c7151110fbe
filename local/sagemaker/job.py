"""One simulated training job, its state a function of time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Final

from local.sagemaker import billing, lifecycle
from local.sagemaker.delivery import DeliveryFaults
from local.sagemaker.lifecycle import Lifecycle, Moment

TERMINAL: Final = frozenset({"Completed", "Failed", "Stopped"})
_PRIMARY: Final = {
    "Stopping": "Stopping",
    "Completed": "Completed",
    "Failed": "Failed",
    "Stopped": "Stopped",
    "MaxRuntimeExceeded": "Stopped",
    "MaxWaitTimeExceeded": "Stopped",
    lifecycle.PENDING_TIMEOUT: "Stopped",
}
# SageMaker touches a new job once more, a few milliseconds after its CreationTime.
_FIRST_TOUCH: Final = timedelta(milliseconds=37)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One phase in the SecondaryStatusTransitions; `end` is None while it lasts."""

    status: str
    start: datetime
    end: datetime | None
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """What can be known of a job at one moment."""

    primary: str
    secondary: str
    transitions: tuple[Transition, ...]
    last_modified: datetime
    training_start: datetime | None
    training_end: datetime | None
    training_seconds: int | None
    billable_seconds: int | None
    failure_reason: str | None
    has_artifacts: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job as it was asked for, and everything that will happen to it."""

    arn: str
    request: Mapping[str, Any]
    tags: Mapping[str, str]
    created: datetime
    lifecycle: Lifecycle
    tuning_job_arn: str | None = None
    speed: float = 1.0
    delivery: DeliveryFaults = field(default_factory=DeliveryFaults)

    @property
    def name(self) -> str:
        """The TrainingJobName, in the case in which it was given."""
        return str(self.request["TrainingJobName"])

    @property
    def spot(self) -> bool:
        """Whether it runs on spot instances."""
        return bool(self.request.get("EnableManagedSpotTraining"))

    def due(self, position: int) -> datetime:
        """The time of the moment at that position of its lifecycle."""
        return self.created + self.lifecycle.moments[position].after

    def at(self, now: datetime) -> State:
        """The job's state at a time; a job is never younger than its first moment."""
        return self._state(self._past(now), now)

    def through(self, position: int) -> State:
        """The job's state just after the moment at that position."""
        return self._state(self.lifecycle.moments[: position + 1], self.due(position))

    def stopped(self, now: datetime) -> "Job":
        """Stop the job as StopTrainingJob does: Stopping, Uploading if there is something to upload, Stopped."""
        after = now - self.created
        return replace(self, lifecycle=lifecycle.wound_down(self._past(now), after, "Stopped", speed=self.speed))

    def failed(self, now: datetime, reason: str) -> "Job":
        """Let the job fail now."""
        return replace(self, lifecycle=lifecycle.failed(self._past(now), now - self.created, reason))

    def _past(self, now: datetime) -> tuple[Moment, ...]:
        moments = self.lifecycle.moments
        return tuple(moment for moment in moments if self.created + moment.after <= now) or moments[:1]

    def _state(self, past: Sequence[Moment], now: datetime) -> State:
        transitions = self._transitions(past)
        last, ended = past[-1], self.created + past[-1].after
        primary = _PRIMARY.get(last.status, "InProgress")
        over = primary in TERMINAL
        started = next((t.start for t in transitions if t.status in lifecycle.ON_AN_INSTANCE), None)
        training = billing.training_seconds((t.status, (t.end or now) - t.start) for t in transitions)
        failed = last.status == "Failed"
        return State(
            primary=primary,
            secondary=last.status,
            transitions=transitions,
            last_modified=ended + (_FIRST_TOUCH if len(past) == 1 else timedelta()),
            training_start=started,
            # A job that never had an instance gets an end only when it failed.
            training_end=ended if over and (started or failed) else None,
            training_seconds=training,
            billable_seconds=billing.billable_seconds(training, spot=self.spot) if over else None,
            failure_reason=self.lifecycle.failure_reason if failed else None,
            has_artifacts=over and not failed and any(t.status == "Training" for t in transitions),
        )

    def _transitions(self, past: Sequence[Moment]) -> tuple[Transition, ...]:
        """Collapse the messages of one status into one entry; the last message wins."""
        transitions: list[Transition] = []
        for status, group in groupby(past, key=lambda moment: moment.status):
            moments = [*group]
            start = self.created + moments[0].after
            if transitions:
                transitions[-1] = replace(transitions[-1], end=start)
            end = start if _PRIMARY.get(status) in TERMINAL else None
            transitions.append(Transition(status=status, start=start, end=end, message=moments[-1].message))
        return tuple(transitions)
