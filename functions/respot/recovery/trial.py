"""Decides on the first pool for which the next attempt's request can be built: no other must be promised."""

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from respot.errors import CloneRefusedError
from respot.jobs.description import JobDescription
from respot.jobs.job import JobId
from respot.recovery.planning.context import PlanContext
from respot.recovery.planning.decision import Decision
from respot.recovery.planning.wait_decision import WaitDecision
from respot.recovery.ports import Clone

D = TypeVar("D", Decision, WaitDecision)


def decide_on_trial(
    context: PlanContext,
    rule: Callable[[PlanContext], D],
    *,
    describe: Callable[[], JobDescription | None],
    clone: Clone,
    with_unknown_writers: Callable[[PlanContext], PlanContext],
) -> tuple[D, tuple[str, ...]]:
    """What the pure rule decides once its placement was tried, and what the request goes without.

    `describe` returns the description of the run's last job; `None` if the job was deleted. The writers that only
    SageMaker knows are asked for last, if nothing else is against an attempt.
    """
    description = None
    while True:  # as often as the ladder has pools: each round but the last one rules out another
        decision = rule(context)
        if decision.placement is None:
            return decision, ()
        description = description or describe()
        last = context.run.last.state
        if description is None:
            return rule(replace(context, blockers=(deleted(last.job),))), ()
        try:
            cloned = clone(description, last.tags or {}, context.run.next_attempt(decision.placement))
        except CloneRefusedError as error:
            context = context.without(decision.placement, error)
            continue
        checked = with_unknown_writers(context)
        return (decision, cloned.warnings) if checked is context else (rule(checked), ())


def deleted(job: JobId) -> str:
    """Why no attempt can follow a job that was deleted."""
    return f"{job.name} was deleted, and its settings with it"
