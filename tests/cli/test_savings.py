"""`respot savings`: gross, net and lost of a period, in hours and money, in four forms."""

import csv
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import boto3
import pytest
from rich.console import Console

import respot.savings.receipt
from respot.aws.dynamodb.keys import partition_of
from respot.jobs.job import Market
from respot.jobs.lifecycle import figures
from respot.recovery.planning.run import RunId, run_id
from respot.runs.period import RecordedRun, StoredFigures
from respot.runs.run_state import RunAttempt
from respot.savings.money import NO_PRICES, Prices
from respot.savings.receipt import RunReceipt, receipt_of
from respot.savings.span import Span, exactly
from respot.savings.totals import Group, total, totals_by
from respot.savings.wall_clock import Segment
from respot.savings.work import Kept, kept_of
from respot.schema import PK, SK
from respot_cli import deployment
from respot_cli.deployment import Deployment
from respot_cli.errors import ExitCode
from respot_cli.main import main
from respot_cli.period import Period
from respot_cli.savings import command
from respot_cli.savings.figures import Savings, document_of, row_of
from respot_cli.savings.focus import COLUMNS, as_csv, focus_of
from respot_cli.savings.verify import verify
from respot_cli.savings.view import render
from tests.support.builders import ACCOUNT, REGION, at, job_id
from tests.support.moto_aws import TABLE
from tests.support.receipts import (
    NOW,
    TWO_PRICES,
    OnePrice,
    PriceOf,
    cheap_and_expensive,
    receipt,
    resumed_run,
    run_attempt,
)
from tests.support.stored_runs import named, write

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

TWICE: Final = "Starting=0 Downloading=100 Training=200 Interrupted=1200 Starting=1300 Downloading=2000 Training=2200"
IN_DOUBT: Final = run_attempt(f"{TWICE} Completed=4200", billed=(3100, 1000), tags={"team": "=cmd()|x\u202e"})
ON_DEMAND: Final = run_attempt("Starting=0 Training=60 Completed=3660", billed=(3600, 3600), market=Market.ON_DEMAND)


def shown(
    *receipts: RunReceipt,
    by: Group | None = None,
    price: str = "",
    width: int = 120,
    prices: Prices = NO_PRICES,
) -> str:
    prices = OnePrice(price) if price else prices
    savings = Savings(
        period=Period(since=at(0), now=NOW, receipts=receipts, stored={}, computed={}, unread={}),
        receipts=receipts,
        summed=total(receipts, prices),
        by=by,
        groups=totals_by(by, receipts, prices) if by else {},
        price_source="prices of a test" if price else "",
        verification=None,
    )
    console = Console(width=width, highlight=False)
    with console.capture() as captured:
        console.print(render(savings, commands=[("respot pools", "pools")]))
    return captured.get()


def lines(said: str) -> dict[str, list[str]]:
    """The cells of each line, by its first one."""
    cells = [re.split(r"\s{2,}", line.strip()) for line in said.splitlines()]
    return {first: rest for first, *rest in cells}


# --- for people -----------------------------------------------------------------------------------------------------


def test_the_sums_and_where_the_time_went() -> None:
    said = lines(shown(receipt(*resumed_run()), price="1.2575"))
    assert said["Training time"] == ["3.27", "4.11"]
    assert said["Billed"] == ["1.09", "1.37"]
    assert said["Saved, gross"] == ["2.18", "2.74", "66.7"]
    assert said["Lost training"] == ["0.17", "0.21"]
    assert said["Saved, net"] == ["1.84", "2.32", "62.9"]
    assert said["training"][:2] == ["2 h 50 min", "72.0 %"]
    assert said["between attempts"][:2] == ["10 min", "4.2 %"]


def test_doubt_is_a_range_and_says_why() -> None:
    said = shown(receipt(IN_DOUBT))
    # Less than an hour in all: with four digits.
    assert lines(said)["Saved, net"] == ["0.2500 to 0.5278", "47.4 to 65.5"]
    assert "16 min of training may have been lost, too: checkpoints do not say" in said
    assert "USD" not in said


