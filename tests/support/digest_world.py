"""Bursts of alerts in few pools, delivered by invocations that crash, wait and overlap.

All jobs of a world have the same course, except a few whose own code fails: people must receive those alerts one by
one. Everything is drawn from one seed: a failing schedule can be run again. tests/properties/README.md lists
what `check` verifies.
"""

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, NamedTuple

from respot.alerting.advice import advise
from respot.alerting.alert import AlertOutcome, AlertRecord, kind_of
from respot.alerting.alerter import Alerter
from respot.alerting.digest.collector import DigestCollector
from respot.alerting.digest.digest import DigestWindow, pool_of
from respot.alerting.kinds import AlertKind
from respot.alerting.required import news_of, required_alerts
from respot.errors import RespotError, TopicUnavailableError, UnreadableItemError
from respot.jobs.job import JobId
from respot.jobs.merge import reconcile
from respot.recovery.planning.decision import Action, Decision
from respot.recovery.records import NoticeKind, OutcomeKind, RecoveryRecords
from tests.support.builders import CREATED, at, job_id, snapshot
from tests.support.clock import FakeClock
from tests.support.memory import MemoryDigestStore, MemoryDigestTimers, MemoryLedger, MemoryRunStore, MemoryTopic
from tests.support.records import decision_record, outcome_of
from tests.support.with_hooks import ProcessCrashError, with_hooks

LEASE: Final = timedelta(minutes=2)
LENGTH: Final = timedelta(minutes=3)
_DEEPEST: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """The course of a job: how it ends, what else is known of it, what Respot does about it."""

    end: str
    state: dict[str, Any] = field(default_factory=dict)
    decision: Decision | None = None
    outcome: OutcomeKind | None = None
    notice: NoticeKind | None = None


_RESUBMIT: Final = Decision(action=Action.RESUBMIT, reason="so says the policy", inputs={}, notify=True)
_CAPACITY: Final = {"failure_reason": "CapacityError: Unable to provision requested ML compute capacity."}

COURSES: Final = {
    "interrupted": Course(end="Interrupted"),
    "careless": Course(end="Interrupted", state={"checkpoint_uri": None}),
    "pending": Course(end="MaxPendingTimeExceeded", notice=NoticeKind.CREATION_POSTPONED),
    "late": Course(end="Starting", notice=NoticeKind.DEADLINE_AT_RISK),
    "stopped": Course(end="Stopped", notice=NoticeKind.WAIT_LIMIT_EXCEEDED),
    "resumed": Course(
        end="MaxWaitTimeExceeded", decision=_RESUBMIT, outcome=OutcomeKind.CREATED, notice=NoticeKind.POSTPONED
    ),
    "dry": Course(end="Failed", state=_CAPACITY, decision=replace(_RESUBMIT, dry_run=True)),
    "refused": Course(
        end="MaxRuntimeExceeded",
        decision=Decision(action=Action.REFUSE, reason="no attempts are left", inputs={}, notify=True),
        notice=NoticeKind.POLICY_INVALID,
    ),
}
"""Together, they have every kind of alert that digests group."""
_OWN_FAILURE: Final = Course(end="Failed", state={"failure_reason": "AlgorithmError: exit code 1"})


class _Item(NamedTuple):
    """An item of the ledger that the stream will deliver to `alert`."""

    comes: datetime
    job: JobId
    act: Callable[[], object]


class _Timer(NamedTuple):
    window: DigestWindow
    due: datetime


@dataclass(slots=True, kw_only=True)
class Trouble:
    """The chance, at each call, of a crash, of being overtaken, and of a refusal by SNS.

    `skew` is the number of seconds by which an invocation's clock may be wrong.
    """

    crash: float = 0.0
    overtaken: float = 0.0
    refused: float = 0.0
    skew: float = 0.0


