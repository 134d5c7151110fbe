"""Alerting: the ledger's stream to `alert`, which publishes to a topic."""

from datetime import timedelta
from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from constructs import Construct

from infra.constructs.lambda_function import RespotFunction
from infra.constructs.ledger_stream import HEARTBEAT, StreamReader, marked_ends, new_items
from infra.constructs.policy import PolicyParameter
from infra.constructs.queues import WorkQueue
from infra.constructs.shared import Shared
from respot import metrics as metric_names
from respot import schema
from respot.alerting.alert import ENDED_AS
from respot.alerting.contract import DIGEST_ATTRIBUTE
from respot.alerting.kinds import KIND_BY_STATUS
from respot.jobs.job import Market
from respot.settings import Settings

_TIMEOUT_SECONDS: Final = 130
"""What a single alert may take when every call it makes is slow, those for a digest included."""
_DUE_RECEIVES: Final = 10
"""One each visibility timeout, which is 13 minutes: an outage of SNS for two hours, as long as the stream retries."""
_DUE_CONCURRENCY: Final = 2
_MAX_DUE_FAILURE: Final = 10
"""Minutes. A second attempt comes after the visibility timeout: a failure is noticed within 15."""
_TRIED_HOURS: Final = 2
"""Longer than most outages of SNS; a later alert is of no use."""

_PATTERNS: Final = (
    new_items(schema.ItemKind.TRANSITION, schema.ItemKind.DRILL_TRANSITION, **{schema.STATUS: sorted(KIND_BY_STATUS)}),
    marked_ends(ENDED_AS, **{schema.STATUS: [{"anything-but": sorted(KIND_BY_STATUS)}]}),
    new_items(schema.ItemKind.STATE, market=[Market.SPOT.value]),
    new_items(schema.ItemKind.DECISION, schema.ItemKind.OUTCOME, schema.ItemKind.NOTICE),
    HEARTBEAT,
)
"""The items that `alert` gets: it decides itself which of them require an alert."""


def for_people() -> dict[str, sns.SubscriptionFilter]:
    """The filter policy of people's subscriptions: no alert that a digest already covers."""
    return {DIGEST_ATTRIBUTE: sns.SubscriptionFilter(conditions=[{"exists": False}])}


class Alerting(Construct):
    """The topic to which people and machines subscribe, and `alert`, which publishes there."""

    def __init__(self, scope: Construct, construct_id: str, shared: Shared, *, policy: PolicyParameter) -> None:
        """Deploys the topic with its e-mail subscriptions, the queue of due alerts, and the function."""
        super().__init__(scope, construct_id)
        config, alarms = shared.config, shared.alarms
        # No KMS key: a customer managed one costs a dollar a month to guard text that goes out by e-mail. SNS encrypts
        # its disks, and TLS is enforced.
        self.topic: Final = sns.Topic(self, "AlertsTopic", display_name="Respot", enforce_ssl=True)
        for address in config.alert_emails:
            self.topic.add_subscription(subscriptions.EmailSubscription(address, filter_policy=for_people()))
        # Jobs whose alerts are overdue, and windows of digests once they are over.
        self.due: Final = WorkQueue(
            self, "DueAlerts", max_receives=_DUE_RECEIVES, consumer_timeout_seconds=_TIMEOUT_SECONDS
        )
        alert = RespotFunction(
            self,
            "Alert",
            shared,
            description="Publishes an alert for each new transition that requires one",
            settings=Settings(
                ledger_table=shared.ledger.table.table_name,
                alerts_topic_arn=self.topic.topic_arn,
                alert_kinds=frozenset(config.alert_kinds),
                alert_max_age=timedelta(hours=config.alert_max_age_hours),
                digest_window=timedelta(seconds=config.digest_seconds),
                due_alerts_queue_url=self.due.url,
                dead_letters_queue_url=self.due.dead_letters.queue_url,
                policy_parameter=policy.name,
                # No sender lives longer; the clocks of two may differ.
                alert_lease=timedelta(seconds=2 * _TIMEOUT_SECONDS),
                retention=config.ledger_retention,
            ),
            timeout_seconds=_TIMEOUT_SECONDS,
        )
        self.alert: Final = alert.function
        stream = StreamReader(
            self,
            "AlertsStream",
            ledger=shared.ledger,
            patterns=_PATTERNS,
            tried_hours=_TRIED_HOURS,
            function=self.alert,
        )
        self.due.deliver_to(self.alert, max_concurrency=_DUE_CONCURRENCY)
        self.due.grant_send(self.alert)
        self.due.grant_bury(self.alert)
        iam.Grant.add_to_principal(grantee=self.alert, actions=["sns:Publish"], resource_arns=[self.topic.topic_arn])
        alarms.on_lag("Alert", self.alert, "alerts are late.")
        alarms.on_missing(
            "AlertStream",
            self.alert.metric("IteratorAge", period=alarms.interval, statistic="SampleCount"),
            "Respot's alert function has received nothing of the ledger's stream for some sweeps, or no sweep begins.",
        )
        alarms.on_dead_letters("Alerts", stream.dead_letters, "Alerts could not be published: nobody received them.")
        alarms.on_dead_letters(
            "DueAlerts",
            self.due.dead_letters,
            "Overdue alerts, or digests of alerts that were held back, could not be published: nobody received them.",
        )
        alarms.on_backlog("DueAlerts", self.due.queue, "overdue alerts and digests are late.")
        # The second failure of a due alert comes 13 minutes after the first.
        alarms.add(
            "DueAlertsFailing",
            alarms.metric(metric_names.FAILED_DUE_ALERT_AGE, period=Duration.minutes(1), statistic="Maximum"),
            threshold=Duration.minutes(_MAX_DUE_FAILURE).to_seconds(),
            meaning=f"For {_MAX_DUE_FAILURE} minutes an overdue alert, or a digest, could not be sent.",
        )
        self.outputs: Final = {
            "AlertsTopicArn": self.topic.topic_arn,
            "AlertsDlqUrl": stream.dead_letters.queue_url,
            "DueAlertsQueueUrl": self.due.url,
            "DueAlertsDlqUrl": self.due.dead_letters.queue_url,
            "AlertLogGroupName": alert.log_group.log_group_name,
        }
