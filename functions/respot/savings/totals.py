"""Sums of receipts: of a period, by day, team, instance type, region or market."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, timedelta
from enum import StrEnum
from typing import assert_never

from respot.savings.money import NO_PRICES, ByCurrency, Prices, together
from respot.savings.receipt import AttemptReceipt, RunReceipt, gross_percent, money_of, net_percent
from respot.savings.span import NO_TIME, Span
from respot.savings.wall_clock import WallClock


class Group(StrEnum):
    """By what receipts are summed."""

    TEAM = "team"
    TYPE = "type"
    REGION = "region"
    DAY = "day"
    """The UTC day on which an attempt ended; attempts that live are under `UNKNOWN`."""
    MARKET = "market"


class PercentOf(StrEnum):
    """What savings are a percentage of."""

    MONEY = "money"
    INSTANCE_HOURS = "instance_hours"


UNKNOWN = ""
"""The key of attempts that have no such tag, type, market or day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """The sum of the attempts of several runs. Lengths are instance-time, but for the wall clock.

    Attributes:
        runs: how many runs have an attempt in it.
        attempts: how many attempts.
        interruptions: how many interruptions.
        training: TrainingTimeInSeconds of the attempts that AWS has billed.
        billed: BillableTimeInSeconds of the same attempts.
        uninterrupted: what their useful work takes uninterrupted, on demand.
        lost: training of all attempts that was repeated or thrown away.
        repeated: starts and uploads of all attempts that an uninterrupted run would not have had.
        unbilled: attempts that AWS has not billed yet, or whose bill is not known: not in the figures of time billed.
        wall_clock: where the elapsed time went.
        money: the same in money, by currency, as far as prices are known.
        unpriced: billed instance-time without a price.
        unpriced_attempts: attempts that AWS has billed for some time, and that have no price.
    """

    runs: int = 0
    attempts: int = 0
    interruptions: int = 0
    training: timedelta = timedelta()
    billed: timedelta = timedelta()
    uninterrupted: Span = NO_TIME
    lost: Span = NO_TIME
    repeated: Span = NO_TIME
    unbilled: int = 0
    wall_clock: WallClock = field(default_factory=lambda: WallClock(times={}))
    money: ByCurrency = field(default_factory=dict)
    unpriced: timedelta = timedelta()
    unpriced_attempts: int = 0

    @property
    def saved_gross(self) -> timedelta:
        """Instance-time saved by AWS's formula."""
        return self.training - self.billed

    @property
    def saved_net(self) -> Span:
        """Instance-time that was really saved."""
        return self.uninterrupted.minus(self.billed)

    @property
    def currency(self) -> str | None:
        """The currency in which all that AWS has billed is priced; `None` if a price is missing, or there are several.

        An hour of one type may cost hundreds of times as much as one of another: percentages of hours can contradict
        the money beside them, even in sign. Therefore they are of money wherever it is known.
        """
        billed = [currency for currency, money in self.money.items() if money.trained or money.billed]
        return billed[0] if len(billed) == 1 and not self.unpriced_attempts else None

    @property
    def percent_of(self) -> PercentOf:
        """What both percentages are of."""
        return PercentOf.MONEY if self.currency else PercentOf.INSTANCE_HOURS

    @property
    def gross_percent(self) -> float | None:
        """AWS's formula, 0 to 100, of `percent_of`; `None` if nothing trained."""
        if self.currency:
            money = self.money[self.currency]
            return gross_percent(money.trained, money.billed)
        return gross_percent(self.training, self.billed)

    @property
    def net_percent(self) -> tuple[float | None, float] | None:
        """See `receipt.net_percent`; of `percent_of`."""
        if self.currency:
            money = self.money[self.currency]
            return net_percent(money.uninterrupted.low, money.uninterrupted.high, money.billed)
        return net_percent(self.uninterrupted.low, self.uninterrupted.high, self.billed)

    def __add__(self, other: "Totals") -> "Totals":
        """Both together; their runs must be different ones."""
        return Totals(
            runs=self.runs + other.runs,
            attempts=self.attempts + other.attempts,
            interruptions=self.interruptions + other.interruptions,
            training=self.training + other.training,
            billed=self.billed + other.billed,
            uninterrupted=self.uninterrupted + other.uninterrupted,
            lost=self.lost + other.lost,
            repeated=self.repeated + other.repeated,
            unbilled=self.unbilled + other.unbilled,
            wall_clock=self.wall_clock + other.wall_clock,
            money=together(self.money, other.money),
            unpriced=self.unpriced + other.unpriced,
            unpriced_attempts=self.unpriced_attempts + other.unpriced_attempts,
        )


