"""Ports of alerting: alerts and digests in the ledger, the topic, timers, what recovery will do."""

# Annotations are not evaluated, and their types are imported for type checking alone: a function loads only what it
# runs.
from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NewType, Protocol

from respot.jobs.ports import JobStore

if TYPE_CHECKING:
    from respot.alerting.alert import Alert, AlertRecord
    from respot.alerting.digest.digest import CapacityPool, Digest, DigestEntry, DigestRecord, DigestWindow
    from respot.alerting.kinds import AlertKind
    from respot.jobs.job import JobId, JobState, Transition
    from respot.recovery.planning.decision import Outlook

LeaseToken = NewType("LeaseToken", str)
"""Tells one claim of an alert or a digest from another: who made it alone gives it back."""


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


class Foresight(Protocol):
    """What people may expect of Respot before it has decided."""

    def __call__(self, state: JobState, transitions: tuple[Transition, ...]) -> Outlook:
        """What to expect about a job that has ended; never raises: what cannot be told now is not known."""
