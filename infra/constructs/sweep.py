"""The sweep: a schedule that calls the function, and what it may send."""

from typing import Final

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler
from constructs import Construct

from infra.config import Config

TIMEOUT_SECONDS: Final = 240
"""Of `sweep`: four minutes list about 200 pages, 20,000 jobs; what is left over, the next call goes on with."""


class SweepSchedule(Construct):
    """Calls `sweep` every few minutes.

    A call that fails is not repeated: the next one goes on where it stopped, and an alarm on the age of the last
    complete sweep speaks when none comes to its end, whatever the cause.
    """

    def __init__(self, scope: Construct, construct_id: str, *, config: Config, function: lambda_.Function) -> None:
        """Deploys the schedule, and the role with which it calls the function."""
        super().__init__(scope, construct_id)
        function.configure_async_invoke(retry_attempts=0, max_event_age=Duration.minutes(1))
        role = iam.Role(
            self,
            "Role",
            # The service works for every account; for this one alone, with this role.
            assumed_by=iam.ServicePrincipal(
                "scheduler.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": Stack.of(self).account}}
            ),
            description="Lets the schedule call Respot's sweep function",
        )
        role.add_to_policy(
            iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[function.function_arn]),
        )
        minutes = config.sweep_minutes
        scheduler.CfnSchedule(
            self,
            "Schedule",
            description="Looks for what SageMaker's events did not tell",
            schedule_expression=f"rate({minutes} minute{'s' if minutes > 1 else ''})",
            flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
            target=scheduler.CfnSchedule.TargetProperty(
                arn=function.function_arn,
                role_arn=role.role_arn,
                retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(maximum_retry_attempts=0),
            ),
        ).node.add_dependency(role)