@dataclass
class DigestWorld:
    """`jobs` jobs in `pools` pools have the same course within `span`; `run` simulates it to the end."""

    seed: int
    trouble: Trouble = field(default_factory=Trouble)
    jobs: int = 12
    pools: int = 2
    span: timedelta = timedelta(minutes=8)
    disturbances: int = 0
    opened: list[DigestWindow] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)  # noqa: S311 - a schedule, no secret
        self.clock = FakeClock(at(5000))
        self.ledger = MemoryLedger(created=CREATED)
        self.runs = MemoryRunStore(ledger=self.ledger, clock=self.clock)
        self.store, self.timers, self.topic = MemoryDigestStore(), MemoryDigestTimers(), MemoryTopic()
        self.course = self.random.choice(list(COURSES.values()))
        self.pending: list[_Item] = []
        self.owed: set[tuple[JobId, AlertKind, datetime]] = set()
        self.due: list[_Timer] = []
        self._depth = 0
        self._skew = timedelta()
        self._quiet = False
        store = with_hooks(self.store, self._gate)
        topic = with_hooks(self.topic, self._gate)
        self.unreadable: list[UnreadableItemError] = []
        self.collector = DigestCollector(
            on_unreadable=self.unreadable.append,
            store=store,
            timers=with_hooks(self.timers, self._gate),
            topic=topic,
            clock=self._now,
            length=LENGTH,
            lease=LEASE,
        )
        self.alerter = Alerter(
            ledger=with_hooks(self.ledger, self._gate),
            runs=self.runs,
            topic=topic,
            clock=self._now,
            kinds=frozenset(AlertKind),
            max_age=timedelta(days=1),
            lease=LEASE,
            digests=self.collector,
        )
        for number in range(self.jobs):
            self._add_job(number, _OWN_FAILURE if self.random.random() < 0.05 else self.course)

    def _add_job(self, number: int, course: Course) -> None:
        job = job_id(f"job-{number}")
        seconds = 4000 + self.random.randrange(600)
        script = f"Starting=0 Training=390 {course.end}={seconds}"
        if course.end == "Interrupted" and self.random.random() < 0.1:  # twice in a moment
            script += f" Training={seconds + 5} Interrupted={seconds + 20}"
        known = {"instance_type": f"ml.p{number % self.pools}.large"} | course.state
        self.ledger.save(reconcile(self.ledger.load(job), snapshot(script, job=job, **known)))
        recovery_records = self._do(job, course)
        self._expect(job, recovery_records)
        transitions = self.ledger.load(job).transitions
        acts = [partial(self.alerter.alert, job, transition) for transition in transitions if kind_of(transition)]
        acts += [partial(self.alerter.alert_on_recovery, job, news) for news in news_of(recovery_records)]
        record = self.ledger.load(job)
        if record.state and advise(record.state):
            acts.append(partial(self.alerter.advise, job))
        # In any order: no alert of a job waits for another.
        self.pending += [_Item(comes=self.clock() + self.random.random() * self.span, job=job, act=act) for act in acts]

    def _do(self, job: JobId, course: Course) -> RecoveryRecords:
        if course.notice:
            self.runs.notice(job, course.notice, "max_attempts: is many and must be a number")
        if course.decision:
            self.runs.decide(replace(decision_record(job=job), decision=course.decision), None)
        if course.outcome:
            self.runs.record_outcome(outcome_of(course.outcome, job=job))
        return self.runs.recovery_records(job)

    def _expect(self, job: JobId, recovery_records: RecoveryRecords) -> None:
        record = self.ledger.load(job)
        assert record.state
        self.owed |= {(job, kind, started) for kind, started in required_alerts(record, record.state, recovery_records)}

    def run(self) -> None:
        """Run the schedule with faults, then deliver the rest without any."""
        for _ in range(len(self.pending) * 6):
            self._step()
        self._quiet = True
        for _ in range(200):
            self.clock.pass_by(LEASE + timedelta(seconds=1))
            self._deliver_all()
            if not self.pending and not self.due:
                return
        raise AssertionError(f"seed {self.seed}: {len(self.pending)} alerts and {len(self.due)} timers are left")

    def check(self) -> None:
        """The invariants; tests/properties/README.md lists them."""
        alert_records = self._records()
        assert {(record.job, record.kind, record.transition.started) for record in alert_records} == self.owed
        assert len(alert_records) == len(self.owed)
        assert {record.outcome for record in alert_records} == {AlertOutcome.SENT}
        in_digests = Counter(entry.alert for digest in self.topic.digests for entry in digest.entries)
        alone = {alert.id for alert in self.topic.published if alert.digest is None}
        ids = {alert.id for alert in self.topic.published}
        assert len(ids) == len(alert_records), "machines did not receive each alert"
        assert alone | in_digests.keys() == ids, "an alert did not reach people"
        own_failures = {alert.id for alert in self.topic.published if pool_of(alert) is None}
        assert own_failures <= alone, "an error of its own was grouped"
        assert not own_failures & in_digests.keys()
        for alert_record in alert_records:
            self._check_alert_record(alert_record)
        for window in self.opened:
            digest_record = self.store.digest(window)
            entries = self.store.entries(window)
            assert digest_record or not entries or self._reported_elsewhere(window), "a digest is missing"
        if not self.trouble.skew:  # otherwise some windows end early
            assert len(alone - own_failures) <= len(self.opened) + self.disturbances

    def _check_alert_record(self, record: AlertRecord) -> None:
        """The digest that an alert names was published, and names its job."""
        if record.digest is None:
            return
        published = [digest for digest in self.topic.digests if digest.id == record.digest]
        assert published, f"{record.digest}, which the alert of {record.job} names, was never published"
        for digest in published:
            named = {(entry.job, entry.started) for entry in digest.entries}
            assert (record.job, record.transition.started) in named, f"{record.job} is not in {record.digest}"
        assert self.store.alert_records[record.digest].outcome is AlertOutcome.SENT

    def _reported_elsewhere(self, window: DigestWindow) -> bool:
        """Entries whose process crashed before it sent the timer were reported later, alone or in another digest."""
        here = {(each.job, each.transition.started) for each in self._records() if each.digest == window.id}
        return here.isdisjoint((entry.job, entry.started) for entry in self.store.entries(window))

    def _records(self) -> list[AlertRecord]:
        return [record for job in self.ledger.states for record in self.ledger.alerts(job)]

    # --- the schedule

    def _step(self) -> None:
        self.clock.pass_by(timedelta(seconds=self.random.choice((0, 0, 1, 5, 20))))
        ready = [entry for entry in self.pending if entry.comes <= self.clock()]
        rung = [timer for timer in self.due if timer.due <= self.clock()]
        if rung and self.random.random() < 0.5:
            self._ring(self.random.choice(rung))
        elif ready:
            self._deliver(self.random.choice(ready))

    def _deliver_all(self) -> None:
        for entry in list(self.pending):
            self._deliver(entry)
        for timer in list(self.due):
            if timer.due <= self.clock():
                self._ring(timer)

    def _deliver(self, entry: "_Item") -> None:
        if not self._quiet and self.random.random() < 0.1:
            # A sweep has found the alert overdue: the queue names the job, and all its alerts are completed at once.
            self._works(lambda: self.alerter.catch_up(entry.job))
        if self._works(entry.act) and entry in self.pending:
            again = not self._quiet and self.random.random() < 0.1
            if not again:
                self.pending.remove(entry)

    def _ring(self, timer: _Timer) -> None:
        if self._works(lambda: self.collector.close(timer.window)) and timer in self.due:
            self.due.remove(timer)

    def _works(self, act: Callable[[], object]) -> bool:
        """Whether an invocation succeeded; if not, its message is delivered again."""
        self._depth += 1
        skew, self._skew = self._skew, self._any_skew()
        try:
            act()
        except (RespotError, ProcessCrashError):
            self.disturbances += 1
            return False
        else:
            return True
        finally:
            self._depth -= 1
            self._skew = skew

    def _any_skew(self) -> timedelta:
        skew = 0.0 if self._quiet else self.trouble.skew
        return timedelta(seconds=self.random.uniform(-skew, skew))

    def _now(self) -> datetime:
        """The time by the invocation's own clock: no two agree."""
        return self.clock() + self._skew

    def _gate(self, method: str, done: bool) -> None:  # noqa: FBT001 - the gate's signature
        if done and method == "send":
            window, delay = self.timers.sent[-1]
            self.due.append(_Timer(window=window, due=self.clock() + delay))
        if done and method == "open":
            self._note_opened()
        if self._quiet:
            return
        drawn = self.random.random()
        if drawn < self.trouble.crash:
            raise ProcessCrashError
        drawn -= self.trouble.crash
        if drawn < self.trouble.refused and not done and method.startswith("publish"):
            raise TopicUnavailableError("down")
        if self.random.random() < self.trouble.overtaken and self._depth < _DEEPEST:
            self.disturbances += 1
            self._step()

    def _note_opened(self) -> None:
        known = {window.id for window in self.opened}
        self.opened += [window for window in self.store.windows.values() if window.id not in known]


def play(seed: int, trouble: Trouble | None = None, *, jobs: int = 12, pools: int = 2) -> DigestWorld:
    """Run and check one schedule."""
    world = DigestWorld(seed, trouble or Trouble(), jobs, pools)
    world.run()
    world.check()
    return world
