"""Figures of the report: in a unit that shows them."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respot.savings.span import Span
from respot_cli.report.words import NOT_KNOWN, UNITS, length, name, percent, share, unit_for

LENGTHS = st.timedeltas(min_value=timedelta(), max_value=timedelta(days=100_000))


def span(low: float, high: float) -> Span:
    return Span(low=timedelta(hours=low), high=timedelta(hours=high))


@given(LENGTHS, LENGTHS)
def test_a_length_that_is_not_nothing_never_looks_like_nothing(whole: timedelta, part: timedelta) -> None:
    unit = unit_for(whole)
    for shown in (unit.figure(part), unit.short(part)):
        assert (float(shown.replace(",", "").removeprefix("<")) > 0) is (part > timedelta())


@given(LENGTHS.filter(lambda whole: whole >= timedelta(seconds=10)))
def test_the_whole_has_two_digits_before_the_point_at_least(whole: timedelta) -> None:
    assert len(unit_for(whole).short(whole).partition(".")[0]) >= 2


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(7, "7.00 s"), (59, "59.0 s"), (660, "11.0 min"), (35_999, "600 min"), (36_000, "10.0 h"), (4.5e6, "1,250 h")],
)
def test_units(seconds: float, shown: str) -> None:
    whole = timedelta(seconds=seconds)
    assert unit_for(whole).words(whole).replace("\N{NO-BREAK SPACE}", " ") == shown


def test_of_two_bounds_both_are_shown_with_the_digits_of_the_greater() -> None:
    hours = UNITS[0]
    assert [hours.short(span(0.25, 385.4)), hours.figure(span(0.25, 385.4))] == ["<1 to 385", "0.25 to 385.40"]
    assert [hours.short(span(12.34, 12.34)), hours.figure(span(12.34, 12.34))] == ["12.3", "12.34"]
    assert hours.short(span(-3, 40)) == "\N{MINUS SIGN}3.0 to 40.0"
    assert [hours.short(None), hours.figure(None)] == [NOT_KNOWN] * 2


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (61.23, "61.2 %"),
        ((61.23, 61.23), "61.2 %"),
        ((60.5, 61.23), "60.5 to 61.2 %"),
        ((49.4, 63.2), "49.4 to 63.2 %"),
        ((-164.3, 58.0), "\N{MINUS SIGN}164.3 to 58.0 %"),
        ((None, 58.4), "at most 58.4 %"),
        (-0.04, "0.0 %"),
        (None, NOT_KNOWN),
    ],
)
def test_percentages(value: float | tuple[float | None, float] | None, shown: str) -> None:
    assert percent(value).replace("\N{NO-BREAK SPACE}", " ") == shown


def test_a_small_share_is_not_nothing() -> None:
    assert [share(0).split("\N{NO-BREAK SPACE}")[0], share(0.0004), share(0.12).split("\N{NO-BREAK SPACE}")[0]] == [
        "0.0",
        "<0.1 %",
        "12.0",
    ]


def test_short_lengths_have_a_decimal() -> None:
    assert [length(timedelta(seconds=each)) for each in (0.4, 9.96, 45, 3900)] == [
        "0.4 s",
        "10.0 s",
        "45 s",
        "1 h 05 min",
    ]


def test_names_hide_nothing_beside_them() -> None:
    assert name("a\u202eb\x1b[31m\nc") == "a b [31m c"
    assert (name(None), name(""), len(name("x" * 500))) == (NOT_KNOWN, NOT_KNOWN, 121)
