"""The report's charts: Vega-Lite through altair, drawn as SVG by vl-convert, both of the extra `respot[report]`.

Each is an image of its own: words of others in it can be no markup of the page, and colours follow light and dark.
"""

import base64
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from math import ceil
from typing import TYPE_CHECKING, Any, Final

from respot.savings.wall_clock import TimeClass
from respot_cli.report.view_model import Chart

if TYPE_CHECKING:
    import altair as alt

HAS_CHARTS: Final = find_spec("altair") is not None and find_spec("vl_convert") is not None
"""Whether the extra is installed."""

_WIDE: Final = 960
_NARROW: Final = 360
_USUAL, _SMALL = 14, 12
"""Sizes of text, in pixels."""
_WIDER: Final = 1.1
"""Fonts of readers may be so much wider than the one that the library measures with."""
_LEAST_PERCENT: Final = -100.0
"""The lowest savings that are drawn; the table has all."""
_FONT: Final = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
_MEASURED_FONT: Final = "Liberation Sans"
"""The library ships it, and measures the texts with it: a chart is the same on each machine."""
_TEXT, _SOFT, _GRID, _PAPER = "#15181e", "#565e6b", "#dfe3e8", "#ffffff"
_GROSS, _NET, _DOUBT = "#e69f00", "#0072b2", "#56b4e9"
DOUBTFUL: Final = "perhaps lost"
"""Training that may have been lost, as a class of its own."""
COLOURS: Final[dict[str, str]] = {
    TimeClass.TRAINING: "#0073b3",
    DOUBTFUL: "#8cc4e6",
    TimeClass.LOST: "#d55e00",
    TimeClass.INTERRUPTED: "#b0568a",
    TimeClass.STARTING: "#e69f01",
    TimeClass.DOWNLOADING: "#56b4ea",
    TimeClass.UPLOADING: "#009e73",
    TimeClass.QUEUED: "#b9c0ca",
    TimeClass.BETWEEN: "#7b8491",
    TimeClass.STOPPING: "#5b3a1e",
}
"""Okabe and Ito's colours, which colour-blind people can distinguish, as in the page's bars; and those beside them."""
_DARK: Final = {
    _TEXT: "#e8ebf0",
    _SOFT: "#a3acb9",
    _GRID: "#2c323c",
    _PAPER: "#0e1116",
    _GROSS: "#e6a817",
    _NET: "#4fabe0",
    _DOUBT: "#7cc7f2",
    "#0073b3": "#2b8fd0",
    "#8cc4e6": "#2a5673",
    "#d55e00": "#f0792b",
    "#b0568a": "#d684b4",
    "#e69f01": "#e6a817",
    "#56b4ea": "#7cc7f2",
    "#009e73": "#2fbf93",
    "#b9c0ca": "#5a6472",
    "#7b8491": "#8d97a5",
    "#5b3a1e": "#f3dfa0",
}

Row = dict[str, Any]


