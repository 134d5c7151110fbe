"""SageMaker's lists of training jobs."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from respot.aws.sagemaker.training_jobs import NONSENSE
from respot.errors import StaleTokenError, UpstreamUnavailableError
from respot.jobs.description import moment
from respot.jobs.job import JobId
from respot.sweep.progress import Page, Summary

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient
    from mypy_boto3_sagemaker.type_defs import TrainingJobSummaryTypeDef

_LONGEST_PAGE: Final = 100
"""SageMaker's greatest MaxResults."""


class SageMakerJobLists:
    """The port `JobLists`, against SageMaker in each region."""

    def __init__(self, client_of: Callable[[str], "SageMakerClient"]) -> None:
        """`client_of` gives a SageMaker client of a region that never repeats a call."""
        self._client_of = client_of

    def page(self, region: str, token: str | None) -> Page:
        """See `JobLists.page`."""
        place: dict[str, Any] = {"NextToken": token} if token else {}
        try:
            # No filter: SageMaker would apply it to each page after the page was taken, and still count the calls.
            answer = self._client_of(region).list_training_jobs(
                SortBy="CreationTime", SortOrder="Descending", MaxResults=_LONGEST_PAGE, **place
            )
            summaries = tuple(_summary(region, each) for each in answer["TrainingJobSummaries"])
        except (ClientError, BotoCoreError) as error:
            message = f"{region}: ListTrainingJobs did not answer; go on later: {error}"
            if token and _is_validation(error):
                raise StaleTokenError(message) from error
            raise UpstreamUnavailableError(message) from error
        except NONSENSE as error:
            message = f"{region}: ListTrainingJobs' answer makes no sense; go on later: {error!r}"
            raise UpstreamUnavailableError(message) from error
        return Page(summaries=summaries, token=answer.get("NextToken") or None)


def _summary(region: str, told: "TrainingJobSummaryTypeDef") -> Summary:
    created = moment(told["CreationTime"])
    if created is None:
        message = f"{told['TrainingJobName']} has no creation time"
        raise ValueError(message)
    return Summary(
        job=JobId(region=region, name=told["TrainingJobName"], created=created),
        status=told["TrainingJobStatus"],
        secondary_status=told.get("SecondaryStatus"),
        last_modified=moment(told.get("LastModifiedTime")) or created,
    )


def _is_validation(error: ClientError | BotoCoreError) -> bool:
    return isinstance(error, ClientError) and error.response["Error"]["Code"] == "ValidationException"
