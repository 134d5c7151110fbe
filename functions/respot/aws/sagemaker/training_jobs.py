"""SageMaker's training jobs. Only this module and `job_lists` call SageMaker."""

import re
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

from respot.aws.calls import NONSENSE, asking
from respot.aws.error_codes import Answer, answer_of, words_of
from respot.aws.sagemaker.create_errors import create_error
from respot.errors import (
    CreateLaterError,
    CreateRefusedError,
    Postponement,
    StopFailedError,
    StopRefusedError,
    UpstreamUnavailableError,
)
from respot.jobs.description import JobDescription, moment, read_history, read_state, status_snapshot
from respot.jobs.job import JobId, JobSnapshot, Market
from respot.jobs.lifecycle import is_terminal

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

_NOT_FOUND: Final = ("not found", "does not exist", "could not find")
"""Describe has no error code for a missing job, only a ValidationException with one of these texts."""
_IN_STATUS: Final = re.compile(r"the training job is in status (?P<status>\w+)")
"""StopTrainingJob's answer for a job that has ended, as seen on AWS (github.com/awslabs/benchmark-ai/issues/928)."""
_THROTTLED_AGAIN: Final = (1.0, 2.0)
"""Pauses after which a throttled creation is called again, in seconds: as many and as long as botocore's at most."""
_INDISPENSABLE: Final = ("TrainingJobName", "TrainingJobArn", "TrainingJobStatus", "SecondaryStatus")


class SageMakerTrainingJobs:
    """The port `RecoverableJobs`, against SageMaker in the region of each job."""

    def __init__(
        self,
        client_of: Callable[[str], "SageMakerClient"],
        once_client_of: Callable[[str], "SageMakerClient"] | None = None,
        *,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """`client_of` gives the SageMaker client of a region, `once_client_of` one that never repeats a call.

        The second one creates: after a repetition a refusal would not show that the first call had no effect. Only a
        throttle shows that: such a call is repeated here, after a pause.
        """
        self._pause = pause
        self._client_of = client_of
        self._once_client_of = once_client_of or client_of

    def describe(self, region: str, name: str) -> JobSnapshot | None:
        """See `TrainingJobs.describe`."""
        description = self.description(region, name)
        return snapshot_of(description) if description else None

    def tags(self, region: str, arn: str) -> Mapping[str, str] | None:
        """See `TrainingJobs.tags`."""
        with asking(f"{arn}: ListTags"):
            try:
                pages = self._client_of(region).get_paginator("list_tags").paginate(ResourceArn=arn)
                return {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}
            except ClientError as error:
                if _is_absence(error):
                    return None
                raise

    def description(self, region: str, name: str) -> JobDescription | None:
        """See `RecoverableJobs.description`."""
        with asking(f"{region}/{name}: DescribeTrainingJob"):
            try:
                answer = self._client_of(region).describe_training_job(TrainingJobName=name)
            except ClientError as error:
                if _is_absence(error):
                    return None
                raise
        created = moment(answer.get("CreationTime"))
        if created is None or any(not answer.get(member) for member in _INDISPENSABLE):
            message = f"{region}/{name}: DescribeTrainingJob's answer does not identify a job; try again later"
            raise UpstreamUnavailableError(message)
        return JobDescription(
            job=JobId(region=region, name=answer["TrainingJobName"], created=created),
            status=answer["TrainingJobStatus"],
            request_source={member: value for member, value in answer.items() if member != "ResponseMetadata"},
        )

    def create(self, region: str, request: Mapping[str, Any]) -> str:
        """See `RecoverableJobs.create`."""
        for seconds in _THROTTLED_AGAIN:
            try:
                return self._create(region, request)
            except CreateLaterError as error:
                if error.reason is not Postponement.THROTTLED:
                    raise
            self._pause(seconds)
        return self._create(region, request)

    def _create(self, region: str, request: Mapping[str, Any]) -> str:
        job = f"{region}/{request.get('TrainingJobName')}"
        try:
            return self._once_client_of(region).create_training_job(**request)["TrainingJobArn"]
        except ParamValidationError as error:
            message = f"{job}: the request breaks SageMaker's service model: {error}"
            raise CreateRefusedError(message) from error
        except ClientError as error:
            raise create_error(job, error, request) from error
        except (BotoCoreError, *NONSENSE) as error:
            # A timeout, a lost connection, a proxy's page: the job may have been created nevertheless.
            message = f"{job}: CreateTrainingJob did not answer; try again later, with the same name: {error!r}"
            raise CreateLaterError(message, reason=Postponement.UNANSWERED) from error

    def stop(self, region: str, name: str) -> bool:
        """See `RecoverableJobs.stop`."""
        try:
            self._client_of(region).stop_training_job(TrainingJobName=name)
        except (ClientError, BotoCoreError, *NONSENSE) as error:
            status = _status_against_a_stop(error)
            if _is_absence(error) or (status and is_terminal(status)):
                return False
            if status is None and answer_of(error).is_definite:
                message = f"{region}/{name}: SageMaker refuses to stop the job: {error}"
                raise StopRefusedError(message) from error
            message = f"{region}/{name}: StopTrainingJob failed; describe the job before trying again: {error!r}"
            raise StopFailedError(message) from error
        return True


def snapshot_of(description: JobDescription) -> JobSnapshot:
    """The job as its description shows it."""
    answer, created = description.request_source, description.job.created
    state = read_state(
        answer,
        job=description.job,
        arn=answer["TrainingJobArn"],
        last_modified=moment(answer.get("LastModifiedTime")) or created,
        market=Market.SPOT if answer.get("EnableManagedSpotTraining") else Market.ON_DEMAND,
        tags=None,
        described=True,
    )
    history = read_history(answer, provisional=False)
    return JobSnapshot(state=state, history=history) if history else status_snapshot(state)


def _status_against_a_stop(error: Exception) -> str | None:
    """The status because of which SageMaker does not stop a job, for example one that has ended: only the text has it.

    `Stopping` may be the work of an earlier call whose answer was lost.
    """
    refused = isinstance(error, ClientError) and answer_of(error) is Answer.INVALID
    found = _IN_STATUS.search(words_of(error)) if isinstance(error, ClientError) and refused else None
    return found and found["status"]


def _is_absence(error: Exception) -> bool:
    """Whether SageMaker says that the job does not exist. Any other error is no answer."""
    answer = answer_of(error)
    if isinstance(error, ClientError) and answer is Answer.INVALID:
        message = words_of(error).lower()
        return any(words in message for words in _NOT_FOUND)
    return answer is Answer.ABSENT
