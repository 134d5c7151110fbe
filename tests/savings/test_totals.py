"""Sums of receipts, by what people ask for."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from respot.jobs.job import Market
from respot.savings.money import Price
from respot.savings.receipt import RunReceipt
from respot.savings.totals import Group, spot_runs, total, totals_by
from tests.support.receipts import OnePrice, receipt, resumed_run, run_attempt

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
    class Some:
        def on_demand(self, region: str, instance_type: str, at: datetime) -> Price | None:
            currency = {"ml.g5.2xlarge": "USD", "ml.p3.2xlarge": "CNY"}.get(instance_type)
            return OnePrice("3.60", currency).on_demand(region, instance_type, at) if currency else None

    whole = total(runs(), Some())
    assert {currency: money.billed for currency, money in whole.money.items()} == {
        "USD": Decimal("2.6"),
        "CNY": Decimal("1.32"),
    }
    assert whole.unpriced == timedelta(seconds=500)
    assert whole.billed == timedelta(seconds=4420)
