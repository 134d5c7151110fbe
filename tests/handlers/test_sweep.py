"""The function `sweep`, on a fake sweeper."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from respot.bootstrap.observability import metrics
from respot.errors import QueueUnavailableError, UpstreamUnavailableError
from respot.handlers import sweep
from respot.metrics import (
    NAMESPACE,
    SERVICE_DIMENSION,
    SERVICE_VARIABLE,
    SWEEP_AGE,
    UNDEPLOYED,
    UNKNOWN_STATUS_MESSAGES,
)
from respot.schema import CHECKS
from respot.sweep.heartbeat import beat
from respot.sweep.report import SweepReport
from tests.handlers.test_handlers import Context
from tests.support.builders import REGION
from tests.support.printed import Printed, printed

__all__ = ["printed"]  # used by each test, asked for or not


@dataclass
class FakeSweeper:
    """A sweeper that returns the reports of a test."""

    swept: tuple[SweepReport, ...] = ()
    times_left: list[timedelta] = field(default_factory=list)

    def sweep(self, *, time_left: Callable[[], timedelta]) -> tuple[SweepReport, ...]:
        self.times_left.append(time_left())
        return self.swept


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> FakeSweeper:
    fake = FakeSweeper()
    monkeypatch.setattr(sweep, "sweeper", lambda: fake)
    monkeypatch.setattr(sweep, "heartbeat_queues", tuple)
    return fake


def measured(lines: list[dict[str, Any]], deployment: str = UNDEPLOYED) -> dict[str, list[float]]:
    """The metrics among the lines, in Respot's own namespace and dimension."""
    found: dict[str, list[float]] = {}
    for line in lines:
        for group in line.get("_aws", {}).get("CloudWatchMetrics", ()):
            assert (group["Namespace"], group["Dimensions"]) == (NAMESPACE, [[SERVICE_DIMENSION]])
            assert line[SERVICE_DIMENSION] == deployment
            found |= {metric["Name"]: line[metric["Name"]] for metric in group["Metrics"]}
    return found


def test_the_work_of_a_sweep_is_logged_and_counted(fake: FakeSweeper, printed: Printed) -> None:
    fake.swept = (
        SweepReport(scope=CHECKS, age=timedelta(seconds=5), complete=True, recoveries=2, alerts=1),
        SweepReport(scope=REGION, age=timedelta(seconds=400), rechecks=3),
        SweepReport(scope="eu-west-1", age=timedelta(seconds=9), complete=True, rechecks=4),
    )
    sweep.handler({}, Context())
    lines = printed()
    logged = [line for line in lines if line.get("message") == "sweep_completed"]
    assert [(line["scope"], line["complete"], line["rechecks"]) for line in logged] == [
        (CHECKS, True, 0),
        (REGION, False, 3),
        ("eu-west-1", True, 4),
    ]
    expected = {"JobsRechecked": [7], "RecoveriesEnqueued": [2], "OverdueAlertsEnqueued": [1], SWEEP_AGE: [400]}
    assert measured(lines) == expected


def test_an_error_is_logged_and_does_not_stop_other_scopes(fake: FakeSweeper, printed: Printed) -> None:
    fake.swept = (
        SweepReport(scope=REGION, age=timedelta(hours=1), error=UpstreamUnavailableError("throttled")),
        SweepReport(scope="eu-west-1", age=timedelta(), complete=True),
    )
    sweep.handler({}, Context())
    lines = printed()
    (stopped,) = [line for line in lines if line.get("message") == "sweep_failed"]
    assert (stopped["level"], stopped["scope"], stopped["reason"]) == ("ERROR", REGION, "throttled")
    assert "UpstreamUnavailableError" in stopped["exception"]
    assert measured(lines) == {"SweepsFailed": [1], SWEEP_AGE: [3600]}


def test_status_messages_that_are_unknown_are_counted_and_logged(fake: FakeSweeper, printed: Printed) -> None:
    words = [f"words {number}" for number in range(9)]
    fake.swept = tuple(
        SweepReport(scope=scope, age=timedelta(), complete=True, unknown_messages=unknown)
        for scope, unknown in ((REGION, ["new words", "new words"]), ("eu-west-1", words))
    )
    sweep.handler({}, Context())
    lines = printed()
    logged = [line for line in lines if line.get("message") == "status_message_unknown"]
    assert [(line["scope"], line["status_message"]) for line in logged] == [
        (REGION, "new words"),
        *(("eu-west-1", each) for each in words[:5]),
    ]
    assert measured(lines) == {UNKNOWN_STATUS_MESSAGES: [11], SWEEP_AGE: [0]}


@pytest.mark.usefixtures("fake")
def test_an_invocation_that_finds_another_at_it_says_nothing(printed: Printed) -> None:
    sweep.handler({}, Context())
    assert printed() == []


@pytest.fixture
def deployed_as(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv(SERVICE_VARIABLE, "Another")
    metrics.cache_clear()
    yield "Another"
    metrics.cache_clear()


def test_metrics_are_those_of_the_deployment(fake: FakeSweeper, printed: Printed, deployed_as: str) -> None:
    """Two in one account and region would hide each other's stuck sweeps.

    An age of nothing is an age: without it, the alarm would take silence for a sweep that never comes.
    """
    fake.swept = (SweepReport(scope=CHECKS, age=timedelta(), complete=True),)
    sweep.handler({}, Context())
    assert measured(printed(), deployed_as) == {SWEEP_AGE: [0]}


# --- heartbeats: the tests of each function's batches show that it ignores them


@dataclass
class FakeQueue:
    """A queue that counts heartbeats, or refuses them."""

    refuses: bool = False
    beats: int = 0

    def beat(self) -> None:
        if self.refuses:
            message = "no permission"
            raise QueueUnavailableError(message)
        self.beats += 1


def test_a_refused_heartbeat_does_not_stop_the_others() -> None:
    queues = (FakeQueue(), FakeQueue(refuses=True), FakeQueue())
    assert [str(error) for error in beat(queues)] == ["no permission"]
    assert [queue.beats for queue in queues] == [1, 0, 1]


def test_each_sweep_sends_heartbeats_and_sweeps_even_if_they_are_refused(
    monkeypatch: pytest.MonkeyPatch, printed: Printed
) -> None:
    taking, refusing, fake = FakeQueue(), FakeQueue(refuses=True), FakeSweeper()
    monkeypatch.setattr(sweep, "heartbeat_queues", lambda: (refusing, taking))
    monkeypatch.setattr(sweep, "sweeper", lambda: fake)
    for _ in range(2):
        sweep.handler({}, Context())
    assert taking.beats == 2
    assert fake.times_left == [timedelta(minutes=5)] * 2
    assert [line["message"] for line in printed()] == ["heartbeat_failed"] * 2
