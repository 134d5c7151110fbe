"""Ports of recovery: runs, checkpoints, policies, the kill switch, the builder of requests."""

# Annotations are not evaluated, and their types are imported for type checking alone: a function loads only what it
# runs.
from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from respot.jobs.ports import TrainingJobs

if TYPE_CHECKING:
    from datetime import datetime

    from respot.jobs.description import JobDescription
    from respot.jobs.job import JobId
    from respot.recovery.checkpoints.location import CheckpointLocation, Listing
    from respot.recovery.planning.attempt import AttemptRequest
    from respot.recovery.planning.decision import Placement
    from respot.recovery.planning.run import RunId
    from respot.recovery.planning.start_history import MeasuredStart, StartPool, StartSample
    from respot.recovery.planning.waiting import StopIntent
    from respot.recovery.policy.policy import AccountPolicy
    from respot.recovery.records import (
        AttemptRecord,
        CreationIntent,
        DecisionRecord,
        LocationReservation,
        NextStep,
        NoticeKind,
        Outcome,
        RecoveryRecords,
        Refusal,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloned:
    """The request of the next attempt.

    Attributes:
        request: CreateTrainingJob's.
        warnings: what was left out, in words an operator reads.
        unknown_types: its instance types that neither the job has nor the service model knows; they may not exist.
    """

    request: dict[str, Any]
    warnings: tuple[str, ...] = ()
    unknown_types: tuple[str, ...] = ()


class Clone(Protocol):
    """Builds the request of the next attempt from a job's description and its tags."""

    def __call__(self, description: JobDescription, tags: Mapping[str, str], attempt: AttemptRequest, /) -> Cloned:
        """Raises CloneRefusedError if the job cannot be created again like that."""


class RecoverableJobs(TrainingJobs, Protocol):
    """SageMaker's training jobs, with what recovery changes about them."""

    def description(self, region: str, name: str) -> JobDescription | None:
        """The job's description, to build its next attempt from.

        `None` means that SageMaker definitely answered that there is no such job.

        Raises:
            UpstreamUnavailableError: anything else but a description; nothing may be concluded.
        """

    def create(self, region: str, request: Mapping[str, Any]) -> str:
        """Create a job and return its ARN; `request` is CreateTrainingJob's.

        Raises:
            JobNameTakenError: there is a job of that name, perhaps from an earlier call of this very method.
            CreateLaterError: not now, or no answer: it may be asked again.
            CreateRefusedError: never in this form.
        """

    def stop(self, region: str, name: str) -> bool:
        """Ask SageMaker to stop a job; once it does, another call changes nothing.

        `False` if SageMaker definitely answered that there is nothing to stop: the job has ended, or does not exist.

        Raises:
            StopFailedError: anything else; the job may be stopping. Describe it before you ask again.
        """


class Note(Protocol):
    """The log."""

    def __call__(self, job: JobId, words: str) -> None:
        """Log what was decided about a job, if it led to nothing or is recorded elsewhere."""


class Checkpoints(Protocol):
    """What jobs have stored in S3: listed, never opened or changed."""

    def list(self, region: str, location: CheckpointLocation) -> Listing:
        """The objects under the location's prefix, in the order of their keys; the bucket is in the job's region.

        Bounded in pages and in time; the listing says whether that cut it, or that S3 definitely has no such bucket.

        Raises:
            UpstreamUnavailableError: anything else but a listing; nothing may be concluded. A refusal names the
                missing permission.
        """


class Policies(Protocol):
    """The account's present policy."""

    def load(self) -> AccountPolicy:
        """The policy; a change takes effect within a minute. An invalid one is never replaced by an earlier valid one.

        Raises:
            PolicyInvalidError: there is none, or it cannot be understood; the message says why. Nothing may be decided.
            UpstreamUnavailableError: it could not be read now; nothing is known.
        """


class KillSwitch(Protocol):
    """The account's kill switch."""

    def why_on(self) -> str | None:
        """Why nothing may be created or stopped now, in words; `None` while the switch is off.

        A change takes effect within five seconds. Only `off` is off: a missing switch, or any other value, is on, and
        the words say how to set it.

        Raises:
            UpstreamUnavailableError: it could not be read now; nothing may be created or stopped.
        """


class Refusals(Protocol):
    """What SageMaker lately refused to create. Each method raises LedgerUnavailableError without an answer."""

    def remember(self, refusal: Refusal) -> None:
        """Record a refusal; of the same pool or resource, the latest one stands."""

    def since(self, region: str, moment: datetime) -> tuple[Refusal, ...]:
        """The refusals of a region later than that moment, in any order, read consistently.

        None is older than `REMEMBERED_FOR` before now; older ones may be gone.
        """


class Starts(Protocol):
    """How long starting took earlier jobs. Each method raises LedgerUnavailableError without an answer."""

    def remember(self, start: MeasuredStart) -> None:
        """Record what a job adds to the history of a pool; of each job, the first one stands."""

    def newest(self, pool: StartPool) -> tuple[StartSample, ...]:
        """What the pool's jobs added that were created last, at most `MOST_SAMPLES`, read consistently.

        None has expired. One that cannot be read is left out.
        """


class Schedules(Protocol):
    """One-time schedules, at most one for each job, that send the job to the recovery queue."""

    def keep(self, job: JobId, at: datetime) -> None:
        """Have the job sent at that moment, or within the minute that follows; a schedule of the job moves there.

        One that is off by a minute at most is left as it is. Once it has sent the job, it is gone.

        Raises:
            ScheduleUnavailableError: the job may have no schedule, or one at another moment.
        """

    def forget(self, job: JobId) -> None:
        """Delete the job's schedule; it may be gone, or never have been there.

        Raises:
            ScheduleUnavailableError: it may still be there.
        """


class RunStore(Protocol):
    """The ledger's records of recovery. Every method raises LedgerUnavailableError when the store does not answer."""

    def decision(self, job: JobId) -> DecisionRecord | None:
        """The decision on the job, read consistently; `None` while there is none."""

    def decide(
        self,
        record: DecisionRecord,
        attempt: AttemptRecord | None,
        *,
        reservation: LocationReservation | None = None,
        replaces: LocationReservation | None = None,
    ) -> bool:
        """Write the decision, the attempt it calls for and the reservation of the location: all or nothing.

        The attempt is written under its run and under its job name.

        `reservation` takes a location that is free, its own run's, or reserved by `replaces`. `False`, with nothing
        written, if the job has a decision, the run the attempt, or the location another reservation.
        """

    def attempt(self, run: RunId, number: int) -> AttemptRecord | None:
        """The attempt with that number, read consistently; `None` if Respot has decided on none."""

    def attempts(self, run: RunId) -> tuple[AttemptRecord, ...]:
        """All attempts that Respot has decided on, in order."""

    def attempts_named(self, region: str, name: str) -> tuple[AttemptRecord, ...]:
        """The attempts that Respot has decided to create under that job name, the latest first, read consistently.

        Those of runs that began before names were written are not among them.
        """

    def reservation(self, location: str) -> LocationReservation | None:
        """The reservation of a checkpoint location, read consistently; `None` if there is none."""

    def outcome(self, job: JobId) -> Outcome | None:
        """The outcome of the decision on the job, read consistently; `None` while it is open."""

    def record_outcome(self, outcome: Outcome) -> None:
        """Record the outcome of a decision; the first one stands."""

    def record_creation_intent(self, job: JobId, placement: Placement, at: datetime) -> CreationIntent | None:
        """Record that CreateTrainingJob is about to be called for the attempt after `job`, with that placement.

        Returns the intent that stood there before. It stands still if it is of a later time.
        """

    def withdraw_creation_intent(
        self, job: JobId, placement: Placement, at: datetime, before: CreationIntent | None
    ) -> None:
        """SageMaker has refused this very call, or it was not made: the intent before it stands again.

        Nothing is written if another call has been recorded since.
        """

    def creation_intents(self, job: JobId) -> tuple[CreationIntent, ...]:
        """The last of those calls for each placement, in any order, read consistently. Some versions recorded none.

        The placement of a call that was refused remains.
        """

    def stop_intent(self, job: JobId) -> StopIntent | None:
        """The newest intent to stop the job, read consistently; `None` if there never was one."""

    def record_stop_intent(self, record: StopIntent) -> StopIntent | None:
        """Record that a stop of the job follows at once; the newest intent stands, unless it was withdrawn.

        Returns the intent that stood there before, or still stands.
        """

    def withdraw_stop_intent(self, record: StopIntent, why: str) -> None:
        """Record that the stop did not follow, if that intent still stands; another one is left unchanged."""

    def refuse_stop_intent(self, record: StopIntent) -> None:
        """Record an intent with `refused_at` in place of itself, if it still stands; another one is left unchanged."""

    def notice(self, job: JobId, kind: NoticeKind, summary: str) -> None:
        """Notify people, once for each kind."""

    def note_next_step(self, job: JobId, step: NextStep) -> None:
        """Record what is to happen about the job next; the latest one stands."""

    def recovery_records(self, job: JobId) -> RecoveryRecords:
        """All that Respot has recorded about the recovery of the job, read consistently."""

    def live(self, region: str) -> tuple[tuple[JobId, str | None], ...]:
        """Jobs of the region that have not ended, with their checkpoint locations. May lag slightly.

        `None` is a location that is not known or cannot be read; jobs without one are left out.
        """
