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
    """Where no next attempt can be created: SageMaker has just refused it for good, or its request cannot be built.

    Attributes:
        market: spot or on-demand.
        instance_type: for example `ml.g5.2xlarge`; `None` is any, and then the whole market is refused.
        why: in words an operator reads.
    """

    market: Market
    instance_type: str | None
    why: str

    def __str__(self) -> str:
        pool = f"{self.market} on any instance type" if self.instance_type is None else self._pool()
        return f"{pool} ({self.why})"

    def covers(self, pool: str) -> bool:
        """Whether a pool, told as its market and instance type, is refused with it."""
        return pool.partition(" ")[0] == self.market if self.instance_type is None else pool == self._pool()

    def _pool(self) -> str:
        return f"{self.market} {self.instance_type}".strip()
