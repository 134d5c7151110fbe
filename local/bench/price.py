"""What a million events cost on AWS: list prices times the calls that were counted and the time that was measured."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from local.bench.calls import Calls

MILLION: Final = 1_000_000
KILOBYTES_OF_LOG_PER_INVOCATION: Final = 1.0
MEMORY_GIGABYTES: Final = 0.5
"""The functions' memory (infra/constructs/functions.py); a test compares the two."""

# List prices of us-east-1 in USD, from the services' public pricing pages; no account's discounts, no free tier.
LAMBDA_REQUEST: Final = 0.20 / MILLION
LAMBDA_GIGABYTE_SECOND_ARM: Final = 0.0000133334
SQS_REQUEST: Final = 0.40 / MILLION
DYNAMODB_WRITE_UNIT: Final = 0.625 / MILLION
DYNAMODB_READ_UNIT: Final = 0.125 / MILLION
LOGS_GIGABYTE: Final = 0.50
SNS_PUBLISH: Final = 0.50 / MILLION
"""Deliveries to SQS are free."""

SQS_REQUESTS_PER_INVOCATION: Final = 2
"""Receive and delete, whatever the batch; EventBridge's delivery is one more for each event."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One line of the bill: quantity times unit price, for a million events."""

    what: str
    quantity: float
    unit_price: float

    @property
    def dollars(self) -> float:
        """USD."""
        return self.quantity * self.unit_price


def per_million_events(calls: Calls, *, events: int, invocation_seconds: float) -> Iterator[Item]:
    """The bill, if each `events` events arrive together, cost these calls, and take this long.

    EventBridge charges nothing for AWS's own events, DynamoDB nothing for reads of its stream by Lambda,
    SageMaker nothing for Describe and ListTags.
    """
    invocations = MILLION / events
    # An item of state is below 2 KB (two write units); its index entries take at most four more, of which by-activity,
    # whose key moves, takes two each time;
    # a transition is below 1 KB; a query of one job's items reads below 8 KB, consistently (two read units).
    writes = invocations * calls["PutItem"]
    yield Item(what="Lambda requests", quantity=invocations, unit_price=LAMBDA_REQUEST)
    yield Item(
        what="Lambda GB-seconds",
        quantity=invocations * invocation_seconds * MEMORY_GIGABYTES,
        unit_price=LAMBDA_GIGABYTE_SECOND_ARM,
    )
    yield Item(
        what="SQS requests",
        quantity=MILLION + invocations * SQS_REQUESTS_PER_INVOCATION,
        unit_price=SQS_REQUEST,
    )
    yield Item(what="DynamoDB write units", quantity=writes / 2 * (6 + 1), unit_price=DYNAMODB_WRITE_UNIT)
    yield Item(what="DynamoDB read units", quantity=invocations * calls["Query"] * 2, unit_price=DYNAMODB_READ_UNIT)
    yield Item(
        what="CloudWatch Logs GB",
        quantity=invocations * KILOBYTES_OF_LOG_PER_INVOCATION / 1_000_000,
        unit_price=LOGS_GIGABYTE,
    )
