"""StopTrainingJob behind botocore's stub: what each answer means for the caller."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import boto3
import pytest
from botocore.exceptions import (
    BotoCoreError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)
from botocore.stub import Stubber

from respot.aws.sagemaker.training_jobs import SageMakerTrainingJobs
from respot.errors import StopFailedError
from tests.support.builders import NAME, REGION, snapshot
from tests.support.memory import MemoryTrainingJobs

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

    from respot.recovery.ports import RecoverableJobs

URL = "https://api.sagemaker.us-east-1.amazonaws.com"
IN_STATUS = "The request was rejected because the training job is in status {}."


@pytest.fixture
def client() -> "SageMakerClient":
    return boto3.client("sagemaker", region_name=REGION)


@pytest.fixture
def stub(client: "SageMakerClient") -> Iterator[Stubber]:
    with Stubber(client) as stubber:
        yield stubber


def jobs(client: "SageMakerClient") -> SageMakerTrainingJobs:
    return SageMakerTrainingJobs(lambda _: client)


def test_a_job_is_stopped_by_its_name(client: "SageMakerClient", stub: Stubber) -> None:
    stub.add_response("stop_training_job", {}, {"TrainingJobName": NAME})
    assert jobs(client).stop(REGION, NAME)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        *(("ValidationException", IN_STATUS.format(status)) for status in ("Completed", "Failed", "Stopped")),
        ("ValidationException", IN_STATUS.format("Deleting")),
        ("ValidationException", "Requested resource not found."),
        ("ResourceNotFound", "no such job"),
    ],
)
def test_a_job_that_has_ended_or_does_not_exist_needs_no_stop(
    client: "SageMakerClient", stub: Stubber, code: str, words: str
) -> None:
    stub.add_client_error("stop_training_job", code, words)
    assert not jobs(client).stop(REGION, NAME)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("ThrottlingException", "Rate exceeded"),
        ("InternalFailure", "the training job is in status Stopped"),
        ("ValidationException", IN_STATUS.format("InProgress")),
        ("ValidationException", "something else"),
        ("AccessDeniedException", "not authorized to perform: sagemaker:StopTrainingJob"),
    ],
)
def test_any_other_answer_says_nothing_and_keeps_the_words_of_aws(
    client: "SageMakerClient", stub: Stubber, code: str, words: str
) -> None:
    stub.add_client_error("stop_training_job", code, words)
    with pytest.raises(StopFailedError) as caught:
        jobs(client).stop(REGION, NAME)
    assert str(caught.value).startswith(f"{REGION}/{NAME}: ")
    assert code in str(caught.value)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        ReadTimeoutError(endpoint_url=URL),
        ConnectTimeoutError(endpoint_url=URL),
        EndpointConnectionError(endpoint_url=URL),
        NoCredentialsError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_no_answer_may_have_been_a_stop(error: BotoCoreError) -> None:
    def down(_: str) -> "SageMakerClient":
        raise error

    with pytest.raises(StopFailedError, match="describe the job before trying again"):
        SageMakerTrainingJobs(down).stop(REGION, NAME)


def test_training_jobs_in_memory_keep_the_promises_too() -> None:
    twin = MemoryTrainingJobs()
    port: RecoverableJobs = twin
    assert not port.stop(REGION, NAME)
    twin.snapshots[REGION, NAME] = snapshot("Starting=0")
    assert port.stop(REGION, NAME)
    assert port.stop(REGION, NAME)
    twin.snapshots[REGION, NAME] = snapshot("Starting=0 Stopping=5 Stopped=6")
    assert not port.stop(REGION, NAME)
    twin.stop_fault = StopFailedError("throttled")
    with pytest.raises(StopFailedError):
        port.stop(REGION, NAME)
    assert twin.stopped == [(REGION, NAME)] * 2
