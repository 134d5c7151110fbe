"""What each section of the report says, by hand."""

from dataclasses import replace
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respot.savings.receipt import RunReceipt
from respot_cli.report.build import report_of
from respot_cli.report.view_model import Report, Section
from respot_cli.report.words import NOT_KNOWN
from tests.support.builders import at
from tests.support.receipts import TWO_PRICES, PriceOf, cheap_and_expensive, receipt, resumed_run, run_attempt
from tests.support.records import decision_record
from tests.support.sample_report import SUBJECT, sample_receipts
from tests.support.stored_runs import named

IN_DOUBT: Final = run_attempt(
    "Starting=0 Downloading=100 Training=200 Interrupted=1200 Starting=1300 Training=2200 Completed=4200",
    billed=(3100, 1000),
)
LONG: Final = run_attempt(
    "Starting=0 Training=3600 Interrupted=25200 Starting=25260 Training=28800 Interrupted=50400 Training=50460 "
    "Completed=72000",
    billed=(64_740, 20_000),
)


def reported(*receipts: RunReceipt) -> Report:
    return report_of(receipts, SUBJECT, with_charts=False)


def section(report: Report, anchor: str) -> Section:
    return next(each for each in report.sections if each.anchor == anchor)


def test_the_bill_is_a_part_of_what_the_same_work_costs_on_demand() -> None:
    paid, saved = reported(receipt(*resumed_run())).bill
    assert (paid.kind, saved.kind) == ("paid", "saved")
    assert paid.width == pytest.approx(3_920 / 10_560 * 100)
    assert paid.width + saved.width == pytest.approx(100)
    assert saved.left == paid.width


def test_a_run_that_cost_more_than_on_demand_has_saved_nothing() -> None:
    """It has no checkpoints: 1000 s of its 3100 s are lost for sure, and 3000 s are billed."""
    life = "Starting=0 Downloading=100 Training=200 Interrupted=1200 Starting=1300 Training=2200 Completed=4200"
    report = reported(receipt(run_attempt(life, billed=(3100, 3000), checkpoint_uri=None)))
    assert [(part.kind, part.width) for part in report.bill] == [("paid", 100)]
    assert report.headline[1].startswith("\N{MINUS SIGN}")


def cells(report: Report, anchor: str) -> list[dict[str, str]]:
    table = section(report, anchor).table
    assert table is not None
    rows = [[cell.replace("\N{NO-BREAK SPACE}", " ") for cell in row] for row in table.rows]
    return [dict(zip(table.columns, row, strict=True)) for row in rows]


def test_percentages_bars_and_words_are_of_money_where_it_is_known() -> None:
    """Billed 262.30 of 165.01, since the expensive run lost half of its work; of hours, 9 of 15 were billed."""
    runs = [receipt(*each) for each in cheap_and_expensive()]
    report = report_of(runs, SUBJECT, prices=PriceOf(TWO_PRICES), with_charts=True)
    assert report.headline == ("Saved by spot, net of repeated work", "\N{MINUS SIGN}59.0\N{NO-BREAK SPACE}%")
    assert "were billed 262.30 USD" in report.lead
    assert "the same useful work costs 165.01." in report.lead
    assert [(part.kind, part.width) for part in report.bill] == [("paid", 100)]
    teams = {row["team"]: (row["Gross"], row["Net"]) for row in cells(report, "teams")}
    assert teams == {"vision": ("90.0 %", "90.0 %"), "speech": ("20.0 %", "\N{MINUS SIGN}60.0 %")}
    chart = section(report, "teams").chart
    assert chart is not None
    assert chart.alternative.replace("\N{NO-BREAK SPACE}", " ") == (
        "Saved, net, in USD: vision: 1.04 USD  (90.0 %); speech: \N{MINUS SIGN}98.32 USD  (\N{MINUS SIGN}60.0 %)."
    )


def test_percentages_of_hours_say_so_beside_money() -> None:
    runs = [receipt(*each) for each in cheap_and_expensive()]
    report = report_of(runs, SUBJECT, prices=PriceOf({"ml.m5.large": TWO_PRICES["ml.m5.large"]}), with_charts=False)
    assert report.headline[0] == "Saved by spot, net of repeated work (of instance-hours)"
    assert report.headline[1] == "40.0\N{NO-BREAK SPACE}%"
    teams = {row["team"]: row["Net"] for row in cells(report, "teams")}
    assert teams == {"vision": "90.0 %", "speech": "\N{MINUS SIGN}60.0 %*"}
    table = section(report, "teams").table
    assert table is not None
    assert table.note == "* of instance-hours."
    saved = {run.saved.replace("\N{NO-BREAK SPACE}", " ") for day in report.days for run in day.runs}
    assert saved == {"saved 90 % net, 90 % gross", "saved \N{MINUS SIGN}60 % net, 20 % gross of instance-hours"}


def test_a_run_on_two_types_has_percentages_of_money() -> None:
    """Billed 2,600 s at 1 and 1,320 s at 10, of 6,900 s and 3,660 s: 63.7 % net; of hours, it would be 62.9 %."""
    first, second = resumed_run()
    assert second.state is not None
    moved = replace(second, state=replace(second.state, instance_type="ml.p3.2xlarge"))
    prices = PriceOf({"ml.g5.2xlarge": ("1", "USD"), "ml.p3.2xlarge": ("10", "USD")})
    ((run,),) = (day.runs for day in report_of([receipt(first, moved)], SUBJECT, prices=prices).days)
    assert run.saved.replace("\N{NO-BREAK SPACE}", " ") == "saved 64 % net, 67 % gross"


