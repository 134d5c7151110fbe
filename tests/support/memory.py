"""The ports in memory: `tests/contracts` shows that they keep the same promises as the adapters of AWS."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from respot.alerting.alert import Alert, AlertRecord
from respot.alerting.digest.digest import CapacityPool, Digest, DigestEntry, DigestRecord, DigestWindow, is_over
from respot.alerting.kinds import AlertKind
from respot.alerting.ports import LeaseToken
from respot.errors import (
    AlertInProgressError,
    JobNameTakenError,
    LedgerContentionError,
    LedgerUnavailableError,
    QueueUnavailableError,
)
from respot.jobs.description import JobDescription
from respot.jobs.job import JobId, JobRecord, JobSnapshot, JobState, Transition
from respot.jobs.lifecycle import in_order, is_terminal
from respot.jobs.merge import Change
from respot.jobs.ports import Clock
from respot.recording.observation import SweepObservation
from respot.recovery.checkpoints.location import CheckpointLocation, Listing
from respot.recovery.checkpoints.objects import StoredObject
from respot.recovery.planning.run import RunId
from respot.recovery.planning.waiting import StopIntent
from respot.recovery.policy.policy import AccountPolicy
from respot.recovery.records import (
    AttemptRecord,
    DecisionRecord,
    LocationReservation,
    Notice,
    NoticeKind,
    Outcome,
    RecoveryRecords,
)
from respot.sweep.progress import Page, Summary, SweepProgress, resumed


@dataclass(slots=True, kw_only=True)
class MemoryLedger:
    """The ports `Ledger` and `JobIndex` in a few dictionaries."""

    created: datetime
    states: dict[JobId, tuple[JobState, int]] = field(default_factory=dict)
    transitions: dict[JobId, dict[tuple[str, datetime], Transition]] = field(default_factory=lambda: defaultdict(dict))
    leases: dict[tuple[JobId, AlertKind, datetime], tuple[datetime, LeaseToken]] = field(default_factory=dict)
    alert_records: dict[tuple[JobId, AlertKind, datetime], AlertRecord] = field(default_factory=dict)
    watched: dict[str, datetime] = field(default_factory=dict)
    writes: int = 0

    def find(self, region: str, name: str) -> tuple[JobId, ...]:
        """See `JobStore.find`."""
        return tuple(sorted((job for job in self.states if (job.region, job.name) == (region, name)), reverse=True))

    def load(self, job: JobId) -> JobRecord:
        """See `JobStore.load`."""
        state, version = self.states.get(job, (None, 0))
        return JobRecord(state=state, version=version, transitions=in_order(self.transitions[job].values()))

    def save(self, change: Change) -> bool:
        """See `JobStore.save`."""
        job = change.state.job
        _, version = self.states.get(job, (None, 0))
        if change.state_changed:
            if version != change.version:
                return False
            self.states[job] = change.state, version + 1
            self.writes += 1
        for transition in change.inserted:
            if self.transitions[job].setdefault((transition.status, transition.started), transition) is transition:
                self.writes += 1
        for transition in change.marked:
            if self.transitions[job].get((transition.status, transition.started), transition).ended_as is None:
                self.transitions[job][transition.status, transition.started] = transition
                self.writes += 1
        return True

    def created_at(self) -> datetime:
        """See `JobStore.created_at`."""
        return self.created

    def watched_since(self, region: str) -> datetime:
        """See `JobStore.watched_since`."""
        return max(self.watched.get(region, self.created), self.created)

    def state_of(self, jobs: Sequence[JobId]) -> dict[JobId, JobState | None]:
        """See `JobIndex.state_of`."""
        return {job: self.states[job][0] for job in jobs if job in self.states}

    def open_jobs(self, region: str, *, since: datetime, until: datetime) -> tuple[JobId, ...]:
        """See `JobIndex.open_jobs`."""
        return tuple(
            job
            for job, (state, _) in sorted(self.states.items(), key=lambda item: item[0].created)
            if job.region == region and since <= job.created <= until and not is_terminal(state.status)
        )

    def oldest_open(self, region: str, *, since: datetime) -> datetime | None:
        """See `JobIndex.oldest_open`."""
        ever = datetime.max.replace(tzinfo=UTC)
        return next((job.created for job in self.open_jobs(region, since=since, until=ever)), None)

    def changed(self, *, since: datetime, until: datetime, limit: int) -> tuple[tuple[JobId, datetime], ...]:
        """See `JobIndex.changed`."""
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
        """See `AlertStore.lease_alert`."""
        if (job, kind, transition.started) in self.alert_records:
            return None
        until, _ = self.leases.get((job, kind, transition.started), (now, None))
        if until > now:
            message = f"{job}: the {kind} alert on {transition.status} is leased until its lease expires"
            raise AlertInProgressError(message)
        token = LeaseToken(uuid4().hex)
        self.leases[job, kind, transition.started] = now + lease, token
        return token

    def release_alert(self, job: JobId, kind: AlertKind, transition: Transition, token: LeaseToken) -> None:
        """See `AlertStore.release_alert`."""
        _, standing = self.leases.get((job, kind, transition.started), (None, None))
        if standing == token:
            del self.leases[job, kind, transition.started]

    def complete_alert(self, alert_record: AlertRecord) -> None:
        """See `AlertStore.complete_alert`."""
        key = alert_record.job, alert_record.kind, alert_record.transition.started
        self.alert_records.setdefault(key, alert_record)

    def alerts(self, job: JobId) -> tuple[AlertRecord, ...]:
        """See `AlertStore.alerts`."""
        return tuple(
            sorted(
                (alert_record for alert_record in self.alert_records.values() if alert_record.job == job),
                key=lambda alert_record: alert_record.transition.started,
            )
        )


@dataclass(slots=True, kw_only=True)
class MemoryTrainingJobs:
    """The ports `RecoverableJobs` and `JobLists`: what the test says that SageMaker says.

    A created job has a document and tags at once; a test sets its snapshot.
    """

    snapshots: dict[tuple[str, str], JobSnapshot] = field(default_factory=dict)
    tags_by_arn: dict[str, Mapping[str, str]] = field(default_factory=dict)
    descriptions: dict[tuple[str, str], JobDescription] = field(default_factory=dict)
    created: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    fault: Exception | None = None
    create_fault: Exception | None = None
    stop_fault: Exception | None = None
    stopped: list[tuple[str, str]] = field(default_factory=list)
    describes: int = 0
    page_length: int = 100

    def describe(self, region: str, name: str) -> JobSnapshot | None:
        """See `TrainingJobs.describe`."""
        self.describes += 1
        if self.fault:
            raise self.fault
        seen = self.snapshots.get((region, name))
        return seen and replace(seen, state=replace(seen.state, tags=None))

    def tags(self, region: str, arn: str) -> Mapping[str, str] | None:  # noqa: ARG002 - the port's signature
        """See `TrainingJobs.tags`."""
        if self.fault:
            raise self.fault
        return self.tags_by_arn.get(arn, {})

    def description(self, region: str, name: str) -> JobDescription | None:
        """See `RecoverableJobs.description`."""
        if self.fault:
            raise self.fault
        return self.descriptions.get((region, name))

    def page(self, region: str, token: str | None) -> Page:
        """See `JobLists.page`."""
        if self.fault:
            raise self.fault
        here = [seen.state for (of, _), seen in self.snapshots.items() if of == region]
        newest = sorted(here, key=lambda state: state.job.created, reverse=True)
        first = int(token or 0)
        shown = newest[first : first + self.page_length]
        return Page(
            summaries=tuple(
                Summary(
                    job=state.job,
                    status=state.status,
                    secondary_status=state.secondary_status,
                    last_modified=state.last_modified,
                )
                for state in shown
            ),
            token=str(first + self.page_length) if first + self.page_length < len(newest) else None,
        )

    def create(self, region: str, request: Mapping[str, Any]) -> str:
        """See `RecoverableJobs.create`."""
        if self.create_fault:
            raise self.create_fault
        name = request["TrainingJobName"]
        if (region, name) in self.descriptions.keys() | self.snapshots.keys():
            message = f"{region}/{name}: there is a job of that name"
            raise JobNameTakenError(message)
        arn = f"arn:aws:sagemaker:{region}:111122223333:training-job/{name}"
        kept = {entry: value for entry, value in request.items() if entry != "Tags"}
        job = JobId(region=region, name=name, created=datetime.now(UTC))
        self.descriptions[region, name] = JobDescription(
            job=job, status="InProgress", request_source=kept | {"TrainingJobArn": arn}
        )
        self.tags_by_arn[arn] = {tag["Key"]: tag["Value"] for tag in request.get("Tags", ())}
        self.created.append((region, request))
        return arn

    def stop(self, region: str, name: str) -> bool:
        """See `RecoverableJobs.stop`; the test decides what comes of it."""
        if self.stop_fault:
            raise self.stop_fault
        seen = self.snapshots.get((region, name))
        if seen is None or is_terminal(seen.state.status):
            return False
        self.stopped.append((region, name))
        return True


@dataclass(slots=True, kw_only=True)
class MemorySweepStore:
    """The port `SweepStore` in two dictionaries."""

    progress: dict[str, SweepProgress] = field(default_factory=dict)
    leased_until: dict[str, datetime] = field(default_factory=dict)

    def lease(self, scope: str, *, now: datetime, lease: timedelta, watched_since: datetime) -> SweepProgress | None:
        """See `SweepStore.lease`."""
        before = self.progress.get(scope)
        if before and self.leased_until[scope] > now:
            return None
        progress = resumed(before, scope=scope, now=now, watched_since=watched_since)
        self.progress[scope], self.leased_until[scope] = progress, now + lease
        return progress

    def save(self, progress: SweepProgress, *, until: datetime) -> None:
        """See `SweepStore.save`."""
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
        """See `RecheckQueue.backlog`."""
        return self.waiting

    def send(self, rechecks: Sequence[tuple[SweepObservation, timedelta]]) -> None:
        """See `RecheckQueue.send`."""
        if self.fault:
            raise self.fault
        self.sent += rechecks


@dataclass(slots=True, kw_only=True)
class MemoryJobQueue:
    """The port `JobQueue`: a list, and the jobs that it refuses."""

    sent: list[JobId] = field(default_factory=list)
    refused: set[JobId] = field(default_factory=set)

    def send(self, job: JobId) -> None:
        """See `JobQueue.send`."""
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
        """See `AlertTopic.publish`."""
        if self.fault:
            raise self.fault
        self.published.append(alert)
        return f"message-{len(self.published)}"

    def publish_digest(self, digest: Digest) -> str:
        """See `AlertTopic.publish_digest`."""
        if self.fault:
            raise self.fault
        self.digests.append(digest)
        return f"digest-message-{len(self.digests)}"


@dataclass(slots=True, kw_only=True)
class MemoryDigestStore:
    """The port `DigestStore` in a few dictionaries."""

    windows: dict[CapacityPool, DigestWindow] = field(default_factory=dict)
    joined: dict[str, dict[str, DigestEntry]] = field(default_factory=lambda: defaultdict(dict))
    leases: dict[str, tuple[datetime, LeaseToken]] = field(default_factory=dict)
    alert_records: dict[str, DigestRecord] = field(default_factory=dict)

    def window(self, pool: CapacityPool) -> DigestWindow | None:
        """See `DigestStore.window`."""
        return self.windows.get(pool)

    def open(self, window: DigestWindow) -> bool:
        """See `DigestStore.open`."""
        standing = self.windows.get(window.pool)
        if standing and not is_over(standing, now=window.opened):
            return False
        self.windows[window.pool] = window
        return True

    def join(self, window: DigestWindow, entry: DigestEntry) -> None:
        """See `DigestStore.join`."""
        self.joined[window.id].setdefault(entry.alert, entry)

    def note_timer(self, window: DigestWindow) -> None:
        """See `DigestStore.note_timer`."""
        latest = self.windows.get(window.pool)
        if latest and latest.id == window.id and not latest.closed:
            self.windows[window.pool] = replace(latest, timer_sent=True)

    def close(self, window: DigestWindow) -> None:
        """See `DigestStore.close`."""
        latest = self.windows.get(window.pool)
        if latest and latest.id == window.id:
            self.windows[window.pool] = replace(latest, closed=True)

    def entries(self, window: DigestWindow) -> tuple[DigestEntry, ...]:
        """See `DigestStore.entries`."""
        return tuple(sorted(self.joined[window.id].values(), key=lambda entry: (entry.started, entry.alert)))

    def lease_digest(self, window: DigestWindow, *, now: datetime, lease: timedelta) -> LeaseToken | None:
        """See `DigestStore.lease_digest`."""
        if window.id in self.alert_records:
            return None
        until, _ = self.leases.get(window.id, (now, None))
        if until > now:
            message = f"{window.id} is leased until its lease expires"
            raise AlertInProgressError(message)
        token = LeaseToken(uuid4().hex)
        self.leases[window.id] = now + lease, token
        return token

    def release_digest(self, window: DigestWindow, token: LeaseToken) -> None:
        """See `DigestStore.release_digest`."""
        _, standing = self.leases.get(window.id, (None, None))
        if standing == token:
            del self.leases[window.id]

    def complete_digest(self, window: DigestWindow, alert_record: DigestRecord) -> None:
        """See `DigestStore.complete_digest`."""
        self.alert_records.setdefault(window.id, alert_record)

    def digest(self, window: DigestWindow) -> DigestRecord | None:
        """See `DigestStore.digest`."""
        return self.alert_records.get(window.id)


@dataclass(slots=True, kw_only=True)
class MemoryDigestTimers:
    """The port `DigestTimers`: a list."""

    sent: list[tuple[DigestWindow, timedelta]] = field(default_factory=list)
    fault: Exception | None = None

    def send(self, window: DigestWindow, *, delay: timedelta) -> None:
        """See `DigestTimers.send`."""
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
        """See `Checkpoints.list`."""
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
        """See `DrillPosts.note`."""
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
        """See `DelayQueue.delay`."""
        if self.fault:
            raise self.fault
        self.delays[receipt_handle] = delay


@dataclass(slots=True, kw_only=True)
class MemoryPolicies:
    """The port `Policies`: the policy that a test sets, or the fault."""

    policy: AccountPolicy = field(default_factory=AccountPolicy)
    fault: Exception | None = None

    def load(self) -> AccountPolicy:
        """See `Policies.load`."""
        if self.fault:
            raise self.fault
        return self.policy


@dataclass(slots=True, kw_only=True)
class MemoryKillSwitch:
    """The port `KillSwitch`: as a test sets it, or the fault."""

    is_on: bool = False
    fault: Exception | None = None

    def why_on(self) -> str | None:
        """See `KillSwitch.why_on`."""
        if self.fault:
            raise self.fault
        return "the account's kill switch is on" if self.is_on else None


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

    def decision(self, job: JobId) -> DecisionRecord | None:
        """See `RunStore.decision`."""
        return self.decisions.get(job)

    def decide(
        self,
        record: DecisionRecord,
        attempt: AttemptRecord | None,
        *,
        reservation: LocationReservation | None = None,
        replaces: LocationReservation | None = None,
    ) -> bool:
        """See `RunStore.decide`."""
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
        """See `RunStore.reservation`."""
        return self.writers.get(location)

    def attempt(self, run: RunId, number: int) -> AttemptRecord | None:
        """See `RunStore.attempt`."""
        return self.planned.get((run, number))

    def attempts(self, run: RunId) -> tuple[AttemptRecord, ...]:
        """See `RunStore.attempts`."""
        return tuple(attempt for (of, _), attempt in sorted(self.planned.items()) if of == run)

    def outcome(self, job: JobId) -> Outcome | None:
        """See `RunStore.outcome`."""
        return self.outcomes.get(job)

    def record_outcome(self, outcome: Outcome) -> None:
        """See `RunStore.record_outcome`."""
        self.outcomes.setdefault(outcome.job, outcome)

    def stop_intent(self, job: JobId) -> StopIntent | None:
        """See `RunStore.stop_intent`."""
        return self.stop_intents.get(job)

    def record_stop_intent(self, record: StopIntent) -> StopIntent | None:
        """See `RunStore.record_stop_intent`."""
        standing = self.stop_intents.get(record.job)
        if standing is None or standing.withdrawn or standing.decided_at < record.decided_at:
            self.stop_intents[record.job] = record
        return standing

    def withdraw_stop_intent(self, record: StopIntent, why: str) -> None:
        """See `RunStore.withdraw_stop_intent`."""
        standing = self.stop_intents.get(record.job)
        if standing and standing.decided_at == record.decided_at:
            self.stop_intents[record.job] = replace(record, withdrawn=why)

    def notice(self, job: JobId, kind: NoticeKind, summary: str) -> None:
        """See `RunStore.notice`."""
        self.notices.setdefault((job, kind), Notice(job=job, kind=kind, summary=summary, noticed_at=self.clock()))

    def recovery_records(self, job: JobId) -> RecoveryRecords:
        """See `RunStore.recovery_records`."""
        return RecoveryRecords(
            decision=self.decisions.get(job),
            outcome=self.outcomes.get(job),
            notices=tuple(notice for notice in self.notices.values() if notice.job == job),
        )

    def live(self, region: str) -> tuple[tuple[JobId, str | None], ...]:
        """See `RunStore.live`."""
        return tuple(
            (job, state.checkpoint_uri)
            for job, (state, _) in self.ledger.states.items()
            if job.region == region and state.checkpoint_uri and not is_terminal(state.status)
        )
