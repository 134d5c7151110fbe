"""What handling a queue's messages needs of the outside world; apart from `ports`, so that `slack` loads little."""

from datetime import timedelta
from typing import Protocol

from respot.slack_message import SlackMessage


class Chat(Protocol):
    """Where people read alerts."""

    def post(self, message: SlackMessage) -> None:
        """Post one message.

        Raises:
            WebhookRefusedError: it was not taken; nothing is known of the next one.
        """


class DelayQueue(Protocol):
    """The queue that a message stays in until it is handled."""

    def delay(self, receipt: str, delay: timedelta) -> None:
        """Hide the message for that long.

        Raises:
            QueueUnavailableError: it was not hidden; the queue's own visibility timeout holds.
        """