def test_a_teams_tag_keeps_its_spelling() -> None:
    subject = replace(SUBJECT, team_tag="CostCenter")
    table = section(report_of([receipt(*resumed_run())], subject, with_charts=False), "teams").table
    assert table is not None
    assert (table.columns[0], table.caption) == ("CostCenter", "By the tag CostCenter")


def test_training_that_may_be_lost_is_a_class_of_its_own_and_all_add_up() -> None:
    """1000 s of training before the interruption may be lost, 2000 s after it are kept, of 4200 s."""
    time = section(reported(receipt(IN_DOUBT)), "time")
    assert time.table is not None
    shares = {row[0]: row[2].replace("\N{NO-BREAK SPACE}", " ") for row in time.table.rows}
    assert (shares["productive training"], shares["perhaps lost"]) == ("47.6 %", "23.8 %")
    assert [part.kind for part in time.bar][:2] == ["training", "doubtful"]
    assert sum(part.width for part in time.bar) == pytest.approx(100)
    assert "47.6 to 71.4" in time.lead
    ((run,),) = (day.runs for day in reported(receipt(IN_DOUBT)).days)
    assert [part.kind for part in run.lanes[0].parts] == [
        "queued",
        "downloading",
        "doubtful",
        "interrupted",
        "training",
    ]


def test_what_has_not_ended_has_no_bill_in_a_table() -> None:
    lives = receipt(run_attempt("Starting=0 Training=100"), now=at(500))
    table = section(reported(receipt(*resumed_run()), lives), "saved").table
    assert table is not None
    assert [row[0] for row in table.rows] == ["2026-09-16", "not ended"]
    assert table.rows[0][2:4] == ("65.33", "176.00")
    assert table.rows[1][2:6] == (NOT_KNOWN,) * 4


def test_pools_have_a_rate_from_ten_hours_on_and_waits_by_hour_and_weekday() -> None:
    """LONG holds its instance for 18 h (3600 to 25200, 28800 to 50400, 50460 to 72000), with two interruptions.

    It was created at 09:00 on a Wednesday: it waits 60 min then, 60 min from 16:00 and a minute from 23:00.
    """
    pools = section(reported(receipt(LONG)), "pools")
    assert pools.table is not None
    (row,) = pools.table.rows
    assert row[0] == "spot ml.g5.2xlarge us-east-1"
    assert float(row[4]) == pytest.approx(2 / (64_740 / 3600) * 100, abs=0.06)
    hours, weekdays = pools.more
    assert dict(zip(hours.columns, hours.rows[0], strict=True))["08 to 12 h"] == "1 h 00 min (1)"
    assert dict(zip(hours.columns, hours.rows[0], strict=True))["16 to 20 h"] == "1 h 00 min (1)"
    assert dict(zip(hours.columns, hours.rows[0], strict=True))["20 to 24 h"] == "1 min (1)"
    assert dict(zip(weekdays.columns, weekdays.rows[0], strict=True))["Wed"] == "1 h 00 min (3)"
    short = section(reported(receipt(*resumed_run())), "pools").table
    assert short is not None
    assert short.rows[0][4] == NOT_KNOWN


def test_a_short_runs_events_have_seconds_and_a_completed_ones_no_decision() -> None:
    done = run_attempt("Starting=0 Training=9 Completed=60", decision=decision_record())
    report = reported(receipt(IN_DOUBT), receipt(*named([done], "short")))
    by_name = {run.name: run for day in report.days for run in day.runs}
    assert (by_name["spot-job"].is_short, by_name["short"].is_short) == (False, True)
    assert [event.kind for event in by_name["short"].events] == [""]


def test_a_net_figure_that_may_be_below_zero_says_at_most() -> None:
    life = "Starting=0 Training=100 Interrupted=4000 Starting=4060 Training=4200 Completed=5000"
    ((run,),) = (day.runs for day in reported(receipt(run_attempt(life, billed=(4700, 1500)))).days)
    assert run.saved.replace("\N{NO-BREAK SPACE}", " ").startswith("saved at most 68 % net")


STATUSES: Final = st.sampled_from(
    ["Starting", "Pending", "Downloading", "Training", "Interrupted", "Uploading", "Stopping", "Completed", "Juggling"]
)


@given(
    st.lists(st.tuples(STATUSES, st.integers(0, 90_000)), min_size=1, max_size=12),
    st.integers(0, 100_000),
    st.booleans(),
)
def test_any_life_is_drawn_within_its_axis(life: list[tuple[str, int]], now: int, has_bill: bool) -> None:  # noqa: FBT001 - as hypothesis gives it
    script = " ".join(f"{status}={seconds}" for status, seconds in life)
    drawn = receipt(run_attempt(script, billed=(90, 30) if has_bill else None), now=at(now))
    ((run,),) = (day.runs for day in reported(drawn).days)
    for lane in run.lanes:
        assert all(part.left >= 0 and part.width >= 0 and part.left + part.width <= 100.001 for part in lane.parts)
        assert all(0 <= mark.left <= 100 for mark in lane.marks)
        assert sum(mark.kind == "interruption" for mark in lane.marks) == drawn.interruptions
    assert list(run.events) == sorted(run.events, key=lambda each: each.at)


def test_the_newest_days_are_unfolded_up_to_25_runs() -> None:
    days = reported(*sample_receipts(150)).days
    unfolded = [len(day.runs) for day in days if day.is_open]
    assert unfolded == [len(day.runs) for day in days[: len(unfolded)]]
    assert 1 <= sum(unfolded) <= 25 < sum(unfolded) + len(days[len(unfolded)].runs)
    (only,) = reported(*([receipt(*resumed_run())] * 30)).days
    assert only.is_open
