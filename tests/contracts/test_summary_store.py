"""The promises of the port `SummaryStore`, held against every implementation."""

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from botocore.stub import Stubber

from respot.aws.dynamodb.run_summaries import DynamoDbRunSummaries
from respot.errors import LedgerUnavailableError
from respot.jobs.job import Market, Owner, Parent
from respot.recovery.planning.run import run_id
from respot.runs.run_state import RunState
from respot.runs.summary import RunSummary, SummaryStore
from tests.support.builders import CREATED, at, job_id
from tests.support.clock import FakeClock
from tests.support.memory import MemorySummaries
from tests.support.moto_aws import TABLE

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

JOB = job_id()
FULL = RunSummary(
    run=run_id(JOB),
    state=RunState.RECOVERING,
    reason="<größer & 😀>",
    since=at(21_630.444),
    number=2,
    job=job_id("spot-job-r2"),
    market=Market.SPOT,
    instance_type="ml.g5.2xlarge",
    tags={"owner": "vision", "empty": ""},
    parent=Parent(owner=Owner.TUNING, identifier="tuner-1"),
    next_step="attempt 3 is to start, after a pause",
    next_at=at(25_000.5),
)
BARE = RunSummary(run=run_id(JOB), state=RunState.WAITING, reason="waits", since=at(0), number=1, job=JOB)


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> SummaryStore:
    if request.param == "memory":
        return MemorySummaries()
    return dynamodb_store(request.getfixturevalue("dynamodb"))


def dynamodb_store(client: "DynamoDBClient") -> DynamoDbRunSummaries:
    return DynamoDbRunSummaries(client, TABLE, clock=FakeClock(CREATED), retention=None)


@pytest.mark.parametrize("summary", [FULL, BARE])
def test_a_summary_is_read_as_it_was_written(store: SummaryStore, summary: RunSummary) -> None:
    assert store.load(summary.run) is None
    assert store.save(summary, over=None)
    stored = store.load(summary.run)
    assert stored is not None
    assert stored.summary == summary


def test_of_two_writers_that_read_the_same_the_first_one_wins(store: SummaryStore) -> None:
    assert store.save(BARE, over=None)
    assert not store.save(FULL, over=None)
    read = store.load(BARE.run)
    assert store.save(FULL, over=read)
    assert not store.save(BARE, over=read)
    stored = store.load(BARE.run)
    assert stored is not None
    assert stored.summary == FULL


def test_a_run_that_went_on_and_back_is_no_earlier_read(store: SummaryStore) -> None:
    """The version counts, not the content: what another writer saw in between may be true again."""
    store.save(BARE, over=None)
    first = store.load(BARE.run)
    store.save(FULL, over=first)
    store.save(BARE, over=store.load(BARE.run))
    assert not store.save(replace(BARE, number=2), over=first)


def test_a_store_that_does_not_answer_is_unavailable(dynamodb: "DynamoDBClient") -> None:
    with Stubber(dynamodb) as stubber:
        stubber.add_client_error("put_item", "ThrottlingException")
        with pytest.raises(LedgerUnavailableError):
            dynamodb_store(dynamodb).save(BARE, over=None)


# --- lists ----------------------------------------------------------------------------------------------------------


def ended(name: str, hours_ago: float) -> RunSummary:
    job = job_id(name)
    since = CREATED - timedelta(hours=hours_ago)
    return replace(BARE, run=run_id(job), job=job, state=RunState.COMPLETED, since=since)


def names(store: DynamoDbRunSummaries, *, hours: float, size: int = 2) -> list[list[str]]:
    pages = store.pages(now=CREATED, since=CREATED - timedelta(hours=hours), size=size)
    return [[summary.job.name for summary in page] for page in pages]


def test_runs_that_go_on_come_first_then_those_that_ended_last(dynamodb: "DynamoDBClient") -> None:
    store = dynamodb_store(dynamodb)
    for number in range(3):
        job = replace(job_id(f"open-{number}"), created=at(number))
        store.save(replace(BARE, run=run_id(job), job=job), over=None)
    for name, hours in (("just-now", 0.1), ("today", 8.9), ("yesterday", 9.1), ("last-week", 170)):
        store.save(ended(name, hours), over=None)
    assert names(store, hours=1) == [["open-2", "open-1"], ["open-0"], ["just-now"]]
    assert names(store, hours=24) == [["open-2", "open-1"], ["open-0"], ["just-now", "today"], ["yesterday"]]
    assert names(store, hours=24 * 8)[-1] == ["last-week"]


def test_a_run_that_ends_moves_to_its_day(dynamodb: "DynamoDBClient") -> None:
    store = dynamodb_store(dynamodb)
    store.save(BARE, over=None)
    assert names(store, hours=1) == [[JOB.name]]
    store.save(replace(BARE, state=RunState.STOPPED, since=CREATED), over=store.load(BARE.run))
    assert names(store, hours=1) == [[JOB.name]]
    page = next(store.pages(now=CREATED, since=CREATED, size=9))
    assert [(summary.state, summary.end_id) for summary in page] == [(RunState.STOPPED, f"{BARE.run}#1")]
