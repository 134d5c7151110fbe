"""What follows the end of a job: the rules, and a deadline that is kept whatever the spot market does."""

import re
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from respot.domain.checkpoints import Checkpoint
from respot.domain.decision import Action, Decision
from respot.domain.ending import Budget, Trigger
from respot.domain.job import Market, Owner, Parent
from respot.domain.placing import ASSUMED_OVERHEAD, HANDOVER, LONGEST, deadline_of
from respot.domain.planner import Circumstances, plan
from respot.domain.policy import BackOff, Policy, Resolved, Rung, WhenMissed, parse_ladder
from respot.domain.run import Attempt, Run, run_id
from tests.support.builders import CREATED, at, job_id
from tests.support.runs import (
    ENDED,
    HOUR,
    NEVER_LAUNCHED,
    OUT_OF_TIME,
    PREFIX,
    asked,
    attempt,
    circumstances,
    ended,
    repeated,
    run,
    saved,
    without_pause,
)

SAVED: Final = saved(7000)
TRAINED: Final = run(checkpoints=(SAVED,))
"""6510 s of work proved, 200 s lost, ended six hours after its creation; 240 s from instances to training."""
NEVER: Final = run(attempt(NEVER_LAUNCHED))
PARENT: Final = Parent(owner=Owner.TUNING, identifier="arn:tuning-job/t")
LONG_AFTER: Final = at(1000 * HOUR)


def decide(
    what: Run = TRAINED,
    *,
    now: datetime = ENDED,
    resolved: Resolved | None = None,
    around: Circumstances | None = None,
    **settings: Any,  # noqa: ANN401
) -> Decision:
    return plan(what, resolved or asked(**settings), around or circumstances(), now=now)


def ending(status: str, secondary: str | None = None, reason: str | None = None, **others: Any) -> Run:  # noqa: ANN401
    """The run that has a checkpoint, but with another end."""
    last = TRAINED.last
    facts = replace(ended(last.facts, status, secondary or status, reason), **others)
    return run(replace(last, facts=facts), checkpoints=TRAINED.checkpoints)


def outcome(decision: Decision) -> tuple[Action, str, bool]:
    return decision.action, decision.reason, decision.notify


# What is not to be resumed


def test_resubmits_a_job_that_ran_out_of_waiting_time_where_its_owner_asked() -> None:
    decision = decide()

    assert outcome(decision) == (
        Action.RESUBMIT,
        "ran out of waiting time; next: spot ml.g5.2xlarge",
        False,
    )
    assert (decision.attempt, decision.dry_run, decision.until, decision.warning) == (2, False, None, None)


@pytest.mark.parametrize(
    ("what", "resolved", "expected"),
    [
        pytest.param(
            ending("InProgress", "Training"),
            asked(),
            (Action.NOTHING, "has not ended, it is InProgress/Training", False),
            id="still running",
        ),
        pytest.param(
            ending("Stopping", "MaxWaitTimeExceeded"),
            asked(),
            (Action.NOTHING, "has not ended, it is Stopping/MaxWaitTimeExceeded", False),
            id="stopping is not stopped",
        ),
        pytest.param(ending("Completed"), asked(), (Action.NOTHING, "completed: nothing to do", False), id="completed"),
        pytest.param(
            TRAINED,
            asked(resume=False),
            (Action.NOTHING, "not asked to resume this job (defaults, tags respot:resume)", False),
            id="not asked",
        ),
        pytest.param(
            ending("Stopped"), asked(), (Action.REFUSE, "stopped by its user", False), id="stopped by its user"
        ),
        pytest.param(
            ending("Deleting", "MaxWaitTimeExceeded"), asked(), (Action.REFUSE, "is being deleted", False), id="deleted"
        ),
        pytest.param(
            ending("Failed", reason="AlgorithmError: ExitCode 1"),
            asked(),
            (Action.REFUSE, "failed: AlgorithmError: ExitCode 1: repeating it would not help", True),
            id="the training's own fault",
        ),
        pytest.param(
            ending("Failed", reason="ClientError: no such object"),
            asked(),
            (Action.REFUSE, "failed: ClientError: no such object: repeating it would not help", True),
            id="the request's fault",
        ),
        pytest.param(
            ending("Stopped", "MaxPatienceExceeded"),
            asked(),
            (Action.REFUSE, "ended as Stopped/MaxPatienceExceeded: repeating it would not help", True),
            id="an end of tomorrow",
        ),
        pytest.param(
            ending("Stopped", "MaxRuntimeExceeded"),
            asked(),
            (
                Action.REFUSE,
                "reached its maximum runtime: the policy does not resume after max-runtime-exceeded",
                True,
            ),
            id="maximum runtime, not listed",
        ),
        pytest.param(
            TRAINED,
            asked(triggers=frozenset()),
            (Action.REFUSE, "ran out of waiting time: the policy does not resume after max-wait-time-exceeded", True),
            id="waiting time, not listed",
        ),
        pytest.param(
            ending("Stopped", "MaxWaitTimeExceeded", parent=PARENT),
            asked(),
            (Action.REFUSE, "owned by a tuning job (arn:tuning-job/t), which decides itself", True),
            id="owned by a parent",
        ),
    ],
)
def test_leaves_alone(what: Run, resolved: Resolved, expected: tuple[Action, str, bool]) -> None:
    assert outcome(decide(what, resolved=resolved)) == expected


