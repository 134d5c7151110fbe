"""What a sweep compares, and when it looks after the jobs of the ledger itself."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from respot.jobs.job import JobId, JobState
from respot.jobs.lifecycle import DELETING, is_terminal
from respot.jobs.merge import TIMESTAMP_TOLERANCE

LONGEST_LIFE: Final = timedelta(days=31)
"""A training job lasts 30 days at most (28 of training): what was created earlier has ended."""
QUICK: Final = timedelta(days=1)
"""How far back every pass lists: a job whose events were all lost has been found long before it is as old as that."""
FULL_AFTER: Final = timedelta(minutes=50)
"""A pass is a full one if the last complete full one began so long ago.

Ten intervals of five minutes, or eleven where the schedule is some seconds late: two full passes begin less than an
hour apart, within which all is promised to be found. With an hour here, they would not.
"""
FIRST_CHECK: Final = timedelta(minutes=10)
"""After a job's last change: by then, all that follows from it has long been done, unless something was lost."""
_CHECKS: Final = 9
"""The checks of a job, each twice as late as the one before: the last after 43 hours, within recovery's three days."""
FRESH_DEPLOYMENT: Final = timedelta(hours=1)
"""A region that is first swept so soon after the deployment was watched from the beginning."""

ABANDONED: Final = timedelta(days=7)
"""A region that no sweep took in hand for so long was not watched; what happened meanwhile is history."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A job as ListTrainingJobs tells it.

    Attributes:
        job: which job.
        status: TrainingJobStatus.
        secondary_status: SecondaryStatus; `None` where SageMaker does not list it.
        last_modified: LastModifiedTime.
    """

    job: JobId
    status: str
    secondary_status: str | None
    last_modified: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page of the list, the newest creation first; without a token, the last one."""

    summaries: tuple[Summary, ...]
    token: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepProgress:
    """How far a sweep has come, so that another invocation goes on where one ran out of time.

    Attributes:
        scope: the region, or `CHECKS`.
        watched_since: since when events of the region are watched.
        taken_at: when the present invocation took it in hand.
        began: when the pass under way began; `None` if none is.
        token: where it has come to; `None` at its beginning.
        reached: the creation of the oldest job that it has compared; `None` at its beginning.
        down_to: the creation at which it may end; `None` if it is a full pass. Settled when it begins.
        last_began: when the last complete pass began; `None` if there was none.
        last_full: when the last complete full pass began; `None` if there was none.
    """

    scope: str
    watched_since: datetime
    taken_at: datetime
    began: datetime | None = None
    token: str | None = None
    reached: datetime | None = None
    down_to: datetime | None = None
    last_began: datetime | None = None
    last_full: datetime | None = None

    def age(self, now: datetime) -> timedelta:
        """Time since all was last known to be right."""
        return now - (self.last_began or self.watched_since)


def resumed(before: SweepProgress | None, *, scope: str, now: datetime, watched_since: datetime) -> SweepProgress:
    """The pass as an invocation takes it in hand: a new one, or where the one before left it.

    A scope that nobody took for `ABANDONED` is new again: the region was taken out of the settings, and put back.
    """
    if before is None or now - before.taken_at > ABANDONED:
        return SweepProgress(scope=scope, watched_since=watched_since, taken_at=now)
    return replace(before, taken_at=now)


def is_full_due(progress: SweepProgress, *, now: datetime) -> bool:
    """Whether a pass that begins now is to list all that is within the horizon."""
    return progress.last_full is None or now - progress.last_full >= FULL_AFTER


def oldest_for_quick_pass(*, oldest_alive: datetime | None, now: datetime) -> datetime:
    """Down to which creation a pass lists that is not a full one: past every job that the ledger holds to be alive.

    The list may tell the oldest one's creation with another rounding.
    """
    shallow = now - QUICK
    return shallow if oldest_alive is None else min(shallow, oldest_alive - TIMESTAMP_TOLERANCE)


def started(progress: SweepProgress, *, now: datetime, down_to: datetime | None) -> SweepProgress:
    """The pass at its beginning; down to there, however long it takes, or a full one."""
    return replace(progress, began=now, token=None, reached=None, down_to=down_to)


def completed(progress: SweepProgress) -> SweepProgress:
    """The pass at its end; one that was not full does not put the next full one off."""
    last_full = progress.began if progress.down_to is None else progress.last_full
    return replace(
        progress, began=None, token=None, reached=None, down_to=None, last_began=progress.began, last_full=last_full
    )


def restarted(progress: SweepProgress) -> SweepProgress:
    """The pass where its list forgot its place: the next one begins anew, and settles anew how far it lists."""
    return replace(progress, began=None, token=None, reached=None, down_to=None)


def differs(summary: Summary, known: JobState | None) -> bool:
    """Whether the ledger does not know what SageMaker lists."""
    if known is None:
        return True
    if known.status == DELETING:
        return False  # there is nothing after that, and the list lags
    return (
        summary.status != known.status
        or summary.secondary_status not in {None, known.secondary_status}
        or summary.last_modified > known.last_modified + TIMESTAMP_TOLERANCE
    )


def should_record(summary: Summary, *, watched_since: datetime, backfill: timedelta) -> bool:
    """Whether an unknown job is to be recorded: what ended long before the deployment is nobody's concern."""
    return not is_terminal(summary.status) or summary.job.created >= watched_since - backfill


def oldest_to_list(progress: SweepProgress, *, backfill: timedelta, now: datetime) -> datetime:
    """How far back a pass lists: the first one through the past that is to be filled in."""
    oldest = now - LONGEST_LIFE
    if progress.last_began is None:
        oldest = min(oldest, progress.watched_since - backfill)
    return oldest if progress.down_to is None else max(oldest, progress.down_to)


def watched_since(*, now: datetime, deployed: datetime) -> datetime:
    """Since when a region is watched that is swept for the first time: one that was added later, from now on."""
    return deployed if now - deployed < FRESH_DEPLOYMENT else now


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Jobs whose last change lies between two moments, both included."""

    since: datetime
    until: datetime


def windows(*, last: datetime, now: datetime) -> Sequence[Window]:
    """Those jobs whose time for a check has come since the last pass, the freshest first; no job is in two of them.

    But for one that changed in the very moment at which two of them meet, as they do after an outage.
    """
    return tuple(_windows(last, now))


def _windows(last: datetime, now: datetime) -> Iterator[Window]:
    after, until = FIRST_CHECK, now
    for _ in range(_CHECKS):
        since = last - after
        yield Window(since=since, until=min(now - after, until))
        after, until = after * 2, since
