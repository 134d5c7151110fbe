"""Tags that say something else for each attempt of a run.

A job that is submitted again carries the tags of the one before, so one tag speaks for all attempts: what is said for
attempts 1, 2, 3 … stands in one value with ` / ` between, and the last holds for all further ones.
`queued-then-max-wait / uninterrupted` lets the first attempt run out of waiting time, and every other one run through.

AWS allows 256 characters in a tag's value: letters, digits, spaces and `_ . : / = + - @`. What does not fit has to be
named (`lifecycle.NAMED`) or shortened.
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


def said_for(attempt: int, text: str, read: Callable[[str], _T]) -> _T:
    """What a tag's value says for an attempt; all of it is read, so that a mistake shows at the first creation."""
    each = [read(part.strip()) for part in text.split(SEPARATOR)]
    return each[min(attempt, len(each)) - 1]
