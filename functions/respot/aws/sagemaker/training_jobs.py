"""SageMaker's training jobs: with `job_lists`, the only modules that call SageMaker."""

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError
from botocore.parsers import ResponseParserError

from respot.aws.sagemaker.create_refusals import for_now, never_fits, not_offered, reach_of_quota, unwanted
from respot.errors import (
    CreateLaterError,
    CreateRefusedError,
    JobNameTakenError,
    Postponement,
    Reach,
    RespotError,
    StopFailedError,
    UpstreamUnavailableError,
)
from respot.jobs.description import JobDescription, moment, read_history, read_state, status_snapshot
from respot.jobs.job import JobId, JobSnapshot, Market
from respot.jobs.lifecycle import is_terminal

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

_NOT_FOUND: Final = ("not found", "does not exist", "could not find")
"""Describe has no error code of its own for a missing job: it is a ValidationException in these words."""
_IN_STATUS: Final = re.compile(r"the training job is in status (?P<status>\w+)")
"""StopTrainingJob on a job that has ended, as seen on AWS (github.com/awslabs/benchmark-ai/issues/928)."""
NONSENSE: Final = (AttributeError, LookupError, TypeError, ValueError, ResponseParserError)
"""What botocore's parser and ours trip over when something other than SageMaker has answered."""
_INDISPENSABLE: Final = ("TrainingJobName", "TrainingJobArn", "TrainingJobStatus", "SecondaryStatus")

_NAME_TAKEN: Final = frozenset({"ResourceInUse", "ResourceInUseException"})
_QUOTA: Final = frozenset({"ResourceLimitExceeded", "ServiceQuotaExceededException", "LimitExceededException"})
_CAPACITY: Final = frozenset({"InsufficientCapacity", "InsufficientCapacityException", "InsufficientInstanceCapacity"})
_THROTTLED: Final = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "EC2ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestLimitExceeded",
        "BandwidthLimitExceeded",
        "ProvisionedThroughputExceededException",
        "TooManyRequestsException",
        "SlowDown",
    }
)
"""botocore's own list, without the codes that are more than a rate (botocore.retries.standard)."""
_OF_THE_MOMENT: Final = frozenset(
    {
        # An outage, sometimes told with another status than 5xx …
        "InternalFailure",
        "InternalError",
        "InternalServerError",
        "InternalServerException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "RequestTimeout",
        "RequestTimeoutException",
        # … a change that another call is making at the same time …
        "ConflictException",
        "TransactionInProgressException",
        "PriorRequestNotComplete",
        # … and what ails the function's own session or clock, not the request: the next session is another.
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "RequestExpired",
        "RequestTimeTooSkewed",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
    }
)
_NOT_AUTHORIZED: Final = re.compile(
    r"not authorized to perform:? (?P<action>[\w-]+:\w+)(?: on resource:? (?P<resource>\S+))?"
)


class SageMakerTrainingJobs:
    """The port `RecoverableJobs`, against SageMaker in whatever region a job runs."""

    def __init__(self, client_of: Callable[[str], "SageMakerClient"]) -> None:
        """`client_of` gives the SageMaker client of a region."""
        self._client_of = client_of

    def describe(self, region: str, name: str) -> JobSnapshot | None:
        """See `TrainingJobs.describe`."""
        description = self.description(region, name)
        if description is None:
            return None
        answer, created = description.request_source, description.job.created
        state = read_state(
            answer,
            job=description.job,
            arn=answer["TrainingJobArn"],
            last_modified=moment(answer.get("LastModifiedTime")) or created,
            market=Market.SPOT if answer.get("EnableManagedSpotTraining") else Market.ON_DEMAND,
            tags=None,
        )
        history = read_history(answer, provisional=False)
        return JobSnapshot(state=state, history=history) if history else status_snapshot(state)

    def tags(self, region: str, arn: str) -> Mapping[str, str] | None:
        """See `TrainingJobs.tags`."""
        try:
            pages = self._client_of(region).get_paginator("list_tags").paginate(ResourceArn=arn)
            return {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}
        except (ClientError, BotoCoreError) as error:
            if _is_absence(error):
                return None
            message = f"{arn}: ListTags did not answer; look again later: {error}"
            raise UpstreamUnavailableError(message) from error
        except NONSENSE as error:
            message = f"{arn}: ListTags' answer makes no sense; look again later: {error!r}"
            raise UpstreamUnavailableError(message) from error

    def description(self, region: str, name: str) -> JobDescription | None:
        """See `RecoverableJobs.description`."""
        try:
            answer = self._client_of(region).describe_training_job(TrainingJobName=name)
        except (ClientError, BotoCoreError) as error:
            if _is_absence(error):
                return None
            message = f"{region}/{name}: DescribeTrainingJob did not answer; look again later: {error}"
            raise UpstreamUnavailableError(message) from error
        except NONSENSE as error:
            message = f"{region}/{name}: DescribeTrainingJob's answer makes no sense; look again later: {error!r}"
            raise UpstreamUnavailableError(message) from error
        created = moment(answer.get("CreationTime"))
        if created is None or any(not answer.get(member) for member in _INDISPENSABLE):
            message = f"{region}/{name}: DescribeTrainingJob's answer lacks what tells a job; look again later"
            raise UpstreamUnavailableError(message)
        return JobDescription(
            job=JobId(region=region, name=answer["TrainingJobName"], created=created),
            status=answer["TrainingJobStatus"],
            request_source={member: value for member, value in answer.items() if member != "ResponseMetadata"},
        )

    def create(self, region: str, request: Mapping[str, Any]) -> str:
        """See `RecoverableJobs.create`."""
        job = f"{region}/{request.get('TrainingJobName')}"
        try:
            return self._client_of(region).create_training_job(**request)["TrainingJobArn"]
        except ParamValidationError as error:
            message = f"{job}: the request breaks SageMaker's service model: {error}"
            raise CreateRefusedError(message) from error
        except ClientError as error:
            raise _create_error(job, error, request) from error
        except (BotoCoreError, *NONSENSE) as error:
            # A timeout, a lost connection, a proxy's page: the job may have been created all the same.
            message = f"{job}: CreateTrainingJob did not answer; ask again later, by the same name: {error!r}"
            raise CreateLaterError(message, reason=Postponement.UNANSWERED) from error

    def stop(self, region: str, name: str) -> bool:
        """See `RecoverableJobs.stop`."""
        try:
            self._client_of(region).stop_training_job(TrainingJobName=name)
        except (ClientError, BotoCoreError, *NONSENSE) as error:
            if isinstance(error, ClientError) and (_is_absence(error) or _has_ended(error)):
                return False
            message = f"{region}/{name}: StopTrainingJob failed; look at the job before asking again: {error!r}"
            raise StopFailedError(message) from error
        return True


