"""The report's colours can be told apart by people with colour vision deficiencies.

Their sight is simulated by the matrices of Machado, Oliveira and Fernandes, "A Physiologically-based Model for
Simulation of Color Vision Deficiency" (IEEE TVCG 15:6, 2009), table for severity 1.0, which apply to linear RGB.
Differences are CIE76 in CIELAB (D65): about 2.3 is just noticeable.
"""

import re
from itertools import combinations
from pathlib import Path
from typing import Final

import pytest

import respot_cli.report
from respot.savings.wall_clock import TimeClass
from respot_cli.report import charts
from respot_cli.report.gantt import KINDS

Colour = tuple[float, float, float]

CSS: Final = (Path(respot_cli.report.__file__).parent / "templates" / "report.css").read_text(encoding="utf-8")
SIGHTS: Final[dict[str, tuple[Colour, Colour, Colour]]] = {
    "usual": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
    "tritanopia": (
        (1.255528, -0.076749, -0.178779),
        (-0.078411, 0.930809, 0.147602),
        (0.004733, 0.691367, 0.303900),
    ),
}
PATTERNED: Final = {"lost", "interrupted", "doubtful", "between"}
"""Kinds that a pattern distinguishes, too."""


def palette(*, dark: bool) -> dict[str, str]:
    """The colours of the kinds, in that scheme."""
    light, _, rest = CSS.partition("@media screen and (prefers-color-scheme: dark)")
    found = re.findall(r"--([\w-]+): (#[0-9a-f]{3,6})", rest.partition("\n}")[0] if dark else light.partition("}")[0])
    return {
        name: (f"#{''.join(2 * each for each in value[1:])}" if len(value) == 4 else value) for name, value in found
    }


def linear(colour: str) -> Colour:
    r, g, b = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return tuple(each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in (r, g, b))  # type: ignore[return-value]


def seen(colour: str, sight: str) -> Colour:
    """The colour in CIELAB, as it is seen."""
    before = linear(colour)
    r, g, b = (min(max(sum(a * c for a, c in zip(row, before, strict=True)), 0), 1) for row in SIGHTS[sight])
    xyz = (
        (0.4124564 * r + 0.3575761 * g + 0.1804375 * b) / 0.95047,
        0.2126729 * r + 0.7151522 * g + 0.0721750 * b,
        (0.0193339 * r + 0.1191920 * g + 0.9503041 * b) / 1.08883,
    )
    x, y, z = (each ** (1 / 3) if each > 216 / 24389 else (24389 / 27 * each + 16) / 116 for each in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def difference(one: str, other: str, sight: str) -> float:
    return float(sum((a - b) ** 2 for a, b in zip(seen(one, sight), seen(other, sight), strict=True)) ** 0.5)


def test_the_formula_by_known_values() -> None:
    """Red in CIELAB (D65) is 53.24, 80.09, 67.20 (Lindbloom's calculator); white is 100, 0, 0 for every sight."""
    assert seen("#ff0000", "usual") == pytest.approx((53.24, 80.09, 67.20), abs=0.05)
    for sight in SIGHTS:
        assert seen("#ffffff", sight) == pytest.approx((100, 0, 0), abs=0.5)


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_kinds_of_time_without_a_pattern_can_be_distinguished(sight: str, *, dark: bool) -> None:
    colours = palette(dark=dark)
    plain = {"training", "queued", "starting", "downloading", "uploading", "stopping"}
    assert {KINDS[each] for each in TimeClass} == plain | PATTERNED - {"doubtful"}
    close = {
        (one, other): round(difference(colours[one], colours[other], sight), 1)
        for one, other in combinations(sorted(plain), 2)
    }
    assert {pair: value for pair, value in close.items() if value < 12} == {}


@pytest.mark.parametrize("sight", SIGHTS)
def test_gross_and_net_can_be_distinguished(sight: str) -> None:
    assert difference(charts._GROSS, charts._NET, sight) > 40  # noqa: SLF001 - what is drawn


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_charts_and_bars_have_the_same_colours(*, dark: bool) -> None:
    """But for the last digit, by which a chart's dark form finds them."""
    for kind in TimeClass:
        drawn = charts.COLOURS[kind]
        own = charts._DARK[drawn] if dark else drawn  # noqa: SLF001 - what is drawn
        assert difference(own, palette(dark=dark)[KINDS[kind]], "usual") < 1
