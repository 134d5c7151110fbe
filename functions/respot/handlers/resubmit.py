"""Decides on the jobs that the recovery queue delivers, and resubmits them."""

from datetime import timedelta
from typing import Any

from respot.bootstrap.resubmit import recovery_intake
from respot.handlers.batches import BatchResponse, Context, deliveries, failed
from respot.observability import count, logger


def handler(event: dict[str, Any], context: Context) -> BatchResponse:
    """Take a batch of SQS messages; what must wait stays in the queue, and what cannot be done goes to its DLQ."""
    postponed = recovery_intake().take(
        deliveries(event), time_left=lambda: timedelta(milliseconds=context.get_remaining_time_in_millis())
    )
    for each in postponed:
        details: dict[str, Any] = {
            "message_id": each.delivery.id,
            "reason": each.reason,
            "seconds": each.delay.total_seconds(),
        }
        if each.error:
            logger().error("not recovered", **details, exc_info=each.error)
        else:
            logger().info("recovery waits", **details)
    count(RecoveriesFailed=sum(each.error is not None for each in postponed))
    return failed(each.delivery.id for each in postponed)
