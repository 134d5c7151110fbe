"""Prices from a file of the user's: those of a contract, or of a machine without a network.

The file is CSV with a header, or a JSON list of objects, with the same four names: `region`, `instance_type`,
`per_hour` and `currency`.
"""

import csv
import io
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

from respot.jobs.formatting import clause
from respot.savings.money import Price
from respot_cli.errors import CommandError, ExitCode
from respot_cli.prices.price import ListedPrice, amount, currency_code

_COLUMNS: Final = ("region", "instance_type", "per_hour", "currency")
_LARGEST: Final = 4 * 1024 * 1024
"""Bytes: all types in all regions take less than one megabyte."""


@dataclass(slots=True, kw_only=True)
class FilePrices:
    """The prices of a file.

    Attributes:
        file: its name.
        as_of: when it was last changed.
        prices: what it has, by region and instance type.
    """

    file: str
    as_of: date
    prices: Mapping[tuple[str, str], ListedPrice]
    _why: dict[str, None] = field(default_factory=dict)
    _found: bool = False

    def on_demand(self, region: str, instance_type: str, at: datetime) -> Price | None:  # noqa: ARG002 - the port's
        """See `Prices.on_demand`."""
        listed = self.prices.get((region, instance_type))
        if listed is None:
            self._why[f"{self.file} has no price of {instance_type} in {region}"] = None
            return None
        self._found = True
        return Price(amount=listed.per_hour, currency=listed.currency, as_of=self.as_of, source=self.file)

    @property
    def why_unknown(self) -> tuple[str, ...]:
        """Why prices are not known, in words, each reason once."""
        return tuple(self._why)

    @property
    def source(self) -> str:
        """Where the prices that were found come from, in words; empty if none was found."""
        return f"on-demand prices of {self.file}" if self._found else ""


def read_price_file(file: str) -> FilePrices:
    """The prices in a file.

    Raises:
        CommandError: it cannot be read, or one of its prices makes no sense; the message names the place.
    """
    try:
        with Path(file).open("rb") as opened:
            content = opened.read(_LARGEST + 1)
            changed = datetime.fromtimestamp(os.fstat(opened.fileno()).st_mtime, tz=UTC)
        if len(content) > _LARGEST:
            raise _bad(file, "the file is larger than 4 MB")
        text = content.decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise _bad(file, str(error)) from error
    prices: dict[tuple[str, str], ListedPrice] = {}
    for place, row in _rows(file, text):
        price = _price(file, place, row)
        key = price.region, price.instance_type
        if prices.get(key, price) != price:
            raise _bad(file, f"{place}: {price.instance_type} in {price.region} has another price above")
        prices[key] = price
    return FilePrices(file=file, as_of=changed.date(), prices=prices)


def _rows(file: str, text: str) -> Iterator[tuple[str, Mapping[str, object]]]:
    if text.lstrip().startswith(("[", "{")):
        try:
            document = json.loads(text, parse_float=str, parse_int=str)
        except (ValueError, RecursionError) as error:
            raise _bad(file, f"cannot be read as JSON: {clause(str(error))}") from error
        if not isinstance(document, list):
            raise _bad(file, "is no JSON list of prices")
        for number, each in enumerate(document, start=1):
            yield f"price {number}", each if isinstance(each, dict) else {}
        return
    reader = csv.DictReader(io.StringIO(text, newline=""), skipinitialspace=True)
    try:
        if missing := [name for name in _COLUMNS if name not in (reader.fieldnames or ())]:
            raise _bad(file, f"line 1 has no column {missing[0]}: the header is {','.join(_COLUMNS)}")
        for row in reader:
            yield f"line {reader.line_num}", row
    except csv.Error as error:
        raise _bad(file, f"line {reader.line_num + 1} cannot be read as CSV: {clause(str(error))}") from error


def _price(file: str, place: str, row: Mapping[str, object]) -> ListedPrice:
    words = {}
    for name in _COLUMNS:
        value = row.get(name)
        if not isinstance(value, str) or not value.strip():
            raise _bad(file, f"{place} has no {name}")
        words[name] = value.strip()
    try:
        per_hour, currency = amount(words["per_hour"]), currency_code(words["currency"])
    except ValueError as error:
        raise _bad(file, f"{place}: {error}") from error
    return ListedPrice(
        region=words["region"], instance_type=words["instance_type"], per_hour=per_hour, currency=currency
    )


def _bad(file: str, why: str) -> CommandError:
    return CommandError(f"--prices {file}: {clause(why)}", ExitCode.USAGE)
