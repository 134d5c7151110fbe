"""Drives the product's own planner as `recover` and the sweep would, with what the ledger and S3 would show."""

import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from random import Random
from typing import Final

from local.backtest.world import HOUR, Case, Job, Ledger, Policy, Request, World
from respot.jobs.job import JobId, JobState, Market, Transition
from respot.recovery.checkpoints.checkpoint import Checkpoint
from respot.recovery.checkpoints.progress import reached
from respot.recovery.planning.attempt import attempt_name
from respot.recovery.planning.context import PlanContext
from respot.recovery.planning.deadline import forecast
from respot.recovery.planning.decision import Action
from respot.recovery.planning.ending import Budget
from respot.recovery.planning.latest_start import latest_start_of
from respot.recovery.planning.planner import plan
from respot.recovery.planning.run import Attempt, Run, run_id
from respot.recovery.planning.start_history import StartHistory, StartSample
from respot.recovery.planning.wait_decision import decide_wait, simulate_stop
from respot.recovery.planning.wait_limit import reason_to_keep_waiting
from respot.recovery.planning.waiting import PREPARING, StopIntent, waiting_since
from respot.recovery.policy.policy import BackOff, Resolved, Rung
from respot.recovery.policy.policy import Policy as Settings

_BEGAN: Final = datetime(2026, 1, 1, tzinfo=UTC)
_NAME: Final = "backtest"
_PRECISION: Final = timedelta(minutes=1)
"""A schedule fires within the minute that follows; here at its end."""
_UNLIMITED: Final = 10**6
_PRIMARY: Final = {
    "Completed": "Completed",
    "Failed": "Failed",
    "Stopped": "Stopped",
    "MaxRuntimeExceeded": "Stopped",
    "MaxWaitTimeExceeded": "Stopped",
    "Stopping": "Stopping",
}
"""SecondaryStatus to TrainingJobStatus; InProgress where none is named."""
_MESSAGES: Final = {
    "Starting": "Insufficient capacity error from EC2 while launching instances, retrying!",
    "Interrupted": "Spot instances interrupted",
}


def settings(case: Case, *, stated: float = 1.0, **others: object) -> Settings:
    """The owner's policy: the deadline, and the work as they state it; neither attempts nor budgets are a limit."""
    known = Settings(
        resume=True,
        deadline=timedelta(seconds=case.deadline),
        work=timedelta(seconds=round(case.work * stated)),
        max_attempts=_UNLIMITED,
        budgets=dict.fromkeys(Budget, _UNLIMITED),
        back_off=dict.fromkeys(Budget, BackOff(first=timedelta(), longest=timedelta())),
    )
    return replace(known, **others)  # type: ignore[arg-type]


def placed_by_respot(**others: object) -> Policy:
    """Respot places every attempt: a first job failed at once, for want of capacity."""
    return lambda world, case, _truth: Respot(
        case, settings(case, stated=world.stated, **others), world=world, own_first_job=False
    )


def after_own_first_job(**others: object) -> Policy:
    """The user's own first job has MaxWait = MaxRuntime = the work and two hours."""
    return lambda world, case, _truth: Respot(
        case, settings(case, stated=world.stated, **others), world=world, own_first_job=True
    )


def giving_up_after(hours: float) -> Policy:
    """The same, with a wait limit and on-demand below spot."""
    ladder = (Rung(market=Market.SPOT), Rung(market=Market.ON_DEMAND))
    return after_own_first_job(give_up_waiting_after=timedelta(hours=hours), ladder=ladder)


def history(world: World, seed: int) -> StartHistory:
    """What a ledger shows of earlier jobs in this world: not the overhead that hides in the status `Training`."""
    random, seen = Random(seed), _BEGAN - timedelta(days=2)  # noqa: S311 - a simulation
    visible = round((world.overhead - round(world.overhead * world.hidden)) * world.assumed)
    overhead = StartSample(took=timedelta(seconds=visible), seen=seen)
    waits = (world.preparing + random.randint(*world.launch) for _ in range(world.earlier_jobs))
    return StartHistory(
        overheads=(overhead,) * world.earlier_jobs,
        on_demand_waits=tuple(StartSample(took=timedelta(seconds=wait), seen=seen) for wait in waits),
    )


