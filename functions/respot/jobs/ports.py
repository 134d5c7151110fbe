"""Ports that all capabilities share: the clock, training jobs, the job store, a queue of jobs."""

# Annotations are not evaluated, and their types are imported for type checking alone: a function loads only what it
# runs.
from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from respot.jobs.job import JobId


from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from respot.jobs.job import JobId, JobRecord, JobSnapshot
    from respot.jobs.merge import Change


class Clock(Protocol):
    """The time of day."""

    def __call__(self) -> datetime:
        """The present moment, UTC."""


class TrainingJobs(Protocol):
    """SageMaker's training jobs, read: the truth."""

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


class JobQueue(Protocol):
    """A queue of jobs to be looked after: those that have ended, or those whose alerts are due."""

    def send(self, job: JobId) -> None:
        """Have the job looked after; sending it twice does no harm.

        Raises:
            QueueUnavailableError: it may not have been sent; send it again.
        """
