"""What handling a queue's messages needs of the outside world; apart from `ports`, so that `slack` loads little."""

from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from respot.slack_message import SlackMessage

if TYPE_CHECKING:
    from respot.domain.job import JobId


class Chat(Protocol):
    """Where people read alerts."""

    def post(self, message: SlackMessage) -> None:
        """Post one message.

        Raises:
            WebhookRefusedError: it was not taken; nothing is known of the next one.
        """


class RecoveryQueue(Protocol):
    """The queue of the jobs that have ended."""

    def send(self, job: "JobId") -> None:
        """Have the job recovered; sending it twice does no harm.

        Raises:
            QueueUnavailableError: it may not have been sent; send it again.
        """


class DelayQueue(Protocol):
    """The queue that a message stays in until it is handled."""

    def delay(self, receipt: str, delay: timedelta) -> None:
        """Hide the message for that long.

        Raises:
            QueueUnavailableError: it was not hidden; the queue's own visibility timeout holds.
        """
