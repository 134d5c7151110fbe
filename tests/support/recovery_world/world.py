"""What a schedule runs on: SageMaker, the stores, the queues, and what is true of each job."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any, Final

from respot.alerting.alert import kind_of
from respot.aws.dynamodb.job_items import state_item, transition_item
from respot.aws.dynamodb.run_items import decision_item, notice_item, outcome_item
from respot.jobs.job import JobId, Market, Transition
from respot.jobs.lifecycle import INTERRUPTED, is_end
from respot.jobs.merge import Change
from respot.jobs.ports import Clock
from respot.queueing import QueueMessage
from respot.recording.observation import SweepObservation, write_recheck
from respot.recovery.planning.run import RunId
from respot.recovery.planning.waiting import StopIntent
from respot.recovery.policy.policy import Rung
from respot.recovery.records import AttemptRecord, DecisionRecord, LocationReservation, NoticeKind, Outcome
from respot.runs.summary import RunSummary, StoredSummary
from tests.support.builders import CREATED, event, job_id, milliseconds
from tests.support.clock import FakeClock, SkewedClock
from tests.support.fake_sagemaker import FakeJob, FakeSageMaker
from tests.support.memory import (
    MemoryCheckpoints,
    MemoryKillSwitch,
    MemoryLedger,
    MemoryPolicies,
    MemoryRefusals,
    MemoryRunStore,
    MemorySchedules,
    MemoryStarts,
    MemorySummaries,
    MemoryTopic,
)
from tests.support.recovery_world.policies import any_policy
from tests.support.with_hooks import ProcessCrashError


@dataclass(slots=True)
class Message:
    """A message of a queue."""

    body: str
    received: int = 0


def delivery_of(identifier: str, message: Message) -> QueueMessage:
    return QueueMessage(
        id=identifier, receipt_handle=identifier, body=message.body, receive_count=message.received, sent=CREATED
    )


def event_of(fake: FakeJob) -> str:
    """The event of the job's present transition."""
    state = fake.state
    started = milliseconds(fake.transitions[-1].started)
    body = event(
        *(state.secondary_status, 0),
        job=state.job,
        TrainingJobStatus=state.status,
        FailureReason=state.failure_reason,
        LastModifiedTime=milliseconds(state.last_modified),
        SecondaryStatusTransitions=[{"Status": state.secondary_status, "StartTime": started}],
        Tags=fake.tags,
    )
    return json.dumps(body)


def recheck_of(name: str) -> str:
    """A reason to check a job, without its state, as a sweep gives."""
    return json.dumps(event(job=job_id(name)) | {"detail": {"TrainingJobName": name}})


def recheck_of_missing(job: JobId) -> str:
    """A sweep's reason to check a job that it misses."""
    return write_recheck(
        SweepObservation(
            region=job.region, name=job.name, watched_since=job.created, event_due_by=job.created, unlisted=job.created
        )
    )


@dataclass(slots=True, kw_only=True)
class StreamedLedger(MemoryLedger):
    """The ledger, with its stream; the process may die between any two of its writes."""

    clock: Clock
    stream: list[dict[str, Any]]
    pause: Callable[[], None]

    def save(self, change: Change) -> bool:
        if change.state_changed and change.state.job not in self.states and change.state.market is Market.SPOT:
            self.stream.append({"alert": state_item(change, None)})
        return MemoryLedger.save(self, change)

    def save_transition(self, job: JobId, transition: Transition, *, is_new: bool) -> bool:
        self.pause()
        written = MemoryLedger.save_transition(self, job, transition, is_new=is_new)
        if written:
            seen: dict[str, Any] = {}
            if kind_of(transition) is not None:
                seen["alert"] = transition_item(job, transition, now=self.clock(), retention=None)
            if is_end(transition) or transition.status == INTERRUPTED:
                seen["recover"] = job
            self.stream.append(seen)
        return written


