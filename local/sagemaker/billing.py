"""How the simulated SageMaker bills a job: TrainingTimeInSeconds and BillableTimeInSeconds."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

from local.sagemaker.lifecycle import ON_AN_INSTANCE, Lifecycle

# The share of a spot job's training time that is billed, near the 34 to 37 % of the example payloads.
SPOT_BILLED_SHARE: Final = 0.35


def training_seconds(phases: Iterable[tuple[str, timedelta]]) -> int | None:
    """TrainingTimeInSeconds for phases as (status, duration); None before an instance was held. At least 1.

    SageMaker bills while it holds an instance. `Stopping` belongs to it only when it follows a phase on one.
    """
    held = [timedelta()]
    previous = ""
    for status, duration in phases:
        if status in ON_AN_INSTANCE or (status == "Stopping" and previous in ON_AN_INSTANCE):
            held.append(duration)
        previous = status
    return max(1, _half_up(sum(held, timedelta()).total_seconds())) if len(held) > 1 else None


def billable_seconds(training: int | None, *, spot: bool) -> int | None:
    """BillableTimeInSeconds of a job that is over: all of an on-demand job's training time, a share of a spot job's."""
    if training is None or not spot:
        return training
    return max(1, _half_up(training * SPOT_BILLED_SHARE))


def expected_seconds(lifecycle: Lifecycle, *, spot: bool) -> tuple[int | None, int | None]:
    """What DescribeTrainingJob will finally say: (TrainingTimeInSeconds, BillableTimeInSeconds)."""
    training = training_seconds((status, length) for status, _, length in lifecycle.periods)
    return training, billable_seconds(training, spot=spot)


def _half_up(number: float) -> int:
    return int(number + 0.5)
