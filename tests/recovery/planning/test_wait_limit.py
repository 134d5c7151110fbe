"""Which jobs have waited long enough for capacity, and what follows a stop of Respot's own."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respot.jobs.job import JobState, Market, Owner, Parent, Transition
from respot.recovery.planning.decision import Action, Decision, RefusedPool
from respot.recovery.planning.ending import TRIGGERS_TO_CHOOSE, Budget, Trigger
from respot.recovery.planning.placement import rung_for
from respot.recovery.planning.planner import plan
from respot.recovery.planning.run import Attempt, Run
from respot.recovery.planning.wait_limit import WaitDecision, decide_wait, is_time_to_ask, may_give_up, simulate_stop
from respot.recovery.planning.waiting import StopIntent
from respot.recovery.policy.policy import AccountPolicy, BackOff, Policy, Resolved, Rung, WhenMissed, parse_ladder
from tests.support.builders import WAITS, at, history, job_id, state
from tests.support.runs import (
    HOUR,
    NEVER_LAUNCHED,
    asked,
    attempt,
    context,
    ended,
    repeated,
    run,
    saved,
    without_pause,
)

LADDER: Final = parse_ladder("spot:2 spot/ml.g5.4xlarge:2 on-demand:1")
WAIT_LIMIT: Final = timedelta(hours=2)
NOW: Final = at(2 * HOUR + 300)
WAITING: Final = "Starting=0"
PARENT: Final = Parent(owner=Owner.TUNING, identifier="arn:tuning-job/t")
UNKNOWN_TAGS: Final[dict[str, Any]] = {"tags": None}


def impatient(**settings: Any) -> Resolved:  # noqa: ANN401
    return asked(**({"give_up_waiting_after": WAIT_LIMIT, "ladder": LADDER} | settings))


def waiting(script: str = WAITING, **others: Any) -> tuple[JobState, tuple[Transition, ...]]:  # noqa: ANN401
    transitions = history(script)
    known: dict[str, Any] = {
        "secondary_status": transitions[-1].status,
        "status_message": WAITS.get(transitions[-1].status),
        "tags": {},
    }
    return state(**(known | others)), transitions


def judge(
    script: str = WAITING,
    *,
    earlier: tuple[Attempt, ...] = (),
    resolved: Resolved | None = None,
    around: dict[str, Any] | None = None,
    now: datetime = NOW,
    **others: Any,  # noqa: ANN401
) -> WaitDecision:
    live, transitions = waiting(script, **others)
    tried = simulate_stop(live, transitions, now=now)
    last = Attempt(
        number=len(earlier) + 1,
        state=tried.state,
        transitions=tried.transitions,
        checkpoint=None,
        stop_intent=tried.stop_intent,
    )
    what = run(*earlier, last)
    return decide_wait(live, transitions, context(what, resolved or impatient(), **(around or {})), now=now)


def test_a_job_that_waited_too_long_is_stopped_for_the_next_pool() -> None:
    decision = judge()

    assert decision.stop
    assert decision.reason == (
        "has waited for spot ml.g5.2xlarge since 2026-09-16 09:00 UTC, longer than 2 h 00 min: stopping it; gave up "
        "waiting after 2 h 05 min for spot ml.g5.2xlarge; next: spot ml.g5.4xlarge"
    )
    assert decision.placement
    assert decision.placement.instance_type == "ml.g5.4xlarge"
    assert decision.inputs["waiting_since"] == "2026-09-16T09:00:00.000Z"
    assert (decision.inputs["give_up_waiting_after"], decision.inputs["status"]) == (
        "2 h 00 min",
        "InProgress/Starting",
    )
    assert "ending" not in decision.inputs


@pytest.mark.parametrize(("seconds", "stops"), [(2 * HOUR, False), (2 * HOUR + 0.001, True)])
def test_it_is_stopped_once_it_has_waited_longer_than_the_setting(seconds: float, *, stops: bool) -> None:
    assert judge(now=at(seconds)).stop is stops


def test_only_the_present_spell_of_waiting_counts() -> None:
    interrupted = "Starting=0 Downloading=3600 Training=3700 Interrupted=7000"

    assert not judge(interrupted, around={}).stop
    assert judge(interrupted, resolved=impatient(require_checkpoint=False), now=at(7000 + 2 * HOUR + 1)).stop


def test_an_on_demand_job_waits_for_capacity_as_well() -> None:
    ladder = parse_ladder("on-demand:1 on-demand/ml.g5.4xlarge:1")

    assert judge(resolved=impatient(ladder=ladder), market=Market.ON_DEMAND).stop


LEFT_WAITING: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "training": ({"script": "Starting=0 Downloading=10 Training=20"}, "does not wait for capacity"),
    "a status nobody knows": ({"script": "Starting=0 Reticulating=10"}, "does not wait for capacity"),
    "already stopping": ({"status": "Stopping"}, "does not wait for capacity, it is Stopping/Starting"),
    "instances being prepared": (
        {"status_message": "Preparing the instances for training", "last_modified": NOW - timedelta(minutes=30)},
        "does not wait",
    ),
    "words nobody knows": (
        {"status_message": "Reticulating the instances"},
        "whether it waits for capacity is not known: SageMaker says 'Reticulating the instances'",
    ),
    "kill switch": ({"around": {"kill_switch": "the account's kill switch is on"}}, "kill switch is on"),
    "bad tags": ({"resolved": replace(impatient(), bad_tags=("tag respot:x: no",))}, "tag respot:x: no"),
    "not asked": ({"resolved": impatient(resume=False)}, "not asked to resume"),
    "off": ({"resolved": impatient(give_up_waiting_after=None)}, "no policy limits its waiting"),
    "somebody else's": ({"parent": PARENT}, "owned by a tuning job"),
    "no ladder": ({"resolved": impatient(ladder=())}, "no ladder"),
    "last rung": ({"resolved": impatient(ladder=parse_ladder("spot:3"))}, "the ladder has no rung left"),
    "attempts spent": ({"resolved": impatient(max_attempts=1)}, "all 1 attempts are spent"),
    "budget spent": ({"resolved": impatient(budgets=dict.fromkeys(Budget, 0))}, "the budget of 0"),
    "hours spent": (
        {
            "script": "Starting=0 Downloading=10 Training=20 Interrupted=60",
            "resolved": impatient(max_billable_hours=0.01, require_checkpoint=False),
        },
        "instance-hours were billed",
    ),
    "no deadline to meet": (
        {"resolved": impatient(deadline=timedelta(hours=3), when_deadline_missed=WhenMissed.STOP)},
        "the deadline cannot be met any more",
    ),
    "no checkpoint location": ({"checkpoint_uri": None}, "no checkpoint location"),
    "another writer": ({"around": {"concurrent_writers": ("other",)}}, "another job writes"),
    "same pool": ({"resolved": impatient(ladder=parse_ladder("spot:1 spot:2"))}, "the same pool, spot ml.g5.2xlarge"),
    "same pool by its name": (
        {"resolved": impatient(ladder=parse_ladder("spot:1 spot/ml.g5.2xlarge:2"))},
        "the same pool",
    ),
    "dry run": ({"resolved": impatient(dry_run=True)}, "would have stopped it (dry run)"),
}


@pytest.mark.parametrize(("what", "words"), LEFT_WAITING.values(), ids=LEFT_WAITING)
def test_a_job_that_would_have_nowhere_else_to_go_is_left_waiting(what: dict[str, Any], words: str) -> None:
    decision = judge(**what)

    assert not decision.stop
    assert words in decision.reason


def test_a_missed_deadline_goes_on_demand_if_the_policy_allows_it() -> None:
    decision = judge(resolved=impatient(deadline=timedelta(hours=3)))

    assert decision.stop
    assert decision.placement
    assert decision.placement.market is Market.ON_DEMAND


@pytest.mark.parametrize(
    ("others", "settings", "may"),
    [
        ({}, {}, True),
        ({}, {"dry_run": True}, True),
        ({}, {"resume": False}, False),
        ({}, {"give_up_waiting_after": None}, False),
        ({}, {"give_up_waiting_after": timedelta(hours=3)}, False),
        ({}, {"ladder": ()}, False),
        (UNKNOWN_TAGS, {}, False),
        ({"parent": PARENT}, {}, False),
        ({"tags": {"respot:give-up-waiting-after": "3 h"}}, {}, False),
        ({"tags": {"respot:give-up-waiting-after": "1 h"}}, {"give_up_waiting_after": None}, True),
        ({"tags": {"respot:resume": "off"}}, {}, False),
        ({"tags": {"respot:resume": "?"}}, {}, False),
    ],
    ids=str,
)
def test_a_sweep_checks_a_wait_where_job_and_policy_allow_it(
    others: dict[str, Any], settings: dict[str, Any], *, may: bool
) -> None:
    live, transitions = waiting(**others)
    account = AccountPolicy(defaults=impatient(**settings).policy)

    assert may_give_up(live, transitions, account, now=NOW) is may


# What follows


def timed_out(number: int = 1, start: float = 0, script: str | None = None, **others: Any) -> Attempt:  # noqa: ANN401
    """An attempt that waited for two hours from its creation on, and that Respot stopped."""
    end = start + 2 * HOUR
    stopped = attempt(script or f"Starting={start} Stopping={end} Stopped={end + 5}", number=number, **others)
    intent = StopIntent(job=stopped.state.job, waiting_since=at(start), decided_at=at(end), reason="waited too long")
    return replace(stopped, stop_intent=intent)


def decide(what: Run, **settings: Any) -> Decision:  # noqa: ANN401
    return plan(context(what, impatient(**settings)), now=at(2 * HOUR + 10))


def test_an_attempt_whose_wait_timed_out_was_not_stopped_by_its_user() -> None:
    assert timed_out().ending.trigger is Trigger.GAVE_UP_WAITING
    assert timed_out().ending.description == "gave up waiting after 2 h 00 min for spot ml.g5.2xlarge"
    assert not timed_out().ending.by_a_person
    assert replace(timed_out(), stop_intent=None).ending.by_a_person


def test_after_the_wait_limit_the_next_rung_is_used_at_once() -> None:
    pause = BackOff(first=timedelta(hours=1), longest=timedelta(hours=1))
    decision = decide(run(timed_out()), back_off=dict.fromkeys(Budget, pause))

    assert decision.action is Action.RESUBMIT
    assert decision.reason == "gave up waiting after 2 h 00 min for spot ml.g5.2xlarge; next: spot ml.g5.4xlarge"


@pytest.mark.parametrize(
    ("settings", "action"),
    [
        ({"triggers": frozenset({Trigger.CAPACITY_ERROR})}, Action.RESUBMIT),
        ({"give_up_waiting_after": None}, Action.RESUBMIT),
        ({"resume": False}, Action.NOTHING),
        ({"max_attempts": 1}, Action.REFUSE),
        ({"budgets": dict.fromkeys(Budget, 0)}, Action.REFUSE),
        ({"ladder": parse_ladder("spot:4")}, Action.REFUSE),
    ],
    ids=str,
)
def test_respot_continues_after_its_own_stop_within_all_limits(settings: dict[str, Any], action: Action) -> None:
    assert decide(run(timed_out()), **settings).action is action


def test_an_unclear_stop_ends_the_run_with_an_alert() -> None:
    script = f"Starting=0 Downloading={2 * HOUR} Stopping={2 * HOUR + 1} Stopped={2 * HOUR + 2}"
    decision = decide(run(timed_out(script=script)))

    assert (decision.action, decision.notify) == (Action.REFUSE, True)
    assert decision.reason == ("got instances just when Respot gave up waiting, and was stopped: by whom is unknown")


def test_sagemakers_own_end_stands_before_respots_stop() -> None:
    late = timed_out(script=f"Starting=0 Stopping={2 * HOUR} MaxWaitTimeExceeded={2 * HOUR + 5}")

    assert late.ending.trigger is Trigger.MAX_WAIT_TIME_EXCEEDED
    assert not late.gave_up_waiting


@pytest.mark.parametrize(
    ("trained", "budget"), [(None, Budget.CAPACITY), (at(10), Budget.INTERRUPTION)], ids=["never launched", "trained"]
)
def test_a_wait_timeout_is_charged_as_running_out_of_waiting_time_is(trained: datetime | None, budget: Budget) -> None:
    what = run(timed_out(training_started=trained))

    assert what.budget is budget
    assert what.resubmissions(budget) == 1


def test_a_job_deleted_after_its_stop_still_uses_up_its_rung() -> None:
    gone = timed_out()
    gone = replace(gone, state=ended(gone.state, "Deleting", "Deleting"))

    assert gone.ending.description == "is being deleted"
    assert rung_for(run(gone), impatient().policy, 2) == LADDER[1]


@pytest.mark.parametrize(
    ("ladder", "lives", "markets"),
    [
        ("spot:2 on-demand:2", "waits", ["on-demand", "on-demand", None]),
        ("spot:2 on-demand:2", "ends", ["spot", "on-demand", "on-demand", None]),
        ("spot:2 on-demand:2", "ends waits", ["on-demand", "on-demand", None]),
        ("spot:2 on-demand:2", "waits waits", [None, None]),
        ("spot on-demand", "ends ends", ["spot", "spot"]),
        ("spot on-demand", "ends waits", ["on-demand", "on-demand"]),
        ("spot on-demand", "ends waits waits", [None]),
    ],
)
def test_each_rung_takes_its_attempts_or_as_many_as_did_not_wait_too_long(
    ladder: str, lives: str, markets: list[str | None]
) -> None:
    attempts: tuple[Attempt, ...] = ()
    policy = Policy(ladder=parse_ladder(ladder))
    for number, life in enumerate(lives.split(), start=1):
        start, rung = number * 12 * HOUR, rung_for(run(*attempts), policy, number) if attempts else policy.ladder[0]
        assert rung, "the ladder is shorter than the run"
        script = None if life == "waits" else f"Starting={start} MaxWaitTimeExceeded={start + 6 * HOUR}"
        lived = timed_out(number, start, market=rung.market) if script is None else attempt(script, number=number)
        attempts += (lived,)
    first = len(attempts) + 1
    rungs = [rung_for(run(*attempts), policy, number) for number in range(first, first + len(markets))]

    assert [rung and rung.market for rung in rungs] == markets


@given(
    st.lists(st.integers(1, 5), min_size=1, max_size=5),
    st.booleans(),
    st.integers(1, 6),
    st.integers(1, 30),
)
def test_without_wait_timeouts_a_rung_is_where_its_numbers_of_attempts_put_it(
    counts: list[int], endless: bool, lived: int, number: int  # noqa: FBT001 - drawn
) -> None:  # fmt: skip
    rungs = [Rung(market=Market.SPOT, instance_type=f"ml.g5.{n}xlarge", attempts=c) for n, c in enumerate(counts)]
    if endless:
        rungs[-1] = replace(rungs[-1], attempts=None)
    what = run(*repeated(NEVER_LAUNCHED, lived))
    places = [rung for rung in rungs for _ in range(rung.attempts or 100)]

    assert rung_for(what, Policy(ladder=tuple(rungs)), number) == (
        places[number - 1] if number <= len(places) else None
    )


# --- back to a pool that timed out ---


def refused(*pools: str) -> dict[str, Any]:
    """`spot ml.g5.4xlarge`: no attempt can be created there."""
    parts = (pool.split() for pool in pools)
    known = tuple(RefusedPool(market=Market(market), instance_type=name, why="quota 0") for market, name in parts)
    return {"refused_pools": known}


def next_pool(what: Run, around: dict[str, Any], ladder: str = "spot:3 on-demand:1", **settings: Any) -> str | None:  # noqa: ANN401
    resolved = impatient(ladder=parse_ladder(ladder), max_attempts=9, back_off=without_pause(), **settings)
    placement = plan(
        context(what, resolved, **around), now=what.last.transitions[-1].started + timedelta(seconds=10)
    ).placement
    return f"{placement.market} {placement.instance_type}" if placement else None


LARGER: Final = "ml.g5.4xlarge"
OWN: Final = "spot ml.g5.2xlarge"
ON_DEMAND: Final = "on-demand ml.g5.2xlarge"


def test_a_run_goes_back_to_a_pool_if_all_others_are_refused() -> None:
    """Nothing is lost by having waited there: the user's job would still be waiting."""
    assert next_pool(run(timed_out()), refused(ON_DEMAND)) == OWN
    assert next_pool(run(timed_out()), {}) == ON_DEMAND


