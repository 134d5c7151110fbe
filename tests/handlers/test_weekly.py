"""`weekly` on moto: each week is reported once, within the time, and without what cannot be read."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import boto3
import pytest
from botocore.exceptions import ClientError
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.sns.models import sns_backends

from respot.alerting.weekly.digest import WeeklyDigest, WeeklyOutcome, WeeklyRecord
from respot.alerting.weekly.reporter import WeeklyReporter
from respot.alerting.weekly.week import week_before
from respot.aws.dynamodb.histories import DynamoDbJobHistories
from respot.aws.dynamodb.ledger import DynamoDbLedger
from respot.aws.dynamodb.run_summaries import DynamoDbRunSummaries
from respot.aws.dynamodb.runs import DynamoDbRunStore
from respot.aws.dynamodb.weekly import DynamoDbWeeklyStore
from respot.bootstrap import clients, stores, summaries, time_budget
from respot.errors import AlertInProgressError, LedgerUnavailableError, TopicUnavailableError, UnreadableItemError
from respot.handlers import weekly
from respot.handlers.weekly import ENOUGH, LEASE
from respot.jobs.job import JobRecord, JobSnapshot, Market
from respot.jobs.merge import reconcile
from respot.jobs.ports import Clock
from respot.runs.period import RunReader
from respot.runs.summary import RunSummaries
from respot.savings.totals import total
from respot.schema import PK
from respot.settings import ALERTS_TOPIC_ARN, LEDGER_TABLE
from tests.handlers.test_handlers import Context
from tests.support.builders import CREATED, NAME, REGION, history, job_id, state
from tests.support.clock import FakeClock
from tests.support.moto_aws import TABLE, aws, clock, dynamodb, dynamodb_ledger
from tests.support.printed import Printed, printed
from tests.support.receipts import receipt, resumed_run
from tests.support.stored_runs import write

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

__all__ = ["aws", "clock", "dynamodb", "dynamodb_ledger", "printed"]

MONDAY: Final = datetime(2026, 9, 21, 7, tzinfo=UTC)
"""After the week in which the builders' jobs run."""
LIFE: Final = "Starting=0 Downloading=60 Training=160 Interrupted=4000 Starting=4000 Training=7600 Completed=11200"


class Topic:
    """The port `WeeklyTopic`: a list."""

    def __init__(self) -> None:
        self.published: list[WeeklyDigest] = []
        self.fault: Exception | None = None
        self.meanwhile: Callable[[], object] = lambda: None

    def publish_weekly(self, digest: WeeklyDigest) -> str:
        self.meanwhile()
        if self.fault:
            raise self.fault
        self.published.append(digest)
        return f"message-{len(self.published)}"


class World:
    """A ledger on moto with runs that ended, and the reporter of its weeks."""

    def __init__(self, client: "DynamoDBClient", clock: FakeClock) -> None:
        self.client = client
        self.clock = clock
        clock.moment = MONDAY
        self.ledger = DynamoDbLedger(client, TABLE, clock=clock, retention=None)
        self.runs = DynamoDbRunStore(client, TABLE, clock=clock, retention=None)
        self.unread: list[Exception] = []
        self.index = DynamoDbRunSummaries(client, TABLE, clock=clock, retention=None, on_unreadable=self.unread.append)
        self.store = DynamoDbWeeklyStore(client, TABLE, clock=clock, retention=None)
        self.topic = Topic()

    def ended(self, name: str = NAME, *, life: str = LIFE, days: float = 0, **others: Any) -> None:  # noqa: ANN401
        """A run of one job that ended so many days later."""
        later = timedelta(days=days)
        transitions = tuple(
            replace(each, started=each.started + later, ended_as="Completed" if each.status == "Completed" else None)
            for each in history(life)
        )
        last = transitions[-1]
        own = state(
            job_id(name, created=CREATED + later),
            **{
                "status": "Completed",
                "secondary_status": last.status,
                "last_modified": last.started,
                "training_time": timedelta(seconds=7_000),
                "billable_time": timedelta(seconds=2_000),
            }
            | others,
        )
        self.ledger.save(reconcile(JobRecord(), JobSnapshot(state=own, history=transitions)))
        RunSummaries(ledger=self.ledger, runs=self.runs, store=self.index).refresh(own.job)

    def reporter(self, clock: Clock | None = None) -> WeeklyReporter:
        return WeeklyReporter(
            index=self.index,
            reader=RunReader(
                histories=DynamoDbJobHistories(self.client, TABLE, clock=self.clock, retention=None),
                ledger=self.ledger,
                runs=self.runs,
            ),
            store=self.store,
            topic=self.topic,
            clock=clock or self.clock,
            account="111122223333",
            region=REGION,
            lease=LEASE,
            enough=ENOUGH,
            on_unread=self.unread.append,
        )

    def report(self) -> WeeklyRecord | None:
        return self.reporter().report(always)

    @property
    def recorded(self) -> WeeklyRecord | None:
        return self.store.record(week_before(self.clock.moment))

    def damage(self, name: str, key: str, **attributes: Any) -> None:  # noqa: ANN401
        """Change an item so that this version cannot read it."""
        pages = self.client.get_paginator("scan").paginate(TableName=TABLE)
        items = [item for page in pages for item in page["Items"] if name in item[PK]["S"] and item["sk"]["S"] == key]
        assert items
        for item in items:
            self.client.put_item(TableName=TABLE, Item={**item, **attributes})


