"""Which jobs have waited long enough for capacity, and what follows a stop of Respot's own."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respot.jobs.job import JobState, Market, Owner, Parent, Transition
from respot.recovery.planning.decision import Action
from respot.recovery.planning.ending import Budget, Trigger
from respot.recovery.planning.placement import rung_for
from respot.recovery.planning.planner import plan
from respot.recovery.planning.run import Attempt
from respot.recovery.planning.wait_decision import WaitDecision, decide_wait, simulate_stop
from respot.recovery.planning.wait_limit import is_time_to_ask, may_be_due, may_give_up
from respot.recovery.policy.policy import AccountPolicy, BackOff, Policy, Resolved, Rung, parse_ladder
from tests.support.builders import WAITS, at, history, job_id, state
from tests.support.runs import HOUR, NEVER_LAUNCHED, asked, attempt, context, repeated, run, saved, timed_out

LADDER: Final = parse_ladder("spot:2 spot/ml.g5.4xlarge:2 on-demand:1")
WAIT_LIMIT: Final = timedelta(hours=2)
NOW: Final = at(2 * HOUR + 300)
WAITING: Final = "Starting=0"
PARENT: Final = Parent(owner=Owner.TUNING, identifier="arn:tuning-job/t")
LARGER: Final = "ml.g5.4xlarge"


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
        "has waited for spot ml.g5.2xlarge since 2026-09-16 09:00 UTC, longer than 2 h 00 min: stopping it; "
        "next: spot ml.g5.4xlarge"
    )
    assert decision.placement
    assert decision.placement.instance_type == LARGER
    known = {name: decision.inputs[name] for name in ("waiting_since", "give_up_waiting_after", "status")}
    assert list(known.values()) == ["2026-09-16T09:00:00.000Z", "2 h 00 min", "InProgress/Starting"]
    assert "ending" not in decision.inputs


@pytest.mark.parametrize(("seconds", "stops"), [(2 * HOUR, False), (2 * HOUR + 0.001, True)])
def test_it_is_stopped_once_it_has_waited_longer_than_the_setting(seconds: float, *, stops: bool) -> None:
    assert judge(now=at(seconds)).stop is stops


LEFT_WAITING: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "training": ({"script": "Starting=0 Downloading=10 Training=20"}, "does not wait for capacity"),
    "already stopping": ({"status": "Stopping"}, "does not wait for capacity, it is Stopping/Starting"),
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
    "another writer": ({"around": {"concurrent_writers": ("other",)}}, "another job writes"),
    "same pool": ({"resolved": impatient(ladder=parse_ladder("spot:1 spot:2"))}, "the same pool, spot ml.g5.2xlarge"),
    "same, named": ({"resolved": impatient(ladder=parse_ladder("spot:1 spot/ml.g5.2xlarge:2"))}, "the same pool"),
    "dry run": ({"resolved": impatient(dry_run=True)}, "would have stopped it (dry run)"),
}


@pytest.mark.parametrize(("what", "words"), LEFT_WAITING.values(), ids=LEFT_WAITING)
def test_a_job_that_would_have_nowhere_else_to_go_is_left_waiting(what: dict[str, Any], words: str) -> None:
    decision = judge(**what)

    assert (decision.stop, decision.placement) == (False, None)
    assert words in decision.reason


@pytest.mark.parametrize(
    ("tags", "limit", "may"),
    [
        ({}, WAIT_LIMIT, True),
        (None, WAIT_LIMIT, False),
        ({"respot:resume": "off"}, WAIT_LIMIT, False),
        ({"respot:give-up-waiting-after": "3 h"}, WAIT_LIMIT, False),
        ({"respot:give-up-waiting-after": "1 h"}, None, True),
    ],
    ids=str,
)
def test_a_sweep_checks_a_wait_where_job_and_policy_allow_it(
    tags: dict[str, str] | None, limit: timedelta | None, *, may: bool
) -> None:
    live, transitions = waiting(tags=tags)
    account = AccountPolicy(defaults=impatient(give_up_waiting_after=limit).policy)

    assert may_give_up(live, transitions, account, now=NOW) is may


# What follows


def test_an_attempt_whose_wait_timed_out_was_not_stopped_by_its_user() -> None:
    assert timed_out().ending.trigger is Trigger.GAVE_UP_WAITING
    assert timed_out().ending.description == "gave up waiting after 2 h 00 min for spot ml.g5.2xlarge"
    assert not timed_out().ending.by_a_person
    assert replace(timed_out(), stop_intent=None).ending.by_a_person


def test_after_the_wait_limit_the_next_rung_is_used_at_once_with_any_triggers() -> None:
    pause = BackOff(first=timedelta(hours=1), longest=timedelta(hours=1))
    settings = {"back_off": dict.fromkeys(Budget, pause), "triggers": frozenset({Trigger.CAPACITY_ERROR})}
    for limit in (WAIT_LIMIT, None):
        resolved = impatient(give_up_waiting_after=limit, **settings)
        decision = plan(context(run(timed_out()), resolved), now=at(2 * HOUR + 10))

        assert decision.action is Action.RESUBMIT
        assert decision.reason == "gave up waiting after 2 h 00 min for spot ml.g5.2xlarge; next: spot ml.g5.4xlarge"


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


@given(st.lists(st.integers(1, 5), min_size=1, max_size=5), st.booleans(), st.integers(1, 6), st.integers(1, 30))
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


def test_a_pool_does_not_time_out_again_after_the_run_went_back_to_it() -> None:
    start = -(6 * HOUR)
    decision = judge(earlier=(timed_out(start=start),), resolved=impatient(ladder=parse_ladder("spot:3 on-demand:1")))
    assert not decision.stop
    reason = "exceeded the wait limit before, and the run went back to this pool: all others were refused"
    assert decision.reason == reason
    assert judge(earlier=(timed_out(start=start, instance_type=LARGER),)).stop


def test_with_a_deadline_on_demand_comes_after_a_ladder_without_it() -> None:
    attempts, policy = (timed_out(), timed_out(2, 12 * HOUR)), Policy(ladder=parse_ladder("spot:2"))
    assert rung_for(run(*attempts), policy, 3) is None
    assert rung_for(run(*attempts), replace(policy, deadline=timedelta(hours=30)), 3) == Rung(market=Market.ON_DEMAND)


# The latest on-demand start


STARTS: Final = {"restart_overhead": timedelta(minutes=4), "on_demand_wait": timedelta(minutes=6)}
LATEST: Final = timedelta(hours=4, minutes=10 + 5 + 55)
"""Work, a start, the switch and the reserve: the latest on-demand start is this long before the deadline."""


def due(**settings: Any) -> Resolved:  # noqa: ANN401
    """A deadline whose latest on-demand start is two hours after the creation."""
    known = {"deadline": at(2 * HOUR) + LATEST, "work": timedelta(hours=4)} | STARTS
    return asked(**(known | settings))


@pytest.mark.parametrize(("seconds", "stops"), [(2 * HOUR, False), (2 * HOUR + 0.001, True)])
def test_a_job_that_waits_is_stopped_at_its_latest_on_demand_start(seconds: float, *, stops: bool) -> None:
    decision = judge(resolved=due(), now=at(seconds))

    assert decision.stop is stops
    if stops:
        assert decision.placement
        assert decision.placement.market is Market.ON_DEMAND
        assert "since 2026-09-16 09:00 UTC, its latest on-demand start: stopping it" in decision.reason
    else:
        assert "its latest on-demand start is 2026-09-16 11:00 UTC: " in decision.reason


FIRST_TRAINED: Final = "Starting=0 Downloading=10 Training=20 Interrupted=3620 Starting=3700"
STEPS: Final = (saved(2720, "checkpoint-2700"), saved(3620, "checkpoint-3600"))
KEPT_WAITING: Final[dict[str, tuple[dict[str, Any], str]]] = {
    "it trains": ({"script": "Starting=0 Downloading=10 Training=20"}, "does not wait for capacity"),
    "instances come": (
        {"status_message": "Preparing the instances for training", "last_modified": at(2 * HOUR)},
        "does not wait for capacity",
    ),
    "work unknown": ({"resolved": due(work=None)}, "Set the tag respot:work, or `work` in the policy"),
    "not asked": ({"resolved": due(resume=False)}, "not asked to resume"),
    "somebody else's": ({"parent": PARENT}, "owned by a tuning job"),
    "kill switch": ({"around": {"kill_switch": "the account's kill switch is on"}}, "kill switch is on"),
    "no attempt left": ({"resolved": due(max_attempts=1)}, "nothing would follow: all 1 attempts are spent"),
    "on demand": ({"market": Market.ON_DEMAND}, "waits for instances on demand"),
    "another writer": ({"around": {"concurrent_writers": ("other",)}}, "another job writes"),
    "dry run": ({"resolved": due(dry_run=True)}, "would have stopped it (dry run)"),
}


@pytest.mark.parametrize(("what", "words"), KEPT_WAITING.values(), ids=KEPT_WAITING)
def test_a_deadline_stops_no_other_job(what: dict[str, Any], words: str) -> None:
    usual: dict[str, Any] = {"resolved": due(), "now": at(2 * HOUR + 1)}
    decision = judge(**(usual | what))

    assert (decision.stop, decision.placement) == (False, None)
    assert words in decision.reason


@pytest.mark.parametrize(
    ("hours", "what", "warning"),
    [
        pytest.param(0, {"resolved": due(work=None)}, "the work is not known", id="work unknown, from the beginning"),
        pytest.param(2.9, {"market": Market.ON_DEMAND}, None, id="on demand, in time"),
        pytest.param(3.1, {"market": Market.ON_DEMAND}, "the deadline is at risk: waits for in", id="on demand, late"),
        pytest.param(2.1, {"resolved": due(max_attempts=1)}, None, id="nothing may follow, yet on-demand were in time"),
        pytest.param(3.1, {"resolved": due(max_attempts=1)}, "1 attempts are spent", id="nothing may follow, late"),
        pytest.param(3.1, {}, None, id="it is stopped: the next attempt's alert says so"),
    ],
)
def test_a_deadline_at_risk_is_reported_while_the_job_waits(
    hours: float, what: dict[str, Any], warning: str | None
) -> None:
    """Four hours of work and a start of four minutes: on demand, instances must be there 3 h 01 min after creation."""
    usual: dict[str, Any] = {"resolved": due(), "now": at(hours * HOUR + 1)}
    found = judge(**(usual | what)).warning
    assert found is warning is None or (warning or "no warning") in (found or "")


def test_steps_that_prove_a_rate_make_the_work_known() -> None:
    """3600 steps of at least 0.93 s: of the 4 h of MaxRuntime 56 minutes less are left than without them."""
    resolved, now = due(work=None), at(3 * HOUR - 240 - 1)
    live, transitions = waiting(FIRST_TRAINED)
    for later, stops in ((0, False), (2, True)):
        moment = now + timedelta(seconds=later)
        tried = simulate_stop(live, transitions, now=moment)
        last = Attempt(number=1, state=tried.state, transitions=tried.transitions, checkpoint=STEPS[-1])
        known = context(run(replace(last, stop_intent=tried.stop_intent), checkpoints=STEPS), resolved)
        decision = decide_wait(live, transitions, known, now=moment)
        assert decision.stop is stops, decision.reason


def test_an_attempt_of_respots_own_is_stopped_whether_the_work_is_set_or_not() -> None:
    earlier = (attempt(NEVER_LAUNCHED),)
    own = due(work=None, deadline=at(9 * HOUR) + LATEST)
    assert judge("Starting=25200", earlier=earlier, resolved=own, now=at(9 * HOUR + 1)).stop


@given(
    work=st.integers(60, 30 * HOUR),
    deadline=st.integers(HOUR, 60 * HOUR),
    waited=st.integers(1, 60 * HOUR),
    overhead=st.integers(0, 2 * HOUR),
)
def test_a_sweep_sends_each_job_in_time_that_is_to_be_stopped(
    work: int, deadline: int, waited: int, overhead: int
) -> None:
    settings = {"work": timedelta(seconds=work), "restart_overhead": timedelta(seconds=overhead)}
    resolved, now = asked(deadline=timedelta(seconds=deadline), **settings), at(waited)
    live, transitions = waiting()
    if judge(resolved=resolved, now=now).stop:
        account = AccountPolicy(defaults=resolved.policy)
        assert may_be_due(live, resolved.policy, now=now)
        assert may_give_up(live, transitions, account, now=now)


@pytest.mark.parametrize(
    ("name", "hours", "checked"),
    [
        pytest.param("spot-job", 10, False, id="not yet"),
        pytest.param("spot-job", 14, True, id="14 h before the deadline, with 4 h of work"),
        pytest.param("spot-job-r2", 0, True, id="an attempt, at once: the run began earlier"),
        pytest.param("spot-job-r2-b", 10, False, id="no attempt's name"),
    ],
)
@pytest.mark.parametrize("tags", [{}, {"respot:run": "us-east-1/spot-job/9"}], ids=["no tag", "a tag"])
def test_a_span_may_have_begun_before_an_attempt(name: str, hours: int, tags: dict[str, str], *, checked: bool) -> None:
    """Tags say nothing of it: others can change or remove them."""
    live, _ = waiting(job=job_id(name), tags=tags)
    policy = due(deadline=timedelta(hours=28)).policy
    assert may_be_due(live, policy, now=at(hours * HOUR)) is checked


@pytest.mark.parametrize(
    ("last", "now", "due"),
    [
        (None, 7_200, False),
        (None, 7_200.001, True),
        (6_900, 7_200, False),
        (7_200, 7_500, True),
        (10_500, 10_800, True),
        (10_800, 11_000, False),
        (11_000, 14_400, True),
        (14_400, 17_999, False),
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
