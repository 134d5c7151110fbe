"""The newest jobs are listed in each sweep, however long a pass takes: `recover` lists as far back itself."""

from dataclasses import replace
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import cast

import pytest

from respot.errors import StaleTokenError
from respot.jobs.job import JobId
from respot.jobs.listing import Page, UnreadableSummary
from respot.sweep.progress import AWAITED, FULL_AFTER, SETTLING
from respot.sweep.sweeper import LONGEST_PAGE
from tests.support.builders import REGION, job_id
from tests.support.sweep_environment import ELSEWHERE, GRACE, NOW, Environment, Lists, ago

INTERVAL = timedelta(minutes=5)
UNSEEN = GRACE + SETTLING
"""How young a job may be that the ledger need not have yet."""


@pytest.fixture
def env() -> Environment:
    """A full pass of 30 pages begins now, and an invocation has time for twelve."""
    env = Environment(page_length=10)
    env.watched(full=NOW - FULL_AFTER)
    for number in range(300):
        env.both(job_id(f"old-{number:03}", created=ago(minutes=10 + number)), "Completed=0")
    return env


def submit(env: Environment, name: str) -> JobId:
    """A new job, whose events are lost."""
    job = job_id(name, created=env.clock())
    env.put(job, "Training=0")
    return job


def sweep(env: Environment) -> datetime:
    """One sweep with time for twelve pages; returns until when the ledger has every live job."""
    env.sweep(env.invocation(), seconds=LONGEST_PAGE.total_seconds() + 11.5)
    env.clock.pass_by(INTERVAL)
    until = env.sweeps.progress[REGION].recorded_until
    assert until
    return until


def record(env: Environment) -> None:
    for name in env.names():
        env.know(env.jobs.snapshots[REGION, name].state.job, "Training=0")
    env.rechecks.sent.clear()


def test_new_jobs_are_known_within_two_sweeps_while_a_pass_takes_many(env: Environment) -> None:
    behind, invocations = [], 0
    while env.sweeps.progress[REGION].last_full == NOW - FULL_AFTER:
        for number in range(20):  # two pages
            submit(env, f"new-{invocations:02}-{number:02}")
            env.clock.pass_by(timedelta(seconds=1))
        began = env.clock()
        behind.append(began - sweep(env))
        record(env)
        invocations += 1
    assert invocations > 4
    assert max(behind[1:]) <= 2 * (INTERVAL + timedelta(seconds=30)) + UNSEEN


def test_a_flood_of_new_jobs_leaves_half_of_the_time_to_the_pass(env: Environment) -> None:
    for invocation in range(9):
        sweep(env)
        for number in range(30):  # they are never recorded, and the new jobs become more each time
            submit(env, f"new-{invocation}-{number:02}")
    assert env.sweeps.progress[REGION].last_full != NOW - FULL_AFTER


def test_a_live_job_that_record_has_not_yet_recorded_is_waited_for(env: Environment) -> None:
    sweep(env)
    late = submit(env, "late")
    untils = [sweep(env) for _ in range(4)]
    assert late.created >= untils[-1]
    record(env)
    assert max(sweep(env), sweep(env)) > late.created


def test_but_not_for_longer_than_an_hour(env: Environment) -> None:
    """It may be one that can never be recorded."""
    sweep(env)
    poison = submit(env, "poison")
    while (until := sweep(env)) <= poison.created:
        assert env.clock() - poison.created < AWAITED + UNSEEN + 3 * INTERVAL
    assert until - poison.created >= AWAITED


def test_a_job_that_the_list_rounds_is_no_other(env: Environment) -> None:
    sweep(env)
    env.clock.pass_by(timedelta(milliseconds=300))
    job = job_id("rounded", created=env.clock())
    env.know(job, "Training=0")
    env.put(job_id("rounded", created=job.created.replace(microsecond=0)), "Training=0")
    assert max(sweep(env) for _ in range(4)) > job.created


