"""When a job that waits must go on demand."""

from datetime import datetime

from respot.jobs.job import Market
from respot.recovery.planning.context import PlanContext
from respot.recovery.planning.deadline import forecast
from respot.recovery.planning.decision import Placement


def latest_start_of(context: PlanContext, *, now: datetime) -> datetime | None:
    """The latest on-demand start of the run whose last job waits; `None` if nothing would be done then."""
    policy, last = context.resolved.policy, context.run.last
    if not policy.resume or policy.dry_run or last.state.market is Market.ON_DEMAND:
        return None
    found = forecast(context.run, policy, context.start_history, now=now, sweep=context.sweep_interval)
    # A first job whose work is not known is never stopped for its deadline.
    return None if found is None or (not found.known and last.number == 1) else found.latest_start


def latest_start_after(context: PlanContext, there: Placement, *, now: datetime) -> datetime | None:
    """The latest on-demand start of the run whose next attempt is created there now; `None` on demand."""
    if there.market is Market.ON_DEMAND:
        return None
    policy = context.resolved.policy
    found = forecast(context.run, policy, context.start_history, now=now, sweep=context.sweep_interval)
    return None if found is None else found.latest_start
