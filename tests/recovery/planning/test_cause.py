"""Each reason for which no attempt follows has its own word."""

import pytest

from respot.recovery.planning.cause import Cause
from respot.recovery.planning.decision import Action
from tests.support.causes import DECISIONS, OF_THE_SHELL
from tests.support.decisions import decide


@pytest.mark.parametrize("cause", DECISIONS)
def test_every_reason_has_its_own_word(cause: Cause) -> None:
    assert DECISIONS[cause]().cause is cause


def test_no_word_is_without_a_decision() -> None:
    assert set(DECISIONS) | OF_THE_SHELL == set(Cause)


def test_an_attempt_has_no_cause_against_it() -> None:
    assert (decide().action, decide().cause) == (Action.RESUBMIT, None)
