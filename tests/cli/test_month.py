"""`--month`: the runs that ended in a calendar month, and no others, by each command that has a period."""

import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import boto3
import pytest

from respot_cli import deployment
from respot_cli.deployment import Deployment
from respot_cli.main import main
from respot_cli.report import charts
from tests.support.builders import ACCOUNT, CREATED, REGION
from tests.support.moto_aws import TABLE
from tests.support.receipts import run_attempt
from tests.support.stored_runs import named, write

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

BEGIN: Final = -(15 * 86_400 + 9 * 3600)
"""The month, in seconds after the runs' usual creation on 2026-09-16 at 09:00 UTC."""
END: Final = 14 * 86_400 + 15 * 3600
COMMANDS: Final = ("savings", "pools", "report", "export")
IN_WORDS: Final = "rom 2026-09-01 00:00 UTC to 2026-10-01 00:00 UTC"


def ended_at(seconds: float) -> str:
    return f"Starting={seconds - 600} Training={seconds - 500} Completed={seconds}"


RUNS: Final = {
    "last-moment-before": ended_at(BEGIN - 0.001),
    "first-moment": ended_at(BEGIN),
    "last-second": ended_at(END - 1),
    "last-moment": ended_at(END - 0.001),
    "first-moment-after": ended_at(END),
    "across": f"Starting={END - 900} Training={END - 800} Completed={END + 900}",
    "goes-on": f"Starting={END - 600} Training={END - 500}",
}
OF_THE_MONTH: Final = {"first-moment", "last-second", "last-moment"}


@pytest.fixture
def ledger(dynamodb: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name, script in RUNS.items():
        billed = (500, 100) if "Completed" in script else None
        write(dynamodb, *named([run_attempt(script, billed=billed)], name))
    outputs = {"LedgerTableName": TABLE, "AlertsTopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:alerts"}
    found = Deployment(session=boto3.Session(region_name=REGION), outputs=outputs)
    monkeypatch.setattr(deployment, "find", lambda _: found)
    for command in COMMANDS:
        monkeypatch.setattr(f"respot_cli.{command}.command._now", lambda: CREATED + timedelta(days=20))
    monkeypatch.setattr(charts, "HAS_CHARTS", False)
    monkeypatch.chdir(tmp_path)
    Path("prices.json").write_text("[]")


def words_of(command: str, *more: str) -> Sequence[str]:
    of_export = ("--output", "runs.jsonl") if command == "export" else ()
    return (command, *of_export, *(("--prices", "prices.json") if command != "pools" else ()), *more)


def document(capsys: pytest.CaptureFixture[str], command: str, *more: str) -> dict[str, Any]:
    capsys.readouterr()
    assert main([*words_of(command, *more), "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def exported() -> set[str]:
    return {json.loads(line)["run_name"] for line in Path("runs.jsonl").read_text().splitlines()}


@pytest.mark.usefixtures("ledger")
def test_a_month_has_the_runs_that_ended_in_it_by_each_command(capsys: pytest.CaptureFixture[str]) -> None:
    found = {command: document(capsys, command, "--month", "2026-09") for command in COMMANDS}
    assert exported() == OF_THE_MONTH
    assert found["savings"]["total"]["runs"] == found["report"]["runs"] == found["export"]["runs"] == len(OF_THE_MONTH)
    assert [each["attempts"] for each in found["pools"]["pools"]] == [len(OF_THE_MONTH)]
    for each in found.values():
        assert (each["since"], each["until"]) == ("2026-09-01T00:00:00.000Z", "2026-10-01T00:00:00.000Z")


@pytest.mark.usefixtures("ledger")
def test_the_months_are_all_that_has_ended(capsys: pytest.CaptureFixture[str]) -> None:
    months = [set[str]() for _ in range(3)]
    for number, each in enumerate(months):
        document(capsys, "export", "--month", f"2026-{8 + number:02}")
        each.update(exported())
    assert months == [{"last-moment-before"}, OF_THE_MONTH, {"first-moment-after", "across"}]
    document(capsys, "export", "--since", "90 d")
    assert exported() == {*RUNS}


@pytest.mark.usefixtures("ledger")
@pytest.mark.parametrize("command", ["savings", "pools", "export"])
def test_the_text_says_the_period(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words_of(command, "--month", "2026-09")]) == 0
    assert IN_WORDS in " ".join(capsys.readouterr().out.split())


@pytest.mark.usefixtures("ledger")
def test_the_reports_title_says_the_period() -> None:
    assert main([*words_of("report", "--month", "2026-09")]) == 0
    page = Path("report.html").read_text(encoding="utf-8")
    assert "<title>What spot saved, 2026-09-01 00:00 UTC to 2026-10-01 00:00 UTC</title>" in page
    assert 'written <time datetime="2026-10-06T09:00:00+00:00">' in page


@pytest.mark.usefixtures("ledger")
def test_a_month_to_come_is_empty_and_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*words_of("savings", "--month", "2027-12")]) == 0
    assert "No run on spot from 2027-12-01 00:00 UTC to 2028-01-01 00:00 UTC." in capsys.readouterr().out
    assert main([*words_of("pools", "--month", "2027-12")]) == 0
    assert "No jobs from 2027-12-01 00:00 UTC to 2028-01-01 00:00 UTC." in capsys.readouterr().out
    assert main([*words_of("report", "--month", "2027-12")]) == 0
    assert "There are no runs in this period" in Path("report.html").read_text(encoding="utf-8")
    assert document(capsys, "export", "--month", "2027-12")["runs"] == 0


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    "words",
    [
        "2026-13",
        "2026-00",
        "0000-01",
        "9999-12",
        "2026-9",
        "2026-09-01",
        "2026-09\n",
        "",
        "-2026-9",
        "\uff12026-09",
        "é" * 999,
    ],
)
def test_what_is_no_month_is_wrong_usage(command: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([*words_of(command), f"--month={words}"])
    assert stopped.value.code == 2
    assert "is no month like 2026-10" in capsys.readouterr().err


def test_a_month_and_a_span_exclude_each_other(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([*words_of("savings"), "--month", "2026-09", "--since", "30 d"])
    assert stopped.value.code == 2
    assert "not allowed with" in capsys.readouterr().err
