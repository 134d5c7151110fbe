"""Composes `sweep`."""

import os
import time
from datetime import timedelta
from functools import cache
from typing import Final

from respot.adapters.cached_text import CachedText
from respot.adapters.heartbeats import SqsHeartbeatQueue
from respot.adapters.job_lists import SageMakerJobLists
from respot.adapters.job_queue import SqsJobQueue
from respot.adapters.look_queue import SqsRecheckQueue
from respot.adapters.policies import ParameterPolicies, read_parameter
from respot.adapters.sweeps import DynamoDbSweepStore
from respot.bootstrap.clients import client, now, once_client, required, settings
from respot.bootstrap.ledger import ledger, runs
from respot.settings import (
    DUE_ALERTS_QUEUE_URL,
    LEDGER_TABLE,
    OBSERVATIONS_QUEUE_URL,
    POLICY_PARAMETER,
    RECOVERY_QUEUE_URL,
)
from respot.sweeper import Sweeper

POLICY_KEPT_FOR: Final = timedelta(seconds=60)


@cache
def heartbeat_queues() -> tuple[SqsHeartbeatQueue, ...]:
    """Every queue that a function reads; that of Slack only if there is one."""
    urls = (
        required(settings().observations_queue_url, OBSERVATIONS_QUEUE_URL),
        required(settings().recovery_queue_url, RECOVERY_QUEUE_URL),
        required(settings().due_alerts_queue_url, DUE_ALERTS_QUEUE_URL),
        settings().slack_queue_url,
    )
    return tuple(SqsHeartbeatQueue(client("sqs"), url) for url in urls if url)


@cache
def sweeper() -> Sweeper:
    """What `sweep` calls."""
    sqs, parameter = client("sqs"), required(settings().policy_parameter, POLICY_PARAMETER)
    policy = CachedText(lambda: read_parameter(client("ssm"), parameter), kept_for=POLICY_KEPT_FOR, clock=now)
    return Sweeper(
        lists=SageMakerJobLists(once_client),
        ledger=ledger(),
        index=ledger(),
        runs=runs(),
        sweeps=DynamoDbSweepStore(client("dynamodb"), required(settings().ledger_table, LEDGER_TABLE)),
        rechecks=SqsRecheckQueue(sqs, required(settings().observations_queue_url, OBSERVATIONS_QUEUE_URL)),
        recoveries=SqsJobQueue(sqs, required(settings().recovery_queue_url, RECOVERY_QUEUE_URL)),
        due_alerts=SqsJobQueue(sqs, required(settings().due_alerts_queue_url, DUE_ALERTS_QUEUE_URL)),
        policies=ParameterPolicies(policy.read),
        clock=now,
        pause=time.sleep,
        regions=settings().regions or (os.environ["AWS_REGION"],),
        backfill=settings().backfill,
        grace=settings().event_grace,
    )
