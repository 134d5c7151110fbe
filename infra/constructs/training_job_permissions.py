"""Permissions on training jobs, their roles, their checkpoint buckets; nothing is deployed."""

from collections.abc import Sequence
from typing import Final

from aws_cdk import Stack, Token
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_

from infra.constructs.lambda_function import allow_any
from respot.recovery.planning.attempt import RUN_TAG
from respot.recovery.policy.policy import OPT_IN, OPT_IN_TAG

_DESCRIBE: Final = ("sagemaker:DescribeTrainingJob", "sagemaker:ListTags")


def grant_describe_jobs(function: lambda_.Function) -> None:
    """Describe any training job of the account, in any region, and list its tags."""
    _allow_on_jobs(
        function,
        *_DESCRIBE,
        reason="Respot watches every training job of the account, whose names others choose; both actions only read.",
    )


def grant_recover_jobs(
    function: lambda_.Function, *, role_patterns: Sequence[str], instance_types: Sequence[str]
) -> None:
    """Describe training jobs, and create ones with Respot's tags, on these instance types, as one of these roles."""
    _allow_on_jobs(
        function,
        *_DESCRIBE,
        reason="Respot describes any job that has ended and names the next attempt after it: names that others chose. "
        "Two of the actions only read; what may be run is limited by the roles that may be passed and by the instance "
        "types of the setting training_instance_types; tags are given to a job that is being created, to no other. "
        "Jobs of any name are stopped when they wait too long for capacity, if their policy says so; the setting "
        "stop_only_tagged limits that to jobs with the opt-in tag.",
    )
    # These, and the stop, are for the same resource: the reason above stands for them.
    for action, conditions in (
        (
            "CreateTrainingJob",
            {
                # A ladder in a tag may name any instance type. ForAllValues also holds where the key is absent.
                "ForAllValues:StringLike": {"sagemaker:InstanceTypes": list(instance_types)},
                # Against faults of our own: a job that is no attempt of a run is not created.
                "Null": {f"aws:RequestTag/{RUN_TAG}": "false", "sagemaker:InstanceTypes": "false"},
            },
        ),
        # SageMaker checks it when a job is created with tags. A call of AddTags itself has no such key and is
        # denied: the tags of existing jobs do not change.
        ("AddTags", {"StringEquals": {"sagemaker:TaggingAction": "CreateTrainingJob"}}),
    ):
        function.add_to_role_policy(
            iam.PolicyStatement(actions=[f"sagemaker:{action}"], resources=[_all_jobs(function)], conditions=conditions)
        )
    for pattern in role_patterns:
        allow_any(
            function,
            "iam:PassRole",
            resource=f"arn:{Stack.of(function).partition}:iam::{Stack.of(function).account}:role/{pattern}",
            finding=f"arn:{_partition(function)}:iam::<AWS::AccountId>:role/{pattern}",
            reason="An attempt runs as the role of the job that ended; the setting training_roles says which roles "
            "are allowed, and they can be passed to SageMaker alone.",
            conditions={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
        )


def grant_stop_jobs(function: lambda_.Function, *, only_tagged: bool) -> None:
    """Stop training jobs; `only_tagged` limits it to those that carry the opt-in tag. Needs `grant_recover_jobs`."""
    conditions = {"StringEquals": {f"aws:ResourceTag/{OPT_IN_TAG}": OPT_IN}} if only_tagged else None
    function.add_to_role_policy(
        iam.PolicyStatement(
            actions=["sagemaker:StopTrainingJob"], resources=[_all_jobs(function)], conditions=conditions
        )
    )


def grant_list_jobs(function: lambda_.Function) -> None:
    """List the account's training jobs, in any region."""
    allow_any(
        function,
        "sagemaker:ListTrainingJobs",
        resource="*",
        finding="*",
        reason="The sweep compares all training jobs of a region, and before a creation those that are alive are "
        "listed; the action has no resource type to narrow it by.",
    )


def grant_list_checkpoints(function: lambda_.Function, *, buckets: Sequence[str]) -> None:
    """See the names, sizes and times of the objects in these buckets; read and change none."""
    for bucket in buckets:
        allow_any(
            function,
            "s3:ListBucket",
            resource=f"arn:{Stack.of(function).partition}:s3:::{bucket}",
            finding=f"arn:{_partition(function)}:s3:::{bucket}",
            reason="Jobs choose their checkpoint buckets; the setting checkpoint_buckets says which are allowed.",
        )


def _allow_on_jobs(function: lambda_.Function, *actions: str, reason: str) -> None:
    allow_any(
        function,
        *actions,
        resource=_all_jobs(function),
        finding=f"arn:{_partition(function)}:sagemaker:*:<AWS::AccountId>:training-job/*",
        reason=reason,
    )


def _all_jobs(function: lambda_.Function) -> str:
    stack = Stack.of(function)
    return f"arn:{stack.partition}:sagemaker:*:{stack.account}:training-job/*"


def _partition(function: lambda_.Function) -> str:
    """The partition as cdk-nag writes it: known once the stack is bound to a region."""
    partition = Stack.of(function).partition
    return "<AWS::Partition>" if Token.is_unresolved(partition) else partition
