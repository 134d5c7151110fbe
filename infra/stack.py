"""Stack `Respot`: what there is, in the order in which an event passes through it."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from aws_cdk import CfnOutput, Environment, Stack
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.config import Config
from infra.constructs.alarms import Alarms
from infra.constructs.alerting import (
    ALERTED,
    ALERTS_TRIED_HOURS,
    ENDINGS,
    ENDINGS_TRIED_HOURS,
    AlarmsTopic,
    AlertsTopic,
    DueAlerts,
    StreamReader,
)
from infra.constructs.alerting import TIMEOUT_SECONDS as ALERT_TIMEOUT
from infra.constructs.forwarding import ForwardedEvents
from infra.constructs.functions import RespotFunction
from infra.constructs.kill_switch import KillSwitchParameter
from infra.constructs.ledger import Ledger
from infra.constructs.observations import Observations
from infra.constructs.policy import PolicyParameter
from infra.constructs.recovery import TIMEOUT_SECONDS as RECOVERY_TIMEOUT
from infra.constructs.recovery import RecoveryQueue
from infra.constructs.slack import SlackDelivery
from infra.constructs.sweep import TIMEOUT_SECONDS as SWEEP_TIMEOUT
from infra.constructs.sweep import SweepSchedule
from infra.constructs.training_jobs import grant_list_checkpoints, grant_list_jobs, grant_look, grant_resubmit
from respot import metrics as metric_names
from respot.settings import SLACK_QUEUE_URL, Settings


class RespotStack(Stack):
    """Everything in the hub region."""

    def __init__(self, scope: Construct, construct_id: str, *, config: Config, code: lambda_.Code, policy: str) -> None:
        """`code` is the bundle that every function runs, `policy` the account's policy as JSON."""
        super().__init__(
            scope,
            construct_id,
            description="Respot: controller for Amazon SageMaker managed spot training",
            env=Environment(region=config.hub_region),
            analytics_reporting=False,
        )
        retention = _retention(config)

        observations = Observations(self, "Observations", config=config)
        if config.watched_regions:
            self._watch(config.watched_regions, observations)
        ledger = Ledger(self, "Ledger", config=config)
        transitions = StreamReader(
            self, "Transitions", table=ledger.table, patterns=ALERTED, tried_hours=ALERTS_TRIED_HOURS
        )
        endings = StreamReader(self, "Endings", table=ledger.table, patterns=ENDINGS, tried_hours=ENDINGS_TRIED_HOURS)
        recovery = RecoveryQueue(self, "Recovery", config=config)
        parameter = PolicyParameter(self, "Policy", text=policy)
        kill_switch = KillSwitchParameter(self, "KillSwitch")
        due = DueAlerts(self, "DueAlerts")
        alerts = AlertsTopic(self, "Alerts", config=config)
        news = AlarmsTopic(self, "AlarmNews", config=config)
        alarms = Alarms(self, "Alarms", topic=news.topic)

        record = RespotFunction(
            self,
            "Record",
            description="Describes the jobs that were observed and records their transitions",
            code=code,
            config=config,
            settings=Settings(
                ledger_table=ledger.table.table_name,
                retention=retention,
                queue_url=observations.queue.queue_url,
                first_retry=timedelta(seconds=config.observation_retry_seconds),
            ),
        )
        observations.deliver_to(record.function)
        grant_look(record.function)
        ledger.grant_record(record.function)

        alert = RespotFunction(
            self,
            "Alert",
            description="Publishes an alert for each new transition that calls for one",
            code=code,
            config=config,
            settings=Settings(
                ledger_table=ledger.table.table_name,
                alerts_topic_arn=alerts.topic.topic_arn,
                alert_kinds=frozenset(config.alert_kinds),
                alert_max_age=timedelta(hours=config.alert_max_age_hours),
                digest_window=timedelta(seconds=config.digest_seconds),
                due_alerts_queue_url=due.queue.queue_url,
                policy_parameter=parameter.parameter.parameter_name,
                # A sender cannot be alive for longer; the clocks of two may differ.
                alert_lease=timedelta(seconds=2 * ALERT_TIMEOUT),
                retention=retention,
            ),
            timeout_seconds=ALERT_TIMEOUT,
        )
        transitions.deliver_to(alert.function)
        due.deliver_to(alert.function)
        due.grant_send(alert.function)
        ledger.grant_alert(alert.function)
        alerts.grant_publish(alert.function)

        enqueue_ended = RespotFunction(
            self,
            "EnqueueEnded",
            description="Sends jobs that have ended to the recovery queue",
            code=code,
            config=config,
            settings=Settings(recovery_queue_url=recovery.queue.queue_url),
        )
        endings.deliver_to(enqueue_ended.function)
        recovery.grant_send(enqueue_ended.function)

        recover = RespotFunction(
            self,
            "Recover",
            description="Decides on jobs that have ended and creates their next attempts",
            code=code,
            config=config,
            settings=Settings(
                ledger_table=ledger.table.table_name,
                retention=retention,
                queue_url=recovery.queue.queue_url,
                first_retry=timedelta(seconds=config.observation_retry_seconds),
                policy_parameter=parameter.parameter.parameter_name,
                kill_switch_parameter=kill_switch.parameter.parameter_name,
            ),
            timeout_seconds=RECOVERY_TIMEOUT,
        )
        recovery.deliver_to(recover.function)
        ledger.grant_recover(recover.function)
        parameter.grant_read(alert.function, recover.function)
        kill_switch.grant_read(recover.function)
        grant_resubmit(
            recover.function, role_patterns=config.training_roles, instance_types=config.training_instance_types
        )
        grant_list_checkpoints(recover.function, buckets=config.checkpoint_buckets)

        sweep = self._sweep(
            config, code, ledger=ledger, observations=observations, recovery=recovery, due=due, parameter=parameter
        )

        self._alarm(
            alarms,
            config,
            observations=observations,
            transitions=transitions,
            due=due,
            endings=endings,
            recovery=recovery,
            functions={"Record": record, "Alert": alert, "EnqueueEnded": enqueue_ended, "Recover": recover},
        )
        alarms.on_old_sweep(config)
        alarms.on_errors("Sweep", sweep)

        outputs = {
            "LedgerTableName": ledger.table.table_name,
            "AlertsTopicArn": alerts.topic.topic_arn,
            "AlarmsTopicArn": news.topic.topic_arn,
            "ObservationsQueueUrl": observations.queue.queue_url,
            "ObservationsDlqUrl": observations.dead_letters.queue_url,
            "RecoveryQueueUrl": recovery.queue.queue_url,
            "RecoveryDlqUrl": recovery.dead_letters.queue_url,
            "EndingsDlqUrl": endings.dead_letters.queue_url,
            "SweepFunctionName": sweep.function_name,
            "PolicyParameterName": parameter.parameter.parameter_name,
            "KillSwitchParameterName": kill_switch.parameter.parameter_name,
            "AlertsDlqUrl": transitions.dead_letters.queue_url,
            "DueAlertsQueueUrl": due.queue.queue_url,
            "DueAlertsDlqUrl": due.dead_letters.queue_url,
            "RecordLogGroupName": record.log_group.log_group_name,
            "AlertLogGroupName": alert.log_group.log_group_name,
            "EnqueueEndedLogGroupName": enqueue_ended.log_group.log_group_name,
            "RecoverLogGroupName": recover.log_group.log_group_name,
        }
        for name, value in outputs.items():
            CfnOutput(self, name, value=value)

        if config.slack_webhook_secret is not None:
            self._deliver_to_slack(
                config,
                code,
                ledger=ledger,
                alerts=alerts,
                news=news,
                alarms=alarms,
                secret=config.slack_webhook_secret,
                sweep=sweep,
            )

    @staticmethod
    def _alarm(
        alarms: Alarms,
        config: Config,
        *,
        observations: Observations,
        transitions: StreamReader,
        due: DueAlerts,
        endings: StreamReader,
        recovery: RecoveryQueue,
        functions: Mapping[str, RespotFunction],
    ) -> None:
        """What must not go wrong unseen on the way from an event to an alert and a next attempt."""
        alarms.on_backlog(
            "Observations", observations.queue, "the ledger and alerts are late; record is not called or too slow."
        )
        alarms.on_failing(
            "Observations",
            metric_names.FAILED_OBSERVATION_AGE,
            "A job could not be described or recorded: SageMaker or DynamoDB refuses or does not answer.",
        )
        alarms.on_dead_letters(
            "Observations", observations.dead_letters, "Observations could not be recorded: the ledger may lack them."
        )
        alarms.on_lag("Alert", functions["Alert"].function, "alerts are late.")
        alarms.on_silent_stream("Alert", functions["Alert"].function, config)
        alarms.on_dead_letters("Alerts", transitions.dead_letters, "Alerts were given up: nobody was told.")
        alarms.on_dead_letters(
            "DueAlerts",
            due.dead_letters,
            "Overdue alerts, or digests of alerts that were held back, were given up: nobody was told.",
        )
        alarms.on_backlog("DueAlerts", due.queue, "overdue alerts and digests are late.")
        alarms.on_failing_due_alerts()
        alarms.on_lag("EnqueueEnded", functions["EnqueueEnded"].function, "jobs that ended are not resubmitted yet.")
        alarms.on_dead_letters("Endings", endings.dead_letters, "Jobs that ended were given up: none is resubmitted.")
        alarms.on_dead_letters("Recovery", recovery.dead_letters, "Jobs could not be decided on or resubmitted.")
        alarms.on_backlog_of_pauses("Recovery", recovery.queue, "jobs that ended are decided on late.")
        alarms.on_failing_recovery()
        alarms.on_lost_events()
        for name, part in functions.items():
            alarms.on_errors(name, part.function)
            alarms.on_silence(name, part.log_group, config)

    def _sweep(
        self,
        config: Config,
        code: lambda_.Code,
        *,
        ledger: Ledger,
        observations: Observations,
        recovery: RecoveryQueue,
        due: DueAlerts,
        parameter: PolicyParameter,
    ) -> lambda_.Function:
        sweep = RespotFunction(
            self,
            "Sweep",
            description="Looks for what events did not tell, and for what has been left undone",
            code=code,
            config=config,
            settings=Settings(
                ledger_table=ledger.table.table_name,
                regions=config.regions,
                backfill=timedelta(days=config.backfill_days),
                event_grace=timedelta(seconds=config.event_grace_seconds),
                observations_queue_url=observations.queue.queue_url,
                recovery_queue_url=recovery.queue.queue_url,
                due_alerts_queue_url=due.queue.queue_url,
                policy_parameter=parameter.parameter.parameter_name,
                retention=_retention(config),
            ),
            timeout_seconds=SWEEP_TIMEOUT,
        )
        SweepSchedule(self, "SweepSchedule", config=config, function=sweep.function)
        ledger.grant_sweep(sweep.function)
        observations.grant_send(sweep.function)
        recovery.grant_send(sweep.function)
        due.grant_send(sweep.function)
        grant_list_jobs(sweep.function)
        parameter.grant_read(sweep.function)
        return sweep.function

    def _watch(self, regions: Sequence[str], observations: Observations) -> None:
        """Other regions' forwarders send their events here."""
        observations.take_from(ForwardedEvents(self, "Forwarded", regions=regions).bus)
        CfnOutput(self, "WatchedRegions", value=",".join(regions))

    def _deliver_to_slack(
        self,
        config: Config,
        code: lambda_.Code,
        *,
        ledger: Ledger,
        alerts: AlertsTopic,
        news: AlarmsTopic,
        alarms: Alarms,
        secret: str,
        sweep: lambda_.Function,
    ) -> None:
        delivery = SlackDelivery(
            self, "SlackDelivery", config=config, alerts=alerts.topic, alarms=news.topic, secret=secret
        )
        slack = RespotFunction(
            self,
            "Slack",
            description="Posts alerts and alarms to Slack",
            code=code,
            config=config,
            settings=Settings(
                # For what it notes of drills.
                ledger_table=ledger.table.table_name,
                slack_secret=secret,
                queue_url=delivery.queue.queue_url,
                first_retry=timedelta(seconds=config.slack_retry_seconds),
            ),
        )
        delivery.deliver_to(slack.function)
        delivery.grant_read_webhook(slack.function)
        ledger.grant_note_drills(slack.function)
        alarms.on_dead_letters("Slack", delivery.dead_letters, "Slack did not take messages: the channel lacks them.")
        alarms.on_backlog("Slack", delivery.queue, "Slack gets alerts late.")
        alarms.on_failing("Slack", metric_names.FAILED_SLACK_MESSAGE_AGE, "Slack did not take a message.")
        alarms.on_errors("Slack", slack.function)
        alarms.on_silence("Slack", slack.log_group, config)
        delivery.grant_send(sweep)
        sweep.add_environment(SLACK_QUEUE_URL, delivery.queue.queue_url)
        CfnOutput(self, "SlackQueueUrl", value=delivery.queue.queue_url)
        CfnOutput(self, "SlackDlqUrl", value=delivery.dead_letters.queue_url)
        CfnOutput(self, "SlackLogGroupName", value=slack.log_group.log_group_name)


def _retention(config: Config) -> timedelta | None:
    return None if config.ledger_retention_days is None else timedelta(days=config.ledger_retention_days)
