"""What an error of CreateTrainingJob means: later, never, or a name that is taken."""

import re
from collections.abc import Mapping
from typing import Any, Final

from botocore.exceptions import ClientError

from respot.aws.sagemaker.create_refusals import for_now, never_fits, not_offered, reach_of_quota, unwanted
from respot.errors import CreateLaterError, CreateRefusedError, JobNameTakenError, Postponement, Reach, RespotError

_NAME_TAKEN: Final = frozenset({"ResourceInUse", "ResourceInUseException"})
_QUOTA: Final = frozenset({"ResourceLimitExceeded", "ServiceQuotaExceededException", "LimitExceededException"})
_CAPACITY: Final = frozenset({"InsufficientCapacity", "InsufficientCapacityException", "InsufficientInstanceCapacity"})
_THROTTLED: Final = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "ThrottledException",
        "EC2ThrottledException",
        "RequestThrottled",
        "RequestThrottledException",
        "RequestLimitExceeded",
        "BandwidthLimitExceeded",
        "ProvisionedThroughputExceededException",
        "TooManyRequestsException",
        "SlowDown",
    }
)
"""botocore's own list, without the codes that mean more than a rate limit (botocore.retries.standard)."""
_OF_THE_MOMENT: Final = frozenset(
    {
        # An outage, sometimes with another status than 5xx …
        "InternalFailure",
        "InternalError",
        "InternalServerError",
        "InternalServerException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "RequestTimeout",
        "RequestTimeoutException",
        # … a change that another call is making at the same time …
        "ConflictException",
        "TransactionInProgressException",
        "PriorRequestNotComplete",
        # … and faults of the function's own session or clock, not of the request.
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidClientTokenId",
        "UnrecognizedClientException",
        "RequestExpired",
        "RequestTimeTooSkewed",
        "InvalidSignatureException",
        "SignatureDoesNotMatch",
    }
)
_NOT_AUTHORIZED: Final = re.compile(
    r"not authorized to perform:? (?P<action>[\w-]+:\w+)(?: on resource:? (?P<resource>\S+))?"
)


def create_error(job: str, error: ClientError, request: Mapping[str, Any]) -> RespotError:
    """What CreateTrainingJob's error means for the caller."""
    code = str(error.response.get("Error", {}).get("Code", ""))
    words = str(error.response.get("Error", {}).get("Message", ""))
    answer = f"{code}: {words}"
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400))
    if code in _NAME_TAKEN:
        return JobNameTakenError(f"{job}: a job of that name exists: {answer}")
    if code in _QUOTA and (why := never_fits(words, instances=_instances(request))):
        message = f"{job}: {why}, and waiting does not change that: {answer}"
        return CreateRefusedError(message, reach=reach_of_quota(words), why=why)
    if code in _QUOTA:
        return CreateLaterError(f"{job}: a quota is used up; try again later: {answer}", reason=Postponement.QUOTA)
    if code in _CAPACITY:
        return CreateLaterError(f"{job}: no capacity now; try again later: {answer}", reason=Postponement.CAPACITY)
    if code in _THROTTLED or status == 429:
        return CreateLaterError(f"{job}: throttled; try again later: {answer}", reason=Postponement.THROTTLED)
    # botocore uses a number, or nothing, for an answer without a code: a proxy's answer, not SageMaker's.
    if status >= 500 or code in _OF_THE_MOMENT or not code or code.isdigit():
        return CreateLaterError(
            f"{job}: CreateTrainingJob failed; try again later, with the same name: {answer}",
            reason=Postponement.UNANSWERED,
        )
    missing = _NOT_AUTHORIZED.search(answer)
    if missing is None and (reason := for_now(words)):
        return CreateLaterError(f"{job}: refused for now; try again later: {answer}", reason=reason)
    if missing is None:
        why = not_offered(words)
        reach = Reach.POOL if why else Reach.ANYWHERE
        message = f"{job}: SageMaker refuses the job: {answer}"
        return CreateRefusedError(message, reach=reach, why=why, unwanted=unwanted(words))
    permission = " on ".join(filter(None, missing.group("action", "resource")))
    return CreateRefusedError(
        f"{job}: the permission {permission} is missing: {answer}", permission=missing.group("action")
    )


def _instances(request: Mapping[str, Any]) -> int:
    resources = request.get("ResourceConfig", {})
    return sum(int(group.get("InstanceCount") or 1) for group in resources.get("InstanceGroups") or [resources])
