"""Recovery: ended jobs from the ledger's stream through a queue to `recover`, which creates their next attempts."""

from datetime import timedelta
from typing import Final

from aws_cdk import Duration
from constructs import Construct

from infra.constructs.alarms import MAX_WAIT
from infra.constructs.kill_switch import KillSwitchParameter
from infra.constructs.lambda_function import RespotFunction
from infra.constructs.latest_starts import LatestStarts
from infra.constructs.ledger_stream import HEARTBEAT, StreamReader, marked_ends, new_items
from infra.constructs.policy import PolicyParameter
from infra.constructs.queues import WorkQueue
from infra.constructs.shared import Shared
from infra.constructs.training_job_permissions import (
    grant_list_checkpoints,
    grant_list_jobs,
    grant_recover_jobs,
    grant_stop_jobs,
)
from respot import metrics as metric_names
from respot import schema
from respot.jobs.lifecycle import DELETING, ENDS, INTERRUPTED, TERMINAL_STATUSES
from respot.settings import Settings

_TIMEOUT_SECONDS: Final = 120
"""Of `recover`: one job takes up to twenty pages of S3, its description by SageMaker, and the creation of the next."""
_CONCURRENCY: Final = 2
"""Copies of `recover`. Each calls ListTrainingJobs at a pace that is for two (respot/recovery/unknown_writers.py)."""
_BATCH_SIZE: Final = 5
"""One list of SageMaker's live jobs serves a batch. A job that finds less than a minute left comes back."""
_TRIED_HOURS: Final = 20
"""Nearly as long as the stream keeps items: a job that is lost here is not resubmitted."""
_MAX_FAILURE: Final = 10
"""Minutes that an error may last before it counts; it must be seen twice, and is noticed within 15."""
_LONGEST_RETRY: Final = 30
"""Minutes between two attempts at a job, at most (respot/handlers/recover.py)."""

_PATTERNS: Final = (
    new_items(schema.ItemKind.TRANSITION, **{schema.STATUS: sorted(ENDS | {INTERRUPTED})}),
    marked_ends(TERMINAL_STATUSES | {DELETING}),
    HEARTBEAT,
)
"""The items that `enqueue_ended` gets: jobs that have ended, or were interrupted, and no drill.

An interrupted job waits again, perhaps beyond its latest on-demand start, and for less time than between two sweeps.
The first pattern is also for ends that an older version wrote: they carry no mark.
"""


class Recovery(Construct):
    """Jobs that have ended, each in the queue until it is decided on and, if necessary, resubmitted."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        shared: Shared,
        *,
        policy: PolicyParameter,
        kill_switch: KillSwitchParameter,
    ) -> None:
        """Deploys the queue, the function that fills it from the stream, and the function that reads it."""
        super().__init__(scope, construct_id)
        config, alarms = shared.config, shared.alarms
        self.queue: Final = WorkQueue(
            self,
            "Queue",
            max_receives=config.recovery_max_receives,
            consumer_timeout_seconds=_TIMEOUT_SECONDS,
            # An instance quota may be taken for days.
            retention_days=10,
        )
        enqueue_ended = RespotFunction(
            self,
            "EnqueueEnded",
            shared,
            description="Sends jobs that have ended, or were interrupted, to the recovery queue",
            settings=Settings(recovery_queue_url=self.queue.url),
        )
        stream = StreamReader(
            self,
            "EndedJobsStream",
            ledger=shared.ledger,
            patterns=_PATTERNS,
            tried_hours=_TRIED_HOURS,
            function=enqueue_ended.function,
        )
        self.queue.grant_send(enqueue_ended.function)
        latest_starts = LatestStarts(self, "LatestStarts", queue=self.queue)
        recover = RespotFunction(
            self,
            "Recover",
            shared,
            description="Decides on jobs that have ended and creates their next attempts",
            settings=Settings(
                ledger_table=shared.ledger.table.table_name,
                retention=config.ledger_retention,
                queue_url=self.queue.url,
                dead_letters_queue_url=self.queue.dead_letters.queue_url,
                first_retry=timedelta(seconds=config.observation_retry_seconds),
                policy_parameter=policy.name,
                kill_switch_parameter=kill_switch.name,
                training_roles=config.training_roles,
                training_instance_types=config.training_instance_types,
                stop_only_tagged=config.stop_only_tagged,
                sweep_interval=timedelta(minutes=config.sweep_minutes),
                queue_arn=self.queue.queue.queue_arn,
                schedule_group=latest_starts.group,
                schedule_role_arn=latest_starts.role_arn,
            ),
            timeout_seconds=_TIMEOUT_SECONDS,
        )
        self.recover: Final = recover.function
        self.queue.deliver_to(self.recover, batch_size=_BATCH_SIZE, max_concurrency=_CONCURRENCY)
        self.queue.grant_bury(self.recover)
        grant_recover_jobs(
            self.recover, role_patterns=config.training_roles, instance_types=config.training_instance_types
        )
        grant_stop_jobs(self.recover, only_tagged=config.stop_only_tagged)
        latest_starts.grant_keep(self.recover)
        grant_list_jobs(self.recover)
        grant_list_checkpoints(self.recover, buckets=config.checkpoint_buckets)
        alarms.on_lag("EnqueueEnded", enqueue_ended.function, "jobs that ended are not resubmitted yet.")
        alarms.on_dead_letters(
            "EndedJobs", stream.dead_letters, "Jobs that ended did not reach the recovery queue: none is resubmitted."
        )
        alarms.on_dead_letters("Recovery", self.queue.dead_letters, "Jobs could not be decided on or resubmitted.")
        # Not the age of the oldest message: one that pauses for an hour was received once, and SQS would count it.
        alarms.add(
            "RecoveryBacklog",
            self.queue.queue.metric_approximate_number_of_messages_visible(
                period=Duration.minutes(1), statistic="Minimum"
            ),
            threshold=1,
            periods=MAX_WAIT,
            meaning=f"For {MAX_WAIT} minutes there were always messages to process: jobs that ended are decided on "
            "late.",
        )
        # Twice within the longest delay: a job that waited for a quota for hours, and fails once, is as old as one that
        # failed all the time.
        alarms.add(
            "RecoveryFailing",
            alarms.metric(metric_names.FAILED_RECOVERY_AGE, period=Duration.minutes(5), statistic="Maximum"),
            threshold=Duration.minutes(_MAX_FAILURE).to_seconds(),
            periods=_LONGEST_RETRY // 5 + 1,
            datapoints=2,
            meaning=f"For {_MAX_FAILURE} minutes or longer an error has kept a job from being decided on or "
            "resubmitted.",
        )
        # A waiting job is checked with each sweep: one failure may pass, a second one will not.
        alarms.add(
            "SchedulesFailing",
            alarms.metric(metric_names.SCHEDULES_FAILED, period=alarms.interval, statistic="Sum"),
            threshold=1,
            periods=3,
            datapoints=2,
            meaning="Jobs with a deadline have no schedule for their latest on-demand start: only sweeps notice it.",
        )
        alarms.add(
            "SchedulesDropped",
            latest_starts.dropped,
            threshold=1,
            meaning="A schedule could not send a job with a deadline to the recovery queue: only sweeps notice it.",
        )
        self.outputs: Final = {
            "RecoveryQueueUrl": self.queue.url,
            "RecoveryDlqUrl": self.queue.dead_letters.queue_url,
            "EndedJobsDlqUrl": stream.dead_letters.queue_url,
            "EnqueueEndedLogGroupName": enqueue_ended.log_group.log_group_name,
            "RecoverLogGroupName": recover.log_group.log_group_name,
        }
