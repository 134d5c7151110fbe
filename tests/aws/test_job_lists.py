"""SageMaker's list of jobs, as the sweep asks for it."""

from datetime import datetime, timedelta, timezone
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ReadTimeoutError
from botocore.stub import Stubber

from respot.aws.sagemaker.job_lists import SageMakerJobLists
from respot.bootstrap import clients
from respot.errors import StaleTokenError, UpstreamUnavailableError
from respot.jobs.listing import Page, Summary
from tests.support.builders import CREATED, NAME, REGION, arn_of, at, job_id

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

ASKED = {"SortBy": "CreationTime", "SortOrder": "Descending", "MaxResults": 100}


@pytest.fixture
def lists(sagemaker: "SageMakerClient") -> SageMakerJobLists:
    return SageMakerJobLists({REGION: sagemaker}.__getitem__)


def listed(**others: Any) -> dict[str, Any]:  # noqa: ANN401
    """One summary, as SageMaker gives it."""
    answered = {
        "TrainingJobName": NAME,
        "TrainingJobArn": arn_of(),
        "CreationTime": CREATED,
        "LastModifiedTime": at(390.037),
        "TrainingJobStatus": "InProgress",
        "SecondaryStatus": "Training",
    }
    return {name: value for name, value in (answered | others).items() if value is not None}


KNOWN = Summary(job=job_id(), status="InProgress", secondary_status="Training", last_modified=at(390.037), arn=arn_of())


@pytest.mark.parametrize(
    ("token", "asked"),
    [(None, ASKED), ("a token", ASKED | {"NextToken": "a token"})],
    ids=["from the beginning", "from where a token points"],
)
def test_the_newest_hundred_are_asked_for_without_a_filter(
    lists: SageMakerJobLists, stub: Stubber, token: str | None, asked: dict[str, Any]
) -> None:
    stub.add_response("list_training_jobs", {"TrainingJobSummaries": [listed()], "NextToken": "next"}, asked)
    assert lists.page(REGION, token) == Page(summaries=(KNOWN,), token="next")  # noqa: S106 - a page's


@pytest.mark.parametrize("end", [{}, {"NextToken": ""}], ids=["without a token", "with an empty one"])
def test_the_last_page_has_no_token(lists: SageMakerJobLists, stub: Stubber, end: dict[str, str]) -> None:
    """With an empty one the list would start again and never end."""
    stub.add_response("list_training_jobs", {"TrainingJobSummaries": []} | end, ASKED)
    assert lists.page(REGION, None) == Page(summaries=(), token=None)


@pytest.mark.parametrize(
    ("others", "expected"),
    [
        pytest.param({"SecondaryStatus": None}, {"secondary_status": None}, id="no secondary status"),
        pytest.param({"LastModifiedTime": None}, {"last_modified": CREATED}, id="never modified"),
        pytest.param({"TrainingJobStatus": "Evaporated"}, {"status": "Evaporated"}, id="a status of tomorrow"),
        pytest.param(
            {"LastModifiedTime": at(390.037).astimezone(timezone(timedelta(hours=2)))}, {}, id="in another time zone"
        ),
        pytest.param({"LastModifiedTime": at(390.0368)}, {}, id="to the microsecond"),
    ],
)
def test_a_summary_is_read_as_describe_would_be(
    lists: SageMakerJobLists, stub: Stubber, others: dict[str, Any], expected: dict[str, Any]
) -> None:
    plain = {name: getattr(KNOWN, name) for name in ("job", "status", "secondary_status", "last_modified", "arn")}
    stub.add_response("list_training_jobs", {"TrainingJobSummaries": [listed(**others)]}, ASKED)
    (summary,) = lists.page(REGION, None).summaries
    assert summary == Summary(**(plain | expected))


def test_a_token_that_is_not_valid_is_stale_and_without_one_none_is(lists: SageMakerJobLists, stub: Stubber) -> None:
    for _ in range(2):
        stub.add_client_error("list_training_jobs", "ValidationException", "Invalid NextToken")
    with pytest.raises(StaleTokenError, match="Invalid NextToken"):
        lists.page(REGION, "an old token")
    with pytest.raises(UpstreamUnavailableError) as raised:
        lists.page(REGION, None)
    assert not isinstance(raised.value, StaleTokenError)


@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"TrainingJobSummaries": None},
        {"TrainingJobSummaries": [{}]},
        {"TrainingJobSummaries": ["words"]},
        {"TrainingJobSummaries": [listed(CreationTime=None)]},
        {"TrainingJobSummaries": [listed(CreationTime="yesterday")]},
        {"TrainingJobSummaries": [listed(CreationTime=datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=9))))]},
    ],
    ids=["nothing", "null", "an empty job", "words", "no creation", "no moment", "before time"],
)
def test_an_answer_that_makes_no_sense_is_no_page(answer: dict[str, Any]) -> None:
    class Nonsense:
        def list_training_jobs(self, **_: object) -> dict[str, Any]:
            return answer

    client: Any = Nonsense()
    with pytest.raises(UpstreamUnavailableError, match="makes no sense; try again later"):
        SageMakerJobLists(lambda _: client).page(REGION, None)


ODD: dict[str, dict[str, Any]] = {
    "no status": {"TrainingJobStatus": None},
    "no creation": {"CreationTime": None},
    "no name": {"TrainingJobName": None},
}


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_summary_does_not_take_its_page_with_it(odd: str) -> None:
    class OneOdd:
        def list_training_jobs(self, **_: object) -> dict[str, Any]:
            others = [listed(TrainingJobName=name) for name in ("first", "third")]
            return {"TrainingJobSummaries": [others[0], listed(**ODD[odd]), others[1]], "NextToken": "next"}

    client: Any = OneOdd()
    page = SageMakerJobLists(lambda _: client).page(REGION, None)
    assert ([each.job.name for each in page.summaries], page.token) == (["first", "third"], "next")
    (unreadable,) = page.unreadable
    assert unreadable.job == (None if odd in {"no name", "no creation"} else job_id())
    assert arn_of() in unreadable.why


def test_a_page_of_one_odd_summary_is_a_page_if_it_names_its_job() -> None:
    client: Any = SimpleNamespace(
        list_training_jobs=lambda **_: {"TrainingJobSummaries": [listed(TrainingJobStatus=None)], "NextToken": "next"}
    )
    page = SageMakerJobLists(lambda _: client).page(REGION, None)
    assert (page.summaries, page.token, [each.job for each in page.unreadable]) == ((), "next", [job_id()])


# --- the client


def test_a_call_is_never_repeated() -> None:
    """Not even when SageMaker asks for it: an account may make few of them."""
    clients.once_client.cache_clear()
    client, calls = clients.once_client(REGION), []

    def refuse(**_: object) -> None:
        calls.append(1)
        raise ReadTimeoutError(endpoint_url="https://sagemaker")

    client.meta.events.register_first("before-send.sagemaker", refuse)
    with pytest.raises(UpstreamUnavailableError):
        SageMakerJobLists(clients.once_client).page(REGION, None)
    assert calls == [1]
    clients.once_client.cache_clear()
