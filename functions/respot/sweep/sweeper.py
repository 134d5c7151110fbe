"""The sweep: runs every scope's pass for as long as time is left.

It concludes nothing. It sends the jobs that differ, and the functions behind the queues find out what is true. Sending
a job twice does no harm.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from respot.errors import RespotError, StaleTokenError, UnreadableItemError
from respot.jobs.ports import Clock, JobStore
from respot.schema import CHECKS
from respot.sweep.ledger_check import LedgerCheck
from respot.sweep.ports import SweepStore
from respot.sweep.progress import SweepProgress, completed, restarted, started, watched_since
from respot.sweep.region_sweep import PACE, RegionSweep
from respot.sweep.report import SweepReport

LONGEST_PAGE: Final = timedelta(seconds=50)
"""How long a page takes when SageMaker, DynamoDB and SQS are slow. With less time left, none is begun."""
LEASE: Final = timedelta(minutes=5)
"""How long an invocation leases the scopes: longer than the function may run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sweeper:
    """One pass over each region's list, and one over the ledger's own jobs.

    Attributes:
        regions: those that are watched.
    """

    ledger: JobStore
    sweeps: SweepStore
    region_sweep: RegionSweep
    ledger_check: LedgerCheck
    clock: Clock
    regions: tuple[str, ...]

    def sweep(self, *, time_left: Callable[[], timedelta]) -> tuple[SweepReport, ...]:
        """Advance every pass in the time that is left; nothing while another invocation holds the lease.

        The ledger's own jobs come first, which is quick. Then the regions, beginning with the one whose last complete
        pass is oldest.
        """
        now = self.clock()
        unreadable: dict[str, Exception] = {}
        checks = self._lease(CHECKS, now, unreadable)
        if checks is None:  # two at once would list twice as fast, each in a region of its own
            return ()
        regions = [each for scope in self.regions if (each := self._lease(scope, now, unreadable))]
        regions.sort(key=lambda each: each.last_began or each.watched_since)
        run = [self._run(checks, SweepReport(scope=CHECKS, age=checks.age(now)), time_left)]
        reports = [SweepReport(scope=each.scope, age=each.age(now)) for each in regions]
        if any(each.began for each in regions):  # a pass that takes several invocations leaves the others no time
            regions = [self._list_newest(*each, time_left) for each in zip(regions, reports, strict=True)]
        run += [self._run(*each, time_left) for each in zip(regions, reports, strict=True)]
        for progress, report in reversed(run):  # the checks last: their lease keeps other invocations out
            self._release(progress, report)
        for _, report in run:
            report.unreadable += [error] if (error := unreadable.get(report.scope)) else []
        return tuple(report for _, report in run)

    def _lease(self, scope: str, now: datetime, unreadable: dict[str, Exception]) -> SweepProgress | None:
        """The scope's progress, leased; what cannot be read is only a cursor, and a new pass begins without it.

        Such a region counts as watched since the deployment: nothing of it passes for history that is none.
        """
        deployed = self.ledger.created_at()
        since = watched_since(now=now, deployed=deployed)
        try:
            return self.sweeps.lease(scope, now=now, lease=LEASE, watched_since=since)
        except UnreadableItemError as error:
            unreadable[scope] = error
            return self.sweeps.lease_anew(scope, now=now, lease=LEASE, watched_since=deployed)

    def _run(
        self, progress: SweepProgress, report: SweepReport, time_left: Callable[[], timedelta]
    ) -> tuple[SweepProgress, SweepReport]:
        part = self.ledger_check if progress.scope == CHECKS else self.region_sweep
        try:
            if progress.scope != CHECKS and time_left() >= LONGEST_PAGE:
                report.held_back = self.region_sweep.must_hold_back()
            while not report.complete and not report.held_back and time_left() >= LONGEST_PAGE:
                if progress.began is None:
                    progress = part.start(progress)
                progress = part.step(progress, report)
                if progress.token is None:
                    progress, report.complete = completed(progress), True
                self.sweeps.save(progress, until=progress.leased_at + LEASE)
        except StaleTokenError as error:
            progress, report.error = restarted(progress), error
        except RespotError as error:
            report.error = error
        report.age = progress.age(self.clock())
        return progress, report

    def _list_newest(
        self, progress: SweepProgress, report: SweepReport, time_left: Callable[[], timedelta]
    ) -> SweepProgress:
        """Compare the jobs created since `recorded_until`, wherever the passes are.

        `recover` lists as far back before each creation, and has few pages. Half of the time is left for what follows.
        """
        least = LONGEST_PAGE + max((time_left() - LONGEST_PAGE) / 2, PACE)
        if progress.recorded_until is None or time_left() < least:
            return progress
        newest = started(progress, now=self.clock(), down_to=progress.recorded_until)
        try:
            while time_left() >= least and not self.region_sweep.must_hold_back():
                newest = self.region_sweep.step(newest, report, is_pass=False)
                if newest.token is None:
                    until, since = newest.recorded_until, newest.missing_since
                    return replace(progress, recorded_until=until, missing_since=since)
        except RespotError as error:  # the pass goes on: it may fare better
            report.error = error
        return progress

    def _release(self, progress: SweepProgress, report: SweepReport) -> None:
        """Save the progress and end the lease; if that fails, the lease expires."""
        try:
            self.sweeps.save(progress, until=self.clock())
        except RespotError as error:
            report.error = report.error or error
