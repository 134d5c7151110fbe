"""`respot export` writes a row for each attempt, the same in JSONL and in Parquet."""

import errno
import json
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import boto3
import pytest
from pyarrow import parquet  # type: ignore[import-untyped]

from respot.errors import LedgerUnavailableError, UnreadableItemError
from respot.recovery.planning.run import RunId, run_id
from respot.runs.period import RecordedRun
from respot_cli import deployment
from respot_cli.deployment import Deployment
from respot_cli.errors import ExitCode
from respot_cli.export import command
from respot_cli.export.part_file import PartFile
from respot_cli.export.rows import AMOUNTS, DAYS, LENGTHS, TEXTS, TIMES, WHOLE_NUMBERS, rows_of
from respot_cli.main import main
from respot_cli.prices import options
from tests.support.builders import ACCOUNT, REGION, job_id
from tests.support.moto_aws import TABLE
from tests.support.receipts import FIRST_LIFE, NOW, OnePrice, resumed_run, run_attempt
from tests.support.stored_runs import named, write

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

RESUMED = RecordedRun(run=run_id(job_id()), attempts=resumed_run())


class Prices(OnePrice):
    """A price, and what a command says of it."""

    source = "on-demand prices of a test"
    why_unknown = ()


def others(count: int) -> list[RecordedRun]:
    attempt = run_attempt(FIRST_LIFE, billed=(7800, 2600))
    return [RecordedRun(run=RunId(f"{REGION}/job-{number}/0"), attempts=(attempt,)) for number in range(count)]


class Period:
    """The runs of a period, as the reader of the ledger gives them."""

    def __init__(self, *runs: RecordedRun) -> None:
        self.runs = runs
        self.fails_after: int | None = None
        self.error: BaseException = LedgerUnavailableError("the ledger did not answer")
        self.unreadable: UnreadableItemError | None = None
        self.asked: list[dict[str, Any]] = []

    def __call__(self, _: Deployment, **asked: Any) -> Iterator[RecordedRun]:  # noqa: ANN401 - as it is called
        self.asked.append(asked)
        if self.unreadable:
            asked["on_unreadable"](self.unreadable)
        for number, each in enumerate(each for each in self.runs if each.run not in asked["without"]):
            if number == self.fails_after:
                raise self.error
            yield each


@pytest.fixture
def period(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Period:
    found = Period(RESUMED, *others(5))
    outputs = {"LedgerTableName": "ledger", "AlertsTopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:alerts"}
    at = Deployment(session=boto3.Session(region_name=REGION), outputs=outputs)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(deployment, "find", lambda _: at)
    monkeypatch.setattr(command, "runs_of_period", found)
    monkeypatch.setattr(command, "_now", lambda: NOW)
    monkeypatch.setattr(options, "chosen_prices", lambda *_: Prices("1.515"))
    return found


def exported(file: str = "runs.jsonl") -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(file).read_text().splitlines()]


def test_a_row_has_the_attempts_receipt_as_computed_by_hand() -> None:
    first, second = rows_of(RESUMED, Prices("1.515"), now=NOW)
    expected = {
        "version": 1,
        "run": RESUMED.run,
        "attempt": 1,
        "attempts": 2,
        "job": "spot-job",
        "market": "spot",
        "secondary_status": "MaxWaitTimeExceeded",
        "training_instance_seconds": 7800.0,
        "billable_instance_seconds": 2600.0,
        "saved_gross_instance_seconds": 5200.0,
        "trained_instance_seconds": 7200.0,
        "kept_least_instance_seconds": 6600.0,  # the decision had proved 1 h 50 min
        "kept_most_instance_seconds": 6600.0,  # saved 7,500 s after the creation, training began at 900 s
        "lost_most_instance_seconds": 600.0,
        "wall_clock_queued_seconds": 600.0,
        "wall_clock_lost_seconds": 600.0,
        "price_per_hour": "1.515",
        "currency": "USD",
        "tags": {"team": "vision"},
        "decision_action": "resubmit",
        "outcome": "created",
    }
    assert {name: first[name] for name in expected} == expected
    assert [each["status"] for each in first["transitions"]][-1] == "MaxWaitTimeExceeded"
    assert (second["attempt"], second["wall_clock_between_attempts_seconds"]) == (2, 600.0)


