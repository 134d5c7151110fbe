"""Patterns of the settings mean to the functions what they mean to IAM."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respot.recovery.checked_clone import instance_types_of, is_like


@pytest.mark.parametrize(
    ("text", "pattern", "matches"),
    [
        ("ml.g5.2xlarge", "*", True),
        ("", "*", True),
        ("", "", True),
        ("", "?", False),
        ("ml.g5.2xlarge", "ml.g5.*", True),
        ("ml.g5.", "ml.g5.*", True),
        ("ml.g5xlarge", "ml.g5.*", False),
        ("ml.g5.2xlarge", "ML.G5.*", False),
        ("ml.g5.2xlarge", "ml.g?.2xlarge", True),
        ("ml.g.2xlarge", "ml.g?.2xlarge", False),
        ("ml.g5.2xlarge", "ml.g[5].2xlarge", False),
        ("service-role/AmazonSageMaker-1", "*SageMaker*", True),
        ("service-role/a", "service-role*a", True),
        ("ml.g5.2xlarge", "ml.g5", False),
        ("ml.g5.2xlarge", "g5.2xlarge", False),
        ("ml.g5.2xlarge", "ml.*.2xlarg", False),
        ("a\nb", "a*b", True),
        ("abab", "*ab", True),
        ("abab", "**ab**", True),
    ],
)
def test_a_pattern_matches_as_in_stringlike(text: str, pattern: str, *, matches: bool) -> None:
    """IAM User Guide, "String condition operators": case-sensitive; `*` is any characters or none, `?` is one."""
    assert is_like(text, pattern) is matches


LETTERS = st.text("ab.*?[]\n", max_size=12)


@given(text=LETTERS, pattern=LETTERS)
def test_any_pattern_matches_like_the_regular_expression_that_iams_words_describe(text: str, pattern: str) -> None:
    words = "".join({"*": ".*", "?": "."}.get(each, re.escape(each)) for each in pattern)
    assert is_like(text, pattern) is (re.fullmatch(words, text, re.DOTALL) is not None)


def test_many_stars_take_no_time() -> None:
    began = time.process_time()
    assert not is_like("a" * 2_000, "*a" * 100 + "b")
    assert time.process_time() - began < 5


def test_a_request_may_name_its_instance_types_in_three_ways() -> None:
    resources = {
        "InstanceType": "ml.a",
        "InstanceGroups": [{"InstanceType": "ml.b"}, {"InstanceGroupName": "none"}],
        "InstancePreferences": [{"InstanceType": "ml.c"}],
    }
    assert list(instance_types_of({"ResourceConfig": resources})) == ["ml.a", "ml.b", "ml.c"]
    assert list(instance_types_of({"ServerlessJobConfig": {}})) == []
