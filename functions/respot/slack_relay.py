"""Relays the topic's messages to Slack, one by one; what Slack refuses waits in the queue, longer each time."""

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from respot.errors import QueueUnavailableError, WebhookRefusedError
from respot.ports import Chat, DelayQueue
from respot.slack_message import render

LONGEST_DELAY: Final = timedelta(hours=1)
LONGEST_PAUSE: Final = timedelta(hours=11)
"""However long Slack asks to be left alone: SQS hides a message for 12 hours at most, and refuses to set more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One delivery of a message by the queue.

    Attributes:
        id: the message's id.
        receipt: what the queue wants to see when the message's delay is set.
        body: the message.
        receive_count: how often the queue has delivered it, this time included.
    """

    id: str
    receipt: str
    body: str
    receive_count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """A message that must stay in the queue: why, and how long until the next attempt."""

    delivery: Delivery
    error: WebhookRefusedError
    delay: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackRelay:
    """Posts messages, and delays those that were refused."""

    chat: Chat
    queue: DelayQueue
    first_delay: timedelta

    def relay(self, deliveries: Iterable[Delivery]) -> tuple[Refusal, ...]:
        """Post each message; returns those that must stay in the queue."""
        refusals = []
        for delivery in deliveries:
            try:
                self.chat.post(render(delivery.body))
            except WebhookRefusedError as error:
                delay = max(min(error.retry_after, LONGEST_PAUSE), self._delay(delivery.receive_count))
                self._hide(delivery, delay)
                refusals.append(Refusal(delivery=delivery, error=error, delay=delay))
        return tuple(refusals)

    def _hide(self, delivery: Delivery, delay: timedelta) -> None:
        """A delay that cannot be set is no loss: the message comes back by the queue's own visibility timeout.

        Failing here instead would post the batch's other messages twice.
        """
        with suppress(QueueUnavailableError):
            self.queue.delay(delivery.receipt, delay)

    def _delay(self, receive_count: int) -> timedelta:
        doublings = min(max(receive_count - 1, 0), 20)
        return min(LONGEST_DELAY, self.first_delay * (1 << doublings))
