"""Delivers selected items of the ledger's stream to a function."""

from collections.abc import Sequence
from typing import Final

import jsii
from aws_cdk import Acknowledgment, Duration, Validations
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.constructs.lambda_function import allow_any
from infra.constructs.ledger import Ledger
from infra.constructs.queues import dead_letter_queue
from respot import schema
from respot.settings import STREAM_DEAD_LETTERS_URL

_BATCH_SIZE: Final = 10
_RETRIES: Final = 5000
"""Bounds a hot loop. In an outage the records reach their maximum age first."""

HEARTBEAT: Final[dict[str, object]] = {
    "eventName": ["INSERT", "MODIFY"],
    "dynamodb": {
        "NewImage": {
            schema.KIND: {"S": [schema.ItemKind.SWEEP.value]},
            schema.SCOPE: {"S": [schema.CHECKS]},
            schema.LEASE_HOLDER: {"S": [{"exists": True}]},
        }
    },
}
"""Once a sweep, every reader of the stream gets this item: the sweep has begun. Without it, a reader that is not
called cannot be distinguished from a ledger in which nothing happens. Only the write that starts or resumes a sweep has
a lease holder."""


def new_items(*kinds: schema.ItemKind, **attributes: Sequence[object]) -> dict[str, object]:
    """A pattern for items of these kinds when they are first written."""
    image = {schema.KIND: {"S": [kind.value for kind in kinds]}} | {
        name: {"S": values} for name, values in attributes.items()
    }
    return {"eventName": ["INSERT"], "dynamodb": {"NewImage": image}}


def marked_ends(ended_as: frozenset[str], **attributes: Sequence[object]) -> dict[str, object]:
    """A pattern for transitions that are marked as a job's end, at once or by a later write.

    No other write changes a transition: the stream shows each end once.
    """
    pattern = new_items(schema.ItemKind.TRANSITION, **attributes, **{schema.ENDED_AS: sorted(ended_as)})
    return pattern | {"eventName": ["INSERT", "MODIFY"]}


class StreamReader(Construct):
    """Items that match a pattern, straight from the ledger's stream to one function."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        ledger: Ledger,
        patterns: Sequence[dict[str, object]],
        tried_hours: int,
        function: lambda_.Function,
    ) -> None:
        """`tried_hours` is how long a batch is tried: then it goes to the dead letters. A stream keeps items for 24."""
        super().__init__(scope, construct_id)
        stream = str(ledger.table.table_stream_arn)
        self.dead_letters: Final = dead_letter_queue(self, "DeadLetters")
        Validations.of(self.dead_letters).acknowledge(
            Acknowledgment(
                id="AwsSolutions-SQS3",
                reason="This is a dead-letter queue: the stream's on-failure destination, which the rule does not see.",
            )
        )
        lambda_.EventSourceMapping(
            self,
            "Delivery",
            target=function,
            event_source_arn=stream,
            # Nothing that the ledger holds when the mapping becomes active may be missed.
            starting_position=lambda_.StartingPosition.TRIM_HORIZON,
            batch_size=_BATCH_SIZE,
            filters=[lambda_.FilterCriteria.filter(pattern) for pattern in patterns],
            report_batch_item_failures=True,
            bisect_batch_on_error=True,
            retry_attempts=_RETRIES,
            max_record_age=Duration.hours(tried_hours),
            on_failure=_OnFailure(self.dead_letters),
        )
        function.add_environment(STREAM_DEAD_LETTERS_URL, self.dead_letters.queue_url)
        function.add_to_role_policy(
            iam.PolicyStatement(
                actions=["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"],
                resources=[stream],
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
    """The queue for records that Lambda could not deliver. CDK's own class also grants reading its attributes."""

    def __init__(self, queue: sqs.IQueue) -> None:
        self._queue = queue

    def bind(self, _mapping: lambda_.IEventSourceMapping, function: lambda_.IFunction) -> lambda_.DlqDestinationConfig:
        """Let the function's role send to the queue, and name it."""
        self._queue.grant(function, "sqs:SendMessage")
        return lambda_.DlqDestinationConfig(destination=self._queue.queue_arn)