def spot_runs(receipts: Iterable[RunReceipt]) -> tuple[RunReceipt, ...]:
    """The runs that say something about spot: an attempt asked for it. Their on-demand attempts belong to them."""
    return tuple(each for each in receipts if each.on_spot)


def total(receipts: Iterable[RunReceipt], prices: Prices = NO_PRICES) -> Totals:
    """The sum of all attempts of these runs."""
    whole = Totals()
    for receipt in receipts:
        own = Totals()
        for attempt in receipt.attempts:
            own += _of_attempt(attempt, prices)
        whole += replace(own, runs=1)
    return whole


def totals_by(
    group: Group, receipts: Iterable[RunReceipt], prices: Prices = NO_PRICES, *, team_tag: str = "team"
) -> Mapping[str, Totals]:
    """The sums of each group, keys in order; `UNKNOWN` comes last.

    All groups together are the total, but for the number of runs: a run whose attempts differ is in several groups.
    """
    found: dict[str, Totals] = {}
    for receipt in receipts:
        own: dict[str, Totals] = {}
        for attempt in receipt.attempts:
            key = key_of(group, attempt, receipt, team_tag=team_tag)
            own[key] = own.get(key, Totals()) + _of_attempt(attempt, prices)
        for key, sums in own.items():
            found[key] = found.get(key, Totals()) + replace(sums, runs=1)
    return {key: found[key] for key in sorted(found, key=lambda each: (each == UNKNOWN, each))}


def key_of(group: Group, attempt: AttemptReceipt, receipt: RunReceipt, *, team_tag: str = "team") -> str:
    """The group that an attempt of a run belongs to. All attempts of a run have the same team: the first one's."""
    match group:
        case Group.TEAM:
            tagged = (each.tags for each in receipt.attempts if each.tags)
            return next((value for tags in tagged if (value := _tag(tags, team_tag))), UNKNOWN)
        case Group.TYPE:
            return attempt.instance_type or UNKNOWN
        case Group.REGION:
            return attempt.region or UNKNOWN
        case Group.DAY:
            return f"{attempt.ended.astimezone(UTC):%Y-%m-%d}" if attempt.ended else UNKNOWN
        case Group.MARKET:
            return attempt.market or UNKNOWN
        case _:  # pragma: no cover - mypy proves that there is no other
            assert_never(group)


def _tag(tags: Mapping[str, str], name: str) -> str:
    return next((value for key, value in tags.items() if key.lower() == name.lower()), "")


def _of_attempt(attempt: AttemptReceipt, prices: Prices) -> Totals:
    is_billed = attempt.training is not None and attempt.billed is not None and attempt.uninterrupted is not None
    money = money_of(attempt, prices)
    billed = attempt.billed if is_billed else None
    return Totals(
        attempts=1,
        interruptions=attempt.interruptions,
        training=(attempt.training if is_billed else None) or timedelta(),
        billed=billed or timedelta(),
        uninterrupted=(attempt.uninterrupted if is_billed else None) or NO_TIME,
        lost=attempt.lost,
        repeated=attempt.repeated,
        unbilled=0 if is_billed else 1,
        wall_clock=attempt.wall_clock,
        money=money,
        unpriced=timedelta() if money else billed or timedelta(),
        unpriced_attempts=int(is_billed and not money and bool(attempt.training or attempt.billed)),
    )
