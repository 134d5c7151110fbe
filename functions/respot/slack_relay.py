"""Relays the topic's messages to Slack, one by one; what Slack refuses waits in the queue, longer each time."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from respot.delivery_ports import Chat
from respot.errors import WebhookRefusedError
from respot.redelivery import Delivery, Redelivery
from respot.slack_message import render


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
    redelivery: Redelivery

    def relay(self, deliveries: Iterable[Delivery]) -> tuple[Refusal, ...]:
        """Post each message; returns those that must stay in the queue."""
        refusals = []
        for delivery in deliveries:
            try:
                self.chat.post(render(delivery.body))
            except WebhookRefusedError as error:
                delay = self.redelivery.postpone(delivery, at_least=error.retry_after)
                refusals.append(Refusal(delivery=delivery, error=error, delay=delay))
        return tuple(refusals)
