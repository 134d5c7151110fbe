"""Recovery on in-memory ports, with a fake SageMaker."""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from respot.errors import LedgerUnavailableError, ScheduleUnavailableError
from respot.jobs.job import JobId
from respot.jobs.merge import reconcile
from respot.recovery.checked_clone import CreationLimits
from respot.recovery.checkpoints.location import CheckpointLocation, Listing, StoredObject
from respot.recovery.decide import Later
from respot.recovery.planning.deadline import SWEEP_INTERVAL
from respot.recovery.planning.ending import Budget
from respot.recovery.planning.run import run_id
from respot.recovery.policy.policy import AccountPolicy, BackOff, Policy, parse_ladder
from respot.recovery.ports import Clone
from respot.recovery.records import DecisionRecord, Outcome
from respot.recovery.recover import build_recovery
from tests.support.builders import CREATED, NAME, REGION, job_id
from tests.support.clock import FakeClock
from tests.support.fake_sagemaker import FakeSageMaker, clone
from tests.support.memory import (
    MemoryCheckpoints,
    MemoryKillSwitch,
    MemoryLedger,
    MemoryPolicies,
    MemoryRefusals,
    MemoryRunStore,
    MemorySchedules,
    MemoryStarts,
)
from tests.support.runs import without_pause
from tests.support.with_hooks import Hooks, with_hooks

SECOND = f"{NAME}-r2"
THIRD = f"{NAME}-r3"
RUN = run_id(job_id())
GRACE = timedelta(seconds=90)
OPTED_IN = {"respot:resume": "on"}


@dataclass(slots=True, kw_only=True)
class CheckpointsOfARegion(MemoryCheckpoints):
    """The in-memory port, for one region only."""

    region: str

    def list(self, region: str, location: CheckpointLocation) -> Listing:
        assert region == self.region
        return MemoryCheckpoints.list(self, region, location)


