"""Records the jobs that the observations queue names."""

from datetime import timedelta
from functools import cache
from typing import Any, Final

from respot.aws.sagemaker.training_jobs import SageMakerTrainingJobs
from respot.bootstrap.clients import client, now
from respot.bootstrap.observability import count, gauge, logger, report_unreadable
from respot.bootstrap.retries import retry_schedule
from respot.bootstrap.stores import ledger
from respot.bootstrap.time_budget import begin
from respot.handlers.lambda_events import BatchResponse, Context, failed, messages, time_left
from respot.log_events import RECORD_COMPLETED, RECORD_FAILED
from respot.metrics import (
    FAILED_OBSERVATION_AGE,
    OBSERVATIONS_FAILED,
    TRANSITIONS_FIRST_SEEN_BY_SWEEP,
    TRANSITIONS_RECORDED,
)
from respot.recording.consumer import ObservationConsumer
from respot.recording.recorder import Recorder


def handler(event: dict[str, Any], context: Context) -> BatchResponse:
    """Handle a batch of SQS messages; failed ones go back to the queue, and finally to its DLQ."""
    begin(time_left(context))
    outcome = consumer().consume(messages(event), time_left=time_left(context))
    for recorded in outcome.recorded:
        logger().info(
            RECORD_COMPLETED,
            job=str(recorded.job),
            transitions=[transition.status for transition in recorded.inserted],
            missed_by_events=[transition.status for transition in recorded.missed_by_events],
        )
    for retry in outcome.retries:
        logger().error(
            RECORD_FAILED,
            message_id=retry.message.id,
            reason=retry.reason,
            retry_in_seconds=retry.delay.total_seconds(),
            exc_info=retry.error,
        )
        report_unreadable(retry.error)
    count(
        {
            TRANSITIONS_RECORDED: sum(
                len(recorded.inserted) for recorded in outcome.recorded if not recorded.job.is_drill
            ),
            OBSERVATIONS_FAILED: len(outcome.retries),
            TRANSITIONS_FIRST_SEEN_BY_SWEEP: sum(len(recorded.missed_by_events) for recorded in outcome.recorded),
        }
    )
    if outcome.retries:
        gauge(FAILED_OBSERVATION_AGE, max(now() - each.message.sent + each.delay for each in outcome.retries))
    return failed(retry.message.id for retry in outcome.retries)


LONGEST_DELAY: Final = timedelta(minutes=15)
"""Between two attempts to describe a job while SageMaker does not answer."""


@cache
def consumer() -> ObservationConsumer:
    """The consumer of the function's messages."""
    jobs = SageMakerTrainingJobs(lambda region: client("sagemaker", region))
    return ObservationConsumer(
        recorder=Recorder(jobs=jobs, ledger=ledger()), retry_schedule=retry_schedule(longest=LONGEST_DELAY)
    )