def test_a_run_does_not_go_back_to_a_used_up_or_refused_pool() -> None:
    assert next_pool(run(timed_out()), refused(ON_DEMAND), "spot:1 on-demand:1") is None
    assert next_pool(run(timed_out()), refused(ON_DEMAND, OWN)) is None


def test_it_goes_back_to_the_latest_of_the_pools_that_timed_out() -> None:
    ladder = "spot:2 spot/ml.g5.4xlarge:{} on-demand:1"
    both = run(timed_out(), timed_out(2, start=6 * HOUR, instance_type=LARGER))
    assert next_pool(both, refused(ON_DEMAND), ladder.format(2)) == f"spot {LARGER}"
    assert next_pool(both, refused(ON_DEMAND), ladder.format(1)) == OWN


def test_with_a_deadline_on_demand_comes_before_a_pool_that_timed_out() -> None:
    ladder, late = "spot:2 spot/ml.g5.4xlarge:1", timedelta(hours=40)
    assert next_pool(run(timed_out()), refused(f"spot {LARGER}"), ladder, deadline=late) == ON_DEMAND
    assert next_pool(run(timed_out()), refused(f"spot {LARGER}", ON_DEMAND), ladder, deadline=late) == OWN


def test_an_attempt_that_went_back_is_none_of_the_rung_below() -> None:
    ended_again = attempt(f"Starting={6 * HOUR} MaxWaitTimeExceeded={12 * HOUR}", number=2)
    what = run(timed_out(), ended_again)
    assert next_pool(what, {}) == ON_DEMAND
    assert next_pool(what, refused(ON_DEMAND)) == OWN
    third = attempt(f"Starting={13 * HOUR} MaxWaitTimeExceeded={19 * HOUR}", number=3)
    assert next_pool(run(timed_out(), ended_again, third), refused(ON_DEMAND)) is None


