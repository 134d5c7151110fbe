"""Lives of jobs in which an earlier form of the deadline rule was wrong."""

from dataclasses import replace
from datetime import timedelta

import pytest

from respot.jobs.job import Market
from respot.recovery.planning.deadline import forecast
from respot.recovery.planning.decision import Action, RefusedPool
from respot.recovery.planning.planner import plan
from respot.recovery.planning.start_history import StartHistory
from respot.recovery.planning.wait_decision import decide_wait, simulate_stop
from respot.recovery.planning.wait_limit import due_from
from respot.recovery.policy.policy import parse_ladder
from tests.support.builders import at
from tests.support.runs import HOUR, asked, attempt, context, run, saved, shifted, timed_out

MIN = 60


def interrupted(at_second: int, over: int) -> str:
    """A job that trains from second 120 on, is interrupted, and waits until its MaxWait is over."""
    waits = f"Interrupted={at_second} Starting={at_second} MaxWaitTimeExceeded={over}"
    return f"Starting=0 Downloading=60 Training=120 {waits}"


FRUITLESS = interrupted(14 * MIN, 2 * HOUR)


def test_two_fruitless_attempts_with_a_deadline_go_on_demand_and_are_not_given_up() -> None:
    """Docs: "A job without a checkpoint continues on demand, if the deadline can be met from scratch"."""
    one, two = attempt(FRUITLESS), attempt(shifted(FRUITLESS, 2 * HOUR + 120), number=2)
    policy = asked(deadline=timedelta(hours=20), work=timedelta(hours=4))
    decision = plan(context(run(one, two), policy), now=at(4 * HOUR + 600))
    assert decision.action is Action.RESUBMIT, decision.reason
    assert decision.placement
    assert decision.placement.market is Market.ON_DEMAND


def test_after_two_fruitless_attempts_a_waiting_job_is_still_stopped_at_its_latest_start() -> None:
    one = attempt(FRUITLESS)
    begin = 2 * HOUR + 120
    waiting = attempt(
        f"Starting={begin} Downloading={begin + 60} Training={begin + 120} Interrupted={begin + 14 * MIN} "
        f"Starting={begin + 14 * MIN}",
        number=2,
        status_message="Training job waiting for capacity",
        max_wait=timedelta(hours=30),
    )
    now = at(15 * HOUR)
    tried = simulate_stop(waiting.state, waiting.transitions, now=now)
    stopped = replace(waiting, state=tried.state, transitions=tried.transitions, stop_intent=tried.stop_intent)
    policy = asked(deadline=timedelta(hours=20), work=timedelta(hours=4))
    found = decide_wait(waiting.state, waiting.transitions, context(run(one, stopped), policy), now=now)
    assert found.stop, found.reason


def periods(number: int, *, load: int, work: int, apart: int = HOUR) -> str:
    """Periods of Training that begin with a load, train, and are interrupted."""
    return " ".join(
        f"Starting={n * apart} Downloading={n * apart + 60} Training={n * apart + 120} "
        f"Interrupted={n * apart + 120 + load + work}"
        for n in range(number)
    )


def test_loading_that_the_policy_states_is_no_work_without_steps() -> None:
    """Ten periods load for 60 min in the status Training (restart_overhead says so), and each saves 15 min of work."""
    apart = 2 * HOUR
    script = periods(10, load=60 * MIN, work=16 * MIN, apart=apart)
    end = 10 * apart
    found = tuple(
        saved(n * apart + 120 + 75 * MIN, f"file{n}", step=None, position=(), is_counted=False) for n in range(10)
    )
    what = run(attempt(f"{script} Starting={end} MaxWaitTimeExceeded={end + 60}"), checkpoints=found)
    policy = asked(
        deadline=timedelta(hours=60), work=timedelta(hours=20), restart_overhead=timedelta(minutes=60)
    ).policy
    known = forecast(what, policy, StartHistory(), now=at(end + 60))
    assert known is not None
    assert known.work - known.work_left <= 10 * timedelta(minutes=15)


