"""Records the jobs that the observations queue names."""

from datetime import timedelta
from functools import cache
from typing import Any, Final

from respot.aws.sagemaker.training_jobs import SageMakerTrainingJobs
from respot.bootstrap.clients import client, now, required, settings
from respot.bootstrap.observability import count, gauge, logger, report_unreadable
from respot.bootstrap.retries import retry_schedule, short_retry_schedule
from respot.bootstrap.stores import ledger
from respot.bootstrap.summaries import refresh_summary
from respot.bootstrap.time_budget import begin
from respot.handlers.lambda_events import BatchResponse, Context, failed, is_from, messages, time_left
from respot.log_events import DRILL_REFUSED, RECORD_COMPLETED, RECORD_FAILED
from respot.metrics import (
    DRILLS_REFUSED,
    FAILED_OBSERVATION_AGE,
    OBSERVATIONS_FAILED,
    TRANSITIONS_FIRST_SEEN_BY_SWEEP,
    TRANSITIONS_RECORDED,
)
from respot.recording.consumer import ObservationConsumer
from respot.recording.drill_limit import DrillLimit
from respot.recording.recorder import Recorder
from respot.settings import DRILLS_QUEUE_URL


def handler(event: dict[str, Any], context: Context) -> BatchResponse:
    """Handle a batch of SQS messages; failed ones go back to the queue, and finally to its DLQ."""
    begin(time_left(context))
    of_drills = is_from(event, settings().drills_queue_url)
    chosen = drills_consumer() if of_drills else consumer()
    outcome = chosen.consume(messages(event), time_left=time_left(context))
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
            retry_in_seconds=None if retry.buried else retry.delay.total_seconds(),
            exc_info=retry.error,
        )
        report_unreadable(retry.error)
    for drill in outcome.refused:
        logger().warning(DRILL_REFUSED, job=drill.name, reason="too many drills at once: this one is dropped")
    count(
        {
            TRANSITIONS_RECORDED: sum(
                len(recorded.inserted) for recorded in outcome.recorded if not recorded.job.is_drill
            ),
            OBSERVATIONS_FAILED: 0 if of_drills else len(outcome.retries),
            DRILLS_REFUSED: len(outcome.refused) + (len(outcome.retries) if of_drills else 0),
            TRANSITIONS_FIRST_SEEN_BY_SWEEP: sum(len(recorded.missed_by_events) for recorded in outcome.recorded),
        }
    )
    remaining = [retry for retry in outcome.retries if not retry.buried]
    if remaining and not of_drills:
        gauge(FAILED_OBSERVATION_AGE, max(now() - each.message.sent + each.delay for each in remaining))
    return failed(retry.message.id for retry in remaining)


LONGEST_DELAY: Final = timedelta(minutes=15)
"""Between two attempts to describe a job while SageMaker does not answer."""


@cache
def consumer() -> ObservationConsumer:
    """The consumer of the observations queue."""
    return ObservationConsumer(
        recorder=recorder(),
        retry_schedule=retry_schedule(longest=LONGEST_DELAY, dead_letters_url=settings().dead_letters_queue_url),
        drill_limit=drill_limit(),
        on_recorded=refresh_summary,
    )


@cache
def drills_consumer() -> ObservationConsumer:
    """The consumer of the queue of drills, which itself gives up after two tries."""
    url = required(settings().drills_queue_url, DRILLS_QUEUE_URL)
    return ObservationConsumer(recorder=recorder(), retry_schedule=short_retry_schedule(url), drill_limit=drill_limit())


@cache
def recorder() -> Recorder:
    """The recorder of both queues."""
    jobs = SageMakerTrainingJobs(lambda region: client("sagemaker", region))
    return Recorder(jobs=jobs, ledger=ledger())


@cache
def drill_limit() -> DrillLimit:
    """One for both queues: an older version's rule sent drills to the observations queue."""
    return DrillLimit(clock=now)
