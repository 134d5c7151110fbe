import pytest
from hypothesis import given
from hypothesis import strategies as st

from respot.jobs.formatting import clause, sentence

ENDINGS = ["", ".", "..", "...", "…", ". ", " ...", "!", "?", '."', ".)", "!)", "s3://bucket/a/"]


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
def test_any_words_become_one_sentence_and_stay_one(words: str, ending: str) -> None:
    said = sentence(words + ending)
    assert not said.endswith(("..", " .", "…", "!.", "?."))
    assert sentence(said) == said
    assert not said or said.endswith((".", "!", "?", '"', "'", ")", "]"))


@given(st.text(), st.sampled_from(ENDINGS))
def test_a_clause_can_be_gone_on_after(words: str, ending: str) -> None:
    assert not clause(words + ending).endswith((".", " ", "…"))
