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


def test_only_known_jobs_have_states(env: Environment) -> None:
    known = env.save(job_id("known"), "Starting=0 Training=390")
    env.save(job_id("not asked for"))
    again = replace(known, created=at(1))
    asked = [known, job_id("unknown"), again, known]
    assert dict(env.index.state_of(asked)) == {known: env.ledger.load(known).state}
    assert dict(env.index.state_of([])) == {}


def test_more_jobs_than_one_batch_of_dynamodb(env: Environment) -> None:
    jobs = [env.save(job_id(f"job-{n}")) for n in range(130)]
    assert env.index.state_of(jobs).keys() == set(jobs)


# --- jobs that have not ended ---------------------------------------------------------------------------------------


def open_jobs(env: Environment, since: float, until: float, region: str = REGION) -> tuple[JobId, ...]:
    return env.index.open_jobs(region, since=at(since), until=at(until))


def test_only_jobs_that_have_not_ended_are_open(env: Environment) -> None:
    alive = [env.save(job_id(status), f"{status}=0") for status in ("Starting", "Interrupted", "Teleporting")]
    alive.append(env.save(job_id("Stopping"), "Stopping=0", status="Stopping"))
    alive.append(env.save(job_id("without checkpoints"), checkpoint_uri=None))
    for status in ("Completed", "Failed", "Stopped", "MaxRuntimeExceeded", "MaxWaitTimeExceeded"):
        env.save(job_id(status), f"{status}=0")
    env.save(job_id("Deleting"), status="Deleting")
    assert sorted(open_jobs(env, 0, 0)) == sorted(alive)
    env.save(alive[0], "Starting=0 Stopped=9")
    assert sorted(open_jobs(env, 0, 0)) == sorted(alive[1:])


def test_both_bounds_of_the_creation_are_included(env: Environment) -> None:
    jobs = [env.save(job_id(f"job-{n}", created=at(n / 1000))) for n in range(6)]
    assert open_jobs(env, 0.001, 0.004) == tuple(jobs[1:5])
    assert open_jobs(env, 0.002, 0.002) == (jobs[2],)
    assert open_jobs(env, 0.002, 0.001) == ()


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


# --- jobs by their last change --------------------------------------------------------------------------------------


def changed(env: Environment, since: float, until: float, limit: int = 100) -> list[str]:
    found = env.index.changed(since=at(since), until=at(until), limit=limit)
    assert all(env.ledger.load(job).state.last_modified == moment for job, moment in found)  # type: ignore[union-attr]
    return [job.name for job, _ in found]


def test_changes_between_both_bounds_come_in_order_over_all_regions_and_states(env: Environment) -> None:
    for name, script, region in (
        ("fourth", "Failed=0.004", REGION),
        ("first", "Starting=0.001", REGION),
        ("third", "Stopped=0.003", ELSEWHERE),
        ("second", "Starting=0.002", REGION),
    ):
        env.save(job_id(name, region=region), script)
    assert changed(env, 0, 1) == ["first", "second", "third", "fourth"]
    assert changed(env, 0.002, 0.003) == ["second", "third"]
    assert changed(env, 0.002, 0.002) == ["second"]
    assert changed(env, 0.002, 0.001) == changed(env, 86_400, 0) == []


def test_only_the_last_change_of_a_job_is_found(env: Environment) -> None:
    job = env.save(job_id(), "Starting=10")
    env.save(job, "Starting=10 Training=20")
    assert changed(env, 0, 15) == []
    assert changed(env, 15, 25) == [job.name]


def test_changes_of_many_days_come_in_order(env: Environment) -> None:
    """CREATED is at nine o'clock; both ends of a day belong to it."""
    midnight, day = 15 * 3600, 86_400
    moments = {"d": midnight + day * 3, "b": midnight, "a": midnight - 0.001, "c": midnight + day - 0.001}
    for name, seconds in moments.items():
        env.save(job_id(name), f"Starting={seconds}")
    assert changed(env, 0, day * 9) == ["a", "b", "c", "d"]
    assert changed(env, midnight, midnight + day) == ["b", "c"]


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


@pytest.mark.parametrize(("limit", "together"), [(1, 1), (2, 5), (5, 5), (6, 6)])
def test_changes_of_one_millisecond_come_together(env: Environment, limit: int, together: int) -> None:
    for n, seconds in enumerate((0, 1, 1, 1, 1, 2)):
        env.save(job_id(f"job-{n}"), f"Starting={seconds}")
    assert sorted(changed(env, 0, 9, limit)) == [f"job-{n}" for n in range(together)]
