"""The runs of a period: the same attempts as elsewhere, in few reads, and an unreadable item stops no other."""

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

import boto3
import pytest

from respot.aws.dynamodb.keys import partition_of
from respot.aws.dynamodb.ledger import DynamoDbLedger
from respot.aws.dynamodb.runs import DynamoDbRunStore
from respot.errors import UnreadableItemError
from respot.runs.load import attempts_of
from respot_cli.deployment import Deployment
from respot_cli.period import RecordedRun, read_period, runs_of_period
from tests.support.builders import REGION, at, job_id
from tests.support.clock import FakeClock
from tests.support.moto_aws import TABLE
from tests.support.receipts import NOW, resumed_run, run_attempt
from tests.support.stored_runs import named, write

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PLAIN = run_attempt("Starting=0 Downloading=60 Training=160 Uploading=460 Completed=560", billed=(500, 100))


def a_deployment(calls: Counter[str] | None = None) -> Deployment:
    session = boto3.Session(region_name=REGION)
    if calls is not None:
        session.events.register("before-call.dynamodb.*", lambda model, **_: calls.update([model.name]))
    return Deployment(session=session, outputs={"LedgerTableName": TABLE, "AlertsTopicArn": "a:b:c:d:111122223333:e"})


def read(found: Deployment, errors: list[UnreadableItemError] | None = None) -> list[RecordedRun]:
    unread: list[UnreadableItemError] = [] if errors is None else errors
    runs = list(runs_of_period(found, since=at(0), now=NOW, on_unreadable=unread.append))
    assert errors is not None or not unread
    return runs


def test_the_attempts_are_those_that_the_other_commands_read(dynamodb: "DynamoDBClient") -> None:
    write(dynamodb, *resumed_run())
    write(dynamodb, *named([PLAIN], "plain"))
    ledger = DynamoDbLedger(dynamodb, TABLE, clock=FakeClock(NOW), retention=None)
    runs = DynamoDbRunStore(dynamodb, TABLE, clock=FakeClock(NOW), retention=None)
    found = {each.attempts[0].name: each.attempts for each in read(a_deployment())}
    assert {name: len(attempts) for name, attempts in found.items()} == {"spot-job": 2, "plain": 1}
    for name, attempts in found.items():
        state = ledger.load(job_id(name)).state
        assert state is not None
        assert attempts == attempts_of(ledger, runs, state)


def test_a_run_costs_two_reads_and_one_for_each_further_attempt(dynamodb: "DynamoDBClient") -> None:
    for number in range(6):
        write(dynamodb, *named([PLAIN], f"plain-{number}"))
    calls = Counter[str]()
    assert len(read(a_deployment(calls))) == 6
    # Open runs, then each day from tomorrow back to the beginning; then two for each run.
    days = 2 + (NOW.date() - at(0).date()).days
    assert calls == {"Query": 1 + days + 6 * 2, "BatchGetItem": 1}
    write(dynamodb, *resumed_run())
    calls.clear()
    read(a_deployment(calls))
    # Its last attempt is not decided on yet: who planned it is one more read.
    assert calls["Query"] == 1 + days + 6 * 2 + 3 + 1


def test_a_run_with_an_unreadable_item_is_left_out_and_named(
    dynamodb: "DynamoDBClient", capsys: pytest.CaptureFixture[str]
) -> None:
    write(dynamodb, *named([PLAIN], "sound"))
    write(dynamodb, *named([PLAIN], "odd"))
    key = {"pk": {"S": partition_of(job_id("odd"))}, "sk": {"S": "transition#2026-09-16T09:30:00.000Z#Training"}}
    dynamodb.put_item(TableName=TABLE, Item=key | {"kind": {"S": "transition"}, "status": {"N": "7"}})
    errors: list[UnreadableItemError] = []
    assert [each.attempts[0].name for each in read(a_deployment(), errors)] == ["sound"]
    assert [partition_of(job_id("odd"))] == [each.partition for each in errors]

    period = read_period(a_deployment(), since=at(0), now=NOW)
    assert ([each.name for each in period.receipts], len(period.unread)) == (["sound"], 1)
    period.say_what_is_missing()
    assert "could not be read, and its run is left out" in capsys.readouterr().err


def test_figures_beyond_all_measure_hide_no_other_run(dynamodb: "DynamoDBClient") -> None:
    write(dynamodb, PLAIN)
    endless = run_attempt("Starting=0 Training=60 Completed=560", billed=(10**9, 10**9), instance_count=10**9)
    write(dynamodb, *named([endless], "endless"))
    period = read_period(a_deployment(), since=at(0), now=NOW)
    assert [each.name for each in period.receipts] == ["spot-job"]
    assert [run.split("/")[1] for run in period.unread] == ["endless"]


def test_what_ended_before_the_period_is_not_read(dynamodb: "DynamoDBClient") -> None:
    write(dynamodb, PLAIN)
    write(dynamodb, *named([run_attempt("Starting=0 Training=60")], "goes-on"))
    period = read_period(a_deployment(), since=NOW - timedelta(hours=1), now=NOW)
    assert [each.name for each in period.receipts] == ["goes-on"]
    assert read_period(a_deployment(), since=at(0), now=NOW, region="eu-west-1").receipts == ()


def test_stored_figures_come_with_the_runs(dynamodb: "DynamoDBClient") -> None:
    write(dynamodb, *resumed_run())
    (run,) = read(a_deployment())
    stored = run.stored[job_id()]
    assert stored.figures is not None
    assert (stored.figures.trained, stored.savings_percent) == (timedelta(seconds=7200), 66.67)
