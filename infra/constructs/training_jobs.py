"""Permissions on SageMaker's training jobs; nothing is deployed."""

from aws_cdk import Stack, Token
from aws_cdk import aws_lambda as lambda_

from infra.constructs.functions import allow_any


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
