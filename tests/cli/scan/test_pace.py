"""Calls are spaced: a throttle slows them down for a while, and a wrong endpoint is not waited for."""

from dataclasses import dataclass, field

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from respot.errors import UpstreamUnavailableError
from respot_cli.scan.pace import DESCRIBE_EVERY, Pace

HOUR = 3600


@dataclass(slots=True)
class Clock:
    now: float = 0.0
    said: list[str] = field(default_factory=list)

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def pace(self) -> Pace:
        return Pace(every=DESCRIBE_EVERY, monotonic=lambda: self.now, sleep=self.sleep)


def failed(cause: BaseException) -> UpstreamUnavailableError:
    error = UpstreamUnavailableError("did not answer")
    error.__cause__ = cause
    return error


THROTTLED = ClientError({"Error": {"Code": "ThrottlingException", "Message": "Rate exceeded"}}, "DescribeTrainingJob")
UNREACHABLE = EndpointConnectionError(endpoint_url="https://api.sagemaker.us-east-9.amazonaws.com")


def test_twenty_thousand_calls_of_which_one_in_a_thousand_is_throttled_take_little_longer() -> None:
    clock, made = Clock(), 0

    def ask() -> None:
        nonlocal made
        made += 1
        if made % 1000 == 0:
            raise failed(THROTTLED)

    pace = clock.pace()
    for _ in range(20_000):
        pace.call(ask, clock.said.append)
    assert 20_000 * 0.2 <= clock.now + 0.2 <= 20_000 * 0.2 + 20 * 10
    assert len(clock.said) == 20


def test_an_endpoint_that_never_answered_is_given_up_within_seconds_and_said() -> None:
    clock = Clock()

    def ask() -> None:
        raise failed(UNREACHABLE)

    with pytest.raises(UpstreamUnavailableError):
        clock.pace().call(ask, clock.said.append)
    assert clock.now < 10
    assert clock.said[0].endswith("; trying again in 2 s")


def test_one_that_has_answered_before_is_waited_for() -> None:
    clock = Clock()
    pace = clock.pace()
    pace.call(lambda: None)
    left = 6

    def ask() -> str:
        nonlocal left
        left -= 1
        if left:
            raise failed(UNREACHABLE)
        return "answer"

    assert pace.call(ask) == "answer"


def test_nonsense_is_said_as_such_and_repeated_a_little() -> None:
    clock = Clock()

    def ask() -> None:
        raise failed(KeyError("TrainingJobSummaries"))

    with pytest.raises(UpstreamUnavailableError):
        clock.pace().call(ask, clock.said.append)
    assert clock.said == ["did not answer; trying again in 2 s", "did not answer; trying again in 4 s"]
