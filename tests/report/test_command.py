"""`respot report`: from a ledger to a file."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from respot.jobs.job import Market
from respot_cli import deployment
from respot_cli.deployment import Deployment
from respot_cli.errors import ExitCode
from respot_cli.main import main
from respot_cli.pools import command as pools_command
from respot_cli.report import charts, command
from respot_cli.savings import command as savings_command
from tests.support.builders import ACCOUNT, REGION
from tests.support.moto_aws import TABLE, aws, dynamodb
from tests.support.receipts import NOW, TWO_PRICES, cheap_and_expensive, resumed_run, run_attempt
from tests.support.same_figures import assert_same_figures, tables_of
from tests.support.stored_runs import named, write

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

__all__ = ["aws", "dynamodb"]

PRICES = "region,instance_type,per_hour,currency\nus-east-1,ml.g5.2xlarge,1.2575,USD\n"
IN_DOUBT = run_attempt(
    "Starting=0 Downloading=100 Training=200 Interrupted=1200 Starting=1300 Training=2200 Completed=4200",
    billed=(3100, 1000),
)


@pytest.fixture
def ledger(dynamodb: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> "DynamoDBClient":
    """A deployment on moto, at a fixed time, in a folder of its own."""
    outputs = {"LedgerTableName": TABLE, "AlertsTopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:alerts"}
    found = Deployment(session=boto3.Session(region_name=REGION), outputs=outputs)
    monkeypatch.setattr(deployment, "find", lambda _: found)
    for each in (command, savings_command, pools_command):
        monkeypatch.setattr(each, "_now", lambda: NOW)
    monkeypatch.setattr(charts, "HAS_CHARTS", False)
    monkeypatch.chdir(tmp_path)
    Path("prices.csv").write_text(PRICES, encoding="ascii")
    return dynamodb


def plain(page: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", page).replace("\N{NO-BREAK SPACE}", " ").split())


def test_the_report_and_respot_savings_have_the_same_figures(
    ledger: "DynamoDBClient", capsys: pytest.CaptureFixture[str]
) -> None:
    write(ledger, *named(resumed_run(), "nightly"))
    write(ledger, *named([IN_DOUBT], "doubtful"))
    assert main(["report", "--prices", "prices.csv"]) == ExitCode.DONE
    said = capsys.readouterr()
    assert main(["savings", "--json", "--prices", "prices.csv"]) == ExitCode.DONE
    found = json.loads(capsys.readouterr().out)["total"]
    page, net = plain(Path("report.html").read_text(encoding="utf-8")), found["saved_net_percent"]
    figures = f"{net['least']:.1f} to {net['most']:.1f} %"
    assert f"report.html: 2 runs, {figures} saved, net" in said.out.replace("\N{NO-BREAK SPACE}", " ")
    assert figures in page
    assert f"Saved, gross {found['saved_gross_percent']:.1f} %" in page
    money = found["money"]["USD"]
    assert f"in USD {money['saved_net']['least']} to {money['saved_net']['most']} gross {money['saved_gross']}" in page
    goodput = found["wall_clock"]["goodput_percent"]
    shown = re.search(r"Goodput ([\d.]+) to ([\d.]+) %", page)
    assert shown
    assert [float(each) for each in shown.groups()] == pytest.approx([goodput["least"], goodput["most"]], abs=0.06)
    assert f"billed {money['billed']} USD, at on-demand prices" in page
    assert f" {found['billed_hours'] * 60:.2f} " in page
    assert "respot savings" in said.out


def test_the_headline_says_what_it_is_a_percentage_of(
    ledger: "DynamoDBClient", capsys: pytest.CaptureFixture[str]
) -> None:
    for number, attempts in enumerate(cheap_and_expensive()):
        write(ledger, *named(attempts, f"run-{number}"))
    rows = [f"us-east-1,{name},{amount},{currency}" for name, (amount, currency) in TWO_PRICES.items()]
    for known, headline in (
        (rows, "\N{MINUS SIGN}59.0 % saved, net"),
        (rows[:1], "40.0 % of instance-hours saved, net"),
    ):
        Path("prices.csv").write_text("\n".join(("region,instance_type,per_hour,currency", *known)), encoding="ascii")
        assert main(["report", "--prices", "prices.csv"]) == ExitCode.DONE
        said = capsys.readouterr().out.replace("\N{NO-BREAK SPACE}", " ")
        assert f"report.html: 2 runs, {headline}" in " ".join(said.split())


def answered(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main([*words, "--json"]) == ExitCode.DONE
    document: dict[str, Any] = json.loads(capsys.readouterr().out)
    return document


def test_each_question_has_one_answer_by_command_on_the_page_and_by_hand(
    ledger: "DynamoDBClient", capsys: pytest.CaptureFixture[str]
) -> None:
    """By hand, from the scripts of the runs; vision has ten instances, and its second attempt is on demand.

    Vision: 39,200 s are billed. Of 117,600 s, 6,000 s were lost, and a download and an end of 3,000 s each were
    repeated: 105,600 s are left.
    Speech: 1,000 s are billed. Of 3,100 s, the 1,000 s before the interruption may have been lost: 2,100 to 3,100 s.
    An hour costs 1.2575: 66,400 s are 23.19, and 1,100 to 2,100 s are 0.38 to 0.73.
    """
    first, second = resumed_run(instance_count=10)
    assert second.state
    write(ledger, *named([first, replace(second, state=replace(second.state, market=Market.ON_DEMAND))], "nightly"))
    assert IN_DOUBT.state
    write(ledger, *named([replace(IN_DOUBT, state=replace(IN_DOUBT.state, tags={"team": "speech"}))], "doubtful"))
    assert main(["report", "--prices", "prices.csv"]) == ExitCode.DONE
    page = Path("report.html").read_text(encoding="utf-8")
    savings = answered(capsys, "savings", "--by", "team", "--prices", "prices.csv")
    assert_same_figures(page, savings, answered(capsys, "pools"))

    tables = {caption: [(*row.values(),) for row in rows] for caption, rows in tables_of(page).items()}
    assert tables["By the tag team"] == [
        ("speech", "1", "0.28", "0.58 to 0.86", "67.7 %", "52.4 to 67.7 %", "1", "0.38 to 0.73"),
        ("vision", "1", "10.89", "29.33", "66.7 %", "62.9 %", "0", "23.19"),
    ]
    # Of 18,360 s: vision's 14,160 s and speech's 4,200 s.
    assert [row[:3] for row in tables["The runs' time from creation to end"]] == [
        ("productive training", "203.33", "66.4 %"),
        ("perhaps lost", "16.67", "5.4 %"),
        ("lost training", "10.00", "3.3 %"),
        ("interrupted", "16.67", "5.4 %"),
        ("downloading", "11.67", "3.8 %"),
        ("uploading", "5.00", "1.6 %"),
        ("queued", "31.67", "10.3 %"),
        ("between attempts", "10.00", "3.3 %"),
        ("stopping", "1.00", "0.3 %"),
    ]
    # 78,000 s and 3,100 s on spot, with waits of 100 s, 600 s and 1,000 s; 39,600 s on demand.
    assert tables["Pools, the worst first"] == [
        ("spot ml.g5.2xlarge us-east-1", "2", "22.53", "1", "4.4", "10 min", "16 min", "0"),
        ("on-demand ml.g5.2xlarge us-east-1", "1", "11.00", "0", "0.0", "20 min", "20 min", "0"),
    ]


def test_json_says_where_the_file_is(ledger: "DynamoDBClient", capsys: pytest.CaptureFixture[str]) -> None:
    write(ledger, *named(resumed_run(), "nightly"))
    assert main(["report", "--output", "own.html", "--json", "--prices", "prices.csv"]) == ExitCode.DONE
    document = json.loads(capsys.readouterr().out)
    assert (document["output"], document["runs"], document["unread"]) == ("own.html", 1, {})
    assert document["bytes"] == Path("own.html").stat().st_size
    assert [each.name for each in Path().iterdir() if each.suffix != ".csv"] == ["own.html"]


def test_only_the_period_and_the_region_count(ledger: "DynamoDBClient", capsys: pytest.CaptureFixture[str]) -> None:
    write(ledger, *named(resumed_run(), "nightly"))
    for words, runs in ((["--since", "1 min"], 0), (["--region", "eu-west-1"], 0), (["--region", REGION], 1)):
        assert main(["report", "--json", "--prices", "prices.csv", *words]) == ExitCode.DONE
        assert json.loads(capsys.readouterr().out)["runs"] == runs


def test_an_item_that_cannot_be_read_is_said_on_the_page_and_by_the_exit_code(
    ledger: "DynamoDBClient", capsys: pytest.CaptureFixture[str]
) -> None:
    write(ledger, *named(resumed_run(), "nightly"))
    write(ledger, *named([IN_DOUBT], "odd"))
    for item in ledger.scan(TableName=TABLE)["Items"]:
        if "odd" in item["pk"]["S"] and "state" in item["sk"]["S"].lower():
            ledger.put_item(TableName=TABLE, Item=item | {"status": {"N": "5"}})
    assert main(["report", "--prices", "prices.csv"]) == ExitCode.INCOMPLETE
    assert "could not be read" in capsys.readouterr().err
    page = plain(Path("report.html").read_text(encoding="utf-8"))
    assert "of the ledger could not be read" in page
    assert "nightly" in page


@pytest.mark.parametrize("path", ["missing/report.html", "."])
def test_where_nothing_can_be_written_nothing_is_read(path: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--output", path]) == ExitCode.USAGE
    assert "name a file in a folder that exists" in capsys.readouterr().err


def test_a_full_disk_leaves_the_old_report(
    ledger: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    del ledger
    Path("report.html").write_text("old", encoding="ascii")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    assert main(["report", "--prices", "prices.csv"]) == ExitCode.OUTPUT_LOST
    assert "No space left on device" in capsys.readouterr().err
    assert Path("report.html").read_text(encoding="ascii") == "old"
    assert {each.name for each in Path().iterdir()} == {"prices.csv", "report.html"}


def test_a_new_report_may_be_read_by_others_as_any_new_file(ledger: "DynamoDBClient") -> None:
    del ledger
    Path("other").touch()
    assert main(["report", "--prices", "prices.csv"]) == ExitCode.DONE
    assert Path("report.html").stat().st_mode == Path("other").stat().st_mode
