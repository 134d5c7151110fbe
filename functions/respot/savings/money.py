"""Instance-hours as money, at on-demand prices."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Final, Protocol

from respot.savings.span import Span

_CENT: Final = Decimal("0.01")
_HOUR_IN_MICROSECONDS: Final = 3_600_000_000
_MICROSECOND: Final = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What one instance costs in an hour of training on demand.

    Attributes:
        amount: per instance-hour.
        currency: ISO 4217, for example `USD`.
        as_of: the day from which, or on which, the price was known.
        source: where it comes from, for people: `AWS Price List`, or a file's name.
    """

    amount: Decimal
    currency: str
    as_of: date
    source: str


class Prices(Protocol):
    """On-demand prices of SageMaker training."""

    def on_demand(self, region: str, instance_type: str, at: datetime) -> Price | None:
        """The price of one instance for one hour at that time; `None` if it is not known. Never raises."""


class NoPrices:
    """Knows no price: everything remains in hours."""

    def on_demand(self, region: str, instance_type: str, at: datetime) -> None:  # noqa: ARG002 - the port's signature
        """None."""
        return


NO_PRICES: Final = NoPrices()


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """An amount between two bounds, of one currency, not rounded.

    Attributes:
        low: at least.
        high: at most.
    """

    low: Decimal = Decimal()
    high: Decimal = Decimal()

    def __add__(self, other: "Amount") -> "Amount":
        return Amount(low=self.low + other.low, high=self.high + other.high)


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """A receipt, or a sum of receipts, in one currency, at on-demand prices.

    AWS bills a spot job's TrainingTimeInSeconds at a discount, and reports the discount as a shorter
    BillableTimeInSeconds: billable time times the on-demand price is taken as the cost, and training time times the
    same price as the cost on demand ("Managed Spot Training in Amazon SageMaker": the savings are
    1 - BillableTimeInSeconds / TrainingTimeInSeconds). A bill may list spot training at a price of its own: these
    figures are "at on-demand prices", without discounts and taxes.

    Attributes:
        trained: training time at the on-demand price.
        billed: billable time at the on-demand price.
        uninterrupted: what the same useful work would have cost uninterrupted, on demand.
        lost: what lost training would have cost on demand.
    """

    trained: Decimal = Decimal()
    billed: Decimal = Decimal()
    uninterrupted: Amount = Amount()
    lost: Amount = Amount()

    @property
    def saved_gross(self) -> Decimal:
        """What AWS's own formula says was saved."""
        return self.trained - self.billed

    @property
    def saved_net(self) -> Amount:
        """What was saved against the same useful work, uninterrupted on demand; below zero if spot cost more."""
        return Amount(low=self.uninterrupted.low - self.billed, high=self.uninterrupted.high - self.billed)

    def __add__(self, other: "Money") -> "Money":
        return Money(
            trained=self.trained + other.trained,
            billed=self.billed + other.billed,
            uninterrupted=self.uninterrupted + other.uninterrupted,
            lost=self.lost + other.lost,
        )


ByCurrency = Mapping[str, Money]
"""Sums of each currency: amounts of different currencies are never added."""


def together(one: ByCurrency, other: ByCurrency) -> ByCurrency:
    """The sum of both."""
    return {each: one.get(each, Money()) + other.get(each, Money()) for each in dict.fromkeys((*one, *other))}


def cost(instance_time: timedelta, price: Price) -> Decimal:
    """What that much instance-time costs, not rounded."""
    return price.amount * (instance_time // _MICROSECOND) / _HOUR_IN_MICROSECONDS


def cost_of_span(instance_time: Span, price: Price) -> Amount:
    """The same between bounds."""
    return Amount(low=cost(instance_time.low, price), high=cost(instance_time.high, price))


def to_the_cent(amount: Decimal) -> Decimal:
    """The amount as it is shown: rounded once, at the end of a sum; never a zero with a sign."""
    return amount.quantize(_CENT, rounding=ROUND_HALF_EVEN) + 0
