"""The promises of the port `SummaryStore`, held against every implementation."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Protocol

import pytest
from botocore.stub import Stubber

from respot.aws.dynamodb.keys import RUN_SUMMARY_KEY, run_summary_partition
from respot.aws.dynamodb.run_summaries import DynamoDbRunSummaries, summary_item
from respot.errors import LedgerUnavailableError, UnreadableItemError
from respot.jobs.job import Market, Owner, Parent
from respot.recovery.planning.run import RunId, run_id
from respot.runs.run_state import RunState
from respot.runs.summary import RunSummary, SummaryStore
from respot.schema import PK, SK
from respot.sweep.ports import RunIndex
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


class Listed(SummaryStore, RunIndex, Protocol):
    """Both ports of one store."""


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> Listed:
    if request.param == "memory":
        return MemorySummaries()
    return dynamodb_store(request.getfixturevalue("dynamodb"))


@pytest.fixture
def spoil(store: Listed, request: pytest.FixtureRequest) -> Callable[[RunId], object]:
    """Have the summary of a run be one that this version cannot read."""
    if isinstance(store, MemorySummaries):
        return store.unreadable.add
    return lambda run: spoil_item(request.getfixturevalue("dynamodb"), run, {"state": {"S": "melting"}})


def spoil_item(client: "DynamoDBClient", run: RunId, changes: dict[str, Any]) -> dict[str, Any]:
    """Replace attributes of a run's summary; with `None`, remove them."""
    key: Any = {PK: {"S": run_summary_partition(run)}, SK: {"S": RUN_SUMMARY_KEY}}
    item = client.get_item(TableName=TABLE, Key=key)["Item"] | changes
    item = {name: value for name, value in item.items() if value is not None}
    client.put_item(TableName=TABLE, Item=item)
    return item


def read_error(store: SummaryStore, run: RunId) -> UnreadableItemError:
    """The error of reading the run's summary."""
    with pytest.raises(UnreadableItemError) as caught:
        store.load(run)
    return caught.value


def dynamodb_store(client: "DynamoDBClient") -> DynamoDbRunSummaries:
    return DynamoDbRunSummaries(client, TABLE, clock=FakeClock(CREATED), retention=None)


@pytest.mark.parametrize("summary", [FULL, BARE])
def test_a_summary_is_read_as_it_was_written(store: Listed, summary: RunSummary) -> None:
    assert store.load(summary.run) is None
    assert store.save(summary, over=None)
    stored = store.load(summary.run)
    assert stored is not None
    assert stored.summary == summary


def test_of_two_writers_that_read_the_same_the_first_one_wins(store: Listed) -> None:
    assert store.save(BARE, over=None)
    assert not store.save(FULL, over=None)
    read = store.load(BARE.run)
    assert store.save(FULL, over=read)
    assert not store.save(BARE, over=read)
    stored = store.load(BARE.run)
    assert stored is not None
    assert stored.summary == FULL


def test_a_run_that_went_on_and_back_is_no_earlier_read(store: Listed) -> None:
    """The version counts, not the content: what another writer saw in between may be true again."""
    store.save(BARE, over=None)
    first = store.load(BARE.run)
    store.save(FULL, over=first)
    store.save(BARE, over=store.load(BARE.run))
    assert not store.save(replace(BARE, number=2), over=first)


def test_a_summary_that_cannot_be_read_is_not_taken_for_none(store: Listed, spoil: Callable[[RunId], object]) -> None:
    store.save(BARE, over=None)
    spoil(BARE.run)
    with pytest.raises(UnreadableItemError):
        store.load(BARE.run)
    assert not store.save(FULL, over=None)


def test_what_cannot_be_read_is_rebuilt_once(store: Listed, spoil: Callable[[RunId], object]) -> None:
    store.save(BARE, over=None)
    spoil(BARE.run)
    before = read_error(store, BARE.run)
    assert store.rebuild(FULL, over=before)
    stored = store.load(BARE.run)
    assert stored is not None
    assert stored.summary == FULL
    assert not store.rebuild(BARE, over=before)
    assert store.load(BARE.run) == stored
    assert store.save(BARE, over=stored)


def test_whoever_read_a_summary_before_it_was_rebuilt_must_read_it_again(
    store: Listed, spoil: Callable[[RunId], object]
) -> None:
    store.save(BARE, over=None)
    before = store.load(BARE.run)
    spoil(BARE.run)
    assert store.rebuild(FULL, over=read_error(store, BARE.run))
    assert not store.save(BARE, over=before)


def test_a_newer_version_that_writes_again_is_seen(store: Listed, spoil: Callable[[RunId], object]) -> None:
    """Neither write can be read: what was derived between them may be outdated."""
    store.save(BARE, over=None)
    spoil(BARE.run)
    before = read_error(store, BARE.run)
    assert store.rebuild(FULL, over=before)
    spoil(BARE.run)
    assert not store.rebuild(BARE, over=before)
    assert store.rebuild(BARE, over=read_error(store, BARE.run))


