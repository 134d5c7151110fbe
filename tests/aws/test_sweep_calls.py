"""What a sweep asks of the table: the price is calculated from it."""

import json
from collections import Counter
from datetime import timedelta
from itertools import product
from typing import TYPE_CHECKING, Any

import pytest

from infra.constructs.ledger_stream import HEARTBEAT
from local.bench import price
from respot.aws.dynamodb.ledger import DynamoDbLedger
from respot.aws.dynamodb.run_summaries import DynamoDbRunSummaries
from respot.aws.dynamodb.sweeps import DynamoDbSweepStore
from respot.jobs.listing import LONGEST_LIFE
from respot.runs.summary import RunSummaries
from respot.schema import BY_RUN, CHECKS, PK, RUN_SUMMARY_PARTITION
from tests.infra.test_stream_filters import matches
from tests.support.builders import CREATED, REGION, job_id
from tests.support.moto_aws import TABLE
from tests.support.sweep_environment import NOW, Environment, ago

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient


@pytest.fixture
def env(dynamodb: "DynamoDBClient") -> Environment:
    """Sweeps and index are in DynamoDB, which has no job; the jobs ended before the backfill."""
    env = Environment(created=NOW - timedelta(minutes=1))
    for day in range(20):
        env.put(job_id(f"job-{day}", created=ago(days=day, hours=1)), "Failed=0")
    ledger = DynamoDbLedger(dynamodb, TABLE, clock=env.clock, retention=None)
    env.sweeper = env.invocation(index=ledger, sweeps=DynamoDbSweepStore(dynamodb, TABLE), backfill=timedelta())
    return env


def counted(dynamodb: "DynamoDBClient", env: Environment) -> Counter[str]:
    """The calls of a sweep: each operation, a consistent query by a name of its own."""
    calls: Counter[str] = Counter()

    def note(model: Any, params: Any, **_: object) -> None:  # noqa: ANN401 - botocore's
        calls[model.name + (" consistent" if b'"ConsistentRead": true' in params["body"] else "")] += 1

    dynamodb.meta.events.register("before-call.dynamodb", note)
    swept = env.sweep()
    dynamodb.meta.events.unregister("before-call.dynamodb", note)
    assert [each.complete for each in swept] == [True, True]
    return calls


@pytest.mark.parametrize("page_length", [100, 1], ids=["one page", "a page for each job"])
def test_each_sweep_asks_as_much_as_its_price_says(
    dynamodb: "DynamoDBClient", env: Environment, page_length: int
) -> None:
    env.jobs.page_length = page_length
    env.sweep()
    env.clock.pass_by(timedelta(minutes=5))
    before = len(env.lists.calls)
    calls = counted(dynamodb, env)
    pages = len(env.lists.calls) - before
    assert pages == (1 if page_length == 100 else 2)
    assert calls["Query consistent"] == price.SWEEP_READS
    assert calls["Query"] == price.SWEEP_QUERIES + pages  # those alive on each page
    assert calls["PutItem"] == price.SWEEP_WRITES + pages
    assert calls.keys() == {"Query", "Query consistent", "PutItem", "BatchGetItem"}


@pytest.mark.parametrize("page_length", [100, 3], ids=["one page", "three jobs a page"])
def test_a_full_pass_reads_the_summary_of_each_run_that_goes_on_once(
    dynamodb: "DynamoDBClient", dynamodb_ledger: DynamoDbLedger, page_length: int
) -> None:
    """With a query each page, as its price says; a quick pass reads none."""
    env = Environment(page_length=page_length)
    env.watched(full=ago(minutes=40))
    store = DynamoDbRunSummaries(dynamodb, TABLE, clock=env.clock, retention=None)
    env.ledger = dynamodb_ledger  # type: ignore[assignment]
    env.summaries = RunSummaries(ledger=dynamodb_ledger, runs=env.runs, store=store)
    for number in range(12):
        env.both(job_id(f"alive-{number}", created=ago(hours=30 + number)), "Starting=0 Training=60")
    env.sweeper = env.invocation()
    reads: list[Any] = []

    def note(model: Any, params: Any, **_: object) -> None:  # noqa: ANN401 - botocore's
        body = json.loads(params["body"])
        if body.get("IndexName") == BY_RUN:
            reads.append("query")
        elif model.name == "BatchGetItem":
            keys = [key[PK]["S"] for key in body["RequestItems"][TABLE]["Keys"]]
            reads.extend(key for key in keys if key.startswith(RUN_SUMMARY_PARTITION))

    dynamodb.meta.events.register("before-call.dynamodb", note)
    env.sweep()
    assert (reads, env.names()) == ([], [])
    env.clock.pass_by(timedelta(minutes=15))
    before = len(env.lists.calls)
    env.sweep()
    assert env.names() == []
    pages = len(env.lists.calls) - before
    assert pages == (1 if page_length == 100 else 4)
    summaries = [read for read in reads if read != "query"]
    assert (len(reads) - len(summaries), len(summaries)) == (pages, 12 + pages - 1)  # the last of a page twice


def test_the_oldest_open_job_is_found_with_one_call(
    dynamodb: "DynamoDBClient", dynamodb_ledger: DynamoDbLedger, env: Environment
) -> None:
    env.ledger = dynamodb_ledger  # type: ignore[assignment]
    for number in range(5):
        env.know(job_id(f"alive-{number}", created=CREATED + timedelta(minutes=number)))
    calls: list[dict[str, Any]] = []
    dynamodb.meta.events.register("before-call.dynamodb", lambda params, **_: calls.append(params))
    assert dynamodb_ledger.oldest_open(REGION, since=CREATED - LONGEST_LIFE) == CREATED
    assert len(calls) == 1
    assert b'"Limit": 1' in calls[0]["body"]


def test_each_sweep_shows_the_readers_of_the_stream_one_item(dynamodb: "DynamoDBClient") -> None:
    """Of all its writes: the lease, each step, the release."""
    images: list[dict[str, Any]] = []

    def note(params: Any, **_: object) -> None:  # noqa: ANN401 - botocore's
        images.append(json.loads(params["body"])["Item"])

    dynamodb.meta.events.register("before-call.dynamodb.PutItem", note)
    sweeps = DynamoDbSweepStore(dynamodb, TABLE)
    for minutes, scope in product((0, 5), (CHECKS, REGION)):
        now = CREATED + timedelta(minutes=minutes)
        taken = sweeps.lease(scope, now=now, lease=timedelta(minutes=4), watched_since=CREATED)
        assert taken is not None
        for _ in range(9):
            sweeps.save(taken, until=now)
    shown = [image for image in images if matches(HEARTBEAT, {"eventName": "MODIFY", "dynamodb": {"NewImage": image}})]
    assert (len(images), len(shown)) == (40, 2)
