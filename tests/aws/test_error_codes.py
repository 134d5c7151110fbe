"""What each error code of the services in use says."""

from functools import cache
from typing import Final

import botocore.session
import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ParamValidationError,
    ReadTimeoutError,
)
from botocore.retries.standard import ThrottledRetryableChecker, TransientRetryableChecker

from respot.aws.error_codes import Answer, answer_of, answer_of_code, code_of, words_of
from respot.bootstrap.time_budget import CALL_LIMITS, NoTimeLeftError

DEFINITE: Final = {Answer.DENIED, Answer.INVALID, Answer.ABSENT}
ON_PURPOSE: Final = {
    Answer.DENIED: "AccessDenied AccessDeniedException AuthorizationError KMSAccessDenied KmsAccessDenied "
    "KMSDisabled KmsDisabled KMS.DisabledException KMSInvalidState KmsInvalidState KMS.InvalidStateException "
    "KmsInvalidKeyUsage KMS.InvalidKeyUsageException KMSNotFound KmsNotFound KMS.NotFoundException "
    "OptInRequired OpsItemAccessDeniedException UnauthorizedOperation UnauthorizedException NotAuthorizedException "
    "ForbiddenException Forbidden RegionDisabledException Blocked",
    Answer.INVALID: "ValidationException ValidationError InvalidParameter InvalidParameterException "
    "InvalidParameterValue ReceiptHandleIsInvalid InvalidRequest UnsupportedOperation "
    "DecryptionFailure MissingParameter IdempotentParameterMismatchException ItemCollectionSizeLimitExceededException",
    Answer.ABSENT: "NoSuchBucket ParameterNotFound QueueDoesNotExist AWS.SimpleQueueService.NonExistentQueue NotFound "
    "ResourceNotFound ResourceNotFoundException TrimmedDataAccessException",
    Answer.TAKEN: "ResourceInUse ResourceInUseException ResourceExistsException ParameterAlreadyExists",
    Answer.CONDITION: "ConditionalCheckFailedException TransactionCanceledException",
    Answer.QUOTA: "ResourceLimitExceeded ServiceQuotaExceededException LimitExceededException OverLimit",
    Answer.CAPACITY: "InsufficientInstanceCapacity InsufficientCapacityException",
    Answer.THROTTLED: "Throttling ThrottlingException ThrottledException Throttled RequestLimitExceeded SlowDown "
    "TooManyRequestsException RequestThrottled KMSThrottling KmsThrottled ProvisionedThroughputExceededException",
    Answer.BUSY: "ConflictException TransactionConflictException TransactionInProgressException "
    "ReplicatedWriteConflictException OperationAborted",
    Answer.SESSION: "ExpiredToken ExpiredTokenException InvalidClientTokenId UnrecognizedClientException "
    "RequestTimeTooSkewed InvalidSecurity InvalidSignatureException SignatureDoesNotMatch InvalidAccessKeyId "
    "IncompleteSignature PendingVerification",
    Answer.UNANSWERED: "InternalFailure InternalError InternalServerError InternalServiceError ServiceUnavailable "
    "ServiceUnavailableException RequestTimeout RequestTimeoutException ServiceUnavailableInvalid "
    "InternalServerErrorInvalid",
    Answer.UNKNOWN: "SomethingNewException",
}


@cache
def codes_of(service: str) -> frozenset[str]:
    model = botocore.session.get_session().get_service_model(service)
    return frozenset(shape.error_code for shape in model.error_shapes)  # type: ignore[attr-defined]


def error(code: str, status: int = 400) -> ClientError:
    answer: dict[str, object] = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(answer, "Call")  # type: ignore[arg-type]


@pytest.mark.parametrize(("service", "code"), [(each, code) for each in CALL_LIMITS for code in sorted(codes_of(each))])
def test_every_code_of_the_service_models_in_use_is_classified(service: str, code: str) -> None:
    assert answer_of_code(code) is not Answer.UNKNOWN, f"{service} may answer {code}: say what it means"


@pytest.mark.parametrize(
    ("code", "answer"), [(code, answer) for answer, codes in ON_PURPOSE.items() for code in codes.split()]
)
def test_a_code_says_what_aws_means_by_it(code: str, answer: Answer) -> None:
    assert answer_of(error(code)) is answer


@pytest.mark.parametrize(
    "code",
    sorted(
        {
            *ThrottledRetryableChecker._THROTTLED_ERROR_CODES,  # type: ignore[attr-defined] # noqa: SLF001
            *TransientRetryableChecker._TRANSIENT_ERROR_CODES,  # type: ignore[attr-defined] # noqa: SLF001
        }
    ),
)
def test_what_botocore_would_repeat_is_never_definite(code: str) -> None:
    assert not answer_of(error(code)).is_definite


@pytest.mark.parametrize("answer", Answer)
def test_only_denied_invalid_and_absent_are_definite(answer: Answer) -> None:
    assert answer.is_definite is (answer in DEFINITE)


@pytest.mark.parametrize("code", ["AccessDenied", "ValidationException", "ResourceNotFound", "ResourceInUse", "New"])
def test_a_server_that_fails_has_not_decided(code: str) -> None:
    assert [answer_of(error(code, status)) for status in (500, 503, 429)] == [
        *(Answer.UNANSWERED, Answer.UNANSWERED),
        Answer.THROTTLED,
    ]


@pytest.mark.parametrize("code", ["", "403", "404", "301"])
def test_an_answer_without_a_code_is_not_of_aws(code: str) -> None:
    assert answer_of(error(code, 403)) is Answer.UNANSWERED


def test_an_answer_without_anything_is_no_answer() -> None:
    bare = ClientError({}, "Call")
    assert (answer_of(bare), code_of(bare), words_of(bare)) == (Answer.UNANSWERED, "", "")


@pytest.mark.parametrize(
    "silence",
    [
        ReadTimeoutError(endpoint_url="https://a"),
        ConnectTimeoutError(endpoint_url="https://a"),
        EndpointConnectionError(endpoint_url="https://a"),
        NoTimeLeftError(left=1, service="s3", longest=2),
        BotoCoreError(),
        ValueError("nonsense"),
    ],
    ids=repr,
)
def test_silence_is_no_answer(silence: Exception) -> None:
    assert answer_of(silence) is Answer.UNANSWERED


def test_a_request_that_botocore_does_not_send_is_invalid() -> None:
    assert answer_of(ParamValidationError(report="RoleArn")) is Answer.INVALID
