"""Alerting: the ledger's stream to its readers, and the topic that `alert` publishes to."""

from collections.abc import Sequence
from typing import Final

import jsii
from aws_cdk import Acknowledgment, Duration, Stack, Validations
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.config import Config
from infra.constructs.functions import allow_any
from infra.constructs.queues import dead_letter_queue, deliver, work_queue
from respot import schema
from respot.alerting.alert import ENDED_AS
from respot.alerting.contract import DIGEST_ATTRIBUTE
from respot.alerting.kinds import KIND_BY_STATUS
from respot.jobs.job import Market
from respot.jobs.lifecycle import DELETING, ENDS, TERMINAL_STATUSES
from respot.schema import CHECKS

_BATCH_SIZE: Final = 10
TIMEOUT_SECONDS: Final = 130
"""Of `alert`: what a single alert may take when every call it makes is slow, a storm's calls included."""
_DUE_RECEIVES: Final = 10
"""Thirteen minutes apart, the visibility timeout: an outage of SNS for two hours, as long as the stream tries."""
_DUE_CONCURRENCY: Final = 2
ALERTS_TRIED_HOURS: Final = 2
"""Longer than most outages of SNS, shorter than anyone cares."""
ENDINGS_TRIED_HOURS: Final = 20
"""Nearly as long as the stream keeps them: a job that is lost here is not resubmitted."""
_RETRIES: Final = 5000
"""Bounds a hot loop; in an outage the age comes first."""


class DueAlerts(Construct):
    """What `alert` must come back to: jobs whose alerts are overdue, and windows of digests, once they are over."""

    def __init__(self, scope: Construct, construct_id: str) -> None:
        """Deploys the queue."""
        super().__init__(scope, construct_id)
        self.dead_letters: Final = dead_letter_queue(self, "DeadLetters")
        self.queue: Final = work_queue(
            self,
            "Queue",
            dead_letters=self.dead_letters,
            max_receives=_DUE_RECEIVES,
            consumer_timeout_seconds=TIMEOUT_SECONDS,
        )

    def grant_send(self, grantee: iam.IGrantable) -> None:
        """Send jobs and windows."""
        self.queue.grant(grantee, "sqs:SendMessage")

    def deliver_to(self, function: lambda_.Function) -> None:
        """Have `function` read the queue, and let it do so."""
        deliver(self, self.queue, function, batch_size=1, max_concurrency=_DUE_CONCURRENCY)


def for_people() -> dict[str, sns.SubscriptionFilter]:
    """The filter policy of people's subscriptions: not what they hear of in a digest."""
    return {DIGEST_ATTRIBUTE: sns.SubscriptionFilter(conditions=[{"exists": False}])}


class AlertsTopic(Construct):
    """Where people and machines subscribe to alerts."""

    def __init__(self, scope: Construct, construct_id: str, *, config: Config) -> None:
        """Deploys the topic and its e-mail subscriptions."""
        super().__init__(scope, construct_id)
        # No KMS key: one of ours costs a dollar a month to guard text that goes out by e-mail. SNS encrypts its
        # disks, and TLS is enforced.
        self.topic: Final = sns.Topic(self, "Topic", display_name="Respot", enforce_ssl=True)
        for address in config.alert_emails:
            self.topic.add_subscription(subscriptions.EmailSubscription(address, filter_policy=for_people()))

    def grant_publish(self, grantee: iam.IGrantable) -> None:
        """Publish to this topic."""
        iam.Grant.add_to_principal(grantee=grantee, actions=["sns:Publish"], resource_arns=[self.topic.topic_arn])


