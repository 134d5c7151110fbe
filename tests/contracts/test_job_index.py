"""The promises of the port `JobIndex`, held against every implementation."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import pytest

from respot.alerting.ports import Ledger
from respot.aws.dynamodb.ledger import DynamoDbLedger
from respot.jobs.job import JobId
from respot.jobs.merge import reconcile
from respot.sweep.ports import JobIndex
from tests.support.builders import CREATED, REGION, at, job_id, snapshot
from tests.support.memory import MemoryLedger

ELSEWHERE = "eu-west-1"


@dataclass
class Environment:
    """The port, and the ledger that it is an index of."""

    index: JobIndex
    ledger: Ledger

    def save(self, job: JobId, script: str = "Starting=0", **others: object) -> JobId:
        seen = snapshot(script, job=job, **others)
        assert self.ledger.save(reconcile(self.ledger.load(job), seen))
        return job


@pytest.fixture(params=["memory", "dynamodb"])
def env(request: pytest.FixtureRequest) -> Environment:
    built: MemoryLedger | DynamoDbLedger = (
        MemoryLedger(created=CREATED) if request.param == "memory" else request.getfixturevalue("dynamodb_ledger")
    )
    return Environment(index=built, ledger=built)


# --- the states of many jobs ------------------------------------------------------------------------------------------


def test_no_jobs_have_no_states(env: Environment) -> None:
    assert dict(env.index.state_of([])) == {}


def test_only_known_jobs_have_states(env: Environment) -> None:
    known = env.save(job_id("known"), "Starting=0 Training=390")
    env.save(job_id("not asked for"))
    again = replace(known, created=at(1))
    assert dict(env.index.state_of([known, job_id("unknown"), again])) == {known: env.ledger.load(known).state}


def test_more_jobs_than_one_batch_of_dynamodb(env: Environment) -> None:
    jobs = [env.save(job_id(f"job-{n}")) for n in range(130)]
    assert env.index.state_of(jobs).keys() == set(jobs)


def test_a_repeated_job_has_one_state(env: Environment) -> None:
    job = env.save(job_id())
    assert env.index.state_of([job, job]).keys() == {job}


# --- jobs that have not ended ---------------------------------------------------------------------------------------


def open_jobs(env: Environment, since: float, until: float, region: str = REGION) -> tuple[JobId, ...]:
    return env.index.open_jobs(region, since=at(since), until=at(until))


def test_only_jobs_that_have_not_ended_are_open(env: Environment) -> None:
    ends = ("Completed", "Failed", "Stopped", "MaxRuntimeExceeded", "MaxWaitTimeExceeded")
    alive = [env.save(job_id(status), f"{status}=0") for status in ("Starting", "Interrupted", "Teleporting")]
    alive.append(env.save(job_id("Stopping"), "Stopping=0", status="Stopping"))
    for status in ends:
        env.save(job_id(status), f"{status}=0")
    env.save(job_id("Deleting"), status="Deleting")
    assert sorted(open_jobs(env, 0, 0)) == sorted(alive)


def test_open_jobs_are_listed_with_and_without_checkpoints(env: Environment) -> None:
    jobs = [env.save(job_id("with")), env.save(job_id("without"), checkpoint_uri=None)]
    assert sorted(open_jobs(env, 0, 0)) == jobs


def test_a_job_that_ends_is_no_longer_open(env: Environment) -> None:
    job = env.save(job_id())
    assert open_jobs(env, 0, 0) == (job,)
    env.save(job, "Starting=0 Stopped=9")
    assert open_jobs(env, 0, 0) == ()


def test_both_bounds_of_the_creation_are_included(env: Environment) -> None:
    jobs = [env.save(job_id(f"job-{n}", created=at(n / 1000))) for n in range(6)]
    assert open_jobs(env, 0.001, 0.004) == tuple(jobs[1:5])
    assert open_jobs(env, 0.002, 0.002) == (jobs[2],)


def test_a_reversed_span_has_no_open_jobs(env: Environment) -> None:
    env.save(job_id())
    assert open_jobs(env, 0.001, 0) == ()


def test_open_jobs_are_of_one_region_and_any_age(env: Environment) -> None:
    here, there = env.save(job_id()), env.save(job_id(region=ELSEWHERE))
    assert env.index.open_jobs(REGION, since=datetime.fromtimestamp(0, tz=UTC), until=at(9)) == (here,)
    assert open_jobs(env, 0, 0, ELSEWHERE) == (there,)


# --- the oldest of them ---------------------------------------------------------------------------------------------


def oldest_open(env: Environment, since: float, region: str = REGION) -> datetime | None:
    return env.index.oldest_open(region, since=at(since))


def test_the_oldest_open_job_is_of_its_region_and_has_not_ended(env: Environment) -> None:
    env.save(job_id("ended", created=at(0)), "Starting=0 Failed=9")
    env.save(job_id("younger", created=at(2.001)))
    env.save(job_id("oldest", created=at(1.001)), checkpoint_uri=None)
    env.save(job_id("elsewhere", region=ELSEWHERE, created=at(0.5)))
    assert oldest_open(env, -9) == at(1.001)
    assert oldest_open(env, -9, ELSEWHERE) == at(0.5)


def test_the_oldest_open_job_was_created_at_the_bound_or_later(env: Environment) -> None:
    for n in range(3):
        env.save(job_id(f"job-{n}", created=at(n / 1000)))
    assert [oldest_open(env, since) for since in (-1, 0.001, 0.002, 0.003)] == [at(0), at(0.001), at(0.002), None]


def test_no_job_is_the_oldest_when_all_have_ended(env: Environment) -> None:
    job = env.save(job_id())
    env.save(job, "Starting=0 Stopped=9")
    assert oldest_open(env, -9) is None


# --- jobs by their last change --------------------------------------------------------------------------------------


def changed(env: Environment, since: float, until: float, limit: int = 100) -> list[str]:
    found = env.index.changed(since=at(since), until=at(until), limit=limit)
    assert all(env.ledger.load(job).state.last_modified == moment for job, moment in found)  # type: ignore[union-attr]
    return [job.name for job, _ in found]


def test_changes_come_in_order_over_all_regions_and_states(env: Environment) -> None:
    env.save(job_id("third"), "Failed=30")
    env.save(job_id("first", region=ELSEWHERE), "Starting=10")
    env.save(job_id("second"), "Starting=20")
    assert changed(env, 10, 30) == ["first", "second", "third"]


def test_both_bounds_of_a_change_are_included(env: Environment) -> None:
    for n in range(6):
        env.save(job_id(f"job-{n}"), f"Starting={n / 1000}")
    assert changed(env, 0.001, 0.004) == ["job-1", "job-2", "job-3", "job-4"]
    assert changed(env, 0.002, 0.002) == ["job-2"]


def test_only_the_last_change_of_a_job_is_found(env: Environment) -> None:
    job = env.save(job_id(), "Starting=10")
    env.save(job, "Starting=10 Training=20")
    assert changed(env, 0, 15) == []
    assert changed(env, 15, 25) == [job.name]


def test_changes_of_many_days_come_in_order(env: Environment) -> None:
    """CREATED is at nine o'clock; both ends of a day belong to it."""
    midnight = 15 * 3600
    for name, seconds in (
        ("d", midnight + 86_400 * 3),
        ("b", midnight),
        ("a", midnight - 0.001),
        ("c", midnight + 86_399.999),
    ):
        env.save(job_id(name), f"Starting={seconds}")
    assert changed(env, 0, 86_400 * 9) == ["a", "b", "c", "d"]
    assert changed(env, midnight, midnight + 86_400) == ["b", "c"]


