"""Tags with one value for each attempt of a run."""

import pytest

from local.sagemaker import lifecycle
from respot.recovery.planning.attempt import ATTEMPT_TAG

TWO_FATES = "never-launched / Starting=0.1 Training=1"


@pytest.mark.parametrize(
    ("attempt", "ending"),
    [(1, "MaxWaitTimeExceeded"), (2, "Completed"), (3, "Completed"), (9, "Completed")],
)
def test_each_attempt_meets_its_own_fate_and_the_last_one_repeats(attempt: int, ending: str) -> None:
    assert lifecycle.value_for(attempt, TWO_FATES, lifecycle.parse).end == ending


@pytest.mark.parametrize(
    ("tag", "attempt"), [(None, 1), ("2", 2), ("17", 17), ("0", 1), ("-1", 1), ("second", 1), ("²", 1), ("", 1)]
)
def test_a_job_without_a_number_is_the_first_attempt(tag: str | None, attempt: int) -> None:
    assert lifecycle.attempt_of({} if tag is None else {ATTEMPT_TAG: tag}) == attempt


@pytest.mark.parametrize(
    "text", ["never-launched / uninterupted", "never-launched / ", "uninterrupted, never-launched"]
)
def test_a_mistake_in_a_later_fate_shows_at_the_first_attempt(text: str) -> None:
    with pytest.raises(ValueError, match=r"' / ' separates|it is empty"):
        lifecycle.value_for(1, text, lifecycle.parse)
