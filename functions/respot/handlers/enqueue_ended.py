"""Sends jobs that have ended, or were interrupted, from the ledger's stream to the recovery queue."""

from functools import cache
from typing import Any

from respot.aws.dynamodb.stream import key_of, kind_of, read_job, status_of
from respot.aws.sqs.jobs import SqsJobQueue
from respot.bootstrap.clients import client, required, settings
from respot.bootstrap.dead_letters import give_up
from respot.bootstrap.observability import count, logger, report_unreadable
from respot.bootstrap.time_budget import begin
from respot.handlers.lambda_events import BatchResponse, Context, failed, time_left
from respot.jobs.lifecycle import INTERRUPTED
from respot.log_events import ENQUEUE_FAILED
from respot.metrics import JOBS_ENDED
from respot.schema import ItemKind
from respot.settings import RECOVERY_QUEUE_URL


def handler(event: dict[str, Any], context: Context) -> BatchResponse:
    """Forward transitions; nothing is decided here, so that no run holds up the stream."""
    begin(time_left(context))
    failures, ended = [], 0
    for record in event["Records"]:
        identifier = record["dynamodb"]["SequenceNumber"]
        try:
            if kind_of(record) == ItemKind.SWEEP:
                continue  # the sweep's heartbeat
            recovery_queue().send(read_job(record))
            ended += status_of(record) != INTERRUPTED
        except Exception as error:  # noqa: BLE001 - the others of the batch must not wait for this one
            item = " ".join(key_of(record))
            logger().exception(ENQUEUE_FAILED, message_id=identifier, item=item, reason=str(error))
            report_unreadable(error)
            if not give_up(record, error):
                failures.append(identifier)
    count({JOBS_ENDED: ended})
    return failed(failures)


@cache
def recovery_queue() -> SqsJobQueue:
    """The queue that `recover` reads."""
    return SqsJobQueue(client("sqs"), required(settings().recovery_queue_url, RECOVERY_QUEUE_URL))
