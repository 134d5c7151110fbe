"""Stack `Respot`: one construct for each capability, and the grants between them."""

from aws_cdk import CfnOutput, Environment, Stack
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from infra.config import Config
from infra.constructs.alarms import Alarms
from infra.constructs.alerting import Alerting
from infra.constructs.forwarding import ForwardedEvents
from infra.constructs.kill_switch import KillSwitchParameter
from infra.constructs.ledger import Ledger
from infra.constructs.policy import PolicyParameter
from infra.constructs.reader_policy import ReaderPolicy
from infra.constructs.recording import Recording
from infra.constructs.recovery import Recovery
from infra.constructs.shared import Shared
from infra.constructs.slack import Slack
from infra.constructs.sweep import Sweep
from infra.constructs.weekly_digest import WeeklyDigest
from infra.version import describe, mark


class RespotStack(Stack):
    """Everything in the hub region."""

    def __init__(self, scope: Construct, construct_id: str, *, config: Config, code: lambda_.Code, policy: str) -> None:
        """`code` is the bundle that every function runs, `policy` the account's policy as JSON."""
        super().__init__(
            scope,
            construct_id,
            description=describe("controller for Amazon SageMaker managed spot training"),
            env=Environment(region=config.hub_region),
            analytics_reporting=False,
        )
        ledger = Ledger(self, "Ledger", config=config)
        alarms = Alarms(self, "Alarms", config=config)
        parameter = PolicyParameter(self, "Policy", text=policy)
        kill_switch = KillSwitchParameter(self, "KillSwitch")
        shared = Shared(config=config, code=code, ledger=ledger, alarms=alarms)

        recording = Recording(self, "Recording", shared)
        alerting = Alerting(self, "Alerting", shared, policy=parameter)
        recovery = Recovery(self, "Recovery", shared, policy=parameter, kill_switch=kill_switch)
        secret = config.slack_webhook_secret
        slack = None if secret is None else Slack(self, "Slack", shared, alerts=alerting.topic, secret=secret)
        sweep = Sweep(
            self,
            "Sweep",
            shared,
            policy=parameter,
            observations=recording.observations,
            due_alerts=alerting.due,
            recovery=recovery.queue,
            slack=slack.queue if slack else None,
        )

        ledger.grant_record(recording.record)
        ledger.grant_alert(alerting.alert)
        ledger.grant_recover(recovery.recover)
        ledger.grant_sweep(sweep.function)
        parameter.grant_read(alerting.alert, recovery.recover, sweep.function)
        kill_switch.grant_read(recovery.recover)
        recording.grant_request_rechecks(sweep.function)
        alerting.due.grant_send(sweep.function)
        recovery.queue.grant_send(sweep.function)

        outputs = {
            "LedgerTableName": ledger.table.table_name,
            "AlarmsTopicArn": alarms.topic.topic_arn,
            "PolicyParameterName": parameter.name,
            "KillSwitchParameterName": kill_switch.name,
            # An output cannot be empty, and takes 1,024 bytes: the patterns themselves may be longer.
            "UnnarrowedSettings": ",".join(config.unnarrowed) or "none",
            **recording.outputs,
            **alerting.outputs,
            **recovery.outputs,
            **sweep.outputs,
        }
        if slack is not None:
            ledger.grant_record_drill_posts(slack.function)
            slack.queue.grant_send(sweep.function)
            outputs |= slack.outputs
        if config.weekly_digest:
            weekly = WeeklyDigest(self, "Weekly", shared, alerts=alerting.topic)
            ledger.grant_report_week(weekly.function)
            outputs |= weekly.outputs
        if config.watched_regions:
            recording.observe(ForwardedEvents(self, "Forwarded", regions=config.watched_regions).bus)
            outputs["WatchedRegions"] = ",".join(config.watched_regions)
        if config.reader_policy:
            outputs["ReaderPolicyArn"] = ReaderPolicy(
                self,
                "Reader",
                config=config,
                ledger=ledger,
                topics=(alerting.topic, alarms.topic),
                parameters=(parameter.parameter, kill_switch.parameter),
                secret=secret,
            ).arn
        for name, value in outputs.items():
            CfnOutput(self, name, value=value)
        mark(self)
