"""One simulated training job, its state a function of time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

from local.sagemaker import billing, lifecycle
from local.sagemaker.delivery import DeliveryFaults
from local.sagemaker.lifecycle import Ending, Lifecycle

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
class Moment:
    """A point in time at which a job's status, or only its message, changes."""

    at: datetime
    status: str
    message: str
    announced: bool = True


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
    moments: tuple[Moment, ...]
    failure_reason: str | None = None
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

    def at(self, now: datetime) -> State:
        """The job's state at a time; a job is never younger than its first moment."""
        return self._state(self._past(now), now)

    def through(self, position: int) -> State:
        """The job's state just after the moment at that position."""
        return self._state(self.moments[: position + 1], self.moments[position].at)

    def _state(self, past: tuple[Moment, ...], now: datetime) -> State:
        transitions = _transitions(past)
        last = past[-1]
        primary = _PRIMARY.get(last.status, "InProgress")
        over = primary in TERMINAL
        started = next((t.start for t in transitions if t.status in lifecycle.ON_AN_INSTANCE), None)
        training = billing.training_seconds((t.status, (t.end or now) - t.start) for t in transitions)
        failed = last.status == "Failed"
        return State(
            primary=primary,
            secondary=last.status,
            transitions=transitions,
            last_modified=last.at + (_FIRST_TOUCH if len(past) == 1 else timedelta()),
            training_start=started,
            # A job that never had an instance gets an end only when it failed.
            training_end=last.at if over and (started or failed) else None,
            training_seconds=training,
            billable_seconds=billing.billable_seconds(training, spot=self.spot) if over else None,
            failure_reason=self.failure_reason if failed else None,
            has_artifacts=over and not failed and any(t.status == "Training" for t in transitions),
        )

    def planned(self, fate: Lifecycle) -> "Job":
        """The job with its lifecycle, which starts at its creation."""
        return self._continued((), fate, self.created)

    def stopped(self, now: datetime) -> "Job":
        """Stop the job as StopTrainingJob does: Stopping, Uploading if there is something to upload, Stopped."""
        transitions = self.at(now).transitions
        phases = lifecycle.winding_down(transitions[-1].status)
        fate = Lifecycle(phases=phases, ending=Ending(status="Stopped")).faster(self.speed)
        return self._continued(self._past(now), fate, now)

    def failed(self, now: datetime, reason: str) -> "Job":
        """Let the job fail now."""
        fate = Lifecycle(phases=(), ending=Ending(status="Failed", failure_reason=reason))
        return self._continued(self._past(now), fate, now)

    def _past(self, now: datetime) -> tuple[Moment, ...]:
        return tuple(moment for moment in self.moments if moment.at <= now) or self.moments[:1]

    def _continued(self, past: tuple[Moment, ...], fate: Lifecycle, start: datetime) -> "Job":
        moments = list(past)
        for phase in fate.phases:
            for message in phase.messages:
                at = _milliseconds(start + timedelta(seconds=phase.seconds * message.after))
                moments.append(Moment(at=at, status=phase.status, message=message.text, announced=message.announced))
            start = _milliseconds(start + timedelta(seconds=phase.seconds))
        moments.append(Moment(at=start, status=fate.ending.status, message=fate.ending.message))
        return replace(self, moments=tuple(moments), failure_reason=fate.ending.failure_reason)


def _transitions(past: Sequence[Moment]) -> tuple[Transition, ...]:
    """Collapse the messages of one phase into one entry; the last message wins."""
    transitions: list[Transition] = []
    for moment in past:
        if transitions and transitions[-1].status == moment.status:
            transitions[-1] = replace(transitions[-1], message=moment.message)
            continue
        if transitions:
            transitions[-1] = replace(transitions[-1], end=moment.at)
        over = _PRIMARY.get(moment.status) in TERMINAL
        end = moment.at if over else None
        transitions.append(Transition(status=moment.status, start=moment.at, end=end, message=moment.message))
    return tuple(transitions)


def _milliseconds(time: datetime) -> datetime:
    return time.replace(microsecond=time.microsecond // 1000 * 1000)
