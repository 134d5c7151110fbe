"""Relays the topics' messages to Slack; a message that Slack refuses is retried later each time."""

from collections.abc import Iterable
from dataclasses import dataclass

from respot.errors import LedgerUnavailableError, WebhookRefusedError
from respot.queueing import QueueMessage, Retry, RetrySchedule
from respot.slack.blocks import render
from respot.slack.ports import Chat, DrillPosts


@dataclass(frozen=True, slots=True, kw_only=True)
class Relayed:
    """The result of a batch.

    Attributes:
        posted: how many messages were posted, without those of drills.
        retries: the messages that Slack refused.
        drill_errors: why the result of a drill's message could not be recorded; it is not posted again for that.
    """

    posted: int
    retries: tuple[Retry, ...]
    drill_errors: tuple[LedgerUnavailableError, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SlackRelay:
    """Posts messages, and retries those that were refused."""

    chat: Chat
    retry_schedule: RetrySchedule
    drills: DrillPosts

    def relay(self, messages: Iterable[QueueMessage]) -> Relayed:
        """Post each message. A refused one does not affect the others."""
        posted, retries, drill_errors = 0, [], []
        for message in messages:
            post = render(message.body)
            refused: WebhookRefusedError | None = None
            try:
                self.chat.post(post)
            except WebhookRefusedError as error:
                refused = error
                retries.append(self.retry_schedule.retry(message, error))
            else:
                posted += post.drill is None
            if post.drill:
                try:
                    self.drills.note(post.drill, str(refused) if refused else None)
                except LedgerUnavailableError as error:
                    drill_errors.append(error)
        return Relayed(posted=posted, retries=tuple(retries), drill_errors=tuple(drill_errors))
