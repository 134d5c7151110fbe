"""Regular expressions over words of others take linear time. Those of checkpoints are tried on whole listings."""

import importlib
import pkgutil
import re
import time
from collections.abc import Callable, Iterator
from typing import Final

import pytest

import respot
from tests.repository.test_words import ROOT

LENGTH: Final = 2_000
NOTICEABLE: Final = 0.01
"""Seconds of CPU. A linear search of a text this short takes a hundredth of it."""
PIECES: Final = (
    *("a", "A", "0", "f", "1a", "-", "_", ".", "/", " ", "'", '"', ")", "!", ":", "=", "~", "é", "\n"),
    *("0.", "a.", "a-", "a_", "-0", "_1", "=1", ".a.a", "00000000", "deadbeef1", "ml.a.", "for a/", "'a", "AWSBatch0"),
)
"""What a hostile text repeats, beside a pattern's own words."""
LONG: Final = 5 * LENGTH
"""Of words: these are fewer in a text of the same length."""
SYNTAX: Final = re.compile(r"\\.|\(\?P<\w+>")
SHORT: Final = {"_SPAN": "parse_span refuses a text of more than 64 characters first"}


def patterns() -> Iterator[tuple[str, str, re.Pattern[str]]]:
    """Module, name and pattern of each."""
    for module in pkgutil.walk_packages(respot.__path__, "respot."):
        if not module.name.startswith("respot.recovery.checkpoints"):
            for name, value in vars(importlib.import_module(module.name)).items():
                if isinstance(value, re.Pattern):
                    yield module.name, name, value


SOURCE: Final = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "functions").rglob("*.py"))
PATTERNS: Final = {f"{module}.{name}": (name, pattern) for module, name, pattern in patterns() if name not in SHORT}


def seconds(use: Callable[[str], object], text: str) -> float:
    began = time.process_time()
    use(text)
    return time.process_time() - began


def pieces_of(pattern: re.Pattern[str]) -> Iterator[tuple[str, int]]:
    """What to repeat, and the length of the text: also one to three words that follow each other in the pattern."""
    yield from ((piece, LENGTH) for piece in PIECES)
    words = re.findall(r"[^\W\d_]{2,}", SYNTAX.sub(" ", pattern.pattern))
    for count in (1, 2, 3):
        for each in dict.fromkeys(zip(*(words[first:] for first in range(count)), strict=False)):
            yield " ".join(each) + " ", LONG


def slow(pattern: re.Pattern[str], method: str) -> Iterator[str]:
    """The pieces with which a text that is four times as long takes much more than four times as long."""
    for piece, length in pieces_of(pattern):
        use = (lambda text: pattern.sub("", text)) if method == "sub" else getattr(pattern, method)
        text = (piece * length)[:length] + "\x00"
        if seconds(use, text) > NOTICEABLE:
            short, long = (min(seconds(use, text[:end] + "\x00") for _ in range(3)) for end in (length // 4, length))
            if long > 8 * short:
                yield piece


@pytest.mark.parametrize("which", PATTERNS)
def test_no_text_of_others_takes_quadratic_time(which: str) -> None:
    name, pattern = PATTERNS[which]
    methods = set(re.findall(rf"\b{name}\.(search|match|fullmatch|sub|findall|finditer)\b", SOURCE))
    assert {method: list(slow(pattern, method)) for method in methods} == {method: [] for method in methods}


@pytest.mark.parametrize(
    "pattern",
    [
        r"(?:\.[a-z]+)+$",
        r"\btry\b.*\b(?:later|minutes)\b",
        r"\b(?:limit|quota)\b(?:(?!utili[sz]ation).)*?\bis\s+(?P<limit>\d)",
        r"\bspot\b\s+not\s+available\s+\w+\s+(?:\w+\s+)*?(?:ml\.a)",
    ],
)
def test_a_quadratic_pattern_is_noticed(pattern: str) -> None:
    assert any(slow(re.compile(pattern), "search"))


def test_the_patterns_are_those_of_the_functions() -> None:
    assert len(PATTERNS) > 20
