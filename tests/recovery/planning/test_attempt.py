"""Names of attempts, and the tags that go with them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respot.recovery.planning.attempt import LINEAGE_TAGS, Lineage, attempt_name

PATTERN = re.compile(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}")
ENDS = st.sampled_from("abcXYZ019")
MIDDLES = st.text("abcXYZ019-", max_size=61)
NAMES = st.builds("{}{}{}".format, ENDS, MIDDLES, ENDS) | ENDS
LONG_NAMES = st.builds("{}{}{}".format, ENDS, st.text("abcXYZ019-", min_size=59, max_size=61), ENDS)
ATTEMPTS = st.integers(min_value=1, max_value=10**6)
RUN = "us-east-1/spot-job/1789549200000"


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        pytest.param("spot-job", "spot-job-r2", id="short"),
        pytest.param("a" * 60, "a" * 60 + "-r2", id="just fits"),
        pytest.param("a" * 61, "a" * 51 + "-af5ca9fd-r2", id="one too long"),
        pytest.param("a" * 40 + "-" * 20 + "aaa", "a" * 40 + "-af5ca9fd-r2", id="no hyphens pile up at the cut"),
    ],
)
def test_a_stem_is_cut_only_where_it_must_be(stem: str, name: str) -> None:
    assert attempt_name(stem, 2, run=RUN) == name


@given(NAMES, ATTEMPTS, st.text())
def test_a_name_is_always_one_that_sagemaker_takes(stem: str, attempt: int, run: str) -> None:
    name = attempt_name(stem, attempt, run=run)
    assert PATTERN.fullmatch(name)
    assert len(name) <= 63
    assert name.endswith(f"-r{attempt}")
    assert name == attempt_name(stem, attempt, run=run)


@given(LONG_NAMES, ATTEMPTS, st.lists(st.uuids().map(str), min_size=2, max_size=2, unique=True))
def test_runs_whose_long_stems_are_cut_alike_have_different_names(stem: str, attempt: int, runs: list[str]) -> None:
    first, second = (attempt_name(stem, attempt, run=run) for run in runs)
    assert first != second


@given(NAMES, st.lists(ATTEMPTS, min_size=2, max_size=2, unique=True))
def test_attempts_of_a_run_have_different_names(stem: str, attempts: list[int]) -> None:
    first, second = (attempt_name(stem, attempt, run=RUN) for attempt in attempts)
    assert first != second


def test_the_lineage_is_three_tags() -> None:
    tags = Lineage(run=RUN, attempt=2, parent="spot-job").to_tags()
    assert tags == {"respot:run": RUN, "respot:attempt": "2", "respot:parent": "spot-job"}
    assert tags.keys() == LINEAGE_TAGS
