"""What holds of any decision on any run by any policy: it can be explained, repeated and carried out."""

import re
from dataclasses import replace
from datetime import datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from respot.jobs.job import Market
from respot.recovery.planning.context import PlanContext
from respot.recovery.planning.deadline import forecast
from respot.recovery.planning.decision import Action, RefusedPool
from respot.recovery.planning.planner import plan
from respot.recovery.policy.policy import WhenMissed, parse_ladder
from tests.support.builders import CREATED
from tests.support.decisions import NEVER, SAVED, decide, ending
from tests.support.runs import NEVER_LAUNCHED, OUT_OF_TIME, PREFIX, asked, attempt, context, repeated, run, saved

LADDERS = ("", "spot", "on-demand", "spot:2", "spot:3 on-demand:1", "spot/ml.g5.4xlarge:2 on-demand/ml.g5.4xlarge")
TYPES = st.sampled_from(("", "ml.g5.2xlarge", "ml.g5.4xlarge", None))
seconds = st.integers(0, 60 * 86400)


@st.composite
def situations(draw: st.DrawFn) -> tuple[PlanContext, datetime]:
    scripts = (NEVER_LAUNCHED, OUT_OF_TIME, "Starting=0 Pending=5 Failed=300", "Starting=0 Reticulating=1 Stopped=9")
    number = draw(st.integers(1, 5))
    reasons = st.sampled_from((None, "CapacityError: x", "InternalServerError: y", "AlgorithmError: z"))
    attempts = tuple(
        replace(
            repeated(
                draw(st.sampled_from(scripts)),
                position + 1,
                failure_reason=draw(reasons),
                market=draw(st.sampled_from((*Market, None))),
                max_runtime=draw(st.none() | st.integers(1, 28 * 86400).map(lambda each: timedelta(seconds=each))),
                max_wait=None,
                instance_type=draw(st.sampled_from((None, "ml.g5.2xlarge"))),
            )[position]
        )
        for position in range(number)
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
    pools = st.builds(RefusedPool, market=st.sampled_from(Market), instance_type=TYPES, why=st.just("a quota of 0"))
    over = attempts[-1].transitions[-1].started
    found = context(
        run(*attempts, checkpoints=checkpoints),
        resolved,
        listing_cut=draw(st.booleans()),
        refused_pools=draw(st.lists(pools, max_size=3).map(tuple)),
    )
    return found, over + timedelta(seconds=draw(st.integers(0, 9999)))


@given(situations())
@settings(max_examples=200)
def test_any_decision_can_be_explained_repeated_and_carried_out(situation: tuple[PlanContext, datetime]) -> None:
    found, now = situation
    decision = plan(found, now=now)

    assert decision == plan(found, now=now)
    for words in (*decision.inputs.values(), decision.reason, decision.warning or "-"):
        assert words
        assert not re.search(r"None|datetime|timedelta|Market\.|<|\{|\bTrue\b|\bFalse\b|-\d+ (s|min|h|d)\b", words)
    assert (decision.placement is not None) is (decision.action is Action.RESUBMIT)
    assert (decision.attempt is not None) is (decision.action is Action.RESUBMIT)
    assert (decision.until is not None) is (decision.action is Action.WAIT)
    assert (decision.cause is None) is decision.creates_attempt
    assert not decision.dry_run or decision.action is Action.RESUBMIT
    if decision.until:
        assert decision.until > now
    if decision.placement:
        runtime, wait = decision.placement.max_runtime, decision.placement.max_wait
        assert timedelta(seconds=1) <= runtime <= timedelta(days=28)
        assert (wait is None) is (decision.placement.market is Market.ON_DEMAND)
        assert wait is None or runtime <= wait <= timedelta(days=28)
        assert decision.attempt == found.run.last.number + 1 <= found.resolved.policy.max_attempts
        pool = (decision.placement.market, decision.placement.instance_type)
        assert pool not in {(refused.market, refused.instance_type) for refused in found.refused_pools}


@given(situations())
@settings(max_examples=200)
def test_with_a_deadline_spot_is_used_only_with_room_for_a_fruitless_start(
    situation: tuple[PlanContext, datetime],
) -> None:
    found, now = situation
    found = replace(found, refused_pools=())
    decision = plan(found, now=now)
    known = forecast(found.run, found.resolved.policy, found.start_history, now=now)
    if known is None or decision.action not in {Action.RESUBMIT, Action.WAIT}:
        return

    late = "the deadline cannot be met any more" in (decision.warning or "")
    assert late is (decision.action is Action.RESUBMIT and known.is_lost(now))
    if decision.until:
        assert known.allows_spot(decision.until)
    if decision.placement and decision.placement.market is Market.SPOT:
        assert known.slack(now) >= known.reserve
        assert decision.placement.max_wait
        whole_days = timedelta(days=28)
        assert decision.placement.max_wait >= min(known.work_left, whole_days) - timedelta(seconds=1)


@given(situations(), st.integers(0, 20 * 86400))
@settings(max_examples=200)
def test_more_slack_never_takes_spot_away(situation: tuple[PlanContext, datetime], more: int) -> None:
    found, now = situation
    policy = found.resolved.policy
    if not isinstance(policy.deadline, datetime):
        return
    later = replace(policy, deadline=policy.deadline + timedelta(seconds=more))
    decided = [
        plan(replace(found, resolved=replace(found.resolved, policy=each)), now=now).placement
        for each in (policy, later)
    ]
    if all(decided):
        one, other = (placement.market for placement in decided if placement)
        assert (one, other) != (Market.SPOT, Market.ON_DEMAND)


def test_inputs_have_all_that_the_decision_was_made_from() -> None:
    around = {
        "listing_cut": True,
        "concurrent_writers": ("job-10",),
        "blockers": ("no instances",),
        "kill_switch": "the account's kill switch is on",
        "refused_pools": (RefusedPool(market=Market.SPOT, instance_type="ml.g5.2xlarge", why="a quota of 0"),),
    }
    resolved = asked(deadline=timedelta(hours=20), work=timedelta(hours=6))

    billed = run(attempt(billable_time=timedelta(hours=1)), checkpoints=(SAVED,))
    assert decide(billed, around=around, resolved=resolved).inputs == {
        "decided_at": "2026-09-16T15:00:00.000Z",
        "policy": "defaults, tags respot:resume",
        "kill_switch": "the account's kill switch is on",
        "attempts": "1 of 5",
        "budgets": "capacity 0 of 5, interruption 1 of 5, failure 0 of 2",
        "ending": "Stopped/MaxWaitTimeExceeded",
        "ran_on": "spot ml.g5.2xlarge",
        "checkpoint_location": PREFIX,
        "newest_checkpoint": "checkpoint-500, saved 2026-09-16T10:56:40.000Z",
        "checkpoint_layout": "Hugging Face Trainer",
        "progress": "step 500",
        "listing": "cut short",
        "fruitless_attempts": "0",
        "overlapping_jobs": "job-10",
        "obstacles": "no instances",
        "refused_pools": "spot ml.g5.2xlarge (a quota of 0)",
        "work_expected": "6 h 00 min",
        "work_done": "1 h 18 min: training that checkpoints cover",
        "work_lost": "3 min",
        "instance_hours_billed": "1.00",
        "restart_overhead": "30 min: assumed, nothing better is known",
        "on_demand_wait": "1 h 00 min: assumed for GPU types, nothing better is known",
        "deadline": "2026-09-17T05:00:00.000Z",
        "on_demand_by": "2026-09-16T20:58:30.000Z",
        "slack": "slack 7 h 43 min",
        "reserve": "1 h 45 min",
        "return_to_spot": "would wait for spot, and keep 1 h 05 min of slack for a return",
    }


def test_every_decision_has_its_inputs() -> None:
    decisions = [decide(), decide(NEVER), decide(run()), decide(ending("Completed")), decide(ending("Stopped"))]

    assert {decision.action for decision in decisions} == set(Action)
    assert all(decision.inputs["decided_at"] == "2026-09-16T15:00:00.000Z" for decision in decisions)
