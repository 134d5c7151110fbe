"""Simulates one run on SageMaker over a trace, second by second where something happens.

A policy sees the ledger: jobs with their transitions, and checkpoints. Times are seconds since the run began.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final, Protocol

from local.backtest.traces import Trace
from respot.jobs.job import Market

HOUR: Final = 3600
LONGEST: Final = 28 * 24 * HOUR
"""SageMaker's greatest MaxRuntime and MaxWait."""
_MOST_JOBS: Final = 500
_BLIND_EVERY: Final = 2 * HOUR
_RESTART: Final = 60
"""For how long a job shows `Interrupted` before it waits in `Starting` again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What holds for all runs; policies of the product do not see it.

    Attributes:
        overhead: from instances to real work.
        hidden: the share of the overhead that passes in the status `Training`.
        launch: the shortest and the longest wait for on-demand instances.
        stop: how long a job takes to stop, with its instances.
        reaction: from a job's end until the next one is created, and from an interruption until it is known.
        checkpoint_every: between two checkpoints; 0 saves everything at the moment of an interruption or a stop.
        kept: how many checkpoints the framework keeps; 0 is all.
        sweep: between two sweeps.
        earlier_jobs: how many the ledger knows that started with the same image and in the same pool.
        assumed: the overhead that they show, as a multiple of the visible part of this world's.
        stated: the work that the owner states, as a multiple of the true work.
        preparing: how long instances are prepared, with a message of its own, before they show.
        blind: for how long sweeps fail, every two hours.
        throttled: how much later than `reaction` the next job is created, at most.
    """

    overhead: int
    hidden: float = 0.0
    launch: tuple[int, int] = (120, 120)
    stop: int = 60
    reaction: int = 60
    checkpoint_every: int = 900
    kept: int = 0
    sweep: int = 300
    earlier_jobs: int = 20
    assumed: float = 1.0
    stated: float = 1.0
    preparing: int = 0
    blind: int = 0
    throttled: int = 0
    on_demand_price: float = 3.06
    spot_price: float = 0.9731

    @classmethod
    def published(cls, overhead: int) -> "World":
        """The world of "Can't Be Late": a start costs the overhead, nothing is lost, and nothing else takes time."""
        return cls(overhead=overhead, launch=(0, 0), stop=0, reaction=0, checkpoint_every=0, sweep=60)

    @property
    def handover(self) -> int:
        """From the end of one attempt's time until the next one has on-demand instances, at most."""
        return self.stop + self.reaction + self.launch[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One run: from the beginning of this trace, this work until this deadline; the seed decides on the rest."""

    trace: Trace
    work: int
    deadline: int
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a job is created as; an on-demand job has no `max_wait`."""

    market: Market
    max_runtime: int = LONGEST
    max_wait: int | None = None

    @classmethod
    def spot(cls, max_wait: int = LONGEST, *, max_runtime: int | None = None) -> "Request":
        """A spot job."""
        return cls(market=Market.SPOT, max_runtime=min(max_runtime or max_wait, max_wait), max_wait=max_wait)


ON_DEMAND: Final = Request(market=Market.ON_DEMAND)


@dataclass(slots=True, kw_only=True)
class Job:
    """A job as SageMaker shows it.

    Attributes:
        transitions: SecondaryStatus and its beginning.
        launched: when it first got instances.
        held: for how long it had instances, without the present ones.
        preparing: since when instances are being prepared; `None` if they are not.
        reported: when its last interruption becomes known; `None` if there was none.
        ended: whether it has.
    """

    request: Request
    created: int
    transitions: list[tuple[str, int]]
    launched: int | None = None
    held: int = 0
    preparing: int | None = None
    reported: int | None = None
    ended: bool = False

    @property
    def is_waiting(self) -> bool:
        """Whether it waits for capacity."""
        return self.transitions[-1][0] in {"Starting", "Interrupted"}


@dataclass(slots=True, kw_only=True)
class Ledger:
    """All that a policy may know: jobs, the present one last, and checkpoints as (saved at, step), oldest first."""

    jobs: list[Job] = field(default_factory=list)
    checkpoints: list[tuple[int, int]] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a run ended: when the work was done (`None` if it never was), what it cost, how many jobs it took."""

    finished: int | None
    cost: float
    jobs: int


class Controller(Protocol):
    """A policy, for one run."""

    def first(self) -> Request:
        """The run's first job."""

    def stops(self, ledger: Ledger, now: int) -> bool:
        """Whether to stop the present job; asked at each sweep, after an interruption, and when it is scheduled."""

    def scheduled(self) -> int | None:
        """When the present job is checked without a sweep."""

    def following(self, ledger: Ledger, now: int) -> tuple[Request, int] | None:
        """The job after the last, which has ended without finishing the work, and when it is created."""


class Truth(Protocol):
    """What only the published policies see."""

    def saved(self, now: int) -> int:
        """The work that would not be lost if the job ended now."""

    def has_spot(self, now: int) -> bool:
        """Whether spot instances are available."""


Policy = Callable[[World, Case, Truth], Controller]


def play(world: World, case: Case, policy: Policy) -> Outcome:
    """The run of one case under a policy."""
    life = _Life(world, case)
    controller = policy(world, case, life)
    following: tuple[Request, int] | None = (controller.first(), 0)
    while following and len(life.ledger.jobs) < _MOST_JOBS:
        ended = life.run_job(*following, controller)
        if life.finished is not None:
            break
        following = controller.following(life.ledger, ended + world.reaction + life.throttled())
    return Outcome(finished=life.finished, cost=life.cost, jobs=len(life.ledger.jobs))


class _Life:
    """One run as it happens."""

    def __init__(self, world: World, case: Case) -> None:
        self._world, self._case = world, case
        self._random = Random(case.seed)  # noqa: S311 - a simulation
        self._phase = self._random.randrange(world.sweep)
        self._blind_from = self._random.randrange(_BLIND_EVERY)
        self._done = 0  # work that no later loss can take away
        self._works_since: int | None = None
        self.ledger = Ledger()
        self.finished: int | None = None
        self.cost = 0.0

    def saved(self, now: int) -> int:
        """See `Truth`."""
        return self._done + self._kept_of(now)

    def has_spot(self, now: int) -> bool:
        """See `Truth`."""
        period = self._case.trace.period_from(now)
        return period is not None and period[0] == now

    def throttled(self) -> int:
        """How much later SageMaker accepts the next job."""
        return self._random.randint(0, self._world.throttled)

    def run_job(self, request: Request, created: int, controller: Controller) -> int:
        """Run one job to its end, whose moment is returned."""
        job = Job(request=request, created=created, transitions=[("Starting", created)])
        self.ledger.jobs.append(job)
        now, limit = created, created + (LONGEST if request.max_wait is None else request.max_wait)
        while True:
            job.preparing = None
            given, end = self._instances(request, created, now)
            begin = given + self._world.preparing
            if (asked := self._asked_to_stop(controller, now, min(given, limit))) is not None:
                return self._stopped(job, asked, "Stopped")
            job.preparing = given
            if (asked := self._asked_to_stop(controller, given, min(begin, end, limit))) is not None:
                return self._stopped(job, asked, "Stopped")
            if min(begin, end) >= limit:
                return self._stopped(job, limit, "MaxWaitTimeExceeded")
            if end <= begin:
                now = end
                continue
            self._launched(job, begin)
            works_since = begin + self._world.overhead
            finish = works_since + self._case.work - self._done
            over = begin + request.max_runtime - job.held
            until = min(finish, end, limit, over)
            asked = self._asked_to_stop(controller, begin, until)
            until = until if asked is None else asked
            self._save(until)
            if asked is None and until == finish:
                self._released(job, begin, until)
                self.finished, job.ended = finish, True
                job.transitions.append(("Completed", finish))
                return finish
            if asked is None and until == end < min(limit, over):
                self._released(job, begin, until)
                job.transitions.append(("Interrupted", end))
                job.reported = end + self._world.reaction
                now = end
                continue
            self._released(job, begin, until + self._world.stop)
            why = "Stopped" if asked is not None else "MaxWaitTimeExceeded" if until == limit else "MaxRuntimeExceeded"
            return self._stopped(job, until, why)

    def _instances(self, request: Request, created: int, now: int) -> tuple[int, int]:
        if request.market is Market.ON_DEMAND:
            return created + self._random.randint(*self._world.launch), 2 * LONGEST
        return self._case.trace.period_from(now) or (2 * LONGEST, 2 * LONGEST)

    def _asked_to_stop(self, controller: Controller, since: int, until: int) -> int | None:
        """The check between these moments at which the policy stops the job."""
        job, now = self.ledger.jobs[-1], self._next_sweep(since)
        while (now := self._next_check(controller, since, now)) < until:
            self._show(job, now)
            if controller.stops(self.ledger, now):
                return now
            since, now = now, self._next_sweep(now)
        self._show(job, until)
        return None

    def _next_check(self, controller: Controller, since: int, sweep: int) -> int:
        others = (controller.scheduled(), self.ledger.jobs[-1].reported)
        return min([sweep, *(moment for moment in others if moment is not None and moment > since)])

    def _next_sweep(self, since: int) -> int:
        """The next sweep after this moment that does not fail."""
        step = self._world.sweep
        if self._world.blind >= _BLIND_EVERY:
            return 3 * LONGEST  # never
        now = since + 1 + (self._phase - since - 1) % step
        while (now - self._blind_from) % _BLIND_EVERY < self._world.blind:
            now += step
        return now

    def _show(self, job: Job, now: int) -> None:
        """Bring the job's status up to now; its present status period began before."""
        status, since = job.transitions[-1]
        visible = since + self._world.overhead - round(self._world.overhead * self._world.hidden)
        if status == "Interrupted" and now > since + _RESTART:
            job.transitions.append(("Starting", since + _RESTART))
        elif status == "Downloading" and now > visible:
            job.transitions.append(("Training", visible))

    def _launched(self, job: Job, begin: int) -> None:
        job.launched = begin if job.launched is None else job.launched
        job.transitions.append(("Downloading", begin))
        self._works_since = begin + self._world.overhead

    def _kept_of(self, now: int) -> int:
        """The work of the present instances that is saved now."""
        worked = 0 if self._works_since is None else max(0, now - self._works_since)
        every = self._world.checkpoint_every
        return worked // every * every if every else worked

    def _save(self, until: int) -> None:
        """Write the checkpoints of the present instances, which are lost now."""
        every, since, kept = self._world.checkpoint_every, self._works_since or 0, self._kept_of(until)
        times = range(every, kept + 1, every) if every else range(kept, kept + 1) if kept else ()
        self.ledger.checkpoints += ((since + worked, self._done + worked) for worked in times)
        del self.ledger.checkpoints[: -self._world.kept or 0]
        self._done, self._works_since = self._done + kept, None

    def _released(self, job: Job, begin: int, end: int) -> None:
        price = self._world.spot_price if job.request.market is Market.SPOT else self._world.on_demand_price
        job.held += end - begin
        self.cost += (end - begin) / HOUR * price

    def _stopped(self, job: Job, at: int, status: str) -> int:
        self._show(job, at)
        job.transitions += (("Stopping", at), (status, at + self._world.stop))
        job.ended = True
        return at + self._world.stop
