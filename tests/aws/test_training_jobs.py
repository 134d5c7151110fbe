"""SageMaker's training jobs behind botocore's stub, which holds requests and answers against SageMaker's model."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from botocore.stub import Stubber

from respot.aws.sagemaker.training_jobs import SageMakerTrainingJobs
from respot.errors import StopFailedError, StopRefusedError, UpstreamUnavailableError
from respot.jobs.job import JobSnapshot, Market, Owner, Parent
from tests.support.builders import (
    CREATED,
    NAME,
    REGION,
    arn_of,
    at,
    description,
    history,
    job_id,
    payload,
    transition,
)
from tests.support.scenarios import SCENARIOS, Scenario

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient


Arrives = Callable[..., None]
SEEN = "Starting=0 Downloading=250 Training=390"


def jobs(sagemaker: "SageMakerClient") -> SageMakerTrainingJobs:
    return SageMakerTrainingJobs(lambda _: sagemaker)


def described(sagemaker: "SageMakerClient", stub: Stubber, answer: dict[str, Any]) -> JobSnapshot:
    stub.add_response("describe_training_job", answer, {"TrainingJobName": answer["TrainingJobName"]})
    seen = jobs(sagemaker).describe(REGION, answer["TrainingJobName"])
    assert seen is not None
    return seen


def as_boto3_answers(document: Any) -> Any:  # noqa: ANN401
    """Times as datetime, as botocore parses them, and nothing that is null."""
    if isinstance(document, list):
        return [as_boto3_answers(each) for each in document]
    if not isinstance(document, dict):
        return document
    read = {name: as_boto3_answers(value) for name, value in document.items() if value is not None}
    times = {name: value for name, value in read.items() if name.endswith("Time") and isinstance(value, str)}
    return read | {name: datetime.fromisoformat(value) for name, value in times.items()}


@pytest.mark.parametrize("scenario", [each for each in SCENARIOS if each.described], ids=str)
def test_the_answers_of_the_scenarios_have_their_transitions_and_figures(
    sagemaker: "SageMakerClient", stub: Stubber, scenario: Scenario
) -> None:
    assert scenario.described
    answer = {"ModelArtifacts": {"S3ModelArtifacts": ""}} | as_boto3_answers(payload(scenario.described))
    seen = described(sagemaker, stub, answer)
    assert seen.history == history(scenario.transitions)
    assert seen.state.status == scenario.status
    assert (seen.state.market, seen.state.described) == (Market.SPOT, True)
    spans = (seen.state.training_time, seen.state.billable_time)
    seconds = [None if span is None else span.total_seconds() for span in spans]
    assert seconds == [scenario.training_seconds, scenario.billable_seconds]


def test_a_description_is_read_to_the_field(sagemaker: "SageMakerClient", stub: Stubber) -> None:
    seen = described(sagemaker, stub, description(history(SEEN), TuningJobArn="arn:tuning", FailureReason=""))
    assert seen.start_known
    assert not any(transition.provisional for transition in seen.history)
    assert seen.state.job.created == CREATED
    assert seen.state.tags is None
    assert seen.state.failure_reason is None
    assert seen.state.status_message == "words on Training"
    assert seen.state.training_started == at(250)
    assert seen.state.checkpoint_uri == "s3://ml-bucket/checkpoints/spot-job/"
    assert seen.state.parent == Parent(owner=Owner.TUNING, identifier="arn:tuning")


def test_a_description_without_the_spot_flag_and_a_history_is_a_sighting_on_demand(
    sagemaker: "SageMakerClient", stub: Stubber
) -> None:
    for flag in (False, None):
        answer = description(history(SEEN), EnableManagedSpotTraining=flag, SecondaryStatusTransitions=[])
        seen = described(sagemaker, stub, answer)
        assert seen.state.market is Market.ON_DEMAND
        assert seen.history == (transition("Training", 390, provisional=True),)
        assert not seen.start_known


def test_times_are_exact_to_the_millisecond_in_any_zone(sagemaker: "SageMakerClient", stub: Stubber) -> None:
    there = CREATED.astimezone() + timedelta(microseconds=36_999)
    seen = described(sagemaker, stub, description(history("Reticulating=5"), CreationTime=there))
    assert seen.state.secondary_status == "Reticulating"  # a status of tomorrow
    assert seen.state.job.created == at(0.037)
    assert seen.state.job.created.tzinfo is UTC


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("ValidationException", "Requested resource not found."),
        ("ValidationException", "Could not find training job"),
        ("ValidationException", f"Training job {NAME} does not exist"),
        ("ResourceNotFound", "gone"),
        ("ResourceNotFoundException", "gone"),
    ],
)
def test_only_sagemakers_own_word_is_absence(
    sagemaker: "SageMakerClient", stub: Stubber, code: str, words: str
) -> None:
    stub.add_client_error("describe_training_job", code, words)
    assert jobs(sagemaker).describe(REGION, NAME) is None
    stub.add_client_error("list_tags", code, words)
    assert jobs(sagemaker).tags(REGION, arn_of()) is None
    stub.add_client_error("stop_training_job", code, words)
    assert not jobs(sagemaker).stop(REGION, NAME)


def test_a_request_that_is_not_valid_is_no_absence(sagemaker: "SageMakerClient", stub: Stubber) -> None:
    for operation in ("describe_training_job", "list_tags"):
        stub.add_client_error(operation, "ValidationException", "Value at 'trainingJobName' failed")
    with pytest.raises(UpstreamUnavailableError, match="try again later"):
        jobs(sagemaker).describe(REGION, NAME)
    with pytest.raises(UpstreamUnavailableError, match="try again later"):
        jobs(sagemaker).tags(REGION, arn_of())


def whole_answer() -> dict[str, Any]:
    """An answer as it travels."""
    return description(history(SEEN)) | {
        "CreationTime": CREATED.timestamp(),
        "LastModifiedTime": CREATED.timestamp(),
        "TrainingStartTime": CREATED.timestamp(),
        "SecondaryStatusTransitions": [],
    }


def test_an_answer_over_the_wire_is_read(sagemaker: "SageMakerClient", arrives: Arrives) -> None:
    arrives(json.dumps(whole_answer()).encode())
    assert jobs(sagemaker).describe(REGION, NAME) is not None


@pytest.mark.parametrize(
    "member", ["CreationTime", "TrainingJobName", "TrainingJobArn", "TrainingJobStatus", "SecondaryStatus", None]
)
def test_an_answer_that_does_not_identify_a_job_is_no_answer(
    sagemaker: "SageMakerClient", arrives: Arrives, member: str | None
) -> None:
    before_time = {} if member else {"CreationTime": 0}
    answer = {name: value for name, value in whole_answer().items() if name != member} | before_time
    arrives(json.dumps(answer).encode())
    with pytest.raises(UpstreamUnavailableError, match="try again later"):
        jobs(sagemaker).describe(REGION, NAME)


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"<html>not found</html>", b"null", b"[]", b'{"CreationTime": "soon"}', b'{"Tags": [{}]}'],
)
def test_an_answer_that_is_nonsense_is_no_conclusion(
    sagemaker: "SageMakerClient", arrives: Arrives, body: bytes
) -> None:
    arrives(body)
    for call in (lambda: jobs(sagemaker).describe(REGION, NAME), lambda: jobs(sagemaker).tags(REGION, arn_of())):
        with pytest.raises(UpstreamUnavailableError):
            call()


@pytest.mark.parametrize("body", [b"", b"<html>404 not found</html>", b"not found"])
def test_the_words_of_something_between_are_not_sagemakers(
    sagemaker: "SageMakerClient", arrives: Arrives, body: bytes
) -> None:
    """A proxy or a portal that says "not found" says nothing of the job."""
    arrives(body, status=404)
    with pytest.raises(UpstreamUnavailableError):
        jobs(sagemaker).describe(REGION, NAME)


def test_tags_are_read_page_by_page(sagemaker: "SageMakerClient", stub: Stubber) -> None:
    tags = [[{"Key": "team", "Value": "vision"}], [], [{"Key": "n", "Value": ""}]]
    for here, own, there in zip(({}, {"NextToken": "1"}, {"NextToken": "2"}), tags, ("1", "2", ""), strict=True):
        answer = {"Tags": own} | ({"NextToken": there} if there else {})
        stub.add_response("list_tags", answer, {"ResourceArn": arn_of(), **here})
    assert jobs(sagemaker).tags(REGION, arn_of()) == {"team": "vision", "n": ""}


def test_the_source_of_a_request_is_the_whole_answer(sagemaker: "SageMakerClient", stub: Stubber) -> None:
    answer = description(history(SEEN), RetryStrategy={"MaximumRetryAttempts": 2})
    stub.add_response("describe_training_job", answer | {"ResponseMetadata": {"HTTPStatusCode": 200}})
    asked: list[str] = []

    def client_of(region: str) -> "SageMakerClient":
        asked.append(region)
        return sagemaker

    found = SageMakerTrainingJobs(client_of).description("eu-west-1", NAME)
    assert found
    assert (asked, found.job) == (["eu-west-1"], job_id(region="eu-west-1"))
    assert found.status == answer["TrainingJobStatus"]
    assert found.request_source == answer


# --- the stop

IN_STATUS = "The request was rejected because the training job is in status {}."


def test_a_job_is_stopped_by_its_name(sagemaker: "SageMakerClient", stub: Stubber) -> None:
    stub.add_response("stop_training_job", {}, {"TrainingJobName": NAME})
    assert jobs(sagemaker).stop(REGION, NAME)


@pytest.mark.parametrize("status", ["Completed", "Failed", "Stopped", "Deleting"])
def test_a_job_that_has_ended_needs_no_stop(sagemaker: "SageMakerClient", stub: Stubber, status: str) -> None:
    stub.add_client_error("stop_training_job", "ValidationException", IN_STATUS.format(status))
    assert not jobs(sagemaker).stop(REGION, NAME)


@pytest.mark.parametrize(
    ("code", "words", "refused"),
    [
        ("AccessDeniedException", "an explicit deny in a service control policy", True),
        ("ValidationException", "Value at 'trainingJobName' failed to satisfy constraint", True),
        # Another call may have had this effect, perhaps an earlier attempt of this one.
        ("ValidationException", IN_STATUS.format("Stopping"), False),
        ("ValidationException", IN_STATUS.format("InProgress"), False),
        ("ThrottlingException", "Rate exceeded", False),
        ("InternalFailure", "an outage", False),
        ("ExpiredTokenException", "expired", False),
        ("SomethingNewException", "never heard of", False),
        ("403", "a proxy's page", False),
    ],
)
def test_only_a_definite_refusal_says_that_the_job_is_not_stopped(
    sagemaker: "SageMakerClient", stub: Stubber, code: str, words: str, *, refused: bool
) -> None:
    stub.add_client_error("stop_training_job", code, words)
    with pytest.raises(StopFailedError, match=words) as caught:
        jobs(sagemaker).stop(REGION, NAME)
    assert isinstance(caught.value, StopRefusedError) is refused


def test_a_denial_by_a_failing_server_is_no_refusal(sagemaker: "SageMakerClient", stub: Stubber) -> None:
    stub.add_client_error("stop_training_job", "AccessDeniedException", http_status_code=500)
    with pytest.raises(StopFailedError, match="AccessDenied") as caught:
        jobs(sagemaker).stop(REGION, NAME)
    assert not isinstance(caught.value, StopRefusedError)
