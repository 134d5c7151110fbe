"""What the shells need of the outside world, in our own words; each promise stands in a docstring."""

# Nothing here runs: what is named in signatures alone is not imported, or a function would load the whole domain.
from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NewType, Protocol

from respot.domain.lineage import Lineage
from respot.domain.placement import Placement

if TYPE_CHECKING:
    from respot.domain.alert import Alert, AlertRecord
    from respot.domain.alert_kinds import AlertKind
    from respot.domain.checkpoints import CheckpointLocation, Listing
    from respot.domain.job import JobId, JobRecord, JobSnapshot, JobState, Transition
    from respot.domain.outlook import Outlook
    from respot.domain.policy import AccountPolicy
    from respot.domain.reconciliation import Change
    from respot.domain.resubmission import (
        AttemptRecord,
        DecisionRecord,
        LocationReservation,
        NoticeKind,
        Outcome,
        RecoveryRecords,
    )
    from respot.domain.run import RunId
    from respot.domain.storm import CapacityPool, Digest, DigestEntry, DigestRecord, DigestWindow
    from respot.domain.sweeping import Page, SweepProgress
    from respot.domain.waiting import StopIntent


@dataclass(frozen=True, slots=True, kw_only=True)
class Cloned:
    """The request of the next attempt.

    Attributes:
        request: CreateTrainingJob's.
        warnings: what it goes without, in words an operator reads.
    """

    request: dict[str, Any]
    warnings: tuple[str, ...] = ()


Clone = Callable[[Mapping[str, Any], str, Mapping[str, str], Lineage, Placement], Cloned]
"""Builds the request of the next attempt from a job's description, its tags, and the decision.

Raises CloneRefusedError if the job cannot be created again.
"""

LeaseToken = NewType("LeaseToken", str)
"""Tells one claim of an alert or a digest from another: who made it alone gives it back."""


class Note(Protocol):
    """The log."""

    def __call__(self, job: JobId, words: str) -> None:
        """Note what was thought of a job and came to nothing, or is written down elsewhere."""


class Clock(Protocol):
    """The time of day."""

    def __call__(self) -> datetime:
        """The present moment, UTC."""


class TrainingJobs(Protocol):
    """SageMaker's training jobs: the truth."""

    def describe(self, region: str, name: str) -> JobSnapshot | None:
        """What the job of that name is now, with its whole history; its tags are not told.

        `None` means that SageMaker positively said that there is no such job.

        Raises:
            UpstreamUnavailableError: anything else but a description; nothing may be concluded.
        """

    def tags(self, region: str, arn: str) -> Mapping[str, str] | None:
        """The job's tags; `None` if SageMaker positively said that there is no such job.

        Raises:
            UpstreamUnavailableError: anything else but the tags.
        """

    def document(self, region: str, name: str) -> Mapping[str, Any] | None:
        """The job's description in SageMaker's own words, to build its next attempt from.

        `None` means that SageMaker positively said that there is no such job.

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

        `False` if SageMaker positively said that there is nothing to stop: the job has ended, or does not exist.

        Raises:
            StopFailedError: anything else; the job may be stopping all the same. Look at it before asking again.
        """


class JobLists(Protocol):
    """SageMaker's lists of training jobs."""

    def page(self, region: str, token: str | None) -> Page:
        """A page of the region's jobs, the newest creation first, from the beginning or from where a token points.

        One call, never repeated: the account may make few of them.

        Raises:
            StaleTokenError: SageMaker does not know the token any more.
            UpstreamUnavailableError: anything else but a page.
        """


class JobStore(Protocol):
    """The audit trail of jobs. Every method raises LedgerUnavailableError when the store refuses or does not answer."""

    def find(self, region: str, name: str) -> tuple[JobId, ...]:
        """The jobs that ever had that name, newest first. May lag behind `save` by a moment."""

    def load(self, job: JobId) -> JobRecord:
        """All that is known of the job, read consistently; an empty record if it is unknown."""

    def save(self, change: Change) -> bool:
        """Write the state, then insert the transitions; `False`, with nothing changed, if the version is not current.

        Each transition is inserted once, ever: one that is already there is left as it is.
        A crash halfway leaves stays missing, and the next look inserts them.
        """

    def created_at(self) -> datetime:
        """When the ledger came into being: the moment of the deployment."""

    def watched_since(self, region: str) -> datetime:
        """Since when Respot watches a region, never before the ledger came into being: what began before is history."""


