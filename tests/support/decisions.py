"""Decisions of the planner: a test says what it is about, the rest is a run that may go on."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from respot.recovery.planning.decision import Action, Decision
from respot.recovery.planning.planner import plan
from respot.recovery.planning.run import Run
from respot.recovery.policy.policy import Resolved
from tests.support.builders import at
from tests.support.runs import ENDED, HOUR, NEVER_LAUNCHED, asked, attempt, context, ended, run, saved

SAVED: Final = saved(7000)
TRAINED: Final = run(checkpoints=(SAVED,))
"""6510 s of work proved, 200 s lost, ended six hours after its creation; 240 s from instances to training."""
NEVER: Final = run(attempt(NEVER_LAUNCHED))
LONG_AFTER: Final = at(70 * HOUR)
"""After all pauses, and within three days of the end."""


def decide(
    what: Run = TRAINED,
    *,
    now: datetime = ENDED,
    resolved: Resolved | None = None,
    around: Mapping[str, Any] = MappingProxyType({}),
    **settings: Any,  # noqa: ANN401
) -> Decision:
    return plan(context(what, resolved or asked(**settings), **around), now=now)


def ending(status: str, secondary: str | None = None, reason: str | None = None, **others: Any) -> Run:  # noqa: ANN401
    """The run that has a checkpoint, but with another end."""
    last = TRAINED.last
    state = replace(ended(last.state, status, secondary or status, reason), **others)
    return run(replace(last, state=state), checkpoints=TRAINED.checkpoints)


def outcome(decision: Decision) -> tuple[Action, str, bool]:
    return decision.action, decision.reason, decision.notify
