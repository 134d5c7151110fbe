"""What an error of CreateTrainingJob means: later, never, or a name that is taken."""

import re
from collections.abc import Mapping
from typing import Any, Final

from botocore.exceptions import ClientError

from respot.aws.error_codes import Answer, answer_of, code_of, words_of
from respot.aws.sagemaker.create_refusals import for_now, never_fits, not_offered, reach_of_quota, unwanted
from respot.errors import CreateLaterError, CreateRefusedError, JobNameTakenError, Postponement, Reach, RespotError

_OF_THE_MOMENT: Final = frozenset({Answer.UNANSWERED, Answer.BUSY, Answer.SESSION})
"""An outage, a change by another call, faults of the function's own session or clock: none is about the request."""
_FINAL: Final = frozenset({Answer.DENIED, Answer.ABSENT})
"""No words change these: "Your account is currently blocked" does not end by waiting."""
_LONGEST_READ: Final = 2000
"""Characters. What SageMaker says comes first; values of the request, which may be long, follow."""
_NOT_AUTHORIZED: Final = re.compile(
    r"not authorized to perform:? (?P<action>[\w-]+:\w+)(?: on resource:? (?P<resource>\S+))?"
)


def create_error(job: str, error: ClientError, request: Mapping[str, Any]) -> RespotError:
    """What CreateTrainingJob's error means for the caller."""
    said, answer = answer_of(error), f"{code_of(error)}: {words_of(error)}"
    words = words_of(error)[:_LONGEST_READ]
    if said is Answer.TAKEN:
        return JobNameTakenError(f"{job}: a job of that name exists: {answer}")
    if said is Answer.QUOTA and (why := never_fits(words, instances=_instances(request))):
        message = f"{job}: {why}, and waiting does not change that: {answer}"
        return CreateRefusedError(message, reach=reach_of_quota(words), why=why)
    if said is Answer.QUOTA:
        return CreateLaterError(f"{job}: a quota is used up; try again later: {answer}", reason=Postponement.QUOTA)
    if said is Answer.CAPACITY:
        return CreateLaterError(f"{job}: no capacity now; try again later: {answer}", reason=Postponement.CAPACITY)
    if said is Answer.THROTTLED:
        return CreateLaterError(f"{job}: throttled; try again later: {answer}", reason=Postponement.THROTTLED)
    if said in _OF_THE_MOMENT:
        return CreateLaterError(
            f"{job}: CreateTrainingJob failed; try again later, with the same name: {answer}",
            reason=Postponement.UNANSWERED,
        )
    missing = _NOT_AUTHORIZED.search(words)
    if missing is None and said not in _FINAL and (reason := for_now(words)):
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
