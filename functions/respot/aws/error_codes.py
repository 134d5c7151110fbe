"""What an error of an AWS call says: the one place that reads error codes.

A definite "no" is an answer, and may be acted on. A throttle, an outage or silence says nothing: ask again.
"""

import re
from enum import StrEnum
from typing import Final

from botocore.exceptions import ClientError, ParamValidationError


class Answer(StrEnum):
    """What an error says about the call."""

    DENIED = "denied"
    """The caller may not do that, or the key of what it names may not be used. It had no effect."""
    INVALID = "invalid"
    """The request, or the state of what it names, does not allow it. It had no effect."""
    ABSENT = "absent"
    """What the request names does not exist. It had no effect."""
    TAKEN = "taken"
    """What the request would create or change is there already, perhaps from an earlier call of the same kind."""
    CONDITION = "condition"
    """The condition of a write did not hold; of a transaction, only its reasons say which."""
    QUOTA = "quota"
    """A quota is used up; it may become free."""
    CAPACITY = "capacity"
    """AWS has no capacity for it now."""
    THROTTLED = "throttled"
    """Too many calls."""
    BUSY = "busy"
    """Another call changes the same thing at the same time."""
    SESSION = "session"
    """The caller's credentials have expired or are not known (yet), or its clock is wrong."""
    UNANSWERED = "unanswered"
    """An outage, a timeout, an answer of something in between: the call may have had its effect."""
    UNKNOWN = "unknown"
    """A refusal with a code that is not known here."""

    @property
    def is_definite(self) -> bool:
        """Whether it is a "no" that stands: the call had no effect, and only a change by a person helps."""
        return self in {Answer.DENIED, Answer.INVALID, Answer.ABSENT}


_CODES: Final[dict[Answer, str]] = {
    Answer.DENIED: """
        AccessDenied AccessDeniedException AccountProblem AllAccessDisabled AuthorizationError Blocked
        KMSAccessDenied KmsAccessDenied KMS.AccessDeniedException
        KMSDisabled KmsDisabled KMS.DisabledException KmsInvalidKeyUsage KMS.InvalidKeyUsageException
        KMSInvalidState KmsInvalidState KMS.InvalidStateException KMSNotFound KmsNotFound KMS.NotFoundException
        KMSOptInRequired KmsOptInRequired KMS.OptInRequired OptInRequired
        NotAuthorized RegionDisabledException UnauthorizedAccess UnauthorizedOperation
    """,
    Answer.INVALID: """
        AuthorizationHeaderMalformed BatchEntryIdsNotDistinct BatchRequestTooLong DecryptionFailure EmptyBatchRequest
        EncryptionFailure EncryptionTypeMismatch EndpointDisabled FeatureNotAvailableException
        IdempotencyParameterMismatch IdempotentParameterMismatch IdempotentParameterMismatchException
        IncompatiblePolicyException
        InvalidAction InvalidRequest InvalidState ItemCollectionSizeLimitExceededException
        MalformedQueryString MessageNotInflight MethodNotAllowed MissingAction MissingParameter
        ObjectAlreadyInActiveTierError ObjectNotInActiveTierError OptedOut
        ParameterValueInvalid PermanentRedirect PlatformApplicationDisabled PublicPolicyException
        ReceiptHandleIsInvalid SerializationException StaleTag StatusUnchanged TagPolicy TargetNotConnected
        TooManyEntriesInBatchRequest UnknownOperationException UnsupportedOperation UserError
        ValidationError ValidationException VerificationException
        AnnotationNameTooLong AssociatedInstances AutomationDefinitionNotApprovedException DocumentPermissionLimit
        HierarchyTypeMismatchException ItemSizeLimitExceededException MaxDocumentSizeExceeded
        NoLongerSupportedException TotalSizeLimitExceededException
        AWS.SimpleQueueService.BatchEntryIdsNotDistinct AWS.SimpleQueueService.BatchRequestTooLong
        AWS.SimpleQueueService.EmptyBatchRequest AWS.SimpleQueueService.InvalidBatchEntryId
        AWS.SimpleQueueService.MessageNotInflight AWS.SimpleQueueService.TooManyEntriesInBatchRequest
        AWS.SimpleQueueService.UnsupportedOperation
    """,
    Answer.ABSENT: """
        AWS.SimpleQueueService.NonExistentQueue
        NoSuchBucket NoSuchKey NotFound ParameterNotFound ParameterVersionNotFound QueueDoesNotExist
        ResourceNotFound ResourceNotFoundException TrimmedDataAccessException
    """,
    Answer.TAKEN: """
        BucketAlreadyOwnedByYou PreconditionNotMetException ResourceExistsException ResourceInUse ResourceInUseException
    """,
    Answer.CONDITION: "ConditionalCheckFailedException TransactionCanceledException",
    Answer.QUOTA: """
        AWS.SimpleQueueService.OverLimit LimitExceededException OverLimit ResourceLimitExceeded
        ServiceQuotaExceededException TooManyParts
    """,
    Answer.CAPACITY: """
        InsufficientCapacity InsufficientCapacityException InsufficientInstanceCapacity
    """,
    Answer.THROTTLED: """
        BandwidthLimitExceeded EC2ThrottledException KMSThrottling KmsThrottled KMS.ThrottlingException
        ProvisionedThroughputExceededException RequestLimitExceeded RequestThrottled RequestThrottledException
        RequestThrottledQuotaExceeded SlowDown Throttled ThrottledException Throttling ThrottlingException
        TooManyRequestsException OpsMetadataTooManyUpdatesException TooManyUpdates
    """,
    Answer.BUSY: """
        ConcurrentAccess ConflictException OperationAborted PriorRequestNotComplete PurgeQueueInProgress
        QueueDeletedRecently ReplicatedWriteConflictException TransactionConflictException
        TransactionInProgressException
    """,
    Answer.SESSION: """
        AuthFailure ExpiredToken ExpiredTokenException IncompleteSignature InvalidAccessKeyId InvalidClientTokenId
        InvalidIdentityToken InvalidSecurity InvalidSignatureException InvalidToken MissingAuthenticationToken
        MissingAuthenticationTokenException NotSignedUp PendingVerification
        RequestExpired RequestInTheFuture RequestTimeTooSkewed
        SignatureDoesNotMatch TokenRefreshRequired UnrecognizedClientException
    """,
    Answer.UNANSWERED: """
        ContinuousBackupsUnavailableException InternalError InternalFailure InternalServerError InternalServerException
        InternalServiceError InternalServiceErrorException PointInTimeRecoveryUnavailableException RequestTimeout
        RequestTimeoutException ServiceUnavailable ServiceUnavailableException
    """,
}
"""Codes of the operations that Respot calls, and those that any AWS service may answer.

Sources: botocore's service models; "Common Error Types" of each service's API reference; S3's "List of error codes";
botocore.retries.standard. SQS answers in two spellings, for it once spoke another protocol.
"""

