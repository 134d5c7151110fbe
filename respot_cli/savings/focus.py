"""Savings as rows of the FinOps Open Cost and Usage Specification, FOCUS 1.0: one row for each billed attempt.

https://focus.finops.org/focus-specification/v1-0/. The costs are Respot's own, at on-demand prices: they are no bill.
SkuId and SkuPriceId are missing: they must not be null, and only AWS knows them.
"""

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Final

from botocore.loaders import Loader

from respot.jobs.job import Market
from respot.savings.money import Price, Prices
from respot.savings.receipt import AttemptReceipt, RunReceipt, money_of

_DIGITS: Final = Decimal("1E-9")
"""Of a quantity in hours: a unit price times a quantity must be the cost, exactly."""
_MICROSECOND: Final = timedelta(microseconds=1)
_HOUR_IN_MICROSECONDS: Final = 3_600_000_000
_AMAZON: Final = "Amazon Web Services"

COLUMNS: Final = (
    "AvailabilityZone",
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "CommitmentDiscountCategory",
    "CommitmentDiscountId",
    "CommitmentDiscountName",
    "CommitmentDiscountStatus",
    "CommitmentDiscountType",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "ContractedUnitPrice",
    "EffectiveCost",
    "InvoiceIssuerName",
    "ListCost",
    "ListUnitPrice",
    "PricingCategory",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "RegionId",
    "RegionName",
    "ResourceId",
    "ResourceName",
    "ResourceType",
    "ServiceCategory",
    "ServiceName",
    "SubAccountId",
    "SubAccountName",
    "Tags",
    "x_AttemptNumber",
    "x_BilledHours",
    "x_GrossSavedCost",
    "x_InstanceCount",
    "x_InstanceType",
    "x_Interruptions",
    "x_LostCostLeast",
    "x_LostCostMost",
    "x_Market",
    "x_NetSavedCostLeast",
    "x_NetSavedCostMost",
    "x_PriceSource",
    "x_RunId",
    "x_UninterruptedCostLeast",
    "x_UninterruptedCostMost",
)
"""In this order: the specification's, then our own. A row lacks those that nobody but AWS knows: they are null."""
Row = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Focus:
    """The rows, and what could be no row.

    Attributes:
        rows: one for each billed attempt with a price.
        unpriced: names of billed attempts without a price: a cost must not be null.
        unbilled: how many attempts AWS has not billed yet.
    """

    rows: tuple[Row, ...]
    unpriced: tuple[str, ...]
    unbilled: int


def focus_of(receipts: Iterable[RunReceipt], prices: Prices, *, account: str) -> Focus:
    """The rows of these runs; attempts that AWS bills nothing for have none."""
    rows: list[Row] = []
    unpriced: list[str] = []
    unbilled = 0
    for receipt in receipts:
        for attempt in receipt.attempts:
            if attempt.training is None or attempt.billed is None or attempt.began is None or attempt.ended is None:
                unbilled += 1
                continue
            if not attempt.training:
                continue
            named = attempt.instance_type
            price = prices.on_demand(attempt.region, named, attempt.ended) if named else None
            if price is None:
                unpriced.append(attempt.name)
                continue
            rows.append(_row(receipt, attempt, price, prices, account))
    return Focus(rows=tuple(rows), unpriced=tuple(unpriced), unbilled=unbilled)