@pytest.mark.parametrize(
    "reason", ["CapacityError: none left", "InternalServerError: We encountered an internal error."]
)
def test_resubmits_after_the_failures_that_repeating_mends(reason: str) -> None:
    assert decide(ending("Failed", reason=reason), now=LONG_AFTER).action is Action.RESUBMIT


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


@pytest.mark.parametrize(
    "end",
    [
        pytest.param(("Stopped", "Stopped"), id="early stopping"),
        pytest.param(("Failed", "Failed"), id="a failure"),
    ],
)
def test_nobody_is_told_of_a_parents_job_that_would_not_have_been_resumed_anyway(end: tuple[str, str]) -> None:
    decision = decide(ending(*end, parent=PARENT))

    assert (decision.action, decision.notify) == (Action.REFUSE, False)
    assert decision.reason.startswith("owned by a tuning job")


SWITCH = "the account's kill switch is on: nothing is resubmitted"
BAD = ("tag respot:resume: 'yes' is neither 'on' nor 'off'", "tag respot:work: 'x' is no span")


@pytest.mark.parametrize(
    ("what", "expected"),
    [
        pytest.param(TRAINED, (Action.REFUSE, SWITCH, True), id="what would have been resubmitted: told"),
        pytest.param(ending("Stopped"), (Action.REFUSE, SWITCH, False), id="a user's stop: not told"),
        pytest.param(
            ending("Stopped", "MaxWaitTimeExceeded", parent=PARENT), (Action.REFUSE, SWITCH, True), id="a parent's"
        ),
        pytest.param(ending("Completed"), (Action.NOTHING, "completed: nothing to do", False), id="completed"),
    ],
)
def test_the_kill_switch_wins(what: Run, expected: tuple[Action, str, bool]) -> None:
    assert outcome(decide(what, resolved=replace(asked(), kill_switch=True))) == expected


def test_the_kill_switch_does_not_concern_a_job_that_did_not_ask() -> None:
    decision = decide(resolved=replace(asked(resume=False), kill_switch=True))

    assert decision.action is Action.NOTHING


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


def test_the_kill_switch_does_not_hide_a_tag_that_cannot_be_read() -> None:
    decision = decide(ending("Stopped"), resolved=replace(asked(resume=False), kill_switch=True, bad_tags=BAD))

    assert outcome(decision) == (Action.REFUSE, "; ".join((SWITCH, *BAD)), True)


def test_a_completed_job_is_no_occasion_to_speak_of_its_tags() -> None:
    assert decide(ending("Completed"), resolved=replace(asked(), bad_tags=BAD)).action is Action.NOTHING


# What cannot be resumed


@pytest.mark.parametrize(
    ("around", "reason"),
    [
        pytest.param(
            {"obstacles": ("no instances of its own", "a field that cannot be read back")},
            "cannot be created again: no instances of its own; a field that cannot be read back",
            id="obstacles",
        ),
        pytest.param(
            {"intruders": ("job-10", "job-11")},
            "another job writes to an overlapping checkpoint location: job-10, job-11",
            id="intruders",
        ),
        pytest.param(
            {"obstacles_on_spot": ("it keeps a warm pool",)},
            "cannot run on spot: it keeps a warm pool",
            id="obstacles on spot",
        ),
        pytest.param(
            {"checkpoint_uri": None},
            "no checkpoint location is configured: the next attempt would start from scratch",
            id="no checkpoint location",
        ),
    ],
)
def test_refuses_what_cannot_be_done_and_says_why(around: dict[str, Any], reason: str) -> None:
    assert outcome(decide(around=circumstances(**around))) == (Action.REFUSE, reason, True)


def test_what_stands_in_the_way_of_spot_does_not_matter_on_demand() -> None:
    around = circumstances(obstacles_on_spot=("it keeps a warm pool",))

    decision = decide(around=around, ladder=parse_ladder("spot:1 on-demand"))

    assert decision.placement is not None
    assert decision.placement.market is Market.ON_DEMAND


def test_refuses_to_train_again_from_scratch_what_saved_nothing() -> None:
    decision = decide(run())

    reason = f"no complete checkpoint in {PREFIX}: the next attempt would start from scratch"
    assert outcome(decision) == (Action.REFUSE, reason, True)


@pytest.mark.parametrize(
    ("what", "settings", "around"),
    [
        pytest.param(run(), {"require_checkpoint": False}, circumstances(), id="not required"),
        pytest.param(
            run(), {"require_checkpoint": False}, circumstances(checkpoint_uri=None), id="no location, not required"
        ),
        pytest.param(NEVER, {}, circumstances(), id="nothing was trained"),
        pytest.param(run(checkpoints=(saved(-9000),)), {}, circumstances(), id="one of an earlier run"),
    ],
)
def test_resubmits_without_a_checkpoint_of_its_own(what: Run, settings: dict[str, Any], around: Circumstances) -> None:
    assert decide(what, around=around, now=LONG_AFTER, **settings).action is Action.RESUBMIT


def test_an_incomplete_checkpoint_is_none() -> None:
    assert decide(run(checkpoints=(saved(7000, complete=False),))).action is Action.REFUSE


