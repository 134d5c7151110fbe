"""A decision for each cause that the planner knows."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Final

from respot.jobs.job import Market, Owner, Parent
from respot.recovery.planning.cause import Cause
from respot.recovery.planning.decision import DECIDED_WITHIN, Decision, RefusedPool
from respot.recovery.planning.ending import Budget
from respot.recovery.planning.waiting import StopIntent
from respot.recovery.policy.policy import WhenMissed, parse_ladder
from tests.support.builders import at
from tests.support.decisions import LONG_AFTER, NEVER, SAVED, decide, ending
from tests.support.runs import ENDED, NEVER_LAUNCHED, OUT_OF_TIME, asked, attempt, repeated, run, saved, timed_out

FRUITLESS: Final = run(*repeated(OUT_OF_TIME, 2), checkpoints=(saved(-9000),))
TWO: Final = run(*repeated(NEVER_LAUNCHED, 2))
NO_QUOTA: Final = RefusedPool(market=Market.SPOT, instance_type="ml.g5.2xlarge", why="a quota of 0")
PARENT: Final = Parent(owner=Owner.TUNING, identifier="arn:tuning-job/t")
STOPPED: Final = timed_out()
REFUSED: Final = StopIntent(
    job=STOPPED.state.job, waiting_since=at(0), decided_at=at(7200), reason="waited too long", refused_at=at(7201)
)
UNCLEAR: Final = run(replace(STOPPED, stop_intent=REFUSED))
BILLED: Final = run(attempt(billable_time=timedelta(hours=9)), checkpoints=(SAVED,))

DECISIONS: Final[dict[Cause, Callable[[], Decision]]] = {
    Cause.NOT_ENDED: lambda: decide(ending("InProgress", "Training")),
    Cause.COMPLETED: lambda: decide(ending("Completed")),
    Cause.OPTED_OUT: lambda: decide(resolved=replace(asked(resume=False), opted_out="its owner opted out")),
    Cause.NOT_ASKED: lambda: decide(resume=False),
    Cause.BAD_TAGS: lambda: decide(resolved=replace(asked(), bad_tags=("tag respot:work: no span",))),
    Cause.OWNED: lambda: decide(ending("Stopped", "MaxWaitTimeExceeded", parent=PARENT)),
    Cause.STOPPED_BY_A_PERSON: lambda: decide(ending("Stopped")),
    Cause.STOP_UNCLEAR: lambda: decide(UNCLEAR),
    Cause.NOT_REPEATABLE: lambda: decide(ending("Failed", reason="AlgorithmError: 1")),
    Cause.TRIGGER_NOT_CHOSEN: lambda: decide(triggers=frozenset()),
    Cause.TOO_LATE: lambda: decide(now=ENDED + DECIDED_WITHIN),
    Cause.KILL_SWITCH: lambda: decide(around={"kill_switch": "the account's kill switch is on"}),
    Cause.NOT_CREATABLE: lambda: decide(around={"blockers": ("it was deleted",)}),
    Cause.CONCURRENT_WRITER: lambda: decide(around={"concurrent_writers": ("another",)}),
    Cause.NO_CHECKPOINT_LOCATION: lambda: decide(run(attempt(checkpoint_uri=None))),
    Cause.NO_CHECKPOINT: lambda: decide(run()),
    Cause.NO_PROGRESS: lambda: decide(FRUITLESS, now=LONG_AFTER),
    Cause.ATTEMPTS_SPENT: lambda: decide(max_attempts=1),
    Cause.BUDGET_SPENT: lambda: decide(TWO, now=LONG_AFTER, budgets=dict.fromkeys(Budget, 0)),
    Cause.HOURS_SPENT: lambda: decide(BILLED, max_billable_hours=9.0),
    Cause.LADDER_SPENT: lambda: decide(TWO, now=LONG_AFTER, ladder=parse_ladder("spot:1 on-demand:1")),
    Cause.POOLS_REFUSED: lambda: decide(around={"refused_pools": (NO_QUOTA,)}),
    Cause.DEADLINE_LOST: lambda: decide(deadline=timedelta(hours=6), when_deadline_missed=WhenMissed.STOP),
    Cause.PAUSE: lambda: decide(NEVER),
    Cause.DRY_RUN: lambda: decide(dry_run=True),
}
OF_THE_SHELL: Final = frozenset(
    {Cause.HISTORY, Cause.RESTORED, Cause.OVERTAKEN, Cause.PERMISSION_MISSING, Cause.NAME_TAKEN}
)
"""Only the functions around the plan know them: tests/recovery has their tests."""
