"""Tags with one value for each attempt of a run.

A job that is submitted again has the tags of the one before. Therefore one tag has the values for attempts 1, 2, 3 …,
separated by ` / `; the last holds for all further attempts. With `queued-then-max-wait / uninterrupted` the first
attempt runs out of waiting time, and every other one completes.

AWS allows 256 characters in a tag's value: letters, digits, spaces and `_ . : / = + - @`. A longer lifecycle needs a
name (`lifecycle.NAMED`).
"""

from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from respot.recovery.planning.attempt import ATTEMPT_TAG

SEPARATOR: Final = " / "
_T = TypeVar("_T")


def attempt_of(tags: Mapping[str, str]) -> int:
    """Which attempt of its run a job with these tags is; 1 without the tag, or with one that is no such number."""
    number = tags.get(ATTEMPT_TAG, "")
    return max(1, int(number)) if number.isascii() and number.isdigit() else 1


def value_for(attempt: int, text: str, read: Callable[[str], _T]) -> _T:
    """The value for one attempt; all values are read, because a mistake must show at the first creation."""
    each = [read(part.strip()) for part in text.split(SEPARATOR)]
    return each[min(attempt, len(each)) - 1]
