"""Watches for storms: which alerts people hear of in a digest, and the digest, once the window is over."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from respot.alerting.alert import Alert, AlertOutcome
from respot.alerting.digest.digest import (
    CapacityPool,
    Digest,
    DigestEntry,
    DigestRecord,
    DigestWindow,
    is_over,
    pool_of,
    time_left,
)
from respot.alerting.digest.text import headline as digest_headline
from respot.alerting.ports import AlertTopic, DigestStore, DigestTimers, LeaseToken
from respot.alerting.text import headline, particulars
from respot.errors import TopicUnavailableError
from respot.jobs.formatting import in_words
from respot.jobs.job import at_milliseconds
from respot.jobs.ports import Clock

MARGIN: Final = timedelta(seconds=2)
"""How long after its window a digest is due: clocks differ, and who joined last is still writing."""
LONGEST_SAID: Final = 300
"""Of what a member says; its alert, which machines get, has all of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestCollector:
    """Holds alerts back and gathers them; `length` is that of a window.

    Nobody is forgotten, because of an order: a member is written, then the timer is made sure of, then the window is
    looked at again, and only while it is still open the alert is held back. The digest closes its window first, and
    counts then. So whoever was held back is counted, whoever came too late is told by itself, and who dies in between
    does both at worst.
    """

    storms: DigestStore
    timers: DigestTimers
    topic: AlertTopic
    clock: Clock
    length: timedelta
    lease: timedelta

    def add_to_digest(self, alert: Alert) -> str | None:
        """The id of the digest in which people hear of the alert; `None` if they are to hear of it by itself.

        May be asked again for the same alert, after a crash at any step.

        Raises:
            LedgerUnavailableError: DynamoDB did not answer.
            QueueUnavailableError: SQS did not take the timer.
        """
        pool = pool_of(alert)
        window = self._standing(alert, pool) if pool else None
        if window is None or window.closed or window.opener == alert.id:
            return None
        self.storms.join(window, _member(alert))
        if not window.timer_sent:
            # Whoever opens a window sends none: most interruptions stay alone. Each member makes sure of it, not only
            # the first: that one may have died before it did.
            self._send_timer(window)
            self.storms.note_timer(window)
        latest = self.storms.window(window.pool)
        in_time = latest is not None and latest.id == window.id and not latest.closed
        return window.id if in_time else None

    def close(self, window: DigestWindow) -> DigestRecord | None:
        """Tell people of the window's members; `None` if that was done before, or it is too early.

        Dying after the publication means that the next delivery publishes again, with the same id.

        Raises:
            AlertInProgressError: another invocation is at it.
            LedgerUnavailableError: DynamoDB did not answer.
            QueueUnavailableError: SQS did not take the timer of a window that is not over.
            TopicUnavailableError: SNS did not take the digest.
        """
        if not is_over(window, now=self.clock()):
            self._send_timer(window)
            return None
        self.storms.close(window)
        entries = self.storms.entries(window)
        token = self.storms.lease_digest(window, now=self.clock(), lease=self.lease)
        if token is None:
            return None
        digest_record = (
            self._publish(Digest(window=window, entries=entries), token) if entries else self._nobody(window)
        )
        self.storms.complete_digest(window, digest_record)
        return digest_record

    def _standing(self, alert: Alert, pool: CapacityPool) -> DigestWindow | None:
        """The pool's open window; `None` if the alert has just opened one."""
        now = at_milliseconds(self.clock())
        window = self.storms.window(pool)
        if window and not is_over(window, now=now):
            return window
        opened = self.storms.open(DigestWindow(pool=pool, opened=now, closes=now + self.length, opener=alert.id))
        return None if opened else self.storms.window(pool)

    def _send_timer(self, window: DigestWindow) -> None:
        self.timers.send(window, delay=time_left(window, now=self.clock()) + MARGIN)

    def _publish(self, digest: Digest, token: LeaseToken) -> DigestRecord:
        try:
            message_id = self.topic.publish_digest(digest)
        except TopicUnavailableError:
            self.storms.release_digest(digest.window, token)
            raise
        length = in_words(digest.window.closes - digest.window.opened)
        return DigestRecord(
            digest=digest.id,
            outcome=AlertOutcome.SENT,
            reason=f"{len(digest.entries)} more of the pool within {length}",
            headline=digest_headline(digest),
            settled_at=self.clock(),
            message_id=message_id,
        )

    def _nobody(self, window: DigestWindow) -> DigestRecord:
        return DigestRecord(
            digest=window.id,
            outcome=AlertOutcome.DECLINED,
            reason="no alert was held back",
            headline=None,
            settled_at=self.clock(),
            message_id=None,
        )


def _member(alert: Alert) -> DigestEntry:
    state = alert.state
    said = particulars(alert)
    return DigestEntry(
        job=state.job,
        arn=state.arn,
        started=alert.transition.started,
        alert=alert.id,
        headline=headline(alert),
        said=said if len(said) <= LONGEST_SAID else f"{said[: LONGEST_SAID - 1]}…",
        severity=alert.severity,
        outlook=alert.outlook,
    )