class AlarmsTopic(Construct):
    """Where CloudWatch sends its alarms on Respot itself.

    Apart from the alerts: alarms carry no message attributes, and SNS shows a message without any to no subscription
    that has a filter policy, whatever the policy says. Only a filter by the body could, and e-mail's body is no JSON.
    """

    def __init__(self, scope: Construct, construct_id: str, *, config: Config) -> None:
        """Deploys the topic and its e-mail subscriptions."""
        super().__init__(scope, construct_id)
        # No KMS key, as above; besides, CloudWatch cannot publish to a topic under AWS's own `alias/aws/sns`.
        self.topic: Final = sns.Topic(self, "Topic", display_name="Respot alarms", enforce_ssl=True)
        stack = Stack.of(self)
        self.topic.add_to_resource_policy(
            # A policy of its own replaces the topic's default one, so that CloudWatch has to be named.
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


def new_items(*kinds: schema.ItemKind, **attributes: Sequence[object]) -> dict[str, object]:
    """A pattern for items of these kinds at the moment when they are first written."""
    image = {schema.KIND: {"S": [kind.value for kind in kinds]}} | {
        name: {"S": values} for name, values in attributes.items()
    }
    return {"eventName": ["INSERT"], "dynamodb": {"NewImage": image}}


HEARTBEAT: Final[dict[str, object]] = {
    "eventName": ["INSERT", "MODIFY"],
    "dynamodb": {
        "NewImage": {
            schema.KIND: {"S": [schema.ItemKind.SWEEP.value]},
            schema.SCOPE: {"S": [CHECKS]},
            schema.LEASE_HOLDER: {"S": [{"exists": True}]},
        }
    },
}
"""What every reader of the stream is shown once a sweep: that it has begun. Without it, a reader that is not called is
as silent as a ledger in which nothing happens. Only the write that takes a pass up carries a claim."""


def marked_ends(ended_as: frozenset[str], **attributes: Sequence[object]) -> dict[str, object]:
    """A pattern for transitions with which jobs ended, when that is known: often at once, else when it is added.

    Nothing else ever changes a transition, so the stream shows each end once.
    """
    pattern = new_items(schema.ItemKind.TRANSITION, **attributes, **{schema.ENDED_AS: sorted(ended_as)})
    return pattern | {"eventName": ["INSERT", "MODIFY"]}


ALERTED: Final = (
    new_items(schema.ItemKind.TRANSITION, schema.ItemKind.DRILL_TRANSITION, **{schema.STATUS: sorted(KIND_BY_STATUS)}),
    marked_ends(ENDED_AS, **{schema.STATUS: [{"anything-but": sorted(KIND_BY_STATUS)}]}),
    new_items(schema.ItemKind.STATE, market=[Market.SPOT.value]),
    new_items(schema.ItemKind.DECISION, schema.ItemKind.OUTCOME, schema.ItemKind.NOTICE),
    HEARTBEAT,
)
"""What `alert` is shown: it decides itself which of them calls for an alert."""

ENDINGS: Final = (
    new_items(schema.ItemKind.TRANSITION, **{schema.STATUS: sorted(ENDS)}),
    marked_ends(TERMINAL_STATUSES | {DELETING}),
    HEARTBEAT,
)
"""What `recover` is shown: jobs that have ended, and no drill.

The first pattern is for ends that an older version wrote: they carry no mark.
"""


class StreamReader(Construct):
    """New items of some kinds, straight from the ledger's stream to one function."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        table: dynamodb.Table,
        patterns: Sequence[dict[str, object]],
        tried_hours: int,
    ) -> None:
        """Deploys the queue for what could not be processed in `tried_hours` (a stream keeps items for 24)."""
        super().__init__(scope, construct_id)
        self._table = table
        self._patterns = patterns
        self._tried_hours = tried_hours
        self.dead_letters: Final = dead_letter_queue(self, "DeadLetters")
        Validations.of(self.dead_letters).acknowledge(
            Acknowledgment(
                id="AwsSolutions-SQS3",
                reason="This is a dead-letter queue: the stream's on-failure destination, which the rule does not see.",
            )
        )

    def deliver_to(self, function: lambda_.Function) -> None:
        """Have `function` read the stream, and let it do so."""
        lambda_.EventSourceMapping(
            self,
            "Delivery",
            target=function,
            event_source_arn=str(self._table.table_stream_arn),
            # Whatever the ledger holds when the mapping comes alive must not be missed.
            starting_position=lambda_.StartingPosition.TRIM_HORIZON,
            batch_size=_BATCH_SIZE,
            filters=[lambda_.FilterCriteria.filter(pattern) for pattern in self._patterns],
            report_batch_item_failures=True,
            bisect_batch_on_error=True,
            retry_attempts=_RETRIES,
            max_record_age=Duration.hours(self._tried_hours),
            on_failure=_OnFailure(self.dead_letters),
        )
        function.add_to_role_policy(
            iam.PolicyStatement(
                actions=["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"],
                resources=[str(self._table.table_stream_arn)],
            )
        )
        allow_any(
            function,
            "dynamodb:ListStreams",
            resource="*",
            finding="*",
            reason="Lambda demands ListStreams of a stream reader's role, and the action has no resource type to "
            "narrow it by; it shows the names of the account's streams, not what is in them.",
        )


@jsii.implements(lambda_.IEventSourceDlq)
class _OnFailure:
    """The queue that Lambda tells of records it gave up; CDK's own also grants to look the queue up."""

    def __init__(self, queue: sqs.IQueue) -> None:
        self._queue = queue

    def bind(self, _mapping: lambda_.IEventSourceMapping, function: lambda_.IFunction) -> lambda_.DlqDestinationConfig:
        """Let the function's role send to the queue, and name it."""
        self._queue.grant(function, "sqs:SendMessage")
        return lambda_.DlqDestinationConfig(destination=self._queue.queue_arn)
