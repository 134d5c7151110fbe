"""How many attempts and instance-hours a run has, in all and for each kind of trouble."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from respot.recovery.planning.decision import Action
from respot.recovery.planning.ending import Budget
from respot.recovery.planning.run import Attempt
from tests.support.decisions import LONG_AFTER, SAVED, decide, outcome
from tests.support.runs import NEVER_LAUNCHED, OUT_OF_TIME, attempt, repeated, run


def test_a_run_has_a_limited_number_of_attempts() -> None:
    two = run(*repeated(NEVER_LAUNCHED, 2))
    assert outcome(decide(two, now=LONG_AFTER, max_attempts=2)) == (Action.REFUSE, "all 2 attempts are spent", True)
    assert decide(two, now=LONG_AFTER, max_attempts=3).action is Action.RESUBMIT


def failures(times: int) -> tuple[Attempt, ...]:
    return tuple(
        replace(each, state=replace(each.state, failure_reason="InternalServerError: again"))
        for each in repeated("Starting=0 Downloading=100 Training=200 Failed=20000", times)
    )


LIVES = {
    Budget.CAPACITY: repeated(NEVER_LAUNCHED, 4),
    Budget.INTERRUPTION: repeated(OUT_OF_TIME, 4),
    Budget.FAILURE: failures(4),
}


@pytest.mark.parametrize("budget", Budget)
@pytest.mark.parametrize("attempts", [1, 2], ids=["a budget of none", "a budget of one"])
def test_each_kind_of_trouble_has_a_budget_of_its_own(budget: Budget, attempts: int) -> None:
    what = run(*LIVES[budget][:attempts], checkpoints=(SAVED,))
    ample = dict.fromkeys(Budget, 9)
    lax: dict[str, Any] = {"require_progress": False}

    spent = decide(what, now=LONG_AFTER, budgets=ample | {budget: attempts - 1}, **lax)
    enough = decide(what, now=LONG_AFTER, budgets=dict.fromkeys(Budget, 0) | {budget: attempts}, **lax)

    reason = f"the budget of {attempts - 1} resubmissions for {budget} is spent"
    assert outcome(spent) == (Action.REFUSE, reason, True)
    assert enough.action is Action.RESUBMIT


@pytest.mark.parametrize("allowed", [1.9, 2.0, 2.1])
def test_no_attempt_follows_once_the_instance_hours_are_used(allowed: float) -> None:
    billed = run(attempt(instance_count=2, billable_time=timedelta(hours=1)), checkpoints=(SAVED,))
    decision = decide(billed, max_billable_hours=allowed)
    if allowed > 2:
        assert decision.action is Action.RESUBMIT
    else:
        words = f"2.0 instance-hours were billed, of {allowed:g} allowed"
        assert outcome(decision) == (Action.REFUSE, words, True)
