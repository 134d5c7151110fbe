"""Ends of jobs that were met in public."""

from typing import Any

import pytest

from respot.recovery.planning.ending import ending_of
from tests.support.public_cases import cases, compare, state_of


@pytest.mark.parametrize("case", cases("ending"))
def test_the_end_is_classified(case: dict[str, Any]) -> None:
    ending = ending_of(state_of(case["facts"]))
    compare(
        case["expect"],
        {
            "trigger": ending.trigger,
            "said": ending.description,
            "by_a_person": ending.by_a_person,
            "doubtful": ending.uncertain,
        },
    )