@dataclass(slots=True, kw_only=True)
class StreamedRuns(MemoryRunStore):
    """Decisions and outcomes, with their stream; each decision is held against the truth.

    The schedule sets what is called here before it starts.

    Attributes:
        check: holds a decision that was written against the truth.
        check_words: checks what people receive against the truth.
        after_note: what happens between the stop intent and the stop.
    """

    clock: Clock
    stream: list[dict[str, Any]]
    check: Callable[[DecisionRecord, AttemptRecord | None], None] = field(init=False)
    check_words: Callable[[JobId, str], None] = field(init=False)
    after_note: Callable[[JobId], None] = field(init=False)

    def decide(
        self,
        record: DecisionRecord,
        attempt: AttemptRecord | None,
        *,
        reservation: LocationReservation | None = None,
        replaces: LocationReservation | None = None,
    ) -> bool:
        written = MemoryRunStore.decide(self, record, attempt, reservation=reservation, replaces=replaces)
        if written:
            self.check(record, attempt)
            self.stream.append({"alert": decision_item(record, None)})
        return written

    def record_stop_intent(self, record: StopIntent) -> StopIntent | None:
        before = MemoryRunStore.record_stop_intent(self, record)
        self.after_note(record.job)
        return before

    def record_outcome(self, outcome: Outcome) -> None:
        if outcome.job not in self.outcomes:
            self.check_words(outcome.job, outcome.summary)
            self.stream.append({"alert": outcome_item(outcome, None)})
        MemoryRunStore.record_outcome(self, outcome)

    def notice(self, job: JobId, kind: NoticeKind, summary: str) -> None:
        if (job, kind) not in self.notices:
            self.stream.append({"alert": notice_item(job, kind, summary, now=self.clock(), retention=None)})
        MemoryRunStore.notice(self, job, kind, summary)


@dataclass(slots=True)
class CheckedSummaries(MemorySummaries):
    """The summaries of runs; each that was written is held against the truth.

    Attributes:
        check: holds a summary that was written against the truth, with the one before.
    """

    check: Callable[[RunSummary, RunSummary | None], None] = field(init=False)

    def save(self, summary: RunSummary, *, over: StoredSummary | None) -> bool:
        written = MemorySummaries.save(self, summary, over=over)
        if written:
            self.check(summary, over.summary if over else None)
        return written


TARDY: Final = timedelta(minutes=1)
"""So long after the call SageMaker creates a job, where it does not answer at once."""


@dataclass(slots=True)
class Stop:
    """Who truly stopped a job.

    Attributes:
        at: when.
        ladder: of Respot's stop, the ladder it went by.
        by_deadline: of Respot's stop, whether a deadline had a say in what follows it.
        at_latest_start: of Respot's stop, whether the deadline alone asked for it.
        too_late: instances came just before the stop.
    """

    by_respot: bool
    at: datetime
    ladder: tuple[Rung, ...] = ()
    by_deadline: bool = False
    at_latest_start: bool = False
    too_late: bool = False


@dataclass(slots=True)
class Origin:
    """What a job truly is: the number-th attempt of the run that `root` began."""

    root: JobId
    number: int


@dataclass(slots=True, kw_only=True)
class LateCreation:
    """A creation that SageMaker has accepted, did not answer, and does some time later.

    Attributes:
        name: the job's.
        request: CreateTrainingJob's.
        origin: what the job truly is.
        due: when it is created.
    """

    name: str
    request: Mapping[str, Any]
    origin: Origin
    due: datetime