@pytest.mark.parametrize("named", [True, False])
def test_a_summary_that_cannot_be_read_may_be_a_live_job(*, named: bool) -> None:
    """One that has a name is sent to `record`; one without holds the bound for an hour."""
    env = Environment()
    env.watched(full=NOW - INTERVAL)
    env.both(job_id("other", created=ago(hours=3)), "Training=0")
    odd = submit(env, "odd")
    page = env.lists.page

    def with_odd(region: str, token: str | None) -> Page:
        got = page(region, token)
        unreadable = (UnreadableSummary(job=odd if named else None, why="odd"),)
        rest = tuple(each for each in got.summaries if each.job != odd)
        return replace(got, summaries=rest, unreadable=unreadable if odd in {e.job for e in got.summaries} else ())

    env.lists = cast("Lists", SimpleNamespace(page=with_odd, calls=[]))
    untils = [sweep(env) for _ in range(20)]
    assert max(untils[:12]) <= odd.created < untils[-1]
    assert ("odd" in env.names()) is named


def test_a_job_from_before_the_deployment_is_awaited_as_well() -> None:
    env = Environment(created=ago(minutes=2))
    old = job_id("old", created=ago(hours=3))
    env.put(old, "Training=0")
    assert sweep(env) <= old.created
    record(env)
    assert max(sweep(env) for _ in range(2)) > old.created


def test_a_job_found_late_has_an_hour_all_the_same(env: Environment) -> None:
    """SageMaker did not list its jobs before."""
    sweep(env)
    lost = submit(env, "lost")
    env.clock.pass_by(AWAITED + 2 * INTERVAL)
    assert max(sweep(env) for _ in range(11)) <= lost.created


def test_now_and_then_a_job_that_is_never_recorded_holds_nothing_up_for_long(env: Environment) -> None:
    for number in range(120):  # ten hours
        if number % 10 == 0:
            submit(env, f"poison-{number}")
        until = sweep(env)
        assert env.clock() - until < timedelta(hours=2.5)


@pytest.mark.parametrize("minutes", [9, 15, 60])
def test_lost_events_hold_up_no_rare_sweeps(minutes: int) -> None:
    """`sweep_minutes` may be up to 60; `record` answers each recheck at once."""
    env = Environment()
    env.watched(full=NOW - INTERVAL)
    for number in range(600 // minutes):
        submit(env, f"lost-{number}")
        env.clock.pass_by(timedelta(minutes=minutes) - INTERVAL)
        until = sweep(env)
        record(env)
    assert env.clock() - until < timedelta(minutes=2 * minutes) + UNSEEN


def test_a_pass_that_takes_many_sweeps_delays_no_other_regions_new_jobs() -> None:
    env = Environment(regions=(REGION, ELSEWHERE), page_length=10)
    env.watched(full=NOW - FULL_AFTER)
    env.sweeps.progress[REGION] = replace(env.sweeps.progress[REGION], last_began=ago(minutes=6))
    for number in range(1000):
        env.both(job_id(f"old-{number:04}", created=ago(minutes=10 + number)), "Completed=0")
    for _ in range(9):
        sweep(env)
        untils = [env.sweeps.progress[region].recorded_until for region in env.regions]
        assert all(until and env.clock() - until <= 3 * INTERVAL + UNSEEN for until in untils)


def test_an_error_while_new_jobs_are_listed_leaves_the_pass_its_place(env: Environment) -> None:
    sweep(env)
    began = env.sweeps.progress[REGION].began
    for number in range(20):
        submit(env, f"new-{number}")
    env.lists.faults[REGION, "10"] = StaleTokenError("stale")
    sweep(env)
    assert env.sweeps.progress[REGION].began == began


def test_the_hour_begins_with_the_list_of_new_jobs(env: Environment) -> None:
    sweep(env)
    submit(env, "late")
    env.clock.pass_by(UNSEEN + timedelta(seconds=1))
    began = env.clock()
    sweep(env)
    progress = env.sweeps.progress[REGION]
    assert (progress.began, progress.missing_since) == (NOW, began)


def test_a_live_job_that_the_ledger_has_as_ended_is_missing(env: Environment) -> None:
    sweep(env)
    job = submit(env, "ended")
    env.know(job, "Completed=0")
    assert max(sweep(env) for _ in range(6)) <= job.created
