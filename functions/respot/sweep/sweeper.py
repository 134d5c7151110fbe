"""Sweeps: compares SageMaker's list with the ledger, and the ledger with what should have followed from it.

Nothing is concluded here. What differs is sent to be looked at, what lacks something is sent to be looked after: the
queues' functions find out what is true, and sending a job twice does no harm.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from respot.alerting.ports import Ledger
from respot.alerting.required import required_alerts
from respot.errors import PolicyInvalidError, RespotError, StaleTokenError, UpstreamUnavailableError
from respot.jobs.formatting import iso
from respot.jobs.job import JobId, JobState
from respot.jobs.lifecycle import is_terminal, lacks_its_end
from respot.jobs.merge import same_creation
from respot.jobs.ports import Clock, JobQueue
from respot.recording.observation import SweepObservation
from respot.recovery.planning.decision import Action
from respot.recovery.planning.wait_limit import is_time_to_ask, may_give_up
from respot.recovery.planning.waiting import is_waiting, unknown_message
from respot.recovery.policy.policy import resolve
from respot.recovery.ports import Policies, RunStore
from respot.recovery.records import RecoveryRecords
from respot.schema import CHECKS
from respot.sweep.ports import JobIndex, JobLists, RecheckQueue, SweepStore
from respot.sweep.progress import (
    LONGEST_LIFE,
    Page,
    Summary,
    SweepProgress,
    completed,
    differs,
    is_full_due,
    oldest_for_quick_pass,
    oldest_to_list,
    restarted,
    should_record,
    started,
    watched_since,
    windows,
)

LONGEST_PAGE: Final = timedelta(seconds=50)
"""What a page takes when SageMaker, DynamoDB and SQS are slow: begun with less time left, it might not be finished."""
PACE: Final = timedelta(seconds=1)
"""Between two calls of ListTrainingJobs: half of what an account may make, so that its own users keep the other half.

