from collections.abc import Iterator
from datetime import timedelta

import pytest
from botocore.exceptions import BotoCoreError
from hypothesis import given
from hypothesis import strategies as st

from respot.bootstrap import time_budget
from respot.bootstrap.time_budget import CALL_LIMITS, RESERVE, CallLimits, NoTimeLeftError, allow, begin


@pytest.fixture(autouse=True)
def no_invocation() -> Iterator[None]:
    yield
    time_budget._INVOCATION.time_left = None  # noqa: SLF001 - as after a cold start


@pytest.mark.parametrize(
    ("attempts", "seconds"),
    [(1, 4), (2, 2 * 4 + 1), (3, 3 * 4 + 1 + 2)],
    ids=["one attempt", "one pause", "two pauses"],
)
def test_the_longest_call_is_all_attempts_and_the_longest_pauses(attempts: int, seconds: float) -> None:
    assert CallLimits(connect_seconds=1, read_seconds=3, attempts=attempts).longest_call == timedelta(seconds=seconds)


@given(st.lists(st.sampled_from(sorted(CALL_LIMITS)), min_size=1), st.integers(30, 900))
def test_a_function_ends_before_its_timeout_for_any_slow_calls(services: list[str], limit: int) -> None:
    """Each call takes its longest time. After a refusal there is still time to set a message's delay."""
    left = timedelta(seconds=limit)
    begin(lambda: left)
    for service in services * 900:
        try:
            allow(service)
        except NoTimeLeftError:
            allowed = service == "sqs" or left >= CALL_LIMITS["sqs"].longest_call
            break
        left -= CALL_LIMITS[service].longest_call
    else:
        pytest.fail("no call was ever refused")
    assert left >= timedelta()
    assert allowed or "sqs" in services


def test_only_the_delay_of_a_message_may_use_the_reserve() -> None:
    begin(lambda: RESERVE)
    allow("sqs")
    with pytest.raises(NoTimeLeftError, match=r"10\.0 s of the function's time are left, and a call of sns may take"):
        allow("sns")


def test_adapters_see_a_refused_call_as_a_service_that_did_not_answer() -> None:
    assert issubclass(NoTimeLeftError, BotoCoreError)


def test_outside_an_invocation_every_call_is_allowed() -> None:
    for service in CALL_LIMITS:
        allow(service)