def test_a_reversed_span_has_no_changes(env: Environment) -> None:
    env.save(job_id(), "Starting=0")
    assert changed(env, 0.001, 0) == []
    assert changed(env, 86_400, 0) == []


@pytest.mark.parametrize("limit", [1, 2, 3, 10])
def test_the_next_span_has_the_changes_beyond_the_limit(env: Environment, limit: int) -> None:
    for n in range(7):
        env.save(job_id(f"job-{n}"), f"Starting={n}")
    found: list[str] = []
    since = CREATED
    while page := env.index.changed(since=since, until=at(9), limit=limit):
        assert len(page) == min(limit, 7 - len(found))
        found += [job.name for job, _ in page]
        since = page[-1][1] + timedelta(milliseconds=1)
    assert found == [f"job-{n}" for n in range(7)]


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 6])
def test_changes_of_one_millisecond_come_together(env: Environment, limit: int) -> None:
    for n, seconds in enumerate((0, 1, 1, 1, 1, 2)):
        env.save(job_id(f"job-{n}"), f"Starting={seconds}")
    expected = {1: 1, 2: 5, 3: 5, 5: 5, 6: 6}[limit]
    assert sorted(changed(env, 0, 9, limit)) == [f"job-{n}" for n in range(expected)]


def test_more_changes_of_one_millisecond_than_the_limit(env: Environment) -> None:
    for n in range(120):
        env.save(job_id(f"job-{n:03}"), "Starting=1")
    assert sorted(changed(env, 0, 9, 100)) == [f"job-{n:03}" for n in range(120)]
