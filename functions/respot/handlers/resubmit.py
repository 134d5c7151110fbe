"""Decides on the jobs that the recovery queue delivers, and resubmits them."""

from typing import Any

from respot.bootstrap.clients import begin, now
from respot.bootstrap.resubmit import recovery_consumer
from respot.handlers.batches import BatchResponse, Context, deliveries, failed, time_left
from respot.metric_names import FAILED_RECOVERY_AGE
from respot.observability import count, gauge, logger


def handler(event: dict[str, Any], context: Context) -> BatchResponse:
    """Take a batch of SQS messages; what must wait stays in the queue, and what cannot be done goes to its DLQ."""
    begin(time_left(context))
    postponed = recovery_consumer().consume(deliveries(event), time_left=time_left(context))
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
    failures = [each for each in postponed if each.error]
    count(RecoveriesFailed=len(failures))
    if failures:
        failing = (min(now() - each.delivery.sent, each.retried_for) + each.delay for each in failures)
        gauge(FAILED_RECOVERY_AGE, max(failing))
    return failed(each.delivery.id for each in postponed)
