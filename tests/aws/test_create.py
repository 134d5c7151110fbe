"""CreateTrainingJob: what each answer means for the caller."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest
from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError, ReadTimeoutError
from botocore.retries.standard import ThrottledRetryableChecker, TransientRetryableChecker
from botocore.stub import Stubber

from respot.aws.sagemaker.create_errors import create_error
from respot.aws.sagemaker.training_jobs import SageMakerTrainingJobs
from respot.errors import (
    CreateLaterError,
    CreateRefusedError,
    JobNameTakenError,
    Postponement,
    Reach,
    RespotError,
)
from respot.jobs.job import Market
from respot.recovery.planning.decision import Placement
from tests.support.builders import ACCOUNT, CREATED, NAME, REGION, arn_of
from tests.support.clock import FakeClock
from tests.support.fake_sagemaker import FakeSageMaker

if TYPE_CHECKING:
    from mypy_boto3_sagemaker import SageMakerClient

    from respot.recovery.ports import RecoverableJobs

URL: Final = "https://api.sagemaker.us-east-1.amazonaws.com"
REQUEST: Final[dict[str, Any]] = {
    "TrainingJobName": f"{NAME}-r2",
    "AlgorithmSpecification": {"TrainingImage": "image", "TrainingInputMode": "File"},
    "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/Training",
    "OutputDataConfig": {"S3OutputPath": "s3://ml-bucket/output"},
    "ResourceConfig": {"InstanceType": "ml.g5.4xlarge", "InstanceCount": 1, "VolumeSizeInGB": 100},
    "StoppingCondition": {"MaxRuntimeInSeconds": 3600},
    "Tags": [{"Key": "respot:resume", "Value": "on"}],
}
NO_QUOTA: Final = (
    "The account-level service limit '{}' is 0 Instances, with current utilization of 0 Instances and a request delta "
    "of 1 Instances."
)
DENIED: Final = (
    "User: arn:aws:sts::111122223333:assumed-role/respot/respot is not authorized to perform: iam:PassRole on "
    "resource: arn:aws:iam::111122223333:role/Training because no identity-based policy allows the iam:PassRole action"
)


def error_of(code: str, words: str = "AWS's words", status: int = 400) -> RespotError:
    answer: Any = {"Error": {"Code": code, "Message": words}, "ResponseMetadata": {"HTTPStatusCode": status}}
    error = create_error(f"{REGION}/{NAME}-r2", ClientError(answer, "CreateTrainingJob"), REQUEST)
    assert str(error).startswith(f"{REGION}/{NAME}-r2: ")
    assert code in str(error)
    assert words in str(error)
    return error


@pytest.mark.parametrize("code", ["ResourceInUse", "ResourceInUseException"])
def test_a_taken_name_is_an_error_of_its_own(code: str) -> None:
    words = "Training job names must be unique within an AWS account and region"
    assert isinstance(error_of(code, words), JobNameTakenError)


@pytest.mark.parametrize(
    ("code", "status", "words", "reason"),
    [
        ("ResourceLimitExceeded", 400, "", Postponement.QUOTA),
        ("ThrottlingException", 400, "", Postponement.THROTTLED),
        ("429", 429, "", Postponement.THROTTLED),
        ("InsufficientCapacityException", 400, "", Postponement.CAPACITY),
        ("ConflictException", 409, "", Postponement.UNANSWERED),
        ("ValidationException", 503, "", Postponement.UNANSWERED),
        pytest.param("403", 403, "", Postponement.UNANSWERED, id="a proxy's page"),
        pytest.param("", 400, "", Postponement.UNANSWERED, id="no code at all"),
        ("ExpiredTokenException", 400, "", Postponement.UNANSWERED),
        ("ValidationException", 400, "Rate exceeded", Postponement.THROTTLED),
        ("ValidationException", 400, "ml.g5.4xlarge is temporarily unavailable", Postponement.CAPACITY),
    ],
)
def test_a_temporary_refusal_is_tried_again_later(code: str, status: int, words: str, reason: Postponement) -> None:
    error = error_of(code, words, status)
    assert isinstance(error, CreateLaterError)
    assert error.reason is reason


@pytest.mark.parametrize(
    "code",
    sorted(
        {
            *ThrottledRetryableChecker._THROTTLED_ERROR_CODES,  # type: ignore[attr-defined] # noqa: SLF001
            *TransientRetryableChecker._TRANSIENT_ERROR_CODES,  # type: ignore[attr-defined] # noqa: SLF001
            *("InternalFailure", "ServiceUnavailable", "ServiceUnavailableException", "RequestTimeTooSkewed"),
        }
    ),
)
def test_all_that_botocore_would_repeat_is_tried_again_later(code: str) -> None:
    assert isinstance(error_of(code), CreateLaterError)


@pytest.mark.parametrize(
    ("code", "words", "reach"),
    [
        ("ResourceLimitExceeded", NO_QUOTA.format("Maximum instances per spot training job"), Reach.MARKET),
        ("ResourceLimitExceeded", NO_QUOTA.format("ml.g5.4xlarge for spot training job usage"), Reach.POOL),
        ("ValidationException", "Unsupported instance type ml.g5.4xlarge", Reach.POOL),
        ("ValidationException", "Could not assume role arn:aws:iam::1:role/Training", Reach.ANYWHERE),
        ("ResourceNotFound", "The experiment does not exist", Reach.ANYWHERE),
        ("AccessDeniedException", "explicitly denied", Reach.ANYWHERE),
        ("SomethingNewException", "never heard of", Reach.ANYWHERE),
    ],
)
def test_a_refusal_rules_out_no_more_than_it_is_about(code: str, words: str, reach: Reach) -> None:
    error = error_of(code, words)
    assert isinstance(error, CreateRefusedError)
    assert (error.reach, error.permission) == (reach, None)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("AccessDeniedException", "Your account is currently blocked and not recognized as a valid account"),
        ("AccessDeniedException", "Access denied for repository: temporary in registry ID: 1"),
        ("AccessDeniedException", "Rate exceeded"),
        ("Blocked", "Your account is currently blocked"),
        ("OptInRequired", "The subscription is not currently active"),
        ("ResourceNotFound", "Requested image temporary:latest not found. Try again later."),
        ("ResourceNotFoundException", "There is no capacity at the moment"),
        (
            "ValidationException",
            'No S3 objects found under S3 URL "s3://my-bucket/temporary/train" given in input data source.',
        ),
    ],
)
def test_words_do_not_make_a_definite_refusal_wait(code: str, words: str) -> None:
    assert isinstance(error_of(code, words), CreateRefusedError)


@pytest.mark.parametrize("code", ["ValidationException", "ResourceLimitExceeded", "SomethingNewException"])
@pytest.mark.parametrize("unit", ["try ", "limit ", "limit is ", "spot not available a ", "'", "no ", "capacity "])
def test_no_words_take_long_to_understand(code: str, unit: str) -> None:
    began = time.process_time()
    error_of(code, unit * (200_000 // len(unit)))
    assert time.process_time() - began < 0.5


@pytest.mark.parametrize(
    ("words", "permission", "place"),
    [
        (DENIED, "iam:PassRole", " on arn:aws:iam::111122223333:role/Training"),
        ("User: u is not authorized to perform: sagemaker:AddTags", "sagemaker:AddTags", ""),
    ],
)
def test_a_missing_permission_is_named(words: str, permission: str, place: str) -> None:
    error = error_of("AccessDeniedException", words)
    assert isinstance(error, CreateRefusedError)
    assert (error.reach, error.permission) == (Reach.ANYWHERE, permission)
    assert f"the permission {permission}{place} is missing" in str(error)


# --- the call


def jobs(sagemaker: "SageMakerClient") -> SageMakerTrainingJobs:
    return SageMakerTrainingJobs(lambda _: sagemaker)


def test_a_job_is_created_as_it_was_asked_for_once(sagemaker: "SageMakerClient", stub: Stubber) -> None:
    stub.add_response("create_training_job", {"TrainingJobArn": arn_of()}, REQUEST)
    assert jobs(sagemaker).create(REGION, REQUEST) == arn_of()
    stub.add_client_error("create_training_job", "ResourceInUse")
    with pytest.raises(JobNameTakenError, match=f"^{REGION}/{NAME}-r2: "):
        jobs(sagemaker).create(REGION, REQUEST)


def test_a_creation_is_called_by_the_client_that_repeats_no_call(sagemaker: "SageMakerClient", stub: Stubber) -> None:
    """Of a call that timed out and was then refused, the refusal alone would be known."""

    def repeating(_: str) -> "SageMakerClient":
        pytest.fail("it would repeat the call")

    stub.add_response("create_training_job", {"TrainingJobArn": arn_of()}, REQUEST)
    assert SageMakerTrainingJobs(repeating, lambda _: sagemaker).create(REGION, REQUEST) == arn_of()


@pytest.mark.parametrize(
    "error", [ReadTimeoutError(endpoint_url=URL), EndpointConnectionError(endpoint_url=URL)], ids=repr
)
def test_no_answer_may_be_a_success_and_is_tried_again(error: BotoCoreError) -> None:
    def down(_: str) -> "SageMakerClient":
        raise error

    with pytest.raises(CreateLaterError, match="with the same name") as caught:
        SageMakerTrainingJobs(down).create(REGION, REQUEST)
    assert caught.value.reason is Postponement.UNANSWERED


@pytest.mark.parametrize("body", [b"{}", b"<html>", b"[]", b'"text"', b"\xff"])
def test_a_nonsense_answer_may_be_a_success_and_is_tried_again(
    sagemaker: "SageMakerClient", arrives: Callable[..., None], body: bytes
) -> None:
    arrives(body)
    with pytest.raises(CreateLaterError) as caught:
        jobs(sagemaker).create(REGION, REQUEST)
    assert caught.value.reason is Postponement.UNANSWERED


def test_a_request_outside_the_service_model_is_refused_unsent(sagemaker: "SageMakerClient") -> None:
    with pytest.raises(CreateRefusedError, match="service model"):
        jobs(sagemaker).create(REGION, REQUEST | {"RoleArn": 7})


def test_the_fake_sagemaker_keeps_the_promises_too() -> None:
    port: RecoverableJobs = FakeSageMaker(clock=FakeClock(CREATED))
    placement = Placement(
        market=Market.SPOT, instance_type="ml.g5.2xlarge", max_runtime=timedelta(hours=1), max_wait=None
    )
    request, name = REQUEST | {"placement": placement, "checkpoint_uri": None}, REQUEST["TrainingJobName"]
    assert port.description(REGION, name) is None
    assert port.tags(REGION, port.create(REGION, request)) == {"respot:resume": "on"}
    assert port.description(REGION, name)
    with pytest.raises(JobNameTakenError):
        port.create(REGION, request)
    assert [port.stop(REGION, each) for each in (name, name, "another")] == [True, True, False]


def add_error(stub: Stubber, code: str, status: int = 400) -> None:
    stub.add_client_error("create_training_job", code, "AWS's words", http_status_code=status)


def test_a_throttled_creation_is_called_again(sagemaker: "SageMakerClient", stub: Stubber) -> None:
    pauses: list[float] = []
    jobs = SageMakerTrainingJobs(lambda _: sagemaker, pause=pauses.append)
    add_error(stub, "ThrottlingException")
    add_error(stub, "ThrottlingException")
    stub.add_response("create_training_job", {"TrainingJobArn": arn_of(f"{NAME}-r2")})
    assert jobs.create(REGION, REQUEST) == arn_of(f"{NAME}-r2")
    assert pauses == [1, 2]


def test_a_creation_that_is_throttled_for_longer_waits_in_the_queue(
    sagemaker: "SageMakerClient", stub: Stubber
) -> None:
    jobs = SageMakerTrainingJobs(lambda _: sagemaker, pause=lambda _: None)
    for _ in range(3):
        add_error(stub, "ThrottlingException")
    with pytest.raises(CreateLaterError) as raised:
        jobs.create(REGION, REQUEST)
    assert raised.value.reason is Postponement.THROTTLED


@pytest.mark.parametrize(("code", "status"), [("InternalFailure", 500), ("ResourceLimitExceeded", 400)])
def test_a_creation_is_not_called_again_after_any_other_answer(
    sagemaker: "SageMakerClient", stub: Stubber, code: str, status: int
) -> None:
    """The first call may have created the job: a refusal of the second would not show that."""
    pauses: list[float] = []
    jobs = SageMakerTrainingJobs(lambda _: sagemaker, pause=pauses.append)
    add_error(stub, code, status)
    with pytest.raises(CreateLaterError):
        jobs.create(REGION, REQUEST)
    assert pauses == []
