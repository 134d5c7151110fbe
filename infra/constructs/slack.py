"""Slack: its own queue behind the topics: a broken webhook delays nothing else."""

from datetime import timedelta
from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infra.constructs.alerting import for_people
from infra.constructs.lambda_function import TIMEOUT_SECONDS, RespotFunction
from infra.constructs.queues import WorkQueue
from infra.constructs.shared import Shared
from respot.metrics import DRILL_RECORDS_FAILED, FAILED_SLACK_MESSAGE_AGE
from respot.settings import Settings

_CONCURRENCY: Final = 2
"""The minimum of SQS: a webhook takes about one message a second."""


class Slack(Construct):
    """Alerts and alarms on their way to Slack."""

    def __init__(self, scope: Construct, construct_id: str, shared: Shared, *, alerts: sns.ITopic, secret: str) -> None:
        """Deploys queue and function and subscribes to both topics; `secret` is the name of an existing secret."""
        super().__init__(scope, construct_id)
        config, alarms = shared.config, shared.alarms
        self.queue: Final = WorkQueue(
            self, "Queue", max_receives=config.slack_max_receives, consumer_timeout_seconds=TIMEOUT_SECONDS
        )
        for topic, filter_policy in ((alerts, for_people()), (alarms.topic, None)):
            topic.add_subscription(
                subscriptions.SqsSubscription(
                    self.queue.queue,
                    raw_message_delivery=True,
                    dead_letter_queue=self.queue.dead_letters,
                    filter_policy=filter_policy,
                )
            )
        slack = RespotFunction(
            self,
            "Slack",
            shared,
            description="Posts alerts and alarms to Slack",
            settings=Settings(
                # For Slack's answers to drills.
                ledger_table=shared.ledger.table.table_name,
                slack_secret=secret,
                queue_url=self.queue.url,
                dead_letters_queue_url=self.queue.dead_letters.queue_url,
                first_retry=timedelta(seconds=config.slack_retry_seconds),
            ),
        )
        self.function: Final = slack.function
        self.queue.deliver_to(self.function, max_concurrency=_CONCURRENCY)
        self.queue.grant_bury(self.function)
        webhook = secretsmanager.Secret.from_secret_name_v2(self, "Webhook", secret)
        iam.Grant.add_to_principal(
            grantee=self.function,
            actions=["secretsmanager:GetSecretValue"],
            # Secrets Manager ends every ARN with six random characters; AWS's guide matches them with question marks.
            resource_arns=[f"{webhook.secret_arn}-??????"],
        )
        alarms.on_dead_letters("Slack", self.queue.dead_letters, "Slack did not take messages: the channel lacks them.")
        alarms.on_backlog("Slack", self.queue.queue, "Slack gets alerts late.")
        alarms.on_failing("Slack", FAILED_SLACK_MESSAGE_AGE, "Slack did not take a message.")
        alarms.add(
            "DrillRecordsFailing",
            alarms.metric(DRILL_RECORDS_FAILED, period=Duration.minutes(5), statistic="Sum"),
            threshold=1,
            meaning="The result of a drill could not be written into the ledger: the command shows it as stuck.",
        )
        self.outputs: Final = {
            "SlackQueueUrl": self.queue.url,
            "SlackDlqUrl": self.queue.dead_letters.queue_url,
            "SlackLogGroupName": slack.log_group.log_group_name,
            "SlackSecretName": secret,
        }