class World:
    """Everything that the parts of one schedule share.

    Attributes:
        seen: how often what happened.
        calm: nothing goes wrong any more.
        faulty: the chance that a call fails.
        deadly: the chance, at each call, that the process dies.
        lossy: the chance that an event never comes.
        doubling: the chance that a message comes twice.
        starved: there is little capacity: jobs wait long.
        forbidden: Respot may not stop jobs.
        tampering: the chance, at each step, that somebody changes lineage tags.
        crowded: jobs of others, whose events are lost, use the checkpoint locations of runs.
        without_quota: SageMaker creates nothing on this market.
        tardy: SageMaker may create a job a while after the call, which it does not answer.
        late: the creations that it is still to do.
        down: services that are down.
        calls: the calls that Respot has made, each a service and a method.
        denied: the call that lacks its permission now.
        host_clock: the clock of Respot's functions; SageMaker has the true time.
        poison: jobs of which this version cannot read an item, with the method that meets it.
        restored: when the ledger was last restored from a backup.
        forgotten: attempts that a restored ledger does not know.
        unannounced: names whose creation a restored ledger cannot report any more.
        origins: what each job truly is.
        attempts: the numbers of the attempts that Respot created of a run, by its first job.
        ended: the runs that have ended, as their summaries say.
        lied: jobs that SageMaker denied while they were there.
        stopped: who truly stopped a job, last.
        observations: the queue of events.
        endings: the recovery queue.
        stream: the ledger's stream.
        positions: how far each reader of the stream has come.
    """

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = Random(seed)  # noqa: S311 - a repeatable schedule, not a secret
        self.seen: Counter[str] = Counter()
        self.calm = False
        self.faulty = self.random.choice((0, 0.02, 0.1, 0.3))
        self.deadly = self.random.choice((0, 0.01, 0.05))
        self.lossy = self.random.choice((0, 0.1, 0.5, 0.9))
        self.doubling = self.random.choice((0, 0.1, 0.5))
        self.starved = self.random.random() < 0.4
        self.forbidden = self.random.random() < 0.2
        self.tampering = self.random.choice((0, 0, 0.1, 0.5))
        # A draw of its own: the schedules of old seeds do not change.
        self.without_quota = Random(f"{seed} quota").choice((None, None, None, None, *Market))  # noqa: S311 - as above
        self.crowded = Random(f"{seed} neighbours").random() < 0.3  # noqa: S311 - as above
        self.tardy = Random(f"{seed} tardy").random() < 0.2  # noqa: S311 - as above
        self.late: list[LateCreation] = []
        self.down: set[str] = set()
        self.calls: dict[tuple[str, str], None] = {}
        self.denied: tuple[str, str] | None = None
        self.clock = FakeClock(CREATED)
        self.host_clock = SkewedClock(self.clock)
        self.poison: dict[JobId, str] = {}
        self.restored: datetime | None = None
        self.forgotten: set[JobId] = set()
        self.unannounced: set[str] = set()
        self.origins: dict[JobId, Origin] = {}
        self.attempts: dict[JobId, list[int]] = {}
        self.lied: set[JobId] = set()
        self.ended: set[RunId] = set()
        self.observations: list[Message] = []
        self.endings: list[Message] = []
        self.stream: list[dict[str, Any]] = []
        self.positions = {"alert": 0, "recover": 0}
        self.stopped: dict[JobId, Stop] = {}
        self.sagemaker = FakeSageMaker(clock=self.clock)
        self.policies = MemoryPolicies(policy=any_policy(self.random, starved=self.starved))
        self.kill_switch = MemoryKillSwitch(is_on=self.random.random() < 0.05)
        self.ledger = StreamedLedger(created=CREATED, clock=self.host_clock, stream=self.stream, pause=self._pause)
        self.runs = StreamedRuns(ledger=self.ledger, clock=self.host_clock, stream=self.stream)
        self.summaries = CheckedSummaries()
        self.refusals = MemoryRefusals()
        self.starts = MemoryStarts()
        self.schedules = MemorySchedules()
        self.checkpoints = MemoryCheckpoints(buckets={"ml-bucket": []})
        self.topic = MemoryTopic()

    def existing(self, job: JobId) -> FakeJob | None:
        """This very job, unless it is gone."""
        fake = self.sagemaker.jobs.get(job.name)
        return fake if fake and fake.state.job == job else None

    def is_poisoned(self, job: JobId) -> bool:
        """Whether an item of the job or of its run cannot be read, or of a run whose attempt may have its name.

        Or of a job that took the name of its run's next attempt.
        """
        planned = self.runs.planned.values() if self.poison else ()
        roots = {self.origins[each].root for each in self.poison}
        names = {each.name for each in planned if self.origins[each.parent].root in roots}
        taken = {each.name for each in self.poison}
        roots |= {self.origins[each.parent].root for each in planned if each.name in taken}
        return self.origins[job].root in roots or job.name in names

    def forget_stream(self) -> None:
        """A new table has a new stream."""
        self.stream.clear()
        self.positions = dict.fromkeys(self.positions, 0)

    def _pause(self) -> None:
        """The process may die between two writes."""
        if not self.calm and self.random.random() < self.deadly:
            raise ProcessCrashError