def saved_by_day(rows: Sequence[Row], alternative: str) -> Chart:
    """Gross and net by day: rows of `day`, `kind` (`gross` or `net`), `low` and `high`, in percent."""

    def draw(*, narrow: bool) -> Any:  # noqa: ANN401 - altair's charts share no base
        import altair as alt  # noqa: PLC0415 - an extra

        x = alt.X("day:T", title=None, scale=alt.Scale(type="utc"), axis=_days(rows, narrow=narrow))
        scale = alt.Scale(domain=["gross", "net"], range=[_GROSS, _NET])
        label = "datum.label == 'net' ? 'net of repeated work, at least' : 'gross, by AWS'"
        legend = alt.Legend(
            orient="top", title=None, labelExpr=label, labelLimit=0, symbolSize=110, symbolStrokeWidth=2.5
        )
        base = alt.Chart({"values": rows})
        band = (
            base.mark_area(opacity=0.25, color=_DOUBT, clip=True)
            .encode(x=x, y=alt.Y("low:Q", title=None), y2="high:Q")
            .transform_filter("datum.kind == 'net'")
        )
        # One day that cost a multiple of its useful work would flatten all others.
        least = max(min(row["low"] for row in rows), _LEAST_PERCENT)
        room = alt.Scale(domainMin=min(least, 0), domainMax=100, nice=True)
        percent = alt.Y("low:Q", title=None, axis=_figures("datum.value + ' %'"), scale=room)
        color = alt.Color("kind:N", scale=scale, legend=legend)
        lines = base.mark_line(strokeWidth=2.5, clip=True).encode(
            x=x,
            y=percent,
            color=color,
        )
        points = (
            base.mark_point(filled=True, opacity=1, size=26 if narrow else 42)
            .transform_filter(f"datum.low >= {least}")
            .encode(
                x=x,
                y=percent,
                color=color,
                shape=alt.Shape(
                    "kind:N", scale=alt.Scale(domain=["gross", "net"], range=["diamond", "circle"]), legend=legend
                ),
            )
        )
        return alt.layer(band, lines, points)

    return _chart(draw, alternative, height=260)


def time_by_day(rows: Sequence[Row], alternative: str, *, unit: str) -> Chart:
    """Where the time went by day: rows of `day`, `kind` (a TimeClass) and `time`, in the unit."""

    def draw(*, narrow: bool) -> Any:  # noqa: ANN401 - altair's charts share no base
        import altair as alt  # noqa: PLC0415 - an extra

        order = [*COLOURS]
        shown = [each for each in order if any(row["kind"] == each for row in rows)]
        scale = alt.Scale(domain=[str(each) for each in shown], range=[COLOURS[each] for each in shown])
        legend = alt.Legend(orient="top", title=None, columns=3 if narrow else 10, symbolType="square", labelLimit=0)
        ranked = [{**row, "rank": order.index(row["kind"])} for row in rows]
        return (
            alt.Chart({"values": ranked})
            .mark_bar(stroke=_PAPER, strokeWidth=0.5)
            .encode(
                x=alt.X("day:T", timeUnit="utcyearmonthdate", title=None, axis=_days(rows, narrow=narrow)),
                y=alt.Y("sum(time):Q", title=None, axis=_figures(f"format(datum.value, ',') + ' {unit}'")),
                color=alt.Color("kind:N", scale=scale, legend=legend, sort=None),
                order=alt.Order("rank:Q"),
            )
        )

    return _chart(draw, alternative, height=260)


def bars(rows: Sequence[Row], *, title: str) -> Chart:
    """One bar for each name: rows of `name`, `value` and `said`, in order."""

    def draw(*, narrow: bool) -> Any:  # noqa: ANN401 - altair's charts share no base
        import altair as alt  # noqa: PLC0415 - an extra

        size, most_label = (_SMALL, 120) if narrow else (_USUAL, 260)
        # On a phone, the first of two figures: the table has both.
        shown = [
            {**row, "said": row["said"].partition("  ")[0] if narrow else row["said"], "end": max(row["value"], 0)}
            for row in rows
        ]
        names = min(max(_width(row["name"], size) for row in shown), most_label * _WIDER) + 8
        y = alt.Y(
            "name:N",
            sort=None,
            title=None,
            axis=alt.Axis(
                labelLimit=most_label,
                ticks=False,
                domain=False,
                labelColor=_TEXT,
                labelPadding=8,
                minExtent=names,
            ),
        )
        base = alt.Chart({"values": shown})
        least = min(0, *(row["value"] for row in shown))
        area = (_NARROW if narrow else _WIDE) - 24 - names
        wanted = [(row["end"] - least) * area / max(area - 6 - _width(row["said"], size), area * 0.2) for row in shown]
        room = alt.Scale(domain=[least, least + max(wanted) or 1], nice=False)
        drawn = base.mark_bar(color=_NET, height={"band": 0.62}, cornerRadiusEnd=2).encode(
            x=alt.X("value:Q", title=title, axis=_figures("", is_flat=True), scale=room), y=y
        )
        words = base.mark_text(align="left", dx=6, color=_TEXT).encode(x="end:Q", y=y, text="said:N")
        return alt.layer(drawn, words)

    said = "; ".join(f"{row['name']}: {row['said']}" for row in rows)
    return _chart(draw, f"{title[0].upper()}{title[1:]}: {said}.", height=max(60, 34 * len(rows)))


