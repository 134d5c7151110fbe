"""One-time schedules of EventBridge Scheduler."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from respot.aws.dynamodb.keys import partition_of
from respot.aws.error_codes import Answer, answer_of
from respot.errors import ScheduleUnavailableError
from respot.jobs.job import JobId
from respot.jobs.message import write_message

TOLERANCE: Final = timedelta(minutes=1)
"""A schedule fires within a minute anyway (User Guide, "Schedule types": "60 second precision")."""
_RETRIED_FOR: Final = timedelta(hours=1)
"""How long Scheduler tries to send a message; sweeps find the job as well."""
_LONGEST_DESCRIPTION: Final = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleTarget:
    """Where all schedules are, and what they do.

    Attributes:
        group: the schedule group's name.
        queue_arn: the queue that a job is sent to.
        role_arn: the role that may send to it.
    """

    group: str
    queue_arn: str
    role_arn: str


class EventBridgeSchedules:
    """The port `Schedules`."""

    def __init__(self, client: Callable[[], Any], target: Callable[[], ScheduleTarget]) -> None:
        """Both are asked for by the first call: few invocations need a schedule."""
        self._client = client
        self._target = target

    def keep(self, job: JobId, at: datetime) -> None:
        """See `Schedules.keep`."""
        try:
            present = self._present(job)
            if present is None:
                self._create(job, at)
            elif abs(present - at) > TOLERANCE:
                self._client().update_schedule(**self._request(job, at))
        except (ClientError, BotoCoreError, ResponseParserError) as error:
            message = f"{job}: has no schedule for its latest on-demand start: {error}"
            raise ScheduleUnavailableError(message) from error

    def forget(self, job: JobId) -> None:
        """See `Schedules.forget`."""
        try:
            self._client().delete_schedule(Name=schedule_name(job), GroupName=self._target().group)
        except (ClientError, BotoCoreError, ResponseParserError) as error:
            if answer_of(error) is Answer.ABSENT:
                return
            message = f"{job}: its schedule was not deleted: {error}"
            raise ScheduleUnavailableError(message) from error

    def _present(self, job: JobId) -> datetime | None:
        """When the job's schedule fires; `None` without one. What cannot be read counts as long ago."""
        try:
            found = self._client().get_schedule(Name=schedule_name(job), GroupName=self._target().group)
        except ClientError as error:
            if answer_of(error) is Answer.ABSENT:
                return None
            raise
        try:
            text = found["ScheduleExpression"].removeprefix("at(").removesuffix(")")
            return datetime.fromisoformat(text).replace(tzinfo=UTC)
        except (AttributeError, KeyError, ValueError):
            return datetime.min.replace(tzinfo=UTC)

    def _create(self, job: JobId, at: datetime) -> None:
        request = self._request(job, at)
        try:
            self._client().create_schedule(**request)
        except ClientError as error:
            if answer_of(error) is not Answer.BUSY:
                raise
            # ConflictException: another invocation, or this call repeated by the client, was first.
            self._client().update_schedule(**request)

    def _request(self, job: JobId, at: datetime) -> dict[str, Any]:
        target = self._target()
        whole = at.astimezone(UTC).replace(microsecond=0)
        # Not before the moment: the job would be left waiting once more.
        when = whole if whole == at else whole + timedelta(seconds=1)
        return {
            "Name": schedule_name(job),
            "GroupName": target.group,
            "Description": re.sub(r"[^ -~]", " ", f"Latest on-demand start of {job}")[:_LONGEST_DESCRIPTION],
            "ScheduleExpression": f"at({when:%Y-%m-%dT%H:%M:%S})",
            "ScheduleExpressionTimezone": "UTC",
            "FlexibleTimeWindow": {"Mode": "OFF"},
            "State": "ENABLED",
            "ActionAfterCompletion": "DELETE",
            "Target": {
                "Arn": target.queue_arn,
                "RoleArn": target.role_arn,
                "Input": write_message(job),
                "RetryPolicy": {"MaximumEventAgeInSeconds": int(_RETRIED_FOR.total_seconds())},
            },
        }


def schedule_name(job: JobId) -> str:
    """The name of a job's schedule: a hash, as it may have 64 characters, and others choose the job's name."""
    return hashlib.sha256(partition_of(job).encode()).hexdigest()
