"""The time axis of a run: a few round moments, each at its place."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respot_cli.report.axis import Axis

START = datetime(2026, 9, 16, 21, 40, tzinfo=UTC)


def words(seconds: float) -> list[str]:
    return [tick.words for tick in Axis(start=START, end=START + timedelta(seconds=seconds)).ticks()]


@pytest.mark.parametrize(
    ("seconds", "marks"),
    [
        (6, ["21:40:00", "21:40:01", "21:40:02", "21:40:03", "21:40:04", "21:40:05"]),
        (2700, ["21:40", "21:50", "22:00", "22:10", "22:20"]),
        (5 * 3600, ["22:00", "23:00", "17 Sep", "01:00", "02:00"]),
        (40 * 86_400, ["17 Sep", "24 Sep", "01 Oct", "08 Oct", "15 Oct", "22 Oct"]),
    ],
)
def test_marks_are_round(seconds: float, marks: list[str]) -> None:
    assert words(seconds) == marks


@given(st.timedeltas(min_value=timedelta(), max_value=timedelta(days=400)))
def test_marks_are_few_in_order_and_within_the_axis(length: timedelta) -> None:
    axis = Axis(start=START, end=START + length)
    lefts = [tick.left for tick in axis.ticks()]
    assert len(lefts) <= 8
    assert all(0 <= left <= 93 for left in lefts)
    assert all(before < after for before, after in pairwise(lefts))


def test_places_are_within_the_axis_also_for_what_is_beyond_it() -> None:
    axis = Axis(start=START, end=START + timedelta(seconds=100))
    assert [axis.place(START + timedelta(seconds=each)) for each in (-5, 0, 25, 100, 130)] == [0, 0, 25, 100, 100]
