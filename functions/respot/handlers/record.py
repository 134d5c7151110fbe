"""Records what the observations queue delivers."""

from datetime import timedelta
from typing import Any

from respot.bootstrap.record import intake
from respot.handlers.batches import BatchResponse, Context, failed
from respot.intake import Message
from respot.observability import count, logger


def handler(event: dict[str, Any], context: Context) -> BatchResponse:
    """Take a batch of SQS messages; what could not be recorded goes back to the queue, and in the end to its DLQ."""
    outcome = intake().take(
        (Message(id=record["messageId"], body=record["body"]) for record in event["Records"]),
        time_left=lambda: timedelta(milliseconds=context.get_remaining_time_in_millis()),
    )
    for recorded in outcome.recorded:
        logger().info("recorded", job=str(recorded.job), transitions=[stay.status for stay in recorded.inserted])
    for failure in outcome.failures:
        logger().error("not recorded", message_id=failure.message_id, reason=str(failure.error), exc_info=failure.error)
    count(
        TransitionsRecorded=sum(len(recorded.inserted) for recorded in outcome.recorded),
        ObservationsFailed=len(outcome.failures),
    )
    return failed(failure.message_id for failure in outcome.failures)
