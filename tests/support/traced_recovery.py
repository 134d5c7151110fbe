"""The whole of recovery, in the backtest's world: its jobs are the jobs of a fake SageMaker, its files those of S3."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from local.backtest.product import attempt_of, history, settings
from local.backtest.world import HOUR, Case, Ledger, Request, Truth, World
from respot.errors import ScheduleUnavailableError, UpstreamUnavailableError
from respot.jobs.job import JobId
from respot.recovery.checkpoints.location import StoredObject
from respot.recovery.planning.start_history import MeasuredStart, StartPool
from respot.recovery.planning.wait_limit import is_time_for_deadline
from respot.recovery.planning.waiting import seems_waiting
from respot.recovery.policy.policy import AccountPolicy
from tests.support.builders import CREATED, NAME, REGION, job_id
from tests.support.fake_sagemaker import FakeJob
from tests.support.recovery_environment import OPTED_IN, RecoveryEnvironment

IMAGE: Final = "111122223333.dkr.ecr.us-east-1.amazonaws.com/train:1"
TYPE: Final = "ml.p3.2xlarge"
_UPSTREAM: Final = UpstreamUnavailableError("DescribeTrainingJob: ThrottlingException")
_NO_SCHEDULE: Final = ScheduleUnavailableError("CreateSchedule: ThrottlingException")
_RETRY: Final = timedelta(minutes=1)


class TracedRecovery(RecoveryEnvironment):
    """Recovery for one run of the backtest, which begins with the user's own job. It is a `Controller`.

    Attributes:
        faulty: every third delivery fails at SageMaker, and no schedule can be kept.
    """

    def __init__(self, world: World, case: Case, _truth: Truth, *, faulty: bool = False) -> None:
        super().__init__()
        self.policies.policy = AccountPolicy(defaults=settings(case, stated=world.stated))
        self.faulty = faulty
        self.deliveries = 0
        self.request = Request.spot(case.work + 2 * HOUR)
        known = history(world, case.seed)
        for image, samples in ((IMAGE, known.overheads), (None, known.on_demand_waits)):
            for number, sample in enumerate(samples):
                pool = StartPool(region=REGION, instance_type=TYPE, image=image)
                seen = replace(sample, seen=CREATED - timedelta(days=2))
                self.starts.remember(MeasuredStart(job=job_id(f"earlier-{number}"), pool=pool, sample=seen))
        if faulty:
            self.faults["scheduler.keep"] = _NO_SCHEDULE

    def first(self) -> Request:
        """The user's own job."""
        self.submit(
            tags=OPTED_IN,
            instance_type=TYPE,
            image=IMAGE,
            max_runtime=timedelta(seconds=self.request.max_runtime),
            max_wait=timedelta(seconds=self.request.max_wait or 0),
        )
        return self.request

    def stops(self, ledger: Ledger, now: int) -> bool:
        """A sweep, its schedule or its interruption has the job checked."""
        job, fake = ledger.jobs[-1], self._show(ledger, now)
        state, at = fake.state, self.clock()
        swept = seems_waiting(state, now=at) and is_time_for_deadline(
            state, self.policies.policy.defaults, last=at, now=at
        )
        due = self.schedules.schedules.get(state.job)
        fired = due is not None and due <= at
        if fired:
            del self.schedules.schedules[state.job]
        if swept or fired or now == job.reported:
            self._deliver(state.job)
        return state.job.name in self.sagemaker.stopped

    def scheduled(self) -> int | None:
        """When Scheduler sends the job, to the minute."""
        due = next(iter(self.schedules.schedules.values()), None)
        return None if due is None else -int((CREATED - due - timedelta(minutes=1)).total_seconds() // 1)

    def following(self, ledger: Ledger, now: int) -> tuple[Request, int] | None:
        """The end is decided on, and the next job created."""
        fake, before = self._show(ledger, now), len(self.sagemaker.created)
        self.schedules.schedules.pop(fake.state.job, None)  # what it would send finds the job decided on
        for _ in range(20):
            later = self._deliver(fake.state.job)
            if len(self.sagemaker.created) > before:
                created = self.sagemaker.jobs[self.sagemaker.created[-1]].state
                assert created.market is not None
                assert created.max_runtime is not None
                wait = None if created.max_wait is None else round(created.max_wait.total_seconds())
                runtime = round(created.max_runtime.total_seconds())
                since = round((created.job.created - CREATED).total_seconds())
                return Request(market=created.market, max_runtime=runtime, max_wait=wait), since
            if later is None:
                return None
            self.clock.pass_by(later)
        raise AssertionError(self.notes)

    def _deliver(self, job: JobId) -> timedelta | None:
        """One delivery of the job's message; gives the time until the next one, if there is to be one."""
        self.deliveries += 1
        if self.faulty and self.deliveries % 3 == 1:
            self.faults["sagemaker.describe"] = self.faults["ledger.load"] = _UPSTREAM
        try:
            later = self.recover(job)
        except UpstreamUnavailableError:
            return _RETRY
        finally:
            self.faults.pop("sagemaker.describe", None)
            self.faults.pop("ledger.load", None)
        return None if later is None else later.delay or _RETRY

    def _show(self, ledger: Ledger, now: int) -> FakeJob:
        """SageMaker and S3 show what happened until now, and the ledger has recorded it."""
        self.clock.moment = CREATED + timedelta(seconds=now)
        job, name = ledger.jobs[-1], (self.sagemaker.created or [NAME])[-1]
        fake = self.sagemaker.jobs[name]
        seen = attempt_of(job, fake.state.job, began=CREATED)
        kept = ("instance_type", "image", "max_runtime", "max_wait", "checkpoint_uri", "market", "role_arn", "tags")
        same = {each: getattr(fake.state, each) for each in kept}
        fake.state = replace(seen.state, arn=fake.state.arn, described=True, **same)
        fake.transitions = seen.transitions
        self.observe(name)
        self.checkpoints.buckets["ml-bucket"] = [
            StoredObject(
                key=f"checkpoints/{NAME}/checkpoint-{step}.pt",
                size=2_000_000,
                last_modified=CREATED + timedelta(seconds=saved_at),
            )
            for saved_at, step in ledger.checkpoints
        ]
        return fake
