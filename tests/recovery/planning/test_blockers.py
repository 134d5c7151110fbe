"""What keeps a job from being resumed although its owner asked: obstacles, no checkpoint, no progress."""

from typing import Any

import pytest

from respot.recovery.planning.decision import Action
from respot.recovery.planning.run import Run
from tests.support.decisions import LONG_AFTER, NEVER, SAVED, TRAINED, decide, outcome
from tests.support.runs import OUT_OF_TIME, PREFIX, attempt, repeated, run, saved

FRUITLESS = run(*repeated(OUT_OF_TIME, 2), checkpoints=(saved(-9000),))
CUT = {"listing_cut": True}
WAITED = "Starting=30000 MaxWaitTimeExceeded=50000"
FROM_SCRATCH = "the next attempt would start from scratch"

REFUSED: dict[str, tuple[Run, dict[str, Any], str]] = {
    "blockers": (
        *(TRAINED, {"blockers": ("no instances of its own", "a field that cannot be read back")}),
        "cannot be created again: no instances of its own; a field that cannot be read back",
    ),
    "concurrent writers": (
        *(TRAINED, {"concurrent_writers": ("job-10", "job-11")}),
        "another job writes to an overlapping checkpoint location: job-10, job-11",
    ),
    "no location": (run(attempt(checkpoint_uri=None)), {}, f"no checkpoint location is configured: {FROM_SCRATCH}"),
    "nothing saved": (run(), {}, f"no complete checkpoint in {PREFIX}: {FROM_SCRATCH}"),
    "nothing complete": (
        run(checkpoints=(saved(7000, complete=False),)),
        *({}, f"no complete checkpoint in {PREFIX}: {FROM_SCRATCH}"),
    ),
    "deleted since": (run(attempt(checkpoint=SAVED)), {}, f"no complete checkpoint in {PREFIX}: {FROM_SCRATCH}"),
    "nothing saved, as far as was listed": (
        *(run(), CUT),
        f"it is unknown whether there is a complete checkpoint in {PREFIX}: there are more objects than were listed",
    ),
    "no progress": (
        *(FRUITLESS, {}),
        "the last 2 attempts that trained saved no newer checkpoint: another would do no better",
    ),
}


@pytest.mark.parametrize(("what", "around", "reason"), REFUSED.values(), ids=REFUSED)
def test_refuses_what_cannot_or_must_not_be_resumed_and_says_why(
    what: Run, around: dict[str, Any], reason: str
) -> None:
    decision = decide(what, now=LONG_AFTER, around=around)

    assert outcome(decision) == (Action.REFUSE, reason, True)
    assert decision.inputs.get("listing") == ("cut short" if around == CUT else None)


@pytest.mark.parametrize(
    ("what", "settings"),
    [
        pytest.param(run(), {"require_checkpoint": False}, id="not required"),
        pytest.param(run(attempt(checkpoint_uri=None)), {"require_checkpoint": False}, id="no location, not required"),
        pytest.param(NEVER, {}, id="nothing was trained"),
        pytest.param(run(checkpoints=(saved(-9000),)), {}, id="one of an earlier run"),
        pytest.param(run(attempt(checkpoint=SAVED)), {"around": CUT}, id="seen before the listing was cut"),
        pytest.param(FRUITLESS, {"require_progress": False}, id="progress not required"),
        pytest.param(
            run(attempt(), attempt(WAITED, number=2), checkpoints=(saved(-9000),)), {}, id="the second never trained"
        ),
    ],
)
def test_resubmits_without_a_checkpoint_or_progress_of_its_own(what: Run, settings: dict[str, Any]) -> None:
    decision = decide(what, now=LONG_AFTER, **settings)
    assert (decision.action, decision.warning, decision.notify) == (Action.RESUBMIT, None, False)


def test_a_listing_that_was_cut_does_not_prove_that_there_was_no_progress() -> None:
    decision = decide(FRUITLESS, now=LONG_AFTER, around=CUT)

    assert (decision.action, decision.notify) == (Action.RESUBMIT, False)
    assert decision.warning == "it is unknown whether the last 2 attempts made progress: not all objects were listed"
