from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respot.jobs.formatting import clause, in_words, iso, sentence
from tests.support.builders import at

ENDINGS = ["", ".", "..", "...", "…", ". ", " ...", "!", "?", '."', ".)", "!)", "s3://bucket/a/"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (0.999, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h 00 min"),
        (11_100, "3 h 05 min"),
        (86_399, "23 h 59 min"),
        (86_400, "1 d 00 h"),
        (187_200, "2 d 04 h"),
        (-90, "-1 min"),
    ],
)
def test_a_duration_has_at_most_two_units_and_is_never_rounded_up(seconds: float, words: str) -> None:
    assert in_words(timedelta(seconds=seconds)) == words


def test_times_are_iso_8601_utc_with_milliseconds() -> None:
    assert iso(at(0)) == "2026-09-16T09:00:00.000Z"
    assert iso(at(0.0379)) == "2026-09-16T09:00:00.037Z"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("exit code 1", "exit code 1."),
        ("exit code 1.", "exit code 1."),
        ("please wait...", "please wait."),
        ("please wait…", "please wait."),
        ("out of memory!", "out of memory!"),
        ("who knows?", "who knows?"),
        ('All say: "no."', 'All say: "no."'),
        ('All say: "no"', 'All say: "no".'),
        ("so it is (see the log)", "so it is (see the log)."),
        ("", ""),
        (" ... ", ""),
    ],
)
def test_a_sentence_ends_in_one_full_stop(words: str, said: str) -> None:
    assert sentence(words) == said


@given(st.text(), st.sampled_from(ENDINGS))
def test_any_text_becomes_one_sentence_and_remains_one(words: str, ending: str) -> None:
    said = sentence(words + ending)
    assert not said.endswith(("..", " .", "…", "!.", "?."))
    assert sentence(said) == said
    assert not said or said.endswith((".", "!", "?", '"', "'", ")", "]"))


@given(st.text(), st.sampled_from(ENDINGS))
def test_a_clause_ends_without_a_full_stop(words: str, ending: str) -> None:
    assert not clause(words + ending).endswith((".", " ", "…"))
