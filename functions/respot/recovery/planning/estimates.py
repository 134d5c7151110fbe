"""Estimates how long a start takes: a value, and where it comes from in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Final

from respot.jobs.formatting import in_words
from respot.recovery.planning.run import Run, may_be_accelerated
from respot.recovery.planning.start_history import StartHistory, StartSample
from respot.recovery.planning.work import ASSUMED_OVERHEAD, Proof
from respot.recovery.policy.policy import Policy

ASSUMED_GPU_WAIT: Final = timedelta(minutes=60)
"""Until on-demand instances with GPUs are there, where nothing better is known. Public reports measure 28 to 58."""
ASSUMED_WAIT: Final = timedelta(minutes=10)
"""The same for other types."""
ENOUGH: Final = 10
"""Earlier jobs from which on their p95 counts: with fewer, it would be no more than the longest of a few."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """An estimated span of time.

    Attributes:
        value: the span.
        source: where it comes from, in words.
    """

    value: timedelta
    source: str

    def __str__(self) -> str:
        return f"{in_words(self.value)}: {self.source}"


def restart_overhead(run: Run, proof: Proof, policy: Policy, history: StartHistory, *, now: datetime) -> Estimate:
    """The time from getting instances to work: what this run has shown may only raise it."""
    known = _of_policy(policy.restart_overhead) or _of_history(history.overheads, "with this image", now)
    estimate = known or Estimate(value=ASSUMED_OVERHEAD, source="assumed, nothing better is known")
    shown = max(filter(None, (run.restart_overhead(), proof.overhead)), default=timedelta())
    return Estimate(value=shown, source="this run took that long") if shown > estimate.value else estimate


def on_demand_wait(policy: Policy, history: StartHistory, instance_type: str | None, *, now: datetime) -> Estimate:
    """The time until on-demand instances of that type are there."""
    known = _of_policy(policy.on_demand_wait) or _of_history(history.on_demand_waits, "on demand in this pool", now)
    if known:
        return known
    if may_be_accelerated(instance_type):
        return Estimate(value=ASSUMED_GPU_WAIT, source="assumed for GPU types, nothing better is known")
    return Estimate(value=ASSUMED_WAIT, source="assumed, nothing better is known")


def _of_policy(value: timedelta | None) -> Estimate | None:
    return None if value is None else Estimate(value=value, source="set by the policy")


def _of_history(samples: Sequence[StartSample], which: str, now: datetime) -> Estimate | None:
    if len(samples) < ENOUGH:
        return None
    took = sorted(each.took for each in samples)
    age = max(timedelta(), now - max(each.seen for each in samples))
    source = f"p95 of {len(samples)} jobs {which}, newest {_days(age)} old"
    return Estimate(value=took[ceil(0.95 * len(took)) - 1], source=source)


def _days(age: timedelta) -> str:
    return f"{age.days} day{'' if age.days == 1 else 's'}" if age.days else in_words(age)
