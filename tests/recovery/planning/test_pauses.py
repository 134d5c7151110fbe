"""How long a run pauses before its next attempt."""

from dataclasses import replace
from datetime import timedelta

import pytest

from respot.recovery.planning.decision import Action
from respot.recovery.planning.ending import Budget
from respot.recovery.planning.run import Attempt, run_id
from respot.recovery.policy.policy import BackOff
from tests.support.builders import at, job_id
from tests.support.decisions import NEVER, decide, outcome
from tests.support.runs import HOUR, NEVER_LAUNCHED, OUT_OF_TIME, attempt, repeated, run, saved


def pause(attempts: tuple[Attempt, ...], first: float = 60, longest: float = 100_000, name: str = "spot-job") -> float:
    """Seconds between the end of the last attempt and the next."""
    chain = replace(run(*attempts), id=run_id(job_id(name)))
    back_off = {
        budget: BackOff(first=timedelta(seconds=first), longest=timedelta(seconds=longest)) for budget in Budget
    }
    over = attempts[-1].transitions[-1].started
    decision = decide(chain, now=over, back_off=back_off, max_attempts=100, budgets=dict.fromkeys(Budget, 100))
    assert decision.action is Action.WAIT
    assert decision.until is not None
    return (decision.until - over).total_seconds()


@pytest.mark.parametrize("attempts", [1, 2, 3, 8])
def test_a_pause_doubles_within_its_budget_and_is_halved_at_most(attempts: int) -> None:
    full = 60 * 2 ** (attempts - 1)

    assert full / 2 <= pause(repeated(NEVER_LAUNCHED, attempts)) <= full


@pytest.mark.parametrize(
    ("first", "longest", "attempts"),
    [(60, 200, 3), (900, 200, 1), (100 * 86400, 200, 60)],
    ids=["doubled beyond it", "longer from the first", "doubled beyond any limit"],
)
def test_no_pause_is_longer_than_the_longest(first: float, longest: float, attempts: int) -> None:
    assert longest / 2 <= pause(repeated(NEVER_LAUNCHED, attempts), first, longest) <= longest


def test_trouble_of_another_kind_lengthens_no_pause() -> None:
    trained = repeated(OUT_OF_TIME, 3)
    last = attempt(f"Starting={40 * HOUR} MaxWaitTimeExceeded={46 * HOUR}", number=4)
    what = run(*trained, last, checkpoints=(saved(7000),))

    decision = decide(what, now=at(46 * HOUR), require_progress=False)

    assert decision.until is not None
    assert timedelta(seconds=150) <= decision.until - at(46 * HOUR) <= timedelta(seconds=300)


def test_pauses_differ_from_run_to_run_but_not_from_time_to_time() -> None:
    names = [f"job-{number}" for number in range(20)]
    pauses = [pause(repeated(NEVER_LAUNCHED, 1), name=name) for name in names]

    assert pauses == [pause(repeated(NEVER_LAUNCHED, 1), name=name) for name in names]
    assert len(set(pauses)) > 10
    assert max(pauses) - min(pauses) > 15


def test_waits_until_the_pause_is_over_and_then_resubmits() -> None:
    waiting = decide(NEVER)
    assert waiting.until is not None
    begins = f"attempt 2, spot ml.g5.2xlarge, is to start at {waiting.until:%Y-%m-%d %H:%M} UTC, after a pause"
    assert outcome(waiting) == (Action.WAIT, f"ran out of waiting time: {begins}", False)
    assert decide(NEVER, now=waiting.until - timedelta(milliseconds=1)).until == waiting.until
    assert decide(NEVER, now=waiting.until).action is Action.RESUBMIT


def test_a_pause_begins_with_the_last_change_where_no_transitions_are_known() -> None:
    assert decide(run(replace(NEVER.last, transitions=()))).until == decide(NEVER).until
