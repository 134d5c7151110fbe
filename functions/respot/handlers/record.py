"""Records what the observations queue delivers."""

from typing import Any

from respot.bootstrap.clients import begin, now
from respot.bootstrap.record import consumer
from respot.handlers.batches import BatchResponse, Context, deliveries, failed, time_left
from respot.metric_names import FAILED_OBSERVATION_AGE, TRANSITIONS_FIRST_SEEN_BY_SWEEP
from respot.observability import count, gauge, logger


def handler(event: dict[str, Any], context: Context) -> BatchResponse:
    """Take a batch of SQS messages; what could not be recorded goes back to the queue, and in the end to its DLQ."""
    begin(time_left(context))
    outcome = consumer().consume(deliveries(event), time_left=time_left(context))
    for recorded in outcome.recorded:
        logger().info(
            "recorded",
            job=str(recorded.job),
            transitions=[transition.status for transition in recorded.inserted],
            untold_by_events=[transition.status for transition in recorded.untold],
        )
    for failure in outcome.failures:
        logger().error(
            "not recorded",
            message_id=failure.delivery.id,
            reason=str(failure.error),
            retry_in_seconds=failure.delay.total_seconds(),
            exc_info=failure.error,
        )
    count(
        TransitionsRecorded=sum(len(recorded.inserted) for recorded in outcome.recorded if not recorded.job.is_drill),
        ObservationsFailed=len(outcome.failures),
        **{TRANSITIONS_FIRST_SEEN_BY_SWEEP: sum(len(recorded.untold) for recorded in outcome.recorded)},
    )
    if outcome.failures:
        gauge(FAILED_OBSERVATION_AGE, max(now() - each.delivery.sent + each.delay for each in outcome.failures))
    return failed(failure.delivery.id for failure in outcome.failures)