def test_of_a_listing_that_was_cut_it_is_never_said_that_there_is_no_checkpoint() -> None:
    decision = decide(run(), around=circumstances(listing_cut=True))

    reason = f"cannot tell whether there is a complete checkpoint in {PREFIX}: there are more objects than were listed"
    assert outcome(decision) == (Action.REFUSE, reason, True)
    assert decision.inputs["listing"] == "cut short"


def test_a_checkpoint_that_was_seen_before_is_believed_of_a_listing_that_was_cut() -> None:
    seen = run(attempt(checkpoint=SAVED))

    assert decide(seen, around=circumstances(listing_cut=True)).action is Action.RESUBMIT
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
    decision = decide(FRUITLESS, now=LATER, around=circumstances(listing_cut=True))

    assert (decision.action, decision.notify) == (Action.RESUBMIT, False)
    assert decision.warning == "cannot tell whether the last 2 attempts made progress: not all objects were listed"


def test_a_listing_that_was_cut_needs_no_warning_where_there_was_progress() -> None:
    decision = decide(run(attempt(checkpoint=SAVED), checkpoints=(SAVED,)), around=circumstances(listing_cut=True))

    assert (decision.warning, decision.notify) == (None, False)


# Budgets


@pytest.mark.parametrize(("most", "action"), [(2, Action.REFUSE), (3, Action.RESUBMIT)])
def test_a_run_has_so_many_attempts_in_all(most: int, action: Action) -> None:
    two = run(*repeated(NEVER_LAUNCHED, 2))

    decision = decide(two, now=LONG_AFTER, max_attempts=most)

    assert decision.action is action
    if action is Action.REFUSE:
        assert outcome(decision) == (Action.REFUSE, "all 2 attempts are spent", True)


