"""Reads the on-demand prices of SageMaker training from AWS's price list (GetProducts)."""

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Final

from respot.aws.calls import NONSENSE, asking
from respot_cli.prices.price import ListedPrice, amount, currency_code

if TYPE_CHECKING:
    from mypy_boto3_pricing import PricingClient
    from mypy_boto3_pricing.type_defs import FilterTypeDef

SERVICE_CODE: Final = "AmazonSageMaker"
_TRAINING: Final = re.compile(r"(?:[A-Z]{2,}[A-Z0-9]*-)?Train:(ml\.[a-z0-9.-]+)")
"""The usage types of on-demand training, such as `USE2-Train:ml.g5.xlarge`; those of spot have `SpotTraining`.

Only the usage type is on every record. `instanceType` is `ml.m5.xlarge` on some, `ml.m5.xlarge-Training` on others, and
missing on more (github.com/vantage-sh/ec2instances.info, sagemaker.py).
"""
_PAGE: Final = 100
_MOST_PAGES: Final = 50
"""A region has some hundred prices of training: more pages would be a list that never ends."""


def home_of_the_price_list(region: str) -> str:
    """The region whose endpoint has the prices of this one.

    AWS has three in its commercial partition and one in China (botocore's endpoints of `pricing`, 1.34 and newer).
    """
    for prefix, home in _HOMES.items():
        if region.startswith(prefix):
            return home
    return "us-east-1"


_HOMES: Final = {
    "cn-": "cn-northwest-1",
    "eusc-": "eusc-de-east-1",
    "eu-": "eu-central-1",
    "ap-south-": "ap-south-1",
}


def training_prices(client: "PricingClient", region: str) -> tuple[ListedPrice, ...]:
    """The on-demand prices of all training instances in a region; a type with two different prices has none.

    Raises:
        UpstreamUnavailableError: AWS refused the call, or did not answer.
    """
    found: dict[str, set[ListedPrice]] = {}
    for chosen in _CHOOSING:
        for record in _records(client, region, chosen):
            for price in prices_of(record, region):
                found.setdefault(price.instance_type, set()).add(price)
        if found:
            break
    return tuple(
        max(prices, key=lambda each: each.since or date.min)
        for _, prices in sorted(found.items())
        if len({(each.per_hour, each.currency) for each in prices}) == 1
    )


_CHOOSING: Final[tuple["FilterTypeDef", ...]] = (
    {"Type": "CONTAINS", "Field": "usagetype", "Value": "Train:ml."},
    {"Type": "TERM_MATCH", "Field": "component", "Value": "Training"},
)
"""Filters that choose training, in this order: the second is for a price list that finds nothing by the first.

The first depends on no attribute but the usage type. The second is what public programs use.
"""


def _records(client: "PricingClient", region: str, chosen: "FilterTypeDef") -> Iterator[str]:
    place: dict[str, Any] = {}
    for _ in range(_MOST_PAGES):
        with asking(f"{region}: GetProducts"):
            answer = client.get_products(
                ServiceCode=SERVICE_CODE,
                Filters=[{"Type": "TERM_MATCH", "Field": "regionCode", "Value": region}, chosen],
                FormatVersion="aws_v1",
                MaxResults=_PAGE,
                **place,
            )
            records, token = list(answer["PriceList"]), answer.get("NextToken")
        yield from records
        if not token:
            return
        place = {"NextToken": token}


def prices_of(record: str, region: str) -> tuple[ListedPrice, ...]:
    """The prices in a record of the list; none if it is of something else, free, or makes no sense."""
    with suppress(*NONSENSE):
        document = json.loads(record)
        attributes = document["product"]["attributes"]
        named = _TRAINING.fullmatch(attributes["usagetype"])
        # The filter is AWS's: a record of another region would be a wrong price.
        if named and attributes.get("regionCode", region) == region:
            return tuple(_on_demand(document["terms"]["OnDemand"], region, named[1]))
    return ()


def _on_demand(terms: Mapping[str, Any], region: str, instance_type: str) -> Iterator[ListedPrice]:
    for term in terms.values():
        since = datetime.fromisoformat(term["effectiveDate"]).date() if "effectiveDate" in term else None
        for dimension in term["priceDimensions"].values():
            if not dimension["unit"].lower().startswith(("hr", "hour")):
                continue
            for currency, per_unit in dimension["pricePerUnit"].items():
                # "0.0000000000" is how a free tier is listed.
                with suppress(ValueError):
                    yield ListedPrice(
                        region=region,
                        instance_type=instance_type,
                        per_hour=amount(per_unit),
                        currency=currency_code(currency),
                        since=since,
                    )
