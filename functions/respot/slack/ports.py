"""Ports of Slack: the chat, and the record of drills."""

from typing import Protocol

from respot.slack.blocks import SlackMessage


class Chat(Protocol):
    """Where people read alerts."""

    def post(self, message: SlackMessage) -> None:
        """Post one message.

        Raises:
            WebhookRefusedError: it was not accepted; the next one may be.
        """


class DrillPosts(Protocol):
    """Where the result of a drill's message is recorded."""

    def note(self, drill: str, refusal: str | None) -> None:
        """Record that the chat accepted the message of the drill with this id, or why not; a success is final.

        Raises:
            LedgerUnavailableError: it may not have been written.
        """
