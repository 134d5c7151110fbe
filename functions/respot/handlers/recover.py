"""Recovers the jobs that the recovery queue delivers."""

import time
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from typing import Any, Final

from respot.aws.cached_text import CachedText
from respot.aws.s3 import S3Checkpoints
from respot.aws.sagemaker.another_type import left_out
from respot.aws.sagemaker.cloning import attempt_request, unknown_types
from respot.aws.sagemaker.job_lists import SageMakerJobLists
from respot.aws.sagemaker.training_jobs import SageMakerTrainingJobs
from respot.aws.scheduler import EventBridgeSchedules, ScheduleTarget
from respot.aws.ssm import ParameterKillSwitch, read_kill_switch
from respot.bootstrap.clients import client, now, once_client, required, settings
from respot.bootstrap.observability import count, gauge, logger, report_unreadable
from respot.bootstrap.policies import policies
from respot.bootstrap.retries import retry_schedule
from respot.bootstrap.stores import ledger, refusals, runs, starts
from respot.bootstrap.summaries import refresh_summary
from respot.bootstrap.time_budget import begin
from respot.errors import ScheduleUnavailableError, SettingsError
from respot.handlers.lambda_events import BatchResponse, Context, failed, messages, time_left
from respot.jobs.description import JobDescription
from respot.jobs.job import JobId
from respot.log_events import RECOVERY_DEFERRED, RECOVERY_FAILED, SCHEDULE_FAILED, WAIT_LIMIT_CHECKED
from respot.metrics import FAILED_RECOVERY_AGE, RECOVERIES_FAILED, SCHEDULES_FAILED
from respot.recovery.checked_clone import CreationLimits
from respot.recovery.consumer import RecoveryConsumer
from respot.recovery.planning.attempt import AttemptRequest
from respot.recovery.planning.deadline import SWEEP_INTERVAL
from respot.recovery.ports import Cloned
from respot.recovery.recover import build_recovery
from respot.settings import (
    KILL_SWITCH_PARAMETER,
    POLICY_PARAMETER,
    QUEUE_ARN,
    SCHEDULE_GROUP,
    SCHEDULE_ROLE_ARN,
    TRAINING_INSTANCE_TYPES,
    TRAINING_ROLES,
)


def handler(event: dict[str, Any], context: Context) -> BatchResponse:
    """Process a batch of SQS messages. What must wait remains in the queue; what keeps failing goes to its DLQ."""
    begin(time_left(context))
    retries = recovery_consumer().consume(messages(event), time_left=time_left(context))
    for each in retries:
        details: dict[str, Any] = {
            "message_id": each.message.id,
            "reason": each.reason,
            "seconds": None if each.buried else each.delay.total_seconds(),
        }
        if each.error:
            logger().error(RECOVERY_FAILED, **details, exc_info=each.error)
            report_unreadable(each.error)
        else:
            logger().info(RECOVERY_DEFERRED, **details)
    failures = [each for each in retries if each.error]
    count({RECOVERIES_FAILED: len(failures)})
    remaining = [each for each in failures if not each.buried]
    if remaining:
        failing = (min(now() - each.message.sent, each.retried_for) + each.delay for each in remaining)
        gauge(FAILED_RECOVERY_AGE, max(failing))
    return failed(each.message.id for each in retries if not each.buried)


LONGEST_DELAY: Final = timedelta(minutes=30)
"""Between two attempts to create the same job."""
KILL_SWITCH_KEPT_FOR: Final = timedelta(seconds=5)
"""Read before each creation and each stop. Once it is off again, thousands of jobs may be checked within minutes, and
Systems Manager allows 40 reads a second for the whole account."""


@cache
def recovery_consumer() -> RecoveryConsumer:
    """Recovery, composed on AWS."""
    parameter = required(settings().policy_parameter, POLICY_PARAMETER)
    switch = required(settings().kill_switch_parameter, KILL_SWITCH_PARAMETER)
    position = CachedText(lambda: read_kill_switch(client("ssm"), switch), kept_for=KILL_SWITCH_KEPT_FOR, clock=now)
    recovery = build_recovery(
        jobs=SageMakerTrainingJobs(lambda region: client("sagemaker", region), once_client),
        lists=SageMakerJobLists(once_client),
        ledger=ledger(),
        runs=runs(),
        refusals=refusals(),
        starts=starts(),
        schedules=EventBridgeSchedules(lambda: client("scheduler"), _schedule_target),
        checkpoints=S3Checkpoints(lambda region: client("s3", region), monotonic=time.monotonic),
        policies=policies(lambda: client("ssm"), parameter),
        kill_switch=ParameterKillSwitch(position.read, parameter=switch),
        clone=_clone,
        limits=_limits(),
        clock=now,
        note=_note,
        on_schedule_failure=_schedule_failed,
        stop_only_tagged=settings().stop_only_tagged,
        sweep_interval=settings().sweep_interval or SWEEP_INTERVAL,
        pause=time.sleep,
    )
    return RecoveryConsumer(
        recovery=recovery,
        retry_schedule=retry_schedule(longest=LONGEST_DELAY, dead_letters_url=settings().dead_letters_queue_url),
        on_step=refresh_summary,
    )


def _limits() -> CreationLimits:
    roles, types = settings().training_roles, settings().training_instance_types
    if roles is None or types is None:
        message = f"{TRAINING_ROLES if roles is None else TRAINING_INSTANCE_TYPES} is not set: correct the deployment"
        raise SettingsError(message)
    return CreationLimits(roles=roles, instance_types=types)


def _schedule_target() -> ScheduleTarget:
    return ScheduleTarget(
        group=required(settings().schedule_group, SCHEDULE_GROUP),
        queue_arn=required(settings().queue_arn, QUEUE_ARN),
        role_arn=required(settings().schedule_role_arn, SCHEDULE_ROLE_ARN),
    )


def _schedule_failed(job: JobId, error: ScheduleUnavailableError) -> None:
    logger().error(SCHEDULE_FAILED, job=str(job), reason=str(error))
    count({SCHEDULES_FAILED: 1})


def _note(job: JobId, words: str) -> None:
    logger().info(WAIT_LIMIT_CHECKED, job=str(job), reason=words)


def _clone(description: JobDescription, tags: Mapping[str, str], attempt: AttemptRequest) -> Cloned:
    request = attempt_request(
        description.request_source,
        name=attempt.name,
        tags=tags,
        lineage=attempt.lineage,
        placement=attempt.placement,
        service_model=client("sagemaker").meta.service_model,
    )
    return Cloned(
        request=request,
        warnings=tuple(left_out(description.request_source, request)),
        unknown_types=unknown_types(description.request_source, request, client("sagemaker").meta.service_model),
    )
