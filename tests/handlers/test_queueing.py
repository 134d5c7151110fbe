from datetime import timedelta
from itertools import pairwise

import pytest

from infra.config import Config
from respot.handlers import record, recover, slack
from respot.queueing import QueueMessage, RetrySchedule
from tests.support.builders import CREATED, redelivery
from tests.support.clock import FakeClock
from tests.support.memory import MemoryDelayQueue

FIRST = timedelta(seconds=5)


def delivery(*, received: int) -> QueueMessage:
    return QueueMessage(id="m", receipt_handle="r", body="", receive_count=received, sent=CREATED)


def failing(*, first: timedelta, longest: timedelta, receives: int) -> list[timedelta]:
    """How old a message is at each of its deliveries, if every one of them fails."""
    clock = FakeClock(CREATED)
    redelivered = RetrySchedule(queue=MemoryDelayQueue(), first=first, longest=longest, clock=clock)
    ages = []
    for received in range(1, receives + 1):
        ages.append(clock() - CREATED)
        clock.pass_by(redelivered.retry(delivery(received=received)))
    return ages


@pytest.mark.parametrize(("received", "seconds"), [(1, 0), (2, 5), (3, 15), (4, 35), (9, 1275), (10, 1275 + 900)])
def test_a_message_has_been_retried_for_the_sum_of_its_delays_at_most(received: int, seconds: int) -> None:
    assert redelivery().retried_for(delivery(received=received)) == timedelta(seconds=seconds)


def test_after_deliveries_that_were_no_failures_an_error_is_waited_for_no_longer_than_the_message_is_old() -> None:
    """Eight times there was no time left for it, which took a minute: by the count it would wait for 15 minutes."""
    clock = FakeClock(CREATED + timedelta(minutes=1))
    assert redelivery(clock=clock).retry(delivery(received=9)) == timedelta(minutes=1) + FIRST


def test_after_a_wait_of_days_an_error_is_waited_for_as_after_the_first() -> None:
    clock = FakeClock(CREATED + timedelta(days=2))
    assert redelivery(clock=clock).retry(delivery(received=2)) == 2 * FIRST


@pytest.mark.parametrize("age", [timedelta(), -timedelta(minutes=1)], ids=["young", "of a clock that is ahead"])
def test_no_delay_is_shorter_than_the_first(age: timedelta) -> None:
    assert redelivery(clock=FakeClock(CREATED + age)).retry(delivery(received=9)) == FIRST


def test_if_every_delivery_fails_the_delays_double_up_to_the_longest() -> None:
    ages = failing(first=FIRST, longest=record.LONGEST_DELAY, receives=12)
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
def test_the_attempts_outlast_an_outage_as_shipped(
    first: str, receives: str, longest: timedelta, outage: timedelta
) -> None:
    config = Config()
    ages = failing(first=timedelta(seconds=getattr(config, first)), longest=longest, receives=getattr(config, receives))
    assert ages[-1] > outage
