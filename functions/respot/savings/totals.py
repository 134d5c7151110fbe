"""Sums of receipts: of a period, by day, team, instance type, region or market."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from respot.savings.money import NO_PRICES, ByCurrency, Prices
from respot.savings.receipt import AttemptReceipt, RunReceipt
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
    """

    runs: int = 0
    attempts: int = 0
    interruptions: int = 0
    training: timedelta = timedelta()
    billed: timedelta = timedelta()
    uninterrupted: Span = NO_TIME
    lost: Span = NO_TIME
    repeated: timedelta = timedelta()
    unbilled: int = 0
    wall_clock: WallClock = field(default_factory=lambda: WallClock(times={}))
    money: ByCurrency = field(default_factory=dict)
    unpriced: timedelta = timedelta()

    @property
    def saved_gross(self) -> timedelta:
        """Instance-time saved by AWS's formula."""
        return self.training - self.billed

    @property
    def saved_net(self) -> Span:
        """Instance-time that was really saved."""
        return self.uninterrupted.minus(self.billed)

    @property
    def gross_percent(self) -> float | None:
        """AWS's formula, 0 to 100; `None` if nothing trained."""
        raise NotImplementedError

    @property
    def net_percent(self) -> tuple[float, float] | None:
        """`1 - billed / uninterrupted` in percent, least and greatest; `None` if no work was useful."""
        raise NotImplementedError


def spot_runs(receipts: Iterable[RunReceipt]) -> tuple[RunReceipt, ...]:
    """The runs that say something about spot: an attempt asked for it. Their on-demand attempts belong to them."""
    return tuple(each for each in receipts if each.on_spot)


def total(receipts: Iterable[RunReceipt], prices: Prices = NO_PRICES) -> Totals:
    """The sum of all attempts of these runs."""
    raise NotImplementedError


def totals_by(
    group: Group, receipts: Iterable[RunReceipt], prices: Prices = NO_PRICES, *, team_tag: str = "team"
) -> Mapping[str, Totals]:
    """The sums of each group, keys in order; `UNKNOWN` comes last. All groups together are the total."""
    raise NotImplementedError


def key_of(group: Group, attempt: AttemptReceipt, *, team_tag: str = "team") -> str:
    """The group that an attempt belongs to."""
    raise NotImplementedError