def _has_ended(error: ClientError) -> bool:
    """Whether SageMaker will not stop a job since it has ended: it says so in words alone."""
    code, said = error.response["Error"]["Code"], error.response["Error"]["Message"]
    ended = _IN_STATUS.search(said) if code == "ValidationException" else None
    return ended is not None and is_terminal(ended["status"])


def _is_absence(error: ClientError | BotoCoreError) -> bool:
    """Only SageMaker's own word that there is nothing counts as absence; anything else is no answer at all."""
    if not isinstance(error, ClientError):
        return False
    code, said = error.response["Error"]["Code"], error.response["Error"]["Message"].lower()
    if code == "ValidationException":
        return any(words in said for words in _NOT_FOUND)
    return code in {"ResourceNotFound", "ResourceNotFoundException"}


def _create_error(job: str, error: ClientError, request: Mapping[str, Any]) -> RespotError:
    """What an error answer of CreateTrainingJob means for the caller."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    words = str(error.response.get("Error", {}).get("Message", ""))
    said = f"{code}: {words}"
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400))
    if code in _NAME_TAKEN:
        return JobNameTakenError(f"{job}: there is a job of that name: {said}")
    if code in _QUOTA and (why := never_fits(words, instances=_instances(request))):
        told = f"{job}: {why}, and waiting does not change that: {said}"
        return CreateRefusedError(told, reach=reach_of_quota(words), why=why)
    if code in _QUOTA:
        return CreateLaterError(f"{job}: a quota is used up; ask again later: {said}", reason=Postponement.QUOTA)
    if code in _CAPACITY:
        return CreateLaterError(f"{job}: no capacity now; ask again later: {said}", reason=Postponement.CAPACITY)
    if code in _THROTTLED or status == 429:
        return CreateLaterError(f"{job}: throttled; ask again later: {said}", reason=Postponement.THROTTLED)
    # A code that is a number or missing is botocore's makeshift for an answer without one: a proxy's, not SageMaker's.
    if status >= 500 or code in _OF_THE_MOMENT or not code or code.isdigit():
        return CreateLaterError(
            f"{job}: CreateTrainingJob failed; ask again later, by the same name: {said}",
            reason=Postponement.UNANSWERED,
        )
    missing = _NOT_AUTHORIZED.search(said)
    if missing is None and (reason := for_now(words)):
        return CreateLaterError(f"{job}: refused for now; ask again later: {said}", reason=reason)
    if missing is None:
        why = not_offered(words)
        reach = Reach.POOL if why else Reach.ANYWHERE
        told = f"{job}: SageMaker refuses the job: {said}"
        return CreateRefusedError(told, reach=reach, why=why, unwanted=unwanted(words))
    permission = " on ".join(filter(None, missing.group("action", "resource")))
    return CreateRefusedError(
        f"{job}: the permission {permission} is missing: {said}", permission=missing.group("action")
    )


def _instances(request: Mapping[str, Any]) -> int:
    resources = request.get("ResourceConfig", {})
    return sum(int(group.get("InstanceCount") or 1) for group in resources.get("InstanceGroups") or [resources])
