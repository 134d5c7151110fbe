"""Reads spans of time on the command line: argparse reports what is none as wrong usage."""

import argparse
from datetime import timedelta
from typing import Final

from respot.jobs.formatting import parse_span

_LONGEST: Final = timedelta(days=400)


def span(words: str) -> timedelta:
    """A span such as `90 min`.

    Raises:
        ArgumentTypeError: it is none, or too long for any clock.
    """
    try:
        return parse_span(words)
    except (ValueError, OverflowError) as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def period(words: str) -> timedelta:
    """How long ago a period began.

    Raises:
        ArgumentTypeError: it is no span, empty, or longer than 400 d.
    """
    wanted = span(words)
    if not timedelta() < wanted <= _LONGEST:
        message = f"{words!r} is not between 1 s and {_LONGEST.days} d"
        raise argparse.ArgumentTypeError(message)
    return wanted


def seconds(words: str) -> timedelta:
    """A number of seconds.

    Raises:
        ArgumentTypeError: it is none, or too large.
    """
    try:
        return timedelta(seconds=float(words))
    except (ValueError, OverflowError) as error:
        message = f"{words!r} is no number of seconds"
        raise argparse.ArgumentTypeError(message) from error
