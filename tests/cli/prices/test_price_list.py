import gzip
import json
from datetime import date
from decimal import Decimal
from importlib.resources import files
from typing import Any, cast

import pytest

from local.emulator.price_records import records
from respot.errors import UpstreamUnavailableError
from respot_cli.prices.price import ListedPrice
from respot_cli.prices.price_list import home_of_the_price_list, prices_of, training_prices
from tests.cli.prices.price_lists import FakePriceList, denied

BILL = {"ml.m5.xlarge": ("44.015", "11.31"), "ml.g4dn.xlarge": ("14.801", "12.17"), "ml.g5.xlarge": ("2.887", "4.53")}
"""Hours and US dollars of training in EU (Ireland), December 2023: the bill in github.com/aws-samples/
sagemaker-ssh-helper, Sample_Costs.md."""


def listed(client: FakePriceList, region: str) -> dict[str, ListedPrice]:
    return {each.instance_type: each for each in training_prices(cast("Any", client), region)}


def changed(**parts: Any) -> str:  # noqa: ANN401 - parts of a JSON document
    """A real record with other parts."""
    record = json.loads(json.dumps(records()[0]))
    record["product"]["attributes"].update(parts.pop("attributes", {}))
    (term,) = record["terms"]["OnDemand"].values()
    (rate,) = term["priceDimensions"].values()
    rate.update(parts.pop("rate", {}))
    record.update(parts)
    return json.dumps(record)


def test_a_real_bill_is_its_hours_times_these_prices() -> None:
    prices = listed(FakePriceList(), "eu-west-1")
    cents = Decimal("0.01")
    assert {name: (prices[name].per_hour * Decimal(hours)).quantize(cents) for name, (hours, _) in BILL.items()} == {
        name: Decimal(cost) for name, (_, cost) in BILL.items()
    }


def test_only_on_demand_training_has_a_price() -> None:
    """Spot training, warm pools and hosting are listed beside it, and the first at a higher rate."""
    prices = listed(FakePriceList(), "us-east-2")
    assert prices == {
        "ml.g5.xlarge": ListedPrice(
            region="us-east-2",
            instance_type="ml.g5.xlarge",
            per_hour=Decimal("1.2575"),
            currency="USD",
            since=date(2026, 8, 1),
        )
    }
    assert "ml.g4dn.4xlarge" not in listed(FakePriceList(), "eu-west-1")


def test_all_pages_of_one_region_are_read() -> None:
    client = FakePriceList(size=1)
    assert len(listed(client, "eu-west-1")) == 4
    assert len(client.calls) == 4
    assert {filter_["Value"] for call in client.calls for filter_ in call["Filters"]} == {"eu-west-1", "Train:ml."}


def test_where_the_usage_type_finds_nothing_the_component_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    client = FakePriceList(size=100)
    answer = client.get_products
    nothing = {"FormatVersion": "aws_v1", "PriceList": []}

    def without_contains(**request: Any) -> dict[str, Any]:  # noqa: ANN401 - as boto3 types it
        found = answer(**request)
        return nothing if any(each["Type"] == "CONTAINS" for each in request["Filters"]) else found

    monkeypatch.setattr(client, "get_products", without_contains)
    assert len(listed(client, "eu-west-1")) == 4
    assert len(client.calls) == 2


def test_a_type_with_two_prices_has_none() -> None:
    """Which of them holds cannot be known."""
    client = FakePriceList(more=[changed(rate={"pricePerUnit": {"USD": "9.99"}})])
    assert set(listed(client, "us-east-1")) == {"ml.m5.large"}


def test_a_free_tier_is_no_price() -> None:
    client = FakePriceList(more=[changed(rate={"pricePerUnit": {"USD": "0.0000000000"}})])
    assert listed(client, "us-east-1")["ml.g5.2xlarge"].per_hour == Decimal("1.515")


@pytest.mark.parametrize(
    "record",
    [
        "not JSON",
        "[]",
        "{}",
        changed(terms={}),
        changed(attributes={"usagetype": "USE1-SpotTraining:ml.g5.2xlarge"}),
        changed(attributes={"usagetype": "USE1-Train:ml.g5.2xlarge<script>"}),
        changed(attributes={"regionCode": "us-west-2"}),
        changed(rate={"unit": "GB-Mo"}),
        changed(rate={"pricePerUnit": {"USD": "NaN"}}),
        changed(rate={"pricePerUnit": {"USD": "-1"}}),
        changed(rate={"pricePerUnit": {"dollars": "1"}}),
        changed(rate={"pricePerUnit": None}),
    ],
)
def test_a_record_that_makes_no_sense_is_no_price(record: str) -> None:
    assert prices_of(record, "us-east-1") == ()


def test_the_currency_is_as_listed() -> None:
    (price,) = prices_of(changed(rate={"pricePerUnit": {"CNY": "8.5"}}), "us-east-1")
    assert (price.per_hour, price.currency) == (Decimal("8.5"), "CNY")


def test_aws_own_example_has_the_same_form() -> None:
    """botocore's example of GetProducts: a volume, which has no price of training."""
    folder = files("botocore") / "data/pricing/2017-10-15"
    packed = folder / "examples-1.json.gz"
    text = gzip.decompress(packed.read_bytes()) if packed.is_file() else (folder / "examples-1.json").read_bytes()
    (example,) = json.loads(text)["examples"]["GetProducts"][0]["output"]["PriceList"]
    theirs, ours = json.loads(example), json.loads(changed())
    assert theirs.keys() == ours.keys()
    assert theirs["product"].keys() == ours["product"].keys()
    assert _parts(theirs) == _parts(ours)
    assert prices_of(example, "ca-central-1") == ()


def _parts(record: dict[str, Any]) -> tuple[set[str], set[str]]:
    (term,) = record["terms"]["OnDemand"].values()
    (rate,) = term["priceDimensions"].values()
    return set(term), set(rate)


def test_a_refusal_is_an_error_with_awss_words() -> None:
    client = FakePriceList(error=denied())
    with pytest.raises(UpstreamUnavailableError, match="pricing:GetProducts"):
        listed(client, "us-east-1")


@pytest.mark.parametrize(
    ("region", "home"),
    [
        ("us-west-2", "us-east-1"),
        ("eu-west-1", "eu-central-1"),
        ("ap-south-1", "ap-south-1"),
        ("ap-southeast-2", "us-east-1"),
        ("cn-north-1", "cn-northwest-1"),
    ],
)
def test_the_price_list_is_asked_where_it_is(region: str, home: str) -> None:
    assert home_of_the_price_list(region) == home
