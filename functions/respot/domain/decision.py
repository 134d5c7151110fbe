"""What Respot decides about a job that has ended."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from respot.domain.placement import Placement

DECIDED_WITHIN: Final = timedelta(days=3)
"""After the job's end: later, nothing is decided or created any more."""


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
        notify: whether people are notified; of a decision to wait, that the account's kill switch postpones the job; of
            one to do nothing, how the wait that they were notified of ended.
        warning: what people should know besides, for example that a deadline cannot be met.
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
