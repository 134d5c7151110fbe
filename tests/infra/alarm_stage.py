"""The real handlers with queues that measure time: an alarm sees what they emit."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import pytest

from infra.config import Config
from local.proof.alarms import Sample
from respot.bootstrap.observability import metrics
from respot.handlers import alert, record, recover, slack
from respot.metrics import (
    NAMESPACE,
    SERVICE_DIMENSION,
    SERVICE_VARIABLE,
)
from respot.queueing import RetrySchedule
from tests.infra.synthesis import Resource, render, synthesize_all
from tests.support.builders import CREATED, milliseconds, retry_schedule
from tests.support.clock import FakeClock
from tests.support.cloudwatch import MINUTE, FakeQueue
from tests.support.memory import MemoryDelayQueue
from tests.support.printed import Printed

START: Final = CREATED + timedelta(hours=3, minutes=7, seconds=13)
"""When the trouble begins; the periods of alarms begin at other moments."""

INTERVAL: Final = timedelta(minutes=5)
"""Between two sweeps."""

AN_OUTAGE: Final = timedelta(minutes=15)

LONG: Final = timedelta(hours=2)

Handler = Callable[[dict[str, Any], Any], Any]


class Context:
    """Lambda's context."""

    def get_remaining_time_in_millis(self) -> int:
        return 300_000


@dataclass
class Stage:
    """The real handlers, their queues, and what they emit.

    Attributes:
        emitted: samples of Respot's own metrics, by name.
        delays: what the functions asked their queues to hide messages for.
    """

    monkeypatch: pytest.MonkeyPatch
    printed: Printed
    clock: FakeClock = field(default_factory=lambda: FakeClock(START))
    emitted: dict[str, list[Sample]] = field(default_factory=dict)
    delays: MemoryDelayQueue = field(default_factory=MemoryDelayQueue)

    def call(self, handler: Handler, event: dict[str, Any]) -> Any:  # noqa: ANN401 - as the handler answers
        """Call a function and note what its embedded metrics say."""
        self.printed()
        answer = handler(event, Context())
        for line in self.printed():
            for group in line.get("_aws", {}).get("CloudWatchMetrics", ()):
                assert (group["Namespace"], group["Dimensions"]) == (NAMESPACE, [[SERVICE_DIMENSION]])
                assert line[SERVICE_DIMENSION] == "Respot"
                for metric in group["Metrics"]:
                    samples = self.emitted.setdefault(metric["Name"], [])
                    samples += [Sample(self.clock(), value) for value in line[metric["Name"]]]
        return answer

    def retry_schedule(self, *, first: float = 5, longest: float = 900) -> RetrySchedule:
        """Delays in seconds, on this stage's clock."""
        return retry_schedule(self.delays, first=first, longest=longest, clock=self.clock)

    def deliver(self, queue: FakeQueue, handler: Handler, *, until: datetime) -> None:
        """Have the function take what is due, again and again."""
        while queue.messages and (due := min(each.visible_at for each in queue.messages)) <= until:
            self.clock.moment = max(self.clock(), due)
            batch = {f"m{number}": each for number, each in enumerate(queue.receive(now=self.clock()))}
            answer = self.call(
                handler,
                {
                    "Records": [
                        {
                            "messageId": name,
                            "receiptHandle": name,
                            "body": each.body,
                            "attributes": {
                                "ApproximateReceiveCount": str(len(each.received)),
                                "SentTimestamp": str(milliseconds(each.sent)),
                                "ApproximateFirstReceiveTimestamp": str(milliseconds(each.received[0])),
                            },
                        }
                        for name, each in batch.items()
                    ]
                },
            )
            failed = {each["itemIdentifier"] for each in answer["batchItemFailures"]}
            for name, each in batch.items():
                if name in failed:
                    each.visible_at = self.clock() + self.delays.delays.pop(name, queue.visibility)
                else:
                    queue.messages.remove(each)
        self.clock.moment = max(self.clock(), until)


def each_minute(value: Callable[[timedelta], float | None], *, lasts: timedelta = LONG) -> list[Sample]:
    spans = [number * MINUTE for number in range(lasts // MINUTE + 1)]
    return [Sample(START + span, measured) for span in spans if (measured := value(span)) is not None]


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch, printed: Printed) -> Iterator[Stage]:
    monkeypatch.setenv(SERVICE_VARIABLE, "Respot")
    metrics.cache_clear()
    stage = Stage(monkeypatch, printed)
    for module in (record, recover, alert, slack):
        monkeypatch.setattr(module, "now", stage.clock)
    yield stage
    metrics.cache_clear()


@pytest.fixture(scope="module", name="alarms")
def all_alarms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Resource]:
    """All that can be deployed: with Slack, weekly digests, and a second region."""
    slack = "respot/slack-webhook"
    config = Config(regions=("us-east-1", "eu-west-1"), slack_webhook_secret=slack, weekly_digest=True)
    stacks = synthesize_all(tmp_path_factory.mktemp("alarms"), config)
    return {
        re.sub("^Alarms?", "", name): render(alarm)
        for stack in stacks.values()
        for name, alarm in stack.of_type("CloudWatch::Alarm").items()
    }
