"""Ports of Slack: the chat, and where the fate of a drill is recorded."""

from typing import Protocol

from respot.slack.blocks import SlackMessage


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
