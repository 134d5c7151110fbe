"""The days of the charts: each has one label, at its place, in any time zone of the machine that draws them."""

import base64
import os
import re
import subprocess
import sys
from datetime import date, timedelta
from itertools import pairwise
from typing import Any, Final

import pytest

from respot_cli.report import charts
from respot_cli.report.view_model import Chart

LABEL: Final = re.compile(r'<text[^>]*transform="translate\(([\d.]+),[^>]*>(\d\d [A-Z][a-z]{2})<')
LINE: Final = re.compile(r'<path d="(M[^"]*)" stroke="#e69f00"')


def rows(count: int, **values: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - as a chart has them
    return [{"day": str(date(2026, 10, 20) + timedelta(days=day)), **values} for day in range(count)]


def saved(count: int) -> str:
    """The picture of savings on so many days."""
    both = [row for kind in ("gross", "net") for row in rows(count, kind=kind, low=50.0, high=55.0)]
    return picture(charts.saved_by_day(both, ""))


def spent(count: int) -> str:
    """The picture of where the time of so many days went."""
    return picture(charts.time_by_day(rows(count, kind="training", time=3.0), "", unit="h"))


def picture(chart: Chart) -> str:
    return base64.b64decode(chart.wide.partition(",")[2]).decode()


def labels(svg: str) -> list[str]:
    return [words for _, words in LABEL.findall(svg)]


def test_two_days_have_two_labels() -> None:
    assert labels(saved(2)) == labels(spent(2)) == ["20 Oct", "21 Oct"]


@pytest.mark.parametrize("count", [3, 10, 11, 400])
def test_no_day_has_two_labels_and_most_periods_have_few(count: int) -> None:
    found = labels(saved(count))
    assert len(found) == len(set(found)) <= 10
    assert found[0] == "20 Oct"


@pytest.mark.parametrize("zone", ["America/Los_Angeles", "Pacific/Auckland"])
def test_a_chart_is_the_same_in_each_time_zone(zone: str) -> None:
    """In a process of its own: the library reads the time zone once."""
    program = "from tests.report.test_charts import saved, spent; print(saved(12)); print(spent(12))"
    environment = os.environ | {"TZ": zone, "PYTHONPATH": os.pathsep.join(sys.path)}
    drawn = subprocess.run([sys.executable, "-c", program], env=environment, check=True, capture_output=True, text=True)  # noqa: S603 - this Python
    of_savings, of_time = drawn.stdout.split("</svg>")[:2]
    expected = ["20 Oct", "22 Oct", "24 Oct", "26 Oct", "28 Oct", "30 Oct"]
    assert labels(of_savings) == labels(of_time) == expected
    (line,) = LINE.findall(of_savings)
    points = [float(each) for each in re.findall(r"[ML]([\d.]+),", line)]
    assert [float(place) for place, _ in LABEL.findall(of_savings)] == points[::2]
    assert all(one < other for one, other in pairwise(points))