def test_a_pool_does_not_time_out_again_after_the_run_went_back_to_it() -> None:
    start = -(6 * HOUR)
    decision = judge(earlier=(timed_out(start=start),), resolved=impatient(ladder=parse_ladder("spot:3 on-demand:1")))
    assert not decision.stop
    assert (
        decision.reason == "exceeded the wait limit before, and the run went back to this pool: all others were refused"
    )
    elsewhere = judge(earlier=(timed_out(start=start, instance_type=LARGER),))
    assert elsewhere.stop


def test_the_triggers_to_choose_are_all_but_respots_own() -> None:
    assert set(Trigger) - set(TRIGGERS_TO_CHOOSE) == {Trigger.GAVE_UP_WAITING}


def test_a_spot_attempt_by_a_deadline_keeps_a_rung_for_the_one_on_demand() -> None:
    """Where wait timeouts have used the ladder up, nothing may follow: the last attempt goes on demand itself."""
    ladder = parse_ladder("spot:3 spot/ml.g5.4xlarge:1")
    decision = decide(run(timed_out()), ladder=ladder, deadline=timedelta(hours=30))

    assert decision.placement
    assert decision.placement.market is Market.ON_DEMAND
    assert decision.reason.endswith("and nothing may follow a spot attempt: on demand")


