"""The rules of the sweep: how far back it lists, which jobs it sends, when it checks the jobs of the ledger."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from respot.jobs.job import JobState
from respot.jobs.lifecycle import DELETING, is_terminal
from respot.jobs.listing import LONGEST_LIFE, Summary
from respot.jobs.merge import TIMESTAMP_TOLERANCE

BEGINNING: Final = datetime.fromtimestamp(0, tz=UTC)
"""Before any job."""
QUICK: Final = timedelta(days=1)
"""How far back every pass lists: a job whose events were all lost is found long before it is that old."""
FULL_AFTER: Final = timedelta(minutes=50)
"""The next pass is a full one if the last complete full one began this long ago.

Ten intervals of five minutes, or eleven if the schedule is some seconds late. Two full passes therefore begin less
than an hour apart, and every job is found within an hour. With an hour here, that would not hold.
"""
FIRST_CHECK: Final = timedelta(minutes=10)
"""After a job's last change. By then, all that follows from the change has been done, unless something was lost."""
_CHECKS: Final = 9
"""Checks of a job, each twice as late as the one before: the last after 43 hours, within recovery's three days."""
FRESH_DEPLOYMENT: Final = timedelta(hours=1)
"""A region that is first swept this soon after the deployment counts as watched since the deployment."""
SETTLING: Final = timedelta(minutes=5)
"""SageMaker's list may not show a younger job yet. One that is older, beyond the grace for events, must be recorded."""
AWAITED: Final = timedelta(hours=1)
"""For how long a live job that the ledger lacks keeps `recorded_until` from advancing, once it was found missing.

`record` may be late by an outage. A job that it can never record must not hold up every creation of the region.
"""
ABANDONED: Final = timedelta(days=7)
"""A region that no sweep has leased for this long was not watched: what happened there in that time is history."""
_SKEW: Final = timedelta(minutes=5)
"""By how much the clocks of two invocations may differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepProgress:
    """How far the sweep of a scope has come, so that the next invocation can resume it.

    Attributes:
        scope: the region, or `CHECKS`.
        watched_since: since when events of the region are watched.
        leased_at: when the present invocation leased the scope.
        began: when the pass under way began; `None` if none is.
        token: the next page; `None` at the beginning of a pass.
        reached: the creation of the oldest job compared in this pass; `None` at its beginning.
        down_to: the creation at which this pass may end, fixed when it begins; `None` for a full pass.
        last_began: when the last complete pass began; `None` if there was none.
        last_full: when the last complete full pass began; `None` if there was none.
        recorded_until: the ledger has every live job that was created before; `None` if that is not known.
        missing: the creation of the oldest live job that this pass has listed and the ledger should have by now.
        missing_since: when the first of the passes in a row began that found such a job; `None` if the last found none.
    """

    scope: str
    watched_since: datetime
    leased_at: datetime
    began: datetime | None = None
    token: str | None = None
    reached: datetime | None = None
    down_to: datetime | None = None
    last_began: datetime | None = None
    last_full: datetime | None = None
    recorded_until: datetime | None = None
    missing: datetime | None = None
    missing_since: datetime | None = None

    def age(self, now: datetime) -> timedelta:
        """Time since the last complete pass began, or since the scope is watched."""
        return now - (self.last_began or self.watched_since)


def resumed(before: SweepProgress | None, *, scope: str, now: datetime, watched_since: datetime) -> SweepProgress:
    """The progress of a scope that is leased now: as it was saved, or new.

    A scope that was not leased for `ABANDONED` is new: the region was removed from the settings, then added again.
    A pass that begins in the future is none: the next one would otherwise wait for that time.
    """
    if before is None or now - before.leased_at > ABANDONED:
        return SweepProgress(scope=scope, watched_since=watched_since, leased_at=now)
    began, last_began, last_full, missing_since = (
        None if moment and moment > now + _SKEW else moment
        for moment in (before.began, before.last_began, before.last_full, before.missing_since)
    )
    until = before.recorded_until
    return replace(
        before,
        leased_at=now,
        began=began,
        last_began=last_began,
        last_full=last_full,
        recorded_until=None if until and until > now + _SKEW - SETTLING else until,
        missing_since=missing_since,
    )


def is_full_due(progress: SweepProgress, *, now: datetime) -> bool:
    """Whether a pass that begins now must be a full one."""
    return progress.last_full is None or progress.recorded_until is None or now - progress.last_full >= FULL_AFTER


def oldest_for_quick_pass(*, oldest_alive: datetime | None, now: datetime) -> datetime:
    """The creation at which a quick pass may end: a day ago, and past every job that is open in the ledger.

    The tolerance is for the list, which may round the oldest job's creation differently.
    """
    oldest = now - QUICK
    return oldest if oldest_alive is None else min(oldest, oldest_alive - TIMESTAMP_TOLERANCE)


def started(progress: SweepProgress, *, now: datetime, down_to: datetime | None) -> SweepProgress:
    """A pass at its beginning; a full one if `down_to` is `None`."""
    return replace(progress, began=now, token=None, reached=None, down_to=down_to, missing=None)


def is_awaited(created: datetime, progress: SweepProgress, *, grace: timedelta) -> bool:
    """Whether the ledger should have a live job of that creation by now, and may still get it."""
    if created >= _settled(progress, grace) or created < (progress.recorded_until or BEGINNING):
        return False
    # A job created before `missing_since` has been missing all that time.
    return not _awaited_for_long(progress) or created >= (progress.missing_since or BEGINNING)


def with_proof(progress: SweepProgress, *, grace: timedelta) -> SweepProgress:
    """The progress with `recorded_until` as it is at the end of a pass.

    A quick pass proves it only if it has listed all that was not proven before.
    """
    before, oldest, since = progress.recorded_until, progress.missing, progress.missing_since
    if progress.down_to is not None and (before is None or progress.down_to > before):
        return progress
    until = max(before or BEGINNING, min(_settled(progress, grace), oldest or datetime.max.replace(tzinfo=UTC)))
    if oldest is None:
        since = None
    elif since is None or _awaited_for_long(progress):
        since = _began(progress)
    return replace(progress, recorded_until=until, missing_since=since)


def _awaited_for_long(progress: SweepProgress) -> bool:
    return progress.missing_since is not None and _began(progress) - progress.missing_since >= AWAITED


def _settled(progress: SweepProgress, grace: timedelta) -> datetime:
    return _began(progress) - grace - SETTLING


def _began(progress: SweepProgress) -> datetime:
    return progress.began or progress.leased_at


def completed(progress: SweepProgress) -> SweepProgress:
    """The pass at its end; a quick one does not postpone the next full one."""
    last_full = progress.began if progress.down_to is None else progress.last_full
    return replace(
        progress, began=None, token=None, reached=None, down_to=None, last_began=progress.began, last_full=last_full
    )


def restarted(progress: SweepProgress) -> SweepProgress:
    """The pass after SageMaker rejected its token: it starts again, and decides again how far back it lists."""
    return replace(progress, began=None, token=None, reached=None, down_to=None)


def differs(summary: Summary, known: JobState | None) -> bool:
    """Whether SageMaker lists what the ledger does not have."""
    if known is None:
        return True
    if known.status == DELETING:
        return False  # nothing follows a deletion, and the list lags
    return (
        summary.status != known.status
        or summary.secondary_status not in {None, known.secondary_status}
        or summary.last_modified > known.last_modified + TIMESTAMP_TOLERANCE
    )


def should_record(summary: Summary, *, watched_since: datetime, backfill: timedelta) -> bool:
    """Whether to record an unknown job: not if it ended before the backfill."""
    return not is_terminal(summary.status) or summary.job.created >= watched_since - backfill


def oldest_to_list(progress: SweepProgress, *, backfill: timedelta, now: datetime) -> datetime:
    """The oldest creation that a pass lists; the first pass also covers the backfill."""
    oldest = now - LONGEST_LIFE
    if progress.last_began is None:
        oldest = min(oldest, progress.watched_since - backfill)
    return oldest if progress.down_to is None else max(oldest, progress.down_to)


def watched_since(*, now: datetime, deployed: datetime) -> datetime:
    """Since when a region is watched that is swept for the first time; one that was added later, from now on."""
    return deployed if now - deployed < FRESH_DEPLOYMENT else now


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckPeriod:
    """Jobs whose last change lies between two moments, both included, are due for a check."""

    since: datetime
    until: datetime


def check_periods(*, last: datetime, now: datetime) -> Sequence[CheckPeriod]:
    """The jobs that are due for a check and were not yet at the last pass, the freshest first.

    No job is in two periods, except one that changed at the very moment at which two of them meet after an outage.
    """
    return tuple(_check_periods(last, now))


def _check_periods(last: datetime, now: datetime) -> Iterator[CheckPeriod]:
    after, until = FIRST_CHECK, now
    for _ in range(_CHECKS):
        since = last - after
        yield CheckPeriod(since=since, until=min(now - after, until))
        after, until = after * 2, since
