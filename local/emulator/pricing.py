"""AWS's price list, which ministack lacks: GetProducts, from the records of `price_records`."""

import json
from collections.abc import Mapping
from typing import Any

from ministack import app as ministack  # type: ignore[import-untyped]
from ministack.core import iam_actions, router  # type: ignore[import-untyped]

from local.emulator.price_records import matching

_MOST = 100
"""GetProducts' greatest MaxResults, and its default."""


def add_pricing() -> None:
    """Make ministack answer requests of the price list, and check `pricing:GetProducts` before it does."""
    ministack.SERVICE_HANDLERS["pricing"] = _handle
    router.SERVICE_PATTERNS["pricing"] = {"target_prefixes": ["AWSPriceListService."]}
    # The action has no resource type: ministack checks it on every resource, as AWS does.
    iam_actions.SERVICE_TO_IAM_NAMESPACE["pricing"] = "pricing"


async def _handle(
    _method: str, _path: str, headers: Mapping[str, str], body: bytes, _query: object
) -> tuple[int, dict[str, str], bytes]:
    status, answer = answered(headers.get("x-amz-target", "").rpartition(".")[2], body)
    return status, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(answer).encode()


def answered(operation: str, body: bytes) -> tuple[int, Mapping[str, Any]]:
    """Status and body of the answer to a request."""
    if operation != "GetProducts":
        return 400, {"__type": "UnknownOperationException", "message": f"The local price list has no {operation}"}
    request = json.loads(body or b"{}")
    found = matching(request.get("Filters", []), request["ServiceCode"])
    try:
        begin = int(request.get("NextToken") or "0")
    except ValueError:
        return 400, {"__type": "InvalidNextTokenException", "Message": "The pagination token is invalid. Try again."}
    end = begin + min(request.get("MaxResults") or _MOST, _MOST)
    more = {"NextToken": str(end)} if end < len(found) else {}
    return 200, {"FormatVersion": "aws_v1", "PriceList": [json.dumps(each) for each in found[begin:end]], **more}
