"""Posts what the Slack queue delivers."""

from typing import Any

from respot.bootstrap.slack import slack_relay
from respot.handlers.batches import BatchResponse, Context, deliveries, failed
from respot.observability import count, logger


def handler(event: dict[str, Any], context: Context) -> BatchResponse:  # noqa: ARG001 - Lambda's signature
    """Take a batch of SQS messages; what Slack refused stays in the queue, and goes to its DLQ in the end."""
    messages = deliveries(event)
    refusals = slack_relay().relay(messages)
    for refusal in refusals:
        logger().error(
            "not posted",
            message_id=refusal.delivery.id,
            reason=str(refusal.error),
            retry_in_seconds=refusal.delay.total_seconds(),
        )
    count(SlackMessagesPosted=len(messages) - len(refusals), SlackMessagesRefused=len(refusals))
    return failed(refusal.delivery.id for refusal in refusals)
