"""Amounts of data in words that people read."""

from typing import Final

_BYTE_UNITS: Final = ("B", "kB", "MB", "GB", "TB", "PB")


def bytes_in_words(count: int) -> str:
    """`0 B`, `999 B`, `2.1 GB`, `214 GB`: decimal units, cut, never rounded up."""
    power = min((len(str(count)) - 1) // 3, len(_BYTE_UNITS) - 1)
    whole, tenths = divmod(count * 10 // 1000**power, 10)
    return f"{whole} {_BYTE_UNITS[power]}" if power == 0 or whole >= 100 else f"{whole}.{tenths} {_BYTE_UNITS[power]}"
