"""The newest jobs are listed in each sweep, however long a pass takes: `recover` lists as far back itself."""

from datetime import datetime, timedelta

import pytest

from respot.jobs.job import JobId
from respot.sweep.progress import AWAITED, FULL_AFTER, SETTLING
from respot.sweep.sweeper import LONGEST_PAGE
from tests.support.builders import REGION, job_id
from tests.support.sweep_environment import GRACE, NOW, Environment, ago

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
