"""Composes `sweep`."""

import os
import time
from functools import cache

from respot.adapters.job_lists import SageMakerJobLists
from respot.adapters.job_queue import SqsJobQueue
from respot.adapters.look_queue import SqsLookQueue
from respot.adapters.sweeps import DynamoDbSweeps
from respot.bootstrap.clients import client, now, once_client, required, settings
from respot.bootstrap.ledger import ledger, runs
from respot.settings import DUE_ALERTS_QUEUE_URL, LEDGER_TABLE, OBSERVATIONS_QUEUE_URL, RECOVERY_QUEUE_URL
from respot.sweeper import Sweeper


@cache
def sweeper() -> Sweeper:
    """What `sweep` calls."""
    sqs = client("sqs")
    return Sweeper(
        lists=SageMakerJobLists(once_client),
        ledger=ledger(),
        index=ledger(),
        runs=runs(),
        sweeps=DynamoDbSweeps(client("dynamodb"), required(settings().ledger_table, LEDGER_TABLE)),
        looks=SqsLookQueue(sqs, required(settings().observations_queue_url, OBSERVATIONS_QUEUE_URL)),
        recoveries=SqsJobQueue(sqs, required(settings().recovery_queue_url, RECOVERY_QUEUE_URL)),
        due_alerts=SqsJobQueue(sqs, required(settings().due_alerts_queue_url, DUE_ALERTS_QUEUE_URL)),
        clock=now,
        pause=time.sleep,
        regions=settings().regions or (os.environ["AWS_REGION"],),
        backfill=settings().backfill,
        grace=settings().event_grace,
    )