def test_steps_that_begin_above_zero_do_not_make_lost_time_work() -> None:
    """A run that begins from a model at step 100,000: ten periods are lost, the last one saves 2 x 15 min."""
    lost = periods(10, load=0, work=14 * MIN)
    began = 10 * HOUR
    script = (
        f"{lost} Starting={began} Downloading={began + 60} Training={began + 120} MaxWaitTimeExceeded={began + 2000}"
    )
    found = (saved(began + 120 + 15 * MIN, "checkpoint-100090"), saved(began + 120 + 30 * MIN, "checkpoint-100180"))
    assert run(attempt(script), checkpoints=found).work_done() <= timedelta(minutes=30)


def test_an_upload_that_is_delayed_by_40_s_makes_no_loading_work() -> None:
    """Two kept checkpoints, two minutes apart; the second upload takes 40 s longer. 20 of 60 min were loading."""
    script = interrupted(120 + 60 * MIN + 60, 3 * HOUR)
    found = (saved(120 + 58 * MIN, "checkpoint-1900"), saved(120 + 60 * MIN + 40, "checkpoint-2000"))
    done = run(attempt(script), checkpoints=found).work_done()
    assert done <= timedelta(minutes=41), done


def test_a_counter_of_samples_is_not_rounded_to_whole_microseconds() -> None:
    """1.5e9 samples in 15 min: 0.6 us each, which becomes 1 us. Half of the time was loading."""
    script = interrupted(120 + 90 * MIN, 3 * HOUR)
    found = tuple(saved(120 + (45 + 15 * n) * MIN, f"checkpoint-{1_500_000_000 * n}") for n in (1, 2, 3))
    done = run(attempt(script), checkpoints=found).work_done()
    assert done <= timedelta(minutes=46), done


def test_files_of_no_known_layout_cease_to_count_once_there_are_checkpoints() -> None:
    """At the end of attempt 1 only a core dump was there, after 2 h; attempt 2 saved its first checkpoint."""
    log = saved(2 * HOUR, "core.123", layout=None, step=None, position=(), is_counted=False)
    first = attempt(
        interrupted(2 * HOUR + 60, 3 * HOUR),
        checkpoint=log,
    )
    second = attempt(
        f"Starting={3 * HOUR + 60} Downloading={3 * HOUR + 120} Training={3 * HOUR + 180} Interrupted={4 * HOUR} "
        f"Starting={4 * HOUR} MaxWaitTimeExceeded={5 * HOUR}",
        number=2,
    )
    real = saved(3 * HOUR + 180 + 15 * MIN, "checkpoint-90")
    newer_log = replace(log, saved_at=at(4 * HOUR))
    what = run(first, replace(second, checkpoint=real), checkpoints=(real, newer_log))
    assert what.work_done() <= timedelta(minutes=15)


def test_an_incomplete_checkpoint_proves_no_work() -> None:
    """One of two shards: no framework resumes from it."""
    part = saved(120 + 5 * HOUR, "checkpoint-500", complete=False, flaw="1 of 2 shards")
    script = interrupted(6 * HOUR, 7 * HOUR)
    what = run(attempt(script, checkpoint=part), checkpoints=(part,))
    assert what.work_done() == timedelta()


def test_a_rate_that_drifts_makes_no_overhead_of_hours() -> None:
    """The first 10 h took 10 s a step, the second period 12 s; two checkpoints are kept. Each start took 3 min."""
    first = "Starting=0 Downloading=60 Training=180 Interrupted=36300"
    second = (
        "Starting=36300 Downloading=36400 Training=36580 Interrupted=108700 Starting=108800 MaxWaitTimeExceeded=109000"
    )
    known = (saved(35280, "checkpoint-3510"), saved(36180, "checkpoint-3600"))
    later = (saved(36580 + 70920, "checkpoint-9510"), saved(36580 + 72000, "checkpoint-9600"))
    what = run(attempt(f"{first} {second}"), checkpoints=(*known, *later))
    assert (what.proof().overhead or timedelta()) <= timedelta(minutes=30)


