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
    time_budget._INVOCATION.time_left = None  # noqa: SLF001 - what a cold start forgets


@pytest.mark.parametrize(
    ("attempts", "seconds"),
    [(1, 4), (2, 2 * 4 + 1), (3, 3 * 4 + 1 + 2)],
    ids=["one attempt", "a pause between two", "longer pauses"],
)
def test_the_longest_call_is_all_attempts_and_the_longest_pauses(attempts: int, seconds: float) -> None:
    assert CallLimits(connect_seconds=1, read_seconds=3, attempts=attempts).longest_call == timedelta(seconds=seconds)


@given(st.lists(st.sampled_from(sorted(CALL_LIMITS)), min_size=1), st.integers(30, 900))
def test_whatever_a_function_calls_and_however_slow_it_ends_by_itself(services: list[str], limit: int) -> None:
    """Each call takes its longest; after a refusal a message's delay is still set."""
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


def test_the_delay_of_a_message_may_use_the_reserve_and_nothing_else_may() -> None:
    begin(lambda: RESERVE)
    allow("sqs")
    with pytest.raises(NoTimeLeftError, match=r"10\.0 s of the function's time are left, and a call of sns may take"):
        allow("sns")


def test_a_refused_call_looks_to_the_adapters_like_a_service_that_did_not_answer() -> None:
    assert issubclass(NoTimeLeftError, BotoCoreError)


def test_outside_of_an_invocation_every_call_may_begin() -> None:
    for service in CALL_LIMITS:
        allow(service)