def test_where_perhaps_nothing_was_useful_only_the_most_is_said() -> None:
    lost = run_attempt(f"{TWICE} MaxWaitTimeExceeded=4200", billed=(3300, 1000))
    assert lines(shown(receipt(lost)))["Saved, net"][1] == "at most 67.7"
    nothing = run_attempt(f"{TWICE} MaxWaitTimeExceeded=4200", billed=(3300, 1000), checkpoint_uri=None)
    assert lines(shown(receipt(nothing)))["Saved, net"] == ["-0.2778", "no useful work"]


def test_percentages_say_what_they_are_of() -> None:
    """Of money 20.2 and -59.0 %, and of hours 55 and 40 %: tests/savings/test_totals.py has them by hand."""
    runs = [receipt(*each) for each in cheap_and_expensive()]
    of_money = shown(*runs, by=Group.TEAM, prices=PriceOf(TWO_PRICES))
    assert "% of USD" in of_money
    assert lines(of_money)["Saved, gross"] == ["11.00", "66.58", "20.2"]
    assert lines(of_money)["Saved, net"] == ["6.00", "-97.28", "-59.0"]
    assert lines(of_money)["speech"] == ["1", "8.00", "20.0", "-60.0", "5.00", "-98.32"]
    assert "*" not in of_money
    without = shown(*runs, by=Group.TEAM)
    assert "% of hours" in without
    assert lines(without)["Saved, net"] == ["6.00", "40.0"]
    assert "*" not in without
    some = shown(*runs, by=Group.TEAM, prices=PriceOf({"ml.m5.large": TWO_PRICES["ml.m5.large"]}))
    assert "% of hours" in some
    assert lines(some)["Saved, net"] == ["6.00", "1.04", "40.0"]
    assert lines(some)["vision"] == ["1", "1.00", "90.0", "90.0", "0.00", "1.04"]
    assert lines(some)["speech"] == ["1", "8.00", "20.0*", "-60.0*", "5.00"]
    assert "* of instance-hours" in some


def test_groups_show_each_team_and_no_control_character() -> None:
    said = shown(receipt(*resumed_run()), receipt(*named([IN_DOUBT], "other")), by=Group.TEAM, price="1")
    assert lines(said)["vision"] == ["1", "1.09", "66.7", "62.9", "0.17", "1.84"]
    assert "=cmd()|x" in said
    assert "\u202e" not in said


def test_what_is_not_billed_yet_is_not_said_to_be_useless() -> None:
    goes_on = run_attempt("Starting=0 Training=60")
    said = shown(receipt(goes_on))
    assert "1 attempt has no bill yet, or none that is known" in said
    assert "no useful work" not in said
    in_vain = run_attempt("Starting=0 Training=60 MaxWaitTimeExceeded=660", billed=(600, 200), checkpoint_uri=None)
    assert lines(shown(receipt(in_vain)))["Saved, net"][-1] == "no useful work"


def test_nothing_is_below_zero_by_a_rounded_hair() -> None:
    dear = receipt(run_attempt("Starting=0 Training=100 Completed=7300", billed=(7200, 7200.001)))
    said = lines(shown(dear, price="1"))
    assert (said["Saved, gross"], said["Saved, net"]) == (["0.00", "0.00", "0.0"],) * 2
    assert "-" not in json.dumps([document_of(total([dear], OnePrice("1"))), row_of(total([dear]))], default=str)


def test_no_runs_are_said_to_be_none() -> None:
    assert "No run on spot since" in shown()


@pytest.mark.parametrize("width", [40, 80])
def test_narrow_terminals_lose_no_figure(width: int) -> None:
    said = shown(receipt(*resumed_run()), price="1.2575", width=width)
    for word in ("2.32", "62.9", "between attempts", "respot pools"):
        assert word in said