def test_steps_without_work_do_not_raise_the_users_own_cap() -> None:
    """MaxRuntime 24 h is SageMaker's default. Steps prove a rate, but nobody said how much work there is."""
    script = interrupted(2 * HOUR, 6 * HOUR)
    found = (saved(120 + 15 * MIN, "checkpoint-90"), saved(120 + 30 * MIN, "checkpoint-180"))
    day = timedelta(days=1)
    what = run(attempt(script, max_runtime=day, max_wait=day), checkpoints=found)
    decision = plan(context(what, asked(deadline=timedelta(hours=20))), now=at(6 * HOUR + 60))
    assert decision.placement is not None, decision.reason
    assert decision.placement.max_runtime <= day, decision.reason


@pytest.mark.parametrize(("overhead", "wait"), [(30, 8 * 60), (150, 150)])
def test_the_first_check_for_a_deadline_is_not_later_than_the_latest_start(overhead: int, wait: int) -> None:
    """`may_be_due`: early, never late; "however long they are estimated to take"."""
    policy = asked(
        deadline=timedelta(hours=24),
        work=timedelta(hours=1),
        restart_overhead=timedelta(minutes=overhead),
        on_demand_wait=timedelta(minutes=wait),
    ).policy
    first = attempt("Starting=0 Stopped=60")
    known = forecast(run(first), policy, StartHistory(), now=at(0))
    due = due_from(first.state, policy)
    assert known is not None
    assert due is not None
    assert due <= known.latest_start


def test_a_deadline_that_is_lost_without_a_checkpoint_still_goes_on_demand() -> None:
    """Guide: "Once the deadline cannot be met, the run continues on demand"."""
    script = f"Starting=0 Downloading=60 Training=120 Interrupted={3 * HOUR} Starting={3 * HOUR}"
    waiting = attempt(script, status_message="Training job waiting for capacity", max_wait=timedelta(hours=30))
    now = at(3 * HOUR + 60)
    tried = simulate_stop(waiting.state, waiting.transitions, now=now)
    stopped = replace(waiting, state=tried.state, transitions=tried.transitions, stop_intent=tried.stop_intent)
    policy = asked(deadline=timedelta(hours=10), work=timedelta(hours=7))
    found = decide_wait(waiting.state, waiting.transitions, context(run(stopped), policy), now=now)
    assert found.stop, found.reason


def test_attempts_that_begin_again_from_zero_do_not_add_up() -> None:
    """Two attempts save checkpoint-90 after two hours each: the job does not resume. Only 90 steps are there."""
    one = f"Starting=0 Downloading=60 Training=120 Interrupted={120 + 125 * MIN} Starting=8000 MaxWaitTimeExceeded=9000"
    first = saved(120 + 120 * MIN, "checkpoint-90")
    second = saved(9060 + 120 + 120 * MIN, "checkpoint-90")
    what = run(
        attempt(one, checkpoint=first),
        attempt(shifted(one, 9060), number=2, checkpoint=second),
        checkpoints=(second,),
    )
    assert what.work_done() <= timedelta(hours=2)


def test_without_an_on_demand_quota_the_run_continues_on_spot() -> None:
    """Guide: "Without one, the run continues on spot, with a warning." Respot itself stopped the job, for nothing."""
    first = timed_out()
    policy = asked(deadline=timedelta(hours=4), work=timedelta(hours=1), ladder=parse_ladder("spot:1 on-demand:1"))
    pools = (RefusedPool(market=Market.ON_DEMAND, instance_type="ml.g5.2xlarge", why="a quota of 0"),)
    decision = plan(context(run(first), policy, refused_pools=pools), now=at(2 * HOUR + 60))
    assert decision.action is Action.RESUBMIT, decision.reason
    assert decision.placement
    assert decision.placement.market is Market.SPOT
