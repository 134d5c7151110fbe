"""What SageMaker counts and bills of a simulated job's time."""

from collections.abc import Iterable
from datetime import timedelta
from itertools import pairwise
from typing import Final

from local.sagemaker.lifecycle import ON_AN_INSTANCE

# The share of a spot job's training time that is billed, near the 34 to 37 % of the example payloads.
_SPOT_BILLED_SHARE: Final = 0.35


def training_seconds(phases: Iterable[tuple[str, timedelta]]) -> int | None:
    """TrainingTimeInSeconds for phases as (status, duration); None before an instance was held. At least 1.

    SageMaker bills while it holds an instance. `Stopping` belongs to it only when it follows a phase on one.
    """
    held = [
        length
        for (before, _), (status, length) in pairwise([("", timedelta()), *phases])
        if status in ON_AN_INSTANCE or (status == "Stopping" and before in ON_AN_INSTANCE)
    ]
    return max(1, _half_up(sum(held, timedelta()).total_seconds())) if held else None


def billable_seconds(training: int | None, *, spot: bool) -> int | None:
    """BillableTimeInSeconds of a job that is over: all of an on-demand job's training time, a share of a spot job's."""
    return max(1, _half_up(training * _SPOT_BILLED_SHARE)) if training and spot else training


def _half_up(number: float) -> int:
    return int(number + 0.5)
