"""Ports of the sweep: lists, the index of jobs, its own progress, the queues that it fills."""

# Annotations are not evaluated, and their types are imported for type checking alone: a function loads only what it
# runs.
from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from respot.jobs.job import JobId, JobState
    from respot.sweep.progress import Page, SweepProgress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from respot.jobs.job import JobId
    from respot.recording.observation import SweepObservation


class JobLists(Protocol):
    """SageMaker's lists of training jobs."""

    def page(self, region: str, token: str | None) -> Page:
        """A page of the region's jobs, the newest creation first, from the beginning or from where a token points.

        One call, never repeated: the account may make few of them.

        Raises:
            StaleTokenError: SageMaker does not know the token any more.
            UpstreamUnavailableError: anything else but a page.
        """


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


class RecheckQueue(Protocol):
    """The queue of observations, as the sweep fills it."""

    def send(self, rechecks: Sequence[tuple[SweepObservation, timedelta]]) -> None:
        """Have jobs looked at, each after its delay; sending one twice does no harm.

        Raises:
            QueueUnavailableError: some may not have been sent; send them again.
        """

    def backlog(self) -> int:
        """How many observations wait that could be taken now, more or less.

        Raises:
            QueueUnavailableError: it is not known.
        """


class HeartbeatQueue(Protocol):
    """A queue that a function reads, as the sweep shows that it does."""

    def beat(self) -> None:
        """Send a heartbeat through it.

        Raises:
            QueueUnavailableError: it may not have been sent.
        """
