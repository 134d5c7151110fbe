"""CloudWatch, as its documentation says that it evaluates an alarm, and as SQS says that it measures a queue's age.

Sources, read in November 2026:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

MINUTE: Final = timedelta(minutes=1)
_MORE_RETRIEVED: Final = 2
"""Data points that CloudWatch retrieves beyond the evaluation periods, in the documentation's tables: five for three.

It says that the number depends on the period, and not how.
"""
_POISON: Final = 3
"""A message that was received this often, and not deleted, does not count in the age of the oldest message."""

STATISTICS: Final[dict[str, Callable[[Sequence[float]], float]]] = {
    "Maximum": max,
    "Minimum": min,
    "Sum": sum,
    "SampleCount": len,
}
COMPARISONS: Final[dict[str, Callable[[float, float], bool]]] = {
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
}


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of a metric."""

    at: datetime
    value: float


def is_alarm(points: Sequence[bool | None], *, periods: int, datapoints: int, missing: str) -> bool:
    """Whether an alarm with these data points (whether each breaches; `None` is missing), oldest first, is in ALARM.

    While enough data points exist in the evaluation range, the most recent ones decide, and missing ones are passed
    over: only when there are fewer are they filled in as the alarm says.
    """
    existing = [point for point in points if point is not None][-periods:]
    filled = periods - len(existing)
    breaching = sum(existing) + (filled if missing == "breaching" else 0)
    return breaching >= datapoints


def fires(alarm: Mapping[str, Any], samples: Sequence[Sample], *, now: datetime) -> bool:
    """Whether the alarm of a template is in ALARM, by the periods that are over."""
    period = alarm["Period"]
    retrieved = alarm["EvaluationPeriods"] + _MORE_RETRIEVED
    last = int(now.timestamp() // period)
    points: list[bool | None] = []
    for number in range(last - retrieved, last):
        values = [each.value for each in samples if int(each.at.timestamp() // period) == number]
        points.append(
            COMPARISONS[alarm["ComparisonOperator"]](STATISTICS[alarm["Statistic"]](values), alarm["Threshold"])
            if values
            else None
        )
    return is_alarm(
        points,
        periods=alarm["EvaluationPeriods"],
        datapoints=alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"]),
        missing=alarm["TreatMissingData"],
    )


def fired_after(
    alarm: Mapping[str, Any], samples: Sequence[Sample], *, since: datetime, until: datetime
) -> timedelta | None:
    """How long after `since` the alarm goes to ALARM, evaluated every minute; `None` if it does not, until `until`."""
    now = since
    while now <= until:
        if fires(alarm, samples, now=now):
            return now - since
        now += MINUTE
    return None


@dataclass(slots=True)
class Message:
    """A message of a queue that a test plays."""

    body: str
    sent: datetime
    visible_at: datetime
    received: list[datetime] = field(default_factory=list)


@dataclass(slots=True)
class FakeQueue:
    """A standard queue: what is due, and what SQS says of it."""

    visibility: timedelta = timedelta(minutes=6)
    messages: list[Message] = field(default_factory=list)

    def send(self, body: str, *, now: datetime, delay: timedelta = timedelta()) -> None:
        self.messages.append(Message(body, now, now + delay))

    def receive(self, *, now: datetime) -> list[Message]:
        due = [message for message in self.messages if message.visible_at <= now]
        for message in due:
            message.received.append(now)
            message.visible_at = now + self.visibility
        return due

    def age_of_oldest_message(self, *, now: datetime) -> float | None:
        """ApproximateAgeOfOldestMessage."""
        ages = [(now - each.sent).total_seconds() for each in self.messages if len(each.received) < _POISON]
        return max(ages, default=None)

    def messages_visible(self, *, now: datetime) -> float:
        """ApproximateNumberOfMessagesVisible."""
        return sum(each.visible_at <= now for each in self.messages)
