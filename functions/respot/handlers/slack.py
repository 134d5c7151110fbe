"""Posts what the Slack queue delivers."""

from typing import Any

from respot.bootstrap.clients import begin, now
from respot.bootstrap.slack import slack_relay
from respot.handlers.batches import BatchResponse, Context, deliveries, failed, time_left
from respot.metric_names import FAILED_SLACK_MESSAGE_AGE
from respot.observability import count, gauge, logger


def handler(event: dict[str, Any], context: Context) -> BatchResponse:
    """Take a batch of SQS messages; what Slack refused stays in the queue, and goes to its DLQ in the end."""
    begin(time_left(context))
    relayed = slack_relay().relay(deliveries(event))
    for refusal in relayed.refusals:
        logger().error(
            "not posted",
            message_id=refusal.delivery.id,
            reason=str(refusal.error),
            retry_in_seconds=refusal.delay.total_seconds(),
        )
    for error in relayed.unnoted:
        logger().error("drill not noted", reason=str(error))
    count(SlackMessagesPosted=relayed.posted, SlackMessagesRefused=len(relayed.refusals))
    if relayed.refusals:
        gauge(FAILED_SLACK_MESSAGE_AGE, max(now() - each.delivery.sent + each.delay for each in relayed.refusals))
    return failed(refusal.delivery.id for refusal in relayed.refusals)
