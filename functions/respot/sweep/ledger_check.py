"""Checks the ledger's own jobs: whether what must follow from their state has been done."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from respot.alerting.ports import Ledger
from respot.alerting.required import missing_alerts, required_alerts
from respot.errors import ItemError, LedgerContentionError, RespotError, StaleTokenError
from respot.jobs.formatting import iso
from respot.jobs.job import JobId, nobody
from respot.jobs.lifecycle import is_terminal, lacks_its_end
from respot.jobs.ports import Clock, JobQueue
from respot.recording.observation import SweepObservation
from respot.recovery.ports import RunStore
from respot.sweep.ports import JobIndex, RecheckQueue
from respot.sweep.progress import BEGINNING, SweepProgress, check_periods, started
from respot.sweep.report import SweepReport

_CHECKED_AT_ONCE: Final = 15
"""Thirteen reads, a write and two messages each, at most: what LONGEST_PAGE has room for when each takes a fifth of a
second.
"""
_MILLISECOND: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerCheck:
    """One pass over the jobs of all regions that are due for a check."""

    ledger: Ledger
    index: JobIndex
    runs: RunStore
    rechecks: RecheckQueue
    recoveries: JobQueue
    due_alerts: JobQueue
    clock: Clock
    refresh_summary: Callable[[JobId], None] = nobody

    def start(self, progress: SweepProgress) -> SweepProgress:
        """Every pass is a full one."""
        return started(progress, now=self.clock(), down_to=None)

    def step(self, progress: SweepProgress, report: SweepReport) -> SweepProgress:
        """Check some of the jobs that are due."""
        due = check_periods(last=progress.last_began or progress.watched_since, now=progress.began or self.clock())
        place, since = _read_place(progress.token, len(due))
        changed = self.index.changed(since=since or due[place].since, until=due[place].until, limit=_CHECKED_AT_ONCE)
        for job, _ in changed:
            self._check_alone(job, report)
        if len(changed) >= _CHECKED_AT_ONCE:
            return replace(progress, token=f"{place} {iso(changed[-1][1] + _MILLISECOND)}")
        return replace(progress, token=f"{place + 1}" if place + 1 < len(due) else None)

    def _check_alone(self, job: JobId, report: SweepReport) -> None:
        """A job must not take the others with it; that AWS does not answer concerns them all."""
        try:
            self._check(job, report)
        except (ItemError, LedgerContentionError) as error:
            report.unreadable.append(error)
        except RespotError:
            raise
        except Exception as error:  # noqa: BLE001 - see above; the handler logs it
            error.add_note(f"while {job} was checked")
            report.unreadable.append(error)

    def _check(self, job: JobId, report: SweepReport) -> None:
        record, recovery_records = self.ledger.load(job), self.runs.recovery_records(job)
        if record.state is None:
            return  # it has expired since the index was read
        if lacks_its_end(record):
            # The writer of the state died before it wrote the transitions. No list shows that, and everything else
            # follows from the recheck. No event was lost: the recheck must not count one.
            since = self.ledger.watched_since(job.region)
            request = SweepObservation(
                region=job.region, name=job.name, watched_since=since, event_due_by=BEGINNING, unlisted=job.created
            )
            self.rechecks.send([(request, timedelta())])
            report.rechecks += 1
            return
        if is_terminal(record.state.status) and not recovery_records.are_settled:
            self.recoveries.send(job)
            report.recoveries += 1
        completed = {(alert.kind, alert.transition.started) for alert in self.ledger.alerts(job)}
        if missing_alerts(required_alerts(record, record.state, recovery_records), completed):
            self.due_alerts.send(job)
            report.alerts += 1
        self.refresh_summary(job)  # an earlier version wrote none, or an index was late


def _read_place(token: str | None, periods: int) -> tuple[int, datetime | None]:
    """The period that a pass has come to, and the moment in it.

    Raises:
        StaleTokenError: the token is none of this version's.
    """
    place, _, since = (token or "0").partition(" ")
    try:
        return range(periods)[int(place)], datetime.fromisoformat(since) if since else None
    except (ValueError, LookupError) as error:
        message = f"no place to go on from: {token!r:.100}"
        raise StaleTokenError(message) from error
