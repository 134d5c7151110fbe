"""What a job's own figures, name and tags say, in cases that were met in public."""

from datetime import timedelta
from typing import Any

import pytest

from respot.alerting.advice import advise
from respot.jobs.job import savings_percent
from respot.jobs.owner import find_parent
from tests.support.public_cases import all_cases, cases, compare, kind_of, state_of

KINDS = {"clone", "event", "ending", "create_error", "stop_error", "owner", "savings", "advice"}


def test_each_case_is_of_a_kind_that_a_module_plays() -> None:
    assert {kind_of(case) for case in all_cases().values()} <= KINDS


@pytest.mark.parametrize("case", cases("owner"))
def test_the_owner_is_known(case: dict[str, Any]) -> None:
    parent = find_parent(**case["marks"])
    compare(case["expect"], {"owner": parent and parent.owner, "identifier": parent and parent.identifier})


@pytest.mark.parametrize("case", cases("savings"))
def test_the_savings_are_sagemakers(case: dict[str, Any]) -> None:
    spans = {name: None if case[name] is None else timedelta(seconds=case[name]) for name in ("training", "billable")}
    compare(case["expect"], {"percent": savings_percent(**spans)})


@pytest.mark.parametrize("case", cases("advice"))
def test_the_advice_is_given(case: dict[str, Any]) -> None:
    given = advise(state_of({"status": "InProgress", "secondary_status": "Starting"} | case["facts"]))
    expected = case["expect"]["advice"]
    assert len(given) == len(expected)
    assert all(words in advice for words, advice in zip(expected, given, strict=True))
