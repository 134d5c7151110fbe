"""The on-demand price of a training instance."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Final

_SMALLEST: Final = Decimal("0.0000000001")
"""AWS lists ten decimals."""
_GREATEST: Final = Decimal(1_000_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedPrice:
    """A price as it is listed.

    Attributes:
        region: AWS region.
        instance_type: for example `ml.g5.2xlarge`.
        per_hour: of one instance, in the currency.
        currency: its ISO 4217 code.
        since: since when AWS lists it; `None` if the source does not say.
    """

    region: str
    instance_type: str
    per_hour: Decimal
    currency: str
    since: date | None = None


def amount(words: str) -> Decimal:
    """A price as decimal text, such as `1.2575`.

    Raises:
        ValueError: it is no positive number.
    """
    try:
        number = Decimal(words)
        number = Decimal(format(number.quantize(_SMALLEST).normalize(), "f"))
    except InvalidOperation as error:
        message = f"{words!r} is no price"
        raise ValueError(message) from error
    if not number.is_finite() or not 0 < number < _GREATEST:
        message = f"{words!r} is no price above zero"
        raise ValueError(message)
    return number


def currency_code(words: str) -> str:
    """An ISO 4217 code.

    Raises:
        ValueError: it is none.
    """
    if not (len(words) == 3 and words.isascii() and words.isalpha() and words.isupper()):
        message = f"{words!r} is no currency code like USD"
        raise ValueError(message)
    return words
