from datetime import timedelta

import pytest

from respot.jobs.formatting import in_words, iso
from tests.support.builders import at


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.999, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h 00 min"),
        (11_100, "3 h 05 min"),
        (86_399, "23 h 59 min"),
        (86_400, "1 d 00 h"),
        (187_200, "2 d 04 h"),
        (-90, "-1 min"),
    ],
)
def test_spans_read_as_two_units_cut_never_rounded_up(seconds: float, words: str) -> None:
    assert in_words(timedelta(seconds=seconds)) == words


def test_times_are_iso_8601_utc_with_milliseconds() -> None:
    assert iso(at(0)) == "2026-09-16T09:00:00.000Z"
    assert iso(at(0.0379)) == "2026-09-16T09:00:00.037Z"