def failures(times: int) -> tuple[Attempt, ...]:
    return tuple(
        replace(each, facts=replace(each.facts, failure_reason="InternalServerError: again"))
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


@pytest.mark.parametrize(
    ("allowed", "action"), [(1.9, Action.REFUSE), (2.0, Action.REFUSE), (2.1, Action.RESUBMIT)], ids=str
)
def test_no_attempt_follows_once_so_many_instance_hours_were_billed(allowed: float, action: Action) -> None:
    billed = run(attempt(instance_count=2, billable_time=timedelta(hours=1)), checkpoints=(SAVED,))

    decision = decide(billed, max_billable_hours=allowed)

    assert decision.action is action
    if action is Action.REFUSE:
        assert outcome(decision) == (
            Action.REFUSE,
            f"2.0 instance-hours were billed, of {allowed:g} allowed",
            True,
        )


# Pauses


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


@pytest.mark.parametrize("attempts", range(1, 9))
def test_a_pause_doubles_with_each_trouble_of_its_kind_and_is_shortened_by_half_at_most(attempts: int) -> None:
    full = 60 * 2 ** (attempts - 1)

    assert full / 2 <= pause(repeated(NEVER_LAUNCHED, attempts)) <= full


@pytest.mark.parametrize(
    ("first", "longest", "attempts"),
    [
        pytest.param(60, 200, 3, id="doubled beyond it"),
        pytest.param(900, 200, 1, id="longer from the first"),
        pytest.param(100 * 86400, 200, 60, id="doubled beyond reckoning"),
    ],
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

    assert outcome(waiting) == (
        Action.WAIT,
        f"ran out of waiting time: the next attempt is to start at {waiting.until:%Y-%m-%d %H:%M} UTC, after a pause",
        False,
    )
    assert decide(NEVER, now=waiting.until - timedelta(milliseconds=1)).until == waiting.until
    assert decide(NEVER, now=waiting.until).action is Action.RESUBMIT


def test_a_pause_begins_with_the_last_change_where_no_stays_are_known() -> None:
    unknown = run(replace(NEVER.last, transitions=()))

    assert decide(unknown).until == decide(NEVER).until


def test_no_pause_without_a_back_off() -> None:
    assert decide(NEVER, back_off=without_pause()).action is Action.RESUBMIT


# Where the next attempt runs


def numbered(attempts: int) -> Run:
    return run(*repeated(NEVER_LAUNCHED, attempts))


LADDER = "spot:2 spot/ml.g5.4xlarge:1 on-demand:2"


@pytest.mark.parametrize(
    ("words", "attempts", "market", "instance_type"),
    [
        pytest.param(LADDER, 1, Market.SPOT, "ml.g5.2xlarge", id="the user's job is the first of the first rung"),
        pytest.param(LADDER, 2, Market.SPOT, "ml.g5.4xlarge", id="second rung"),
        pytest.param(LADDER, 3, Market.ON_DEMAND, "ml.g5.2xlarge", id="third rung"),
        pytest.param(LADDER, 4, Market.ON_DEMAND, "ml.g5.2xlarge", id="last of the third rung"),
        pytest.param("spot:1 on-demand", 1, Market.ON_DEMAND, "ml.g5.2xlarge", id="one attempt was the user's own"),
        pytest.param("spot", 9, Market.SPOT, "ml.g5.2xlarge", id="a rung without a number never ends"),
    ],
)
def test_each_rung_of_the_ladder_takes_its_number_of_attempts(
    words: str, attempts: int, market: Market, instance_type: str
) -> None:
    policy: dict[str, Any] = {"ladder": parse_ladder(words), "max_attempts": 99, "budgets": dict.fromkeys(Budget, 99)}

    decision = decide(numbered(attempts), now=LONG_AFTER, **policy)

    assert decision.placement is not None
    assert (decision.placement.market, decision.placement.instance_type) == (market, instance_type)
    assert decision.reason == f"ran out of waiting time; next: {market} {instance_type}"
    assert decision.attempt == attempts + 1


def test_refuses_at_the_end_of_the_ladder() -> None:
    decision = decide(numbered(2), now=LONG_AFTER, ladder=parse_ladder("spot:2"))

    assert outcome(decision) == (Action.REFUSE, "the ladder has no rung left after 2 attempts", True)


@pytest.mark.parametrize(
    ("told", "market"),
    [
        pytest.param({"market": Market.SPOT}, Market.SPOT, id="spot"),
        pytest.param({"market": Market.ON_DEMAND, "max_wait": None}, Market.ON_DEMAND, id="on demand"),
        pytest.param({"market": None}, Market.SPOT, id="not known, with a MaxWait"),
        pytest.param({"market": None, "max_wait": None}, Market.ON_DEMAND, id="not known, without"),
    ],
)
def test_without_a_ladder_the_job_keeps_its_own_market_and_type(told: dict[str, Any], market: Market) -> None:
    what = run(attempt(**told), checkpoints=(SAVED,))
    placement = decide(what).placement

    assert placement is not None
    assert (placement.market, placement.instance_type) == (market, "ml.g5.2xlarge")


def test_the_users_own_job_is_the_measure_not_the_attempt_before() -> None:
    second = attempt(
        "Starting=21600 MaxWaitTimeExceeded=30000",
        number=2,
        market=Market.ON_DEMAND,
        instance_type="ml.p4d.24xlarge",
        max_runtime=timedelta(hours=1),
        max_wait=None,
    )
    placement = decide(run(attempt(), second, checkpoints=(SAVED,)), now=LONG_AFTER).placement

    assert placement is not None
    assert (placement.market, placement.instance_type) == (Market.SPOT, "ml.g5.2xlarge")
    assert (placement.max_runtime, placement.max_wait) == (timedelta(hours=4), timedelta(hours=6))


@pytest.mark.parametrize(
    ("told", "runtime", "wait"),
    [
        pytest.param({}, timedelta(hours=4), timedelta(hours=6), id="the job's own"),
        pytest.param({"max_wait": None}, timedelta(hours=4), timedelta(hours=8), id="no MaxWait: twice the runtime"),
        pytest.param({"max_runtime": None, "max_wait": None}, timedelta(days=1), timedelta(days=2), id="nothing said"),
        pytest.param(
            {"max_runtime": timedelta(days=28), "max_wait": None}, LONGEST, LONGEST, id="as long as SageMaker permits"
        ),
        pytest.param(
            {"max_runtime": timedelta(days=3), "max_wait": timedelta(days=30)}, timedelta(days=3), LONGEST, id="longer"
        ),
    ],
)
def test_limits_without_a_deadline(told: dict[str, Any], runtime: timedelta, wait: timedelta) -> None:
    what = run(attempt(**told), checkpoints=(SAVED,))
    placement = decide(what, ladder=(Rung(market=Market.SPOT),)).placement

    assert placement is not None
    assert (placement.max_runtime, placement.max_wait) == (runtime, wait)


def test_a_type_that_is_not_known_is_left_open() -> None:
    decision = decide(run(attempt(instance_type=None), checkpoints=(SAVED,)))

    assert decision.placement is not None
    assert decision.placement.instance_type == ""
    assert decision.reason == "ran out of waiting time; next: spot"


def test_a_dry_run_decides_alike_but_is_marked_and_told() -> None:
    dry, real = decide(dry_run=True), decide()

    assert (dry.dry_run, dry.notify) == (True, True)
    assert replace(dry, dry_run=False, notify=False) == real


# Deadlines

WORK = timedelta(seconds=6510 + 4 * HOUR)
NEEDED = timedelta(seconds=4 * HOUR + 240)
"""What is left of it once 6510 s are proved, and the 240 s that the run has taken to restart."""


def with_deadline(slack: float, **others: Any) -> Decision:  # noqa: ANN401
    """The decision with so many seconds left beyond what on-demand needs."""
    return decide(deadline=ENDED + NEEDED + timedelta(seconds=slack), work=WORK, **others)


MARGIN = HANDOVER.total_seconds()


@pytest.mark.parametrize(
    ("slack", "market", "wait", "warned"),
    [
        pytest.param(-1, Market.ON_DEMAND, None, True, id="a second too late"),
        pytest.param(0, Market.ON_DEMAND, None, False, id="just in time"),
        pytest.param(MARGIN, Market.ON_DEMAND, None, False, id="time to hand over, none for spot"),
        pytest.param(MARGIN + 240, Market.ON_DEMAND, None, False, id="spot would not even start to train"),
        pytest.param(MARGIN + 241, Market.SPOT, 241, False, id="spot for a moment"),
        pytest.param(MARGIN + HOUR, Market.SPOT, HOUR, False, id="spot for an hour"),
    ],
)
def test_spot_gets_the_time_that_on_demand_does_not_need(
    slack: float,
    market: Market,
    wait: float | None,
    warned: bool,  # noqa: FBT001 - a case
) -> None:
    decision = with_deadline(slack)

    assert decision.placement is not None
    assert decision.placement.market is market
    assert decision.placement.max_wait == (None if wait is None else timedelta(seconds=wait))
    assert (decision.warning is not None) is warned


def test_maximum_runtime_and_waiting_time_shrink_together_and_on_demand_gets_the_whole_runtime() -> None:
    short, long, late = (with_deadline(slack).placement for slack in (MARGIN + HOUR, MARGIN + 9 * HOUR, 0))

    assert short is not None
    assert long is not None
    assert late is not None
    assert (short.max_runtime, short.max_wait) == (timedelta(hours=1), timedelta(hours=1))
    assert (long.max_runtime, long.max_wait) == (timedelta(hours=4), timedelta(hours=9))
    assert (late.max_runtime, late.max_wait) == (timedelta(hours=4), None)


def test_a_deadline_far_away_gives_no_more_than_sagemaker_permits() -> None:
    decision = with_deadline(90 * 24 * HOUR)

    assert decision.placement is not None
    assert decision.placement.max_wait == LONGEST
    assert decision.reason.endswith("spot for at most 28 d 00 h, then on demand")


@pytest.mark.parametrize(
    ("slack", "said"),
    [
        pytest.param(
            MARGIN + HOUR,
            "5 h 09 min left until 2026-09-16 20:09 UTC, 4 h 04 min needed on demand: "
            "spot for at most 1 h 00 min, then on demand",
            id="spot",
        ),
        pytest.param(
            60, "4 h 05 min left until 2026-09-16 19:05 UTC, 4 h 04 min needed on demand: on demand from here", id="now"
        ),
        pytest.param(
            -60, "4 h 03 min left until 2026-09-16 19:03 UTC, 4 h 04 min needed on demand: on demand at once", id="late"
        ),
        pytest.param(
            -5 * HOUR,
            "2026-09-16 14:04 UTC was 56 min ago, 4 h 04 min needed on demand: on demand at once",
            id="over",
        ),
    ],
)
def test_the_reason_reckons_before_the_operators_eyes(slack: float, said: str) -> None:
    assert with_deadline(slack).reason == f"ran out of waiting time; {said}"


def test_a_deadline_that_cannot_be_met_is_said_at_once_and_the_run_goes_on_on_demand() -> None:
    decision = with_deadline(-60)

    assert (decision.action, decision.notify) == (Action.RESUBMIT, False)
    assert decision.warning == (
        "the deadline cannot be met any more: 4 h 03 min left until 2026-09-16 19:03 UTC, 4 h 04 min needed on demand"
    )


def test_a_deadline_that_cannot_be_met_ends_the_run_if_the_policy_prefers() -> None:
    decision = with_deadline(-60, when_deadline_missed=WhenMissed.STOP)

    assert outcome(decision) == (
        Action.REFUSE,
        "the deadline cannot be met any more: 4 h 03 min left until 2026-09-16 19:03 UTC, 4 h 04 min needed on demand",
        True,
    )


def test_the_end_of_the_waiting_time_finds_the_deadline_still_to_be_met() -> None:
    """SageMaker needs minutes to stop a job, and the news of it to arrive: that must not read as a missed deadline."""
    deadline = ENDED + NEEDED + HANDOVER + timedelta(hours=1)
    second = attempt(f"Starting={6 * HOUR + 5} MaxWaitTimeExceeded={7 * HOUR + 5}", number=2)
    what = run(*TRAINED.attempts, second, checkpoints=(SAVED,))

    decision = decide(what, now=at(7 * HOUR + 200), deadline=deadline, work=WORK, when_deadline_missed=WhenMissed.STOP)

    assert decision.placement is not None
    assert (decision.placement.market, decision.warning) == (Market.ON_DEMAND, None)


@pytest.mark.parametrize(
    "settings",
    [
        pytest.param({"max_attempts": 2}, id="the last attempt"),
        pytest.param({"budgets": dict.fromkeys(Budget, 9) | {Budget.CAPACITY: 0}}, id="no budget for want of capacity"),
        pytest.param({"budgets": dict.fromkeys(Budget, 9) | {Budget.INTERRUPTION: 1}}, id="none for interruptions"),
        pytest.param({"ladder": parse_ladder("spot:2")}, id="the last rung"),
    ],
)
def test_spot_is_not_tried_where_nothing_may_follow_it(settings: dict[str, Any]) -> None:
    decision = with_deadline(9 * HOUR, **settings)

    assert decision.placement is not None
    assert decision.placement.market is Market.ON_DEMAND
    assert decision.reason.endswith(", and nothing may follow a spot attempt: on demand")


def test_spot_is_not_tried_where_the_policy_would_not_go_on_after_its_waiting_time() -> None:
    lost = ending("Failed", reason="CapacityError: none")
    decision = with_deadline(
        9 * HOUR, what=lost, triggers=frozenset({Trigger.CAPACITY_ERROR}), back_off=without_pause()
    )

    assert decision.placement is not None
    assert decision.placement.market is Market.ON_DEMAND


@pytest.mark.parametrize(
    ("words", "slack", "pool"),
    [
        pytest.param("spot:3 on-demand/ml.p4d.24xlarge", 0, "ml.p4d.24xlarge", id="the ladder's on-demand pool"),
        pytest.param("spot/ml.g5.4xlarge", 0, "ml.g5.2xlarge", id="no on-demand pool: the job's own type"),
        pytest.param("spot:1 on-demand/ml.p4d.24xlarge", 9 * HOUR, "ml.p4d.24xlarge", id="the rung itself"),
        pytest.param("on-demand:1 on-demand/ml.p4d.24xlarge", 0, "ml.p4d.24xlarge", id="the rung before the ladder"),
    ],
)
def test_the_on_demand_pool_is_the_ladders_if_it_has_one(words: str, slack: float, pool: str) -> None:
    decision = with_deadline(slack, ladder=parse_ladder(words))

    assert decision.placement is not None
    assert (decision.placement.market, decision.placement.instance_type) == (Market.ON_DEMAND, pool)


def test_a_deadline_never_moves_an_on_demand_job_to_spot() -> None:
    own = run(attempt(market=Market.ON_DEMAND, max_wait=None), checkpoints=(SAVED,))

    decision = with_deadline(99 * HOUR, what=own)

    assert decision.placement is not None
    assert decision.placement.market is Market.ON_DEMAND


def test_what_stands_in_the_way_of_spot_is_said_while_there_is_time_for_spot() -> None:
    around = circumstances(obstacles_on_spot=("it keeps a warm pool",))

    assert with_deadline(9 * HOUR, around=around).action is Action.REFUSE
    assert with_deadline(0, around=around).action is Action.RESUBMIT


@pytest.mark.parametrize(
    ("slack", "until"),
    [
        pytest.param(MARGIN + HOUR, 600, id="time enough: the whole pause"),
        pytest.param(MARGIN + 100, 100, id="until the last moment for on demand"),
        pytest.param(MARGIN, None, id="no time: at once"),
        pytest.param(-HOUR, None, id="too late: at once"),
    ],
)
@pytest.mark.parametrize("market", Market)
def test_a_pause_never_costs_the_deadline(slack: float, until: float | None, market: Market) -> None:
    lost = ending("Failed", reason="CapacityError: none", market=market)
    long = dict.fromkeys(Budget, BackOff(first=timedelta(seconds=900), longest=timedelta(seconds=900)))

    decision = with_deadline(slack, what=lost, back_off=long)

    if until is None:
        assert decision.action is Action.RESUBMIT
    else:
        assert decision.action is Action.WAIT
        assert decision.until is not None
        paused = (decision.until - ENDED).total_seconds()
        assert paused == until if until == 100 else 450 <= paused <= 900


def test_ten_minutes_are_assumed_until_a_restart_was_seen() -> None:
    decision = decide(NEVER, deadline=timedelta(hours=20), work=timedelta(hours=3), back_off=without_pause())

    assert decision.placement is not None
    assert decision.placement.max_wait == timedelta(hours=20 - 6 - 3) - ASSUMED_OVERHEAD - HANDOVER


def test_the_expected_work_is_the_jobs_maximum_runtime_unless_said() -> None:
    unsaid = decide(NEVER, deadline=timedelta(hours=20), back_off=without_pause())
    nothing = run(attempt(NEVER_LAUNCHED, max_runtime=None))

    assert unsaid.inputs["work_expected"] == "4 h 00 min"
    assert decide(nothing).inputs["work_expected"] == "1 d 00 h"


def test_more_work_done_than_expected_needs_no_time_but_to_restart() -> None:
    decision = decide(deadline=ENDED + timedelta(hours=1), work=timedelta(seconds=60))

    assert "4 min needed on demand" in decision.reason


@pytest.mark.parametrize(
    ("deadline", "moment"),
    [
        pytest.param(None, None, id="none"),
        pytest.param(timedelta(hours=10), at(10 * HOUR), id="a span counts from the run's first job"),
        pytest.param(at(10 * HOUR), at(10 * HOUR), id="a moment"),
    ],
)
def test_a_deadline_is_a_moment_or_a_span(deadline: datetime | timedelta | None, moment: datetime | None) -> None:
    what = run(*repeated(OUT_OF_TIME, 2))

    assert deadline_of(what, Policy(deadline=deadline)) == moment


def test_a_deadline_in_another_zone_is_said_in_utc() -> None:
    decision = decide(deadline=datetime.fromisoformat("2026-09-17T09:00:00+02:00"))

    assert decision.inputs["deadline"] == "2026-09-17T07:00:00.000Z"
    assert "until 2026-09-17 07:00 UTC" in decision.reason


# Any run, any policy

LADDERS = ("", "spot", "on-demand", "spot:2", "spot:3 on-demand:1", "spot/ml.g5.4xlarge:2 on-demand/ml.g5.4xlarge")
seconds = st.integers(0, 60 * 86400)


@st.composite
def situations(draw: st.DrawFn) -> tuple[Run, Resolved, Circumstances, datetime]:
    scripts = (NEVER_LAUNCHED, OUT_OF_TIME, "Starting=0 Pending=5 Failed=300", "Starting=0 Reticulating=1 Stopped=9")
    number = draw(st.integers(1, 5))
    reasons = st.sampled_from((None, "CapacityError: x", "InternalServerError: y", "AlgorithmError: z"))
    attempts = tuple(
        replace(
            repeated(
                draw(st.sampled_from(scripts)),
                place + 1,
                failure_reason=draw(reasons),
                market=draw(st.sampled_from((*Market, None))),
                max_runtime=draw(st.none() | st.integers(1, 28 * 86400).map(lambda each: timedelta(seconds=each))),
                max_wait=None,
                instance_type=draw(st.sampled_from((None, "ml.g5.2xlarge"))),
            )[place]
        )
        for place in range(number)
    )
    checkpoints = tuple(saved(each) for each in sorted(draw(st.lists(st.integers(-9999, 300_000), max_size=4))))
    spans = seconds.map(lambda each: timedelta(seconds=each))
    resolved = asked(
        ladder=parse_ladder(words) if (words := draw(st.sampled_from(LADDERS))) else (),
        deadline=draw(st.none() | spans | spans.map(lambda each: CREATED + each)),
        work=draw(st.none() | st.integers(1, 20 * 86400).map(lambda each: timedelta(seconds=each))),
        max_attempts=draw(st.integers(1, 9)),
        when_deadline_missed=draw(st.sampled_from(WhenMissed)),
        require_checkpoint=draw(st.booleans()),
        require_progress=draw(st.booleans()),
        dry_run=draw(st.booleans()),
        max_billable_hours=draw(st.none() | st.floats(0.1, 100)),
    )
    around = circumstances(
        listing_cut=draw(st.booleans()), obstacles_on_spot=draw(st.sampled_from(((), ("it keeps a warm pool",))))
    )
    over = attempts[-1].transitions[-1].started
    return (
        run(*attempts, checkpoints=checkpoints),
        resolved,
        around,
        over + timedelta(seconds=draw(st.integers(0, 9999))),
    )


@given(situations())
@settings(max_examples=200)
def test_in_any_situation_a_decision_can_be_explained_repeated_and_carried_out(
    situation: tuple[Run, Resolved, Circumstances, datetime],
) -> None:
    what, resolved, around, now = situation

    decision = plan(what, resolved, around, now=now)

    assert decision == plan(what, resolved, around, now=now)
    for words in (*decision.inputs.values(), decision.reason, decision.warning or "-"):
        assert words
        assert not re.search(r"None|datetime|timedelta|Market\.|<|\{|\bTrue\b|\bFalse\b|-\d+ (s|min|h|d)\b", words)
    assert (decision.placement is not None) is (decision.action is Action.RESUBMIT)
    assert (decision.attempt is not None) is (decision.action is Action.RESUBMIT)
    assert (decision.until is not None) is (decision.action is Action.WAIT)
    assert not decision.dry_run or decision.action is Action.RESUBMIT
    if decision.until:
        assert decision.until > now
    if decision.placement:
        runtime, wait = decision.placement.max_runtime, decision.placement.max_wait
        assert timedelta(seconds=1) <= runtime <= timedelta(days=28)
        assert (wait is None) is (decision.placement.market is Market.ON_DEMAND)
        assert wait is None or runtime <= wait <= timedelta(days=28)
        assert decision.attempt == what.last.number + 1 <= resolved.policy.max_attempts


@given(situations())
@settings(max_examples=200)
def test_if_spot_makes_no_progress_at_all_on_demand_still_meets_the_deadline(
    situation: tuple[Run, Resolved, Circumstances, datetime],
) -> None:
    what, resolved, around, now = situation
    decision, deadline = plan(what, resolved, around, now=now), deadline_of(what, resolved.policy)
    if deadline is None or decision.action not in {Action.RESUBMIT, Action.WAIT}:
        return
    expected = resolved.policy.work or what.attempts[0].facts.max_runtime or timedelta(days=1)
    left = max(timedelta(), expected - what.work_done()) + (what.restart_overhead() or ASSUMED_OVERHEAD)
    missed = "the deadline cannot be met any more" in (decision.warning or "")

    if decision.until:
        assert decision.until + HANDOVER + left <= deadline
    elif decision.placement and decision.placement.max_wait:
        assert now + decision.placement.max_wait + HANDOVER + left <= deadline
    else:
        assert missed is (now + left > deadline)


def test_inputs_tell_all_that_the_decision_was_made_from() -> None:
    around = circumstances(
        listing_cut=True, intruders=("job-10",), obstacles=("no instances",), obstacles_on_spot=("warm pool",)
    )
    resolved = asked(deadline=timedelta(hours=20), work=timedelta(hours=6))

    inputs = decide(
        run(attempt(billable_time=timedelta(hours=1)), checkpoints=(SAVED,)),
        around=around,
        resolved=replace(resolved, kill_switch=True),
    ).inputs

    assert inputs == {
        "decided_at": "2026-09-16T15:00:00.000Z",
        "policy": "defaults, tags respot:resume",
        "kill_switch": "on",
        "attempts": "1 of 5",
        "budgets": "capacity 0 of 5, interruption 1 of 5, failure 0 of 2",
        "ending": "Stopped/MaxWaitTimeExceeded",
        "ran_on": "spot ml.g5.2xlarge",
        "checkpoint_location": PREFIX,
        "newest_checkpoint": "checkpoint-500, saved 2026-09-16T10:56:40.000Z",
        "listing": "cut short",
        "fruitless_attempts": "1",
        "overlapping_jobs": "job-10",
        "obstacles": "no instances",
        "obstacles_on_spot": "warm pool",
        "work_expected": "6 h 00 min",
        "work_done": "1 h 48 min",
        "work_lost": "3 min",
        "restart_overhead": "4 min",
        "instance_hours_billed": "1.00",
        "deadline": "2026-09-17T05:00:00.000Z",
        "on_demand_by": "2026-09-17T00:44:30.000Z",
    }


def test_every_decision_has_its_inputs() -> None:
    decisions = [decide(), decide(NEVER), decide(run()), decide(ending("Completed")), decide(ending("Stopped"))]

    assert {decision.action for decision in decisions} == set(Action)
    assert all(decision.inputs["decided_at"] == "2026-09-16T15:00:00.000Z" for decision in decisions)


# From the first end to the last


@dataclass(kw_only=True)
class Marketplace:
    """A small SageMaker: it grants and takes instances as the test draws it, and the training saves as it goes."""

    draw: st.DataObject
    work: int
    interval: int
    overhead: int
    keeps: int | None
    saves: list[tuple[int, int]] = field(default_factory=list)
    interruptions: int = 0

    def live(self, number: int, created: int, wait_at_most: int | None) -> tuple[Attempt, bool]:
        """One attempt from its creation to its end, and whether it completed."""
        spot, clock, stays = wait_at_most is not None, created, [f"Starting={created}"]
        until = created + wait_at_most if wait_at_most is not None else 10**9
        while True:
            launched = clock + self.draw.draw(st.integers(0, 4 * HOUR) if spot else st.integers(0, 60), label="queue")
            training = launched + self.overhead
            if launched >= until:
                return self._over(number, [*stays, f"MaxWaitTimeExceeded={until}"]), False
            stays.append(f"Downloading={launched}")
            if training >= until:
                return self._over(number, [*stays, f"Stopping={until}", f"MaxWaitTimeExceeded={until + 120}"]), False
            stays.append(f"Training={training}")
            taken = self.draw.draw(st.integers(0, 6 * HOUR - 900), label="taken early") if spot else -(10**9)
            held = 6 * HOUR - taken
            reached = self.saves[-1][1] if self.saves else 0
            done = training + self.work - reached
            over = min(done, training + held, until)
            steps = range(1, (over - training) // self.interval + 1)
            self.saves += [(training + step * self.interval, reached + step * self.interval) for step in steps]
            if over == done:
                return self._over(number, [*stays, f"Completed={over}"]), True
            if over == until:
                return self._over(number, [*stays, f"Stopping={until}", f"MaxWaitTimeExceeded={until + 120}"]), False
            self.interruptions += 1
            stays.append(f"Interrupted={over}")
            clock = over

    @property
    def listed(self) -> tuple[Checkpoint, ...]:
        kept = self.saves[-self.keeps :] if self.keeps else self.saves
        return tuple(saved(seconds, f"checkpoint-{step}") for seconds, step in kept)

    def _over(self, number: int, stays: list[str]) -> Attempt:
        newest = self.listed[-1] if self.listed else None
        own = {"max_runtime": timedelta(days=20)}
        return attempt(" ".join(stays), number=number, checkpoint=newest, **own)


@given(st.data())
@settings(max_examples=300)
def test_whatever_the_market_does_the_work_is_done_by_the_deadline(data: st.DataObject) -> None:
    world = Marketplace(
        draw=data,
        work=data.draw(st.integers(HOUR, 30 * HOUR), label="work"),
        interval=data.draw(st.integers(300, HOUR), label="interval"),
        overhead=data.draw(st.integers(1, 600), label="overhead"),
        keeps=data.draw(st.sampled_from((None, 5)), label="keeps"),
    )
    last, completed = world.live(1, 0, 6 * HOUR)
    attempts, over = [last], last.transitions[-1].started
    slack = data.draw(st.integers(0, 40 * HOUR), label="slack")
    deadline = over + timedelta(seconds=60 + world.work + slack) + ASSUMED_OVERHEAD
    policy = asked(
        deadline=deadline,
        work=timedelta(seconds=world.work),
        max_attempts=data.draw(st.integers(2, 7), label="attempts"),
        ladder=parse_ladder(words) if (words := data.draw(st.sampled_from(("", "spot:2", "spot:3 on-demand")))) else (),
        require_checkpoint=False,
        require_progress=False,
    )
    now = over + timedelta(seconds=60)

    while not completed:
        known = run(*attempts, checkpoints=world.listed)
        decision = plan(known, policy, circumstances(), now=now)
        assert world.interruptions or decision.warning is None
        if decision.until:
            now = decision.until
            continue
        assert decision.placement is not None, decision.reason
        wait = decision.placement.max_wait
        created = round((now - CREATED).total_seconds())
        limit = None if wait is None else round(wait.total_seconds())
        last, completed = world.live(known.last.number + 1, created + 1, limit)
        attempts.append(last)
        over = last.transitions[-1].started
        now = over + timedelta(seconds=60)

    # A stay of which no checkpoint is listed counts whole, at most one interval too much for each interruption.
    assert len(attempts) == 1 or over <= deadline + timedelta(seconds=world.interval * world.interruptions)
