"""Pools: rates only with enough hours behind them, and how long jobs waited."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from respot.jobs.job import Market
from respot.runs.run_state import RunAttempt
from respot.savings.pools import PoolFigures, Waits, pools_of
from tests.support.builders import CREATED
from tests.support.receipts import receipt, resumed_run, run_attempt


def minutes(*lengths: float) -> tuple[timedelta, ...]:
    return tuple(timedelta(minutes=each) for each in lengths)


def only(pools: Sequence[PoolFigures]) -> PoolFigures:
    (pool,) = pools
    return pool


@pytest.mark.parametrize(("hours", "rate"), [(9.99, None), (10, 0.1), (20, 0.05)])
def test_a_rate_has_ten_instance_hours_behind_it(hours: float, rate: float | None) -> None:
    got = 600
    script = f"Starting=0 Training={got} Interrupted={got + hours * 3600} MaxWaitTimeExceeded={got + hours * 3600 + 60}"
    pool = only(pools_of([receipt(run_attempt(script))]))
    assert (pool.interruptions, pool.rate) == (1, rate)


def test_instance_hours_count_each_instance() -> None:
    script = "Starting=0 Training=600 Interrupted=18600 Starting=18600 Training=20000 Completed=20001"
    assert only(pools_of([receipt(run_attempt(script, instance_count=2))])).held == timedelta(seconds=2 * 18001)


def test_waits_end_with_instances_or_without() -> None:
    script = "Starting=0 Downloading=1200 Training=1300 Interrupted=7200 Starting=7260 MaxWaitTimeExceeded=9000"
    pool = only(pools_of([receipt(run_attempt(script))]))
    assert (pool.waits.got, pool.waits.without) == (minutes(20), 1)
    assert (CREATED.hour, CREATED.weekday()) == (9, 2)
    assert {hour: (len(each.got), each.without) for hour, each in pool.by_hour.items()} == {9: (1, 0), 11: (0, 1)}
    assert pool.by_weekday == {2: pool.waits}


def test_an_attempt_that_nobody_reported_is_in_no_pool() -> None:
    planned = RunAttempt(number=2, state=None, name="spot-job-r2", decision=None, outcome=None)
    first, _ = resumed_run()
    assert only(pools_of([receipt(first, planned)])).attempts == 1


def test_a_job_that_is_stopped_while_it_waits_got_nothing() -> None:
    pool = only(pools_of([receipt(run_attempt("Starting=0 Stopping=600 Stopped=605"))]))
    assert (pool.waits.got, pool.waits.without, pool.held) == ((), 1, timedelta())


def test_instances_that_were_lost_at_once_were_there() -> None:
    pool = only(
        pools_of([receipt(run_attempt("Starting=0 Interrupted=600 Interrupted=900 Training=1500 Completed=1600"))])
    )
    assert pool.waits.got == minutes(10, 5, 10)


def test_instances_that_were_back_within_a_second_were_waited_for() -> None:
    pool = only(pools_of([receipt(run_attempt("Starting=0 Training=60 Interrupted=600 Training=600 Completed=1600"))]))
    assert (pool.interruptions, pool.waits.got) == (1, minutes(1, 0))


def test_percentiles_are_the_nearest_rank() -> None:
    """The usual example: of 15, 20, 35, 40, 50 the median is 35; of ten values the ninth is p90."""
    assert Waits(got=minutes(15, 20, 35, 40, 50)).p50 == timedelta(minutes=35)
    assert Waits(got=minutes(*range(10, 0, -1))).p90 == timedelta(minutes=9)
    assert (Waits(without=3).p50, Waits().p90) == (None, None)


def test_the_worst_pool_comes_first_and_on_demand_waits_are_seen() -> None:
    """By rate; then those that interrupted in too few hours for one; then those that did not interrupt."""
    long = "Starting=0 Training=600 Interrupted=72600 MaxWaitTimeExceeded=80000"
    short = "Starting=0 Training=600 Interrupted=4200 MaxWaitTimeExceeded=8000"
    calm = "Starting=0 Training=600 Completed=72600"
    pools = pools_of(
        [
            receipt(run_attempt(calm, instance_type="ml.c5.xlarge")),
            receipt(run_attempt(calm, market=Market.ON_DEMAND)),
            receipt(run_attempt("Starting=0 Stopped=600", market=Market.ON_DEMAND)),
            receipt(run_attempt("Starting=0 Stopped=600", instance_type="ml.p4d.24xlarge")),
            receipt(run_attempt("Starting=0 Stopped=600", instance_type="ml.p4d.24xlarge")),
            receipt(run_attempt(short, instance_type="ml.p3.2xlarge")),
            receipt(run_attempt(long)),
        ]
    )
    assert [(each.pool.market, each.pool.instance_type, each.rate) for each in pools] == [
        ("spot", "ml.g5.2xlarge", 0.05),
        ("spot", "ml.p3.2xlarge", None),
        ("spot", "ml.p4d.24xlarge", None),
        ("on-demand", "ml.g5.2xlarge", 0.0),
        ("spot", "ml.c5.xlarge", 0.0),
    ]
    assert (pools[3].waits.got, pools[3].waits.without) == (minutes(10), 1)
