"""Slack: a queue of its own behind the topic, so that nothing waits for a dead webhook."""

from typing import Final

from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infra.config import Config
from infra.constructs.alerting import for_people
from infra.constructs.functions import TIMEOUT_SECONDS
from infra.constructs.queues import dead_letter_queue, deliver, work_queue

_CONCURRENCY: Final = 2
"""The least that SQS allows: a webhook takes about one message a second."""


class SlackDelivery(Construct):
    """Alerts and alarms on their way to Slack."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        config: Config,
        alerts: sns.ITopic,
        alarms: sns.ITopic,
        secret: str,
    ) -> None:
        """Deploys the queue and subscribes it to both topics; `secret` is the name of an existing secret."""
        super().__init__(scope, construct_id)
        self.dead_letters: Final = dead_letter_queue(self, "DeadLetters")
        self.queue: Final = work_queue(
            self,
            "Queue",
            dead_letters=self.dead_letters,
            max_receives=config.slack_max_receives,
            consumer_timeout_seconds=TIMEOUT_SECONDS,
        )
        self._secret = secretsmanager.Secret.from_secret_name_v2(self, "Webhook", secret)
        for topic, filter_policy in ((alerts, for_people()), (alarms, None)):
            topic.add_subscription(
                subscriptions.SqsSubscription(
                    self.queue,
                    raw_message_delivery=True,
                    dead_letter_queue=self.dead_letters,
                    filter_policy=filter_policy,
                )
            )

    def grant_send(self, grantee: iam.IGrantable) -> None:
        """Send heartbeats."""
        self.queue.grant(grantee, "sqs:SendMessage")

    def deliver_to(self, function: lambda_.Function) -> None:
        """Have `function` read the queue, and let it do so and set each message's delay."""
        # One at a time: a webhook that hangs until the timeout takes no other message with it.
        deliver(self, self.queue, function, batch_size=1, max_concurrency=_CONCURRENCY)

    def grant_read_webhook(self, grantee: iam.IGrantable) -> None:
        """Read the webhook's address."""
        iam.Grant.add_to_principal(
            grantee=grantee,
            actions=["secretsmanager:GetSecretValue"],
            # Secrets Manager ends every ARN with six random characters; this is how AWS has them written.
            resource_arns=[f"{self._secret.secret_arn}-??????"],
        )
