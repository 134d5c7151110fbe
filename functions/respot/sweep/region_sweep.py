"""Compares SageMaker's list of a region with the ledger."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from respot.errors import PolicyInvalidError, UnreadableItemError, UpstreamUnavailableError
from respot.jobs.job import JobId, JobState
from respot.jobs.lifecycle import is_terminal
from respot.jobs.listing import LONGEST_LIFE, Page, Summary
from respot.jobs.merge import same_creation
from respot.jobs.ports import Clock, JobLists, JobQueue, JobStore
from respot.recording.observation import SweepObservation
from respot.recovery.planning.wait_limit import is_time_for_deadline, is_time_to_ask, may_give_up
from respot.recovery.planning.waiting import seems_waiting, unknown_message
from respot.recovery.policy.policy import resolve
from respot.recovery.ports import Policies
from respot.sweep.ports import JobIndex, RecheckQueue
from respot.sweep.progress import (
    BEGINNING,
    SETTLING,
    SweepProgress,
    differs,
    is_awaited,
    is_full_due,
    oldest_for_quick_pass,
    oldest_to_list,
    should_record,
    started,
    with_proof,
)
from respot.sweep.report import SweepReport
from respot.sweep.run_check import RunCheck

PACE: Final = timedelta(seconds=1)
"""Between two calls of ListTrainingJobs: half of what an account may make. `recover` makes a quarter at most.

Source: `ListTrainingJobs` is limited to 2 requests a second, which cannot be raised.
"""
BACKLOG: Final = 500
"""Waiting observations from which on a list is not compared: events in a queue are not lost, and rechecks would only
make the queue longer. It also paces a long backfill: one sweep's jobs are recorded before the next one lists more."""


