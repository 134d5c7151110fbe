"""Posts the messages of the Slack queue."""

from datetime import timedelta
from functools import cache
from typing import Any, Final

from respot.aws.cached_text import CachedText
from respot.aws.slack_webhook import SlackWebhook, read_secret
from respot.bootstrap.clients import client, now, required, settings
from respot.bootstrap.observability import count, gauge, logger
from respot.bootstrap.retries import retry_schedule
from respot.bootstrap.time_budget import begin
from respot.handlers.lambda_events import BatchResponse, Context, failed, messages, time_left
from respot.log_events import DRILL_RECORD_FAILED, SLACK_POST_FAILED
from respot.metrics import (
    DRILL_RECORDS_FAILED,
    FAILED_SLACK_MESSAGE_AGE,
    SLACK_MESSAGES_POSTED,
    SLACK_MESSAGES_REFUSED,
)
from respot.settings import LEDGER_TABLE, SLACK_SECRET
from respot.slack.relay import SlackRelay


def handler(event: dict[str, Any], context: Context) -> BatchResponse:
    """Post a batch of SQS messages; what Slack refuses remains in the queue, and moves to its DLQ in the end.

    A message that Slack definitely does not take moves there on its second try.
    """
    begin(time_left(context))
    relayed = slack_relay().relay(messages(event))
    for retry in relayed.retries:
        logger().error(
            SLACK_POST_FAILED,
            message_id=retry.message.id,
            reason=retry.reason,
            retry_in_seconds=None if retry.buried else retry.delay.total_seconds(),
        )
    for error in relayed.drill_errors:
        logger().error(DRILL_RECORD_FAILED, reason=str(error))
    count(
        {
            SLACK_MESSAGES_POSTED: relayed.posted,
            SLACK_MESSAGES_REFUSED: len(relayed.retries),
            DRILL_RECORDS_FAILED: len(relayed.drill_errors),
        }
    )
    remaining = [retry for retry in relayed.retries if not retry.buried]
    if remaining:
        gauge(FAILED_SLACK_MESSAGE_AGE, max(now() - each.message.sent + each.delay for each in remaining))
    return failed(retry.message.id for retry in remaining)


LONGEST_DELAY: Final = timedelta(hours=1)
"""Between two attempts to post the same message."""

SECRET_KEPT_FOR: Final = timedelta(minutes=5)


@cache
def slack_relay() -> SlackRelay:
    """The relay that `slack` calls."""
    name = required(settings().slack_secret, SLACK_SECRET)
    secret = CachedText(lambda: read_secret(client("secretsmanager"), name), kept_for=SECRET_KEPT_FOR, clock=now)
    return SlackRelay(
        chat=SlackWebhook(secret.read, secret.forget),
        retry_schedule=retry_schedule(longest=LONGEST_DELAY, dead_letters_url=settings().dead_letters_queue_url),
        drills=_DrillPosts(),
    )


class _DrillPosts:
    """The port `DrillPosts`, loaded by the first drill: no other cold start pays for a DynamoDB client."""

    def note(self, drill: str, refusal: str | None) -> None:
        """See `DrillPosts.note`."""
        from respot.aws.dynamodb.drills import DynamoDbDrillPosts  # noqa: PLC0415 - see the class

        table = required(settings().ledger_table, LEDGER_TABLE)
        DynamoDbDrillPosts(client("dynamodb"), table, clock=now).note(drill, refusal)
