"""An alerter on twins, with one job that has ended and whose settings are risky."""

from dataclasses import replace
from datetime import timedelta

from respot.alerting.alert import AlertRecord
from respot.alerting.alerter import Alerter
from respot.alerting.kinds import AlertKind
from respot.jobs.job import JobSnapshot
from respot.jobs.merge import reconcile
from respot.jobs.ports import Clock
from tests.support.builders import CREATED, at, job_id, snapshot
from tests.support.clock import FakeClock
from tests.support.memory import MemoryLedger, MemoryRunStore, MemoryTopic
from tests.support.with_hooks import Hooks, with_hooks

JOB = job_id()
LEASE = timedelta(minutes=2)
ENDED = "Starting=0 Downloading=250 Training=390 Interrupted=3720 Starting=3760 MaxWaitTimeExceeded=21630"
ENDED_JOB = snapshot(ENDED, checkpoint_uri=None)


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


class Environment:
    """What an alerter is composed of."""

    def __init__(self, seen: JobSnapshot | None = ENDED_JOB) -> None:
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
        if seen:
            self.know(seen)

    def know(self, seen: JobSnapshot) -> None:
        """Have the ledger record a snapshot."""
        self.memory.save(reconcile(self.memory.load(seen.state.job), seen))

    def alerts(self) -> tuple[AlertRecord, ...]:
        """The complete alerts of the job."""
        return self.memory.alerts(JOB)