@pytest.mark.parametrize(
    "version",
    [
        {"N": "7"},
        {"N": "1"},
        {"N": "1.5"},
        {"N": "-0.5"},
        {"N": "1E+100"},
        {"S": "1"},
        {"NULL": True},
        {"SS": ["1"]},
        {"B": b"1"},
        None,
    ],
    ids=str,
)
def test_of_two_that_rebuild_a_summary_with_any_version_the_first_one_wins(
    dynamodb: "DynamoDBClient", version: dict[str, Any] | None
) -> None:
    store = dynamodb_store(dynamodb)
    store.save(BARE, over=None)
    spoil_item(dynamodb, BARE.run, {"version": version, "state": {"S": "melting"}})
    before = read_error(store, BARE.run)
    assert store.rebuild(FULL, over=before)
    assert not store.rebuild(BARE, over=before)
    stored = store.load(BARE.run)
    assert stored is not None
    assert stored.summary == FULL


def test_a_summary_that_has_expired_since_it_was_read_is_read_again(dynamodb: "DynamoDBClient") -> None:
    store = dynamodb_store(dynamodb)
    store.save(BARE, over=None)
    item = spoil_item(dynamodb, BARE.run, {"state": {"S": "melting"}})
    before = read_error(store, BARE.run)
    dynamodb.delete_item(TableName=TABLE, Key={PK: item[PK], SK: item[SK]})
    assert not store.rebuild(BARE, over=before)
    assert store.load(BARE.run) is None


def test_a_store_that_does_not_answer_is_unavailable(dynamodb: "DynamoDBClient") -> None:
    with Stubber(dynamodb) as stubber:
        stubber.add_client_error("put_item", "ThrottlingException")
        with pytest.raises(LedgerUnavailableError):
            dynamodb_store(dynamodb).save(BARE, over=None)


def test_the_runs_of_a_region_that_go_on_are_listed_with_their_jobs(
    store: Listed, spoil: Callable[[RunId], object]
) -> None:
    begun = [replace(job_id(f"run-{n}"), created=at(n)) for n in range(5)]
    last = job_id("run-1-r2")
    for job in (*begun, replace(begun[2], region="eu-west-1")):
        store.save(replace(BARE, run=run_id(job), job=last if job == begun[1] else job), over=None)
    ended = replace(BARE, run=run_id(begun[2]), job=begun[2], state=RunState.STOPPED)
    store.save(ended, over=store.load(ended.run))
    spoil(run_id(begun[3]))
    found = store.open_runs(JOB.region, since=at(0.001), until=at(3))
    expected = {run_id(begun[1]): last, run_id(begun[3]): None}
    assert {run: summary and summary.job for run, summary in found.items()} == expected
    assert set(store.open_runs(JOB.region, since=at(0), until=at(3.999))) == {run_id(begun[0]), *expected}
    assert store.open_runs(JOB.region, since=at(3), until=at(0)) == {}
    assert store.open_runs("eu-central-1", since=at(0), until=at(9)) == {}


def test_an_entry_of_the_index_that_names_no_run_stops_no_other(dynamodb: "DynamoDBClient") -> None:
    errors: list[UnreadableItemError] = []
    store = DynamoDbRunSummaries(dynamodb, TABLE, clock=FakeClock(CREATED), retention=None, on_unreadable=errors.append)
    store.save(BARE, over=None)
    for run in ("us-east-1", "us-east-1/job/soon", "us-east-1/job/99999999999999999999"):
        item: Any = summary_item(BARE, 1, None) | {PK: {"S": f"run-summary#{run}"}}
        dynamodb.put_item(TableName=TABLE, Item=item)
    assert store.open_runs(JOB.region, since=at(-1), until=at(9)) == {BARE.run: BARE}
    assert len(errors) == 3


def test_more_runs_than_dynamodb_reads_at_once_are_all_listed(dynamodb: "DynamoDBClient") -> None:
    store = dynamodb_store(dynamodb)
    jobs = [replace(job_id(f"run-{number}"), created=at(number)) for number in range(103)]
    for job in jobs:
        store.save(replace(BARE, run=run_id(job), job=job), over=None)
    assert set(store.open_runs(JOB.region, since=at(0), until=at(200))) == {run_id(job) for job in jobs}


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


def test_until_a_moment_there_are_only_runs_that_ended_before(dynamodb: "DynamoDBClient") -> None:
    store = dynamodb_store(dynamodb)
    store.save(BARE, over=None)
    for name, hours in (("later", 1), ("then", 2), ("before", 2.1), ("at-the-beginning", 30), ("earlier", 31)):
        store.save(ended(name, hours), over=None)
    began, end = CREATED - timedelta(hours=30), CREATED - timedelta(hours=2)
    pages = store.pages(now=CREATED, since=began, until=end, size=9)
    assert [summary.job.name for page in pages for summary in page] == ["before", "at-the-beginning"]


def test_a_run_that_ends_moves_to_its_day(dynamodb: "DynamoDBClient") -> None:
    store = dynamodb_store(dynamodb)
    store.save(BARE, over=None)
    assert names(store, hours=1) == [[JOB.name]]
    store.save(replace(BARE, state=RunState.STOPPED, since=CREATED), over=store.load(BARE.run))
    assert names(store, hours=1) == [[JOB.name]]
    page = next(store.pages(now=CREATED, since=CREATED, size=9))
    assert [(summary.state, summary.end_id) for summary in page] == [(RunState.STOPPED, f"{BARE.run}#1")]
