"""When a job is checked for its deadline without a sweep."""

from datetime import datetime, timedelta
from typing import Final

from respot.jobs.job import JobState, Market
from respot.jobs.lifecycle import IN_PROGRESS
from respot.recovery.planning.attempt import may_be_attempt
from respot.recovery.planning.context import PlanContext
from respot.recovery.planning.deadline import forecast
from respot.recovery.planning.wait_limit import due_from, may_be_before_deadline
from respot.recovery.policy.policy import Resolved

LOOK_AGAIN: Final = timedelta(minutes=10)
"""As long as the reserve has for two sweeps."""


def latest_start_of(context: PlanContext, *, now: datetime) -> datetime | None:
    """The latest on-demand start of the run whose last job waits; `None` if nothing would be done then."""
    policy, last = context.resolved.policy, context.run.last
    if not policy.resume or policy.dry_run or last.state.market is Market.ON_DEMAND:
        return None
    found = forecast(context.run, policy, context.start_history, now=now, sweep=context.sweep_interval)
    # A first job whose work is not known is never stopped for its deadline.
    return None if found is None or (not found.known and last.number == 1) else found.latest_start


def next_look(state: JobState, resolved: Resolved, *, now: datetime) -> datetime | None:
    """When a job that does not wait, or may not, is checked again; `None` if nothing would be done then.

    It may lose its instances after its latest on-demand start, while sweeps fail.
    """
    policy = resolved.policy
    known = policy.work is not None or may_be_attempt(state.job.name)
    if state.status != IN_PROGRESS or state.market is Market.ON_DEMAND or state.parent or resolved.bad_tags:
        return None
    due = due_from(state, policy)
    if policy.dry_run or not known or due is None or not may_be_before_deadline(state, policy, now=now):
        return None
    return max(due, now + LOOK_AGAIN)
