"""Figures of savings in words: they may be below zero, and known only within bounds."""

from typing import Final

from respot.savings.totals import PercentOf, Totals

MARKED: Final = "* of instance-hours"
"""What the mark means."""


def figure(value: float, digits: int) -> str:
    """Rounded, and never a zero with a sign."""
    return f"{value:z,.{digits}f}"


def between(least: float, most: float, digits: int) -> str:
    """`1.0 to 2.5`; one figure if both are the same once rounded."""
    low, high = figure(least, digits), figure(most, digits)
    return low if low == high else f"{low} to {high}"


def percents(net: tuple[float | None, float]) -> str:
    """A net percentage without its sign: `61.1 to 65.4`, or `at most 65.4` if perhaps no work was useful."""
    least, most = net
    return f"at most {figure(most, 1)}" if least is None else between(least, most, 1)


def of_hours(totals: Totals) -> str:
    """What follows a percentage: nothing if it is of money."""
    return "" if totals.percent_of is PercentOf.MONEY else " of instance-hours"


def mark(totals: Totals, whole: Totals) -> str:
    """What marks percentages of instance-hours in a table that has money."""
    return "*" if whole.money and totals.percent_of is PercentOf.INSTANCE_HOURS else ""