# --- FOCUS ----------------------------------------------------------------------------------------------------------

SPECIFIED: Final[dict[str, dict[str, Any]]] = json.loads((Path(__file__).parent / "focus_1_0.json").read_text())[
    "columns"
]
"""The rules of each column, taken from the specification's own pages; the file says which."""
NUMERIC: Final = re.compile(r"-?\d+(\.\d+)?(E-?\d+)?")
DATE_TIME: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z")


def rows_of(*receipts: RunReceipt) -> list[dict[str, str]]:
    focus = focus_of(receipts, OnePrice("1.2575"), account=ACCOUNT)
    return list(csv.DictReader(io.StringIO(as_csv(focus.rows))))


def test_focus_has_each_mandatory_column_first_and_our_own_after_them() -> None:
    own = [name for name in COLUMNS if name.startswith("x_")]
    # These two must not be null in a row of usage, and only AWS knows them.
    assert sorted(SPECIFIED.keys() - {"SkuId", "SkuPriceId"}) == [name for name in COLUMNS if name not in own]
    assert "Mandatory" not in {SPECIFIED[name]["level"] for name in ("SkuId", "SkuPriceId")}
    assert list(COLUMNS[-len(own) :]) == own
    assert all(re.fullmatch(r"x_[A-Z][A-Za-z]{1,47}", name) for name in own)


def test_focus_keeps_the_rules_of_each_column() -> None:
    rows = rows_of(receipt(*resumed_run()), receipt(*named([IN_DOUBT], "other")))
    assert len(rows) == 3
    for row in rows:
        for name, rule in SPECIFIED.items():
            value = row.get(name, "")
            if not value:
                assert rule["nulls"] or name not in COLUMNS, name
                continue
            if rule["type"] == "Decimal":
                assert NUMERIC.fullmatch(value), name
                assert "minimum" not in rule or Decimal(value) >= rule["minimum"], name
            if rule["type"] == "Date/Time":
                assert DATE_TIME.fullmatch(value), name
            if rule["format"] == "Currency Code Format":
                assert re.fullmatch("[A-Z]{3}", value), name
            if rule["format"] == "Key-Value Format":
                assert all(isinstance(each, str) for each in json.loads(value).values()), name
            assert "allowed" not in rule or value in rule["allowed"], name


def test_focus_keeps_the_rules_between_columns() -> None:
    """Of a usage charge: quantity times unit price is the cost, exactly, and what must not be null is not."""
    for row in rows_of(receipt(*resumed_run())):
        for price, cost in (("ListUnitPrice", "ListCost"), ("ContractedUnitPrice", "ContractedCost")):
            assert Decimal(row[price]) * Decimal(row["PricingQuantity"]) == Decimal(row[cost])
        for name in ("PricingCategory", "PricingUnit", "ConsumedQuantity", "RegionId", "RegionName", "ResourceType"):
            assert row[name]
        assert row["RegionName"] == "US East (N. Virginia)"
        assert row["ChargePeriodStart"] < row["ChargePeriodEnd"] <= row["BillingPeriodEnd"] == "2026-10-01T00:00:00Z"
        assert row["BillingPeriodStart"] == "2026-09-01T00:00:00Z"


def test_focus_writes_no_exponent() -> None:
    """ "The sign of the exponent MUST only be expressed … if n is negative": 1E+2 is forbidden."""
    (row,) = rows_of(
        receipt(run_attempt("Starting=0 Training=60 Completed=360060", billed=(360_000, 1)), now=at(400_000))
    )
    assert (row["PricingQuantity"], row["x_BilledHours"]) == ("100", "0.000277778")


def test_focus_names_each_row_by_its_run_and_attempt() -> None:
    """The ARN is no key: a job that was deleted and created again has the same one."""
    again = run_attempt("Starting=90000 Training=90060 Completed=93660", billed=(3600, 1200))
    assert again.state
    later = receipt_of(run_id(again.state.job), [again], now=NOW)
    rows = rows_of(receipt(*resumed_run()), later)
    assert (len(rows), len({row["ResourceId"] for row in rows})) == (3, 2)
    assert len({(row["x_RunId"], row["x_AttemptNumber"]) for row in rows}) == 3


