"""Where and for how long an attempt runs, and where none can."""

from dataclasses import dataclass
from datetime import timedelta

from respot.domain.job import Market


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """What a decision says of the next attempt.

    Attributes:
        market: spot or on-demand.
        instance_type: for example `ml.g5.2xlarge`.
        max_runtime: StoppingCondition.MaxRuntimeInSeconds.
        max_wait: StoppingCondition.MaxWaitTimeInSeconds; `None` on demand, where SageMaker refuses it.
    """

    market: Market
    instance_type: str
    max_runtime: timedelta
    max_wait: timedelta | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedPool:
    """A pool that SageMaker has just refused for good, as it would the next time.

    Attributes:
        market: spot or on-demand.
        instance_type: for example `ml.g5.2xlarge`.
        why: in words an operator reads.
    """

    market: Market
    instance_type: str
    why: str

    def __str__(self) -> str:
        return f"{self.market} {self.instance_type}".strip() + f" ({self.why})"
