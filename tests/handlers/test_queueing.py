from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from infra.config import Config
from respot.errors import (
    MalformedMessageError,
    NotShownError,
    OutOfTimeError,
    PostRefusedError,
    QueueUnavailableError,
    UpstreamUnavailableError,
    WebhookRefusedError,
)
from respot.handlers import record, recover, slack
from respot.queueing import LONGEST_DELAY, SHOWN_AFTER, QueueMessage, RetrySchedule
from tests.support.builders import CREATED, retry_schedule
from tests.support.clock import FakeClock
from tests.support.memory import MemoryDeadLetters, MemoryDelayQueue

FIRST = timedelta(seconds=5)


ERROR = UpstreamUnavailableError("SageMaker did not answer")


def message(*, received: int) -> QueueMessage:
    return QueueMessage(id="m", receipt_handle="r", body="", receive_count=received, sent=CREATED)


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


MALFORMED = MalformedMessageError("not JSON")


@pytest.mark.parametrize(
    ("error", "received", "buried"),
    [
        *((MALFORMED, 1, False), (MALFORMED, 2, True), (MALFORMED, 3, True), (ERROR, 50, False)),
        *((PostRefusedError("not JSON"), 2, True), (WebhookRefusedError("no_team"), 9, False)),
    ],
    ids=str,
)
def test_what_cannot_be_understood_is_a_dead_letter_after_two_tries(
    error: Exception, received: int, *, buried: bool
) -> None:
    dead, queue = MemoryDeadLetters(), MemoryDelayQueue()
    schedule = replace(retry_schedule(queue), dead_letters=dead)
    retry = schedule.retry(message(received=received), error)
    assert (retry.buried, retry.error, retry.reason) == (buried, error, str(error))
    assert dead.letters == ([("", "not JSON")] if buried else [])
    assert bool(queue.delays) is not buried  # what remains has a delay


NOT_SHOWN = NotShownError("SageMaker knows no such job")


@pytest.mark.parametrize(
    ("received", "age", "buried"),
    [(2, timedelta(0), False), (9, SHOWN_AFTER - timedelta(seconds=1), False), (2, SHOWN_AFTER, True)],
)
def test_a_job_that_is_not_shown_yet_is_no_dead_letter_before_five_minutes(
    received: int, age: timedelta, *, buried: bool
) -> None:
    """An earlier try may have had no time left, or no answer."""
    dead = MemoryDeadLetters()
    schedule = replace(retry_schedule(clock=FakeClock(CREATED + age)), dead_letters=dead)
    assert schedule.retry(message(received=received), NOT_SHOWN).buried is buried
    assert len(dead.letters) == buried


def test_a_job_that_is_never_shown_is_a_dead_letter_long_before_the_queue_gives_it_up() -> None:
    clock = FakeClock(CREATED)
    schedule = replace(retry_schedule(clock=clock), dead_letters=MemoryDeadLetters())
    received = 1
    while not (retry := schedule.retry(message(received=received), NOT_SHOWN)).buried:
        clock.pass_by(retry.delay)
        received += 1
    assert received < Config().observation_max_receives / 2
    assert clock() - CREATED < 2 * SHOWN_AFTER


def test_what_could_not_be_buried_remains_in_its_queue() -> None:
    schedule = replace(retry_schedule(), dead_letters=MemoryDeadLetters(fault=QueueUnavailableError("denied")))
    retry = schedule.retry(message(received=2), MALFORMED)
    assert (retry.buried, retry.reason) == (False, "not JSON; denied")


def test_a_delay_that_could_not_be_set_is_named_in_the_reason() -> None:
    queue = MemoryDelayQueue(fault=QueueUnavailableError("denied"))
    retry = retry_schedule(queue).retry(message(received=1), ERROR)
    assert retry.reason == f"{ERROR}; denied"


def test_a_deferred_message_without_a_delay_backs_off_and_has_no_error() -> None:
    deferred = retry_schedule().defer(message(received=3), "a quota is used up")
    assert (deferred.delay, deferred.reason, deferred.error) == (4 * FIRST, "a quota is used up", None)


DAYS = timedelta(days=2)


def pause_of(asked: timedelta) -> WebhookRefusedError:
    return WebhookRefusedError("429", retry_after=asked)


@pytest.mark.parametrize(
    ("error", "received", "age", "delay"),
    [
        pytest.param(MalformedMessageError("not JSON"), 50, DAYS, FIRST, id="malformed: soon each time"),
        pytest.param(OutOfTimeError("12 s left"), 5, DAYS, timedelta(), id="no time left: at once"),
        pytest.param(pause_of(timedelta()), 3, DAYS, 4 * FIRST, id="Slack asks for nothing"),
        pytest.param(pause_of(timedelta(minutes=5)), 3, DAYS, timedelta(minutes=5), id="a pause is a lower limit"),
        pytest.param(pause_of(timedelta(days=3650)), 3, DAYS, LONGEST_DELAY, id="the queue's limit"),
        pytest.param(ERROR, 2, DAYS, 2 * FIRST, id="after a wait of days: by its count"),
        pytest.param(ERROR, 0, DAYS, FIRST, id="a count of nothing"),
        pytest.param(ERROR, 10_000, DAYS, timedelta(minutes=15), id="a count beyond reason"),
        # Eight deliveries found no time left, within a minute. By the count alone the delay would be 15 minutes.
        pytest.param(ERROR, 9, timedelta(minutes=1), timedelta(minutes=1) + FIRST, id="not much longer than its age"),
        pytest.param(ERROR, 9, timedelta(), FIRST, id="new: not shorter than the first delay"),
        pytest.param(ERROR, 9, -timedelta(minutes=1), FIRST, id="of a clock that is ahead"),
    ],
)
def test_the_delay_follows_from_error_count_and_age(
    error: Exception, received: int, age: timedelta, delay: timedelta
) -> None:
    queue = MemoryDelayQueue()
    retry = retry_schedule(queue, clock=FakeClock(CREATED + age)).retry(message(received=received), error)
    assert (retry.delay, queue.delays) == (delay, {"r": delay})
    assert (retry.error, retry.reason) == (error, str(error))


def test_no_delay_is_longer_than_sqs_hides_a_message() -> None:
    assert timedelta(hours=12) > LONGEST_DELAY


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
