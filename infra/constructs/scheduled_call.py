"""Calls of a function by EventBridge Scheduler."""

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_scheduler as scheduler
from aws_cdk import aws_sqs as sqs
from constructs import Construct


def call_on_schedule(
    scope: Construct,
    function: lambda_.Function,
    *,
    expression: str,
    description: str,
    caller: str,
    tried: Duration | None = None,
    dead_letters: sqs.IQueue | None = None,
) -> None:
    """Deploy a schedule in UTC, and the role with which it calls the function; `caller` is the role's description.

    A call that Lambda does not accept is repeated for as long as `tried` says, and then sent to the dead letters;
    without these it is not repeated.
    """
    role = iam.Role(
        scope,
        "Role",
        # The service works for every account; with this role, for this one alone.
        assumed_by=iam.ServicePrincipal(
            "scheduler.amazonaws.com", conditions={"StringEquals": {"aws:SourceAccount": Stack.of(scope).account}}
        ),
        description=caller,
    )
    role.add_to_policy(iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=[function.function_arn]))
    if dead_letters is not None:
        dead_letters.grant(role, "sqs:SendMessage")
    scheduler.CfnSchedule(
        scope,
        "Schedule",
        description=description,
        schedule_expression=expression,
        flexible_time_window=scheduler.CfnSchedule.FlexibleTimeWindowProperty(mode="OFF"),
        target=scheduler.CfnSchedule.TargetProperty(
            arn=function.function_arn,
            role_arn=role.role_arn,
            retry_policy=scheduler.CfnSchedule.RetryPolicyProperty(
                maximum_retry_attempts=None if tried else 0,
                maximum_event_age_in_seconds=tried.to_seconds() if tried else None,
            ),
            dead_letter_config=None
            if dead_letters is None
            else scheduler.CfnSchedule.DeadLetterConfigProperty(arn=dead_letters.queue_arn),
        ),
    ).node.add_dependency(role)
