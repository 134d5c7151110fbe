"""Lambda functions: one bundle, and for each function its own handler, role and log group."""

import re
from collections.abc import Mapping
from typing import Final, cast

from aws_cdk import Acknowledgment, Duration, RemovalPolicy, Stack, Validations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.config import Config, RemovalChoice
from respot.metrics import SERVICE_VARIABLE
from respot.settings import Settings

TIMEOUT_SECONDS: Final = 60
"""Of a function that says nothing else: a minute holds a batch of slow AWS calls with their retries."""

_MEMORY_MB: Final = 512
"""Memory buys CPU: below this, importing boto3 takes more of a cold start than the work does."""


class RespotFunction(Construct):
    """One function of the bundle, which may at first write its own log and nothing else."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        *,
        code: lambda_.Code,
        config: Config,
        settings: Settings,
        description: str,
        timeout_seconds: int = TIMEOUT_SECONDS,
    ) -> None:
        """`name` is the handler module's in CamelCase: `EnqueueEnded` runs `respot.handlers.enqueue_ended.handler`."""
        super().__init__(scope, name)
        module = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
        self.log_group: Final = logs.LogGroup(
            self,
            "Logs",
            removal_policy=removal_policy(config),
        )
        # CDK's enumeration speaks of months and years; the property itself, like our setting, of days.
        cast("logs.CfnLogGroup", self.log_group.node.default_child).retention_in_days = config.log_retention_days
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description=f"What Respot's {module} function may do",
        )
        self.function: Final = lambda_.Function(
            self,
            "Function",
            code=code,
            handler=f"respot.handlers.{module}.handler",
            runtime=lambda_.Runtime.PYTHON_3_13,
            architecture=lambda_.Architecture.ARM_64,
            description=description,
            role=role,
            log_group=self.log_group,
            memory_size=_MEMORY_MB,
            timeout=Duration.seconds(timeout_seconds),
            environment={
                **settings.to_environment(),
                "POWERTOOLS_LOG_LEVEL": config.log_level,
                SERVICE_VARIABLE: Stack.of(self).stack_name,
            },
        )
        self.log_group.grant(self.function, "logs:CreateLogStream", "logs:PutLogEvents")
        Validations.of(self.function).acknowledge(
            Acknowledgment(
                id="AwsSolutions-L1",
                reason="The bundle is tested on Python 3.11 to 3.13 and runs on 3.13, which Lambda supports "
                "until 2029; it moves to 3.14 when the tests do.",
            )
        )


def allow_any(
    function: lambda_.Function,
    *actions: str,
    resource: str,
    finding: str,
    reason: str,
    conditions: Mapping[str, object] | None = None,
) -> None:
    """Allow actions on a resource with a wildcard, with the reason a reviewer may dispute.

    `finding` is the resource as cdk-nag writes it, pseudo parameters in angle brackets. One call for each resource: of
    two reasons for one finding, cdk-nag would report either.
    """
    function.add_to_role_policy(iam.PolicyStatement(actions=list(actions), resources=[resource], conditions=conditions))
    if "*" in resource:  # a setting may name a resource in full, and then there is no finding
        Validations.of(cast("iam.IRole", function.role)).acknowledge(
            Acknowledgment(id=f"AwsSolutions-IAM5[Resource::{finding}]", reason=reason)
        )


def removal_policy(config: Config) -> RemovalPolicy:
    """CDK's word for the owner's choice."""
    match config.removal_policy:
        case RemovalChoice.RETAIN:
            return RemovalPolicy.RETAIN
        case RemovalChoice.DESTROY:
            return RemovalPolicy.DESTROY
