from datetime import timedelta
from itertools import pairwise

import pytest

from infra.config import Config
from respot.errors import MalformedMessageError, OutOfTimeError, UpstreamUnavailableError, WebhookRefusedError
from respot.handlers import record, recover, slack
from respot.queueing import QueueMessage, RetrySchedule
from tests.support.builders import CREATED, retry_schedule
from tests.support.clock import FakeClock
from tests.support.memory import MemoryDelayQueue

FIRST = timedelta(seconds=5)


ERROR = UpstreamUnavailableError("SageMaker did not answer")


def message(*, received: int) -> QueueMessage:
    return QueueMessage(id="m", receipt_handle="r", body="", receive_count=received, sent=CREATED)


def delay_after(error: Exception, *, received: int, age: timedelta = timedelta(days=2)) -> timedelta:
    return retry_schedule(clock=FakeClock(CREATED + age)).retry(message(received=received), error).delay


def ages_at_each_delivery(*, first: timedelta, longest: timedelta, receives: int) -> list[timedelta]:
    """How old a message is at each delivery, if every delivery fails."""
    clock = FakeClock(CREATED)
    schedule = RetrySchedule(queue=MemoryDelayQueue(), first=first, longest=longest, clock=clock)
    ages = []
    for received in range(1, receives + 1):
        ages.append(clock() - CREATED)
        clock.pass_by(schedule.retry(message(received=received), ERROR).delay)
    return ages


@pytest.mark.parametrize(("received", "seconds"), [(1, 0), (2, 5), (3, 15), (4, 35), (9, 1275), (10, 1275 + 900)])
def test_a_message_was_retried_for_at_most_the_sum_of_its_delays(received: int, seconds: int) -> None:
    retry = retry_schedule().retry(message(received=received), ERROR)
    assert retry.retried_for == timedelta(seconds=seconds)


def test_a_retry_carries_the_error_and_its_reason() -> None:
    retry = retry_schedule().retry(message(received=1), ERROR)
    assert (retry.error, retry.reason) == (ERROR, "SageMaker did not answer")


def test_a_deferred_message_without_a_delay_backs_off_and_has_no_error() -> None:
    deferred = retry_schedule().defer(message(received=3), "a quota is used up")
    assert (deferred.delay, deferred.reason, deferred.error) == (4 * FIRST, "a quota is used up", None)


def test_a_malformed_message_is_retried_soon_each_time() -> None:
    assert delay_after(MalformedMessageError("not JSON"), received=50) == FIRST


def test_a_message_without_time_left_is_retried_at_once() -> None:
    assert delay_after(OutOfTimeError("12 s left"), received=5) == timedelta()


@pytest.mark.parametrize(("asked", "seconds"), [(timedelta(), 20), (timedelta(minutes=5), 300)])
def test_a_pause_that_slack_asks_for_is_a_lower_limit(asked: timedelta, seconds: int) -> None:
    assert delay_after(WebhookRefusedError("429", retry_after=asked), received=3) == timedelta(seconds=seconds)


def test_an_error_waits_no_longer_than_the_age_of_the_message() -> None:
    """Eight deliveries found no time left, within a minute. By the count alone the delay would be 15 minutes."""
    assert delay_after(ERROR, received=9, age=timedelta(minutes=1)) == timedelta(minutes=1) + FIRST


def test_after_a_wait_of_days_an_error_backs_off_by_its_count() -> None:
    assert delay_after(ERROR, received=2) == 2 * FIRST


@pytest.mark.parametrize("age", [timedelta(), -timedelta(minutes=1)], ids=["new", "of a clock that is ahead"])
def test_no_delay_is_shorter_than_the_first(age: timedelta) -> None:
    assert delay_after(ERROR, received=9, age=age) == FIRST


def test_if_every_delivery_fails_the_delays_double_up_to_the_longest() -> None:
    ages = ages_at_each_delivery(first=FIRST, longest=record.LONGEST_DELAY, receives=12)
    delays = [(after - before).total_seconds() for before, after in pairwise(ages)]
    assert delays == [5, 10, 20, 40, 80, 160, 320, 640, 900, 900, 900]


@pytest.mark.parametrize(
    ("first", "receives", "longest", "outage"),
    [
        ("observation_retry_seconds", "observation_max_receives", record.LONGEST_DELAY, timedelta(hours=3)),
        ("observation_retry_seconds", "recovery_max_receives", recover.LONGEST_DELAY, timedelta(days=3)),
        ("slack_retry_seconds", "slack_max_receives", slack.LONGEST_DELAY, timedelta(hours=3)),
    ],
    ids=["observations", "recovery", "Slack"],
)
def test_retries_with_default_settings_outlast_an_outage(
    first: str, receives: str, longest: timedelta, outage: timedelta
) -> None:
    config = Config()
    ages = ages_at_each_delivery(
        first=timedelta(seconds=getattr(config, first)), longest=longest, receives=getattr(config, receives)
    )
    assert ages[-1] > outage
