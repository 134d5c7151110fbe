"""Pools as tables for people."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

from rich.console import Group, RenderableType
from rich.text import Text

from respot.alerting.text import one_line
from respot.jobs.formatting import capitalized, in_words
from respot.savings.pools import LEAST_EXPOSURE, PoolFigures, Waits
from respot_cli.next_commands import next_commands
from respot_cli.pools.command import WEEKDAYS
from respot_cli.rows import Rows

_HOUR: Final = timedelta(hours=1)
_QUARTERS: Final = ((0, 6), (6, 12), (12, 18), (18, 24))
"""Of the day, for people; the JSON has each hour."""


def render(pools: Sequence[PoolFigures], *, period: str, commands: Sequence[tuple[str, str]]) -> RenderableType:
    """The pools, one in a row, and when their jobs waited."""
    if not pools:
        return Group(Text(f"No jobs {period}."), Text(), next_commands(*commands))
    least = int(LEAST_EXPOSURE / _HOUR)
    notes = (
        f"/100 h: interruptions in 100 instance-hours, from {least} instance-hours on.",
        "Got/not: waits that ended with instances, and without; p50 and p90 are of the former.",
        "Times are UTC, those at which a wait began.",
    )
    return Group(
        Text(capitalized(period)),
        Text(),
        _table(pools),
        Text(),
        _when(pools),
        Text(),
        *map(Text, notes),
        Text(),
        next_commands(*commands),
    )


def _table(pools: Sequence[PoolFigures]) -> Rows:
    columns = ["Pool", "Hours", "Interrupted", "/100 h", "Got/not", "p50", "p90"]
    return Rows(
        columns=columns,
        rows=[
            [
                _name(each),
                Text(f"{each.held / _HOUR:,.1f}"),
                Text(f"{each.interruptions:,}"),
                Text("" if each.rate is None else f"{100 * each.rate:.2f}", style="red" if each.rate else ""),
                Text(f"{len(each.waits.got):,}/{each.waits.without:,}"),
                Text(_words(each.waits.p50)),
                Text(_words(each.waits.p90)),
            ]
            for each in pools
        ],
        right=columns[1:],
    )


def _when(pools: Sequence[PoolFigures]) -> Rows:
    """The median wait by part of the day and by weekday; the JSON has each hour."""
    parts = [f"{first:02}-{last:02} h" for first, last in _QUARTERS]
    return Rows(
        title="Median wait, by when it began",
        columns=["Pool", *parts, *WEEKDAYS],
        rows=[
            [
                _name(each),
                *(Text(_words(_of_hours(each, *quarter).p50)) for quarter in _QUARTERS),
                *(Text(_words(each.by_weekday.get(day, Waits()).p50)) for day in range(len(WEEKDAYS))),
            ]
            for each in pools
        ],
        right=[*parts, *WEEKDAYS],
    )


def _of_hours(pool: PoolFigures, first: int, last: int) -> Waits:
    own = [each for hour, each in pool.by_hour.items() if first <= hour < last]
    return Waits(got=tuple(took for each in own for took in each.got), without=sum(each.without for each in own))


def _name(pool: PoolFigures) -> Text:
    words = (pool.pool.region, pool.pool.market, pool.pool.instance_type)
    return Text(one_line(" ".join(filter(None, words))))


def _words(length: timedelta | None) -> str:
    return "" if length is None else in_words(length)
