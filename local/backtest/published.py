"""Policies to compare with: on-demand only, native spot, the two of "Can't Be Late", and the frictionless optimum.

Z. Wu et al., "Can't Be Late: Optimizing Spot Instance Savings under Deadlines", NSDI 2024, sections 3 and 5.2.
C(t) is the work that is left, R(t) the time to the deadline, cp(t) the progress, ep(t) = t C(0) / R(0) the progress
that is expected.
"""

from dataclasses import dataclass, field

from local.backtest.world import HOUR, ON_DEMAND, Case, Ledger, Request, Truth, World
from respot.jobs.job import Market


@dataclass
class OnDemandOnly:
    """One on-demand job."""

    world: World
    case: Case
    truth: Truth

    def first(self) -> Request:
        """The only job."""
        return ON_DEMAND

    def stops(self, _ledger: Ledger, _now: int) -> bool:
        """Never."""
        return False

    def scheduled(self) -> int | None:
        """Never."""
        return None

    def following(self, _ledger: Ledger, _now: int) -> tuple[Request, int] | None:
        """None."""
        return None


class NativeSpot(OnDemandOnly):
    """One managed spot job, whose MaxWait is the deadline."""

    def first(self) -> Request:
        """The only job."""
        return Request.spot(self.case.deadline)


@dataclass
class Greedy(OnDemandOnly):
    """Spot whenever it is available; idle otherwise, until the safety net.

    Safety net: when idle and R(t) < C(t) + 2d, switch to on-demand until the end. What the world adds to a fruitless
    start and a switch is added to 2d here, and the time until a sweep sees that the job is idle, before and after it.
    """

    _net: bool = field(default=False, init=False)

    def first(self) -> Request:
        """Spot, if there is slack for one fruitless start."""
        return self._next(0)

    def stops(self, ledger: Ledger, now: int) -> bool:
        """When the safety net or another rule calls for on-demand, or allows to leave it."""
        job = ledger.jobs[-1]
        if job.request.market is Market.ON_DEMAND:
            return not self._net and self._may_leave_on_demand(now)
        idle = job.is_waiting and not self.truth.has_spot(now)
        return idle and (self._is_last_moment(now) or self._is_behind(now))

    def following(self, _ledger: Ledger, now: int) -> tuple[Request, int] | None:
        """On demand after a wait, spot after on-demand."""
        return self._next(now), now

    def _next(self, now: int) -> Request:
        self._net = self._net or self._is_last_moment(now)
        behind = self._is_behind(now) and not self.truth.has_spot(now)
        return ON_DEMAND if self._net or behind else Request.spot()

    def _is_last_moment(self, now: int) -> bool:
        world, left = self.world, self.case.work - self.truth.saved(now)
        reserve = 2 * (world.overhead + world.sweep) + world.handover + world.checkpoint_every
        return self.case.deadline - now < left + reserve

    def _is_behind(self, _now: int) -> bool:
        return False

    def _may_leave_on_demand(self, _now: int) -> bool:
        return False


class UniformProgress(Greedy):
    """The work is spread evenly over the time to the deadline.

    1. Idle and cp(t) < ep(t): on demand, to catch up.
    2. Spot whenever it is available, until it is interrupted.
    3. On demand until cp(t) >= ep(t + 2d) and spot is available. To go idle instead would add a start and gain nothing:
       read in this way, the policy would cost more than greedy here, and the paper measures the opposite.
    """

    def _expected(self, moment: int) -> float:
        return moment * self.case.work / self.case.deadline

    def _is_behind(self, now: int) -> bool:
        return self.truth.saved(now) < self._expected(now)

    def _may_leave_on_demand(self, now: int) -> bool:
        ahead = self.truth.saved(now) >= self._expected(now + 2 * self.world.overhead)
        return ahead and self.truth.has_spot(now) and not self._is_last_moment(now)


class UniformProgressOneWay(UniformProgress):
    """The same, but it remains on demand, as on SageMaker: nothing shows there whether spot is available."""

    def _may_leave_on_demand(self, now: int) -> bool:  # noqa: ARG002 - the base class needs the time
        return False


def optimum(world: World, case: Case) -> float:
    """The least cost for anyone who knows the future, with starts and switches that take no time and lose nothing.

    Without friction the order does not matter: the cheapest plan does as much of the work on spot as it can before the
    deadline. A dynamic program over the trace finds the same cost (the tests compare them).
    """
    on_spot = min(case.work, case.trace.available_until(case.deadline))
    return (on_spot * world.spot_price + (case.work - on_spot) * world.on_demand_price) / HOUR
