"""Figures over numbers of jobs, as an SVG without anything but text."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape

_WIDTH, _HEIGHT = 400, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 66, 20, 46, 46
_INK: Final = "#24292f"
_LINE: Final = "#0969da"
_PALE: Final = "#d0d7de"


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """One figure over the number of jobs.

    Attributes:
        title: what it is, with its unit.
        points: (jobs, figure), the fewest jobs first.
    """

    title: str
    points: Sequence[tuple[float, float]]


def draw(panels: Sequence[Panel]) -> str:
    """The panels side by side, each with a dashed line from the origin through its largest point: linear growth."""
    drawn = "".join(
        f'<g transform="translate({index * _WIDTH} 0)">{_panel(panel)}</g>' for index, panel in enumerate(panels)
    )
    size = f'width="{_WIDTH * len(panels)}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH * len(panels)} {_HEIGHT}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12" fill="{_INK}">'
        f'<rect width="100%" height="100%" fill="#ffffff"/>{drawn}</svg>\n'
    )


def _panel(panel: Panel) -> str:
    widest, highest = (max(values) or 1 for values in zip(*panel.points, strict=True))

    def place(jobs: float, figure: float) -> tuple[float, float]:
        x = _LEFT + jobs / widest * (_WIDTH - _LEFT - _RIGHT)
        return round(x, 1), round(_HEIGHT - _BOTTOM - figure / highest * (_HEIGHT - _TOP - _BOTTOM), 1)

    (left, bottom), (right, top) = place(0, 0), place(widest, highest)
    places = [place(*point) for point in panel.points]
    texts = [
        _text(left, 24, panel.title, 'font-size="14" font-weight="bold"'),
        _text((left + right) / 2, _HEIGHT - 8, "jobs (dashed: linear)", 'text-anchor="middle"'),
        *(_text(left - 8, place(0, y)[1] + 4, _scale(y), 'text-anchor="end"') for y in (0, highest / 2, highest)),
        *(_text(place(x, 0)[0], bottom + 18, f"{x:,.0f}", 'text-anchor="middle"') for x, _ in panel.points),
    ]
    path = " ".join(f"{x},{y}" for x, y in places)
    dots = "".join(f'<circle cx="{x}" cy="{y}" r="4" fill="{_LINE}"/>' for x, y in places)
    return (
        f'{"".join(texts)}<path d="M{left} {top}V{bottom}H{right}" fill="none" stroke="{_PALE}"/>'
        f'<path d="M{left} {bottom}L{places[-1][0]} {places[-1][1]}" stroke="{_PALE}" stroke-dasharray="6 4"/>'
        f'<polyline points="{path}" fill="none" stroke="{_LINE}" stroke-width="2"/>{dots}'
    )


def _text(x: float, y: float, words: str, style: str) -> str:
    return f'<text x="{x}" y="{y}" {style}>{escape(words)}</text>'


def _scale(figure: float) -> str:
    return f"{figure:,.0f}" if figure >= 10 or figure == 0 else f"{figure:.2g}"
