from xml.etree import ElementTree as ET

import pytest

from local.bench.plot import Panel, draw

SVG = "{http://www.w3.org/2000/svg}"


def test_each_point_is_a_dot_in_its_place() -> None:
    root = ET.fromstring(draw([Panel(title="Seconds", points=[(50, 5), (100, 10)])]))  # noqa: S314 - our own words
    dots = [(float(dot.attrib["cx"]), float(dot.attrib["cy"])) for dot in root.iter(f"{SVG}circle")]
    left, bottom, right, top = 66, 254, 380, 46
    assert dots == [((left + right) / 2, (top + bottom) / 2), (right, top)]


def test_titles_are_text_and_panels_stand_side_by_side() -> None:
    root = ET.fromstring(  # noqa: S314
        draw([Panel(title="<a> & b", points=[(1, 1)]), Panel(title="c", points=[(1, 0)])])
    )
    assert root.attrib["width"] == "800"
    said = [text.text for text in root.iter(f"{SVG}text")]
    assert "<a> & b" in said
    assert [group.attrib["transform"] for group in root.iter(f"{SVG}g")] == ["translate(0 0)", "translate(400 0)"]


@pytest.mark.parametrize(("figure", "words"), [(12_345.6, "12,346"), (0.0538, "0.054"), (0, "0")])
def test_scales_are_labelled_with_a_few_letters(figure: float, words: str) -> None:
    assert f">{words}</text>" in draw([Panel(title="t", points=[(10, figure)])])
