"""What keeps a job from being resumed although its owner asked: obstacles, no checkpoint, no progress, no budget."""

from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest

from respot.recovery.planning.decision import DECIDED_WITHIN, Action
from respot.recovery.planning.ending import Budget
from respot.recovery.planning.planner import POSTPONED_FOR
from respot.recovery.planning.run import Run
from tests.support.decisions import LONG_AFTER, NEVER, SAVED, TRAINED, decide, outcome
from tests.support.runs import ENDED, NEVER_LAUNCHED, OUT_OF_TIME, PREFIX, attempt, repeated, run, saved

FRUITLESS: Final = run(*repeated(OUT_OF_TIME, 2), checkpoints=(saved(-9000),))
TWO: Final = run(*repeated(NEVER_LAUNCHED, 2))
BILLED: Final = run(attempt(instance_count=2, billable_time=timedelta(hours=1)), checkpoints=(SAVED,))
WAITED: Final = "Starting=30000 MaxWaitTimeExceeded=50000"
CUT: Final[dict[str, Any]] = {"around": {"listing_cut": True}}
SHARDS_MISSING: Final = (
    f"nothing to resume from in {PREFIX} (checkpoint-500: 1 of 2 shards): the next attempt would start from scratch"
)
NO_CHECKPOINT: Final = f"nothing to resume from in {PREFIX}: the next attempt would start from scratch"

LATE: Final[dict[str, Any]] = {"now": ENDED + DECIDED_WITHIN}
TOO_LATE: Final = "ended 3 d 00 h ago, and a job is resubmitted within 3 d 00 h of its end or not at all"
SWITCH: Final = "the account's kill switch is on"
SWITCHED_OFF: Final[dict[str, Any]] = {"around": {"kill_switch": SWITCH}}

REFUSED: Final[dict[str, tuple[Run, dict[str, Any], str]]] = {
    "blockers": (TRAINED, {"around": {"blockers": ("one", "two")}}, "cannot be created again: one; two"),
    "concurrent writers": (
        TRAINED,
        {"around": {"concurrent_writers": ("job-10", "job-11")}},
        "another job writes to an overlapping checkpoint location: job-10, job-11",
    ),
    "no location": (
        run(attempt(checkpoint_uri=None)),
        {},
        "no checkpoint location is configured: the next attempt would start from scratch",
    ),
    "nothing saved": (run(), {}, NO_CHECKPOINT),
    "nothing that its framework could resume from": (
        run(checkpoints=(saved(7000, complete=False, usable=False, flaw="1 of 2 shards"),)),
        {},
        SHARDS_MISSING,
    ),
    "deleted since": (run(attempt(checkpoint=SAVED)), {}, NO_CHECKPOINT),
    "no progress": (
        FRUITLESS,
        {},
        "the last 2 attempts that trained made no progress (nothing new was saved): another would do no better",
    ),
    "three days ago": (TRAINED, LATE, f"{TOO_LATE}; to continue, submit a new job with the same checkpoint location"),
    "three days ago, without checkpoints": (
        run(attempt(checkpoint_uri=None)),
        LATE,
        f"{TOO_LATE}; to start it again, from scratch, submit a new job: no checkpoint location is configured",
    ),
    "three days ago, switched off": (
        TRAINED,
        LATE | SWITCHED_OFF,
        f"{TOO_LATE}; {SWITCH}; to continue, submit a new job with the same checkpoint location",
    ),
    "attempts spent": (TWO, {"max_attempts": 2}, "all 2 attempts are spent"),
    "hours spent": (BILLED, {"max_billable_hours": 2.0}, "2.0 instance-hours were billed, of 2 allowed"),
}


@pytest.mark.parametrize(("what", "settings", "reason"), REFUSED.values(), ids=REFUSED)
def test_refuses_what_cannot_or_must_not_be_resumed_and_says_why(
    what: Run, settings: dict[str, Any], reason: str
) -> None:
    assert outcome(decide(what, **({"now": LONG_AFTER} | settings))) == (Action.REFUSE, reason, True)


