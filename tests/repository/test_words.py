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
    "source",
    [
        '"""The job stays there."""',
        "x = 1  # whoever reads this",
        'x = f"{job} is given up"',
        'x = f"""\nIt {job}\nis mended."""',
        'x = "none was sent, so one was lost"',
        'x = {"key": "take a hint"}',
    ],
)
def test_a_word_of_the_list_is_found(source: str) -> None:
    assert len(words_to_avoid_in_source(source)) == 1


@pytest.mark.parametrize("source", ["stays = told()", '"""Small, so that it starts fast."""', 'x = "overlook"'])
def test_names_and_other_words_pass(source: str) -> None:
    assert words_to_avoid_in_source(source) == []


def test_every_exception_is_used() -> None:
    assert [phrase for phrase in EXCEPTIONS if not any(phrase in read(path) for path in MODULES)] == []
