"""When a job that waits must go on demand."""

from datetime import datetime

from respot.jobs.job import Market
from respot.recovery.planning.context import PlanContext
from respot.recovery.planning.placement import latest_on_demand_start


def latest_start_of(context: PlanContext) -> datetime | None:
    """The latest on-demand start of the run whose last job waits; `None` if nothing would be done then."""
    policy = context.resolved.policy
    if not policy.resume or policy.dry_run or context.run.last.state.market is Market.ON_DEMAND:
        return None
    return latest_on_demand_start(context.run, policy)
