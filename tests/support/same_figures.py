"""Compares the tables of a report with the JSON of `respot savings --by team` and `respot pools`."""

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from html.parser import HTMLParser
from typing import Any, Final

import pytest

from respot.savings.wall_clock import TimeClass
from respot_cli.report.words import NOT_KNOWN, UNITS, length

Row = Mapping[str, str]

_HOUR: Final = timedelta(hours=1)
_PERHAPS_LOST: Final = "perhaps lost"
_CLASSES: Final = {TimeClass.TRAINING.value: "productive training", TimeClass.LOST.value: "lost training"}
"""The classes that have another name on the page."""


class _Tables(HTMLParser):
    """The tables of a page by caption, each as rows of cells; the first row has the titles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: dict[str, list[list[str]]] = {}
        self._words: list[str] = []
        self._cells: list[str] = []
        self._rows: list[list[str]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, _: object) -> None:
        if tag in {"caption", "th", "td"}:
            self._words = []
        elif tag == "tr":
            self._cells = []

    def handle_data(self, data: str) -> None:
        self._words.append(data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "caption":
            self._rows = self.found["".join(self._words)] = []
        elif tag in {"th", "td"}:
            self._cells.append("".join(self._words).replace("\N{NO-BREAK SPACE}", " ").replace("\N{MINUS SIGN}", "-"))
        elif tag == "tr":
            self._rows.append(self._cells)


def tables_of(page: str) -> Mapping[str, Sequence[Row]]:
    """The tables by caption: each row by the titles of its columns."""
    return {
        caption: [dict(zip(titles, cells, strict=True)) for cells in rows]
        for caption, (titles, *rows) in _Tables(page).found.items()
    }


def assert_same_figures(page: str, savings: Mapping[str, Any], pools: Mapping[str, Any]) -> None:
    """The page has the teams, time classes and pools of the commands, each with the same figures.

    The page has two decimals of its unit and one of a percentage: rounded twice, the last may differ.
    """
    tables = tables_of(page)
    assert_same_teams(tables["By the tag team"], savings["groups"])
    _same_time(tables["The runs' time from creation to end"], savings["total"]["wall_clock"])
    _same_pools(tables["Pools, the worst first"], pools["pools"])


def assert_same_teams(rows: Sequence[Row], groups: Mapping[str, Any]) -> None:
    """The rows of teams have the figures of the groups, in the same order."""
    assert [row["team"] for row in rows] == [team or "without this tag" for team in groups]
    for row, group in zip(rows, groups.values(), strict=True):
        assert (row["Runs"], row["Interruptions"]) == (f"{group['runs']:,}", f"{group['interruptions']:,}")
        is_billed = group["not_billed_yet"] < group["attempts"]
        _same_length(row, "Billed", *([group["billed_hours"]] if is_billed else []))
        _same_length(row, "On demand", *(group["uninterrupted_hours"].values() if is_billed else []))
        _same_percent(row["Gross"], group["saved_gross_percent"])
        _same_percent(row["Net"], *(group["saved_net_percent"] or {}).values())
        for currency, money in group["money"].items():
            bounds = dict.fromkeys(f"{float(each):,.2f}" for each in money["saved_net"].values())
            assert row[f"Net, {currency}"] == " to ".join(bounds)


def _same_time(rows: Sequence[Row], clock: Mapping[str, Any]) -> None:
    hours = {_CLASSES.get(name, name): each for name, each in clock["hours"].items()}
    hours[_PERHAPS_LOST] = clock["training_that_may_be_lost_hours"]
    hours["productive training"] -= hours[_PERHAPS_LOST]
    assert {row["Class"] for row in rows} == {name for name, each in hours.items() if round(each, 6)}
    for row in rows:
        _same_length(row, "Time", hours[row["Class"]])
        if not row["Share"].startswith("<"):
            _same_percent(row["Share"], 100 * hours[row["Class"]] / clock["total_hours"])


def _same_pools(rows: Sequence[Row], pools: Sequence[Mapping[str, Any]]) -> None:
    assert [row["Pool"] for row in rows] == [
        f"{each['market']} {each['instance_type']} {each['region']}" for each in pools
    ]
    for row, pool in zip(rows, pools, strict=True):
        waits, rate = pool["waits"], pool["interruptions_per_instance_hour"]
        assert row["Attempts"] == f"{pool['attempts']:,}"
        assert row["Interruptions"] == f"{pool['interruptions']:,}"
        assert row["Per 100 instance-hours"] == (NOT_KNOWN if rate is None else f"{100 * rate:.1f}")
        assert (row["Wait, median"], row["Wait, p90"]) == (_wait(waits["p50_seconds"]), _wait(waits["p90_seconds"]))
        assert row["Without capacity"] == f"{waits['without_instances']:,}"
        _same_length(row, "Held", pool["instance_hours"], digits=4)


def _wait(seconds: float | None) -> str:
    return NOT_KNOWN if seconds is None else length(timedelta(seconds=seconds))


def _same_length(row: Row, title: str, *hours: float, digits: int = 6) -> None:
    """The hours are rounded to so many digits."""
    (found,) = ((column, cell) for column, cell in row.items() if column.startswith(f"{title} ("))
    column, cell = found
    unit = next(each for each in UNITS if column.endswith(f"({each.sign})"))
    per_hour = _HOUR / unit.length
    _same(cell, [each * per_hour for each in hours], within=0.0051 + per_hour * 0.51 * 10**-digits)


def _same_percent(cell: str, *percents: float | None) -> None:
    _same(cell, [each for each in percents if each is not None], within=0.056)


def _same(cell: str, values: Sequence[float], *, within: float) -> None:
    """The cell has the bounds, or the one figure that both round to; without values it has a dash."""
    if not values:
        assert cell == NOT_KNOWN
        return
    shown = [float(each.replace(",", "")) for each in re.findall(r"-?[\d,]+(?:\.\d+)?", cell)]
    assert shown, cell
    assert [shown[0], shown[-1]] == pytest.approx([values[0], values[-1]], abs=within)
