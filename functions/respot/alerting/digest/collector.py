"""Collects alerts in windows, each of which ends with a digest."""

from collections.abc import Callable
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
from respot.errors import TopicUnavailableError, UnreadableItemError
from respot.jobs.formatting import in_words
from respot.jobs.job import at_milliseconds
from respot.jobs.ports import Clock

MARGIN: Final = timedelta(seconds=2)
"""How long after its window a digest is due: clocks differ, and the last entry may still be being written."""
MAX_DESCRIPTION: Final = 300
"""Characters of an entry's description; machines get the whole text with the alert."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestCollector:
    """Adds alerts to windows of `length`, and publishes digests.

    The order of the steps ensures that people learn of every alert. `add_to_digest` writes the entry, makes sure of
    the timer, and reads the window again: if that is closed, people get the alert itself. `close` closes the window
    before it reads the entries. A crash in between can at worst report an alert twice.
    """

    store: DigestStore
    timers: DigestTimers
    topic: AlertTopic
    clock: Clock
    length: timedelta
    lease: timedelta
    on_unreadable: Callable[[UnreadableItemError], None]

    def add_to_digest(self, alert: Alert) -> str | None:
        """The id of the digest that will report the alert to people; `None` if they must receive the alert itself.

        Idempotent for one alert, after a crash at any step.

        Raises:
            LedgerUnavailableError: DynamoDB did not answer.
            QueueUnavailableError: SQS did not take the timer.
        """
        pool = pool_of(alert)
        try:
            window = self._open_window(alert, pool) if pool else None
        except UnreadableItemError as error:  # the pool's alerts must not wait for its window
            self.on_unreadable(error)
            return None
        if window is None or window.closed or window.opener == alert.id:
            return None
        self.store.join(window, _entry(alert))
        if not window.timer_sent:
            # Opening a window sends no timer: most interruptions have no second. Each entry makes sure of the timer:
            # the process that wrote the first one may have crashed before it sent it.
            self._send_timer(window)
            self.store.note_timer(window)
        latest = self.store.window(window.pool)
        in_time = latest is not None and latest.id == window.id and not latest.closed
        return window.id if in_time else None

    def close(self, window: DigestWindow) -> DigestRecord | None:
        """Publish the window's digest; `None` if it is complete, or it is too early.

        After a crash between publishing and recording, the next delivery publishes again with the same id.

        Raises:
            AlertInProgressError: another invocation holds the lease.
            LedgerUnavailableError: DynamoDB did not answer.
            QueueUnavailableError: SQS did not take the timer of a window that is not over.
            TopicUnavailableError: SNS did not take the digest.
        """
        if not is_over(window, now=self.clock()):
            self._send_timer(window)
            return None
        self.store.close(window)
        entries = self.store.entries(window)
        token = self.store.lease_digest(window, now=self.clock(), lease=self.lease)
        if token is None:
            return None
        digest = Digest(window=window, entries=entries)
        length = in_words(window.closes - window.opened)
        digest_record = DigestRecord(
            digest=digest.id,
            outcome=AlertOutcome.SENT if entries else AlertOutcome.DECLINED,
            reason=f"{len(entries)} more of the pool within {length}" if entries else "no alert was held back",
            headline=digest_headline(digest) if entries else None,
            message_id=self._publish(digest, token) if entries else None,
            settled_at=self.clock(),
        )
        self.store.complete_digest(window, digest_record)
        return digest_record

    def _open_window(self, alert: Alert, pool: CapacityPool) -> DigestWindow | None:
        """The pool's open window; `None` if the alert has just opened one."""
        now = at_milliseconds(self.clock())
        window = self.store.window(pool)
        if window and not is_over(window, now=now):
            return window
        opened = self.store.open(DigestWindow(pool=pool, opened=now, closes=now + self.length, opener=alert.id))
        return None if opened else self.store.window(pool)

    def _send_timer(self, window: DigestWindow) -> None:
        self.timers.send(window, delay=time_left(window, now=self.clock()) + MARGIN)

    def _publish(self, digest: Digest, token: LeaseToken) -> str:
        try:
            return self.topic.publish_digest(digest)
        except TopicUnavailableError:
            self.store.release_digest(digest.window, token)
            raise


def _entry(alert: Alert) -> DigestEntry:
    state = alert.state
    description = particulars(alert)
    return DigestEntry(
        job=state.job,
        arn=state.arn,
        started=alert.transition.started,
        alert=alert.id,
        headline=headline(alert),
        description=description if len(description) <= MAX_DESCRIPTION else f"{description[: MAX_DESCRIPTION - 1]}…",
        severity=alert.severity,
        outlook=alert.outlook,
    )
