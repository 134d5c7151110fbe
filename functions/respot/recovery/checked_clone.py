"""Checks the request of a next attempt for what its creation would be refused for.

The same checks hold before a stop, for a decision and for a creation: what would refuse the creation must be known
before a job is stopped for it.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from respot.errors import CloneRefusedError, Reach
from respot.jobs.description import JobDescription
from respot.jobs.formatting import readable
from respot.recovery.planning.attempt import AttemptRequest
from respot.recovery.ports import Clone, Cloned
from respot.recovery.records import Refusal

_SHARED: Final = (
    "RoleArn",
    "VpcConfig.Subnets",
    "VpcConfig.SecurityGroupIds",
    "ResourceConfig.VolumeKmsKeyId",
    "OutputDataConfig.KmsKeyId",
)
"""Members of CreateTrainingJob that many jobs have in common, and that SageMaker may refuse in any pool."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CreationLimits:
    """The settings of the deployment that IAM enforces when a job is created; patterns as IAM has them.

    Attributes:
        roles: names of the roles, with their paths, that may be passed.
        instance_types: the instance types that may be used.
    """

    roles: tuple[str, ...]
    instance_types: tuple[str, ...]


def within_limits(clone: Clone, limits: CreationLimits) -> Clone:
    """The same, but a request outside the limits is refused."""

    def clone_within_limits(description: JobDescription, tags: Mapping[str, str], attempt: AttemptRequest) -> Cloned:
        cloned, job = clone(description, tags, attempt), description.job.name
        role = str(cloned.request.get("RoleArn") or "").partition(":role/")[2]
        if not _matches(role, limits.roles):
            why = f"the role {role} is outside the setting training_roles: add it there, and deploy again"
            raise CloneRefusedError(why, job=job, field="RoleArn")
        types = tuple(instance_types_of(cloned.request))
        if not types:
            why = "the job names no instance type, and Respot's permission requires one: submit it again by hand"
            raise CloneRefusedError(why, job=job, field="ResourceConfig")
        for each in types:
            if not _matches(each, limits.instance_types):
                why = f"{each} is outside the setting training_instance_types: add it there, and deploy again"
                raise CloneRefusedError(why, job=job, field="ResourceConfig.InstanceType", reach=Reach.POOL)
        return cloned

    return clone_within_limits


def with_known_types(clone: Clone) -> Clone:
    """The same, but a request is refused whose instance type may not exist.

    For a stop, which needs certainty. The service model may be older than SageMaker: a job that has ended anyway loses
    nothing if SageMaker is asked.
    """

    def clone_with_known_types(description: JobDescription, tags: Mapping[str, str], attempt: AttemptRequest) -> Cloned:
        cloned = clone(description, tags, attempt)
        if cloned.unknown_types:
            names = ", ".join(cloned.unknown_types)
            why = f"this version of Respot does not know the instance type {names}, and stops no job for it"
            field = "ResourceConfig.InstanceType"
            raise CloneRefusedError(why, job=description.job.name, field=field, reach=Reach.POOL)
        return cloned

    return clone_with_known_types


def without_refused(clone: Clone, refusals: Iterable[Refusal]) -> Clone:
    """The same, but a request is refused that has what SageMaker lately refused by name, for example a subnet."""
    refused = {each.resource: each for each in refusals if each.resource}

    def clone_without_refused(description: JobDescription, tags: Mapping[str, str], attempt: AttemptRequest) -> Cloned:
        cloned = clone(description, tags, attempt)
        for field, value in _resources(cloned.request):
            if found := refused.get(value):
                why = f"{value}: SageMaker refused it at {readable(found.refused_at)}: {found.why}"
                raise CloneRefusedError(why, job=description.job.name, field=field)
        return cloned

    return clone_without_refused


def resources_named(request: Mapping[str, Any], words: str) -> tuple[str, ...]:
    """The values of the request that others may have too, such as its role and subnets, and that the words name.

    SageMaker also names the role where one job's data is missing. It is the role's fault if it cannot be assumed.
    """
    return tuple(
        value
        for path, value in _resources(request)
        if (path != "RoleArn" or "assume" in words) and re.search(_whole(value), words)
    )


def _whole(value: str) -> str:
    """A pattern for the value, but not as a part of a longer name, path or ARN."""
    return rf"(?<![\w/:@+=.,-]){re.escape(value)}(?![\w/:@+=-]|[.,]\w)"


def _resources(request: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for path in _SHARED:
        part: Any = request
        for name in path.split("."):
            part = part.get(name) if isinstance(part, Mapping) else None
        for value in part if isinstance(part, list | tuple) else (part,):
            if value:
                yield path, str(value)


def instance_types_of(request: Mapping[str, Any]) -> Iterator[str]:
    """The instance types that a CreateTrainingJob request names, or a description."""
    resources = request.get("ResourceConfig") or {}
    groups = (resources.get(member) or () for member in ("InstanceGroups", "InstancePreferences"))
    for each in (resources, *(each for group in groups for each in group)):
        if kind := each.get("InstanceType"):
            yield str(kind)


def is_like(text: str, pattern: str) -> bool:
    """Whether the text matches as in IAM's StringLike: case counts, `*` is any text, `?` any one character.

    The time is bounded by the product of both lengths: the text is other people's.
    """
    at = in_pattern = 0
    star, resume = -1, 0
    while at < len(text):
        if in_pattern < len(pattern) and pattern[in_pattern] == "*":
            star, resume = in_pattern, at
            in_pattern += 1
        elif in_pattern < len(pattern) and pattern[in_pattern] in {"?", text[at]}:
            at, in_pattern = at + 1, in_pattern + 1
        elif star >= 0:  # the last star takes one character more
            resume += 1
            at, in_pattern = resume, star + 1
        else:
            return False
    return not pattern[in_pattern:].strip("*")


def _matches(text: str, patterns: Sequence[str]) -> bool:
    return any(is_like(text, pattern) for pattern in patterns)