class AlertStore(Protocol):
    """Alerts in the ledger. Every method raises LedgerUnavailableError when the store refuses or does not answer."""

    def lease_alert(
        self, job: JobId, kind: AlertKind, transition: Transition, *, now: datetime, lease: timedelta
    ) -> LeaseToken | None:
        """Take the transition's alert in hand: for one caller only; `None` once it is settled.

        A claim lapses with its lease, so that the alert of a sender that died is taken over.

        Raises:
            AlertInProgressError: somebody else's claim has not lapsed yet.
        """

    def release_alert(self, job: JobId, kind: AlertKind, transition: Transition, token: LeaseToken) -> None:
        """Let the claim lapse at once: the alert could not be sent. Whoever has claimed it since keeps it."""

    def complete_alert(self, alert_record: AlertRecord) -> None:
        """Write down what was sent or declined, claimed or not; what is settled is never changed again."""

    def alerts(self, job: JobId) -> tuple[AlertRecord, ...]:
        """The job's settled alerts, in the order of their transitions."""


class Ledger(JobStore, AlertStore, Protocol):
    """Jobs and their alerts."""


class JobIndex(Protocol):
    """Jobs of the ledger by what they have in common.

    All of it may lag behind `Ledger.save` by a moment; every method raises LedgerUnavailableError when the store
    refuses or does not answer.
    """

    def state_of(self, jobs: Sequence[JobId]) -> Mapping[JobId, JobState]:
        """The states of those of the jobs that are known."""

    def open_jobs(self, region: str, *, since: datetime, until: datetime) -> tuple[JobId, ...]:
        """The region's jobs that have not ended, created between two moments, both included."""

    def oldest_open(self, region: str, *, since: datetime) -> datetime | None:
        """The creation of the oldest of the region's jobs that have not ended, of those created then or later.

        `None` if there is none.
        """

    def changed(self, *, since: datetime, until: datetime, limit: int) -> tuple[tuple[JobId, datetime], ...]:
        """Jobs of all regions whose last change lies between two moments, both included; the oldest change first.

        Some `limit` of them: more, rather than to part those that changed in the same millisecond.
        """


class SweepStore(Protocol):
    """How far the sweeps have come. Every method raises LedgerUnavailableError when the store does not answer."""

    def take(self, scope: str, *, now: datetime, lease: timedelta, watched_since: datetime) -> SweepProgress | None:
        """Take a scope's pass in hand: `None` while another invocation has it.

        `watched_since` is kept if the scope is new, or was abandoned; otherwise it is ignored.
        """

    def keep(self, progress: SweepProgress, *, until: datetime) -> None:
        """Write down how far the pass has come; it stays in hand until then.

        Raises:
            LedgerContentionError: another invocation has taken it over.
        """


class AlertTopic(Protocol):
    """Where alerts are published."""

    def publish(self, alert: Alert) -> str:
        """Publish one alert and return the message's id.

        Raises:
            TopicUnavailableError: the topic did not take it.
        """

    def publish_digest(self, digest: Digest) -> str:
        """Publish one digest and return the message's id.

        Raises:
            TopicUnavailableError: the topic did not take it.
        """


class DigestStore(Protocol):
    """The ledger's part on storms. Every method raises LedgerUnavailableError when the store does not answer."""

    def window(self, pool: CapacityPool) -> DigestWindow | None:
        """The pool's latest window, read consistently; `None` if there never was one."""

    def open(self, window: DigestWindow) -> bool:
        """Make it the pool's latest window; `False`, with nothing changed, if the one there is not over by then."""

    def join(self, window: DigestWindow, entry: DigestEntry) -> None:
        """Add to the window's members; twice does no harm. Whether it was in time, a look at the window tells."""

    def note_timer(self, window: DigestWindow) -> None:
        """Have `window` tell from now on that the timer was sent."""

    def close(self, window: DigestWindow) -> None:
        """Have `window` tell for good, to whoever asks from now on, that it is closed or no longer the latest."""

    def entries(self, window: DigestWindow) -> tuple[DigestEntry, ...]:
        """All that have joined, read consistently, in the order of time."""

    def lease_digest(self, window: DigestWindow, *, now: datetime, lease: timedelta) -> LeaseToken | None:
        """Take the window's digest in hand, as `Ledger.lease_alert` does an alert.

        Raises:
            AlertInProgressError: somebody else's claim has not lapsed yet.
        """

    def release_digest(self, window: DigestWindow, token: LeaseToken) -> None:
        """Let the claim lapse at once: the digest could not be sent. Whoever has claimed it since keeps it."""

    def complete_digest(self, window: DigestWindow, alert_record: DigestRecord) -> None:
        """Write down what became of the digest, claimed or not; what is settled is never changed again."""

    def digest(self, window: DigestWindow) -> DigestRecord | None:
        """What became of the window's digest, read consistently; `None` while that is open."""


