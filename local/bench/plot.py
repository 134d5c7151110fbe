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
    widest = max(jobs for jobs, _ in panel.points) or 1
    highest = max(figure for _, figure in panel.points) or 1

    def place(jobs: float, figure: float) -> tuple[float, float]:
        x = _LEFT + jobs / widest * (_WIDTH - _LEFT - _RIGHT)
        return x, _HEIGHT - _BOTTOM - figure / highest * (_HEIGHT - _TOP - _BOTTOM)

    left, bottom = place(0, 0)
    right, top = place(widest, highest)
    axes = f'<path d="M{left} {top}V{bottom}H{right}" fill="none" stroke="{_PALE}"/>'
    scale = "".join(
        f'<text x="{left - 8}" y="{place(0, figure)[1] + 4:.1f}" text-anchor="end">{_said(figure)}</text>'
        for figure in (0, highest / 2, highest)
    )
    jobs = "".join(
        f'<text x="{place(point, 0)[0]:.1f}" y="{bottom + 18}" text-anchor="middle">{point:,.0f}</text>'
        for point, _ in panel.points
    )
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in (place(*point) for point in panel.points))
    dots = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{_LINE}"/>'
        for x, y in (place(*point) for point in panel.points)
    )
    last = place(*panel.points[-1])
    return (
        f'<text x="{left}" y="24" font-size="14" font-weight="bold">{escape(panel.title)}</text>{axes}{scale}{jobs}'
        f'<path d="M{left} {bottom}L{last[0]:.1f} {last[1]:.1f}" stroke="{_PALE}" stroke-dasharray="6 4"/>'
        f'<polyline points="{path}" fill="none" stroke="{_LINE}" stroke-width="2"/>{dots}'
        f'<text x="{(left + right) / 2}" y="{_HEIGHT - 8}" text-anchor="middle">jobs (dashed: linear)</text>'
    )


def _said(figure: float) -> str:
    return f"{figure:,.0f}" if figure >= 10 or figure == 0 else f"{figure:.2g}"