class RecoveryEnvironment(Hooks):
    """Recovery of one region's jobs, with all its ports: hooks name calls as `port.method`.

    Attributes:
        notes: what it logged about jobs that have not ended.
    """

    def __init__(
        self, *, region: str = REGION, stop_only_tagged: bool = False, sweep_interval: timedelta = SWEEP_INTERVAL
    ) -> None:
        super().__init__()
        self.clock = FakeClock(CREATED)
        self.sagemaker = FakeSageMaker(clock=self.clock, region=region)
        self.ledger = MemoryLedger(created=CREATED)
        self.runs = MemoryRunStore(ledger=self.ledger, clock=self.clock)
        self.refusals = MemoryRefusals()
        self.starts = MemoryStarts()
        self.schedules = MemorySchedules()
        self.schedule_failures: list[str] = []
        self.on_schedule_failure: Callable[[JobId, ScheduleUnavailableError], None] = self._note_failure
        self.checkpoints = CheckpointsOfARegion(region=region, buckets={"ml-bucket": []})
        self.policies = MemoryPolicies(policy=AccountPolicy(defaults=Policy(back_off=without_pause())))
        self.kill_switch = MemoryKillSwitch()
        self.notes: list[str] = []
        self.clone: Clone = clone
        self.stop_only_tagged = stop_only_tagged
        self.sweep_interval = sweep_interval
        self.set_limits()

    def set_limits(self, *, roles: tuple[str, ...] = ("*",), instance_types: tuple[str, ...] = ("*",)) -> None:
        """What the deployment's settings allow to be created."""
        self.recovery = build_recovery(
            jobs=with_hooks(self.sagemaker, self.gate, "sagemaker."),
            lists=with_hooks(self.sagemaker, self.gate, "sagemaker."),
            ledger=with_hooks(self.ledger, self.gate, "ledger."),
            runs=with_hooks(self.runs, self.gate, "runs."),
            refusals=with_hooks(self.refusals, self.gate, "refusals."),
            starts=with_hooks(self.starts, self.gate, "starts."),
            schedules=with_hooks(self.schedules, self.gate, "scheduler."),
            checkpoints=with_hooks(self.checkpoints, self.gate, "s3."),
            policies=with_hooks(self.policies, self.gate, "ssm."),
            kill_switch=with_hooks(self.kill_switch, self.gate, "switch."),
            clone=lambda *request: self.clone(*request),  # noqa: PLW0108 - a test may replace it
            limits=CreationLimits(roles=roles, instance_types=instance_types),
            clock=self.clock,
            note=lambda _, words: self.notes.append(words),
            on_schedule_failure=lambda job, error: self.on_schedule_failure(job, error),  # noqa: PLW0108 - the same
            stop_only_tagged=self.stop_only_tagged,
            sweep_interval=self.sweep_interval,
            pause=lambda seconds: self.clock.pass_by(timedelta(seconds=seconds)),
        )

    def _note_failure(self, job: JobId, error: ScheduleUnavailableError) -> None:
        self.schedule_failures.append(f"{job.name}: {error}")

    def submit(self, name: str = NAME, tags: Mapping[str, str] = OPTED_IN, **others: Any) -> JobId:  # noqa: ANN401
        """A job that a user creates, and the ledger knows."""
        job = self.sagemaker.submit(name, tags, **others)
        self.observe(name)
        return job

    def save(self, step: int, name: str = NAME) -> None:
        """A checkpoint arrives now."""
        stored = StoredObject(
            key=f"checkpoints/{name}/checkpoint-{step}.pt", size=2_000_000, last_modified=self.clock()
        )
        self.checkpoints.buckets["ml-bucket"].append(stored)

    def end(self, status: str = "MaxWaitTimeExceeded", name: str = NAME, reason: str | None = None) -> JobId:
        """The job trains for an hour, saves a checkpoint, trains for ten more minutes, and ends."""
        self.clock.pass_by(timedelta(minutes=5))
        for transition in ("Downloading", "Training"):
            self.sagemaker.move(name, transition)
        self.clock.pass_by(timedelta(hours=1))
        self.save(len(self.checkpoints.buckets["ml-bucket"]) + 1)
        self.clock.pass_by(timedelta(minutes=10))
        self.sagemaker.move(name, status, reason)
        self.observe(name)
        return self.sagemaker.jobs[name].state.job

    def observe(self, name: str) -> None:
        """The ledger learns what SageMaker has, tags included."""
        seen = self.sagemaker.describe(self.sagemaker.region, name)
        assert seen is not None
        tagged = replace(seen, state=replace(seen.state, tags=dict(self.sagemaker.jobs[name].tags)))
        self.ledger.save(reconcile(self.ledger.load(seen.state.job), tagged))

    def ended(self, status: str = "MaxWaitTimeExceeded", reason: str | None = None, **others: Any) -> JobId:  # noqa: ANN401
        """The user's job, submitted and ended."""
        self.submit(**others)
        return self.end(status, reason=reason)

    def decided(self, **others: Any) -> JobId:  # noqa: ANN401
        """A job on which the decision is written, and nothing created yet."""
        job = self.ended(**others)
        self.faults["runs.record_creation_intent"] = LedgerUnavailableError("no answer")
        with suppress(LedgerUnavailableError):
            self.recover(job)
        self.faults.clear()
        return job

    def recover(self, job: JobId) -> Later | None:
        """One delivery of the ended job's message."""
        self.recovery.begin()
        return self.recovery.recover(job)

    def set_policy(self, **settings: Any) -> None:  # noqa: ANN401
        """The account's defaults from now on."""
        account = self.policies.policy
        self.policies.policy = replace(account, defaults=replace(account.defaults, **settings))

    def set_ladder(self, words: str) -> None:
        """The ladder of the account's defaults, as a tag writes it."""
        self.set_policy(ladder=parse_ladder(words) if words else ())

    def set_pause(self, span: timedelta) -> None:
        """The pause before every attempt."""
        self.set_policy(back_off=dict.fromkeys(Budget, BackOff(first=span, longest=span)))

    def set_tag(self, value: str, key: str = "respot:resume") -> None:
        """A tag of the user's job in SageMaker."""
        self.sagemaker.jobs[NAME].tags[key] = value

    def turn_switch(self, *, on: bool) -> None:
        """The kill switch."""
        self.kill_switch.is_on = on

    def intrude(self, name: str = "other") -> JobId:
        """Another job, which writes to the checkpoints of the user's job."""
        return self.submit(name, checkpoint_uri=f"s3://ml-bucket/checkpoints/{NAME}/")

    def decision(self, job: JobId) -> DecisionRecord:
        """The one there is."""
        return self.runs.decisions[job]

    def outcome(self, job: JobId) -> Outcome:
        """The one there is."""
        return self.runs.outcomes[job]