def test_an_interrupted_job_needs_a_checkpoint_before_it_is_stopped() -> None:
    script = "Starting=0 Downloading=10 Training=20 Interrupted=3600"
    late = at(3600 + 2 * HOUR + 1)

    assert "no complete checkpoint" in judge(script, now=late).reason
    live, transitions = waiting(script)
    tried = simulate_stop(live, transitions, now=late)
    last = Attempt(
        number=1,
        state=tried.state,
        transitions=tried.transitions,
        checkpoint=saved(3000),
        stop_intent=tried.stop_intent,
    )
    what = run(last, checkpoints=(saved(3000),))
    assert decide_wait(live, transitions, context(what, impatient()), now=late).stop
    assert tried.stop_intent.job == job_id()


@pytest.mark.parametrize(
    ("last", "now", "due"),
    [
        (None, 7_200, False),
        (None, 7_200.001, True),
        (None, 90_000, True),
        (6_900, 7_200, False),
        (7_200, 7_500, True),
        (7_500, 7_800, True),
        (10_500, 10_800, True),
        (10_700, 11_000, True),
        (10_800, 11_000, False),
        (11_000, 14_399, False),
        (11_000, 14_400, True),
        (14_400, 17_999, False),
        (17_999, 18_000, True),
        (7_500, 90_000, True),
        (90_000, 89_900, False),
    ],
)
def test_after_its_limit_a_job_is_checked_for_an_hour_and_then_once_an_hour(
    last: float | None, now: float, *, due: bool
) -> None:
    transitions = history("Starting=0")
    asked_before = None if last is None else at(last)
    assert is_time_to_ask(transitions, timedelta(hours=2), last=asked_before, now=at(now)) is due


def test_a_job_that_trains_is_not_asked_about() -> None:
    transitions = history("Starting=0 Downloading=10 Training=20")
    assert not is_time_to_ask(transitions, timedelta(seconds=1), last=None, now=at(9_000))


@pytest.mark.parametrize(
    ("unknown", "pool"),
    [
        ({"market": None}, " for ml.g5.2xlarge"),
        ({"instance_type": None}, " for spot"),
        ({"market": None, "instance_type": None}, ""),
    ],
    ids=str,
)
def test_an_unknown_pool_is_not_named(unknown: dict[str, Any], pool: str) -> None:
    assert timed_out(**unknown).ending.description == f"gave up waiting after 2 h 00 min{pool}"
