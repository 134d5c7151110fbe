"""Ports of the weekly digest: the runs that ended, its item in the ledger, the topic."""

# As in `respot.alerting.ports`.
from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime, timedelta

    from respot.alerting.ports import LeaseToken
    from respot.alerting.weekly.digest import WeeklyDigest, WeeklyRecord
    from respot.alerting.weekly.week import Week
    from respot.recovery.planning.run import RunId
    from respot.runs.summary import RunSummary


class EndedRuns(Protocol):
    """The runs by the time of their end. Each method raises LedgerUnavailableError if the ledger does not answer."""

    def ended(self, days: Sequence[datetime]) -> tuple[RunId, ...]:
        """The runs that ended on these days (UTC), in the order of their ends."""

    def ended_summaries(self, runs: Sequence[RunId]) -> Iterator[RunSummary]:
        """Their summaries, in any order. One that cannot be read, or says that its run goes on, is left out."""


class WeeklyStore(Protocol):
    """Weekly digests in the ledger. Each method raises LedgerUnavailableError if the ledger does not answer."""

    def record(self, week: Week) -> WeeklyRecord | None:
        """What became of the week's digest, read consistently; `None` until it is complete."""

    def lease(self, week: Week, *, now: datetime, lease: timedelta) -> LeaseToken | None:
        """Lease the week's digest; see `AlertStore.lease_alert`.

        Raises:
            AlertInProgressError: another caller's lease has not expired yet.
        """

    def release(self, week: Week, token: LeaseToken) -> None:
        """End the lease now: the digest could not be sent. A later lease of another caller is left alone."""

    def complete(self, week: Week, record: WeeklyRecord) -> None:
        """Record what became of it, leased or not; a complete digest never changes again."""


class WeeklyTopic(Protocol):
    """Where weekly digests are published."""

    def publish_weekly(self, digest: WeeklyDigest) -> str:
        """Publish one digest and return the message's id.

        Raises:
            TopicUnavailableError: the topic did not take it.
        """
