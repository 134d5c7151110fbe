"""Sums of receipts, by what people ask for."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from respot.jobs.job import Market
from respot.savings.money import NO_PRICES, Prices
from respot.savings.receipt import RunReceipt
from respot.savings.totals import Group, PercentOf, spot_runs, total, totals_by
from tests.support.receipts import (
    TWO_PRICES,
    OnePrice,
    PriceOf,
    cheap_and_expensive,
    receipt,
    resumed_run,
    run_attempt,
)

PLAIN = "Starting=0 Downloading=60 Training=160 Uploading=460 Completed=560"


def runs() -> list[RunReceipt]:
    """One run of the team vision on two types, and one of nobody on demand, a day later."""
    first, second = resumed_run()
    assert second.state is not None
    moved = replace(second, state=replace(second.state, instance_type="ml.p3.2xlarge"))
    later = " ".join(f"{word.split('=')[0]}={86_400 + int(word.split('=')[1])}" for word in PLAIN.split())
    alone = run_attempt(later, billed=(500, 500), market=Market.ON_DEMAND, tags={}, instance_type="ml.c5.xlarge")
    return [receipt(first, moved), receipt(alone, now=alone.state.last_modified)]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        (Group.TEAM, {"vision": (1, 3920), "": (1, 500)}),
        (Group.TYPE, {"ml.c5.xlarge": (1, 500), "ml.g5.2xlarge": (1, 2600), "ml.p3.2xlarge": (1, 1320)}),
        (Group.REGION, {"us-east-1": (2, 4420)}),
        (Group.DAY, {"2026-09-16": (1, 3920), "2026-09-17": (1, 500)}),
        (Group.MARKET, {"on-demand": (1, 500), "spot": (1, 3920)}),
    ],
)
def test_groups(group: Group, expected: dict[str, tuple[int, int]]) -> None:
    found = totals_by(group, runs())
    assert {key: (each.runs, each.billed.total_seconds()) for key, each in found.items()} == expected
    assert list(found) == list(expected)


def test_the_teams_tag_is_a_setting_whatever_its_case() -> None:
    assert list(totals_by(Group.TEAM, runs(), team_tag="TEAM")) == ["vision", ""]
    assert list(totals_by(Group.TEAM, runs(), team_tag="cost-centre")) == [""]


def test_runs_that_never_asked_for_spot_say_nothing_about_it() -> None:
    assert [each.name for each in spot_runs(runs())] == [runs()[0].name]


def test_currencies_are_never_added_and_what_has_no_price_is_counted() -> None:
    prices = PriceOf({"ml.g5.2xlarge": ("3.60", "USD"), "ml.p3.2xlarge": ("3.60", "CNY")})
    whole = total(runs(), prices)
    assert {currency: money.billed for currency, money in whole.money.items()} == {
        "USD": Decimal("2.6"),
        "CNY": Decimal("1.32"),
    }
    assert whole.unpriced == timedelta(seconds=500)
    assert whole.billed == timedelta(seconds=4420)


def two_runs() -> list[RunReceipt]:
    return [receipt(*each) for each in cheap_and_expensive()]


def test_percentages_are_of_money_where_all_that_is_billed_has_a_price() -> None:
    """Trained: 10 h at 0.115 and 10 h at 32.7726, 328.876. Billed: 1 h and 8 h, 262.2958.

    Useful: 10 h and 5 h, 165.013. Of hours, 40 % would be saved net.
    """
    whole = total(two_runs(), PriceOf(TWO_PRICES))
    assert (whole.percent_of, whole.currency) == (PercentOf.MONEY, "USD")
    assert whole.gross_percent == pytest.approx(100 * (1 - 262.2958 / 328.876), abs=1e-9)
    assert whole.net_percent == pytest.approx((-58.954628,) * 2, abs=1e-6)


CNY = {"ml.p4d.24xlarge": ("32.7726", "CNY")}


@pytest.mark.parametrize(
    "prices",
    [
        pytest.param(NO_PRICES, id="no price"),
        pytest.param(PriceOf({"ml.m5.large": ("0.115", "USD")}), id="a price is missing"),
        pytest.param(PriceOf(TWO_PRICES | CNY), id="two currencies"),
    ],
)
def test_otherwise_percentages_are_of_instance_hours(prices: Prices) -> None:
    """9 h were billed of 20 h trained, and of 15 h of useful work."""
    whole = total(two_runs(), prices)
    assert (whole.percent_of, whole.currency) == (PercentOf.INSTANCE_HOURS, None)
    assert whole.gross_percent == pytest.approx(55)
    assert whole.net_percent == pytest.approx((40, 40))


def test_each_group_has_percentages_of_its_own_kind() -> None:
    by_type = totals_by(Group.TYPE, two_runs(), PriceOf({"ml.m5.large": ("0.115", "USD")}))
    assert [each.percent_of for each in by_type.values()] == [PercentOf.MONEY, PercentOf.INSTANCE_HOURS]


def test_what_has_no_bill_needs_no_price_and_what_was_billed_at_nothing_does() -> None:
    goes_on = receipt(run_attempt("Starting=0 Training=60", instance_type="ml.new"))
    never_ran = receipt(run_attempt("Starting=0 MaxWaitTimeExceeded=60", instance_type="ml.new"))
    euro = OnePrice("1", "EUR")
    for prices in (PriceOf(TWO_PRICES), PriceOf(TWO_PRICES | {"ml.new": ("1", "EUR")})):
        assert total([*two_runs(), goes_on, never_ran], prices).currency == "USD"
    life = "Starting=0 Training=60 Completed=3660"
    for_nothing = receipt(run_attempt(life, billed=(3600, 0), instance_type="ml.new"))
    whole = total([*two_runs(), for_nothing], PriceOf(TWO_PRICES))
    assert (whole.currency, whole.unpriced) == (None, timedelta())
    assert whole.gross_percent == pytest.approx(100 * (1 - 9 / 21))
    assert total([for_nothing], euro).gross_percent == 100


def test_with_one_price_percentages_of_money_are_those_of_hours() -> None:
    first, second = resumed_run()
    hours, money = total([receipt(first, second)]), total([receipt(first, second)], OnePrice("1.2575"))
    assert (hours.percent_of, money.percent_of) == (PercentOf.INSTANCE_HOURS, PercentOf.MONEY)
    assert money.gross_percent == pytest.approx(hours.gross_percent, abs=1e-9)
    assert money.net_percent == pytest.approx(hours.net_percent, abs=1e-9)
