"""Alarms: what a person must hear of, sent to a topic of their own."""

from typing import Final

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra.config import Config
from respot import metric_names

_RUNBOOK: Final = "See docs/operations.md."
_MAX_OBSERVATION_AGE: Final = 15
_MAX_STREAM_AGE: Final = 5
_SWEEPS_MISSED: Final = 6
_SWEEPS_HEARD: Final = 3
"""So many sweeps must tell the same, or be silent: one that is killed keeps the next one away, too."""
_LONGEST_SILENCE: Final = 5
"""Minutes between two sweeps that run for as long as they may, however often they are called: each tells its age when
it ends."""


class Alarms(Construct):
    """Alarms on one topic; none of them speaks while there is nothing to measure, but that on the sweep."""

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

    def on_waiting(self, name: str, queue: sqs.IQueue) -> None:
        """Speak when the oldest message has waited through several attempts."""
        self._alarm(
            f"{name}Age",
            queue.metric_approximate_age_of_oldest_message(period=Duration.minutes(1), statistic="Maximum"),
            threshold=Duration.minutes(_MAX_OBSERVATION_AGE).to_seconds(),
            meaning=f"The oldest of Respot's {name.lower()} has waited {_MAX_OBSERVATION_AGE} minutes: "
            "SageMaker or DynamoDB does not answer, or more arrives than is processed.",
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
        minutes = max(config.sweep_minutes, _LONGEST_SILENCE)
        self._alarm(
            "SweepAge",
            self._metric(metric_names.SWEEP_AGE, period=Duration.minutes(minutes), statistic="Minimum"),
            threshold=Duration.minutes((_SWEEPS_MISSED - _SWEEPS_HEARD + 1) * minutes).to_seconds(),
            periods=_SWEEPS_HEARD,
            meaning=f"No sweep of some region has been complete for {_SWEEPS_MISSED * minutes} minutes, or none has "
            f"said anything for {_SWEEPS_HEARD * minutes}: lost events stay lost.",
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
        missing: cloudwatch.TreatMissingData = cloudwatch.TreatMissingData.NOT_BREACHING,
    ) -> None:
        cloudwatch.Alarm(
            self,
            name,
            metric=metric,
            threshold=threshold,
            comparison_operator=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
            evaluation_periods=periods,
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
