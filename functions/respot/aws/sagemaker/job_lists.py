"""SageMaker's lists of training jobs."""

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from respot.aws.calls import NONSENSE, asking
from respot.aws.error_codes import Answer, answer_of
from respot.errors import StaleTokenError
from respot.jobs.description import moment
from respot.jobs.job import JobId
from respot.jobs.listing import Page, Summary, UnreadableSummary

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
        what = f"{region}: ListTrainingJobs"
        with asking(what):
            # No filter: SageMaker would apply it to each page after the page was taken, and still count the calls
            # (also that of a time: github.com/aws/aws-sdk/issues/486).
            try:
                answer = self._client_of(region).list_training_jobs(
                    SortBy="CreationTime", SortOrder="Descending", MaxResults=_LONGEST_PAGE, **place
                )
            except ClientError as error:
                if token and answer_of(error) is Answer.INVALID:
                    message = f"{what} did not accept its own token; start again: {error}"
                    raise StaleTokenError(message) from error
                raise
            read = [_read(region, each) for each in answer["TrainingJobSummaries"]]
            summaries = tuple(each for each in read if isinstance(each, Summary))
            unreadable = tuple(each for each in read if isinstance(each, UnreadableSummary))
            if unreadable and not summaries and all(each.job is None for each in unreadable):
                raise ValueError(unreadable[0].why)
        return Page(summaries=summaries, token=answer.get("NextToken") or None, unreadable=unreadable)


def _read(region: str, listed: "TrainingJobSummaryTypeDef") -> Summary | UnreadableSummary:
    """A summary; one that makes no sense does not take its page with it."""
    try:
        return _summary(region, listed)
    except NONSENSE as error:
        why = f"{region}: ListTrainingJobs: the summary {listed!r:.500} makes no sense: {error!r}"
        with suppress(*NONSENSE):
            return UnreadableSummary(job=_job(region, listed), why=why)
        return UnreadableSummary(job=None, why=why)


def _job(region: str, listed: "TrainingJobSummaryTypeDef") -> JobId:
    created = moment(listed["CreationTime"])
    if created is None:
        message = f"{listed['TrainingJobName']} has no creation time"
        raise ValueError(message)
    return JobId(region=region, name=listed["TrainingJobName"], created=created)


def _summary(region: str, listed: "TrainingJobSummaryTypeDef") -> Summary:
    job = _job(region, listed)
    return Summary(
        job=job,
        status=listed["TrainingJobStatus"],
        secondary_status=listed.get("SecondaryStatus"),
        last_modified=moment(listed.get("LastModifiedTime")) or job.created,
        arn=listed.get("TrainingJobArn"),
    )