@pytest.mark.parametrize(
    ("since", "delay"), [(timedelta(), POSTPONED_FOR), (DECIDED_WITHIN - timedelta(minutes=10), timedelta(minutes=10))]
)
def test_while_the_kill_switch_is_on_the_job_waits_and_people_are_notified(since: timedelta, delay: timedelta) -> None:
    decision = decide(now=ENDED + since, **SWITCHED_OFF)
    reason = f"ran out of waiting time; {SWITCH}: decided once it is off, until 2026-09-19 15:00 UTC at most"
    assert outcome(decision) == (Action.WAIT, reason, True)
    assert decision.until == ENDED + since + delay


RESUBMITTED: Final[dict[str, tuple[Run, dict[str, Any]]]] = {
    "no checkpoint, none required": (run(), {"require_checkpoint": False}),
    "no location, none required": (run(attempt(checkpoint_uri=None)), {"require_checkpoint": False}),
    "nothing was trained": (NEVER, {}),
    "a checkpoint of an earlier run": (run(checkpoints=(saved(-9000),)), {}),
    "seen before the listing was cut": (run(attempt(checkpoint=SAVED), checkpoints=(saved(9000),)), CUT),
    "progress not required": (FRUITLESS, {"require_progress": False}),
    "the second never trained": (run(attempt(), attempt(WAITED, number=2), checkpoints=(saved(-9000),)), {}),
    "an attempt left": (TWO, {"max_attempts": 3}),
    "hours left": (BILLED, {"max_billable_hours": 2.1}),
}


def test_a_listing_that_was_cut_leads_to_no_refusal() -> None:
    decision = decide(run(), now=LONG_AFTER, **CUT)
    assert decision.action is Action.RESUBMIT
    assert decision.warning == "it is unknown whether there is a checkpoint: not all objects were listed"


@pytest.mark.parametrize(("what", "settings"), RESUBMITTED.values(), ids=RESUBMITTED)
def test_resubmits_what_nothing_keeps_from_it(what: Run, settings: dict[str, Any]) -> None:
    decision = decide(what, now=LONG_AFTER, **settings)
    assert (decision.action, decision.warning, decision.notify) == (Action.RESUBMIT, None, False)


def test_a_listing_that_was_cut_does_not_prove_that_there_was_no_progress() -> None:
    decision = decide(FRUITLESS, now=LONG_AFTER, **CUT)
    assert (decision.action, decision.notify) == (Action.RESUBMIT, False)
    assert decision.warning == "it is unknown whether the last 2 attempts made progress: not all objects were listed"
    assert decision.inputs["listing"] == "cut short"


FAILED: Final = repeated("Starting=0 Downloading=100 Training=200 Failed=20000", 2)
LIVES: Final = {
    Budget.CAPACITY: repeated(NEVER_LAUNCHED, 2),
    Budget.INTERRUPTION: repeated(OUT_OF_TIME, 2),
    Budget.FAILURE: tuple(
        replace(each, state=replace(each.state, failure_reason="InternalServerError: again")) for each in FAILED
    ),
}


@pytest.mark.parametrize("budget", Budget)
@pytest.mark.parametrize("attempts", [1, 2], ids=["a budget of none", "a budget of one"])
def test_each_kind_of_trouble_has_a_budget_of_its_own(budget: Budget, attempts: int) -> None:
    what = run(*LIVES[budget][:attempts], checkpoints=(SAVED,))
    ample, none = dict.fromkeys(Budget, 9), dict.fromkeys(Budget, 0)
    lax: dict[str, Any] = {"require_progress": False, "now": LONG_AFTER}

    reason = f"the budget of {attempts - 1} resubmissions for {budget} is spent"
    assert outcome(decide(what, budgets=ample | {budget: attempts - 1}, **lax)) == (Action.REFUSE, reason, True)
    assert decide(what, budgets=none | {budget: attempts}, **lax).action is Action.RESUBMIT
