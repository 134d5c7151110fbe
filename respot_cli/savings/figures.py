"""The figures of savings as plain values, the same for JSON, CSV and text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from respot.savings.money import Money, to_the_cent
from respot.savings.receipt import RunReceipt
from respot.savings.span import Span
from respot.savings.totals import Group, Totals
from respot.savings.wall_clock import TimeClass
from respot_cli.period import Period
from respot_cli.savings.verify import Verification

_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Savings:
    """What the command shows.

    Attributes:
        period: what was read.
        receipts: those of the runs that asked for spot.
        summed: their sum.
        by: by what they are summed, too; `None` for the sum alone.
        groups: the sums of the groups; empty for the sum alone.
        price_source: where prices come from, in words; empty if none is known.
        verification: what `--verify` found; `None` without it.
    """

    period: Period
    receipts: Sequence[RunReceipt]
    summed: Totals
    by: Group | None
    groups: Mapping[str, Totals]
    price_source: str
    verification: Verification | None

    @property
    def never_on_spot(self) -> int:
        """How many runs of the period are left out, since they never asked for spot."""
        return len(self.period.receipts) - len(self.receipts)


def hours(length: timedelta) -> float:
    """Hours, to some milliseconds."""
    return round(length / _HOUR, 6) + 0.0


def percent(value: float | None) -> float | None:
    """A percentage with two digits."""
    return None if value is None else round(value, 2) + 0.0


def document_of(totals: Totals) -> dict[str, Any]:
    """Sums as JSON: instance-hours, percent, money as text to the cent; what is not known is null."""
    net = totals.net_percent
    return {
        **_without_ranges(totals),
        "uninterrupted_hours": _range(totals.uninterrupted),
        "saved_net_hours": _range(totals.saved_net),
        "saved_net_percent": None if net is None else {"least": percent(net[0]), "most": percent(net[1])},
        "lost_hours": _range(totals.lost),
        "repeated_hours": _range(totals.repeated),
        "money": {currency: _money(money) for currency, money in totals.money.items()},
        "hours_without_price": hours(totals.unpriced),
        "wall_clock": {
            "hours": {each.value: hours(totals.wall_clock.of(each)) for each in TimeClass},
            "training_that_may_be_lost_hours": hours(totals.wall_clock.doubtful),
            "total_hours": hours(totals.wall_clock.total),
            "goodput_percent": _goodput(totals),
        },
    }


def row_of(totals: Totals) -> dict[str, object]:
    """Sums as one row of a table for spreadsheets; a column for each figure, and empty cells for what is not known."""
    net, clock = totals.net_percent, totals.wall_clock
    currency = next(iter(totals.money)) if len(totals.money) == 1 else ""
    money = totals.money[currency] if currency else None
    return {
        **_without_ranges(totals),
        "uninterrupted_hours_least": hours(totals.uninterrupted.low),
        "uninterrupted_hours_most": hours(totals.uninterrupted.high),
        "saved_net_hours_least": hours(totals.saved_net.low),
        "saved_net_hours_most": hours(totals.saved_net.high),
        "saved_net_percent_least": percent(net[0]) if net else None,
        "saved_net_percent_most": percent(net[1]) if net else None,
        "lost_hours_least": hours(totals.lost.low),
        "lost_hours_most": hours(totals.lost.high),
        "currency": currency or None,
        "billed_cost": to_the_cent(money.billed) if money else None,
        "saved_gross_cost": to_the_cent(money.saved_gross) if money else None,
        "saved_net_cost_least": to_the_cent(money.saved_net.low) if money else None,
        "saved_net_cost_most": to_the_cent(money.saved_net.high) if money else None,
        "lost_cost_least": to_the_cent(money.lost.low) if money else None,
        "lost_cost_most": to_the_cent(money.lost.high) if money else None,
        "hours_without_price": hours(totals.unpriced),
        **{f"{each.value.replace(' ', '_')}_elapsed_hours": hours(clock.of(each)) for each in TimeClass},
    }


def _without_ranges(totals: Totals) -> dict[str, Any]:
    """The figures that are one number in each form."""
    return {
        "runs": totals.runs,
        "attempts": totals.attempts,
        "not_billed_yet": totals.unbilled,
        "interruptions": totals.interruptions,
        "training_hours": hours(totals.training),
        "billed_hours": hours(totals.billed),
        "saved_gross_hours": hours(totals.saved_gross),
        "percent_of": totals.percent_of.value,
        "saved_gross_percent": percent(totals.gross_percent),
    }


def _range(span: Span) -> Mapping[str, float]:
    return {"least": hours(span.low), "most": hours(span.high)}


def _money(money: Money) -> dict[str, Any]:
    return {
        "training": _text(money.trained),
        "billed": _text(money.billed),
        "saved_gross": _text(money.saved_gross),
        "uninterrupted": {"least": _text(money.uninterrupted.low), "most": _text(money.uninterrupted.high)},
        "saved_net": {"least": _text(money.saved_net.low), "most": _text(money.saved_net.high)},
        "lost": {"least": _text(money.lost.low), "most": _text(money.lost.high)},
    }


def _text(amount: Decimal) -> str:
    return str(to_the_cent(amount))


def _goodput(totals: Totals) -> dict[str, float | None] | None:
    goodput = totals.wall_clock.goodput
    return None if goodput is None else {"least": percent(goodput[0] * 100), "most": percent(goodput[1] * 100)}
