"""Posts what the Slack queue delivers."""

from typing import Any

from respot.bootstrap.slack import slack_relay
from respot.handlers.batches import BatchResponse, Context, failed
from respot.observability import count, logger
from respot.slack_relay import Delivery


def handler(event: dict[str, Any], context: Context) -> BatchResponse:  # noqa: ARG001 - Lambda's signature
    """Take a batch of SQS messages; what Slack refused stays in the queue, and goes to its DLQ in the end."""
    deliveries = tuple(
        Delivery(
            id=record["messageId"],
            receipt=record["receiptHandle"],
            body=record["body"],
            receive_count=int(record["attributes"]["ApproximateReceiveCount"]),
        )
        for record in event["Records"]
    )
    refusals = slack_relay().relay(deliveries)
    for refusal in refusals:
        logger().error(
            "not posted",
            message_id=refusal.delivery.id,
            reason=str(refusal.error),
            retry_in_seconds=refusal.delay.total_seconds(),
        )
    count(SlackMessagesPosted=len(deliveries) - len(refusals), SlackMessagesRefused=len(refusals))
    return failed(refusal.delivery.id for refusal in refusals)
