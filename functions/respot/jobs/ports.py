"""Ports that all capabilities share: the clock, training jobs and their lists, the job store, a queue of jobs."""

# Annotations are not evaluated, and their types are imported only for type checking: a function loads what it runs.
from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from respot.jobs.job import JobId, JobRecord, JobSnapshot
    from respot.jobs.listing import Page
    from respot.jobs.merge import Change


class Clock(Protocol):
    """The clock."""

    def __call__(self) -> datetime:
        """The present moment, UTC."""


class TrainingJobs(Protocol):
    """SageMaker's training jobs: the source of truth."""

    def describe(self, region: str, name: str) -> JobSnapshot | None:
        """The job of that name now, with its whole history and without its tags.

        `None` means that SageMaker definitely answered that there is no such job.

        Raises:
            UpstreamUnavailableError: any other answer, or none; conclude nothing.
        """

    def tags(self, region: str, arn: str) -> Mapping[str, str] | None:
        """The job's tags; `None` if SageMaker definitely answered that there is no such job.

        Raises:
            UpstreamUnavailableError: any other answer, or none; conclude nothing.
        """


class JobLists(Protocol):
    """SageMaker's lists of training jobs."""

    def page(self, region: str, token: str | None) -> Page:
        """A page of the region's jobs, the newest creation first; the first page without a token.

        One call, never repeated: the account may make few of them.

        Raises:
            StaleTokenError: SageMaker no longer knows the token.
            UpstreamUnavailableError: SageMaker answered anything but a page.
        """


class JobStore(Protocol):
    """The audit trail of jobs.

    Every method raises LedgerUnavailableError if the store refuses or does not answer. What another version of Respot
    wrote, and this one cannot read, is an UnreadableItemError if it is one job's; a list of many jobs leaves it out.
    """

    def find(self, region: str, name: str) -> tuple[JobId, ...]:
        """The jobs that ever had that name, newest first. Eventually consistent with `save`."""

    def load(self, job: JobId) -> JobRecord:
        """The job's record, read consistently; an empty one if the job is unknown."""

    def save(self, change: Change) -> bool:
        """Write the state, then insert the transitions; `False`, with nothing changed, if the version is not current.

        A transition that exists is left as it is. After a crash, transitions may be missing; the next snapshot of the
        job inserts them.
        """

    def created_at(self) -> datetime:
        """When the ledger was first deployed."""

    def first_watched(self, region: str) -> datetime:
        """The same by what was written then: before `watched_since` only if the ledger was restored from a backup.

        What happened between the two may be missing, and so may what Respot did about it.
        """

    def watched_since(self, region: str) -> datetime:
        """Since when Respot watches a region, at the earliest `created_at`: what began before is history."""

    def recorded_until(self, region: str) -> datetime | None:
        """The ledger has every live job of the region that was created before, as a sweep saw; `None` if none did."""


class JobQueue(Protocol):
    """A queue of jobs to handle: those that have ended, or those with due alerts."""

    def send(self, job: JobId) -> None:
        """Send the job; sending it twice does no harm.

        Raises:
            QueueUnavailableError: it may not have been sent; send it again.
        """
