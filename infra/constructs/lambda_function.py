"""A Lambda function of the bundle, with its own handler, role, log group, alarms."""

import re
from collections.abc import Mapping
from typing import Final, cast

from aws_cdk import Acknowledgment, Duration, RemovalPolicy, Stack, Validations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.constructs.shared import Shared
from respot.metrics import SERVICE_VARIABLE
from respot.settings import Settings

TIMEOUT_SECONDS: Final = 60
"""The default timeout: a minute holds a batch of slow AWS calls with their retries."""

_MEMORY_MB: Final = 512
"""Memory buys CPU: below this, importing botocore takes more of a cold start than the work does."""


class RespotFunction(Construct):
    """One function of the bundle, which may at first write its own log and nothing else."""

    def __init__(
        self,
        scope: Construct,
        name: str,
        shared: Shared,
        *,
        settings: Settings,
        description: str,
        timeout_seconds: int = TIMEOUT_SECONDS,
        gets_heartbeats: bool = True,
    ) -> None:
        """`name` is the handler module's in CamelCase: `EnqueueEnded` runs `respot.handlers.enqueue_ended.handler`.

        Sweeps send heartbeats to every function but their own: with `gets_heartbeats`, silence fires an alarm.
        """
        super().__init__(scope, name)
        config = shared.config
        module = re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
        self.log_group: Final = logs.LogGroup(self, "Logs", removal_policy=RemovalPolicy[config.removal_policy.name])
        # CDK's enumeration has months and years; the property itself, like our setting, has days.
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
            code=shared.code,
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
        # The Lambda console shows this name: it depends on the handler alone, not on the capability around it.
        cast("lambda_.CfnFunction", self.function.node.default_child).override_logical_id(f"{name}Function")
        self.log_group.grant(self.function, "logs:CreateLogStream", "logs:PutLogEvents")
        Validations.of(self.function).acknowledge(
            Acknowledgment(
                id="AwsSolutions-L1",
                reason="The bundle is tested on Python 3.11 to 3.13 and runs on 3.13, which Lambda supports "
                "until 2029; it moves to 3.14 when the tests do.",
            )
        )
        shared.alarms.on_errors(name, self.function)
        if gets_heartbeats:
            shared.alarms.on_silence(name, self.log_group)


def allow_any(
    function: lambda_.Function,
    *actions: str,
    resource: str,
    finding: str,
    reason: str,
    conditions: Mapping[str, object] | None = None,
) -> None:
    """Allow actions on a resource with a wildcard, with the reason a reviewer may dispute.

    `finding` is the resource as cdk-nag writes it, pseudo parameters in angle brackets. Call it once for each resource:
    cdk-nag would report either of two reasons for one finding.
    """
    function.add_to_role_policy(iam.PolicyStatement(actions=list(actions), resources=[resource], conditions=conditions))
    if "*" in resource:  # a setting may name a resource in full, and then there is no finding
        Validations.of(cast("iam.IRole", function.role)).acknowledge(
            Acknowledgment(id=f"AwsSolutions-IAM5[Resource::{finding}]", reason=reason)
        )