def always() -> timedelta:
    return timedelta(minutes=15)


@pytest.fixture
def world(dynamodb: "DynamoDBClient", clock: FakeClock) -> World:
    return World(dynamodb, clock)


def test_a_week_is_reported_once_with_the_figures_of_its_runs(world: World) -> None:
    world.ended()
    world.ended("second", life="Starting=0 Downloading=60 Training=160 Completed=560", training_time=None)
    world.ended("third", life="Starting=0 Training=160 Completed=560", market=Market.ON_DEMAND)
    record = world.report()
    (digest,) = world.topic.published
    assert (digest.totals.runs, digest.on_demand_runs, digest.totals.interruptions) == (2, 1, 1)
    assert (digest.totals.billed, digest.totals.unbilled) == (timedelta(seconds=2_000), 1)
    assert digest.coverage.is_complete
    assert record == world.recorded
    assert record is not None
    assert (record.week, record.outcome, record.message_id) == ("2026-W38", WeeklyOutcome.SENT, "message-1")
    assert record.reason == "all 3 runs that ended"
    assert world.report() is None
    assert len(world.topic.published) == 1


def test_the_attempts_of_a_run_are_one_run(world: World) -> None:
    write(world.client, *resumed_run())
    world.report()
    (digest,) = world.topic.published
    assert (digest.totals.runs, digest.totals.attempts) == (1, 2)
    assert digest.totals == total([receipt(*resumed_run())])


def test_only_runs_that_ended_in_the_week_are_in_it(world: World) -> None:
    """The week of 14 September ends on Sunday, 20 September: CREATED is a Wednesday, and the job takes 3.1 h."""
    for name, days in (("before", -3), ("monday", -2), ("sunday", 4), ("after", 4.7), ("next-week", 5)):
        world.ended(name, days=days)
    world.ended("still-running", life="Starting=0 Training=160", status="InProgress")
    world.report()
    assert world.topic.published[0].totals.runs == 2
    world.clock.moment = MONDAY + timedelta(days=7)
    world.report()
    assert world.topic.published[1].totals.runs == 2
    world.clock.moment = MONDAY - timedelta(days=7)
    world.report()
    assert world.topic.published[2].totals.runs == 1


def test_a_week_without_runs_is_declined_with_the_reason(world: World) -> None:
    record = world.report()
    assert record is not None
    assert (record.outcome, record.reason) == (WeeklyOutcome.DECLINED, "no run on spot ended in 2026-W38")
    assert (world.topic.published, record.headline, record.message_id) == ([], None, None)
    world.ended()
    assert world.report() is None
    assert world.topic.published == []


def test_two_calls_at_once_publish_one_message(world: World) -> None:
    world.ended()
    errors: list[Exception] = []

    def overlap() -> None:
        world.topic.meanwhile = lambda: None
        with pytest.raises(AlertInProgressError) as caught:
            world.report()
        errors.append(caught.value)

    world.topic.meanwhile = overlap
    assert world.report()
    assert (len(errors), len(world.topic.published)) == (1, 1)
    assert world.report() is None


def test_a_call_that_another_one_overtakes_while_it_reads_publishes_nothing(world: World) -> None:
    world.ended()
    overtaken: list[WeeklyRecord | None] = []

    def left() -> timedelta:
        if not overtaken:
            overtaken.append(world.report())
        return always()

    assert world.reporter().report(left) is None
    assert overtaken == [world.recorded]
    assert len(world.topic.published) == 1


def test_what_sns_refuses_is_published_by_the_next_call(world: World) -> None:
    world.ended()
    world.topic.fault = TopicUnavailableError("throttled")
    with pytest.raises(TopicUnavailableError):
        world.report()
    assert world.recorded is None
    world.topic.fault = None
    assert world.report()
    assert len(world.topic.published) == 1


def test_a_crash_while_publishing_is_made_good_after_the_lease(world: World) -> None:
    world.ended()
    world.topic.fault = KeyError("a crash")
    with pytest.raises(KeyError):
        world.report()
    world.topic.fault = None
    with pytest.raises(AlertInProgressError):
        world.report()
    world.clock.moment += LEASE
    assert world.report()
    assert len(world.topic.published) == 1