Source: `ListTrainingJobs` is limited to 2 requests a second, which cannot be raised.
"""
LEASE: Final = timedelta(minutes=5)
"""How long the passes stay in one invocation's hand: longer than the function may run."""
BACKLOG: Final = 500
"""Observations that wait, from which on a list is not compared: events in a queue are not lost, and looks would only
make the queue longer. It also paces a long backfill: what one sweep has found is recorded before the next one looks."""
_SETTLED: Final = timedelta(minutes=5)
"""A job younger than this may be missing from SageMaker's list for no other reason than that."""
_CHECKED_AT_ONCE: Final = 50
"""Three readings and two messages each: what LONGEST_PAGE has room for when each takes a fifth of a second."""
_BEGINNING: Final = datetime.fromtimestamp(0, tz=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


@dataclass(slots=True, kw_only=True)
class SweepReport:
    """What an invocation has done for one scope.

    Attributes:
        scope: a region, or the ledger's own jobs.
        age: time since the last complete pass began, once this one is over.
        complete: whether the pass has come to its end.
        looks: jobs sent to be looked at.
        recoveries: jobs sent to be decided on or created, or to be given up.
        alerts: jobs sent to be alerted on.
        held_back: so many observations wait that what seems lost may be among them; the next invocation goes on.
        error: what stopped it; the next invocation goes on from there.
        policy_error: why no job was given up that has waited long; nothing else depends on the policy.
        unknown_messages: of jobs that may be waiting, what SageMaker says if it does not tell whether they are.
    """

    scope: str
    age: timedelta
    complete: bool = False
    rechecks: int = 0
    recoveries: int = 0
    alerts: int = 0
    held_back: bool = False
    error: RespotError | None = None
    policy_error: RespotError | None = None
    unknown_messages: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Sweeper:
    """One pass over each region's list, and one over the ledger's own jobs.

    Attributes:
        regions: those that are watched.
        backfill: how much of the time before the deployment is recorded.
        grace: how long an event may take before it counts as lost.
        pause: waits that many seconds.
    """

    lists: JobLists
    ledger: Ledger
    index: JobIndex
    runs: RunStore
    sweeps: SweepStore
    rechecks: RecheckQueue
    recoveries: JobQueue
    due_alerts: JobQueue
    policies: Policies
    clock: Clock
    pause: Callable[[float], None]
    regions: tuple[str, ...]
    backfill: timedelta
    grace: timedelta
    _last_call: datetime | None = field(default=None, init=False)

    def sweep(self, *, time_left: Callable[[], timedelta]) -> tuple[SweepReport, ...]:
        """Take every pass as far as it comes in the time that is left; nothing while another invocation is at it.

        The ledger's own jobs come first, which is quick; then the regions, the one that was complete longest ago first.
        """
        now = self.clock()
        checks = self._take(CHECKS, now)
        if checks is None:  # two at once would list twice as fast, each in a region of its own
            return ()
        regions = [each for scope in self.regions if (each := self._take(scope, now))]
        regions.sort(key=lambda each: each.last_began or each.watched_since)
        run = [self._run(each, time_left) for each in (checks, *regions)]
        for progress, swept in reversed(run):  # the checks last: they let the next invocation in
            self._release(progress, swept)
        return tuple(swept for _, swept in run)

    def _take(self, scope: str, now: datetime) -> SweepProgress | None:
        since = watched_since(now=now, deployed=self.ledger.created_at())
        return self.sweeps.take(scope, now=now, lease=LEASE, watched_since=since)

    def _run(self, progress: SweepProgress, time_left: Callable[[], timedelta]) -> tuple[SweepProgress, SweepReport]:
        swept = SweepReport(scope=progress.scope, age=progress.age(self.clock()))
        step = self._check if progress.scope == CHECKS else self._compare
        try:
            if progress.scope != CHECKS and time_left() >= LONGEST_PAGE:
                swept.held_back = self.rechecks.backlog() >= BACKLOG
            while not swept.complete and not swept.held_back and time_left() >= LONGEST_PAGE:
                if progress.began is None:
                    progress = self._begin(progress)
                progress = step(progress, swept)
                if progress.token is None:
                    progress, swept.complete = completed(progress), True
                self.sweeps.keep(progress, until=progress.taken_at + LEASE)
        except StaleTokenError as error:
            progress, swept.error = restarted(progress), error
        except RespotError as error:
            swept.error = error
        swept.age = progress.age(self.clock())
        return progress, swept

    def _begin(self, progress: SweepProgress) -> SweepProgress:
        """A full pass, or one down to the oldest job of the region that the ledger holds to be alive.

        What it holds to be alive and is older than a job can become is asked for by its name, at the end of each pass.
        So is what the index, which lags, does not know yet.
        """
        now = self.clock()
        if progress.scope == CHECKS or is_full_due(progress, now=now):
            return started(progress, now=now, down_to=None)
        oldest_alive = self.index.oldest_open(progress.scope, since=now - LONGEST_LIFE)
        return started(progress, now=now, down_to=oldest_for_quick_pass(oldest_alive=oldest_alive, now=now))

    def _release(self, progress: SweepProgress, swept: SweepReport) -> None:
        """Write down where the pass stands and let go of it; if that fails, the lease lapses."""
        try:
            self.sweeps.keep(progress, until=self.clock())
        except RespotError as error:
            swept.error = swept.error or error

    # --- SageMaker's list against the ledger

    def _compare(self, progress: SweepProgress, swept: SweepReport) -> SweepProgress:
        """Compare one page; what is under way or lost is for `record` to look at."""
        page, now = self._page(progress), self.clock()
        oldest = oldest_to_list(progress, backfill=self.backfill, now=now)
        listed = tuple(each for each in page.summaries if each.job.created >= oldest)
        known = self.index.state_of([each.job for each in listed])
        compared = [each for each in listed if each.job in known or self._is_of_interest(each, progress)]
        rechecks = [
            self._look(progress, each.job.name, now, after=self._delay(each, now))
            for each in compared
            if self._differs(each, known)
        ]
        last = page.token is None or len(listed) < len(page.summaries)
        reached = oldest if last else min(each.job.created for each in listed) if listed else progress.reached
        # What the ledger holds to be alive beyond the horizon is not listed, or not compared: it is asked for.
        rechecks += self._missed(progress, compared, _BEGINNING if last else reached, now)
        self.rechecks.send(rechecks)
        swept.rechecks += len(rechecks)
        states = [known[each.job] for each in listed if each.job in known]
        swept.unknown_messages += [words for state in states if (words := unknown_message(state))]
        for job in self._waiting_too_long(states, swept, last=progress.last_began):
            self.recoveries.send(job)
            swept.recoveries += 1
        return replace(progress, token=None if last else page.token, reached=reached)

    def _page(self, progress: SweepProgress) -> Page:
        if self._last_call is not None:
            elapsed = self.clock() - self._last_call
            if elapsed < PACE:
                self.pause((PACE - elapsed).total_seconds())
        self._last_call = self.clock()
        return self.lists.page(progress.scope, progress.token)

    def _is_of_interest(self, summary: Summary, progress: SweepProgress) -> bool:
        return should_record(summary, watched_since=progress.watched_since, backfill=self.backfill)

    def _differs(self, summary: Summary, states: Mapping[JobId, JobState]) -> bool:
        return differs(summary, states.get(summary.job) or self._known_otherwise(summary))

    def _known_otherwise(self, summary: Summary) -> JobState | None:
        """The state of a job whose creation the list tells with another rounding than Describe."""
        job = summary.job
        others = self.ledger.find(job.region, job.name)
        same = next((other for other in others if _is_same(other, job)), None)
        return None if same is None else self.index.state_of([same]).get(same)

    def _delay(self, summary: Summary, now: datetime) -> timedelta:
        """What has just changed may have an event on its way, which counts as lost only if it does not arrive."""
        return self.grace if now - summary.last_modified < self.grace else timedelta()

    def _look(
        self,
        progress: SweepProgress,
        name: str,
        now: datetime,
        *,
        after: timedelta = timedelta(),
        missed: datetime | None = None,
    ) -> tuple[SweepObservation, timedelta]:
        """A message, and the delay with which it is to be sent."""
        told = SweepObservation(
            region=progress.scope,
            name=name,
            watched_since=progress.watched_since,
            event_due_by=now + after - self.grace,
            unlisted=missed,
        )
        return told, after

    def _missed(
        self, progress: SweepProgress, compared: Sequence[Summary], reached: datetime | None, now: datetime
    ) -> list[tuple[SweepObservation, timedelta]]:
        """Jobs that the ledger holds to be alive and that were not compared; `record` asks whether they are."""
        until = min(progress.reached or now, now - _SETTLED)
        if reached is None or reached > until:
            return []
        return [
            self._look(progress, job.name, now, missed=job.created)
            for job in self.index.open_jobs(progress.scope, since=reached, until=until)
            if job.created != progress.reached  # else it was compared with the page before
            and not any(_is_same(job, each.job) for each in compared)
        ]

    def _waiting_too_long(
        self, states: Iterable[JobState], swept: SweepReport, *, last: datetime | None
    ) -> Iterator[JobId]:
        """Jobs that may be given up by the policy; whether they are is decided where jobs are recovered."""
        now = self.clock()
        waiting = [state for state in states if is_waiting(state, now=now)]
        if not waiting:
            return
        try:
            account = self.policies.load()
        except (PolicyInvalidError, UpstreamUnavailableError) as error:
            swept.policy_error = error
            return
        for state in waiting:
            # Few jobs have such a policy: only of those are the transitions read.
            limit = resolve(account, state, role=state.role_arn).policy.give_up_waiting_after
            if limit is None:
                continue
            transitions, now = self.ledger.load(state.job).transitions, self.clock()
            if is_time_to_ask(transitions, limit, last=last, now=now) and may_give_up(
                state, transitions, account, now=now
            ):
                yield state.job

    # --- the ledger against what should have followed

    def _check(self, progress: SweepProgress, swept: SweepReport) -> SweepProgress:
        """Look after some of the jobs whose time for a check has come."""
        due = windows(last=progress.last_began or progress.watched_since, now=progress.began or self.clock())
        place, since = _read_place(progress.token)
        changed = self.index.changed(since=since or due[place].since, until=due[place].until, limit=_CHECKED_AT_ONCE)
        for job, _ in changed:
            self._check_job(job, swept)
        if len(changed) >= _CHECKED_AT_ONCE:
            return replace(progress, token=f"{place} {iso(changed[-1][1] + _MILLISECOND)}")
        return replace(progress, token=f"{place + 1}" if place + 1 < len(due) else None)

    def _check_job(self, job: JobId, swept: SweepReport) -> None:
        record, recovery_records = self.ledger.load(job), self.runs.recovery_records(job)
        if record.state is None:
            return  # it has expired meanwhile
        if lacks_its_end(record):
            # Whoever wrote the state died before the transitions. No list shows that, and all else follows from the
            # look; it is no event that was lost.
            since = self.ledger.watched_since(job.region)
            told = SweepObservation(
                region=job.region, name=job.name, watched_since=since, event_due_by=_BEGINNING, unlisted=job.created
            )
            self.rechecks.send([(told, timedelta())])
            swept.rechecks += 1
            return
        if is_terminal(record.state.status) and _is_open(recovery_records):
            self.recoveries.send(job)
            swept.recoveries += 1
        settled = {(alert_record.kind, alert_record.transition.started) for alert_record in self.ledger.alerts(job)}
        if required_alerts(record, record.state, recovery_records) - settled:
            self.due_alerts.send(job)
            swept.alerts += 1


def _is_same(one: JobId, other: JobId) -> bool:
    """Whether two jobs of a region are one, told with different rounding."""
    return one.name == other.name and same_creation(one.created, other.created)


def _read_place(token: str | None) -> tuple[int, datetime | None]:
    """The window that a pass over the ledger has come to, and the moment in it."""
    place, _, since = (token or "0").partition(" ")
    return int(place), datetime.fromisoformat(since) if since else None


def _is_open(recovery_records: RecoveryRecords) -> bool:
    """Whether a decision is missing, or the attempt it calls for."""
    if recovery_records.decision is None:
        return True
    decision = recovery_records.decision.decision
    return decision.action is Action.RESUBMIT and not decision.dry_run and recovery_records.outcome is None