class Respot:
    """The planner and the wait limit for one run. It is a `Controller`.

    Attributes:
        ended: the run's attempts, as the planner saw them at their ends.
    """

    def __init__(self, case: Case, policy: Settings, *, world: World, own_first_job: bool) -> None:
        """Begin with the user's own job, or with a job that ended at once."""
        self._history = history(world, case.seed)
        self._resolved = Resolved(policy=policy, sources=("backtest",))
        self._request = Request.spot(case.work + 2 * HOUR)
        self.ended: list[Attempt] = []
        self._intent: StopIntent | None = None
        self._not_before = _BEGAN
        self._scheduled: int | None = None
        self._shown: tuple[tuple[int, int, int | None], Attempt] | None = None
        if not own_first_job:
            self._begin(Job(request=self._request, created=0, transitions=[("Starting", 0), ("Failed", 0)], ended=True))

    def _begin(self, failed: Job) -> None:
        attempt = self._attempt(failed)
        failure = replace(attempt.state, failure_reason="CapacityError: Unable to provision requested capacity.")
        planned = self._decide(replace(attempt, state=failure), Ledger(), 0)
        if planned is None:
            raise RuntimeError("Respot refuses the first attempt")
        self._request = planned[0]

    def first(self) -> Request:
        """The user's own job, or the first that Respot places."""
        return self._request

    def stops(self, ledger: Ledger, now: int) -> bool:
        """What `WaitTimeout` does with a job that a sweep, an interruption or its schedule sends."""
        attempt, moment = self._attempt(ledger.jobs[-1]), _at(now)
        live, transitions = attempt.state, attempt.transitions
        if moment < self._not_before or reason_to_keep_waiting(live, transitions, self._resolved, now=moment):
            return False
        tried = simulate_stop(live, transitions, now=moment)
        stopped = replace(attempt, state=tried.state, transitions=tried.transitions, stop_intent=tried.stop_intent)
        context = self._context(stopped, ledger)
        decision = decide_wait(live, transitions, context, now=moment)
        found = forecast(context.run, self._resolved.policy, self._history, now=moment)
        if found and self._resolved.policy.give_up_waiting_after is None:
            self._not_before = found.latest_start  # the same as long as the job waits
        if not decision.stop and (latest := latest_start_of(context, now=moment)):
            self._scheduled = math.ceil((latest - _BEGAN + _PRECISION).total_seconds())
        if decision.stop:
            since = waiting_since(transitions) or moment
            self._intent = StopIntent(job=live.job, waiting_since=since, decided_at=moment, reason=decision.reason)
        return decision.stop

    def scheduled(self) -> int | None:
        """The job's one-time schedule for its latest on-demand start, as `LatestStart` keeps it."""
        return self._scheduled

    def following(self, ledger: Ledger, now: int) -> tuple[Request, int] | None:
        """What `Decider` and `Creator` do at a job's end."""
        self._scheduled = None
        last, self._intent = replace(self._attempt(ledger.jobs[-1]), stop_intent=self._intent), None
        return self._decide(last, ledger, now)

    def _decide(self, last: Attempt, ledger: Ledger, now: int) -> tuple[Request, int] | None:
        context = self._context(last, ledger)
        run = context.run
        decision = plan(context, now=_at(now))
        while decision.action is Action.WAIT and decision.until:
            now = round((decision.until - _BEGAN).total_seconds())
            decision = plan(context, now=_at(now))
        steps = reached(run.checkpoints, since=run.created)
        self.ended.append(replace(run.last, made_progress=run.progress().made, reached=steps))
        placement = decision.placement
        if placement is None:
            return None
        wait = None if placement.max_wait is None else round(placement.max_wait.total_seconds())
        runtime = round(placement.max_runtime.total_seconds())
        return Request(market=placement.market, max_runtime=runtime, max_wait=wait), now

    def _context(self, attempt: Attempt, ledger: Ledger) -> PlanContext:
        listed = tuple(_checkpoint(*each) for each in ledger.checkpoints)
        last = replace(attempt, checkpoint=listed[-1] if listed else None)
        attempts = (*self.ended, last)
        run = Run(id=run_id(attempts[0].state.job), attempts=attempts, checkpoints=listed)
        return PlanContext(run=run, resolved=self._resolved, start_history=self._history)

    def _attempt(self, job: Job) -> Attempt:
        """The job as the run's next attempt; the same one until a transition is added."""
        number = len(self.ended) + 1
        version = number, len(job.transitions), job.preparing
        if self._shown is None or self._shown[0] != version:
            self._shown, self._not_before = (version, self._new_attempt(job, number)), _BEGAN
        return self._shown[1]

    def _new_attempt(self, job: Job, number: int) -> Attempt:
        run = run_id(self.ended[0].state.job) if self.ended else ""
        name = _NAME if number == 1 else attempt_name(_NAME, number, run=run)
        return attempt_of(job, JobId(region="us-east-1", name=name, created=_at(job.created)), number=number)


def attempt_of(job: Job, identity: JobId, *, number: int = 1, began: datetime = _BEGAN) -> Attempt:
    """What SageMaker shows of a job of the simulation that began then."""

    def at(seconds: int) -> datetime:
        return began + timedelta(seconds=seconds)

    secondary, since = job.transitions[-1]
    state = JobState(
        job=identity,
        arn=f"arn:aws:sagemaker:us-east-1:111122223333:training-job/{identity.name}",
        status=_PRIMARY.get(secondary, "InProgress"),
        secondary_status=secondary,
        last_modified=at(since if job.preparing is None else max(since, job.preparing)),
        status_message=_MESSAGES.get(secondary) if job.preparing is None else PREPARING,
        training_started=None if job.launched is None else at(job.launched),
        market=job.request.market,
        instance_type="ml.p3.2xlarge",
        instance_count=1,
        max_runtime=timedelta(seconds=job.request.max_runtime),
        max_wait=None if job.request.max_wait is None else timedelta(seconds=job.request.max_wait),
        checkpoint_uri=f"s3://bucket/{_NAME}",
        training_time=timedelta(seconds=job.held) if job.ended and job.launched is not None else None,
        tags={},
    )
    end = _PRIMARY.get(secondary) if job.ended else None
    transitions = [Transition(status=status, started=at(moment)) for status, moment in job.transitions]
    transitions[-1] = replace(transitions[-1], ended_as=end)
    return Attempt(number=number, state=state, transitions=tuple(transitions), checkpoint=None)


def _at(seconds: int) -> datetime:
    return _BEGAN + timedelta(seconds=seconds)


@cache
def _checkpoint(saved_at: int, step: int) -> Checkpoint:
    """What is recognised of a complete checkpoint of a known framework."""
    return Checkpoint(
        name=f"checkpoint-{step}",
        step=step,
        saved_at=_at(saved_at),
        size=2 * 10**9,
        complete=True,
        objects=4,
        layout="Hugging Face Trainer",
        position=(step,),
        is_counted=True,
    )
