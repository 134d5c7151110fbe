"""Ports of alerting: alerts and digests in the ledger, the topic, timers, what recovery will do."""

# Annotations are not evaluated, and their types are imported for type checking alone: a function loads only what it
# runs.
from __future__ import annotations

from typing import TYPE_CHECKING, NewType, Protocol

from respot.jobs.ports import JobStore

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from respot.alerting.alert import Alert, AlertRecord
    from respot.alerting.digest.digest import CapacityPool, Digest, DigestEntry, DigestRecord, DigestWindow
    from respot.alerting.kinds import AlertKind
    from respot.jobs.job import JobId, JobState, Transition
    from respot.recovery.planning.decision import Outlook

LeaseToken = NewType("LeaseToken", str)
"""Identifies one lease of an alert or a digest: only its holder can release it."""


class AlertStore(Protocol):
    """Alerts in the ledger. Every method raises LedgerUnavailableError when the store refuses or does not answer."""

    def lease_alert(
        self, job: JobId, kind: AlertKind, transition: Transition, *, now: datetime, lease: timedelta
    ) -> LeaseToken | None:
        """Lease the transition's alert to one caller; `None` if it is complete.

        The lease expires after `lease`, so that another caller can take over from a sender that crashed.

        Raises:
            AlertInProgressError: another caller's lease has not expired yet.
        """

    def release_alert(self, job: JobId, kind: AlertKind, transition: Transition, token: LeaseToken) -> None:
        """End the lease now: the alert could not be sent. A later lease of another caller is left alone."""

    def complete_alert(self, alert_record: AlertRecord) -> None:
        """Record what was sent or declined, leased or not; a complete alert never changes again."""

    def alert_began(self, job: JobId, kind: AlertKind) -> datetime | None:
        """The start of the transition that the job's alert of this kind is about, leased or complete, the earliest.

        Read consistently; `None` if nobody has leased or completed one.
        """

    def alerts(self, job: JobId) -> tuple[AlertRecord, ...]:
        """The job's complete alerts, in the order of their transitions."""


class Ledger(JobStore, AlertStore, Protocol):
    """Jobs and their alerts."""


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
    """Digests in the ledger. Every method raises LedgerUnavailableError when the store does not answer."""

    def window(self, pool: CapacityPool) -> DigestWindow | None:
        """The pool's latest window, read consistently; `None` if there never was one."""

    def open(self, window: DigestWindow) -> bool:
        """Make it the pool's latest window; `False`, with nothing changed, if the present one is not over by then."""

    def join(self, window: DigestWindow, entry: DigestEntry) -> None:
        """Add an entry, idempotently. Read the window afterwards to learn whether it was in time."""

    def note_timer(self, window: DigestWindow) -> None:
        """Record that the timer was sent: `window` shows it from now on."""

    def close(self, window: DigestWindow) -> None:
        """Close it for good: from now on, `window` shows it closed, or a later one."""

    def entries(self, window: DigestWindow) -> tuple[DigestEntry, ...]:
        """All entries, read consistently, in the order of time."""

    def lease_digest(self, window: DigestWindow, *, now: datetime, lease: timedelta) -> LeaseToken | None:
        """Lease the window's digest; see `AlertStore.lease_alert`.

        Raises:
            AlertInProgressError: another caller's lease has not expired yet.
        """

    def release_digest(self, window: DigestWindow, token: LeaseToken) -> None:
        """End the lease now: the digest could not be sent. A later lease of another caller is left alone."""

    def complete_digest(self, window: DigestWindow, digest_record: DigestRecord) -> None:
        """Record the result of the digest, leased or not; a complete digest never changes again."""

    def digest(self, window: DigestWindow) -> DigestRecord | None:
        """The record of the window's digest, read consistently; `None` until it is complete."""


class DigestTimers(Protocol):
    """Messages that arrive when a window is over."""

    def send(self, window: DigestWindow, *, delay: timedelta) -> None:
        """Have the window closed after `delay`, at the earliest; sending it twice does no harm.

        Raises:
            QueueUnavailableError: it may not have been sent; send it again.
        """


class Foresight(Protocol):
    """Predicts what Respot will do before it has decided."""

    def __call__(self, state: JobState, transitions: tuple[Transition, ...]) -> Outlook:
        """What Respot will do about a job that has ended. Never raises: what cannot be predicted is `UNKNOWN`."""
