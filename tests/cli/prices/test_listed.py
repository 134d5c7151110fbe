import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
from botocore.exceptions import EndpointConnectionError

from respot_cli.prices.listed import FRESH_FOR, PriceListPrices
from tests.cli.prices.price_lists import FakePriceList, denied

NOW = datetime(2026, 11, 29, tzinfo=UTC)


def prices(client: FakePriceList, folder: Path, *, now: datetime = NOW) -> PriceListPrices:
    return PriceListPrices(client_of=lambda _: cast("Any", client), clock=lambda: now, folder=folder)


def test_a_region_is_asked_once_and_kept_for_a_day(tmp_path: Path) -> None:
    client = FakePriceList(size=100)
    first = prices(client, tmp_path)
    assert all(first.on_demand("us-east-1", name, NOW) for name in ("ml.g5.2xlarge", "ml.m5.large", "ml.g5.2xlarge"))
    kept = prices(client, tmp_path, now=NOW + FRESH_FOR).on_demand("us-east-1", "ml.g5.2xlarge", NOW)
    assert kept
    assert kept.amount == Decimal("1.515")
    assert len(client.calls) == 1
    prices(client, tmp_path, now=NOW + FRESH_FOR + timedelta(seconds=1)).on_demand("us-east-1", "ml.g5.2xlarge", NOW)
    assert len(client.calls) == 2


def test_the_source_says_when_the_prices_were_read(tmp_path: Path) -> None:
    prices(FakePriceList(), tmp_path).on_demand("us-east-1", "ml.m5.large", NOW)
    later = prices(FakePriceList(), tmp_path, now=NOW + timedelta(hours=22))
    assert later.source == ""
    later.on_demand("us-east-1", "ml.m5.large", NOW)
    assert later.source == "on-demand prices of AWS's price list, read 2026-11-29"


def test_without_the_permission_no_price_is_known_and_the_reason_is_said_once(tmp_path: Path) -> None:
    found = prices(FakePriceList(error=denied()), tmp_path)
    assert found.on_demand("us-east-1", "ml.g5.2xlarge", NOW) is None
    assert found.on_demand("us-east-1", "ml.m5.large", NOW) is None
    (why,) = found.why_unknown
    assert "pricing:GetProducts" in why
    assert why.endswith("ask your administrator for this permission")
    assert list(tmp_path.iterdir()) == []


def test_without_a_network_older_prices_are_used_and_dated(tmp_path: Path) -> None:
    prices(FakePriceList(), tmp_path).on_demand("us-east-1", "ml.g5.2xlarge", NOW)
    offline = FakePriceList(error=EndpointConnectionError(endpoint_url="https://api.pricing.us-east-1.amazonaws.com/"))
    found = prices(offline, tmp_path, now=NOW + timedelta(days=60))
    assert found.on_demand("us-east-1", "ml.g5.2xlarge", NOW)
    (why,) = found.why_unknown
    assert "prices of 2026-11-29 are used" in why
    assert len(offline.calls) == 1


def test_an_unknown_type_is_said_and_asked_for_again_after_a_day(tmp_path: Path) -> None:
    client = FakePriceList(size=100)
    found = prices(client, tmp_path)
    assert found.on_demand("us-east-1", "ml.new.xlarge", NOW) is None
    assert found.why_unknown == ("AWS's price list has no training price of ml.new.xlarge in us-east-1",)
    assert prices(client, tmp_path, now=NOW + timedelta(hours=12)).on_demand("us-east-1", "ml.new.xlarge", NOW) is None
    assert len(client.calls) == 1
    assert prices(client, tmp_path, now=NOW + timedelta(days=2)).on_demand("us-east-1", "ml.new.xlarge", NOW) is None
    assert len(client.calls) == 2


