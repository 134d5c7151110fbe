"""Sends ended jobs from the ledger's stream to the recovery queue."""

from functools import cache
from typing import Any

from respot.aws.dynamodb.keys import job_of
from respot.aws.sqs.jobs import SqsJobQueue
from respot.bootstrap.clients import client, required, settings
from respot.bootstrap.observability import count, logger
from respot.bootstrap.time_budget import begin
from respot.errors import RespotError
from respot.handlers.lambda_events import BatchResponse, Context, failed, time_left
from respot.log_events import ENQUEUE_FAILED
from respot.metrics import JOBS_ENDED
from respot.schema import KIND, PK, ItemKind
from respot.settings import RECOVERY_QUEUE_URL


def handler(event: dict[str, Any], context: Context) -> BatchResponse:
    """Forward terminal transitions; nothing is decided here, so that no run holds up the stream."""
    begin(time_left(context))
    failures, sent = [], 0
    for record in event["Records"]:
        change = record["dynamodb"]
        if change["NewImage"][KIND]["S"] == ItemKind.SWEEP:
            continue  # the sweep's heartbeat
        job = job_of(change["NewImage"][PK]["S"])
        try:
            recovery_queue().send(job)
        except RespotError as error:
            logger().exception(ENQUEUE_FAILED, message_id=change["SequenceNumber"], job=str(job), reason=str(error))
            failures.append(change["SequenceNumber"])
        else:
            sent += 1
    count({JOBS_ENDED: sent})
    return failed(failures)


@cache
def recovery_queue() -> SqsJobQueue:
    """The queue that `recover` reads."""
    return SqsJobQueue(client("sqs"), required(settings().recovery_queue_url, RECOVERY_QUEUE_URL))
