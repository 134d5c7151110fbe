"""IAM: questions to ministack's evaluator, and three of AWS's rules that it lacks."""

import json
from collections.abc import Mapping
from typing import Any

from ministack.core import iam_actions, iam_evaluator, responses  # type: ignore[import-untyped]
from ministack.services import dynamodb, iam  # type: ignore[import-untyped]

from local.emulator.leading_keys import leading_keys
from local.sagemaker.cloud import Scope

_COLONS_OF_A_LOG_GROUP = 6
"""In `arn:aws:logs:<region>:<account>:log-group:<name>`: no name has one."""
_BATCHES = frozenset({"sqs:SendMessageBatch", "sqs:DeleteMessageBatch", "sqs:ChangeMessageVisibilityBatch"})


def denial(key: str, action: str, resource: str, context: Mapping[str, Any]) -> str | None:
    """Whether the owner of an access key may take this action of SageMaker: None if it may, otherwise AWS's message.

    ministack has checked the signature by then. For a service that it does not know, it checks every action on
    resource `*`, which no policy about a single job allows. Therefore SERVICE_TO_IAM_NAMESPACE has no entry for
    sagemaker, and IAM is asked here.
    """
    denied = iam_evaluator.enforce(
        key, action, "sagemaker", responses.get_region(), resource_arn=resource, service_context=dict(context)
    )
    if denied is None:
        return None
    if isinstance(denied, iam_evaluator.AuthError):
        return str(denied.message)
    reason = (
        "with an explicit deny in an identity-based policy"
        if denied.decision == "Deny"
        else f"because no identity-based policy allows the {action} action"
    )
    return f"User: {denied.principal_arn} is not authorized to perform: {action} on resource: {resource} {reason}"


def role_context(
    scope: Scope, role_arn: str, action: str, resource: str, *, keys: Mapping[str, Any] | None = None
) -> Any:
    """A call by a service that works with a role; `keys` are condition keys of the action."""
    return iam_evaluator.EvalContext(
        principal_arn=role_arn,
        principal_type="AssumedRole",
        principal_account=scope.account,
        action=action,
        resource_arn=resource,
        region=scope.region,
        service_context=dict(keys or {}),
    )


def role_decision(context: Any) -> Any:
    """What the role's own policies decide."""
    role = context.principal_arn.rpartition("/")[2]
    return iam_evaluator.evaluate(context, iam_evaluator._gather_role_policies(role, context.principal_account))


def trusts(account: str, role_arn: str, service: str, *, conditions: bool = True) -> bool:
    """Whether a role exists and lets a service assume it.

    Conditions are not evaluated; `conditions` says whether a statement that has some counts.
    """
    return any(conditions or not statement.get("Condition") for statement in _trusting(account, role_arn, service))


def trusts_source(account: str, role_arn: str, service: str, source: str) -> bool:
    """Whether a role lets a service assume it on behalf of this resource of the account; conditions are evaluated."""
    keys = {"aws:sourceaccount": account, "aws:sourcearn": source}
    scope = Scope(account=account, region=responses.get_region())
    context = role_context(scope, role_arn, "sts:AssumeRole", role_arn, keys=keys)
    return any(
        iam_evaluator._conditions_met(statement.get("Condition", {}), context)
        for statement in _trusting(account, role_arn, service)
    )


def _trusting(account: str, role_arn: str, service: str) -> list[Mapping[str, Any]]:
    """The statements of a role's trust policy that let this service assume it."""
    # IAM has no call that evaluates a trust policy: this reads the role from ministack's store.
    role = iam._roles.get_scoped(account, None, role_arn.rpartition("/")[2])
    if role is None or role["Arn"] != role_arn:
        return []
    policy = role["AssumeRolePolicyDocument"]
    statements = (json.loads(policy) if isinstance(policy, str) else policy)["Statement"]
    return [
        statement
        for statement in _as_list(statements)
        if statement["Effect"] == "Allow"
        and "sts:AssumeRole" in _as_list(statement.get("Action"))
        and (statement["Principal"] == "*" or service in _as_list(statement["Principal"].get("Service")))
    ]


def _as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def authorize_batches() -> None:
    """Allow a batch of SQS messages by the permission for one message, as AWS does: there is no other."""
    action_of = iam_actions.extract_iam_action

    def as_of_one(*request: Any) -> Any:
        action = action_of(*request)
        return action.removesuffix("Batch") if action in _BATCHES else action

    # ministack takes the operation's name for the action's, and imports this function again for each request.
    iam_actions.extract_iam_action = as_of_one


def name_resources() -> None:
    """Name what CloudWatch's calls are about as AWS does: a list of alarms, and a log group's streams.

    Both are from AWS's refusals: `cloudwatch:DescribeAlarms on resource: arn:aws:cloudwatch:us-east-1:…:alarm:*`
    (https://github.com/aws-samples/amazon-cloudwatch-auto-alarms/issues/1) and `…:log-group:…:log-stream:`
    (https://github.com/prowler-cloud/prowler/pull/37).
    """
    resource_of = iam_actions.extract_resource_arn

    def as_aws_does(service: str, *request: Any) -> Any:
        resource, (region, account) = resource_of(service, *request), request[-2:]
        if service == "logs" and resource.count(":") == _COLONS_OF_A_LOG_GROUP:
            return f"{resource}:log-stream:"
        if iam_actions.extract_iam_action(service, *request[:-2]) == "cloudwatch:DescribeAlarms":
            return f"arn:aws:cloudwatch:{region}:{account}:alarm:*"
        return resource

    # ministack imports this function, too, again for each request.
    iam_actions.extract_resource_arn = as_aws_does


def add_leading_keys() -> None:
    """Give IAM the partition keys that a DynamoDB request names, as AWS does, for conditions on them.

    ministack's evaluator knows the condition, but not the value of `dynamodb:LeadingKeys`. Two differences from AWS
    remain. The keys of queries and scans, which are in expressions, are missing. Each item of a transaction is judged
    by the keys of all, which can deny what AWS allows, and never the reverse.
    """
    context_of = iam_actions.dynamodb_service_context

    def with_leading_keys(body: bytes) -> Any:
        keys = leading_keys(body, _partition_key)
        return {**context_of(body), **({"dynamodb:LeadingKeys": keys} if keys else {})}

    # ministack imports this function, too, again for each request.
    iam_actions.dynamodb_service_context = with_leading_keys


def _partition_key(table: str) -> str | None:
    kept = dynamodb._tables.get(table)  # the request's account and region are set by now
    return str(kept["pk_name"]) if kept else None