def as_csv(rows: Sequence[Row]) -> str:
    """The rows as CSV, with a header; null is an empty cell."""
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _row(receipt: RunReceipt, attempt: AttemptReceipt, price: Price, prices: Prices, account: str) -> Row:
    money = money_of(attempt, prices)[price.currency]
    quantity = _hours(attempt.training or timedelta())
    listed = price.amount * quantity
    billed = price.amount * _hours(attempt.billed or timedelta())
    began, ended = _charge_period(attempt)
    month, following = _month(ended - timedelta(seconds=1))
    on_spot = attempt.market is Market.SPOT
    return {
        "BilledCost": _plain(billed),
        "BillingAccountId": account,
        "BillingCurrency": price.currency,
        "BillingPeriodEnd": _iso(following),
        "BillingPeriodStart": _iso(month),
        "ChargeCategory": "Usage",
        "ChargeDescription": f"SageMaker training, {attempt.market or 'unknown market'}, {attempt.instance_type}: "
        "calculated by Respot at on-demand prices",
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodEnd": _iso(ended),
        "ChargePeriodStart": _iso(began),
        "ConsumedQuantity": _plain(quantity),
        "ConsumedUnit": "Hours",
        "ContractedCost": _plain(listed),
        "ContractedUnitPrice": _plain(price.amount),
        "EffectiveCost": _plain(billed),
        "InvoiceIssuerName": _AMAZON,
        "ListCost": _plain(listed),
        "ListUnitPrice": _plain(price.amount),
        "PricingCategory": "Dynamic" if on_spot else "Standard",
        "PricingQuantity": _plain(quantity),
        "PricingUnit": "Hours",
        "ProviderName": _AMAZON,
        "PublisherName": _AMAZON,
        "RegionId": attempt.region,
        "RegionName": _region_names().get(attempt.region, attempt.region),
        "ResourceId": attempt.arn,
        "ResourceName": attempt.name,
        "ResourceType": "Training Job",
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": "Amazon SageMaker",
        "SubAccountId": account,
        "Tags": json.dumps(dict(attempt.tags), ensure_ascii=False) if attempt.tags else None,
        "x_AttemptNumber": attempt.number,
        "x_BilledHours": _plain(_hours(attempt.billed or timedelta())),
        "x_GrossSavedCost": _plain(money.saved_gross.quantize(_DIGITS)),
        "x_InstanceCount": attempt.instance_count,
        "x_InstanceType": attempt.instance_type,
        "x_Interruptions": attempt.interruptions,
        "x_LostCostLeast": _plain(money.lost.low.quantize(_DIGITS)),
        "x_LostCostMost": _plain(money.lost.high.quantize(_DIGITS)),
        "x_Market": attempt.market,
        "x_NetSavedCostLeast": _plain(money.saved_net.low.quantize(_DIGITS)),
        "x_NetSavedCostMost": _plain(money.saved_net.high.quantize(_DIGITS)),
        "x_PriceSource": f"{price.source}, {price.as_of.isoformat()}",
        "x_RunId": receipt.run,
        "x_UninterruptedCostLeast": _plain(money.uninterrupted.low.quantize(_DIGITS)),
        "x_UninterruptedCostMost": _plain(money.uninterrupted.high.quantize(_DIGITS)),
    }


def _charge_period(attempt: AttemptReceipt) -> tuple[datetime, datetime]:
    """From the first instances to the end, in whole seconds, never empty."""
    held = [each.began for each in attempt.segments if each.held]
    began, ended = min(held, default=attempt.began), attempt.ended
    if began is None or ended is None:  # pragma: no cover - only billed attempts have rows
        message = f"{attempt.name} has not ended"
        raise ValueError(message)
    began, ended = began.astimezone(UTC).replace(microsecond=0), ended.astimezone(UTC).replace(microsecond=0)
    return began, max(ended, began + timedelta(seconds=1))


def _month(moment: datetime) -> tuple[datetime, datetime]:
    first = moment.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return first, (first + timedelta(days=32)).replace(day=1)


def _hours(length: timedelta) -> Decimal:
    return (Decimal(length // _MICROSECOND) / _HOUR_IN_MICROSECONDS).quantize(_DIGITS)


def _plain(amount: Decimal) -> str:
    """Without an exponent, whose sign the specification forbids."""
    return f"{amount.normalize():f}"


def _iso(moment: datetime) -> str:
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


@cache
def _region_names() -> dict[str, str]:
    """AWS's names of regions, as botocore has them; a newer region has only its id."""
    partitions = Loader().load_data("endpoints")["partitions"]
    return {region: each["description"] for one in partitions for region, each in one["regions"].items()}