class DigestTimers(Protocol):
    """What comes back when a window's time is over."""

    def send(self, window: DigestWindow, *, delay: timedelta) -> None:
        """Have the window closed after that time, at the earliest; sending it twice does no harm.

        Raises:
            QueueUnavailableError: it may not have been sent; send it again.
        """


class Checkpoints(Protocol):
    """What jobs have stored in S3: listed, never opened or changed."""

    def list(self, region: str, location: CheckpointLocation) -> Listing:
        """The objects under the location's prefix, in the order of their keys; `region` is the bucket's, as the job's.

        Bounded in pages and in time; the listing says whether that cut it. A bucket that S3 positively says does not
        exist is an empty listing that says so.

        Raises:
            UpstreamUnavailableError: anything else but a listing; nothing may be concluded. A refusal names what is
                missing.
        """


class Policies(Protocol):
    """The account's policy, as its owners have it now."""

    def load(self) -> AccountPolicy:
        """The policy; a change takes effect within a minute. A valid one is never kept in place of an invalid one.

        Raises:
            PolicyInvalidError: there is none, or it cannot be understood; the message says why. Nothing may be decided.
            UpstreamUnavailableError: it could not be read now; nothing is known.
        """


class KillSwitch(Protocol):
    """The account's kill switch, as its operators have it now."""

    def why_on(self) -> str | None:
        """Why nothing may be created or stopped now, in words; `None` while the switch is off.

        A change takes effect within five seconds. Only `off` is off: a switch that is not there, or says anything else,
        is on, and the words say how to set it.

        Raises:
            UpstreamUnavailableError: it could not be read now; nothing may be created or stopped.
        """


class Foresight(Protocol):
    """What people may expect of Respot before it has decided."""

    def __call__(self, state: JobState, transitions: tuple[Transition, ...]) -> Outlook:
        """What to expect about a job that has ended; never raises: what cannot be told now is not known."""


class RunStore(Protocol):
    """The ledger's part on recovery. Every method raises LedgerUnavailableError when the store does not answer."""

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
        """Write the decision, the attempt it calls for and its claim on the checkpoint location: all or nothing.

        `reservation` takes the location from nobody, from its own run, or from `replaces`. `False`, with nothing
        written, if the job has a decision, the run the attempt, or the location another writer.
        """

    def attempt(self, run: RunId, number: int) -> AttemptRecord | None:
        """The attempt with that number, read consistently; `None` if Respot has decided on none."""

    def attempts(self, run: RunId) -> tuple[AttemptRecord, ...]:
        """All attempts that Respot has decided on, in order."""

    def reservation(self, location: str) -> LocationReservation | None:
        """Who was last sent to a checkpoint location, read consistently; `None` if Respot has sent nobody."""

    def outcome(self, job: JobId) -> Outcome | None:
        """What became of the decision on the job, read consistently; `None` while it is open."""

    def record_outcome(self, outcome: Outcome) -> None:
        """Write down what became of a decision; the first note stands."""

    def stop_intent(self, job: JobId) -> StopIntent | None:
        """The newest note that Respot is about to stop the job, read consistently; `None` if it never was."""

    def record_stop_intent(self, record: StopIntent) -> StopIntent | None:
        """Write down that a stop of the job follows at once; the newest note stands, unless it was withdrawn.

        Returns the note that stood there before, or stands there still.
        """

    def withdraw_stop_intent(self, record: StopIntent, why: str) -> None:
        """Write down that the stop did not follow, if that note still stands; another one is left as it is."""

    def notice(self, job: JobId, kind: NoticeKind, story: str) -> None:
        """Have people told, once for each kind, why nothing is decided or created yet."""

    def recovery_records(self, job: JobId) -> RecoveryRecords:
        """All that Respot has written down of its own doings about the job, read consistently."""

    def live(self, region: str) -> tuple[tuple[JobId, str], ...]:
        """Jobs of the region that have not ended, with their checkpoint locations. May lag by a moment."""
