"""Runs the sweep on a schedule."""

import os
import time
from functools import cache
from typing import Any, Final

from respot.aws.dynamodb.sweeps import DynamoDbSweepStore
from respot.aws.sagemaker.job_lists import SageMakerJobLists
from respot.aws.sqs.jobs import SqsJobQueue
from respot.aws.sqs.sweep import SqsHeartbeatQueue, SqsRecheckQueue
from respot.bootstrap.clients import client, now, once_client, required, settings
from respot.bootstrap.observability import count, gauge, logger, report_unreadable
from respot.bootstrap.policies import policies
from respot.bootstrap.stores import ledger, runs
from respot.bootstrap.summaries import refresh_summary, summary_store
from respot.bootstrap.time_budget import begin
from respot.errors import UnreadableItemError
from respot.handlers.lambda_events import Context, time_left
from respot.log_events import (
    HEARTBEAT_FAILED,
    JOB_CHECK_FAILED,
    POLICY_READ_FAILED,
    STATUS_MESSAGE_UNKNOWN,
    SWEEP_COMPLETED,
    SWEEP_FAILED,
)
from respot.metrics import (
    JOBS_RECHECKED,
    OVERDUE_ALERTS_ENQUEUED,
    POLICY_READS_FAILED,
    RECOVERIES_ENQUEUED,
    SWEEP_AGE,
    SWEEPS_FAILED,
    UNKNOWN_STATUS_MESSAGES,
    UNREADABLE_ITEMS,
)
from respot.settings import (
    DUE_ALERTS_QUEUE_URL,
    LEDGER_TABLE,
    OBSERVATIONS_QUEUE_URL,
    POLICY_PARAMETER,
    RECOVERY_QUEUE_URL,
)
from respot.sweep.heartbeat import beat
from respot.sweep.ledger_check import LedgerCheck
from respot.sweep.region_sweep import RegionSweep
from respot.sweep.run_check import RunCheck
from respot.sweep.sweeper import Sweeper

_MOST_LOGGED: Final = 5
"""Unknown status messages of a scope that one sweep logs: they are few, unless they hold names or numbers."""


def handler(event: dict[str, Any], context: Context) -> None:  # noqa: ARG001 - Lambda's signature
    """Advance every pass. An error that stops one is logged, and the next call goes on from there."""
    begin(time_left(context))
    for error in beat(heartbeat_queues()):
        logger().error(HEARTBEAT_FAILED, reason=str(error))
    reports = sweeper().sweep(time_left=time_left(context))
    for each in reports:
        details: dict[str, Any] = {
            "scope": each.scope,
            "complete": each.complete,
            "age_seconds": round(each.age.total_seconds()),
            "rechecks": each.rechecks,
            "recoveries": each.recoveries,
            "alerts": each.alerts,
            "held_back": each.held_back,
        }
        if each.error:
            logger().error(SWEEP_FAILED, **details, reason=str(each.error), exc_info=each.error)
        else:
            logger().info(SWEEP_COMPLETED, **details)
        if each.policy_error:
            logger().error(POLICY_READ_FAILED, scope=each.scope, reason=str(each.policy_error))
        for unreadable in each.unreadable:
            if isinstance(unreadable, UnreadableItemError):
                report_unreadable(unreadable)
            else:
                logger().error(JOB_CHECK_FAILED, scope=each.scope, reason=str(unreadable), exc_info=unreadable)
                count({UNREADABLE_ITEMS: 1})
        for words in sorted(set(each.unknown_messages))[:_MOST_LOGGED]:
            logger().warning(STATUS_MESSAGE_UNKNOWN, scope=each.scope, status_message=words)
    count(
        {
            JOBS_RECHECKED: sum(each.rechecks for each in reports),
            RECOVERIES_ENQUEUED: sum(each.recoveries for each in reports),
            OVERDUE_ALERTS_ENQUEUED: sum(each.alerts for each in reports),
            POLICY_READS_FAILED: sum(each.policy_error is not None for each in reports),
            SWEEPS_FAILED: sum(each.error is not None for each in reports),
            UNKNOWN_STATUS_MESSAGES: sum(len(each.unknown_messages) for each in reports),
        }
    )
    if reports:
        gauge(SWEEP_AGE, max(each.age for each in reports))


@cache
def heartbeat_queues() -> tuple[SqsHeartbeatQueue, ...]:
    """Every queue that a function reads; the one of `slack` only if it exists."""
    urls = (
        required(settings().observations_queue_url, OBSERVATIONS_QUEUE_URL),
        required(settings().recovery_queue_url, RECOVERY_QUEUE_URL),
        required(settings().due_alerts_queue_url, DUE_ALERTS_QUEUE_URL),
        settings().slack_queue_url,
    )
    return tuple(SqsHeartbeatQueue(client("sqs"), url) for url in urls if url)


@cache
def sweeper() -> Sweeper:
    """The sweep of this deployment."""
    sqs, parameter = client("sqs"), required(settings().policy_parameter, POLICY_PARAMETER)
    rechecks = SqsRecheckQueue(sqs, required(settings().observations_queue_url, OBSERVATIONS_QUEUE_URL))
    recoveries = SqsJobQueue(sqs, required(settings().recovery_queue_url, RECOVERY_QUEUE_URL))
    return Sweeper(
        ledger=ledger(),
        sweeps=DynamoDbSweepStore(client("dynamodb"), required(settings().ledger_table, LEDGER_TABLE)),
        region_sweep=RegionSweep(
            lists=SageMakerJobLists(once_client),
            ledger=ledger(),
            index=ledger(),
            rechecks=rechecks,
            recoveries=recoveries,
            policies=policies(lambda: client("ssm"), parameter),
            run_check=RunCheck(index=ledger(), summaries=summary_store(), runs=runs()),
            clock=now,
            pause=time.sleep,
            backfill=settings().backfill,
            grace=settings().event_grace,
        ),
        ledger_check=LedgerCheck(
            ledger=ledger(),
            index=ledger(),
            runs=runs(),
            rechecks=rechecks,
            recoveries=recoveries,
            due_alerts=SqsJobQueue(sqs, required(settings().due_alerts_queue_url, DUE_ALERTS_QUEUE_URL)),
            clock=now,
            refresh_summary=refresh_summary,
        ),
        clock=now,
        regions=settings().regions or (os.environ["AWS_REGION"],),
    )
