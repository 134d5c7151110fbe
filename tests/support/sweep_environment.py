"""A sweeper on ports in memory, and the jobs that it finds."""

from dataclasses import dataclass, field, fields
from datetime import datetime, timedelta
from typing import Any

from respot.jobs.job import JobId
from respot.jobs.listing import Page
from respot.jobs.merge import reconcile
from respot.runs.summary import RunSummaries
from respot.schema import CHECKS
from respot.sweep.ledger_check import LedgerCheck
from respot.sweep.progress import SETTLING, SweepProgress
from respot.sweep.region_sweep import RegionSweep
from respot.sweep.report import SweepReport
from respot.sweep.run_check import RunCheck
from respot.sweep.sweeper import Sweeper
from tests.support.builders import CREATED, REGION, job_id, snapshot
from tests.support.clock import FakeClock
from tests.support.memory import (
    MemoryJobQueue,
    MemoryLedger,
    MemoryPolicies,
    MemoryRecheckQueue,
    MemoryRunStore,
    MemorySummaries,
    MemorySweepStore,
    MemoryTrainingJobs,
)
from tests.support.runs import shifted

ELSEWHERE = "eu-west-1"
GRACE = timedelta(seconds=60)
BACKFILL = timedelta(days=30)
NOW = CREATED + timedelta(days=60)
"""Long after the deployment; `ago` counts from here."""


def _of(kind: Any, parts: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401
    """The parts that this dataclass has."""
    return {each.name: parts[each.name] for each in fields(kind) if each.init}


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


@dataclass
class Lists:
    """SageMaker's lists: they record each call and may fail.

    Attributes:
        calls: region, token and moment of each call.
        faults: what a call raises, by its region and token.
        takes: how long a call takes.
    """

    jobs: MemoryTrainingJobs
    clock: FakeClock
    calls: list[tuple[str, str | None, datetime]] = field(default_factory=list)
    faults: dict[tuple[str, str | None], Exception] = field(default_factory=dict)
    takes: timedelta = timedelta(milliseconds=200)

    def page(self, region: str, token: str | None) -> Page:
        self.calls.append((region, token, self.clock()))
        self.clock.pass_by(self.takes)
        if (region, token) in self.faults:
            raise self.faults[region, token]
        return self.jobs.page(region, token)


class Environment:
    """A sweeper on ports in memory, of a deployment that is two months old."""

    def __init__(
        self, *, regions: tuple[str, ...] = (REGION,), page_length: int = 100, created: datetime = CREATED
    ) -> None:
        self.clock = FakeClock(NOW)
        self.jobs = MemoryTrainingJobs(page_length=page_length)
        self.lists = Lists(jobs=self.jobs, clock=self.clock)
        self.ledger = MemoryLedger(created=created)
        self.runs = MemoryRunStore(ledger=self.ledger, clock=self.clock)
        self.sweeps = MemorySweepStore()
        self.rechecks = MemoryRecheckQueue()
        self.recoveries = MemoryJobQueue()
        self.due_alerts = MemoryJobQueue()
        self.summaries = RunSummaries(ledger=self.ledger, runs=self.runs, store=MemorySummaries())
        self.regions = regions
        self.sweeper = self.invocation()

    def invocation(self, **others: Any) -> Sweeper:  # noqa: ANN401
        """A new sweeper, with nothing cached."""
        parts: dict[str, Any] = {
            "lists": self.lists,
            "ledger": self.ledger,
            "index": self.ledger,
            "runs": self.runs,
            "sweeps": self.sweeps,
            "rechecks": self.rechecks,
            "recoveries": self.recoveries,
            "due_alerts": self.due_alerts,
            "refresh_summary": self.summaries.refresh,
            "policies": MemoryPolicies(),
            "clock": self.clock,
            "pause": lambda seconds: self.clock.pass_by(timedelta(seconds=seconds)),
            "regions": self.regions,
            "backfill": BACKFILL,
            "grace": GRACE,
        }
        parts |= others
        parts |= {
            "run_check": RunCheck(**_of(RunCheck, {**parts, "summaries": self.summaries.store})),
        }
        parts |= {
            "region_sweep": RegionSweep(**_of(RegionSweep, parts)),
            "ledger_check": LedgerCheck(**_of(LedgerCheck, parts)),
        }
        return Sweeper(**_of(Sweeper, parts))

    def watched(self, since: datetime = CREATED, *, last: datetime | None = None, full: datetime | None = None) -> None:
        """The regions have been swept before, at `last`; by default five minutes ago.

        `full` is when the last full pass began; by default there was none, and the next pass is a full one.
        """
        began = last or ago(minutes=5)
        for scope in (CHECKS, *self.regions):
            self.sweeps.progress[scope] = SweepProgress(
                scope=scope,
                watched_since=since,
                leased_at=began,
                last_began=began,
                last_full=full,
                recorded_until=began - GRACE - SETTLING,
            )
            self.sweeps.leased_until[scope] = began
        self.ledger.watched |= dict.fromkeys(self.regions, since)

    def put(self, job: JobId, script: str = "Starting=0", **others: Any) -> None:  # noqa: ANN401
        """SageMaker has the job; the script's seconds count from its creation."""
        offset = (job.created - CREATED).total_seconds()
        self.jobs.snapshots[job.region, job.name] = snapshot(shifted(script, offset), job=job, **others)

    def know(self, job: JobId, script: str = "Starting=0", **others: Any) -> None:  # noqa: ANN401
        """The ledger has it, and its run's summary."""
        mine = Environment(page_length=1)
        mine.put(job, script, **others)
        (seen,) = mine.jobs.snapshots.values()
        self.ledger.save(reconcile(self.ledger.load(job), seen))
        self.summaries.refresh(job)

    def both(self, job: JobId, script: str = "Starting=0", **others: Any) -> None:  # noqa: ANN401
        self.put(job, script, **others)
        self.know(job, script, **others)

    def sweep(self, sweeper: Sweeper | None = None, *, seconds: float = 240) -> tuple[SweepReport, ...]:
        """An invocation with this much time."""
        until = self.clock() + timedelta(seconds=seconds)
        return (sweeper or self.sweeper).sweep(time_left=lambda: until - self.clock())

    def names(self) -> list[str]:
        return [recheck.name for recheck, _ in self.rechecks.sent]


def many(count: int, *, first: float = 60, region: str = REGION) -> list[JobId]:
    """Jobs created a minute apart, the newest first."""
    return [job_id(f"job-{n:04}", created=ago(minutes=first + n), region=region) for n in range(count)]