def test_focus_has_the_net_figures_of_the_totals() -> None:
    summed = total([receipt(*resumed_run())], OnePrice("1.2575")).money["USD"]
    rows = rows_of(receipt(*resumed_run()))

    def sum_of(name: str) -> float:
        return float(sum(Decimal(row[name]) for row in rows))

    assert sum_of("x_NetSavedCostLeast") == pytest.approx(float(summed.saved_net.low), abs=1e-6)
    assert sum_of("x_GrossSavedCost") == pytest.approx(float(summed.saved_gross), abs=1e-6)
    assert sum_of("BilledCost") == pytest.approx(float(summed.billed), abs=1e-6)
    assert [row["PricingCategory"] for row in rows] == ["Dynamic", "Dynamic"]


# --- --verify -------------------------------------------------------------------------------------------------------


def computed_of(*attempts: RunAttempt) -> Mapping[Any, StoredFigures]:
    return RecordedRun(run=RunId("us-east-1/spot-job/0"), attempts=attempts).computed


def stored_of(*attempts: RunAttempt) -> dict[Any, StoredFigures]:
    return {
        each.state.job: StoredFigures(figures=figures(each.transitions), savings_percent=66.67)
        for each in attempts
        if each.state
    }


def test_verify_compares_with_what_is_stored_and_summed() -> None:
    attempts = resumed_run()
    receipts = [receipt(*attempts)]
    found = verify(receipts, stored_of(*attempts), computed_of(*attempts), total(receipts))
    assert (found.jobs, found.differences, found.counted_by_aws, found.counted_otherwise) == (2, (), 2, ())
    assert verify(receipts, {}, computed_of(*attempts), total(receipts)).without_figures == 2


def created(attempt: RunAttempt, seconds: float) -> RunAttempt:
    """The same attempt, of a job that was created then."""
    assert attempt.state is not None
    return replace(attempt, state=replace(attempt.state, job=job_id(created=at(seconds))))


OVERLAPPING: Final = run_attempt("Starting=8300 Training=8350 Completed=14160", 2, billed=(5810, 1937))


@pytest.mark.parametrize(
    "attempts",
    [
        pytest.param((resumed_run()[0], OVERLAPPING), id="the next attempt began before the end was written"),
        pytest.param(
            (created(run_attempt("Starting=0 Training=100 Completed=500", billed=(400, 134)), 150),),
            id="created after its first transition",
        ),
        pytest.param(
            (run_attempt("Starting=0 Training=100", billed=(400, 134), status="Completed", training_ended=at(500)),),
            id="its end is not written yet",
        ),
        pytest.param((run_attempt("Starting=0 Downloading=100 Completed=500 Training=510 Deleting=900"),), id="late"),
        pytest.param((run_attempt("Starting=0 Training=100 Completed=500 Interrupted=510"),), id="late interruption"),
        pytest.param((run_attempt("Starting=0 Training=100 Interrupted=200 Training=200"),), id="a short interruption"),
        pytest.param(
            (run_attempt("Starting=0 Interrupted=100 Training=400 Completed=500", training_started=at(200)),),
            id="instances before the next status",
        ),
    ],
)
def test_verify_says_nothing_of_an_honest_ledger(attempts: Sequence[RunAttempt]) -> None:
    receipts = [receipt(*attempts)]
    assert verify(receipts, computed_of(*attempts), computed_of(*attempts), total(receipts)).differences == ()


