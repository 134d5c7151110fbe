"""When an alarm fires, evaluated each minute, and a queue's age as SQS says that it measures it.

Source, read in November 2026:
https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from local.proof.alarms import Sample, fires

MINUTE: Final = timedelta(minutes=1)
_POISON: Final = 3
"""A message that was received this often, and not deleted, does not count in the age of the oldest message."""


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
