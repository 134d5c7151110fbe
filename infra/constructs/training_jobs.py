"""Permissions on SageMaker's training jobs; nothing is deployed."""

from collections.abc import Sequence

from aws_cdk import Stack, Token
from aws_cdk import aws_lambda as lambda_

from infra.constructs.functions import allow_any


def grant_create(function: lambda_.Function, *, role_patterns: Sequence[str]) -> None:
    """Create training jobs with tags, in any region, that run as one of these roles; nothing else may be passed on."""
    stack = Stack.of(function)
    partition = "<AWS::Partition>" if Token.is_unresolved(stack.partition) else stack.partition
    allow_any(
        function,
        "sagemaker:CreateTrainingJob",
        "sagemaker:AddTags",
        resource=f"arn:{stack.partition}:sagemaker:*:{stack.account}:training-job/*",
        finding=f"arn:{partition}:sagemaker:*:<AWS::AccountId>:training-job/*",
        reason="The next attempt is named after the job that ended, whose name others chose; what may run is "
        "limited by the roles that may be passed.",
    )
    for pattern in role_patterns:
        allow_any(
            function,
            "iam:PassRole",
            resource=f"arn:{stack.partition}:iam::{stack.account}:role/{pattern}",
            finding=f"arn:{partition}:iam::<AWS::AccountId>:role/{pattern}",
            reason="An attempt runs as the role of the job that ended; the setting training_roles narrows which roles "
            "those may be, and they can be passed to SageMaker alone.",
            conditions={"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
        )


def grant_list_checkpoints(function: lambda_.Function, *, buckets: Sequence[str]) -> None:
    """See the names, sizes and times of the objects in these buckets; read and change none."""
    stack = Stack.of(function)
    partition = "<AWS::Partition>" if Token.is_unresolved(stack.partition) else stack.partition
    for bucket in buckets:
        allow_any(
            function,
            "s3:ListBucket",
            resource=f"arn:{stack.partition}:s3:::{bucket}",
            finding=f"arn:{partition}:s3:::{bucket}",
            reason="Jobs choose their checkpoint buckets; the setting checkpoint_buckets narrows which those may be.",
        )


def grant_look(function: lambda_.Function) -> None:
    """Describe any training job of the account, in any region, and list its tags."""
    stack = Stack.of(function)
    partition = "<AWS::Partition>" if Token.is_unresolved(stack.partition) else stack.partition
    allow_any(
        function,
        "sagemaker:DescribeTrainingJob",
        "sagemaker:ListTags",
        resource=f"arn:{stack.partition}:sagemaker:*:{stack.account}:training-job/*",
        finding=f"arn:{partition}:sagemaker:*:<AWS::AccountId>:training-job/*",
        reason="Respot watches every training job of the account, whose names others choose; both actions only read.",
    )
