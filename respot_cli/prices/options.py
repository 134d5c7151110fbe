"""The option by which a command finds prices."""

import argparse
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

from botocore.config import Config

from respot.savings.money import Prices
from respot_cli.deployment import asking_aws
from respot_cli.prices.listed import PriceListPrices
from respot_cli.prices.price_file import read_price_file
from respot_cli.prices.price_list import home_of_the_price_list
from respot_cli.user_cache import cache_folder

if TYPE_CHECKING:
    from boto3.session import Session
    from mypy_boto3_pricing import PricingClient

_QUICK: Final = Config(connect_timeout=5, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3})
"""Prices are an addition: nothing waits long for them."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """The option by which a command finds prices."""
    parser.add_argument(
        "--prices",
        metavar="FILE",
        help="prices per instance-hour, as CSV or JSON with region, instance_type, per_hour and currency "
        "(default: AWS's price list, which needs pricing:GetProducts)",
    )


class ChosenPrices(Prices, Protocol):
    """Prices that say where they come from, and why some are not known."""

    @property
    def why_unknown(self) -> tuple[str, ...]:
        """Why prices are not known, or are old, in words, each reason once; to be read after they were asked for."""

    @property
    def source(self) -> str:
        """Where the prices that were found come from, in words; empty if none was found."""


def chosen_prices(arguments: argparse.Namespace, session: "Session") -> ChosenPrices:
    """The prices that the options name.

    Raises:
        CommandError: the file cannot be read.
    """
    if arguments.prices:
        return read_price_file(arguments.prices)

    def client_of(region: str) -> "PricingClient":
        untyped: Any = session
        with asking_aws():
            client: PricingClient = untyped.client("pricing", region_name=home_of_the_price_list(region), config=_QUICK)
            return client

    return PriceListPrices(client_of=client_of, clock=_now, folder=cache_folder())


def _now() -> datetime:
    return datetime.now(UTC)