@pytest.mark.parametrize(
    ("name", "key", "attributes"),
    [
        ("job#us-east-1#poison", "state", {"schema": {"N": "99"}}),
        ("job#us-east-1#poison", "state", {"status": {"NULL": True}}),
        ("run-summary#us-east-1/poison", "summary", {"state": {"S": "a word of tomorrow"}}),
        ("run-summary#us-east-1/poison", "summary", {"job": {"S": "no job"}}),
        ("run-summary#us-east-1/poison", "summary", {"state": {"S": "running"}}),
        ("run-summary#us-east-1/poison", "summary", {"job": {"S": "job#us-east-1#gone#0"}}),
    ],
)
def test_a_run_that_cannot_be_read_is_counted_and_the_others_are_reported(
    world: World, name: str, key: str, attributes: dict[str, Any]
) -> None:
    world.ended()
    world.ended("poison")
    world.damage(name, key, **attributes)
    record = world.report()
    (digest,) = world.topic.published
    assert (digest.totals.runs, digest.coverage.found, digest.coverage.unread) == (1, 2, 1)
    assert record is not None
    assert record.reason == "1 of 2 runs that ended; 1 cannot be read"
    assert all(isinstance(error, UnreadableItemError) for error in world.unread)


def test_what_is_wrong_with_all_of_the_ledger_is_no_digest(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else an outage would be reported as a week of runs that cannot be read."""
    world.ended()

    def fail(*_: object) -> None:
        raise LedgerUnavailableError("throttled")

    reporter = world.reporter()
    monkeypatch.setattr(DynamoDbJobHistories, "load", fail)
    with pytest.raises(LedgerUnavailableError):
        reporter.report(always)
    assert (world.topic.published, world.recorded) == ([], None)


@pytest.mark.parametrize("operation", ["Query", "BatchGetItem", "PutItem"])
def test_a_permission_that_is_missing_is_an_error_and_no_digest(world: World, operation: str) -> None:
    world.ended()

    def refuse(**_: Any) -> None:  # noqa: ANN401
        denied: Any = {"Error": {"Code": "AccessDeniedException", "Message": f"not authorized: {operation}"}}
        raise ClientError(denied, operation)

    world.client.meta.events.register_first(f"before-call.dynamodb.{operation}", refuse)
    with pytest.raises(LedgerUnavailableError, match="not authorized"):
        world.report()
    assert (world.topic.published, world.unread) == ([], [])


def test_without_time_for_all_runs_the_first_ones_are_reported_and_the_rest_is_said(world: World) -> None:
    for number in range(5):
        world.ended(f"job-{number}", days=number / 10)
    calls = count(1)
    # The first call is the page's: three runs are begun with enough time left.
    left: Callable[[], timedelta] = lambda: ENOUGH if next(calls) <= 4 else ENOUGH - timedelta(seconds=1)  # noqa: E731
    record = world.reporter().report(left)
    (digest,) = world.topic.published
    assert (digest.coverage.found, digest.coverage.tried, digest.coverage.unread) == (5, 3, 0)
    assert digest.totals.runs == 3
    assert record is not None
    assert record.outcome is WeeklyOutcome.SENT


def test_a_hundred_runs_cost_two_reads_each_and_one_for_all(world: World) -> None:
    for number in range(3):
        world.ended(f"job-{number}")
    calls: list[str] = []
    world.client.meta.events.register("before-call.dynamodb", lambda model, **_: calls.append(model.name))
    world.report()
    # Seven days, the week's item, two for each run; BatchGetItem for all; a lease and its end.
    assert calls.count("Query") == 7 + 1 + 2 * 3
    assert calls.count("BatchGetItem") == 1
    assert calls.count("PutItem") == 2


# --- composed


@pytest.fixture
def deployed(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    topic_arn = boto3.client("sns", region_name=REGION).create_topic(Name="alerts")["TopicArn"]
    monkeypatch.setenv(LEDGER_TABLE, TABLE)
    monkeypatch.setenv(ALERTS_TOPIC_ARN, topic_arn)
    modules = (clients, stores, summaries, weekly)
    caches = [each for module in modules for each in vars(module).values() if hasattr(each, "cache_clear")]
    for each in caches:
        each.cache_clear()
    monkeypatch.setattr(weekly, "now", world.clock)
    yield world
    for each in caches:
        each.cache_clear()
    time_budget._INVOCATION.time_left = None  # noqa: SLF001


def test_the_function_publishes_once(deployed: World, printed: Printed) -> None:
    deployed.ended()
    context = Context(milliseconds=900_000)
    weekly.handler({}, context)
    weekly.handler({}, context)
    (topic,) = sns_backends[DEFAULT_ACCOUNT_ID][REGION].topics.values()
    ((_, message, title, attributes, *_),) = topic.sent_notifications
    assert title is not None
    assert title.startswith("[Respot info] Week 2026-W38: 1 run on spot ended")
    assert json.loads(json.loads(message)["sqs"])["week"]["runs"] == 1
    assert {name: value["Value"] for name, value in (attributes or {}).items()} == {
        "kind": "weekly-digest",
        "severity": "info",
        "region": REGION,
        "account": DEFAULT_ACCOUNT_ID,
    }
    (said,) = printed()
    assert (said["message"], said["week"], said["outcome"]) == ("weekly_digest_completed", "2026-W38", "sent")


def test_without_time_for_a_single_call_the_function_fails_and_is_repeated(deployed: World) -> None:
    deployed.ended()
    with pytest.raises(LedgerUnavailableError):
        weekly.handler({}, Context(milliseconds=5_000))
    assert deployed.recorded is None
