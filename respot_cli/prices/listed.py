"""Prices from AWS's price list, kept in the user's cache folder."""

import json
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from respot.aws.calls import NONSENSE
from respot.errors import UpstreamUnavailableError
from respot.jobs.aws_names import REGION
from respot.jobs.formatting import clause, iso
from respot.savings.money import Price
from respot_cli.deployment import advice
from respot_cli.errors import CommandError
from respot_cli.prices.price import ListedPrice, amount, currency_code
from respot_cli.prices.price_list import training_prices
from respot_cli.user_cache import read_cached, write_cached

if TYPE_CHECKING:
    from mypy_boto3_pricing import PricingClient

FRESH_FOR: Final = timedelta(days=1)
"""AWS announces changes of a price before they take effect, and they are months apart. Older prices may lack a type
that was launched since."""
_VERSION: Final = 1
_SOURCE: Final = "AWS's price list"
_TYPE: Final = re.compile(r"ml\.[a-z0-9-]+\.[a-z0-9-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What is known of a region's prices."""

    read_at: datetime
    prices: Mapping[str, ListedPrice]


@dataclass(slots=True, kw_only=True)
class PriceListPrices:
    """The prices of AWS's price list; a region is read when its first price is asked for, and never again.

    A second read could find another price: the parts of a sum would not add up to it.

    Attributes:
        client_of: gives the client of the price list that has a region's prices; may raise CommandError.
        clock: the clock.
        folder: where prices are kept.
    """

    client_of: Callable[[str], "PricingClient"]
    clock: Callable[[], datetime]
    folder: Path
    _known: dict[str, _Known | None] = field(default_factory=dict)
    _why: dict[str, None] = field(default_factory=dict)
    _read_at: dict[str, datetime] = field(default_factory=dict)

    def on_demand(self, region: str, instance_type: str, at: datetime) -> Price | None:  # noqa: ARG002 - the port's
        """See `Prices.on_demand`; the price as it is listed now: AWS's list has no earlier ones.

        `why_unknown` says why there is none.
        """
        if not REGION.fullmatch(region) or not _TYPE.fullmatch(instance_type):
            several = "+" in instance_type or "," in instance_type
            what = "several instance types have no single price" if several else "it is no instance type of a region"
            self._why[f"{instance_type} in {region}: {what}"] = None
            return None
        known = self._of(region)
        if known is None:
            return None
        listed = known.prices.get(instance_type)
        if listed is None:
            self._why[f"AWS's price list has no training price of {instance_type} in {region}"] = None
            return None
        self._read_at[region] = known.read_at
        return Price(amount=listed.per_hour, currency=listed.currency, as_of=known.read_at.date(), source=_SOURCE)

    @property
    def why_unknown(self) -> tuple[str, ...]:
        """Why prices are not known, in words, each reason once."""
        return tuple(self._why)

    @property
    def source(self) -> str:
        """Where the prices that were found come from, in words; empty if none was found."""
        if not self._read_at:
            return ""
        return f"on-demand prices of AWS's price list, read {min(self._read_at.values()):%Y-%m-%d}"

    def _of(self, region: str) -> _Known | None:
        if region not in self._known:
            kept = _parsed(read_cached(self._path(region)), region)
            fresh = kept is not None and timedelta() <= self.clock() - kept.read_at <= FRESH_FOR
            self._known[region] = kept if fresh else self._asked_for(region, kept)
        return self._known[region]

    def _asked_for(self, region: str, older: _Known | None) -> _Known | None:
        """What AWS lists; if it lists nothing, or does not answer, older prices remain."""
        now = self.clock()
        try:
            prices = training_prices(self.client_of(region), region)
        except (CommandError, UpstreamUnavailableError) as error:
            help_ = "" if isinstance(error, CommandError) else f"; {advice(error.__cause__)}"
            why = f"AWS's price list could not be read: {clause(str(error))}{help_}"
        else:
            if prices:
                found = _Known(read_at=now, prices={each.instance_type: each for each in prices})
                write_cached(self._path(region), _text(region, found))
                return found
            why = f"AWS's price list has no training prices of {region}"
        but = f"; prices of {older.read_at:%Y-%m-%d} are used" if older else ""
        self._why[f"{why}{but}"] = None
        return older

    def _path(self, region: str) -> Path:
        return self.folder / "prices" / f"{region}.json"


def _text(region: str, known: _Known) -> str:
    prices = [
        {
            "instance_type": each.instance_type,
            "per_hour": str(each.per_hour),
            "currency": each.currency,
            "since": each.since and each.since.isoformat(),
        }
        for each in known.prices.values()
    ]
    return json.dumps(
        {"version": _VERSION, "region": region, "read_at": iso(known.read_at), "prices": prices}, indent=1
    )


def _parsed(text: str | None, region: str) -> _Known | None:
    """What the cache has; `None` if it has nothing, or nothing that this version can read."""
    if text is None:
        return None
    with suppress(*NONSENSE):
        document = json.loads(text)
        if document["version"] != _VERSION or document["region"] != region:
            return None
        prices = [
            ListedPrice(
                region=region,
                instance_type=each["instance_type"],
                per_hour=amount(each["per_hour"]),
                currency=currency_code(each["currency"]),
                since=date.fromisoformat(each["since"]) if each["since"] else None,
            )
            for each in document["prices"]
        ]
        read_at = datetime.fromisoformat(document["read_at"]).astimezone(UTC)
        return _Known(read_at=read_at, prices={each.instance_type: each for each in prices})
    return None