def test_the_columns_are_those_that_are_declared() -> None:
    for row in rows_of(RESUMED, Prices("1.515"), now=NOW):
        assert set(row) == {*TEXTS, *WHOLE_NUMBERS, *TIMES, *LENGTHS, *AMOUNTS, *DAYS, "tags", "transitions"}


def test_jsonl_and_parquet_have_the_same_rows(period: Period, capsys: pytest.CaptureFixture[str]) -> None:
    del period
    assert main(["export", "--output", "runs.jsonl", "--json"]) == 0
    assert main(["export", "--output", "runs.parquet"]) == 0
    lines, table = exported(), parquet.read_table("runs.parquet")
    assert table.schema.metadata == {b"respot_export_version": b"1"}
    assert [untyped(row) for row in table.to_pylist()] == lines
    assert len(lines) == 7
    said = json.loads(capsys.readouterr().out.partition("\n}\n")[0] + "}")
    assert (said["runs"], said["attempts"], said["bytes"]) == (6, 7, Path("runs.jsonl").stat().st_size)
    assert sorted(each.name for each in Path().iterdir()) == ["runs.jsonl", "runs.parquet"]


def untyped(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of Parquet as JSONL has it."""

    def plain(value: Any) -> Any:  # noqa: ANN401 - any value of a row
        match value:
            case datetime():
                return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%S}.{value.microsecond // 1000:03}Z"
            case Decimal():
                return format(value.normalize(), "f")
            case list():
                return [{name: plain(each) for name, each in one.items()} for one in value]
        return value.isoformat() if hasattr(value, "isoformat") else value

    return {name: dict(value) if name == "tags" else plain(value) for name, value in row.items()}


@pytest.mark.parametrize("error", [LedgerUnavailableError("no answer"), KeyboardInterrupt()])
@pytest.mark.parametrize("file", ["runs.jsonl", "runs.parquet"])
def test_an_interrupted_export_goes_on_and_has_each_attempt_once(
    period: Period, error: BaseException, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    period.fails_after, period.error = 3, error
    assert main(["export", "--output", file]) in {4, 130}
    assert "the same command goes on from there" in capsys.readouterr().err
    assert not Path(file).exists()
    period.fails_after = None
    assert main(["export", "--output", file]) == 0
    assert "3 runs are in" in capsys.readouterr().err
    assert len(period.asked[1]["without"]) == 3
    assert period.asked[0]["since"] == period.asked[1]["since"]
    rows = parquet.read_table(file).to_pylist() if file.endswith("parquet") else exported()
    keys = [(row["run"], row["attempt"]) for row in rows]
    assert len(keys) == len(set(keys)) == 7


@pytest.mark.parametrize(
    ("first", "other"),
    [([], ["--since", "7 d"]), ([], ["--month", "2026-09"]), (["--month", "2026-09"], ["--month", "2026-10"])],
)
def test_another_period_does_not_go_on_from_a_part(
    first: list[str], other: list[str], period: Period, capsys: pytest.CaptureFixture[str]
) -> None:
    period.fails_after = 2
    main(["export", "--output", "runs.jsonl", *first])
    assert main(["export", "--output", "runs.jsonl", *other]) == 1
    assert "is a part of another export" in capsys.readouterr().err


def test_without_pyarrow_the_message_says_how_to_get_it_before_anything_is_read(
    period: Period, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert main(["export", "--output", "runs.parquet"]) == 1
    assert "pipx install --force '.[parquet]'" in capsys.readouterr().err
    assert period.asked == []
    assert main(["export", "--output", "runs.jsonl"]) == 0


@pytest.mark.usefixtures("period")
def test_a_full_disk_is_lost_output(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    full = Mock(side_effect=OSError(errno.ENOSPC, "No space left on device"))
    monkeypatch.setattr("respot_cli.export.command.write_parquet", full)
    assert main(["export", "--output", "runs.parquet"]) == ExitCode.OUTPUT_LOST
    assert "runs.parquet cannot be written" in capsys.readouterr().err


def test_what_cannot_be_read_is_counted_and_named(period: Period, capsys: pytest.CaptureFixture[str]) -> None:
    period.unreadable = UnreadableItemError("job#1", "state", "status is no text")
    assert main(["export", "--output", "runs.jsonl"]) == 5
    assert "job#1 state could not be read: status is no text" in capsys.readouterr().err
    assert len(exported()) == 7


def test_a_run_whose_figures_nobody_can_add_up_stops_no_other(
    period: Period, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = run_attempt(FIRST_LIFE, billed=(7800, 2600), instance_count=10**15)
    period.runs = (RecordedRun(run=RunId(f"{REGION}/broken/0"), attempts=(broken,)), *period.runs)
    assert main(["export", "--output", "runs.jsonl"]) == 5
    assert f"{REGION}/broken/0 could not be read" in capsys.readouterr().err
    assert len(exported()) == 7


def test_a_folder_in_the_files_place_is_said_before_anything_is_read(
    period: Period, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("runs.jsonl").mkdir()
    assert main(["export", "--output", "runs.jsonl"]) == 2
    assert "runs.jsonl cannot be written" in capsys.readouterr().err
    assert period.asked == []


def test_a_region_is_chosen(period: Period) -> None:
    elsewhere = replace(RESUMED, run=RunId("eu-west-1/other/0"))
    period.runs = (*period.runs, elsewhere)
    main(["export", "--output", "runs.jsonl", "--region", "eu-west-1"])
    assert {row["run"] for row in exported()} == {"eu-west-1/other/0"}


def test_an_empty_period_makes_an_empty_file(period: Period) -> None:
    period.runs = ()
    for file in ("runs.jsonl", "runs.parquet"):
        assert main(["export", "--output", file]) == 0
    assert Path("runs.jsonl").read_bytes() == b""
    assert parquet.read_table("runs.parquet").num_rows == 0


@pytest.mark.parametrize("arguments", [("--output", "runs.csv"), ("--output", ".jsonl"), ()])
def test_wrong_usage_exits_with_2(arguments: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["export", *arguments])
    assert ended.value.code == 2


def test_going_on_reads_no_run_again(
    dynamodb: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The period's own reader, on moto: of a run that is there already, only its summary is read."""
    for number in range(4):
        write(dynamodb, *named([run_attempt(FIRST_LIFE, billed=(7800, 2600))], f"job-{number}"))
    calls = Counter[str]()
    session = boto3.Session(region_name=REGION)
    session.events.register("before-call.dynamodb.*", lambda model, **_: calls.update([model.name]))
    outputs = {"LedgerTableName": TABLE, "AlertsTopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:alerts"}
    found = Deployment(session=session, outputs=outputs)
    monkeypatch.setattr(deployment, "find", lambda _: found)
    monkeypatch.setattr(command, "_now", lambda: NOW)
    monkeypatch.setattr(options, "chosen_prices", lambda *_: Prices("1.515"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(PartFile, "finish", lambda *_: 0)
    assert main(["export", "--output", "runs.jsonl"]) == 0
    whole, first = Path("runs.jsonl.part").read_text(), calls["Query"]
    Path("runs.jsonl.part").write_text("".join(whole.splitlines(keepends=True)[:3]))
    calls.clear()
    assert main(["export", "--output", "runs.jsonl"]) == 0
    assert Path("runs.jsonl.part").read_text() == whole
    assert (first - calls["Query"]) % 3 == 0
    assert calls["Query"] < first
