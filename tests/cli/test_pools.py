"""`respot pools`: which pools interrupt, and how long they let jobs wait."""

import json
from typing import TYPE_CHECKING

import boto3
import pytest
from rich.console import Console

from respot.jobs.job import Market
from respot.savings.pools import pools_of
from respot_cli import deployment
from respot_cli.deployment import Deployment
from respot_cli.errors import ExitCode
from respot_cli.main import main
from respot_cli.pools import command
from respot_cli.pools.view import render
from tests.support.builders import REGION
from tests.support.moto_aws import TABLE
from tests.support.receipts import NOW, receipt, run_attempt
from tests.support.stored_runs import named, write

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

LONG = run_attempt("Starting=0 Training=600 Interrupted=72600 Starting=72600 MaxWaitTimeExceeded=80000")
SHORT = run_attempt("Starting=0 Training=1200 Completed=4800", market=Market.ON_DEMAND, instance_type="ml.c5.xlarge")


def shown(width: int = 160) -> str:
    console = Console(width=width, highlight=False)
    pools = pools_of([receipt(LONG), receipt(SHORT)])
    with console.capture() as captured:
        console.print(render(pools, period="since yesterday", commands=[("respot list", "runs")]))
    return captured.get()


def test_a_rate_stands_beside_its_hours_and_is_missing_below_ten() -> None:
    said = [line for line in shown().splitlines() if line.startswith("us-east-1")]
    assert said[0].split()[1:] == ["spot", "ml.g5.2xlarge", "20.0", "1", "5.00", "1/1", "10", "min", "10", "min"]
    assert said[1].split()[1:] == ["on-demand", "ml.c5.xlarge", "1.0", "0", "1/0", "20", "min", "20", "min"]


@pytest.mark.parametrize("width", [40, 80])
def test_narrow_terminals_lose_no_figure(width: int) -> None:
    said = shown(width)
    for word in ("ml.g5.2xlarge", "5.00", "10 min", "respot list"):
        assert word in said


def test_the_document_has_each_hour(
    dynamodb: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = Deployment(session=boto3.Session(region_name=REGION), outputs={"LedgerTableName": TABLE})
    monkeypatch.setattr(deployment, "find", lambda _: found)
    monkeypatch.setattr(command, "_now", lambda: NOW)
    write(dynamodb, LONG)
    write(dynamodb, *named([SHORT], "short"))
    assert main(["pools", "--json"]) == ExitCode.DONE
    worst, other = json.loads(capsys.readouterr().out)["pools"]
    assert (worst["interruptions_per_instance_hour"], other["interruptions_per_instance_hour"]) == (0.05, None)
    got = {"got_instances": 1, "without_instances": 0, "p50_seconds": 600, "p90_seconds": 600}
    assert worst["waits_by_utc_hour"]["09"] == got
    assert worst["waits_by_weekday"]["Thu"]["without_instances"] == 1
