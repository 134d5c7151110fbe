"""The ports in memory: `tests/contracts` shows that they keep the same promises as the adapters of AWS."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar
from uuid import uuid4

from respot.alerting.alert import Alert, AlertRecord
from respot.alerting.digest.digest import CapacityPool, Digest, DigestEntry, DigestRecord, DigestWindow, is_over
from respot.alerting.kinds import AlertKind
from respot.alerting.ports import LeaseToken
from respot.errors import (
    AlertInProgressError,
    LedgerContentionError,
    LedgerUnavailableError,
    QueueUnavailableError,
    UnreadableItemError,
)
from respot.jobs.job import JobId, JobRecord, JobSnapshot, JobState, Transition
from respot.jobs.lifecycle import in_order, is_terminal
from respot.jobs.listing import Page, Summary
from respot.jobs.merge import Change
from respot.jobs.ports import Clock
from respot.recording.observation import SweepObservation
from respot.recovery.checkpoints.location import CheckpointLocation, Listing, StoredObject
from respot.recovery.planning.decision import Placement
from respot.recovery.planning.run import RunId, first_job
from respot.recovery.planning.start_history import MOST_SAMPLES, MeasuredStart, StartPool, StartSample
from respot.recovery.planning.waiting import StopIntent
from respot.recovery.policy.policy import AccountPolicy
from respot.recovery.records import (
    AttemptRecord,
    CreationIntent,
    DecisionRecord,
    LocationReservation,
    NextStep,
    Notice,
    NoticeKind,
    Outcome,
    RecoveryRecords,
    Refusal,
)
from respot.runs.summary import RunSummary, StoredSummary
from respot.sweep.progress import SweepProgress, resumed

K = TypeVar("K")


@dataclass(slots=True)
class MemoryLeases(Generic[K]):
    """Leases of anything: until when, and whose."""

    held: dict[K, tuple[datetime, LeaseToken]] = field(default_factory=dict)

    def take(self, what: K, *, now: datetime, lease: timedelta) -> LeaseToken:
        until, _ = self.held.get(what, (now, None))
        if now < until <= now + 2 * lease:
            message = f"{what} is leased until its lease expires"
            raise AlertInProgressError(message)
        token = LeaseToken(uuid4().hex)
        self.held[what] = now + lease, token
        return token

    def release(self, what: K, token: LeaseToken) -> None:
        _, standing = self.held.get(what, (None, None))
        if standing == token:
            del self.held[what]


@dataclass(slots=True, kw_only=True)
class MemoryLedger:
    """The ports `Ledger` and `JobIndex` in a few dictionaries."""

    created: datetime
    states: dict[JobId, tuple[JobState, int]] = field(default_factory=dict)
    transitions: dict[JobId, dict[tuple[str, datetime], Transition]] = field(default_factory=lambda: defaultdict(dict))
    leases: MemoryLeases[tuple[JobId, AlertKind, datetime]] = field(default_factory=MemoryLeases)
    alert_records: dict[tuple[JobId, AlertKind, datetime], AlertRecord] = field(default_factory=dict)
    watched: dict[str, datetime] = field(default_factory=dict)
    recorded: dict[str, datetime] = field(default_factory=dict)
    writes: int = 0

    def find(self, region: str, name: str) -> tuple[JobId, ...]:
        return tuple(sorted((job for job in self.states if (job.region, job.name) == (region, name)), reverse=True))

    def load(self, job: JobId) -> JobRecord:
        state, version = self.states.get(job, (None, 0))
        return JobRecord(state=state, version=version, transitions=in_order(self.transitions[job].values()))

    def save(self, change: Change) -> bool:
        job = change.state.job
        _, version = self.states.get(job, (None, 0))
        if change.state_changed:
            if version != change.version:
                return False
            self.states[job] = change.state, version + 1
            self.writes += 1
        for transition in (*change.inserted, *change.marked):
            self.save_transition(job, transition, is_new=transition in change.inserted)
        return True

    def save_transition(self, job: JobId, transition: Transition, *, is_new: bool) -> bool:
        """One of the writes of `save`; whether there was something to write."""
        key = transition.status, transition.started
        known = self.transitions[job].get(key)
        if (known is not None) if is_new else (known is None or known.ended_as is not None):
            return False
        self.transitions[job][key] = transition
        self.writes += 1
        return True

    def created_at(self) -> datetime:
        return self.created

    def first_watched(self, region: str) -> datetime:
        return self.watched.get(region, self.created)

    def watched_since(self, region: str) -> datetime:
        return max(self.watched.get(region, self.created), self.created)

    def recorded_until(self, region: str) -> datetime | None:
        return self.recorded.get(region)

    def state_of(self, jobs: Sequence[JobId]) -> dict[JobId, JobState | None]:
        return {job: self.states[job][0] for job in jobs if job in self.states}

    def open_jobs(self, region: str, *, since: datetime, until: datetime) -> tuple[JobId, ...]:
        return tuple(
            job
            for job, (state, _) in sorted(self.states.items(), key=lambda item: item[0].created)
            if job.region == region and since <= job.created <= until and not is_terminal(state.status)
        )

    def oldest_open(self, region: str, *, since: datetime) -> datetime | None:
        ever = datetime.max.replace(tzinfo=UTC)
        return next((job.created for job in self.open_jobs(region, since=since, until=ever)), None)

    def changed(self, *, since: datetime, until: datetime, limit: int) -> tuple[tuple[JobId, datetime], ...]:
        found = sorted(
            ((job, state.last_modified) for job, (state, _) in self.states.items()),
            key=lambda each: (each[1], each[0]),
        )
        within = [each for each in found if since <= each[1] <= until]
        cut = next((n for n in range(limit, len(within)) if within[n][1] != within[n - 1][1]), len(within))
        return tuple(within[:cut])

    def lease_alert(
        self, job: JobId, kind: AlertKind, transition: Transition, *, now: datetime, lease: timedelta
    ) -> LeaseToken | None:
        if (job, kind, transition.started) in self.alert_records:
            return None
        return self.leases.take((job, kind, transition.started), now=now, lease=lease)

    def release_alert(self, job: JobId, kind: AlertKind, transition: Transition, token: LeaseToken) -> None:
        self.leases.release((job, kind, transition.started), token)

    def complete_alert(self, alert_record: AlertRecord) -> None:
        key = alert_record.job, alert_record.kind, alert_record.transition.started
        self.alert_records.setdefault(key, alert_record)

    def alert_began(self, job: JobId, kind: AlertKind) -> datetime | None:
        begun = {*self.leases.held, *self.alert_records}
        return min((started for of, what, started in begun if (of, what) == (job, kind)), default=None)

    def alerts(self, job: JobId) -> tuple[AlertRecord, ...]:
        return tuple(
            sorted(
                (alert_record for alert_record in self.alert_records.values() if alert_record.job == job),
                key=lambda alert_record: alert_record.transition.started,
            )
        )


@dataclass(slots=True, kw_only=True)
class MemoryTrainingJobs:
    """The ports `TrainingJobs` and `JobLists`: what the test says that SageMaker says. Counts what it is asked.

    Attributes:
        faults: what the description of a job raises, by its name.
        tag_faults: the same for its tags, by its ARN.
        deleted_arns: jobs that were deleted before their tags were read.
    """

    snapshots: dict[tuple[str, str], JobSnapshot] = field(default_factory=dict)
    tags_by_arn: dict[str, Mapping[str, str]] = field(default_factory=dict)
    faults: dict[str, Exception] = field(default_factory=dict)
    tag_faults: dict[str, Exception] = field(default_factory=dict)
    deleted_arns: set[str] = field(default_factory=set)
    describes: int = 0
    tags_asked: int = 0
    page_length: int = 100

    def describe(self, region: str, name: str) -> JobSnapshot | None:
        self.describes += 1
        if name in self.faults:
            raise self.faults[name]
        seen = self.snapshots.get((region, name))
        return seen and replace(seen, state=replace(seen.state, tags=None))

    def tags(self, region: str, arn: str) -> Mapping[str, str] | None:  # noqa: ARG002 - the port's signature
        self.tags_asked += 1
        if arn in self.tag_faults:
            raise self.tag_faults[arn]
        return None if arn in self.deleted_arns else self.tags_by_arn.get(arn, {})

    def page(self, region: str, token: str | None) -> Page:
        here = [seen.state for (of, _), seen in self.snapshots.items() if of == region]
        newest = sorted(here, key=lambda state: state.job.created, reverse=True)
        first, end = int(token or 0), int(token or 0) + self.page_length
        summaries = tuple(
            Summary(
                job=state.job,
                status=state.status,
                secondary_status=state.secondary_status,
                last_modified=state.last_modified,
            )
            for state in newest[first:end]
        )
        return Page(summaries=summaries, token=str(end) if end < len(newest) else None)


@dataclass(slots=True, kw_only=True)
class MemorySweepStore:
    """The port `SweepStore` in two dictionaries."""

    progress: dict[str, SweepProgress] = field(default_factory=dict)
    leased_until: dict[str, datetime] = field(default_factory=dict)

    def lease(self, scope: str, *, now: datetime, lease: timedelta, watched_since: datetime) -> SweepProgress | None:
        before = self.progress.get(scope)
        if before and now < self.leased_until[scope] <= now + 2 * lease:
            return None
        progress = resumed(before, scope=scope, now=now, watched_since=watched_since)
        self.progress[scope], self.leased_until[scope] = progress, now + lease
        return progress

    def lease_anew(
        self, scope: str, *, now: datetime, lease: timedelta, watched_since: datetime
    ) -> SweepProgress | None:
        if self.lease(scope, now=now, lease=lease, watched_since=watched_since) is None:
            return None
        self.progress[scope] = resumed(None, scope=scope, now=now, watched_since=watched_since)
        return self.progress[scope]

    def save(self, progress: SweepProgress, *, until: datetime) -> None:
        if self.progress[progress.scope].leased_at != progress.leased_at:
            message = f"the sweep of {progress.scope} has been taken over by another invocation"
            raise LedgerContentionError(message)
        self.progress[progress.scope], self.leased_until[progress.scope] = progress, until


@dataclass(slots=True, kw_only=True)
class MemoryRecheckQueue:
    """The port `RecheckQueue`: a list."""

    sent: list[tuple[SweepObservation, timedelta]] = field(default_factory=list)
    waiting: int = 0
    fault: Exception | None = None

    def backlog(self) -> int:
        return self.waiting

    def send(self, rechecks: Sequence[tuple[SweepObservation, timedelta]]) -> None:
        if self.fault:
            raise self.fault
        self.sent += rechecks


@dataclass(slots=True, kw_only=True)
class MemoryJobQueue:
    """The port `JobQueue`: a list, and the jobs that it refuses."""

    sent: list[JobId] = field(default_factory=list)
    refused: set[JobId] = field(default_factory=set)

    def send(self, job: JobId) -> None:
        if job in self.refused:
            message = f"{job}: throttled"
            raise QueueUnavailableError(message)
        self.sent.append(job)


@dataclass(slots=True, kw_only=True)
class MemoryTopic:
    """The port `AlertTopic`: a list."""

    published: list[Alert] = field(default_factory=list)
    digests: list[Digest] = field(default_factory=list)
    fault: BaseException | None = None

    def publish(self, alert: Alert) -> str:
        if self.fault:
            raise self.fault
        self.published.append(alert)
        return f"message-{len(self.published)}"

    def publish_digest(self, digest: Digest) -> str:
        if self.fault:
            raise self.fault
        self.digests.append(digest)
        return f"digest-message-{len(self.digests)}"


@dataclass(slots=True, kw_only=True)
class MemoryDigestStore:
    """The port `DigestStore` in a few dictionaries."""

    windows: dict[CapacityPool, DigestWindow] = field(default_factory=dict)
    joined: dict[str, dict[str, DigestEntry]] = field(default_factory=lambda: defaultdict(dict))
    leases: MemoryLeases[str] = field(default_factory=MemoryLeases)
    alert_records: dict[str, DigestRecord] = field(default_factory=dict)

    def window(self, pool: CapacityPool) -> DigestWindow | None:
        return self.windows.get(pool)

    def open(self, window: DigestWindow) -> bool:
        standing = self.windows.get(window.pool)
        if standing and not is_over(standing, now=window.opened):
            return False
        self.windows[window.pool] = window
        return True

    def join(self, window: DigestWindow, entry: DigestEntry) -> None:
        self.joined[window.id].setdefault(entry.alert, entry)

    def note_timer(self, window: DigestWindow) -> None:
        latest = self.windows.get(window.pool)
        if latest and latest.id == window.id and not latest.closed:
            self.windows[window.pool] = replace(latest, timer_sent=True)

    def close(self, window: DigestWindow) -> None:
        latest = self.windows.get(window.pool)
        if latest and latest.id == window.id:
            self.windows[window.pool] = replace(latest, closed=True)

    def entries(self, window: DigestWindow) -> tuple[DigestEntry, ...]:
        return tuple(sorted(self.joined[window.id].values(), key=lambda entry: (entry.started, entry.alert)))

    def lease_digest(self, window: DigestWindow, *, now: datetime, lease: timedelta) -> LeaseToken | None:
        if window.id in self.alert_records:
            return None
        return self.leases.take(window.id, now=now, lease=lease)

    def release_digest(self, window: DigestWindow, token: LeaseToken) -> None:
        self.leases.release(window.id, token)

    def complete_digest(self, window: DigestWindow, alert_record: DigestRecord) -> None:
        self.alert_records.setdefault(window.id, alert_record)

    def digest(self, window: DigestWindow) -> DigestRecord | None:
        return self.alert_records.get(window.id)


@dataclass(slots=True, kw_only=True)
class MemoryDigestTimers:
    """The port `DigestTimers`: a list."""

    sent: list[tuple[DigestWindow, timedelta]] = field(default_factory=list)
    fault: Exception | None = None

    def send(self, window: DigestWindow, *, delay: timedelta) -> None:
        if self.fault:
            raise self.fault
        self.sent.append((window, delay))


@dataclass(slots=True, kw_only=True)
class MemoryCheckpoints:
    """The port `Checkpoints`: buckets that a test fills; a listing has at most `limit` objects."""

    buckets: dict[str, list[StoredObject]] = field(default_factory=dict)
    limit: int | None = None
    fault: Exception | None = None
    listed: int = 0

    def list(self, region: str, location: CheckpointLocation) -> Listing:  # noqa: ARG002 - the port's signature
        self.listed += 1
        if self.fault:
            raise self.fault
        if location.bucket not in self.buckets:
            return Listing(objects=(), bucket_exists=False)
        stored = sorted(self.buckets[location.bucket], key=lambda each: each.key.encode())
        found = tuple(each for each in stored if each.key.startswith(location.prefix))
        kept = found[: self.limit]
        return Listing(objects=kept, cut=len(kept) < len(found))


@dataclass(slots=True, kw_only=True)
class MemoryDrillPosts:
    """The port `DrillPosts` in a dictionary."""

    refusals: dict[str, str | None] = field(default_factory=dict)
    fault: LedgerUnavailableError | None = None

    def note(self, drill: str, refusal: str | None) -> None:
        if self.fault:
            raise self.fault
        if self.refusals.get(drill, "never") is not None:
            self.refusals[drill] = refusal


@dataclass(slots=True, kw_only=True)
class MemoryDelayQueue:
    """The port `DelayQueue`: remembers the delays."""

    delays: dict[str, timedelta] = field(default_factory=dict)
    fault: Exception | None = None

    def delay(self, receipt_handle: str, delay: timedelta) -> None:
        if self.fault:
            raise self.fault
        self.delays[receipt_handle] = delay


@dataclass(slots=True, kw_only=True)
class MemoryDeadLetters:
    """The port `DeadLetterQueue`: remembers bodies and reasons."""

    letters: list[tuple[str, str]] = field(default_factory=list)
    fault: Exception | None = None

    def bury(self, body: str, reason: str) -> None:
        """See `DeadLetterQueue.bury`."""
        if self.fault:
            raise self.fault
        self.letters.append((body, reason))


@dataclass(slots=True, kw_only=True)
class MemoryPolicies:
    """The port `Policies`: the policy that a test sets, or the fault."""

    policy: AccountPolicy = field(default_factory=AccountPolicy)
    fault: Exception | None = None

    def load(self) -> AccountPolicy:
        if self.fault:
            raise self.fault
        return self.policy


@dataclass(slots=True, kw_only=True)
class MemoryKillSwitch:
    """The port `KillSwitch`: as a test sets it, or the fault."""

    is_on: bool = False
    fault: Exception | None = None

    def why_on(self) -> str | None:
        if self.fault:
            raise self.fault
        return "the account's kill switch is on" if self.is_on else None


@dataclass(slots=True, kw_only=True)
class MemoryRefusals:
    """The port `Refusals` in a dictionary."""

    refusals: dict[tuple[str | None, ...], Refusal] = field(default_factory=dict)

    def remember(self, refusal: Refusal) -> None:
        key = refusal.region, refusal.market, refusal.instance_type, refusal.resource
        standing = self.refusals.get(key)
        if standing is None or standing.refused_at < refusal.refused_at:
            self.refusals[key] = refusal

    def since(self, region: str, moment: datetime) -> tuple[Refusal, ...]:
        return tuple(each for each in self.refusals.values() if each.region == region and each.refused_at > moment)


@dataclass(slots=True, kw_only=True)
class MemoryStarts:
    """The port `Starts` in a dictionary; nothing expires."""

    starts: dict[tuple[StartPool, JobId], StartSample] = field(default_factory=dict)

    def remember(self, start: MeasuredStart) -> None:
        self.starts.setdefault((start.pool, start.job), start.sample)

    def newest(self, pool: StartPool) -> tuple[StartSample, ...]:
        found = [(job.created, sample) for (of, job), sample in self.starts.items() if of == pool]
        found.sort(key=lambda each: each[0], reverse=True)
        return tuple(sample for _, sample in found[:MOST_SAMPLES])


@dataclass(slots=True, kw_only=True)
class MemorySchedules:
    """The port `Schedules` in a dictionary; nothing fires."""

    schedules: dict[JobId, datetime] = field(default_factory=dict)

    def keep(self, job: JobId, at: datetime) -> None:
        standing = self.schedules.get(job)
        if standing is None or abs(standing - at) > timedelta(minutes=1):
            self.schedules[job] = at

    def forget(self, job: JobId) -> None:
        self.schedules.pop(job, None)


@dataclass(slots=True)
class MemorySummaries:
    """The ports `SummaryStore` and `RunIndex` in a dictionary.

    Attributes:
        unreadable: runs whose summary cannot be read.
    """

    stored: dict[RunId, StoredSummary] = field(default_factory=dict)
    unreadable: set[RunId] = field(default_factory=set)

    def load(self, run: RunId) -> StoredSummary | None:
        if run in self.unreadable:
            raise UnreadableItemError(run, "summary", "a test has spoiled it", self.stored[run].version)
        return self.stored.get(run)

    def save(self, summary: RunSummary, *, over: StoredSummary | None) -> bool:
        if self.stored.get(summary.run) != over:
            return False
        self.stored[summary.run] = StoredSummary(summary=summary, version=over.version + 1 if over else 1)
        return True

    def rebuild(self, summary: RunSummary, *, over: UnreadableItemError) -> bool:
        standing = self.stored[summary.run]
        if standing.version != over.version:
            return False
        self.unreadable.discard(summary.run)
        return self.save(summary, over=standing)

    def open_runs(self, region: str, *, since: datetime, until: datetime) -> dict[RunId, RunSummary | None]:
        listed = {run: stored.summary for run, stored in self.stored.items() if first_job(run).region == region}
        return {
            run: None if run in self.unreadable else summary
            for run, summary in listed.items()
            if since <= summary.began <= until and not summary.has_ended
        }


@dataclass(slots=True, kw_only=True)
class MemoryRunStore:
    """The port `RunStore` in a few dictionaries, beside a MemoryLedger's states."""

    ledger: MemoryLedger
    decisions: dict[JobId, DecisionRecord] = field(default_factory=dict)
    planned: dict[tuple[RunId, int], AttemptRecord] = field(default_factory=dict)
    outcomes: dict[JobId, Outcome] = field(default_factory=dict)
    notices: dict[tuple[JobId, NoticeKind], Notice] = field(default_factory=dict)
    writers: dict[str, LocationReservation] = field(default_factory=dict)
    clock: Clock = lambda: datetime.now(UTC)
    stop_intents: dict[JobId, StopIntent] = field(default_factory=dict)
    intents: dict[JobId, tuple[CreationIntent, ...]] = field(default_factory=dict)
    """The last call of a creation for each placement."""
    next_steps: dict[JobId, NextStep] = field(default_factory=dict)
    lagging: set[str] = field(default_factory=set)
    """Jobs that the index of live jobs does not have yet."""

    def decision(self, job: JobId) -> DecisionRecord | None:
        return self.decisions.get(job)

    def decide(
        self,
        record: DecisionRecord,
        attempt: AttemptRecord | None,
        *,
        reservation: LocationReservation | None = None,
        replaces: LocationReservation | None = None,
    ) -> bool:
        if record.job in self.decisions or (attempt and (attempt.run, attempt.number) in self.planned):
            return False
        standing = self.writers.get(reservation.location) if reservation else None
        if reservation and standing and standing.run != reservation.run and standing != replaces:
            return False
        self.decisions[record.job] = record
        if attempt:
            self.planned[attempt.run, attempt.number] = attempt
        if reservation:
            self.writers[reservation.location] = reservation
        return True

    def reservation(self, location: str) -> LocationReservation | None:
        return self.writers.get(location)

    def attempt(self, run: RunId, number: int) -> AttemptRecord | None:
        return self.planned.get((run, number))

    def attempts(self, run: RunId) -> tuple[AttemptRecord, ...]:
        return tuple(attempt for (of, _), attempt in sorted(self.planned.items()) if of == run)

    def attempts_named(self, region: str, name: str) -> tuple[AttemptRecord, ...]:
        """See `RunStore.attempts_named`."""
        named = [each for each in self.planned.values() if (each.region, each.name) == (region, name)]
        return tuple(sorted(named, key=lambda each: each.decided_at, reverse=True))

    def outcome(self, job: JobId) -> Outcome | None:
        return self.outcomes.get(job)

    def record_outcome(self, outcome: Outcome) -> None:
        self.outcomes.setdefault(outcome.job, outcome)

    def record_creation_intent(self, job: JobId, placement: Placement, at: datetime) -> CreationIntent | None:
        before = self._intents(job).get(placement)
        if not (before and before.at and before.at >= at):
            self._keep(job, CreationIntent(placement=placement, at=at))
        return before

    def withdraw_creation_intent(
        self, job: JobId, placement: Placement, at: datetime, before: CreationIntent | None
    ) -> None:
        if self._intents(job).get(placement) == CreationIntent(placement=placement, at=at):
            self._keep(job, before or CreationIntent(placement=placement, at=None))

    def _intents(self, job: JobId) -> dict[Placement, CreationIntent]:
        return {each.placement: each for each in self.creation_intents(job)}

    def _keep(self, job: JobId, intent: CreationIntent) -> None:
        self.intents[job] = tuple((self._intents(job) | {intent.placement: intent}).values())

    def creation_intents(self, job: JobId) -> tuple[CreationIntent, ...]:
        return self.intents.get(job, ())

    def stop_intent(self, job: JobId) -> StopIntent | None:
        return self.stop_intents.get(job)

    def record_stop_intent(self, record: StopIntent) -> StopIntent | None:
        standing = self.stop_intents.get(record.job)
        if standing is None or standing.withdrawn or standing.decided_at < record.decided_at:
            self.stop_intents[record.job] = record
        return standing

    def withdraw_stop_intent(self, record: StopIntent, why: str) -> None:
        self.refuse_stop_intent(replace(record, withdrawn=why))

    def refuse_stop_intent(self, record: StopIntent) -> None:
        standing = self.stop_intents.get(record.job)
        if standing and standing.decided_at == record.decided_at:
            self.stop_intents[record.job] = record

    def notice(self, job: JobId, kind: NoticeKind, summary: str) -> None:
        self.notices.setdefault((job, kind), Notice(job=job, kind=kind, summary=summary, noticed_at=self.clock()))

    def note_next_step(self, job: JobId, step: NextStep) -> None:
        standing = self.next_steps.get(job)
        if standing is None or standing.noted_at < step.noted_at:
            self.next_steps[job] = step

    def recovery_records(self, job: JobId) -> RecoveryRecords:
        return RecoveryRecords(
            decision=self.decisions.get(job),
            outcome=self.outcomes.get(job),
            notices=tuple(notice for notice in self.notices.values() if notice.job == job),
            next_step=self.next_steps.get(job),
        )

    def live(self, region: str) -> tuple[tuple[JobId, str | None], ...]:
        return tuple(
            (job, state.checkpoint_uri)
            for job, (state, _) in self.ledger.states.items()
            if job.region == region and (state.checkpoint_uri or not state.is_located) and not is_terminal(state.status)
            if job.name not in self.lagging
        )
