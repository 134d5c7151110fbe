"""Alarms: what a person must hear of, sent to a topic of their own."""

from typing import Final

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.config import Config
from respot import metrics as metric_names

_RUNBOOK: Final = "See docs/operations.md."
_MAX_AGE: Final = 15
"""Minutes that messages may wait to be received, or an observation or a message to Slack may fail."""
_MAX_REPEATED_FAILURE: Final = 10
"""Minutes after which a failure that must be seen twice, or is seen rarely, counts: it is noticed within 15."""
_LONGEST_RETRY: Final = 30
"""Minutes between two attempts at a job of the recovery queue, at most (respot/handlers/recover.py)."""
_MAX_STREAM_AGE: Final = 5
_SWEEPS_MISSED: Final = 6
_SWEEPS_HEARD: Final = 3
"""So many sweeps must tell the same, or be silent: one that is killed keeps the next one away, too."""
_HEARTBEATS_MISSED: Final = 3
_LONGEST_SILENCE: Final = 5
"""Minutes between two sweeps that run for as long as they may, however often they are called: each tells its age when
it ends."""

_AT_LEAST: Final = cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD


class Alarms(Construct):
    """Alarms on one topic; none fires while there is nothing to measure, except those on silence and on the sweep."""

    def __init__(self, scope: Construct, construct_id: str, *, topic: sns.ITopic) -> None:
        """Deploys nothing yet: each method adds an alarm."""
        super().__init__(scope, construct_id)
        self._action = actions.SnsAction(topic)

    def on_dead_letters(self, name: str, queue: sqs.IQueue, meaning: str) -> None:
        """Speak as soon as one message is there.

        When the Slack channel is what broke, its alarm ends there too, once; e-mail and all others still get it.
        """
        self._alarm(
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
        self._alarm(
            f"{name}Age",
            queue.metric_approximate_age_of_oldest_message(period=Duration.minutes(1), statistic="Maximum"),
            threshold=Duration.minutes(_MAX_AGE).to_seconds(),
            meaning=f"A message has waited {_MAX_AGE} minutes to be processed for the first time: {meaning}",
        )

    def on_backlog_of_pauses(self, name: str, queue: sqs.IQueue, meaning: str) -> None:
        """Fire when a queue has not been empty for some time; what it hides for the length of a pause is not counted.

        SQS's age would count it: a message that pauses for an hour was received once.
        """
        self._alarm(
            f"{name}Backlog",
            queue.metric_approximate_number_of_messages_visible(period=Duration.minutes(1), statistic="Minimum"),
            threshold=1,
            periods=_MAX_AGE,
            meaning=f"For {_MAX_AGE} minutes there were always messages to process: {meaning}",
        )

    def on_failing(self, name: str, metric: str, meaning: str) -> None:
        """Fire when a message keeps failing; the metric is its age at its next attempt."""
        self._alarm(
            f"{name}Failing",
            self._metric(metric, period=Duration.minutes(1), statistic="Maximum"),
            threshold=Duration.minutes(_MAX_AGE).to_seconds(),
            meaning=f"{meaning} It has failed for so long that it is {_MAX_AGE} minutes late.",
        )

    def on_failing_recovery(self) -> None:
        """Fire when a job of the recovery queue fails twice in a row, ten minutes apart in sum.

        Twice: one that has waited for a quota for hours, and fails once, is as old as one that failed all the time.
        """
        self._alarm(
            "RecoveryFailing",
            self._metric(metric_names.FAILED_RECOVERY_AGE, period=Duration.minutes(5), statistic="Maximum"),
            threshold=Duration.minutes(_MAX_REPEATED_FAILURE).to_seconds(),
            periods=_LONGEST_RETRY // 5 + 1,
            datapoints=2,
            meaning=f"For {_MAX_REPEATED_FAILURE} minutes or longer a job could not be decided on or resubmitted "
            "because of an error.",
        )

    def on_failing_due_alerts(self) -> None:
        """Fire when a due alert fails a second time, twelve minutes (the visibility timeout) after the first."""
        self._alarm(
            "DueAlertsFailing",
            self._metric(metric_names.FAILED_DUE_ALERT_AGE, period=Duration.minutes(1), statistic="Maximum"),
            threshold=Duration.minutes(_MAX_REPEATED_FAILURE).to_seconds(),
            meaning=f"For {_MAX_REPEATED_FAILURE} minutes an overdue alert, or a digest, could not be sent.",
        )

    def on_silence(self, name: str, log_group: logs.ILogGroup, config: Config) -> None:
        """Fire when a function writes no log: it is not called, or may not log, and its own metrics are logs, too.

        CloudWatch Logs counts what arrives; Lambda itself writes three lines for each call. The sweep's heartbeats
        call each function.
        """
        self._silence(
            name,
            cloudwatch.Metric(
                namespace="AWS/Logs",
                metric_name="IncomingLogEvents",
                dimensions_map={"LogGroupName": log_group.log_group_name},
                period=_interval(config),
                statistic="Sum",
            ),
            f"Respot's {name.lower()} function has written no log since some sweeps: it is not called, "
            "it may not log, or no sweep sends heartbeats.",
        )

    def on_silent_stream(self, name: str, function: lambda_.IFunction, config: Config) -> None:
        """Fire when a function that a queue calls, too, is shown nothing of the ledger's stream."""
        self._silence(
            f"{name}Stream",
            function.metric("IteratorAge", period=_interval(config), statistic="SampleCount"),
            f"Respot's {name.lower()} function has been shown nothing of the ledger's stream since some sweeps, "
            "or no sweep begins.",
        )

    def _silence(self, name: str, metric: cloudwatch.IMetric, meaning: str) -> None:
        self._alarm(
            f"{name}Silent",
            metric,
            threshold=1,
            comparison=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
            periods=_HEARTBEATS_MISSED,
            meaning=meaning,
            missing=cloudwatch.TreatMissingData.BREACHING,
        )

    def on_lag(self, name: str, function: lambda_.IFunction, meaning: str) -> None:
        """Speak when a reader of the ledger's stream falls behind."""
        self._alarm(
            f"{name}StreamAge",
            function.metric("IteratorAge", period=Duration.minutes(1), statistic="Maximum"),
            threshold=Duration.minutes(_MAX_STREAM_AGE).to_milliseconds(),
            meaning=f"{name} is {_MAX_STREAM_AGE} minutes behind the ledger: {meaning}",
        )

    def on_lost_events(self) -> None:
        """Speak when a sweep has found what no event had told."""
        self._alarm(
            "LostEvents",
            self._metric(metric_names.TRANSITIONS_FIRST_SEEN_BY_SWEEP, period=Duration.minutes(5), statistic="Sum"),
            threshold=1,
            meaning="A sweep found transitions of which no event had told; they are recorded and acted on, late.",
        )

    def on_old_sweep(self, config: Config) -> None:
        """Speak when no sweep has been complete for some time; earlier when there is no sweep at all.

        The age grows by an interval with each sweep: the last of those that must be heard is as old as is said.
        """
        interval = _interval(config)
        minutes = int(interval.to_minutes())
        self._alarm(
            "SweepAge",
            self._metric(metric_names.SWEEP_AGE, period=interval, statistic="Minimum"),
            threshold=Duration.minutes((_SWEEPS_MISSED - _SWEEPS_HEARD + 1) * minutes).to_seconds(),
            periods=_SWEEPS_HEARD,
            meaning=f"No sweep of some region has been complete for {_SWEEPS_MISSED * minutes} minutes, or no sweep "
            "reports any more: lost events stay lost.",
            missing=cloudwatch.TreatMissingData.BREACHING,
        )

    def on_errors(self, name: str, function: lambda_.IFunction) -> None:
        """Speak when a function crashes or times out: a message it merely hands back is not counted as that."""
        self._alarm(
            f"{name}Errors",
            function.metric_errors(period=Duration.minutes(5), statistic="Sum"),
            threshold=1,
            meaning=f"Respot's {name.lower()} function crashed or timed out; its messages are tried again.",
        )

    def _alarm(
        self,
        name: str,
        metric: cloudwatch.IMetric,
        *,
        threshold: float,
        meaning: str,
        periods: int = 1,
        datapoints: int | None = None,
        comparison: cloudwatch.ComparisonOperator = _AT_LEAST,
        missing: cloudwatch.TreatMissingData = cloudwatch.TreatMissingData.NOT_BREACHING,
    ) -> None:
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

    def _metric(self, name: str, *, period: Duration, statistic: str) -> cloudwatch.Metric:
        """A metric that this deployment's functions write into their logs."""
        return cloudwatch.Metric(
            namespace=metric_names.NAMESPACE,
            metric_name=name,
            dimensions_map={metric_names.SERVICE_DIMENSION: Stack.of(self).stack_name},
            period=period,
            statistic=statistic,
        )


def _interval(config: Config) -> Duration:
    """Within it, there is a sweep, however long each may take."""
    return Duration.minutes(max(config.sweep_minutes, _LONGEST_SILENCE))
