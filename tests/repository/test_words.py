"""Strings, docstrings and comments use none of the words that the pages avoid."""

from pathlib import Path
from typing import Final

import pytest

from tests.support.documents import words_to_avoid_in_source

ROOT: Final = Path(__file__).resolve().parents[2]
MODULES: Final = sorted(
    path.relative_to(ROOT).as_posix()
    for package in ("functions", "infra", "respot_cli", "local")
    for path in (ROOT / package).rglob("*.py")
)
EXCEPTIONS: Final[dict[str, str]] = {}
"""Phrases in which a word of the list is right, with the reason."""


def read(path: str) -> str:
    return (ROOT / path).read_text(encoding="utf-8")


def test_no_module_uses_a_word_of_the_list() -> None:
    found = {path: words_to_avoid_in_source(read(path), EXCEPTIONS) for path in MODULES}
    assert {path: words for path, words in found.items() if words} == {}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('"""The job stays there."""', 1),
        ("x = 1  # whoever reads this", 1),
        ('x = f"{job} is given up"', 1),
        ('x = f"""\nIt {job}\nis mended."""', 1),
        ('x = "none was sent, so one was lost"', 1),
        ('x = {"key": "take a hint"}', 1),
        ("stays = told()", 0),
        ('"""Small, so that it starts fast."""; x = "overlook"', 0),
    ],
)
def test_a_word_of_the_list_is_found_in_strings_and_comments(source: str, found: int) -> None:
    assert len(words_to_avoid_in_source(source)) == found


def test_every_exception_is_used() -> None:
    assert [phrase for phrase in EXCEPTIONS if not any(phrase in read(path) for path in MODULES)] == []
