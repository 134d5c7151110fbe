"""The weekly digest: a schedule that calls `weekly`, which publishes to the topic of alerts."""

from typing import Final

import jsii
from aws_cdk import Acknowledgment, Duration, Validations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.constructs.lambda_function import RespotFunction
from infra.constructs.queues import dead_letter_queue
from infra.constructs.scheduled_call import call_on_schedule
from infra.constructs.shared import Shared
from respot.settings import Settings

MONDAY_MORNING: Final = "cron(0 7 ? * MON *)"
TIMEOUT_SECONDS: Final = 900
"""The longest that Lambda allows: a week of many runs takes minutes to read. What is not used costs nothing."""
_RETRIES: Final = 2
_TRIED: Final = Duration.hours(6)


class WeeklyDigest(Construct):
    """Calls `weekly` on Mondays. A call that fails is repeated twice, and is then a dead letter."""

    def __init__(self, scope: Construct, construct_id: str, shared: Shared, *, alerts: sns.ITopic) -> None:
        """Deploys the function, its dead-letter queue, the schedule, and the schedule's role."""
        super().__init__(scope, construct_id)
        weekly = RespotFunction(
            self,
            "Weekly",
            shared,
            description="Publishes what the runs of a week saved and lost",
            settings=Settings(
                ledger_table=shared.ledger.table.table_name,
                alerts_topic_arn=alerts.topic_arn,
                retention=shared.config.ledger_retention,
            ),
            timeout_seconds=TIMEOUT_SECONDS,
            gets_heartbeats=False,
        )
        self.function: Final = weekly.function
        dead_letters = dead_letter_queue(self, "DeadLetters")
        Validations.of(dead_letters).acknowledge(
            Acknowledgment(
                id="AwsSolutions-SQS3",
                reason="This is a dead-letter queue: a function's on-failure destination, which the rule does not see.",
            )
        )
        self.function.configure_async_invoke(
            retry_attempts=_RETRIES, max_event_age=_TRIED, on_failure=_OnFailure(dead_letters)
        )
        iam.Grant.add_to_principal(grantee=self.function, actions=["sns:Publish"], resource_arns=[alerts.topic_arn])
        call_on_schedule(
            Construct(self, "Schedule"),
            self.function,
            expression=MONDAY_MORNING,
            description="Reports the week before",
            caller="Lets the schedule call Respot's weekly function",
            tried=_TRIED,
            dead_letters=dead_letters,
        )
        shared.alarms.on_dead_letters("Weekly", dead_letters, "A weekly digest was not published.")
        self.outputs: Final = {
            "WeeklyFunctionName": self.function.function_name,
            "WeeklyDlqUrl": dead_letters.queue_url,
            "WeeklyLogGroupName": weekly.log_group.log_group_name,
        }


@jsii.implements(lambda_.IDestination)
class _OnFailure:
    """The queue for calls that failed for good. CDK's own class also grants reading the queue's attributes."""

    def __init__(self, queue: sqs.IQueue) -> None:
        self._queue = queue

    def bind(
        self,
        _scope: Construct,
        function: lambda_.IFunction,
        *,
        type: lambda_.DestinationType,  # noqa: A002, ARG002 - the interface's name
    ) -> lambda_.DestinationConfig:
        """Let the function's role send to the queue, and name it."""
        self._queue.grant(function, "sqs:SendMessage")
        return lambda_.DestinationConfig(destination=self._queue.queue_arn)
