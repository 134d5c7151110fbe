"""One state for a run, whatever its attempts went through."""

from typing import Any

import pytest

from respot.recovery.planning.decision import Action
from respot.recovery.records import DecisionRecord, Outcome, OutcomeKind
from respot.runs.run_state import ENDED, RunAttempt, RunState, situation_of
from tests.support.builders import job_id, state
from tests.support.records import decision_record, outcome_of

RESUBMIT = decision_record(Action.RESUBMIT)
REFUSED = decision_record(Action.REFUSE, notify=True, reason="all 5 attempts are spent")
LEFT = decision_record(Action.REFUSE, reason="stopped by its user")


def attempt(
    secondary: str | None,
    status: str = "InProgress",
    decision: DecisionRecord | None = None,
    outcome: Outcome | None = None,
    number: int = 1,
) -> RunAttempt:
    name = "spot-job" if number == 1 else f"spot-job-r{number}"
    seen = None if secondary is None else state(job_id(name), status=status, secondary_status=secondary)
    return RunAttempt(number=number, state=seen, name=name, decision=decision, outcome=outcome)


@pytest.mark.parametrize(
    ("last", "expected", "words"),
    [
        pytest.param(("Training",), RunState.RUNNING, "spot-job is in Training on spot ml.g5.2xlarge", id="trains"),
        pytest.param(("Starting",), RunState.WAITING, "spot-job waits for spot ml.g5.2xlarge", id="waits"),
        pytest.param(("Interrupted",), RunState.WAITING, "waits for spot", id="interrupted"),
        pytest.param(("Stopping", "Stopping"), RunState.RUNNING, "is in Stopping", id="is stopping"),
        pytest.param(("Completed", "Completed"), RunState.COMPLETED, "spot-job completed", id="done, not decided yet"),
        pytest.param(
            ("Completed", "Completed", decision_record()), RunState.COMPLETED, "spot-job completed", id="done"
        ),
        pytest.param(
            ("MaxWaitTimeExceeded", "Stopped"), RunState.RECOVERING, "not decided yet", id="a decision is to come"
        ),
        pytest.param(
            ("MaxWaitTimeExceeded", "Stopped", RESUBMIT), RunState.RECOVERING, "spot-job-r2 is to follow", id="decided"
        ),
        pytest.param(
            ("MaxWaitTimeExceeded", "Stopped", RESUBMIT, outcome_of()), RunState.RECOVERING, "created", id="created"
        ),
        pytest.param(
            ("MaxWaitTimeExceeded", "Stopped", RESUBMIT, outcome_of(OutcomeKind.FAILED)),
            *(RunState.REFUSED, "ended as MaxWaitTimeExceeded; a summary"),
            id="the creation failed for good",
        ),
        pytest.param(
            ("Stopped", "Stopped", RESUBMIT, outcome_of(OutcomeKind.WITHDRAWN)),
            *(RunState.STOPPED, "a summary"),
            id="nobody wants it any more",
        ),
        pytest.param(("Failed", "Failed", REFUSED), RunState.REFUSED, "all 5 attempts are spent", id="refused"),
        pytest.param(("Stopped", "Stopped", LEFT), RunState.STOPPED, "stopped by its user", id="its user's stop"),
        pytest.param(("Failed", "Failed", LEFT), RunState.FAILED, "ended as Failed", id="failed, and left alone"),
        pytest.param(
            ("Failed", "Failed", decision_record(Action.RESUBMIT, dry_run=True)), RunState.FAILED, "", id="a dry run"
        ),
        pytest.param((None,), RunState.RECOVERING, "not reported yet", id="created, and no event yet"),
    ],
)
def test_the_last_attempt_says_what_the_run_is(last: tuple[Any, ...], expected: RunState, words: str) -> None:
    found = situation_of([attempt(*last)])
    assert found.state is expected
    assert words in found.reason
    assert found.has_ended is (expected in ENDED)


def test_an_earlier_attempt_does_not_count() -> None:
    first = attempt("MaxWaitTimeExceeded", "Stopped", RESUBMIT, outcome_of())
    assert situation_of([first, attempt("Training", number=2)]).state is RunState.RUNNING
    assert situation_of([first, attempt("Completed", "Completed", number=2)]).state is RunState.COMPLETED