@dataclass(slots=True, kw_only=True)
class RegionSweep:
    """One pass over a region's list, page by page.

    Attributes:
        pause: waits that many seconds.
        backfill: how much of the time before the deployment is recorded.
        grace: how long an event may take before it counts as lost.
    """

    lists: JobLists
    ledger: JobStore
    index: JobIndex
    rechecks: RecheckQueue
    recoveries: JobQueue
    policies: Policies
    run_check: RunCheck
    clock: Clock
    pause: Callable[[float], None]
    backfill: timedelta
    grace: timedelta
    _last_call: datetime | None = field(default=None, init=False)

    def must_hold_back(self) -> bool:
        """Whether so many observations wait that a job that seems lost may be among them."""
        return self.rechecks.backlog() >= BACKLOG

    def start(self, progress: SweepProgress) -> SweepProgress:
        """A full pass, or one down to the region's oldest job that is open in the ledger.

        Open jobs older than a job can become are asked for by name at the end of each pass. Those that the
        index does not have yet, because it lags, are also asked for.
        """
        now = self.clock()
        if is_full_due(progress, now=now):
            return started(progress, now=now, down_to=None)
        oldest_alive = self.index.oldest_open(progress.scope, since=now - LONGEST_LIFE)
        return started(progress, now=now, down_to=oldest_for_quick_pass(oldest_alive=oldest_alive, now=now))

    def step(self, progress: SweepProgress, report: SweepReport, *, is_pass: bool = True) -> SweepProgress:
        """Compare one page: jobs that differ go to `record`, jobs that may exceed their wait limit to `recover`.

        Only the end of a pass asks by name for open jobs that are too old to be listed.
        """
        page, now = self._page(progress), self.clock()
        oldest = oldest_to_list(progress, backfill=self.backfill, now=now)
        listed = tuple(each for each in page.summaries if each.job.created >= oldest)
        odd = [each.job for each in page.unreadable]
        known = self.index.state_of([*(each.job for each in listed), *filter(None, odd)])
        compared = [each for each in listed if each.job in known or self._should_record(each, progress)]
        rechecks = [
            self._recheck(progress, each.job.name, now, after=self._delay(each, now))
            for each in compared
            if self._differs(each, known)
        ]
        live = [each.job for each in listed if not is_terminal(each.status)]
        missing = [job for job in (*live, *odd) if self._is_missing(job, known, progress)]
        # What else is missing differs.
        rechecks += [self._recheck(progress, job.name, now) for job in missing if job and job in odd]
        last = page.token is None or len(listed) < len(page.summaries)
        reached = oldest if last else min(each.job.created for each in listed) if listed else progress.reached
        rechecks += self._of_ledger(progress, compared, BEGINNING if last and is_pass else reached, now)
        self.rechecks.send(rechecks)
        report.rechecks += len(rechecks)
        report.unreadable += [UpstreamUnavailableError(each.why) for each in page.unreadable]
        states = [state for each in listed if (state := known.get(each.job))]
        report.unknown_messages += [words for state in states if (words := unknown_message(state))]
        for job in self._waiting_too_long(states, report, last=progress.last_began):
            self.recoveries.send(job)
            report.recoveries += 1
        created = [*(_created(job, progress) for job in missing), *filter(None, [progress.missing])]
        after = replace(
            progress, token=None if last else page.token, reached=reached, missing=min(created, default=None)
        )
        return with_proof(after, grace=self.grace) if last else after

    def _is_missing(self, job: JobId | None, states: Mapping[JobId, JobState | None], progress: SweepProgress) -> bool:
        """Whether the ledger should have the job as alive by now and has not; of `None`, nothing is known.

        A state that cannot be read is there, and `recover` has its job described.
        """
        if not is_awaited(_created(job, progress), progress, grace=self.grace):
            return False
        if job is None:
            return True
        known = [states[job]] if job in states else self._known_otherwise(job)
        return not known or any(state is not None and is_terminal(state.status) for state in known)

    def _page(self, progress: SweepProgress) -> Page:
        if self._last_call is not None:
            elapsed = self.clock() - self._last_call
            if elapsed < PACE:
                self.pause((PACE - elapsed).total_seconds())
        self._last_call = self.clock()
        return self.lists.page(progress.scope, progress.token)

    def _should_record(self, summary: Summary, progress: SweepProgress) -> bool:
        return should_record(summary, watched_since=progress.watched_since, backfill=self.backfill)

    def _differs(self, summary: Summary, states: Mapping[JobId, JobState | None]) -> bool:
        known = [states[summary.job]] if summary.job in states else self._known_otherwise(summary.job)
        if None in known:
            return False  # its state is there and cannot be read: what a recheck finds could not be written
        return differs(summary, known[0] if known else None)

    def _known_otherwise(self, job: JobId) -> Sequence[JobState | None]:
        """The state of a job whose creation the list rounds differently than Describe does."""
        same = next((other for other in self.ledger.find(job.region, job.name) if _is_same(other, job)), None)
        return () if same is None else tuple(self.index.state_of([same]).values())

    def _delay(self, summary: Summary, now: datetime) -> timedelta:
        """The event of a recent change may still be on its way: it counts as lost only if it does not arrive."""
        return self.grace if now - summary.last_modified < self.grace else timedelta()

    def _recheck(
        self,
        progress: SweepProgress,
        name: str,
        now: datetime,
        *,
        after: timedelta = timedelta(),
        unlisted: datetime | None = None,
    ) -> tuple[SweepObservation, timedelta]:
        """A message, and the delay with which to send it."""
        request = SweepObservation(
            region=progress.scope,
            name=name,
            watched_since=progress.watched_since,
            event_due_by=now + after - self.grace,
            unlisted=unlisted,
        )
        return request, after

    def _of_ledger(
        self, progress: SweepProgress, compared: Sequence[Summary], reached: datetime | None, now: datetime
    ) -> list[tuple[SweepObservation, timedelta]]:
        """Jobs that are open in the ledger and were not compared; `record` asks whether they still exist.

        A full pass adds those whose run's summary is outdated: `record` refreshes the run of each job.
        """
        until = min(progress.reached or now, now - SETTLING)
        if reached is None or reached > until:
            return []
        open_jobs = self.index.open_jobs(progress.scope, since=reached, until=until)
        live = [job for job in open_jobs if job.created != progress.reached]  # else compared with the page before
        unlisted = [job for job in live if not any(_is_same(job, each.job) for each in compared)]
        rechecks = [self._recheck(progress, job.name, now, unlisted=job.created) for job in unlisted]
        if progress.down_to is None:
            outdated = self.run_check.outdated(progress.scope, dict.fromkeys(live), since=reached, until=until)
            rechecks += [
                # SageMaker may no longer have a job that has ended, or have another one of its name.
                self._recheck(progress, job.name, now, unlisted=None if job in live else job.created)
                for job in outdated
                if job not in unlisted
            ]
        return rechecks

    def _waiting_too_long(
        self, states: Iterable[JobState], report: SweepReport, *, last: datetime | None
    ) -> Iterator[JobId]:
        """Jobs that may have exceeded their policy's wait limit; `recover` decides whether they have."""
        now = self.clock()
        waiting = [state for state in states if seems_waiting(state, now=now)]
        if not waiting:
            return
        try:
            account = self.policies.load()
        except (PolicyInvalidError, UpstreamUnavailableError) as error:
            report.policy_error = error
            return
        for state in waiting:
            # Few jobs have such a policy, and only their transitions are read.
            policy = resolve(account, state, role=state.role_arn).policy
            limit, due = policy.give_up_waiting_after, is_time_for_deadline(state, policy, last=last, now=now)
            if limit is None and not due:
                continue
            try:
                transitions, now = self.ledger.load(state.job).transitions, self.clock()
            except UnreadableItemError as error:
                report.unreadable.append(error)
                continue
            asked = due or is_time_to_ask(transitions, limit or timedelta(), last=last, now=now)
            if asked and may_give_up(state, transitions, account, now=now):
                yield state.job


def _created(job: JobId | None, progress: SweepProgress) -> datetime:
    """When the job was created; of one of which nothing is known, as early as matters."""
    return job.created if job else progress.recorded_until or BEGINNING


def _is_same(one: JobId, other: JobId) -> bool:
    """Whether two ids of a region are the same job, rounded differently."""
    return one.name == other.name and same_creation(one.created, other.created)
