"""An alerter on twins, with one job that has ended and whose settings are risky."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from respot.alerting.alert import AlertRecord
from respot.alerting.alerter import Alerter
from respot.alerting.kinds import AlertKind
from respot.jobs.job import JobId, JobSnapshot
from respot.jobs.merge import reconcile
from respot.jobs.ports import Clock
from respot.recovery.planning.decision import Action, Decision
from respot.recovery.planning.run import run_id
from respot.recovery.records import DecisionRecord, Outcome, OutcomeKind
from tests.support.builders import CREATED, at, job_id, snapshot
from tests.support.clock import FakeClock
from tests.support.memory import MemoryLedger, MemoryRunStore, MemoryTopic
from tests.support.with_hooks import Hooks, with_hooks

JOB = job_id()
LEASE = timedelta(minutes=2)
ENDED = "Starting=0 Downloading=250 Training=390 Interrupted=3720 Starting=3760 MaxWaitTimeExceeded=21630"


def alerter_on(ledger: MemoryLedger, *, clock: Clock, topic: MemoryTopic) -> Alerter:
    """An alerter with usual settings; all kinds are switched on."""
    return Alerter(
        ledger=ledger,
        runs=MemoryRunStore(ledger=ledger),
        topic=topic,
        clock=clock,
        kinds=frozenset(AlertKind),
        max_age=timedelta(hours=24),
        lease=LEASE,
    )


def decision_record(
    action: Action = Action.NOTHING,
    *,
    job: JobId = JOB,
    notify: bool = False,
    decided_at: float = 21635,
    **others: Any,  # noqa: ANN401
) -> DecisionRecord:
    """A decision on the job; the seconds count from its creation."""
    decision = Decision(action=action, reason="the reason", inputs={}, notify=notify, **others)
    return DecisionRecord(
        job=job,
        run=run_id(job),
        number=1,
        decision=decision,
        decided_at=at(decided_at),
        checkpoint=None,
        next_name=f"{job.name}-r2",
    )


def outcome_of(kind: OutcomeKind = OutcomeKind.CREATED, *, job: JobId = JOB) -> Outcome:
    """What became of the decision to resubmit the job."""
    name, settled_at = f"{job.name}-r2", at(21640)
    return Outcome(job=job, kind=kind, summary="a summary", settled_at=settled_at, name=name, warning="a warning")


class Environment:
    """What an alerter is composed of."""

    def __init__(self) -> None:
        self.memory = MemoryLedger(created=CREATED)
        self.runs = MemoryRunStore(ledger=self.memory, clock=lambda: at(21640))
        self.ledger = Hooks()
        self.topic = MemoryTopic()
        self.clock = FakeClock(at(21645))
        self.alerter = replace(
            alerter_on(self.memory, clock=self.clock, topic=self.topic),
            ledger=with_hooks(self.memory, self.ledger.gate),
            runs=self.runs,
        )
        self.know(snapshot(ENDED, checkpoint_uri=None))

    def know(self, seen: JobSnapshot) -> None:
        """Have the ledger record a snapshot."""
        self.memory.save(reconcile(self.memory.load(seen.state.job), seen))

    def alerts(self) -> tuple[AlertRecord, ...]:
        """The complete alerts of the job."""
        return self.memory.alerts(JOB)
