"""AWS's price list as a fake with a count of the calls."""

import json
from collections.abc import Sequence
from typing import Any

from botocore.exceptions import ClientError

from local.emulator.price_records import matching


def denied() -> ClientError:
    """AWS's refusal."""
    message = "User: arn:aws:iam::111122223333:user/ada is not authorized to perform: pricing:GetProducts"
    return ClientError({"Error": {"Code": "AccessDeniedException", "Message": message}}, "GetProducts")


class FakePriceList:
    """A client of the price list: answers as the local account does, a page of `size` records at a time."""

    def __init__(
        self,
        *,
        size: int = 2,
        error: Exception | None = None,
        more: Sequence[str] = (),
        lists_nothing: bool = False,
    ) -> None:
        self.lists_nothing = lists_nothing
        self.calls: list[dict[str, Any]] = []
        self.error = error
        self._size = size
        self._more = list(more)

    def get_products(self, **request: Any) -> dict[str, Any]:  # noqa: ANN401 - as boto3 types it
        self.calls.append(request)
        if self.error:
            raise self.error
        if self.lists_nothing:
            return {"FormatVersion": "aws_v1", "PriceList": []}
        found = [json.dumps(each) for each in matching(request["Filters"], request["ServiceCode"])] + self._more
        begin = int(request.get("NextToken", "0"))
        end = begin + self._size
        token = {"NextToken": str(end)} if end < len(found) else {}
        return {"FormatVersion": "aws_v1", "PriceList": found[begin:end], **token}
