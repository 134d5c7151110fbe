"""The plot of what each policy costs, for each deadline, beside one on-demand job and the frictionless optimum.

Its figures are in deadline_costs.csv: `python -m tests.support.pictures --measure` takes them again.
"""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any, Final
from xml.sax.saxutils import quoteattr

import altair as alt
import vl_convert

from local.backtest import traces
from local.backtest.table import DEADLINES, OVERHEADS, RESPOT, Result, measure
from local.backtest.traces import Trace
from tests.support.svg import FONT

FIGURES: Final = Path(__file__).with_name("deadline_costs.csv")
STARTS: Final = 60
"""The default of `python -m local.backtest`."""
OPTIMUM: Final = "frictionless optimum"
POLICIES: Final[Mapping[str, str]] = {
    "on-demand only": "on-demand only",
    "Uniform Progress, one way": "Uniform Progress, one way",
    "Uniform Progress": "Uniform Progress",
    "greedy": "greedy",
    RESPOT: "Respot",
}
"""The backtest's names, and those in the plot."""
_PLACES: Final[Mapping[str, Callable[[], Mapping[str, Trace]]]] = {
    "zones": traces.zones,
    "unions of zones": lambda: traces.regions(traces.zones()),
}

Row = dict[str, str]
"""places, work and deadline (in hours), policy, and the cost in percent of one on-demand job's."""

# Okabe and Ito's colours, which colour-blind people can tell apart, a shape and a dash. The last is drawn on top.
_STYLES: Final = {
    OPTIMUM: ("#707a84", "stroke", (2, 3)),
    "on-demand only": ("#000000", "square", (1, 0)),
    "Uniform Progress, one way": ("#cc79a7", "diamond", (6, 3)),
    "Uniform Progress": ("#009e73", "triangle-up", (6, 3)),
    "greedy": ("#e69f00", "circle", (1, 0)),
    "Respot": ("#0072b2", "circle", (1, 0)),
}
_LIGHT_AND_DARK: Final = {
    "#ffffff": "#0d1117",
    "#1f2328": "#e6edf3",
    "#57606a": "#a5adb7",
    "#d0d7de": "#30363d",
    "#000000": "#f0f6fc",
    "#cc79a7": "#e3a1c6",
    "#009e73": "#2fc59a",
    "#0072b2": "#56b4e9",
    "#707a84": "#9198a1",
}
_LABEL: Final = (
    "Cost of each policy in percent of one on-demand job, for four deadlines, with 48 and 8 hours of work, in zones "
    "and in unions of zones. Respot is close to greedy, which sees the truth, between Uniform Progress and its one-way "
    "form; the frictionless optimum is below them all."
)
_SIZE: Final = 17
_TEXT, _FAINT, _GRID = "#1f2328", "#57606a", "#d0d7de"
_MEASURED_FONT: Final = "Liberation Sans"
"""The library ships it, and measures the texts with it: the plot is the same on each machine."""
_TITLE: Final[Mapping[str, Any]] = {"fontSize": _SIZE, "color": _TEXT}
_AXIS_TITLE: Final[Mapping[str, Any]] = {"titleFontSize": _SIZE, "titleColor": _FAINT, "titleFontWeight": "normal"}
_AXIS: Final[Mapping[str, Any]] = {"labelFontSize": _SIZE, "labelColor": _FAINT, "domainColor": _GRID, **_AXIS_TITLE}


def measured(works: Iterable[float] = tuple(DEADLINES), *, starts: int = STARTS) -> Iterator[Row]:
    """Measure, as `python -m local.backtest` does: half a minute, nearly all of it for 48 h of work."""
    works = tuple(works)
    for places, read in _PLACES.items():
        by_place = read()
        for work in works:
            for name, shown in POLICIES.items():
                results = measure(by_place, name, work=work, starts=starts)
                for deadline in DEADLINES[work]:
                    every = [*chain.from_iterable(results[deadline, overhead] for overhead in OVERHEADS)]
                    row = {"places": places, "work": f"{work:g}", "deadline": f"{deadline:g}"}
                    yield row | {"policy": shown, "percent": _percent(every, "cost")}
                    if name == RESPOT:
                        yield row | {"policy": OPTIMUM, "percent": _percent(every, "optimum")}


def _percent(results: Iterable[Result], what: str) -> str:
    every = list(results)
    return f"{sum(getattr(each, what) for each in every) / sum(each.on_demand for each in every) * 100:.1f}"


def kept() -> list[Row]:
    """The figures of the last measurement."""
    with FIGURES.open(encoding="ascii", newline="") as file:
        return list(csv.DictReader(file))


