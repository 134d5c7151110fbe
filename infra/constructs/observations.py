"""Observations: SageMaker's events, queued for `record`."""

from dataclasses import dataclass
from typing import Final

from aws_cdk import Duration, Stack
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.config import Config
from infra.constructs.functions import TIMEOUT_SECONDS
from infra.constructs.queues import dead_letter_queue, deliver, work_queue
from respot.recording.drill import DETAIL_TYPE as DRILL_DETAIL_TYPE
from respot.recording.drill import SOURCE as DRILL_SOURCE
from respot.recording.observation import DETAIL_TYPE, SOURCE

_BATCH_SIZE: Final = 10
"""Taken as they come, without a window: alone, an event is recorded at once; in a backlog ten are folded by job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observed:
    """A kind of event that makes Respot look at a job.

    Attributes:
        rule: the construct id of the rule that asks for it, on each bus where there is one.
        description: what the rule asks for, and why no more.
        source: the event's source.
        detail_type: the event's detail-type.
    """

    rule: str
    description: str
    source: str
    detail_type: str

    def pattern(self, scope: Construct) -> events.EventPattern:
        """What a rule in this scope asks for: of this account alone, whatever others' events its bus receives."""
        return events.EventPattern(
            account=[Stack.of(scope).account], source=[self.source], detail_type=[self.detail_type]
        )


OBSERVED: Final = (
    Observed(
        rule="Rule",
        description="Every state change of every training job of this account; nothing is asked for that it may lack",
        source=SOURCE,
        detail_type=DETAIL_TYPE,
    ),
    Observed(
        rule="DrillRule",
        description="What the command respot drill sends",
        source=DRILL_SOURCE,
        detail_type=DRILL_DETAIL_TYPE,
    ),
)
"""All that Respot observes, in the hub region and in the watched ones."""


class Observations(Construct):
    """Whatever makes Respot look at a job, on its way to `record`."""

    def __init__(self, scope: Construct, construct_id: str, *, config: Config) -> None:
        """Deploys the queue and the rules that fill it from the default bus."""
        super().__init__(scope, construct_id)
        self._concurrency = config.record_concurrency
        self.dead_letters: Final = dead_letter_queue(self, "DeadLetters")
        self.queue: Final = work_queue(
            self,
            "Queue",
            dead_letters=self.dead_letters,
            max_receives=config.observation_max_receives,
            consumer_timeout_seconds=TIMEOUT_SECONDS,
        )
        self._take_from(self, None)

    def take_from(self, bus: events.IEventBus) -> None:
        """Queue what comes over this bus, too."""
        self._take_from(Construct(self, "Forwarded"), bus)

    def _take_from(self, scope: Construct, bus: events.IEventBus | None) -> None:
        for kind in OBSERVED:
            events.Rule(
                scope,
                kind.rule,
                event_bus=bus,
                description=kind.description,
                event_pattern=kind.pattern(self),
                targets=[
                    targets.SqsQueue(
                        self.queue,
                        # The queue's own: an event reads the same whether EventBridge or `record` gave it up.
                        dead_letter_queue=self.dead_letters,
                        max_event_age=Duration.hours(24),
                        retry_attempts=185,
                    )
                ],
            )

    def grant_send(self, grantee: iam.IGrantable) -> None:
        """Send jobs to be looked at, and see how many observations wait."""
        self.queue.grant(grantee, "sqs:SendMessage", "sqs:GetQueueAttributes")

    def deliver_to(self, function: lambda_.Function) -> None:
        """Have `function` read the queue, and let it do so."""
        deliver(self, self.queue, function, batch_size=_BATCH_SIZE, max_concurrency=self._concurrency)