def test_verify_finds_what_differs() -> None:
    attempts = resumed_run()
    receipts = [receipt(*attempts)]
    stored = stored_of(*attempts)
    job = next(iter(stored))
    known = stored[job].figures
    assert known is not None
    stored[job] = StoredFigures(figures=replace(known, interruptions=3, trained=timedelta(hours=1)), savings_percent=1)
    wrong = replace(total(receipts), billed=timedelta(hours=9))
    differences = "\n".join(verify(receipts, stored, computed_of(*attempts), wrong).differences)
    for words in (
        "3 interruptions are stored",
        "1 h 00 min of training are stored",
        "savings of 1.00 %",
        "billed time",
    ):
        assert words in differences
    stored[job] = StoredFigures(figures=replace(known, waited=timedelta(minutes=1)), savings_percent=None)
    assert verify(receipts, stored, computed_of(*attempts), total(receipts)).differences == (
        "spot-job: 1 min of waiting are stored, the transitions have 10 min",
        "spot-job: savings of no known share are stored, AWS's formula gives 66.67 %",
    )
    longer = [receipt(run_attempt("Starting=0 Training=60 Completed=3660", billed=(1800, 600)))]
    (said,) = verify(longer, {}, {}, total(longer)).counted_otherwise
    assert "AWS counts 30 min of training time, the transitions show instances for 1 h 00 min" in said


def test_verify_finds_more_work_kept_than_done(monkeypatch: pytest.MonkeyPatch) -> None:
    def doubled(attempts: Sequence[RunAttempt], lines: Sequence[Segment]) -> Kept:
        kept = kept_of(attempts, lines)
        return replace(kept, spans={each: exactly(each.length * 2) for each in kept.spans})

    monkeypatch.setattr(respot.savings.receipt, "kept_of", doubled)
    broken = [receipt(resumed_run()[0])]
    assert verify(broken, {}, {}, total(broken)).differences == (
        "spot-job: a part of its time ends before it begins",
        "spot-job: training kept is 4 h 00 min to 4 h 00 min, of 2 h 00 min",
        "spot-job: training lost is -2 h 00 min to -2 h 00 min, of 2 h 00 min",
        "spot-job: the same work, uninterrupted, is 4 h 10 min to 4 h 10 min, of 2 h 10 min",
    )


@pytest.mark.parametrize(("low", "high"), [(-1, 10), (9, 8), (0, 20_000)])
@pytest.mark.parametrize("figure", ["kept", "lost", "uninterrupted"])
def test_verify_finds_a_figure_beyond_its_whole(figure: str, low: float, high: float) -> None:
    found = receipt(*resumed_run())
    first, second = found.attempts
    wrong: Any = {figure: Span(low=timedelta(seconds=low), high=timedelta(seconds=high))}
    broken = [replace(found, attempts=(replace(first, **wrong), second))]
    (said,) = verify(broken, {}, {}, total(broken)).differences
    assert said.startswith("spot-job: ")


def test_verify_finds_an_interruption_that_broke_nothing_off() -> None:
    found = receipt(run_attempt("Starting=0 Training=100 Interrupted=200 Training=200 Completed=300"))
    (attempt,) = found.attempts
    without = tuple(each for each in attempt.segments if each.status != "Interrupted")
    broken = [replace(found, attempts=(replace(attempt, segments=without),))]
    assert verify(broken, {}, {}, total(broken)).differences == (
        "spot-job: 0 interruptions on its timeline, 1 in its transitions",
    )


# --- the command ----------------------------------------------------------------------------------------------------


@pytest.fixture
def ledger(dynamodb: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch) -> "DynamoDBClient":
    """A deployment on moto, at a fixed time."""
    outputs = {"LedgerTableName": TABLE, "AlertsTopicArn": f"arn:aws:sns:{REGION}:{ACCOUNT}:alerts"}
    found = Deployment(session=boto3.Session(region_name=REGION), outputs=outputs)
    monkeypatch.setattr(deployment, "find", lambda _: found)
    monkeypatch.setattr(command, "_now", lambda: NOW)
    return dynamodb


