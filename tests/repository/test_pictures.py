"""The pictures of the pages are what their scripts draw, and can be read on a phone and on a dark page."""

import re

import pytest

from tests.support.pictures import DOCS, PICTURES
from tests.support.svg import wrapped

PHONE = 390
each_picture = pytest.mark.parametrize("name", PICTURES)


@each_picture
def test_a_picture_is_what_its_script_draws(name: str) -> None:
    assert (DOCS / name).read_text(encoding="utf-8") == PICTURES[name](), "run python -m tests.support.pictures"


@each_picture
def test_a_picture_loads_nothing(name: str) -> None:
    assert re.findall(r"@import|@font-face|(?:href|src)=|url\((?!#)", PICTURES[name]()) == []


@each_picture
def test_text_has_ten_pixels_on_a_phone(name: str) -> None:
    svg = PICTURES[name]()
    width = re.search(r'<svg [^>]*? width="(\d+)"', svg)
    assert width
    sizes = [float(size) for size in re.findall(r'font-size="(\d+)"', svg)]
    assert min(sizes) * PHONE / float(width[1]) >= 10


@each_picture
def test_a_picture_has_colours_for_dark_pages_and_a_label(name: str) -> None:
    svg = PICTURES[name]()
    assert "@media (prefers-color-scheme:dark)" in svg
    assert re.search(r'aria-label="[^"]{40,}"', svg)


def test_lines_break_between_words() -> None:
    assert wrapped("one two three", 7) == ["one two", "three"]
    assert wrapped("a longer-than-that b", 5) == ["a", "longer-than-that", "b"]