def _chart(draw: Callable[..., Any], alternative: str, *, height: int) -> Chart:
    return Chart(
        alternative=alternative,
        wide=_address(_svg(draw(narrow=False), width=_WIDE, height=height, size=_USUAL)),
        narrow=_address(_svg(draw(narrow=True), width=_NARROW, height=height, size=_SMALL)),
    )


def _width(words: str, size: int) -> float:
    """About how wide words are, at most: the reader's font is not the one that the library measures with."""
    return len(words) * size * 0.56


def _svg(chart: Any, *, width: int, height: int, size: int) -> str:  # noqa: ANN401 - altair's charts share no base
    import altair as alt  # noqa: PLC0415 - an extra
    import vl_convert  # noqa: PLC0415 - an extra

    axis: dict[str, Any] = {"labelFontSize": size, "titleFontSize": size, "titleFontWeight": "normal"}
    whole = chart.properties(
        width=width,
        height=height,
        autosize=alt.AutoSizeParams(type="fit", contains="padding"),
        background="transparent",
    ).configure(
        font=_MEASURED_FONT,
        padding={"left": 16, "right": 8, "top": 4, "bottom": 4},
        view=alt.ViewConfig(stroke=None),
        axis=alt.AxisConfig(
            labelColor=_SOFT, titleColor=_SOFT, gridColor=_GRID, domainColor=_GRID, tickColor=_GRID, **axis
        ),
        legend=alt.LegendConfig(labelColor=_TEXT, labelFontSize=size, columnPadding=18, offset=12),
        text=alt.MarkConfig(fontSize=size),
        aria=False,
    )
    return _with_dark(vl_convert.vegalite_to_svg(whole.to_dict()))


def _with_dark(svg: str) -> str:
    """What the library does not know: colours for dark pages, and the page's font."""
    dark = "".join(
        f'[{name}="{light}"]{{{name}:{colour}}}' for light, colour in _DARK.items() for name in ("fill", "stroke")
    )
    style = f"<style>text{{font-family:{_FONT}}}@media (prefers-color-scheme:dark){{{dark}}}</style>"
    svg = re.sub(r'="[^"]*"', lambda attribute: re.sub(r"(\d\.\d\d)\d+", r"\1", attribute[0]), svg)
    return re.sub(r"(<svg [^>]*>)", rf"\1{style}", svg, count=1)


def _address(svg: str) -> str:
    """The picture as an address that holds it."""
    return f"data:image/svg+xml;base64,{base64.b64encode(svg.encode()).decode()}"


def _days(rows: Sequence[Row], *, narrow: bool) -> "alt.Axis":
    """A mark at every day, or at every so many: the library's own may be hours of one day."""
    import altair as alt  # noqa: PLC0415 - an extra

    days = [datetime.fromisoformat(row["day"]).replace(tzinfo=UTC) for row in rows]
    count = (max(days) - min(days)).days + 1
    marks = [min(days) + timedelta(days=day) for day in range(0, count, ceil(count / (5 if narrow else 10)))]
    return alt.Axis(
        format="%d %b",
        values=[each.timestamp() * 1000 for each in marks],
        labelOverlap="greedy",
        grid=False,
        labelFlush=True,
        labelPadding=6,
    )


def _figures(words: str, *, is_flat: bool = False) -> "alt.Axis":
    import altair as alt  # noqa: PLC0415 - an extra

    return alt.Axis(
        labelExpr=words, tickCount=5, domain=False, ticks=False, labelPadding=8, grid=not is_flat, labels=not is_flat
    )
