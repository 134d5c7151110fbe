"""Relays the topic's messages to Slack, one by one; what Slack refuses waits in the queue, longer each time."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from respot.errors import LedgerUnavailableError, WebhookRefusedError
from respot.queueing import QueueMessage, RetrySchedule
from respot.slack.blocks import render
from respot.slack.ports import Chat, DrillPosts


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A message that must stay in the queue: why, and how long until the next attempt."""

    delivery: QueueMessage
    error: WebhookRefusedError
    delay: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Relayed:
    """What became of some messages.

    Attributes:
        posted: how many were posted, drills apart.
        refusals: those that must stay in the queue.
        unnoted: why it could not be written down what became of a drill's message; nobody posts one again for that.
    """

    posted: int
    refusals: tuple[Refusal, ...]
    unnoted: tuple[LedgerUnavailableError, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackRelay:
    """Posts messages, and delays those that were refused."""

    chat: Chat
    redelivery: RetrySchedule
    drills: DrillPosts

    def relay(self, deliveries: Iterable[QueueMessage]) -> Relayed:
        """Post each message, whatever becomes of the others."""
        posted, refusals, unnoted = 0, [], []
        for delivery in deliveries:
            message = render(delivery.body)
            refused: WebhookRefusedError | None = None
            try:
                self.chat.post(message)
            except WebhookRefusedError as error:
                refused = error
                delay = self.redelivery.retry(delivery, at_least=error.retry_after)
                refusals.append(Refusal(delivery=delivery, error=error, delay=delay))
            else:
                posted += message.drill is None
            if message.drill:
                try:
                    self.drills.note(message.drill, str(refused) if refused else None)
                except LedgerUnavailableError as error:
                    unnoted.append(error)
        return Relayed(posted=posted, refusals=tuple(refusals), unnoted=tuple(unnoted))
