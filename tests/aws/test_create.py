"""CreateTrainingJob behind botocore's stub: what each answer means for the caller."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse, HTTPHeaders
from botocore.exceptions import (
    BotoCoreError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    NoCredentialsError,
    ReadTimeoutError,
)
from botocore.retries.standard import ThrottledRetryableChecker, TransientRetryableChecker
from botocore.stub import Stubber

from local.sagemaker import validation
from respot.aws.sagemaker.cloning import attempt_request
from respot.aws.sagemaker.training_jobs import SageMakerTrainingJobs
from respot.errors import (
    CreateLaterError,
    CreateRefusedError,
    JobNameTakenError,
    Postponement,
    Reach,
    UpstreamUnavailableError,
)
from respot.jobs.job import Market
from respot.recovery.planning.attempt import Lineage
from respot.recovery.planning.decision import Placement
from tests.support.builders import NAME, REGION, arn_of, description, history, job_id, payload, payload_names
from tests.support.memory import MemoryTrainingJobs

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

    from respot.recovery.ports import RecoverableJobs

URL = "https://api.sagemaker.us-east-1.amazonaws.com"
DENIED = (
    "User: arn:aws:sts::111122223333:assumed-role/respot/respot is not authorized to perform: iam:PassRole on "
    "resource: arn:aws:iam::111122223333:role/Training because no identity-based policy allows the iam:PassRole action"
)

NO_QUOTA = (
    "The account-level service limit '{}' is 0 Instances, with current utilization of 0 Instances and a request delta "
    "of 1 Instances."
)


@pytest.fixture
def client() -> "SageMakerClient":
    return boto3.client("sagemaker", region_name=REGION)


@pytest.fixture
def stub(client: "SageMakerClient") -> Iterator[Stubber]:
    with Stubber(client) as stubber:
        yield stubber


def jobs(client: "SageMakerClient") -> SageMakerTrainingJobs:
    return SageMakerTrainingJobs(lambda _: client)


def request(client: "SageMakerClient", name: str = "describe_s3_final", market: Market = Market.SPOT) -> dict[str, Any]:
    """The second attempt of a described job."""
    document = payload(name)
    parent = document["TrainingJobName"]
    return attempt_request(
        document,
        name=f"{parent}-r2",
        tags={"respot:resume": "on"},
        lineage=Lineage(run=f"us-east-1/{parent}/1789549200000", attempt=2, parent=parent),
        placement=Placement(
            market=market,
            instance_type="ml.g5.4xlarge",
            max_runtime=timedelta(hours=3),
            max_wait=timedelta(hours=5) if market is Market.SPOT else None,
        ),
        service_model=client.meta.service_model,
    )


@pytest.mark.parametrize("market", Market)
@pytest.mark.parametrize("name", payload_names("describe_*"))
def test_an_attempt_is_created_as_it_was_built(
    client: "SageMakerClient", stub: Stubber, name: str, market: Market
) -> None:
    asked = request(client, name, market)
    validation.check_shape("CreateTrainingJob", asked)
    validation.check_training_job(asked)
    validation.check_tags(asked["Tags"])
    arn = arn_of(asked["TrainingJobName"])
    stub.add_response("create_training_job", {"TrainingJobArn": arn}, asked)
    assert jobs(client).create(REGION, asked) == arn


def failure(
    client: "SageMakerClient", stub: Stubber, code: str, words: str = "AWS's words", status: int = 400
) -> Exception:
    stub.add_client_error("create_training_job", code, words, http_status_code=status)
    try:
        jobs(client).create(REGION, request(client))
    except (JobNameTakenError, CreateLaterError, CreateRefusedError) as error:
        assert f"us-east-1/{payload('describe_s3_final')['TrainingJobName']}-r2: " in str(error)  # noqa: PT017
        assert words in str(error)  # noqa: PT017
        return error
    raise AssertionError(code)


def test_a_taken_name_is_an_error_of_its_own(client: "SageMakerClient", stub: Stubber) -> None:
    words = "Training job names must be unique within an AWS account and region"
    assert isinstance(failure(client, stub, "ResourceInUse", words), JobNameTakenError)


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        ("ResourceLimitExceeded", 400, Postponement.QUOTA),
        ("ThrottlingException", 400, Postponement.THROTTLED),
        ("RequestLimitExceeded", 400, Postponement.THROTTLED),
        ("TooManyRequestsException", 429, Postponement.THROTTLED),
        ("429", 429, Postponement.THROTTLED),
        ("InsufficientCapacityException", 400, Postponement.CAPACITY),
        ("ConflictException", 409, Postponement.UNANSWERED),
        ("InternalFailure", 500, Postponement.UNANSWERED),
        ("ServiceUnavailable", 503, Postponement.UNANSWERED),
        ("ServiceUnavailableException", 400, Postponement.UNANSWERED),
        ("ValidationException", 503, Postponement.UNANSWERED),
        ("502", 502, Postponement.UNANSWERED),
        pytest.param("403", 403, Postponement.UNANSWERED, id="a proxy's page"),
        pytest.param("", 400, Postponement.UNANSWERED, id="no code at all"),
        ("ExpiredTokenException", 400, Postponement.UNANSWERED),
        ("RequestTimeTooSkewed", 403, Postponement.UNANSWERED),
    ],
)
def test_a_temporary_refusal_is_tried_again_later(
    client: "SageMakerClient", stub: Stubber, code: str, status: int, reason: Postponement
) -> None:
    error = failure(client, stub, code, status=status)
    assert isinstance(error, CreateLaterError)
    assert error.reason is reason


@pytest.mark.parametrize(
    "code",
    sorted(
        {
            *ThrottledRetryableChecker._THROTTLED_ERROR_CODES,  # type: ignore[attr-defined] # noqa: SLF001
            *TransientRetryableChecker._TRANSIENT_ERROR_CODES,  # type: ignore[attr-defined] # noqa: SLF001
        }
    ),
)
def test_all_that_botocore_would_repeat_is_tried_again_later(
    client: "SageMakerClient", stub: Stubber, code: str
) -> None:
    assert isinstance(failure(client, stub, code), CreateLaterError)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("Rate exceeded", Postponement.THROTTLED),
        ("Instance type ml.g5.4xlarge is temporarily unavailable", Postponement.CAPACITY),
    ],
)
def test_a_temporary_refusal_is_tried_again_for_any_code(
    client: "SageMakerClient", stub: Stubber, words: str, reason: Postponement
) -> None:
    error = failure(client, stub, "ValidationException", words)
    assert isinstance(error, CreateLaterError)
    assert error.reason is reason


@pytest.mark.parametrize(
    ("code", "words", "reach"),
    [
        (
            "ResourceLimitExceeded",
            NO_QUOTA.format("Number of instances across all spot training jobs"),
            Reach.MARKET,
        ),
        (
            "ResourceLimitExceeded",
            NO_QUOTA.format("ml.g5.4xlarge for spot training job usage"),
            Reach.POOL,
        ),
        ("ValidationException", "Unsupported instance type ml.g5.4xlarge", Reach.POOL),
        (
            "ValidationException",
            "Heterogeneous clusters are not supported with instance type ml.c5.xlarge",
            Reach.ANYWHERE,
        ),
    ],
)
def test_a_refusal_rules_out_no_more_than_it_is_about(
    client: "SageMakerClient", stub: Stubber, code: str, words: str, reach: Reach
) -> None:
    error = failure(client, stub, code, words)
    assert isinstance(error, CreateRefusedError)
    assert error.reach is reach


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("ValidationException", "Invalid MaxWaitTimeInSeconds. It is only supported when …"),
        ("ValidationException", "Could not assume role arn:aws:iam::111122223333:role/Training"),
        ("ResourceNotFound", "The experiment does not exist"),
        ("ResourceNotFoundException", "gone"),
        ("AccessDeniedException", "explicitly denied"),
        ("OptInRequired", "this type must be asked for"),
        ("SomethingNewException", "never heard of"),
    ],
)
def test_a_refusal_keeps_the_words_of_aws(client: "SageMakerClient", stub: Stubber, code: str, words: str) -> None:
    error = failure(client, stub, code, words)
    assert isinstance(error, CreateRefusedError)
    assert error.permission is None
    assert code in str(error)


@pytest.mark.parametrize(
    ("words", "permission", "expected"),
    [
        (
            DENIED,
            "iam:PassRole",
            "the permission iam:PassRole on arn:aws:iam::111122223333:role/Training is missing",
        ),
        (
            "User: u is not authorized to perform: sagemaker:AddTags",
            "sagemaker:AddTags",
            "the permission sagemaker:AddTags is missing",
        ),
    ],
)
def test_a_missing_permission_is_named(
    client: "SageMakerClient", stub: Stubber, words: str, permission: str, expected: str
) -> None:
    error = failure(client, stub, "AccessDeniedException", words)
    assert isinstance(error, CreateRefusedError)
    assert error.permission == permission
    assert expected in str(error)


@pytest.mark.parametrize(
    "error",
    [
        ReadTimeoutError(endpoint_url=URL),
        ConnectTimeoutError(endpoint_url=URL),
        ConnectionClosedError(endpoint_url=URL),
        EndpointConnectionError(endpoint_url=URL),
        NoCredentialsError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_no_answer_may_be_a_success_and_is_tried_again(client: "SageMakerClient", error: BotoCoreError) -> None:
    def down(_: str) -> "SageMakerClient":
        raise error

    with pytest.raises(CreateLaterError, match="with the same name") as caught:
        SageMakerTrainingJobs(down).create(REGION, request(client))
    assert caught.value.reason is Postponement.UNANSWERED
    assert caught.value.__cause__ is error


@pytest.mark.parametrize("body", [b"{}", b"<html>", b"[]", b'"text"', b"\xff"])
def test_a_nonsense_answer_may_be_a_success_and_is_tried_again(client: "SageMakerClient", body: bytes) -> None:
    def send(**_: object) -> AWSResponse:
        raw = BytesIO(body)
        raw.stream = lambda **_: iter([body])  # type: ignore[attr-defined]
        return AWSResponse(URL, 200, HTTPHeaders(), raw)

    client.meta.events.register("before-send.sagemaker", send)  # type: ignore[arg-type]
    with pytest.raises(CreateLaterError) as caught:
        jobs(client).create(REGION, request(client))
    assert caught.value.reason is Postponement.UNANSWERED


def test_a_request_outside_the_service_model_is_refused_unsent(client: "SageMakerClient") -> None:
    with pytest.raises(CreateRefusedError, match="service model"):
        jobs(client).create(REGION, request(client) | {"RoleArn": 7})


def test_the_source_of_a_request_is_the_whole_answer(client: "SageMakerClient", stub: Stubber) -> None:
    answer = description(history("Starting=0 Downloading=250 Training=390"), RetryStrategy={"MaximumRetryAttempts": 2})
    stub.add_response("describe_training_job", answer | {"ResponseMetadata": {"HTTPStatusCode": 200}})
    described = jobs(client).description(REGION, NAME)
    assert described
    assert (described.job, described.status) == (job_id(), answer["TrainingJobStatus"])
    assert described.request_source == answer


def test_only_sagemakers_own_word_means_that_there_is_no_description(client: "SageMakerClient", stub: Stubber) -> None:
    stub.add_client_error("describe_training_job", "ValidationException", "Requested resource not found.")
    assert jobs(client).description(REGION, NAME) is None
    stub.add_client_error("describe_training_job", "ThrottlingException", "Rate exceeded")
    with pytest.raises(UpstreamUnavailableError):
        jobs(client).description(REGION, NAME)


def test_a_description_from_before_sagemakers_time_is_no_description(client: "SageMakerClient", stub: Stubber) -> None:
    answer = description(history("Starting=0"), CreationTime=datetime.fromtimestamp(0, tz=UTC))
    stub.add_response("describe_training_job", answer)
    with pytest.raises(UpstreamUnavailableError, match="try again later"):
        jobs(client).describe(REGION, NAME)


def test_training_jobs_in_memory_keep_the_promises_too(client: "SageMakerClient") -> None:
    twin = MemoryTrainingJobs()
    port: RecoverableJobs = twin
    asked = request(client)
    name = asked["TrainingJobName"]
    assert port.description(REGION, name) is None
    arn = port.create(REGION, asked)
    assert port.tags(REGION, arn) == {tag["Key"]: tag["Value"] for tag in asked["Tags"]}
    described = port.description(REGION, name)
    assert described
    assert described.request_source["TrainingJobArn"] == arn
    with pytest.raises(JobNameTakenError):
        port.create(REGION, asked)
    twin.create_fault = CreateLaterError("throttled", reason=Postponement.THROTTLED)
    with pytest.raises(CreateLaterError):
        port.create(REGION, asked)
    twin.fault = UpstreamUnavailableError("down")
    with pytest.raises(UpstreamUnavailableError):
        port.description(REGION, name)
    assert twin.created == [(REGION, asked)]
