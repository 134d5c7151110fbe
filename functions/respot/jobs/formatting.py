"""Times, durations, sizes, sentences as text; durations from text."""

import re
from datetime import datetime, timedelta
from typing import Final


def in_words(span: timedelta) -> str:
    """`45 s`, `12 min`, `3 h 05 min`, `2 d 04 h`: at most two units, never rounded up."""
    seconds = int(span.total_seconds())
    if seconds < 0:
        return f"-{in_words(-span)}"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if seconds < 60:
        return f"{seconds} s"
    if hours < 1:
        return f"{minutes} min"
    if days < 1:
        return f"{hours} h {minutes % 60:02} min"
    return f"{days} d {hours % 24:02} h"


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC with milliseconds, the format of all times that Respot writes for machines."""
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03}Z"


def readable(moment: datetime) -> str:
    """A time for people: `2026-09-16 15:00 UTC`."""
    return f"{moment:%Y-%m-%d %H:%M} UTC"


_UNITS = {"s": 1, "min": 60, "h": 3600, "d": 86400}
_LONGEST_SPAN: Final = 64
_SPAN: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|h|d)")


def parse_span(words: str) -> timedelta:
    """Read `45 s`, `1.5 h`, `2 d 4 h`.

    Raises:
        ValueError: it has another format.
    """
    parts = _SPAN.findall(words) if len(words) <= _LONGEST_SPAN else []
    if not parts or _SPAN.sub("", words).strip():
        message = f"{words!r} is no span of time like '90 min' or '1 d 4 h'"
        raise ValueError(message)
    return timedelta(seconds=sum(float(number) * _UNITS[unit] for number, unit in parts))


_BYTE_UNITS: Final = ("B", "kB", "MB", "GB", "TB", "PB")


def bytes_in_words(count: int) -> str:
    """`0 B`, `999 B`, `2.1 GB`, `214 GB`: decimal units, never rounded up."""
    power = min((len(str(count)) - 1) // 3, len(_BYTE_UNITS) - 1)
    whole, tenths = divmod(count * 10 // 1000**power, 10)
    return f"{whole} {_BYTE_UNITS[power]}" if power == 0 or whole >= 100 else f"{whole}.{tenths} {_BYTE_UNITS[power]}"


_HANGING: Final = " .…"
"""The characters at the end of quoted text that the sentence around it must not repeat."""
_CLOSED: Final = re.compile(r"[.!?…]['\")\]]+$|[!?]$")


def clause(words: str) -> str:
    """Text within a sentence: without full stops at its end."""
    return words.rstrip(_HANGING)


def capitalized(words: str) -> str:
    """The same with a capital letter at its beginning; others remain as they are."""
    return f"{words[:1].upper()}{words[1:]}"


def sentence(words: str) -> str:
    """Text that ends a sentence: with one full stop, unless `!` or `?` ends it; empty text remains empty."""
    bare = clause(words)
    return bare if not bare or _CLOSED.search(bare) else f"{bare}."