_OF_CODE: Final = {code: answer for answer, codes in _CODES.items() for code in codes.split()}

_BY_NAME: Final = (
    (r"NotFound|DoesNotExist|^NoSuch|NonExistent", Answer.ABSENT),
    (r"AccessDenied|^(?:Unauthorized|NotAuthorized|Forbidden)", Answer.DENIED),
    (r"Throttl", Answer.THROTTLED),
    (r"Conflict", Answer.BUSY),
    (r"(?:Limit|Quota|Count)Exceeded|^TooMany", Answer.QUOTA),
    (r"AlreadyExists|NameExists|InUse|^Duplicate", Answer.TAKEN),
    (r"Unavailable|^Internal", Answer.UNANSWERED),
    (r"Invalid|^Malformed|Mismatch|^Unsupported", Answer.INVALID),
)
"""What the name of any other code says, in this order. Names of operations that Respot does not call follow it."""


def answer_of(error: BaseException) -> Answer:
    """What an error of botocore says."""
    if isinstance(error, ParamValidationError):
        return Answer.INVALID  # the request was not even sent
    if not isinstance(error, ClientError):
        return Answer.UNANSWERED
    answer = answer_of_code(code_of(error))
    status = status_of(error)
    if status == 429:
        return Answer.THROTTLED
    # A server that fails has decided nothing.
    undecided = answer.is_definite or answer in {Answer.TAKEN, Answer.UNKNOWN}
    return Answer.UNANSWERED if status >= 500 and undecided else answer


def answer_of_code(code: str) -> Answer:
    """What an error code says without the status.

    botocore gives a number, or nothing, for an answer without a code: a proxy's answer, not AWS's.
    """
    if not code or code.isdigit():
        return Answer.UNANSWERED
    if code in _OF_CODE:
        return _OF_CODE[code]
    return next((answer for pattern, answer in _BY_NAME if re.search(pattern, code)), Answer.UNKNOWN)


def code_of(error: ClientError) -> str:
    """The error code, empty if there is none."""
    return str(error.response.get("Error", {}).get("Code", ""))


def words_of(error: ClientError) -> str:
    """AWS's own text, empty if there is none."""
    return str(error.response.get("Error", {}).get("Message", ""))


def status_of(error: ClientError) -> int:
    """The HTTP status; 400 if botocore does not say."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400))
