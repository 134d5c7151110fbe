"""Recovery: the queue of the jobs that have ended, from which `recover` works."""

from typing import Final

from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.config import Config
from infra.constructs.queues import dead_letter_queue, deliver, work_queue

TIMEOUT_SECONDS: Final = 120
"""Of `recover`: one job asks S3 for up to twenty pages, SageMaker for its description, and creates the next one."""

_CONCURRENCY: Final = 2


class RecoveryQueue(Construct):
    """Jobs that have ended, each until it is decided on and, if so decided, resubmitted."""

    def __init__(self, scope: Construct, construct_id: str, *, config: Config) -> None:
        """Deploys the queue."""
        super().__init__(scope, construct_id)
        self.dead_letters: Final = dead_letter_queue(self, "DeadLetters")
        self.queue: Final = work_queue(
            self,
            "Queue",
            dead_letters=self.dead_letters,
            max_receives=config.recovery_max_receives,
            consumer_timeout_seconds=TIMEOUT_SECONDS,
            # An instance quota may be taken for days.
            retention_days=10,
        )

    def grant_send(self, grantee: iam.IGrantable) -> None:
        """Send jobs."""
        self.queue.grant(grantee, "sqs:SendMessage")

    def deliver_to(self, function: lambda_.Function) -> None:
        """Have `function` read the queue, and let it do so."""
        # One at a time: a run that takes long takes no other run's time.
        deliver(self, self.queue, function, batch_size=1, max_concurrency=_CONCURRENCY)