@pytest.fixture
def prices(tmp_path: Path) -> str:
    file = tmp_path / "prices.csv"
    file.write_text("region,instance_type,per_hour,currency\nus-east-1,ml.g5.2xlarge,1.2575,USD\n")
    return str(file)


def test_the_forms_have_equal_figures(
    ledger: "DynamoDBClient", prices: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write(ledger, *resumed_run())
    write(ledger, *named([IN_DOUBT], "other"))
    write(ledger, *named([ON_DEMAND], "never-spot"))

    def said(*words: str) -> str:
        assert main(["savings", "--prices", prices, *words]) == ExitCode.DONE
        return capsys.readouterr().out

    document = json.loads(said("--json", "--by", "team", "--verify"))
    whole = document["total"]
    # By hand: 3920 s + 1000 s billed of 11,760 s + 3100 s; net of 10,560 s + 1900 s at least.
    assert whole["billed_hours"] == pytest.approx(4920 / 3600, abs=1e-4)
    assert whole["saved_net_hours"]["least"] == pytest.approx((10_560 + 1900 - 4920) / 3600, abs=1e-4)
    assert whole["money"]["USD"]["billed"] == str(round(Decimal(4920) / 3600 * Decimal("1.2575"), 2)) == "1.72"
    assert sum(each["billed_hours"] for each in document["groups"].values()) == pytest.approx(whole["billed_hours"])
    assert document["verified"]["differences"] == []
    assert document["on_demand_only_runs"] == 1
    (row,) = csv.DictReader(io.StringIO(said("--format", "csv")))
    assert (float(row["billed_hours"]), row["billed_cost"]) == (whole["billed_hours"], "1.72")
    assert float(row["hours_without_price"]) == 0
    focus = list(csv.DictReader(io.StringIO(said("--format", "focus"))))
    assert round(sum(Decimal(each["BilledCost"]) for each in focus), 2) == Decimal("1.72")
    text = lines(said())
    assert text["Billed"] == ["1.37", "1.72"]


def test_json_and_csv_say_what_percentages_are_of(
    ledger: "DynamoDBClient", tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, attempts in enumerate(cheap_and_expensive()):
        write(ledger, *named(attempts, f"run-{number}"))

    def of(*rows: str) -> tuple[Any, ...]:
        file = tmp_path / "prices.csv"
        file.write_text("\n".join(("region,instance_type,per_hour,currency", *rows, "")))
        found = []
        for chosen in ("json", "csv"):
            assert main(["savings", "--prices", str(file), "--format", chosen]) == ExitCode.DONE
            found.append(capsys.readouterr().out)
        whole = json.loads(found[0])["total"]
        (row,) = csv.DictReader(io.StringIO(found[1]))
        net = whole["saved_net_percent"]
        assert (row["percent_of"], float(row["saved_gross_percent"])) == (
            whole["percent_of"],
            whole["saved_gross_percent"],
        )
        assert (
            {float(row[f"saved_net_percent_{each}"]) for each in ("least", "most")} == {net["least"]} == {net["most"]}
        )
        return whole["percent_of"], whole["saved_gross_percent"], net["most"]

    cheap, expensive = (f"us-east-1,{name},{amount},{currency}" for name, (amount, currency) in TWO_PRICES.items())
    assert of(cheap, expensive) == ("money", 20.24, -58.95)
    assert of(cheap) == ("instance_hours", 55, 40)
    assert of(cheap, expensive.replace("USD", "EUR")) == ("instance_hours", 55, 40)


def test_verify_notices_a_transition_that_somebody_deleted(
    ledger: "DynamoDBClient", prices: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write(ledger, IN_DOUBT)
    found = ledger.scan(TableName=TABLE)["Items"]
    (gone,) = (item for item in found if item.get("status") == {"S": "Interrupted"})
    ledger.delete_item(TableName=TABLE, Key={name: gone[name] for name in (PK, SK)})
    assert main(["savings", "--verify", "--prices", prices]) == ExitCode.NOT_DONE
    assert "1 interruptions are stored, the transitions have 0" in capsys.readouterr().out


def test_a_spreadsheet_takes_no_team_for_a_formula(
    ledger: "DynamoDBClient", prices: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write(ledger, IN_DOUBT)
    assert main(["savings", "--format", "csv", "--by", "team", "--prices", prices]) == ExitCode.DONE
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert row["team"] == "'=cmd()|x\u202e"


def test_a_row_of_several_currencies_has_no_money_and_says_it(
    ledger: "DynamoDBClient", tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(ledger, *resumed_run())
    write(ledger, *named(resumed_run(instance_type="ml.p3.2xlarge"), "other"))
    file = tmp_path / "prices.csv"
    rows = ("us-east-1,ml.g5.2xlarge,1,USD", "us-east-1,ml.p3.2xlarge,1,EUR")
    file.write_text("\n".join(("region,instance_type,per_hour,currency", *rows)))
    assert main(["savings", "--format", "csv", "--prices", str(file)]) == ExitCode.DONE
    said = capsys.readouterr()
    (row,) = csv.DictReader(io.StringIO(said.out))
    assert (row["currency"], row["billed_cost"]) == ("", "")
    assert "no money in rows of several currencies" in said.err


def test_a_run_that_cannot_be_read_is_counted_and_said(
    ledger: "DynamoDBClient", prices: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write(ledger, *resumed_run())
    write(ledger, *named([IN_DOUBT], "odd"))
    key = {"pk": {"S": partition_of(job_id("odd"))}, "sk": {"S": "outcome"}}
    ledger.put_item(TableName=TABLE, Item=key | {"kind": {"S": "dream\u001b[31m"}})
    assert main(["savings", "--json", "--prices", prices]) == ExitCode.INCOMPLETE
    said = capsys.readouterr()
    document = json.loads(said.out)
    assert (document["total"]["runs"], list(document["unread"])) == (1, [f"{partition_of(job_id('odd'))} outcome"])
    assert "its run is left out" in said.err
    assert "\x1b" not in said.err


def test_without_a_price_there_are_hours_and_no_focus(
    ledger: "DynamoDBClient", tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(ledger, *resumed_run())
    file = tmp_path / "prices.csv"
    file.write_text("region,instance_type,per_hour,currency\neu-west-1,ml.g5.2xlarge,1,EUR\n")
    assert main(["savings", "--json", "--prices", str(file)]) == ExitCode.DONE
    document = json.loads(capsys.readouterr().out)
    assert (document["total"]["money"], document["prices"]) == ({}, None)
    assert document["total"]["hours_without_price"] == document["total"]["billed_hours"]
    assert main(["savings", "--format", "csv", "--prices", str(file)]) == ExitCode.DONE
    (row,) = csv.DictReader(io.StringIO(capsys.readouterr().out))
    assert float(row["hours_without_price"]) == document["total"]["billed_hours"]
    assert main(["savings", "--format", "focus", "--prices", str(file)]) == ExitCode.NOT_DONE
    assert "give --prices FILE" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [("--since", "soon"), ("--since", "999 d"), ("--by", "moon"), ("--format", "xml"), ("--since", "0 d")],
)
def test_wrong_usage_is_refused(words: Sequence[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["savings", *words])


@pytest.mark.parametrize("words", [("--verify", "--format", "csv"), ("--by", "team", "--format", "focus")])
def test_what_contradicts_itself_is_refused(words: Sequence[str]) -> None:
    assert main(["savings", *words]) == ExitCode.USAGE


def test_the_price_is_of_the_moment_the_attempt_ended() -> None:
    asked: list[datetime] = []

    class Noting(OnePrice):
        def on_demand(self, region: str, instance_type: str, at: datetime) -> Any:  # noqa: ANN401 - as its base
            asked.append(at)
            return super().on_demand(region, instance_type, at)

    total([receipt(*resumed_run())], Noting("1"))
    assert asked == [at(8400), at(14160)]
