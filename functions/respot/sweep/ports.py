"""Ports of the sweep."""

# Annotations are not evaluated, and their types are imported for type checking alone: a function loads only what it
# runs.
from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from respot.jobs.job import JobId, JobState
    from respot.recording.observation import SweepObservation
    from respot.recovery.planning.run import RunId
    from respot.runs.summary import RunSummary, StoredSummary
    from respot.sweep.progress import SweepProgress


class JobIndex(Protocol):
    """Lists of the ledger's jobs. They may lag behind `JobStore.save` by a moment.

    Every method raises LedgerUnavailableError when the store refuses or does not answer.
    """

    def state_of(self, jobs: Sequence[JobId]) -> Mapping[JobId, JobState | None]:
        """The states of the jobs that are known; `None` for one whose state cannot be read."""

    def open_jobs(self, region: str, *, since: datetime, until: datetime) -> tuple[JobId, ...]:
        """The region's jobs that have not ended, created between two moments, both included."""

    def oldest_open(self, region: str, *, since: datetime) -> datetime | None:
        """The creation of the region's oldest job that has not ended, created at `since` or later; `None` if none."""

    def changed(self, *, since: datetime, until: datetime, limit: int) -> tuple[tuple[JobId, datetime], ...]:
        """Jobs of all regions whose last change lies between two moments, both included; the oldest change first.

        At most `limit` of them, and the rest of those that changed in the same millisecond as the last one.
        """


class RunIndex(Protocol):
    """Lists of the runs' summaries. Every method raises LedgerUnavailableError when the store does not answer."""

    def load(self, run: RunId) -> StoredSummary | None:
        """See `SummaryStore.load`."""

    def open_runs(self, region: str, *, since: datetime, until: datetime) -> Mapping[RunId, RunSummary | None]:
        """The region's runs that go on by their summaries, with these.

        Those that began between two moments, both included; `None` for one whose summary cannot be read. The list may
        lag behind `SummaryStore.save` by a moment, and have a run that has just ended.
        """


class SweepStore(Protocol):
    """How far the sweeps have come. Every method raises LedgerUnavailableError when the store does not answer."""

    def lease(self, scope: str, *, now: datetime, lease: timedelta, watched_since: datetime) -> SweepProgress | None:
        """Lease a scope and read its progress; `None` while another invocation holds the lease.

        `watched_since` is saved if the scope is new or was abandoned; otherwise it is ignored.

        Raises:
            UnreadableItemError: this version cannot read the progress.
        """

    def lease_anew(
        self, scope: str, *, now: datetime, lease: timedelta, watched_since: datetime
    ) -> SweepProgress | None:
        """Lease a scope whose progress cannot be read, as a new one; `None` if another invocation holds the lease."""

    def save(self, progress: SweepProgress, *, until: datetime) -> None:
        """Save the progress, and set the end of the lease.

        Raises:
            LedgerContentionError: another invocation has leased the scope since.
        """


class RecheckQueue(Protocol):
    """The queue of observations, as the sweep fills it."""

    def send(self, rechecks: Sequence[tuple[SweepObservation, timedelta]]) -> None:
        """Have jobs described, each after its delay; sending one twice does no harm.

        Raises:
            QueueUnavailableError: some may not have been sent; send them again.
        """

    def backlog(self) -> int:
        """About how many observations are ready to be received.

        Raises:
            QueueUnavailableError: SQS did not say.
        """


class HeartbeatQueue(Protocol):
    """A queue that one of the functions reads."""

    def beat(self) -> None:
        """Send a heartbeat through the queue.

        Raises:
            QueueUnavailableError: it may not have been sent.
        """
