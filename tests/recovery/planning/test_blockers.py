"""What keeps a job from being resumed although its owner asked: obstacles, no checkpoint, no progress."""

from typing import Any

import pytest

from respot.recovery.planning.decision import Action
from respot.recovery.planning.run import Run
from tests.support.builders import at
from tests.support.decisions import LONG_AFTER, NEVER, SAVED, decide, outcome
from tests.support.runs import HOUR, OUT_OF_TIME, PREFIX, attempt, repeated, run, saved


@pytest.mark.parametrize(
    ("around", "reason"),
    [
        pytest.param(
            {"blockers": ("no instances of its own", "a field that cannot be read back")},
            "cannot be created again: no instances of its own; a field that cannot be read back",
            id="blockers",
        ),
        pytest.param(
            {"concurrent_writers": ("job-10", "job-11")},
            "another job writes to an overlapping checkpoint location: job-10, job-11",
            id="concurrent writers",
        ),
    ],
)
def test_refuses_what_cannot_be_done_and_says_why(around: dict[str, Any], reason: str) -> None:
    assert outcome(decide(around=around)) == (Action.REFUSE, reason, True)


def test_refuses_a_job_without_a_checkpoint_location() -> None:
    reason = "no checkpoint location is configured: the next attempt would start from scratch"
    assert outcome(decide(run(attempt(checkpoint_uri=None)))) == (Action.REFUSE, reason, True)


def test_refuses_to_train_again_from_scratch_what_saved_nothing() -> None:
    decision = decide(run())

    reason = f"no complete checkpoint in {PREFIX}: the next attempt would start from scratch"
    assert outcome(decision) == (Action.REFUSE, reason, True)


@pytest.mark.parametrize(
    ("what", "settings"),
    [
        pytest.param(run(), {"require_checkpoint": False}, id="not required"),
        pytest.param(run(attempt(checkpoint_uri=None)), {"require_checkpoint": False}, id="no location, not required"),
        pytest.param(NEVER, {}, id="nothing was trained"),
        pytest.param(run(checkpoints=(saved(-9000),)), {}, id="one of an earlier run"),
    ],
)
def test_resubmits_without_a_checkpoint_of_its_own(what: Run, settings: dict[str, Any]) -> None:
    assert decide(what, now=LONG_AFTER, **settings).action is Action.RESUBMIT


def test_an_incomplete_checkpoint_is_none() -> None:
    assert decide(run(checkpoints=(saved(7000, complete=False),))).action is Action.REFUSE


def test_a_listing_that_was_cut_never_means_no_checkpoint() -> None:
    decision = decide(run(), around={"listing_cut": True})

    reason = (
        f"it is unknown whether there is a complete checkpoint in {PREFIX}: there are more objects than were listed"
    )
    assert outcome(decision) == (Action.REFUSE, reason, True)
    assert decision.inputs["listing"] == "cut short"


def test_an_earlier_checkpoint_suffices_if_the_listing_was_cut() -> None:
    seen = run(attempt(checkpoint=SAVED))

    assert decide(seen, around={"listing_cut": True}).action is Action.RESUBMIT
    assert decide(seen).action is Action.REFUSE


FRUITLESS = run(*repeated(OUT_OF_TIME, 2), checkpoints=(saved(-9000),))
LATER = at(18 * HOUR)


def test_refuses_after_two_attempts_that_trained_and_saved_nothing() -> None:
    assert outcome(decide(FRUITLESS, now=LATER)) == (
        Action.REFUSE,
        "the last 2 attempts that trained saved no newer checkpoint: another would do no better",
        True,
    )


@pytest.mark.parametrize(
    ("what", "settings"),
    [
        pytest.param(FRUITLESS, {"require_progress": False}, id="progress not required"),
        pytest.param(run(attempt(), checkpoints=(saved(-9000),)), {}, id="one attempt only"),
        pytest.param(
            run(attempt(), attempt("Starting=30000 MaxWaitTimeExceeded=50000", number=2), checkpoints=(saved(-9000),)),
            {},
            id="the second never trained",
        ),
    ],
)
def test_goes_on_without_progress(what: Run, settings: dict[str, Any]) -> None:
    assert decide(what, now=LONG_AFTER, **settings).action is Action.RESUBMIT


def test_a_listing_that_was_cut_does_not_prove_that_there_was_no_progress() -> None:
    decision = decide(FRUITLESS, now=LATER, around={"listing_cut": True})

    assert (decision.action, decision.notify) == (Action.RESUBMIT, False)
    assert decision.warning == "it is unknown whether the last 2 attempts made progress: not all objects were listed"


def test_a_listing_that_was_cut_needs_no_warning_where_there_was_progress() -> None:
    decision = decide(run(attempt(checkpoint=SAVED), checkpoints=(SAVED,)), around={"listing_cut": True})

    assert (decision.warning, decision.notify) == (None, False)
