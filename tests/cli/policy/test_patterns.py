"""Patterns of rules are compared exactly, or not at all."""

import re
import time
from fnmatch import fnmatchcase
from functools import cache
from itertools import product
from typing import Any

import pytest
from botocore.loaders import Loader
from hypothesis import example, given, settings
from hypothesis import strategies as st

from respot_cli.policy.patterns import (
    in_a_tag,
    takes_all,
    why_no_instance_type,
    why_no_name,
    why_no_region,
    why_no_role,
    why_no_tag,
)

PARTS = st.sampled_from(["*", "?", "a", "b", "c", "-", "[ab]", "[!a]", "[a-c]", "[]a]", "[c-a]", "[", "]", "!"])
PATTERNS = st.lists(PARTS, min_size=1, max_size=6).map("".join)
TEXTS = st.text("abcd-[]!", max_size=7)


@given(earlier=PATTERNS, later=PATTERNS, texts=st.lists(TEXTS, max_size=30))
@settings(max_examples=600, deadline=None)
@example(earlier="*a*b*", later="*ab*", texts=[])
def test_a_pattern_that_takes_all_of_another_matches_whatever_that_matches(
    earlier: str, later: str, texts: list[str]
) -> None:
    """The judge is `fnmatch` itself, by which rules match."""
    if takes_all(earlier, later):
        assert [text for text in texts if fnmatchcase(text, later) and not fnmatchcase(text, earlier)] == []


def every_text(longest: int, letters: str = "abcd-[]!") -> list[str]:
    return ["".join(each) for length in range(longest + 1) for each in product(letters, repeat=length)]


SHORT = every_text(3)


SINGLE = st.lists(st.sampled_from(["*", "?", "a", "b", "-", "[ab]", "[!a]", "[a-c]"]), max_size=3).map("".join)


@given(earlier=SINGLE, later=SINGLE)
@settings(max_examples=300, deadline=None)
def test_nothing_is_missed_among_short_patterns(earlier: str, later: str) -> None:
    """Where no text of up to three characters tells the two apart, they are told apart by longer ones at most."""
    counter = [text for text in SHORT if fnmatchcase(text, later) and not fnmatchcase(text, earlier)]
    if counter:
        assert not takes_all(earlier, later)
    elif "*" not in later and earlier:
        assert takes_all(earlier, later)


@pytest.mark.parametrize(
    ("earlier", "later", "takes"),
    [
        ("*", "vision-*", True),
        ("vision-*", "vision-large-*", True),
        ("ml.g5.*", "ml.g5.2xlarge", True),
        ("ml.*.?xlarge", "ml.g5.2xlarge", True),
        ("eu-*", "eu-west-[12]", True),
        ("*vision*", "arn:aws:iam::*:role/vision-*", True),
        ("vision-*", "vision*", False),
        ("?*", "*", False),
        ("prod", "prod*", False),
        ("[a-m]*", "[a-z]*", False),
        ("[a-z]*", "b?", True),
        ("[ac]", "[a-c]", False),
        ("[a-c]", "[ac]", True),
    ],
)
def test_patterns_that_people_write_are_compared(earlier: str, later: str, takes: bool) -> None:  # noqa: FBT001
    assert takes_all(earlier, later) is takes


def test_a_comparison_that_would_take_too_long_is_uncertain() -> None:
    """A deterministic automaton remembers at which of the last places there was an a: twice as many with each more."""
    assert takes_all("*[ab]???", "*a???")
    began = time.process_time()
    assert not takes_all("*[ab]" + "?" * 40, "*a" + "?" * 40)
    assert time.process_time() - began < 10


@pytest.mark.parametrize(
    ("why_none", "pattern", "words"),
    [
        (why_no_name, "train_*", "has no '_'"),
        (why_no_name, "team.vision*", "has no '.'"),
        (why_no_name, "-train", "begins and ends with a letter"),
        (why_no_name, "?" * 64, "63 characters at most"),
        (why_no_instance_type, "g5.*", "begin with ml."),
        (why_no_instance_type, "ML.g5.*", "begin with ml."),
        (why_no_role, "vision-*", "compared with the ARN"),
        (why_no_role, "role/vision-*", "compared with the ARN"),
        (why_no_role, "arn:aws:iam::123:role/x", "compared with the ARN"),
        (why_no_region, "us-east-1a", "called like eu-west-1"),
        (why_no_region, "EU-*", "called like eu-west-1"),
        (why_no_tag, "prod|stage", "accepts no '|'"),
        (why_no_tag, "{vision,speech}", "accepts no '{' or ',' or '}'"),
        (why_no_tag, "team#1", "accepts no '#'"),
    ],
)
def test_a_pattern_that_matches_nothing_says_why(why_none: object, pattern: str, words: str) -> None:
    assert callable(why_none)
    assert words in why_none(pattern)


def test_every_region_and_every_instance_type_of_sagemaker_can_be_named() -> None:
    """botocore's own lists: what AWS has must not be called impossible."""
    partitions = Loader().load_data("endpoints")["partitions"]
    regions = [region for each in partitions for region in each["regions"]]
    assert len(regions) > 30
    assert [region for region in regions if why_no_region(region)] == []
    types = shapes()["TrainingInstanceType"]["enum"]
    assert len(types) > 100
    assert [each for each in types if why_no_instance_type(each)] == []
    assert why_no_instance_type("ml.m5.large+ml.g5.xlarge") is None


@cache
def shapes() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = Loader().load_service_model("sagemaker", "service-2")["shapes"]
    return found


def test_tags_have_the_characters_that_sagemakers_service_model_allows() -> None:
    for shape in ("TagKey", "TagValue"):
        pattern = str(shapes()[shape]["pattern"])
        assert re.findall(r"\\p\{(\w)\}", pattern) == ["L", "Z", "N"]
        others = re.sub(r"\\p\{\w\}|[()*\[\]]", "", pattern).replace("\\", "")
        assert {each for each in map(chr, range(128)) if in_a_tag(each) and not each.isalnum()} == {*others, " "}


@given(name=st.from_regex(r"[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}", fullmatch=True).filter(lambda name: len(name) <= 63))
def test_no_name_that_sagemaker_accepts_is_called_impossible(name: str) -> None:
    """TrainingJobName of the service model."""
    assert shapes()["TrainingJobName"]["pattern"] == "[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"
    assert why_no_name(name) is None


@given(role=st.from_regex(r"arn:aws[a-z\-]*:iam::[0-9]{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+", fullmatch=True))
def test_no_role_that_sagemaker_accepts_is_called_impossible(role: str) -> None:
    assert shapes()["RoleArn"]["pattern"] == r"arn:aws[a-z\-]*:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+"
    assert why_no_role(role) is None
