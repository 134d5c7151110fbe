"""Alarms: their topic, the kinds that several capabilities have."""

from typing import Final

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.config import Config
from respot import metrics as metric_names

_RUNBOOK: Final = "See docs/runbook.md."
MAX_WAIT: Final = 15
"""Minutes that messages may wait to be received, or that an observation or a message to Slack may fail."""
_MAX_STREAM_AGE: Final = 5
_HEARTBEATS_MISSED: Final = 3
_LONGEST_SILENCE: Final = 5
"""Minutes between two sweeps that use all their time, at any `sweep_minutes`: each reports its age at its end."""


class Alarms(Construct):
    """A topic and its alarms. Without data, none fires but those on silence and on the sweep.

    Alarms have a topic of their own because they carry no message attributes: SNS delivers a message without any to no
    subscription that has a filter policy, and people's subscriptions to alerts have one.
    """

    def __init__(self, scope: Construct, construct_id: str, *, config: Config) -> None:
        """Deploys the topic and its e-mail subscriptions."""
        super().__init__(scope, construct_id)
        self.interval: Final = Duration.minutes(max(config.sweep_minutes, _LONGEST_SILENCE))
        """At least one sweep ends in each of these."""
        # No KMS key (see `Alerting.topic`). CloudWatch cannot publish to a topic under AWS's own `alias/aws/sns`.
        self.topic: Final = sns.Topic(self, "Topic", display_name="Respot alarms", enforce_ssl=True)
        self._action: Final = actions.SnsAction(self.topic)
        stack = Stack.of(self)
        self.topic.add_to_resource_policy(
            # A policy replaces the topic's default one, and therefore has to name CloudWatch.
            iam.PolicyStatement(
                sid="AlarmsOfThisAccount",
                principals=[iam.ServicePrincipal("cloudwatch.amazonaws.com")],
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
                conditions={
                    "StringEquals": {"aws:SourceAccount": stack.account},
                    "ArnLike": {"aws:SourceArn": stack.format_arn(service="cloudwatch", resource="alarm:*")},
                },
            )
        )
        for address in config.alert_emails:
            self.topic.add_subscription(subscriptions.EmailSubscription(address))

    def on_dead_letters(self, name: str, queue: sqs.IQueue, meaning: str) -> None:
        """Fire on the first message.

        If Slack is what broke, Slack's own dead-letter queue gets this alarm, too; e-mail still delivers it.
        """
        self.add(
            f"{name}DeadLetters",
            queue.metric_approximate_number_of_messages_visible(period=Duration.minutes(1), statistic="Maximum"),
            threshold=1,
            meaning=meaning,
        )

    def on_backlog(self, name: str, queue: sqs.IQueue, meaning: str) -> None:
        """Fire when messages wait too long to be received: more arrives than is processed, or nothing is.

        A message that fails is not seen here: from its third receipt on SQS leaves it out of the metric
        (https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html).
        """
        self.add(
            f"{name}Age",
            queue.metric_approximate_age_of_oldest_message(period=Duration.minutes(1), statistic="Maximum"),
            threshold=Duration.minutes(MAX_WAIT).to_seconds(),
            meaning=f"A message has waited {MAX_WAIT} minutes for its first attempt: {meaning}",
        )

    def on_failing(self, name: str, metric: str, meaning: str) -> None:
        """Fire when a message keeps failing; the metric is its age at its next attempt."""
        self.add(
            f"{name}Failing",
            self.metric(metric, period=Duration.minutes(1), statistic="Maximum"),
            threshold=Duration.minutes(MAX_WAIT).to_seconds(),
            meaning=f"{meaning} It keeps failing and is {MAX_WAIT} minutes late.",
        )

    def on_lag(self, name: str, function: lambda_.IFunction, meaning: str) -> None:
        """Fire when a reader of the ledger's stream falls behind."""
        self.add(
            f"{name}StreamAge",
            function.metric("IteratorAge", period=Duration.minutes(1), statistic="Maximum"),
            threshold=Duration.minutes(_MAX_STREAM_AGE).to_milliseconds(),
            meaning=f"{name} is {_MAX_STREAM_AGE} minutes behind the ledger: {meaning}",
        )

    def on_errors(self, name: str, function: lambda_.IFunction) -> None:
        """Fire when a function crashes or times out. A message that it returns as failed does not count."""
        self.add(
            f"{name}Errors",
            function.metric_errors(period=Duration.minutes(5), statistic="Sum"),
            threshold=1,
            meaning=f"Respot's {name.lower()} function crashed or timed out; its messages are retried.",
        )

    def on_silence(self, name: str, log_group: logs.ILogGroup) -> None:
        """Fire when a function writes no log: it is not called, or may not log; its own metrics are logs, too.

        CloudWatch Logs counts what arrives, and Lambda itself writes three lines for each call. The sweep's heartbeats
        call each function.
        """
        self.on_missing(
            name,
            cloudwatch.Metric(
                namespace="AWS/Logs",
                metric_name="IncomingLogEvents",
                dimensions_map={"LogGroupName": log_group.log_group_name},
                period=self.interval,
                statistic="Sum",
            ),
            f"Respot's {name.lower()} function has written no log for some sweeps: it is not called, "
            "it may not log, or no sweep sends heartbeats.",
        )

    def on_missing(self, name: str, metric: cloudwatch.IMetric, meaning: str) -> None:
        """Fire when a metric that every sweep's heartbeats feed has no data, or nothing but zeros."""
        self.add(
            f"{name}Silent",
            metric,
            threshold=1,
            comparison=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
            periods=_HEARTBEATS_MISSED,
            meaning=meaning,
            missing=cloudwatch.TreatMissingData.BREACHING,
        )

    def add(
        self,
        name: str,
        metric: cloudwatch.IMetric,
        *,
        threshold: float,
        meaning: str,
        periods: int = 1,
        datapoints: int | None = None,
        comparison: cloudwatch.ComparisonOperator = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
        missing: cloudwatch.TreatMissingData = cloudwatch.TreatMissingData.NOT_BREACHING,
    ) -> None:
        """Deploy an alarm; `meaning` is for the person who receives it."""
        cloudwatch.Alarm(
            self,
            name,
            metric=metric,
            threshold=threshold,
            comparison_operator=comparison,
            evaluation_periods=periods,
            datapoints_to_alarm=datapoints,
            treat_missing_data=missing,
            alarm_description=f"{meaning} {_RUNBOOK}",
        ).add_alarm_action(self._action)

    def metric(self, name: str, *, period: Duration, statistic: str) -> cloudwatch.Metric:
        """A metric that this deployment's functions write into their logs."""
        return cloudwatch.Metric(
            namespace=metric_names.NAMESPACE,
            metric_name=name,
            dimensions_map={metric_names.SERVICE_DIMENSION: Stack.of(self).stack_name},
            period=period,
            statistic=statistic,
        )
