"""The sweep: a schedule that calls `sweep`, which finds what events missed."""

from datetime import timedelta
from typing import Final

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from infra.constructs.lambda_function import RespotFunction
from infra.constructs.policy import PolicyParameter
from infra.constructs.queues import WorkQueue
from infra.constructs.scheduled_call import call_on_schedule
from infra.constructs.shared import Shared
from infra.constructs.training_job_permissions import grant_list_jobs
from respot import metrics as metric_names
from respot.settings import Settings

TIMEOUT_SECONDS: Final = 240
"""Four minutes list about 200 pages, 20,000 jobs; the next call continues with the rest."""
_SWEEPS_MISSED: Final = 6
_SWEEPS_SEEN: Final = 3
"""This many sweeps in a row must be too old, or missing: one that is killed also prevents the next one."""


class Sweep(Construct):
    """Calls `sweep` every few minutes.

    A call that fails is not repeated: the next one continues where it stopped. An alarm on the age of the last complete
    sweep fires when none completes, for any cause.
    """

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        shared: Shared,
        *,
        policy: PolicyParameter,
        observations: WorkQueue,
        due_alerts: WorkQueue,
        recovery: WorkQueue,
        slack: WorkQueue | None,
    ) -> None:
        """Deploys the function, the schedule, and the role with which the schedule calls the function."""
        super().__init__(scope, construct_id)
        config = shared.config
        self.function: Final = RespotFunction(
            self,
            "Sweep",
            shared,
            description="Finds what events missed, and what was left undone",
            settings=Settings(
                ledger_table=shared.ledger.table.table_name,
                regions=config.regions,
                backfill=timedelta(days=config.backfill_days),
                event_grace=timedelta(seconds=config.event_grace_seconds),
                observations_queue_url=observations.url,
                recovery_queue_url=recovery.url,
                due_alerts_queue_url=due_alerts.url,
                policy_parameter=policy.name,
                retention=config.ledger_retention,
                slack_queue_url=slack.url if slack else None,
            ),
            timeout_seconds=TIMEOUT_SECONDS,
            gets_heartbeats=False,
        ).function
        grant_list_jobs(self.function)
        minutes = config.sweep_minutes
        self.function.configure_async_invoke(retry_attempts=0, max_event_age=Duration.minutes(1))
        call_on_schedule(
            Construct(self, "Schedule"),
            self.function,
            expression=f"rate({minutes} minute{'s' if minutes > 1 else ''})",
            description="Finds what SageMaker's events missed",
            caller="Lets the schedule call Respot's sweep function",
        )
        self._add_alarms(shared)
        self.outputs: Final = {
            "SweepFunctionName": self.function.function_name,
            "SweepMinutes": str(config.sweep_minutes),
        }

    @staticmethod
    def _add_alarms(shared: Shared) -> None:
        alarms = shared.alarms
        alarms.add(
            "LostEvents",
            alarms.metric(metric_names.TRANSITIONS_FIRST_SEEN_BY_SWEEP, period=Duration.minutes(5), statistic="Sum"),
            threshold=1,
            meaning="A sweep found transitions that no event had reported; they are recorded and acted on, late.",
        )
        alarms.add(
            "PolicyReadsFailing",
            alarms.metric(metric_names.POLICY_READS_FAILED, period=alarms.interval, statistic="Sum"),
            threshold=1,
            periods=_SWEEPS_SEEN,
            meaning=f"In {_SWEEPS_SEEN} sweeps the policy could not be read: no job that waits too long is stopped, "
            "or alerts do not say what Respot will do.",
        )
        # Each function counts those that it meets; the sweep meets them all.
        alarms.add(
            "UnreadableItems",
            alarms.metric(metric_names.UNREADABLE_ITEMS, period=Duration.minutes(5), statistic="Sum"),
            threshold=1,
            meaning="An item of the ledger could not be read, and was skipped; everything else goes on. "
            "The log event item_read_failed names it.",
        )
        # The age grows by an interval with each sweep: at the last one of those that count, it is _SWEEPS_MISSED.
        minutes = int(alarms.interval.to_minutes())
        alarms.add(
            "SweepAge",
            alarms.metric(metric_names.SWEEP_AGE, period=alarms.interval, statistic="Minimum"),
            threshold=Duration.minutes((_SWEEPS_MISSED - _SWEEPS_SEEN + 1) * minutes).to_seconds(),
            periods=_SWEEPS_SEEN,
            meaning=f"No sweep of some region has been complete for {_SWEEPS_MISSED * minutes} minutes, or no sweep "
            "reports any more: nobody finds lost events.",
            missing=cloudwatch.TreatMissingData.BREACHING,
        )
