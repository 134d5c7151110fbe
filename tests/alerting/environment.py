"""An alerter on twins, with one job that has ended and whose settings are risky."""

from datetime import timedelta

from respot.alerting.alert import AlertRecord
from respot.alerting.alerter import Alerter
from respot.alerting.kinds import AlertKind
from respot.jobs.job import JobSnapshot
from respot.jobs.merge import reconcile
from tests.support.builders import CREATED, at, job_id, snapshot
from tests.support.clock import FakeClock
from tests.support.faulty import FaultyLedger
from tests.support.memory import MemoryLedger, MemoryRunStore, MemoryTopic

JOB = job_id()
LEASE = timedelta(minutes=2)
ENDED = "Starting=0 Downloading=250 Training=390 Interrupted=3720 Starting=3760 MaxWaitTimeExceeded=21630"


class Environment:
    """What an alerter is composed of."""

    def __init__(self) -> None:
        self.memory = MemoryLedger(created=CREATED)
        self.runs = MemoryRunStore(ledger=self.memory, clock=lambda: at(21640))
        self.ledger = FaultyLedger(ledger=self.memory)
        self.topic = MemoryTopic()
        self.clock = FakeClock(at(21645))
        self.alerter = Alerter(
            ledger=self.ledger,
            runs=self.runs,
            topic=self.topic,
            clock=self.clock,
            kinds=frozenset(AlertKind),
            max_age=timedelta(hours=24),
            lease=LEASE,
        )
        self.know(snapshot(ENDED, checkpoint_uri=None))

    def know(self, seen: JobSnapshot) -> None:
        """Have the ledger record a snapshot."""
        self.memory.save(reconcile(self.memory.load(seen.state.job), seen))

    def alerts(self) -> tuple[AlertRecord, ...]:
        """The complete alerts of the job."""
        return self.memory.alerts(JOB)
