"""What starting has taken earlier jobs, as the ledger knows it."""

from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class StartSample:
    """One measurement of an earlier job.

    Attributes:
        took: how long it took.
        seen: when it was over.
    """

    took: timedelta
    seen: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StartHistory:
    """The newest measurements that count for a run; empty where the ledger knows none.

    Attributes:
        overheads: from getting instances to training, for jobs with the run's image on its instance type.
        on_demand_waits: from the beginning of the wait to getting instances, for on-demand jobs of that type.
    """

    overheads: tuple[StartSample, ...] = ()
    on_demand_waits: tuple[StartSample, ...] = ()
