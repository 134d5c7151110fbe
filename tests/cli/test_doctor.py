"""`respot doctor`: each trouble is named with its fix, and nothing that cannot be read hides the rest."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.loaders import create_loader
from botocore.session import get_session

from respot.alerting.alert import AlertOutcome, AlertRecord
from respot.alerting.kinds import AlertKind
from respot.aws.dynamodb.drills import DynamoDbDrillPosts
from respot.aws.dynamodb.ledger import DynamoDbLedger
from respot.aws.dynamodb.sweeps import progress_item
from respot.jobs.job import JobRecord, at_milliseconds
from respot.jobs.merge import reconcile
from respot.recording.drill import Drill
from respot.schema import CHECKS
from respot.sweep.progress import SweepProgress
from respot_cli import deployment
from respot_cli.deployment import Deployment
from respot_cli.doctor import command
from respot_cli.doctor.checks import ACTIONS, LATE_AFTER, Checks
from respot_cli.doctor.command import exit_code
from respot_cli.doctor.finding import Finding, Verdict
from respot_cli.main import main
from tests.support.builders import ACCOUNT, REGION, a_drill
from tests.support.clock import FakeClock
from tests.support.moto_aws import TABLE
from tests.support.refused import cut_off, refuse

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

FAR: Final = "eu-west-1"
VERSION: Final = "1.4.2"
BOOTSTRAP: Final = "/cdk-bootstrap/hnb659fds/version"
SECRET: Final = "respot/slack-webhook"  # noqa: S105 - a name
QUEUES: Final = (
    *("ObservationsDlqUrl", "DrillsDlqUrl", "AlertsDlqUrl", "DueAlertsDlqUrl", "EndedJobsDlqUrl", "RecoveryDlqUrl"),
    *("SlackDlqUrl", "SlackQueueUrl"),
)
HUB_STACK: Final = "Respot"
FORWARDER_STACK: Final = f"RespotForwarder-{REGION}-{FAR}"
OUTPUT_OF_TOPICS: Final = ("AlertsTopicArn", "AlarmsTopicArn")


LOADER: Final = create_loader()
"""It keeps what it has read of the services' models, which takes most of a client's making."""


def new_session() -> boto3.session.Session:
    core = get_session()
    core.register_component("data_loader", LOADER)
    return boto3.session.Session(botocore_session=core, region_name=REGION)


@cache
def client(service: str, region: str) -> Any:  # noqa: ANN401 - as boto3 types it
    session: Any = new_session()
    return session.client(service, region_name=region)


@dataclass(slots=True, kw_only=True)
class Account:
    """An account with a deployment in two regions, in which all is well."""

    dynamodb: "DynamoDBClient"
    now: datetime
    outputs: dict[str, str]
    forwarder: dict[str, str]
    created: datetime
    updated: datetime | None = None
    status: str = "UPDATE_COMPLETE"

    def client(self, service: str, region: str = REGION) -> Any:  # noqa: ANN401 - as boto3 types it
        return client(service, region)

    def deploy(self, **outputs: str | None) -> None:
        """Deploy the hub again, with these outputs changed, or taken away."""
        changed = {**self.outputs, **outputs}
        self.outputs = {name: value for name, value in changed.items() if value is not None}

    def session(self) -> boto3.session.Session:
        """One that knows the stacks; moto has no CloudFormation without packages that nothing else needs."""
        made = new_session()
        made.events.register("before-call.cloudformation.DescribeStacks", self._describe)  # type: ignore[arg-type]
        return made

    def _describe(self, params: dict[str, Any], **_: object) -> tuple[Any, Any]:
        name = params["body"]["StackName"]
        stacks = {HUB_STACK: self.outputs, FORWARDER_STACK: self.forwarder}
        if not stacks.get(name):
            absent = {"Error": {"Code": "ValidationError", "Message": f"Stack with id {name} does not exist"}}
            raise ClientError(absent, "DescribeStacks")  # type: ignore[arg-type]
        stack = {
            "StackStatus": self.status,
            "CreationTime": self.created,
            **({"LastUpdatedTime": self.updated} if self.updated else {}),
            "Parameters": [{"ParameterKey": "BootstrapVersion", "ParameterValue": BOOTSTRAP, "ResolvedValue": "21"}],
            "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in stacks[name].items()],
        }
        return SimpleNamespace(status_code=200), {"Stacks": [stack], "ResponseMetadata": {}}

    def parameter(self, name: str, value: str, region: str = REGION) -> None:
        ssm = self.client("ssm", region)
        ssm.put_parameter(Name=name, Value=value, Type="String", Overwrite=True)

    def swept(self, scope: str, age: timedelta) -> None:
        at = self.now - age
        progress = SweepProgress(scope=scope, watched_since=at, leased_at=at, last_began=at)
        self.dynamodb.put_item(TableName=TABLE, Item=progress_item(progress, until=at))

    def drilled(self, region: str, age: timedelta, *, alerted: bool = True, refusal: str | None = None) -> Drill:
        """Have sent a drill, which has passed unless something is said."""
        sent_at = at_milliseconds(self.now - age)
        id_ = f"{abs(hash((region, age))):012x}"[:12]
        drill = a_drill(id=id_, region=region, account=ACCOUNT, sent_at=sent_at)
        ledger = DynamoDbLedger(self.dynamodb, TABLE, clock=FakeClock(sent_at), retention=None)
        ledger.save(reconcile(JobRecord(), drill.snapshot()))
        if alerted:
            ledger.complete_alert(
                AlertRecord(
                    job=drill.job,
                    kind=AlertKind.INTERRUPTED,
                    transition=drill.alerted,
                    outcome=AlertOutcome.SENT,
                    reason="",
                    headline="DRILL",
                    settled_at=sent_at,
                    message_id="message-1",
                )
            )
            DynamoDbDrillPosts(self.dynamodb, TABLE, clock=FakeClock(sent_at)).note(drill.id, refusal)
        return drill

    def alarm(self, name: str, topic: str, region: str = REGION, state: str = "ALARM") -> None:
        cloudwatch = self.client("cloudwatch", region)
        cloudwatch.put_metric_alarm(
            AlarmName=name,
            AlarmActions=[topic],
            ComparisonOperator="GreaterThanThreshold",
            EvaluationPeriods=1,
            MetricName="Errors",
            Namespace="AWS/Lambda",
            Period=60,
            Statistic="Sum",
            Threshold=1,
        )
        cloudwatch.set_alarm_state(AlarmName=name, StateValue=state, StateReason="")

    def found(self, session: boto3.session.Session | None = None) -> Deployment:
        return Deployment(session=session or self.session(), outputs=self.outputs)

    def findings(self, *, version: str | None = VERSION, session: boto3.session.Session | None = None) -> "Findings":
        return dict(Checks(found=self.found(session), now=self.now, version=version).findings())


Findings = Mapping[str, Finding]


@pytest.fixture
def account(dynamodb: "DynamoDBClient", monkeypatch: pytest.MonkeyPatch) -> Account:
    now = at_milliseconds(datetime.now(UTC))
    made = Account(dynamodb=dynamodb, now=now, created=now, outputs={}, forwarder={})
    for region, outputs, names in ((REGION, made.outputs, QUEUES), (FAR, made.forwarder, ("ForwarderDlqUrl",))):
        sqs, sns = made.client("sqs", region), made.client("sns", region)
        outputs |= {name: sqs.create_queue(QueueName=name)["QueueUrl"] for name in names}
        for topic in OUTPUT_OF_TOPICS if region == REGION else ("AlarmsTopicArn",):
            outputs[topic] = sns.create_topic(Name=topic)["TopicArn"]
            sns.subscribe(TopicArn=outputs[topic], Protocol="email", Endpoint="ml@example.com")
        made.parameter(BOOTSTRAP, "21", region)
    made.outputs |= {
        "Version": VERSION,
        "LedgerTableName": TABLE,
        "WatchedRegions": FAR,
        "PolicyParameterName": "/Respot/policy",
        "KillSwitchParameterName": "/Respot/kill-switch",
        "SlackSecretName": SECRET,
        "SweepMinutes": "5",
        "UnnarrowedSettings": "none",
    }
    made.forwarder["Version"] = VERSION
    made.parameter("/Respot/policy", '{"version": 1}')
    made.parameter("/Respot/kill-switch", "off")
    made.client("secretsmanager").create_secret(Name=SECRET, SecretString="https://hooks.example.com/secret-path")
    for region in (REGION, FAR):
        made.drilled(region, timedelta(hours=2))
        made.swept(region, timedelta(minutes=3))
    made.swept(CHECKS, timedelta(minutes=4))
    monkeypatch.setattr(deployment, "find", lambda _: made.found())
    monkeypatch.setattr(command, "installed_version", lambda: VERSION)
    return made


def test_a_deployment_in_which_all_is_well_needs_nothing(account: Account) -> None:
    findings = account.findings()
    assert {check: found for check, found in findings.items() if found.verdict is not Verdict.FINE} == {}
    assert {check: found.said for check, found in findings.items()} == {
        "stack": "Respot in us-east-1: UPDATE_COMPLETE",
        "version": "stack 1.4.2, command 1.4.2",
        "forwarder eu-west-1": "version 1.4.2",
        "bootstrap us-east-1": "version 21",
        "bootstrap eu-west-1": "version 21",
        "alert subscribers": "1 by email",
        "alarm subscribers us-east-1": "1 by email",
        "alarm subscribers eu-west-1": "1 by email",
        "Slack": "the secret respot/slack-webhook holds an address",
        "settings": "roles, instance types and buckets are narrowed",
        "policy": "valid: resumes tagged jobs by default, 0 rules",
        "kill switch": "off",
        "drill us-east-1": "passed 2 h 00 min ago",
        "drill eu-west-1": "passed 2 h 00 min ago",
        "dead letters": "none in 8 queues",
        "sweeps": "the last complete one began 4 min ago",
        "alarms us-east-1": "none fires",
        "alarms eu-west-1": "none fires",
    }


# --- troubles


def pending(account: Account) -> None:
    """SNS shows what nobody has confirmed in place of an ARN; moto confirms everything."""
    topic = account.outputs["AlertsTopicArn"]
    account.client("sns").subscribe(TopicArn=topic, Protocol="email", Endpoint="new@example.com; rm -r x")


def without_subscribers(account: Account, output: str) -> None:
    sns = account.client("sns")
    for each in sns.list_subscriptions_by_topic(TopicArn=account.outputs[output])["Subscriptions"]:
        sns.unsubscribe(SubscriptionArn=each["SubscriptionArn"])


def send(account: Account, output: str, region: str = REGION, count: int = 1) -> None:
    outputs = account.outputs if region == REGION else account.forwarder
    for _ in range(count):
        account.client("sqs", region).send_message(QueueUrl=outputs[output], MessageBody="x")


def some_dead_letters(account: Account) -> None:
    send(account, "SlackDlqUrl", count=2)
    send(account, "ForwarderDlqUrl", FAR)


def secret(account: Account, value: str) -> None:
    account.client("secretsmanager").put_secret_value(SecretId=SECRET, SecretString=value)


def replaced_secret(account: Account, **request: str) -> None:
    secrets = account.client("secretsmanager")
    secrets.delete_secret(SecretId=SECRET, ForceDeleteWithoutRecovery=True)
    if request:
        secrets.create_secret(**request)


SWITCH_OFF: Final = "aws ssm put-parameter --region us-east-1 --name /Respot/kill-switch --type String --value off"
W, X, U = Verdict.WARNING, Verdict.FIX, Verdict.UNKNOWN
LATE: Final = timedelta(minutes=5 * LATE_AFTER)
TROUBLES: Final[dict[str, tuple[Callable[[Account], object], str, Verdict, str, str]]] = {
    "a stack of an older minor": (lambda a: a.deploy(Version="1.3.9"), "version", W, "stack 1.3.9", "upgrade.md"),
    "a stack of another major": (lambda a: a.deploy(Version="2.0.0"), "version", X, "stack 2.0.0", "upgrade.md"),
    "a stack without a version": (lambda a: a.deploy(Version=None), "version", W, "older than this", "make deploy"),
    "a forwarder of another version": (
        *(lambda a: a.forwarder.update(Version="1.4.1"), "forwarder eu-west-1", W),
        *("version 1.4.1, and the hub has 1.4.2", "make deploy"),
    ),
    "no forwarder": (
        *(lambda a: a.forwarder.clear(), "forwarder eu-west-1", X),
        *(f"no stack {FORWARDER_STACK}: none of its events", "make deploy"),
    ),
    "not bootstrapped": (
        *(lambda a: a.client("ssm", FAR).delete_parameter(Name=BOOTSTRAP), "bootstrap eu-west-1", X),
        *(f"no parameter {BOOTSTRAP}", "-m infra.cdk bootstrap aws://123456789012/eu-west-1"),
    ),
    "no subscriber": (
        *(lambda a: without_subscribers(a, "AlarmsTopicArn"), "alarm subscribers us-east-1", W),
        *("none", "set alert_emails or slack_webhook_secret"),
    ),
    "no secret": (replaced_secret, "Slack", X, f"no secret {SECRET}", "docs/guides/slack.md"),
    "a secret without a value": (
        *(lambda a: replaced_secret(a, Name=SECRET), "Slack", X, "has no value", "docs/guides/slack.md"),
    ),
    "a secret that is no address": (
        *(lambda a: secret(a, "xoxb-token"), "Slack", X),
        *("must hold an https:// address", "docs/guides/slack.md"),
    ),
    "a secret that is deleted": (
        *(lambda a: a.client("secretsmanager").delete_secret(SecretId=SECRET), "Slack", X, "will be deleted"),
        "aws secretsmanager restore-secret --region us-east-1 --secret-id respot/slack-webhook",
    ),
    "no Slack": (lambda a: a.deploy(SlackQueueUrl=None), "Slack", Verdict.FINE, "not set up", ""),
    "settings as shipped": (
        *(lambda a: a.deploy(UnnarrowedSettings="training_roles,checkpoint_buckets"), "settings", W),
        *("anything is allowed by training_roles, checkpoint_buckets", "cdk.json"),
    ),
    "a policy with a mistake": (
        *(lambda a: a.parameter("/Respot/policy", '{"version": 1, "defaults": {"resum": true}}'), "policy", X),
        *("/Respot/policy: defaults.resum", "correct the policy file"),
    ),
    "no policy": (
        *(lambda a: a.client("ssm").delete_parameter(Name="/Respot/policy"), "policy", X),
        *("does not exist", "make deploy"),
    ),
    "the kill switch on": (
        *(lambda a: a.parameter("/Respot/kill-switch", "on"), "kill switch", W),
        *("on: Respot creates and stops no training job", f"when it may again: {SWITCH_OFF}"),
    ),
    "the kill switch elsewhere": (
        *(lambda a: a.parameter("/Respot/kill-switch", "of"), "kill switch", X),
        *("says 'of', which counts as on", SWITCH_OFF),
    ),
    "no kill switch": (
        *(lambda a: a.client("ssm").delete_parameter(Name="/Respot/kill-switch"), "kill switch", X),
        *("does not exist, which counts as on", SWITCH_OFF),
    ),
    "a drill that nobody alerted on": (
        *(lambda a: a.drilled(REGION, timedelta(hours=1), alerted=False), "drill us-east-1", X),
        *("got stuck at alert 1 h 00 min ago: no alert was sent", "respot drill --region us-east-1"),
    ),
    "a drill that Slack refused": (
        *(lambda a: a.drilled(FAR, timedelta(hours=1), refusal="Slack answered 404"), "drill eu-west-1", X),
        *("got stuck at Slack 1 h 00 min ago: Slack answered 404", "respot drill --region eu-west-1"),
    ),
    "a drill on its way": (
        *(lambda a: a.drilled(REGION, timedelta(seconds=3), alerted=False), "drill us-east-1", W),
        *("under way", "in a minute"),
    ),
    "dead letters": (
        *(some_dead_letters, "dead letters", X),
        *("2 in slack, 1 in forwarder-eu-west-1", "respot dlq"),
    ),
    "a queue that is gone": (
        *(lambda a: a.client("sqs").delete_queue(QueueUrl=a.outputs["RecoveryDlqUrl"]), "dead letters", X),
        *("does not exist", "make deploy"),
    ),
    "a region that is not swept": (lambda a: a.swept(FAR, LATE), "sweeps", X, "began 20 min ago", "docs/runbook.md"),
    "an alarm": (
        *(lambda a: a.alarm("Respot-AlarmsSlackDeadLetters22194F31-BB62", a.outputs["AlarmsTopicArn"]),),
        *("alarms us-east-1", X, "SlackDeadLetters", "docs/runbook.md#alarms"),
    ),
    "an alarm of a forwarder": (
        *(lambda a: a.alarm("mine", a.forwarder["AlarmsTopicArn"], FAR), "alarms eu-west-1", X),
        *("mine", "docs/runbook.md#alarms"),
    ),
}


@pytest.mark.parametrize("name", TROUBLES)
def test_each_trouble_is_named_with_its_fix_and_changes_no_other_finding(account: Account, name: str) -> None:
    trouble, check, verdict, said, fix = TROUBLES[name]
    trouble(account)
    after = account.findings()
    assert after[check].verdict is verdict
    assert said in after[check].said
    assert fix in after[check].fix
    followers = {check}
    if not account.forwarder:  # nothing of that region can be seen
        followers |= {each for each in after if each.endswith(FAR)} | {"dead letters"}
    if check == "version":
        followers.add("forwarder eu-west-1")
    assert {each for each, found in after.items() if found.verdict is not Verdict.FINE} <= followers


def test_a_subscription_that_nobody_confirmed_is_named_and_can_be_sent_again(account: Account) -> None:
    """SNS lists `PendingConfirmation` in place of the ARN (API reference, Subscription); moto confirms everything."""
    pending(account)
    session = account.session()

    def unconfirmed(parsed: dict[str, Any], **_: object) -> None:
        for each in parsed["Subscriptions"]:
            each["SubscriptionArn"] = "PendingConfirmation" if "new@" in each["Endpoint"] else "Deleted"

    session.events.register("after-call.sns.ListSubscriptionsByTopic", unconfirmed)
    findings = account.findings(session=session)
    alerts = findings["alert subscribers"]
    assert (alerts.verdict, alerts.said) == (X, "not confirmed: new@example.com; rm -r x")
    # What somebody else has chosen is quoted for the shell.
    assert alerts.fix.endswith("--protocol email --notification-endpoint 'new@example.com; rm -r x'")
    assert findings["alarm subscribers us-east-1"].said == "none"  # deleted ones do not count


STATES: Final = {
    "UPDATE_ROLLBACK_COMPLETE": (W, "make deploy"),
    "UPDATE_IN_PROGRESS": (W, "after the deployment"),
    "UPDATE_ROLLBACK_FAILED": (X, "CloudFormation console"),
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": (W, "after the deployment"),
    "UPDATE_COMPLETE": (Verdict.FINE, ""),
}


@pytest.mark.parametrize("status", STATES)
def test_the_stack_says_how_its_last_deployment_ended(account: Account, status: str) -> None:
    account.status = status
    found = account.findings()["stack"]
    verdict, fix = STATES[status]
    assert (found.verdict, status in found.said, fix in found.fix) == (verdict, True, True)


def test_before_the_first_sweep_and_drill_there_is_nothing_to_fix(account: Account, dynamodb: "DynamoDBClient") -> None:
    for item in dynamodb.scan(TableName=TABLE)["Items"]:
        dynamodb.delete_item(TableName=TABLE, Key={name: item[name] for name in ("pk", "sk")})
    findings = account.findings()
    assert findings["sweeps"].verdict is findings["drill us-east-1"].verdict is W
    assert findings["drill us-east-1"].fix == "respot drill --region us-east-1"
    account.now += timedelta(minutes=30)
    assert account.findings()["sweeps"].verdict is X


@pytest.mark.parametrize(
    ("region", "age", "verdict", "said"),
    [
        (REGION, timedelta(hours=3), Verdict.WARNING, "none since the deployment 3 h 00 min ago"),
        (FAR, timedelta(hours=23.9), Verdict.WARNING, "none since the deployment 23 h 54 min ago"),
        (REGION, timedelta(hours=24), Verdict.NOTE, "none in the last day; the ledger keeps a drill no longer"),
        (FAR, timedelta(days=6), Verdict.NOTE, "none in the last day; the ledger keeps a drill no longer"),
    ],
)
def test_that_there_was_no_drill_is_a_warning_only_where_it_is_known(
    account: Account, region: str, age: timedelta, verdict: Verdict, said: str
) -> None:
    """A weekly drill is in the ledger on one day of seven."""
    account.created, account.updated = account.now - timedelta(days=90), account.now - age
    for item in account.dynamodb.scan(TableName=TABLE)["Items"]:
        if "DRILL" in item["pk"]["S"] or "drill" in item["pk"]["S"]:
            account.dynamodb.delete_item(TableName=TABLE, Key={name: item[name] for name in ("pk", "sk")})
    found = account.findings()[f"drill {region}"]
    assert (found.verdict, found.said, found.fix) == (verdict, said, f"respot drill --region {region}")
    account.created, account.updated = account.now - age, None
    assert account.findings()[f"drill {region}"] == found


def test_a_drill_of_tomorrow_does_not_hide_todays(account: Account) -> None:
    """Anyone who may put events can send one."""
    account.drilled(REGION, timedelta(days=-1), alerted=False)
    assert account.findings()["drill us-east-1"].said == "passed 2 h 00 min ago"


def test_only_the_deployments_own_alarms_that_fire_count(account: Account) -> None:
    account.alarm("others", f"arn:aws:sns:{REGION}:{ACCOUNT}:others")
    account.alarm("well", account.outputs["AlarmsTopicArn"], state="OK")
    assert account.findings()["alarms us-east-1"].verdict is Verdict.FINE


# --- what cannot be read


@pytest.mark.parametrize(("operation", "service"), ACTIONS.items())
def test_a_missing_permission_is_named_and_the_rest_is_checked(account: Account, operation: str, service: str) -> None:
    session = account.session()
    refuse(session, service, operation)
    findings = account.findings(session=session)
    named = {check for check, found in findings.items() if f"credentials lack {service}:{operation}" in found.said}
    assert named
    assert {findings[check].verdict for check in named} == {U}
    others = {check: found for check, found in findings.items() if check not in named}
    if operation != "DescribeStacks":  # without it, nothing is known of the other regions
        assert {found.verdict for found in others.values()} == {Verdict.FINE}
    assert exit_code([*findings.values()]) == 5


def test_nobody_needs_to_read_the_secret(account: Account) -> None:
    session = account.session()
    refuse(session, "secretsmanager", "GetSecretValue")
    found = account.findings(session=session)["Slack"]
    assert (found.verdict, found.said) == (
        Verdict.FINE,
        f"the secret {SECRET} has a value, which your credentials may not read",
    )


def test_a_region_out_of_reach_hides_no_other(account: Account) -> None:
    session = account.session()
    cut_off(session, "sns", region=FAR)
    findings = account.findings(session=session)
    assert [check for check, found in findings.items() if found.verdict is U] == ["alarm subscribers eu-west-1"]
    assert "check the network and the region" in findings["alarm subscribers eu-west-1"].said


def test_a_dead_letter_is_named_also_where_another_queue_cannot_be_counted(account: Account) -> None:
    send(account, "SlackDlqUrl")
    session = account.session()
    cut_off(session, "sqs", region=FAR)
    found = account.findings(session=session)["dead letters"]
    assert (found.verdict, found.said) == (X, "1 in slack (queues not counted: 1)")


@pytest.mark.parametrize("output", ["SlackSecretName", "SweepMinutes", "UnnarrowedSettings"])
def test_what_an_older_stack_does_not_say_is_unknown(account: Account, output: str) -> None:
    account.deploy(**{output: None})
    (found,) = (found for found in account.findings().values() if found.verdict is not Verdict.FINE)
    assert (found.verdict, f"no output {output}" in found.said) == (U, True)
    assert "make deploy" in found.fix


def test_the_permissions_are_those_that_boto3_asks_for(account: Account) -> None:
    """Each operation is one of its service, and it is called."""
    called = set[str]()
    session = account.session()
    session.events.register("provide-client-params", lambda model, **_: called.add(model.name))
    account.findings(session=session)
    assert called - {"GetSecretValue"} == {*ACTIONS}


# --- the command


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [((), 0), ((W,), 0), ((Verdict.NOTE,), 0), ((Verdict.NOTE, U), 5), ((U,), 5), ((W, U), 5), ((X,), 1), ((X, U), 1)],
)
def test_a_fix_counts_more_than_what_is_unknown_and_a_warning_not_at_all(
    verdicts: tuple[Verdict, ...], code: int
) -> None:
    found = [Finding(verdict=each, said="") for each in (Verdict.FINE, *verdicts)]
    assert exit_code(found) == code


def test_it_prints_a_line_for_each_check_and_the_next_commands(
    account: Account, capsys: pytest.CaptureFixture[str]
) -> None:
    account.parameter("/Respot/kill-switch", "on\x1b[2J")
    send(account, "SlackDlqUrl")
    assert main(["doctor"]) == 1
    text = capsys.readouterr().out
    lines = text.splitlines()
    assert "✗ dead letters                 1 in slack → respot dlq says why" in lines
    assert "✓ policy                       valid: resumes tagged jobs by default, 0 rules" in lines
    assert "\x1b" not in text
    total = next(line for line in lines if " checks: " in line)
    assert total.startswith(f"{len(account.findings())} checks: ")
    assert [line.split("  ")[1] for line in lines[lines.index("Next") + 1 :]] == [
        "respot dlq",
        "respot drill",
        "respot list",
        "respot doctor",
    ]


def test_as_json_it_says_the_same(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    account.parameter("/Respot/kill-switch", "on")
    main(["doctor", "--json"])
    said = json.loads(capsys.readouterr().out)
    (switch,) = (each for each in said["checks"] if each["check"] == "kill switch")
    assert (switch["verdict"], switch["said"][:3]) == ("warning", "on:")
    assert [each["check"] for each in said["checks"]] == list(account.findings())
    assert "respot drill" in said["next"]


def test_one_region_is_checked_with_what_all_share(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    account.alarm("mine", account.outputs["AlarmsTopicArn"], REGION)
    assert main(["doctor", "--region", FAR, "--json"]) == 0
    checks = [each["check"] for each in json.loads(capsys.readouterr().out)["checks"]]
    assert checks == [check for check in account.findings() if REGION not in check]
    assert {f"alarms {FAR}", "kill switch"} < {*checks}
    assert main(["doctor", "--region", "mars-1"]) == 3
    assert "mars-1 is not watched by this deployment; it watches us-east-1, eu-west-1" in capsys.readouterr().err


def test_a_terminal_that_knows_only_ascii_can_tell_the_marks_apart() -> None:
    from respot_cli.doctor.view import _MARKS  # noqa: PLC0415 - the table itself

    plain = [marks[1] for marks in _MARKS.values()]
    assert len(set(plain)) == len(plain)
    assert "".join(plain).isascii()
