"""SageMaker's training jobs. The only module that calls SageMaker."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from respot.domain.job import JobId, Market, Observation
from respot.errors import LookFailedError
from respot.training_job_document import moment, read_facts, read_history, sighting

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

_NOT_FOUND: Final = ("not found", "does not exist", "could not find")
"""Describe has no error code of its own for a missing job: it is a ValidationException in these words."""
_INDISPENSABLE: Final = ("TrainingJobName", "TrainingJobArn", "TrainingJobStatus", "SecondaryStatus")


class SageMakerTrainingJobs:
    """The port `TrainingJobs`, against SageMaker in whatever region a job runs."""

    def __init__(self, client_of: Callable[[str], "SageMakerClient"]) -> None:
        """`client_of` gives the SageMaker client of a region."""
        self._client_of = client_of

    def describe(self, region: str, name: str) -> Observation | None:
        """See `TrainingJobs.describe`."""
        try:
            answer = self._client_of(region).describe_training_job(TrainingJobName=name)
        except (ClientError, BotoCoreError) as error:
            if _is_absence(error):
                return None
            message = f"{region}/{name}: DescribeTrainingJob did not answer; look again later: {error}"
            raise LookFailedError(message) from error
        created, modified = moment(answer.get("CreationTime")), moment(answer.get("LastModifiedTime"))
        if created is None or any(not answer.get(member) for member in _INDISPENSABLE):
            message = f"{region}/{name}: DescribeTrainingJob's answer lacks what tells a job; look again later"
            raise LookFailedError(message)
        facts = read_facts(
            answer,
            job=JobId(region=region, name=answer["TrainingJobName"], created=created),
            arn=answer["TrainingJobArn"],
            last_modified=modified or created,
            market=Market.SPOT if answer.get("EnableManagedSpotTraining") else Market.ON_DEMAND,
            tags=None,
        )
        history = read_history(answer, provisional=False)
        return Observation(facts=facts, history=history) if history else sighting(facts)

    def tags(self, region: str, arn: str) -> Mapping[str, str] | None:
        """See `TrainingJobs.tags`."""
        try:
            pages = self._client_of(region).get_paginator("list_tags").paginate(ResourceArn=arn)
            return {tag["Key"]: tag["Value"] for page in pages for tag in page["Tags"]}
        except (ClientError, BotoCoreError) as error:
            if _is_absence(error):
                return None
            message = f"{arn}: ListTags did not answer; look again later: {error}"
            raise LookFailedError(message) from error


def _is_absence(error: ClientError | BotoCoreError) -> bool:
    """Only SageMaker's own word that there is nothing counts as absence; anything else is no answer at all."""
    if not isinstance(error, ClientError):
        return False
    code, said = error.response["Error"]["Code"], error.response["Error"]["Message"].lower()
    if code == "ValidationException":
        return any(words in said for words in _NOT_FOUND)
    return code in {"ResourceNotFound", "ResourceNotFoundException"}
