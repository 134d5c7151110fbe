"""Compares the jobs that are live in the ledger with the summaries of the runs that go on."""

from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from respot.errors import ItemError
from respot.jobs.job import JobId
from respot.jobs.lifecycle import is_terminal
from respot.recovery.planning.attempt import may_be_attempt
from respot.recovery.planning.run import first_job, run_id
from respot.recovery.ports import RunStore
from respot.recovery.records import OutcomeKind
from respot.runs.run_state import RunState
from respot.runs.summary import RunSummary
from respot.sweep.ports import JobIndex, RunIndex


@dataclass(frozen=True, slots=True, kw_only=True)
class RunCheck:
    """Finds runs whose summary an earlier version did not write, or did not bring up to date."""

    index: JobIndex
    summaries: RunIndex
    runs: RunStore

    def outdated(self, region: str, live: Collection[JobId], *, since: datetime, until: datetime) -> Iterator[JobId]:
        """A job of each run whose summary is missing, cannot be read, or does not know that its job has ended.

        Args:
            region: of the jobs and the runs.
            live: the region's jobs that are live in the ledger, and were created between the two moments.
            since: the earliest creation of a job, and of a run's first job; included.
            until: the latest one; included.
        """
        listed = self.summaries.open_runs(region, since=since, until=until)
        known = {summary.job: summary for summary in listed.values() if summary}
        states = self.index.state_of([job for job in known if job not in live])
        ended = (known[job] for job, state in states.items() if state and is_terminal(state.status))
        yield from (summary.job for summary in ended if not self._recovers(summary))
        yield from (first for run, summary in listed.items() if not summary and (first := first_job(run)) not in live)
        missing = [job for job in live if job not in known and not self._is_summarized(job)]
        readable = self.index.state_of(missing) if missing else {}
        yield from (job for job in missing if readable.get(job))

    def _recovers(self, summary: RunSummary) -> bool:
        """Whether something is still to come, with which the run is refreshed.

        That is a decision, its outcome, or the first report of the job that was created. If an item cannot be read,
        no refresh could read it either.
        """
        if summary.state is not RunState.RECOVERING:
            return False
        try:
            records = self.runs.recovery_records(summary.job)
        except ItemError:
            return True
        outcome = records.outcome
        if outcome is None or outcome.kind is not OutcomeKind.CREATED:
            return not records.are_settled
        created = outcome.job_created and replace(summary.job, name=outcome.name, created=outcome.job_created)
        return not (created and self.index.state_of([created]).get(created))

    def _is_summarized(self, job: JobId) -> bool:
        """Whether the summary of a run that began before the page names the job; one that cannot be read does not.

        The run that the job would have begun itself is not among those that go on. If the attempts of that name cannot
        be read, no refresh could read them either.
        """
        if not may_be_attempt(job.name):
            return False
        try:
            runs = {attempt.run for attempt in self.runs.attempts_named(job.region, job.name)} - {run_id(job)}
        except ItemError:
            return True
        with suppress(ItemError):
            return any(stored.summary.job == job for run in runs if (stored := self.summaries.load(run)))
        return False
