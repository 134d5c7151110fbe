"""A decision on an ended job, with the values that it consists of."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from respot.jobs.job import Market
from respot.jobs.type_lists import split_types
from respot.recovery.planning.cause import Cause

DECIDED_WITHIN: Final = timedelta(days=3)
"""After the job's end. Nothing is decided or created later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """What a decision says of the next attempt.

    Attributes:
        market: spot or on-demand.
        instance_type: for example `ml.g5.2xlarge`, or a list as one text (`type_lists`).
        max_runtime: StoppingCondition.MaxRuntimeInSeconds.
        max_wait: StoppingCondition.MaxWaitTimeInSeconds; `None` on demand, where SageMaker refuses it.
    """

    market: Market
    instance_type: str
    max_runtime: timedelta
    max_wait: timedelta | None

    @property
    def instance_types(self) -> tuple[str, ...]:
        """The types in order of preference; one for a plain type."""
        return split_types(self.instance_type)

    @property
    def is_list(self) -> bool:
        """Whether SageMaker chooses among several types."""
        return len(self.instance_types) > 1


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedPool:
    """Where no next attempt can be created: SageMaker has refused it for good, or its request cannot be built.

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
        """Whether a pool, given as its market and instance type, is refused too."""
        return pool.partition(" ")[0] == self.market if self.instance_type is None else pool == self._pool()

    def _pool(self) -> str:
        return f"{self.market} {self.instance_type}".strip()


class Action(StrEnum):
    """What to do."""

    RESUBMIT = "resubmit"
    WAIT = "wait"
    REFUSE = "refuse"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """A decision, with its reason.

    Attributes:
        action: what to do.
        reason: why, in words an operator reads.
        inputs: what it was made from, in words, so that it can be explained and checked.
        placement: where the next attempt runs (RESUBMIT only).
        attempt: the next attempt's number (RESUBMIT only).
        until: when to decide again (WAIT only).
        dry_run: nothing is created.
        notify: whether people are notified. With WAIT, that the account's kill switch postpones the job; with NOTHING,
            how the wait that they were notified about ended.
        warning: what people should also know, for example that a deadline cannot be met.
        cause: what keeps an attempt from being created; `None` if one is, and in records of earlier versions.
    """

    action: Action
    reason: str
    inputs: dict[str, str]
    placement: Placement | None = None
    attempt: int | None = None
    until: datetime | None = None
    dry_run: bool = False
    notify: bool = False
    warning: str | None = None
    cause: Cause | None = None

    @property
    def creates_attempt(self) -> bool:
        """Whether it calls for an attempt, and not only for a report of one."""
        return self.action is Action.RESUBMIT and not self.dry_run


class Outlook(StrEnum):
    """Whether somebody may start the next job by hand without interfering with Respot."""

    DECIDES = "decides"
    """Respot decides on this end, and reports what it does: a new job, or that there is none."""
    DECIDED = "decided"
    """Respot has decided on this end, and its report is written or on its way."""
    LEAVES = "leaves"
    """Respot leaves this end alone, and reports nothing."""
    UNKNOWN = "unknown"
    """Nobody can say: the policy cannot be read or is invalid, or the job's tags are not known."""


def is_silent(decision: Decision) -> bool:
    """Whether a job is left alone without an alert."""
    return decision.action is not Action.RESUBMIT and not decision.notify


def ending_the_wait(decision: Decision) -> Decision:
    """A silent decision, made into an informative one since an earlier notice reported that the job waits."""
    return replace(decision, action=Action.NOTHING, notify=True)
