"""What SageMaker's list of training jobs says."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from respot.jobs.job import JobId

LONGEST_LIFE: Final = timedelta(days=31)
"""A training job lasts 30 days at most (28 of training): a job created earlier has ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A job as ListTrainingJobs reports it.

    Attributes:
        job: which job.
        status: TrainingJobStatus.
        secondary_status: SecondaryStatus; `None` where SageMaker does not list it.
        last_modified: LastModifiedTime.
        arn: its ARN; `None` where it is not known.
    """

    job: JobId
    status: str
    secondary_status: str | None
    last_modified: datetime
    arn: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadableSummary:
    """A job whose summary makes no sense.

    Attributes:
        job: which job; `None` if not even that can be read.
        why: which summary, and what is wrong with it.
    """

    job: JobId | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of the list, the newest creation first; without a token, the last one.

    Attributes:
        summaries: those that can be read.
        token: of the next page.
        unreadable: the others.
    """

    summaries: tuple[Summary, ...]
    token: str | None
    unreadable: tuple[UnreadableSummary, ...] = ()
