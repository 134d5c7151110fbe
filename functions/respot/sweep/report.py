"""What one invocation of the sweep has done."""

from dataclasses import dataclass, field
from datetime import timedelta

from respot.errors import RespotError


@dataclass(slots=True, kw_only=True)
class SweepReport:
    """What an invocation has done for one scope.

    Attributes:
        scope: a region, or `CHECKS`.
        age: time since the last complete pass began, measured when this invocation ends.
        complete: whether the pass has come to its end.
        rechecks: jobs sent to be described.
        recoveries: jobs sent to be decided on, created or checked against their wait limit.
        alerts: jobs sent to be alerted on.
        held_back: the backlog of observations is too long to know what is lost; the next invocation goes on.
        error: what stopped the pass; the next invocation goes on from there.
        policy_error: why no wait limit was checked; nothing else depends on the policy.
        unreadable: why jobs could not be checked; the others were.
        unknown_messages: status messages that do not say whether their job waits.
    """

    scope: str
    age: timedelta
    complete: bool = False
    rechecks: int = 0
    recoveries: int = 0
    alerts: int = 0
    held_back: bool = False
    error: Exception | None = None
    policy_error: RespotError | None = None
    unreadable: list[Exception] = field(default_factory=list)
    unknown_messages: list[str] = field(default_factory=list)
