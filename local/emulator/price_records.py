"""Records of AWS's price list, assembled in the form of GetProducts from prices that were published.

The form is that of botocore's example of GetProducts (pricing/2017-10-15/examples-1.json), the attributes are those
that github.com/vantage-sh/ec2instances.info reads of SageMaker's records. Each price names its source in
`price_list.json`. `respot` itself has no price in its code.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

_FILE: Final = Path(__file__).with_name("price_list.json")
_ON_DEMAND: Final = "JRTCKXETXF"
_PER_HOUR: Final = "6YS6EN2CT7"
"""AWS's codes of the on-demand offer and of its rate, as in botocore's example."""


def records() -> tuple[Mapping[str, Any], ...]:
    """All records, as JSON documents."""
    return tuple(_record(each) for each in json.loads(_FILE.read_text(encoding="utf-8")))


def _record(price: Mapping[str, str]) -> Mapping[str, Any]:
    usage, instance_type = price["usagetype"], price["usagetype"].partition(":")[2]
    sku = price.get("sku") or hashlib.sha256(usage.encode()).hexdigest()[:16].upper()
    attributes = {
        "servicecode": "AmazonSageMaker",
        "servicename": "Amazon SageMaker",
        "location": price["location"],
        "locationType": "AWS Region",
        "regionCode": price["region"],
        "usagetype": usage,
        "operation": "RunInstance",
        "component": price["component"],
        "instanceName": instance_type,
        "instanceType": f"{instance_type}-{price['component']}",
        "platoinstancename": instance_type,
        "platoinstancetype": price["component"],
    }
    rate = {
        "unit": "Hrs",
        "beginRange": "0",
        "endRange": "Inf",
        "description": price["description"],
        "appliesTo": [],
        "rateCode": f"{sku}.{_ON_DEMAND}.{_PER_HOUR}",
        "pricePerUnit": {"USD": price["usd"]},
    }
    term = {
        "priceDimensions": {rate["rateCode"]: rate},
        "sku": sku,
        "effectiveDate": "2026-08-01T00:00:00Z",
        "offerTermCode": _ON_DEMAND,
        "termAttributes": {},
    }
    return {
        "product": {"productFamily": "ML Instance", "attributes": attributes, "sku": sku},
        "serviceCode": "AmazonSageMaker",
        "terms": {"OnDemand": {f"{sku}.{_ON_DEMAND}": term}},
        "version": "20260811182201",
        "publicationDate": "2026-08-11T18:22:01Z",
    }


def matching(filters: Sequence[Mapping[str, str]], service: str) -> tuple[Mapping[str, Any], ...]:
    """The records that GetProducts answers with for these filters: those that match all of them."""
    found = (each for each in records() if each["serviceCode"] == service)
    return tuple(each for each in found if all(_matches(each, wanted) for wanted in filters))


def _matches(record: Mapping[str, Any], wanted: Mapping[str, str]) -> bool:
    product = record["product"]
    value = {**product["attributes"], "productFamily": product["productFamily"]}.get(wanted["Field"], "")
    if wanted["Type"] == "CONTAINS":
        return wanted["Value"] in value
    return bool(wanted["Value"] == value)