def keep(rows: Iterable[Row]) -> None:
    """Keep these for the plot."""
    with FIGURES.open("w", encoding="ascii", newline="") as file:
        writer = csv.DictWriter(file, ("places", "work", "deadline", "policy", "percent"), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


@cache
def picture() -> str:
    """The plot of the kept figures, as SVG."""
    rows = kept()
    panels = [[_panel(rows, places, f"{work:g}") for work in DEADLINES] for places in _PLACES]
    plot = alt.vconcat(
        *(alt.hconcat(*row, spacing=18) for row in panels),
        spacing=22,
        title=alt.TitleParams("Cost, in percent of one on-demand job", anchor="start", offset=12, **_TITLE),
    ).configure(background="#ffffff", padding=16, font=_MEASURED_FONT, view=alt.ViewConfig(stroke=None))
    return _for_pages(vl_convert.vegalite_to_svg(plot.to_dict()))


def _panel(rows: Iterable[Row], places: str, work: str) -> alt.LayerChart | alt.FacetChart:
    values = [
        {
            "deadline": f"{row['deadline']} h",
            "policy": row["policy"],
            "percent": float(row["percent"]),
            "said": f"{row['policy']}, {work} h of work by {row['deadline']} h, {places}: {row['percent']} %",
        }
        for row in rows
        if (row["places"], row["work"]) == (places, work)
    ]
    names = [*_STYLES]
    colours, shapes, dashes = zip(*_STYLES.values(), strict=True)
    is_left, is_first = work == "48", (places, work) == ("zones", "48")
    legend = _legend(names[::-1]) if is_first else None
    base = alt.Chart({"values": values}, width=250, height=180).encode(
        x=alt.X("deadline:N", sort=None, title="deadline", axis=alt.Axis(labelAngle=0, tickColor=_GRID, **_AXIS)),
        y=alt.Y(
            "percent:Q",
            title=None,
            scale=alt.Scale(domain=(30, 107), nice=False),
            axis=_percent_axis(has_labels=is_left),
        ),
        color=alt.Color("policy:N", scale=alt.Scale(domain=names, range=colours), legend=legend),
        description="said:N",
    )
    lines = base.mark_line(strokeWidth=2.5).encode(
        strokeDash=alt.StrokeDash("policy:N", scale=alt.Scale(domain=names, range=dashes), legend=None)
    )
    points = base.mark_point(size=90, filled=True, opacity=1).encode(
        shape=alt.Shape("policy:N", scale=alt.Scale(domain=names, range=shapes), legend=legend)
    )
    title = f"{work} h of work, {places.removesuffix(' of zones')}"
    return alt.layer(lines, points, title=alt.TitleParams(title, anchor="start", frame="group", offset=12, **_TITLE))


def _percent_axis(*, has_labels: bool) -> alt.Axis:
    extent = 54 if has_labels else 0
    ticks: dict[str, Any] = {
        "values": [40, 60, 80, 100],
        "ticks": False,
        "labels": has_labels,
        "labelExpr": "datum.value + ' %'",
    }
    return alt.Axis(minExtent=extent, maxExtent=extent, gridColor=_GRID, domain=False, **ticks, **_AXIS)


def _legend(names: Iterable[str]) -> alt.Legend:
    symbols: dict[str, Any] = {"symbolSize": 120, "columns": 2, "columnPadding": 40, "rowPadding": 4}
    return alt.Legend(
        orient="top", title=None, values=[*names], labelColor=_TEXT, labelFontSize=_SIZE, labelLimit=0, **symbols
    )


def _for_pages(svg: str) -> str:
    """What the library does not know: colours for dark pages, the pages' font, and what the picture shows."""
    dark = "".join(
        f'[{name}="{light}"]{{{name}:{colour}}}'
        for light, colour in _LIGHT_AND_DARK.items()
        for name in ("fill", "stroke")
    )
    style = f"<style>@media (prefers-color-scheme:dark){{{dark}}}</style>"
    root = f'role="img" font-family="{FONT}" aria-label={quoteattr(_LABEL)}'
    svg = svg.replace(f' font-family="{_MEASURED_FONT}"', "").replace(f" font-family='{_MEASURED_FONT}'", "")
    svg = re.sub(r'font-size="(\d+)px"', r'font-size="\1"', re.sub(r"(\d\.\d\d)\d+", r"\1", svg))
    return re.sub(r"<svg ([^>]*)>", rf"<svg \1 {root}>{style}", svg, count=1) + "\n"
