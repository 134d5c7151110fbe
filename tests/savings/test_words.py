"""Figures of savings in words."""

from datetime import timedelta

import pytest

from respot.alerting.weekly.text import hours
from respot.savings.span import Span
from respot.savings.words import between, figure, percents


@pytest.mark.parametrize(
    ("value", "shown"), [(-0.04, "0.0"), (0.04, "0.0"), (-0.0, "0.0"), (-0.06, "-0.1"), (-1234.56, "-1,234.6")]
)
def test_a_figure_is_never_a_zero_with_a_sign(value: float, shown: str) -> None:
    assert figure(value, 1) == shown


def test_bounds_that_are_equal_once_rounded_are_one_figure() -> None:
    assert between(-0.04, 0.04, 1) == "0.0"
    assert between(-0.04, 0.3, 1) == "0.0 to 0.3"
    assert between(-0.06, 0.3, 1) == "-0.1 to 0.3"


def test_net_percentages() -> None:
    assert percents((-0.04, 65.44)) == "0.0 to 65.4"
    assert percents((None, -0.04)) == "at most 0.0"


def test_hours_of_the_weekly_digest_have_no_zero_with_a_sign() -> None:
    minute = timedelta(minutes=1)
    assert hours(Span(low=-2 * minute, high=-minute)) == "0.0"
    assert hours(Span(low=-2 * minute, high=2 * minute)) == "0.0"