def test_without_a_network_it_is_asked_once_however_many_types_are_missing(tmp_path: Path) -> None:
    prices(FakePriceList(), tmp_path).on_demand("us-east-1", "ml.m5.large", NOW)
    offline = FakePriceList(error=denied())
    found = prices(offline, tmp_path, now=NOW + timedelta(days=2))
    assert [found.on_demand("us-east-1", f"ml.new{n}.xlarge", NOW) for n in range(3)] == [None] * 3
    assert len(offline.calls) == 1


@pytest.mark.parametrize("age", [timedelta(hours=12), timedelta(days=2)])
def test_no_price_changes_while_a_command_runs(age: timedelta, tmp_path: Path) -> None:
    """A type that is missing must not lead to a second read: the groups of a sum would not add up to it."""
    prices(FakePriceList(), tmp_path).on_demand("us-east-1", "ml.g5.2xlarge", NOW)
    client = FakePriceList(size=100)
    moment = [NOW + age]
    found = PriceListPrices(client_of=lambda _: cast("Any", client), clock=lambda: moment[0], folder=tmp_path)
    first = found.on_demand("us-east-1", "ml.g5.2xlarge", NOW)
    calls = len(client.calls)
    moment[0] += timedelta(days=3)
    assert found.on_demand("us-east-1", "ml.new.xlarge", NOW) is None
    assert found.on_demand("us-east-1", "ml.g5.2xlarge", NOW) == first
    assert len(client.calls) == calls


def test_an_empty_list_discards_no_price(tmp_path: Path) -> None:
    prices(FakePriceList(), tmp_path).on_demand("us-east-1", "ml.g5.2xlarge", NOW)
    for days in (2, 3):
        found = prices(FakePriceList(lists_nothing=True), tmp_path, now=NOW + timedelta(days=days))
        assert found.on_demand("us-east-1", "ml.g5.2xlarge", NOW)
        assert found.why_unknown == (
            "AWS's price list has no training prices of us-east-1; prices of 2026-11-29 are used",
        )
    without = prices(FakePriceList(lists_nothing=True), tmp_path / "new")
    assert without.on_demand("us-east-1", "ml.m5.large", NOW) is None


@pytest.mark.parametrize(
    ("region", "instance_type"),
    [("../../etc", "ml.g5.xlarge"), ("us-east-1", "ml.g5.xlarge+ml.c5.xlarge"), ("us-east-1", "<script>"), ("", "")],
)
def test_nothing_is_asked_or_written_for_a_name_that_is_none(region: str, instance_type: str, tmp_path: Path) -> None:
    client = FakePriceList()
    found = prices(client, tmp_path)
    assert found.on_demand(region, instance_type, NOW) is None
    assert client.calls == []
    assert found.why_unknown


@pytest.mark.parametrize(
    "kept",
    [
        "",
        "[]",
        "{",
        json.dumps({"version": 2, "region": "us-east-1", "read_at": NOW.isoformat(), "prices": []}),
        json.dumps({"version": 1, "region": "eu-west-1", "read_at": NOW.isoformat(), "prices": []}),
        json.dumps({"version": 1, "region": "us-east-1", "read_at": "yesterday", "prices": []}),
        json.dumps({"version": 1, "region": "us-east-1", "read_at": NOW.isoformat(), "prices": [{}]}),
    ],
)
def test_a_cache_that_cannot_be_read_is_read_again_from_aws(kept: str, tmp_path: Path) -> None:
    file = tmp_path / "prices/us-east-1.json"
    file.parent.mkdir()
    file.write_text(kept)
    assert prices(FakePriceList(), tmp_path).on_demand("us-east-1", "ml.m5.large", NOW)
    assert json.loads(file.read_text())["version"] == 1


def test_a_cache_that_cannot_be_written_prevents_nothing(tmp_path: Path) -> None:
    (tmp_path / "prices").write_text("a file in the folder's place")
    assert prices(FakePriceList(), tmp_path).on_demand("us-east-1", "ml.m5.large", NOW)
