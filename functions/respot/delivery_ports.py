"""What handling a queue's messages needs of the outside world; apart from `ports`, so that `slack` loads little."""

from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from respot.slack_message import SlackMessage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from respot.domain.job import JobId
    from respot.look_message import RecheckRequest


class Chat(Protocol):
    """Where people read alerts."""

    def post(self, message: SlackMessage) -> None:
        """Post one message.

        Raises:
            WebhookRefusedError: it was not taken; nothing is known of the next one.
        """


class DrillPosts(Protocol):
    """Where it is written down what became of a drill's message."""

    def note(self, drill: str, refusal: str | None) -> None:
        """Write down that the chat took the message of the drill with this id, or why not; a success stands.

        Raises:
            LedgerUnavailableError: it may not have been written.
        """


class JobQueue(Protocol):
    """A queue of jobs to be looked after: those that have ended, or those whose alerts are due."""

    def send(self, job: "JobId") -> None:
        """Have the job looked after; sending it twice does no harm.

        Raises:
            QueueUnavailableError: it may not have been sent; send it again.
        """


class RecheckQueue(Protocol):
    """The queue of observations, as the sweep fills it."""

    def send(self, rechecks: "Sequence[tuple[RecheckRequest, timedelta]]") -> None:
        """Have jobs looked at, each after its delay; sending one twice does no harm.

        Raises:
            QueueUnavailableError: some may not have been sent; send them again.
        """

    def backlog(self) -> int:
        """How many observations wait that could be taken now, more or less.

        Raises:
            QueueUnavailableError: it is not known.
        """


class HeartbeatQueue(Protocol):
    """A queue that a function reads, as the sweep shows that it does."""

    def beat(self) -> None:
        """Send a heartbeat through it.

        Raises:
            QueueUnavailableError: it may not have been sent.
        """


class DelayQueue(Protocol):
    """The queue that a message stays in until it is handled."""

    def delay(self, receipt_handle: str, delay: timedelta) -> None:
        """Hide the message for that long.

        Raises:
            QueueUnavailableError: it was not hidden; the queue's own visibility timeout holds.
        """
