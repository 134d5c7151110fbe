"""Recording: SageMaker's events through a queue to `record`, which writes them into the ledger."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from constructs import Construct

from infra.constructs.lambda_function import TIMEOUT_SECONDS, RespotFunction
from infra.constructs.queues import WorkQueue
from infra.constructs.shared import Shared
from infra.constructs.training_job_permissions import grant_describe_jobs
from respot.metrics import FAILED_OBSERVATION_AGE
from respot.recording.drill import DETAIL_TYPE as DRILL_DETAIL_TYPE
from respot.recording.drill import SOURCE as DRILL_SOURCE
from respot.recording.observation import DETAIL_TYPE, SOURCE
from respot.settings import Settings

_DRILL_TRIES: Final = 2
"""Anybody who may put events can send drills: none is worth more, and none hides among the observations."""
_DRILL_CONCURRENCY: Final = 2
"""The fewest that Lambda takes."""
_BATCH_SIZE: Final = 10
"""Without a batching window: a single event is recorded at once; in a backlog, ten are grouped by job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """A kind of event that makes Respot describe a job.

    Attributes:
        rule: the construct id of the rule that selects it, on each bus where there is one.
        description: what the rule selects, and why no more.
        source: the event's source.
        detail_type: the event's detail-type.
        is_trusted: whether SageMaker alone can send it; all else has a queue of its own.
    """

    rule: str
    description: str
    source: str
    detail_type: str
    is_trusted: bool

    def pattern(self, scope: Construct) -> events.EventPattern:
        """What a rule in this scope selects: events of this account alone, also if its bus receives others."""
        return events.EventPattern(
            account=[Stack.of(scope).account], source=[self.source], detail_type=[self.detail_type]
        )


OBSERVED: Final = (
    Observed(
        rule="Rule",
        description="Every state change of every training job of this account; no optional field is required",
        source=SOURCE,
        detail_type=DETAIL_TYPE,
        is_trusted=True,
    ),
    Observed(
        rule="DrillRule",
        description="What the command respot drill sends",
        source=DRILL_SOURCE,
        detail_type=DRILL_DETAIL_TYPE,
        is_trusted=False,
    ),
)
"""All that Respot observes, in the hub region and in the watched ones."""


class Recording(Construct):
    """Everything that makes Respot describe a job, queued for `record`."""

    def __init__(self, scope: Construct, construct_id: str, shared: Shared) -> None:
        """Deploys the queue, the rules that fill it from the default bus, and the function that reads it."""
        super().__init__(scope, construct_id)
        config, alarms = shared.config, shared.alarms
        self.observations: Final = WorkQueue(
            self,
            "Observations",
            max_receives=config.observation_max_receives,
            consumer_timeout_seconds=TIMEOUT_SECONDS,
        )
        self.drills: Final = WorkQueue(
            self, "Drills", max_receives=_DRILL_TRIES, consumer_timeout_seconds=TIMEOUT_SECONDS
        )
        self._observe(self, None)
        record = RespotFunction(
            self,
            "Record",
            shared,
            description="Describes the jobs that events and sweeps name, and records their transitions",
            settings=Settings(
                ledger_table=shared.ledger.table.table_name,
                retention=config.ledger_retention,
                queue_url=self.observations.url,
                dead_letters_queue_url=self.observations.dead_letters.queue_url,
                drills_queue_url=self.drills.url,
                first_retry=timedelta(seconds=config.observation_retry_seconds),
            ),
        )
        self.record: Final = record.function
        self.observations.deliver_to(self.record, batch_size=_BATCH_SIZE, max_concurrency=config.record_concurrency)
        self.observations.grant_bury(self.record)
        self.drills.deliver_to(self.record, batch_size=_BATCH_SIZE, max_concurrency=_DRILL_CONCURRENCY)
        grant_describe_jobs(self.record)
        alarms.on_backlog(
            "Observations",
            self.observations.queue,
            "the ledger and alerts are late; record is not called or too slow.",
        )
        alarms.on_failing(
            "Observations",
            FAILED_OBSERVATION_AGE,
            "A job could not be described or recorded: SageMaker or DynamoDB refuses or does not answer.",
        )
        alarms.on_dead_letters(
            "Observations",
            self.observations.dead_letters,
            "Observations could not be recorded: the ledger may lack them.",
        )
        alarms.on_dead_letters(
            "Drills", self.drills.dead_letters, "Drills that Respot does not send: somebody else sends them."
        )
        self.outputs: Final = {
            "ObservationsQueueUrl": self.observations.url,
            "ObservationsDlqUrl": self.observations.dead_letters.queue_url,
            "DrillsQueueUrl": self.drills.url,
            "DrillsDlqUrl": self.drills.dead_letters.queue_url,
            "RecordLogGroupName": record.log_group.log_group_name,
        }

    def observe(self, bus: events.IEventBus) -> None:
        """Queue what comes over this bus, too."""
        self._observe(Construct(self, "Forwarded"), bus)

    def _observe(self, scope: Construct, bus: events.IEventBus | None) -> None:
        for kind in OBSERVED:
            queue = self.observations if kind.is_trusted else self.drills
            events.Rule(
                scope,
                kind.rule,
                event_bus=bus,
                description=kind.description,
                event_pattern=kind.pattern(self),
                targets=[
                    targets.SqsQueue(
                        queue.queue,
                        # The queue's own: an event reads the same, no matter who could not deliver it.
                        dead_letter_queue=queue.dead_letters,
                        max_event_age=Duration.hours(24),
                        retry_attempts=185,
                    )
                ],
            )

    def grant_request_rechecks(self, grantee: iam.IGrantable) -> None:
        """Send jobs that `record` should describe again, and see how many observations wait."""
        self.observations.queue.grant(grantee, "sqs:SendMessage", "sqs:GetQueueAttributes")
