"""Whether a job is to be resumed: by its end, its owner's wish and its parent."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

import pytest

from respot.jobs.job import Owner, Parent
from respot.recovery.planning.cause import Cause
from respot.recovery.planning.decision import Action
from respot.recovery.planning.ending import Trigger
from respot.recovery.planning.run import Run
from respot.recovery.policy.policy import AccountPolicy, Policy, Resolved, Rule, resolve
from tests.support.builders import at
from tests.support.decisions import LONG_AFTER, TRAINED, decide, ending, outcome
from tests.support.runs import asked, attempt, run, saved

PARENT: Final = Parent(owner=Owner.TUNING, identifier="arn:tuning-job/t")


def test_a_job_that_reached_max_wait_is_resubmitted_if_its_owner_asked() -> None:
    decision = decide()
    assert outcome(decision) == (Action.RESUBMIT, "ran out of waiting time; next: spot ml.g5.2xlarge", False)
    assert (decision.attempt, decision.dry_run, decision.until, decision.warning) == (2, False, None, None)


def nothing(reason: str) -> tuple[Action, str, bool]:
    return Action.NOTHING, reason, False


def silent(reason: str) -> tuple[Action, str, bool]:
    return Action.REFUSE, reason, False


def alert(reason: str) -> tuple[Action, str, bool]:
    return Action.REFUSE, reason, True


OWNED: Final = "owned by a tuning job (arn:tuning-job/t), which decides itself"
NOT_ASKED: Final = "not asked to resume this job (defaults, tags respot:resume)"
HOPELESS: Final = "repeating it would not help"
UNLISTED: Final = "the policy does not resume after"
RUNTIME: Final = "MaxRuntimeExceeded"
NO_TRIGGER: Final = asked(triggers=frozenset())
ODD: Final = replace(asked(), bad_tags=("tag respot:work: 'x' is no span",))
LEFT_ALONE: Final[dict[str, tuple[Run, Resolved, tuple[Action, str, bool]]]] = {
    "still running": (ending("InProgress", "Training"), asked(), nothing("has not ended, it is InProgress/Training")),
    "completed": (ending("Completed"), asked(), nothing("completed: nothing to do")),
    "completed, with bad tags": (ending("Completed"), ODD, nothing("completed: nothing to do")),
    "not asked": (TRAINED, asked(resume=False), nothing(NOT_ASKED)),
    "stopped by its user": (ending("Stopped"), asked(), silent("stopped by its user")),
    "deleted": (ending("Deleting", RUNTIME), asked(), silent("is being deleted")),
    "its own fault": (ending("Failed", reason="Algo: 1"), asked(), alert(f"failed: Algo: 1: {HOPELESS}")),
    "an end of tomorrow": (ending("Stopped", "Out"), asked(), alert(f"ended as Stopped/Out: {HOPELESS}")),
    "runtime, not listed": (
        ending("Stopped", RUNTIME),
        asked(),
        alert(f"reached its maximum runtime: {UNLISTED} max-runtime-exceeded"),
    ),
    "nothing listed": (TRAINED, NO_TRIGGER, alert(f"ran out of waiting time: {UNLISTED} max-wait-time-exceeded")),
    "a parent's": (ending("Stopped", "MaxWaitTimeExceeded", parent=PARENT), asked(), alert(OWNED)),
    "a parent's, stopped early": (ending("Stopped", parent=PARENT), asked(), silent(OWNED)),
}


@pytest.mark.parametrize(("what", "resolved", "expected"), LEFT_ALONE.values(), ids=LEFT_ALONE)
def test_leaves_alone(what: Run, resolved: Resolved, expected: tuple[Action, str, bool]) -> None:
    assert outcome(decide(what, resolved=resolved)) == expected


def test_resubmits_after_the_maximum_runtime_where_the_policy_lists_it() -> None:
    what = ending("Stopped", "MaxRuntimeExceeded")
    assert decide(what, now=LONG_AFTER, triggers=frozenset(Trigger)).action is Action.RESUBMIT


def test_a_shortened_maximum_runtime_needs_no_listing() -> None:
    second = attempt(
        "Starting=21600 Downloading=21700 Training=21800 MaxRuntimeExceeded=28800",
        number=2,
        checkpoint=saved(28000),
        max_runtime=timedelta(hours=2),
    )

    decision = decide(run(attempt(), second, checkpoints=(saved(28000),)), now=at(28900))

    assert decision.action is Action.RESUBMIT
    assert decision.reason.startswith("reached the maximum runtime that the deadline left for spot; ")


BAD = ("tag respot:resume: 'yes' is neither 'on' nor 'off'", "tag respot:work: 'x' is no span")


@pytest.mark.parametrize("resume", [False, True], ids=["else off", "else on"])
@pytest.mark.parametrize(
    "what",
    [
        pytest.param(TRAINED, id="out of waiting time"),
        pytest.param(ending("Stopped"), id="stopped by its user"),
        pytest.param(ending("Stopped", parent=PARENT), id="a parent's"),
    ],
)
def test_a_tag_that_cannot_be_read_is_a_refusal_that_names_it(what: Run, resume: bool) -> None:  # noqa: FBT001 - a case
    decision = decide(what, resolved=replace(asked(resume=resume), bad_tags=BAD))

    assert outcome(decision) == (Action.REFUSE, "; ".join(BAD), True)


@pytest.mark.parametrize("tags", [{}, {"respot:deadline": "soon"}], ids=["alone", "beside a tag that cannot be read"])
def test_an_owner_who_opts_out_by_a_tag_is_left_alone_with_that_reason(tags: dict[str, str]) -> None:
    out = replace(TRAINED.last.state, tags={"respot:resume": "off", **tags})
    resolved = resolve(AccountPolicy(defaults=Policy(resume=True)), out, role=None)
    assert outcome(decide(run(replace(TRAINED.last, state=out)), resolved=resolved)) == (
        Action.NOTHING,
        "its owner opted out: respot:resume = off",
        False,
    )


def test_a_rule_that_opts_a_job_out_is_named() -> None:
    account = AccountPolicy(defaults=Policy(resume=True), rules=(Rule(name="not these", settings={"resume": False}),))
    known = replace(TRAINED.last.state, tags={})
    decision = decide(resolved=resolve(account, known, role=None))
    assert outcome(decision) == (Action.NOTHING, "the account's policy opts it out: rule 'not these'", False)
    mistyped = resolve(account, replace(known, tags={"respot:resum": "on"}), role=None)
    assert decide(resolved=mistyped).notify  # the tag may be the one that asks


@pytest.mark.parametrize("quoted", ["Please try again.", "Please try again...", "Please try again"])
def test_a_reason_goes_on_after_words_of_others_without_their_full_stop(quoted: str) -> None:
    failed = decide(ending("Failed", reason=f"CapacityError: {quoted}"), now=LONG_AFTER)
    assert failed.reason.startswith("failed: CapacityError: Please try again; next: ")
    refused = decide(around={"blockers": (quoted, quoted)})
    assert refused.reason == "cannot be created again: Please try again; Please try again"


def test_a_dry_run_decides_alike_but_is_marked_and_reported() -> None:
    dry, real = decide(dry_run=True), decide()

    assert (dry.dry_run, dry.notify, dry.cause) == (True, True, Cause.DRY_RUN)
    assert replace(dry, dry_run=False, notify=False, cause=None) == real
