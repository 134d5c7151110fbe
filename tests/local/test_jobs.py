"""Taken names, and the pages of ListTrainingJobs."""

from dataclasses import replace
from datetime import timedelta

import pytest

from local.sagemaker.cloud import Scope
from local.sagemaker.jobs import Jobs
from local.sagemaker.validation import SageMakerError
from tests.local.jobs import CREATED, after, job

HERE = Scope(account="111122223333", region="us-east-1")
NOW = after(1000)


def many(count: int) -> Jobs:
    """Create job-0, job-1 ...: one a second, the odd ones still running at NOW."""
    jobs = Jobs()
    for number in range(count):
        new = job(f"Starting={5000 if number % 2 else 1}", TrainingJobName=f"job-{number}")
        start = timedelta(seconds=number)
        jobs.add(HERE, replace(new, created=CREATED + start))
    return jobs


def names(jobs: Jobs, **request: object) -> list[list[str]]:
    pages = []
    while True:
        page = jobs.page(HERE, request, NOW)
        pages.append([summary["TrainingJobName"] for summary in page["TrainingJobSummaries"]])
        if "NextToken" not in page:
            return pages
        request["NextToken"] = page["NextToken"]


def test_a_name_is_taken_in_its_region_in_any_case() -> None:
    jobs = Jobs()
    jobs.add(HERE, job("Starting=1", TrainingJobName="Job-1"))
    with pytest.raises(SageMakerError, match=r"must be unique .* already exists \(arn:aws:.*/job-1\)"):
        jobs.add(HERE, job("Starting=1", TrainingJobName="job-1"))
    jobs.add(Scope(account=HERE.account, region="eu-west-1"), job("Starting=1", TrainingJobName="job-1"))


def test_the_newest_job_comes_first_and_a_page_holds_ten() -> None:
    pages = names(many(12))
    assert [len(page) for page in pages] == [10, 2]
    assert pages[0][0] == "job-11"
    assert pages[1] == ["job-1", "job-0"]


def test_filters_apply_page_by_page_and_a_page_before_the_last_may_be_empty() -> None:
    assert names(many(4), MaxResults=1, StatusEquals="InProgress") == [["job-3"], [], ["job-1"], []]


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({"NameContains": "B-2"}, ["job-2"]),
        ({"StatusEquals": "Completed"}, ["job-2", "job-0"]),
        ({"CreationTimeAfter": after(1).timestamp()}, ["job-3", "job-2"]),
        ({"CreationTimeBefore": after(1).timestamp()}, ["job-0"]),
        ({"LastModifiedTimeAfter": after(2.5).timestamp()}, ["job-3", "job-2"]),
        ({"LastModifiedTimeBefore": after(1.5).timestamp()}, ["job-1", "job-0"]),
        ({"SortBy": "Name", "SortOrder": "Ascending"}, ["job-0", "job-1", "job-2", "job-3"]),
        ({"SortBy": "Status", "SortOrder": "Ascending"}, ["job-0", "job-2", "job-1", "job-3"]),
        ({"WarmPoolStatusEquals": "InUse"}, []),
    ],
)
def test_lists_what_was_asked_for(request_: dict[str, object], expected: list[str]) -> None:
    assert names(many(4), **request_) == [expected]


def test_pages_do_not_repeat_jobs_when_new_ones_arrive() -> None:
    jobs = many(3)
    first = jobs.page(HERE, {"MaxResults": 2}, NOW)
    jobs.add(HERE, replace(job("Starting=1", TrainingJobName="newer"), created=after(500)))
    second = jobs.page(HERE, {"MaxResults": 2, "NextToken": first["NextToken"]}, NOW)
    assert [summary["TrainingJobName"] for summary in second["TrainingJobSummaries"]] == ["job-0"]


@pytest.mark.parametrize("token", ["nonsense", "e30="])
def test_a_made_up_token_is_refused(token: str) -> None:
    with pytest.raises(SageMakerError, match="NextToken"):
        many(1).page(HERE, {"NextToken": token}, NOW)
