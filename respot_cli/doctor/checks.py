"""The checks of a deployment: each reads a little, and changes nothing."""

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from respot.aws.error_codes import Answer, answer_of
from respot.aws.ssm import ParameterKillSwitch, read_kill_switch, read_policy_text
from respot.errors import PolicyInvalidError, RespotError, UnreadableItemError, WebhookRefusedError
from respot.jobs.drill_names import drill_id
from respot.jobs.formatting import clause, in_words
from respot.recording.drill import HISTORIES, Drill
from respot.recovery.policy.document import read_policy
from respot.schema import CHECKS
from respot.slack.webhook_address import webhook_address
from respot_cli import dead_letters
from respot_cli.deployment import Deployment, advice, asking_aws, outputs_of
from respot_cli.doctor.finding import Finding, broken, fine, note, unknown, warning
from respot_cli.drill.course import LedgerTraces, course_of
from respot_cli.errors import CommandError, ExitCode

if TYPE_CHECKING:
    from mypy_boto3_cloudformation.type_defs import StackTypeDef
    from mypy_boto3_sns.type_defs import SubscriptionTypeDef

Question = tuple[str, Callable[[], Finding]]

ACTIONS: Final[Mapping[str, str]] = {
    "DescribeAlarms": "cloudwatch",
    "DescribeSecret": "secretsmanager",
    "DescribeStacks": "cloudformation",
    "GetItem": "dynamodb",
    "GetParameter": "ssm",
    "GetQueueAttributes": "sqs",
    "ListSubscriptionsByTopic": "sns",
    "Query": "dynamodb",
}
"""The operations that the checks need, with the service in the name of their permission."""

LATE_AFTER: Final = 4
"""Intervals after which a sweep is late, as for the alarm on it."""
_SHORTEST_INTERVAL: Final = timedelta(minutes=5)
"""A sweep may take that long: its age is judged by no shorter interval."""
_CLOCKS_DIFFER: Final = timedelta(minutes=5)
_DRILLS_ARE_KEPT: Final = timedelta(days=1)
_DRILL_TAKES: Final = timedelta(minutes=1)
_BOOTSTRAP_PARAMETER: Final = "BootstrapVersion"
_USUAL_BOOTSTRAP: Final = "/cdk-bootstrap/hnb659fds/version"
_ALARM_NAME: Final = re.compile(r".+-Alarms(\w+?)[0-9A-F]{8}-\w+")
"""How CloudFormation names an alarm: the stack's name, the alarm's, and two random parts."""
_DEPLOY: Final = "run make deploy in a checkout of this version"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checks:
    """A deployment that is checked.

    Attributes:
        found: the deployment.
        now: the time.
        version: that of the command; `None` if it is not known.
        region: only its parts are checked, and what all regions share; `None` for all watched ones.
    """

    found: Deployment
    now: datetime
    version: str | None
    region: str | None = None
    _stacks: "dict[str, StackTypeDef]" = field(default_factory=dict)

    def questions(self) -> Iterator[Question]:
        """What is checked, in order, by name."""
        regions = self.found.regions if self.region is None else (self.region,)

        def named(check: str, region: str) -> str:
            return f"{check} {region}" if len(self.found.regions) > 1 else check

        yield "stack", self.stack
        yield "version", self.versions
        for region in (region for region in regions if region != self.found.region):
            yield named("forwarder", region), partial(self.forwarder, region)
        for region in regions:
            yield named("bootstrap", region), partial(self.bootstrap, region)
        yield "alert subscribers", partial(self.subscribers, self.found.region, "AlertsTopicArn")
        for region in regions:
            yield named("alarm subscribers", region), partial(self.subscribers, region, "AlarmsTopicArn")
        yield "Slack", self.slack
        yield "settings", self.settings
        yield "policy", self.policy
        yield "kill switch", self.kill_switch
        for region in regions:
            yield named("drill", region), partial(self.drill, region)
        yield "dead letters", self.dead_letters
        yield "sweeps", self.sweeps
        for region in regions:
            yield named("alarms", region), partial(self.alarms, region)

    def findings(self) -> Iterator[tuple[str, Finding]]:
        """What is found; a check that cannot be made hides no other."""
        for check, ask in self.questions():
            try:
                yield check, ask()
            except (CommandError, RespotError) as error:
                yield check, could_not(error)

    # --- what is deployed

    def stack(self) -> Finding:
        """Whether the last deployment succeeded."""
        status = self._stack(self.found.region)["StackStatus"]
        said = f"{self.found.stack} in {self.found.region}: {status}"
        if status.endswith("_FAILED"):
            return broken(said, "its events in the CloudFormation console say why")
        if "ROLLBACK" in status:
            return warning(f"{said}, the last deployment failed", _DEPLOY)
        if not status.endswith("_COMPLETE"):
            return warning(said, "run respot doctor again after the deployment")
        return fine(said)

    def versions(self) -> Finding:
        """Whether the stack and the command are of the same version."""
        deployed = self.found.outputs.get("Version")
        if deployed is None:
            return warning("the stack is older than this command, and does not say its version", _DEPLOY)
        said = f"stack {deployed}, command {self.version or 'unknown'}"
        if self.version is None or _minor(deployed) == _minor(self.version):
            return fine(said)
        same = "deploy the command's version, or install the stack's (docs/guides/upgrade.md)"
        is_major = _minor(deployed)[0] != _minor(self.version)[0]
        return broken(said, same) if is_major else warning(said, same)

    def forwarder(self, region: str) -> Finding:
        """Whether there is a stack that forwards a region's events, of the hub's version."""
        try:
            version = self._outputs(region).get("Version", "unknown")
        except CommandError as error:
            if error.exit_code is not ExitCode.NOT_FOUND:
                raise
            return broken(f"no stack {self.found.forwarder_stack(region)}: none of its events arrives", _DEPLOY)
        hub = self.found.outputs.get("Version", "unknown")
        if version != hub:
            return warning(f"version {version}, and the hub has {hub}", _DEPLOY)
        return fine(f"version {version}")

    def bootstrap(self, region: str) -> Finding:
        """Whether the next deployment finds what the CDK needs in a region."""
        given = {each["ParameterKey"]: each["ParameterValue"] for each in self._stack(region).get("Parameters", ())}
        named = given.get(_BOOTSTRAP_PARAMETER, "")
        name = named if named.startswith("/") else _USUAL_BOOTSTRAP
        try:
            with asking_aws():
                version = self.found.client("ssm", region).get_parameter(Name=name)["Parameter"]["Value"]
        except CommandError as error:
            if error.exit_code is not ExitCode.NOT_FOUND:
                raise
            place = f"aws://{self.found.account}/{region}"
            return broken(f"there is no parameter {name}", f".venv/bin/python -m infra.cdk bootstrap {place}")
        return fine(f"version {version}")

    def settings(self) -> Finding:
        """Whether what a next attempt may use is narrowed."""
        wide = self._output("UnnarrowedSettings")
        if wide == "none":
            return fine("roles, instance types and buckets are narrowed")
        narrow = "name yours in cdk.json (docs/reference/configuration.md), then run make deploy"
        return warning(f"anything is allowed by {wide.replace(',', ', ')}", narrow)

    # --- who is notified

    def subscribers(self, region: str, output: str) -> Finding:
        """Whether everybody who subscribed to a topic receives what is sent there, and whether anybody did."""
        topic = self._outputs(region)[output]
        there = self._subscriptions(topic, region)
        pending = [each for each in there if not each["SubscriptionArn"].startswith("arn:")]
        if pending:
            again = (
                f"aws sns subscribe --region {region} --topic-arn {topic} --protocol {pending[0]['Protocol']} "
                f"--notification-endpoint {shlex.quote(pending[0]['Endpoint'])}"
            )
            said = f"not confirmed: {', '.join(each['Endpoint'] for each in pending)}"
            return broken(said, f"open the link that SNS sent; this sends it again: {again}")
        if not there:
            return warning("none", "set alert_emails or slack_webhook_secret in cdk.json, then run make deploy")
        protocols = [each["Protocol"] for each in there]
        return fine(", ".join(f"{protocols.count(each)} by {each}" for each in dict.fromkeys(protocols)))

    def _subscriptions(self, topic: str, region: str) -> "list[SubscriptionTypeDef]":
        """A topic's subscriptions; SNS lists deleted ones for some days."""
        with asking_aws():
            pages = (
                self.found.client("sns", region).get_paginator("list_subscriptions_by_topic").paginate(TopicArn=topic)
            )
            return [each for page in pages for each in page["Subscriptions"] if each["SubscriptionArn"] != "Deleted"]

    def slack(self) -> Finding:
        """Whether the secret holds an address; nobody is shown which."""
        if "SlackQueueUrl" not in self.found.outputs:
            return fine("not set up (docs/guides/slack.md)")
        name, region = self._output("SlackSecretName"), self.found.region
        client, set_it = self.found.client("secretsmanager", region), "set it (docs/guides/slack.md)"
        try:
            with asking_aws():
                secret = client.describe_secret(SecretId=name)
        except CommandError as error:
            if error.exit_code is not ExitCode.NOT_FOUND:
                raise
            return broken(f"there is no secret {name}", set_it)
        if "DeletedDate" in secret:
            restore = f"aws secretsmanager restore-secret --region {region} --secret-id {shlex.quote(name)}"
            return broken(f"the secret {name} will be deleted", restore)
        if not any("AWSCURRENT" in stages for stages in secret.get("VersionIdsToStages", {}).values()):
            return broken(f"the secret {name} has no value", set_it)
        try:
            with asking_aws():
                webhook_address(client.get_secret_value(SecretId=name).get("SecretString", ""))
        except WebhookRefusedError as error:
            return broken(f"secret {name}: {clause(str(error))}", set_it)
        except CommandError as error:
            # Few people may read it, and a drill shows more.
            if _denied(error):
                return fine(f"the secret {name} has a value, which your credentials may not read")
            raise
        return fine(f"the secret {name} holds an address")

    # --- what it does

    def policy(self) -> Finding:
        """Whether the functions can read the policy."""
        name = self._output("PolicyParameterName")
        try:
            policy = read_policy(read_policy_text(self.found.client("ssm", self.found.region), name))
        except PolicyInvalidError as error:
            correct = "correct the policy file (respot policy check FILE), then run make deploy"
            return broken(f"{name}: {clause(str(error))}", correct)
        resumed = "every job" if policy.defaults.resume else "tagged jobs"
        count = len(policy.rules)
        return fine(f"valid: resumes {resumed} by default, {count} rule{'' if count == 1 else 's'}")

    def kill_switch(self) -> Finding:
        """Its position."""
        name, region = self._output("KillSwitchParameterName"), self.found.region
        position = read_kill_switch(self.found.client("ssm", region), name)
        if ParameterKillSwitch(lambda: position, parameter=name).why_on() is None:
            return fine("off")
        off = f"aws ssm put-parameter --region {region} --name {name} --type String --value off --overwrite"
        if position.strip().lower() == "on":
            return warning("on: Respot creates and stops no training job", f"when it may again: {off}")
        says = f"says {position[:40]!r}" if position else "does not exist"
        return broken(f"{name} {says}, which counts as on", off)

    def drill(self, region: str) -> Finding:
        """How a region's last drill ended; the ledger keeps each for a day."""
        again = f"respot drill --region {region}"
        ledger = self.found.ledger()
        job = ledger.last_drill(region, until=self.now + _CLOCKS_DIFFER)
        state = job and ledger.load(job).state
        name = job and drill_id(job.name)
        if not job or not state or not name or state.secondary_status not in HISTORIES:
            return self._no_drill(region, again)
        drill = Drill(
            id=name, status=state.secondary_status, region=region, account=self.found.account, sent_at=job.created
        )
        traces = LedgerTraces(ledger, self.found.drill_posts())
        course = course_of(drill, traces, has_slack="SlackQueueUrl" in self.found.outputs)
        age = max(self.now - job.created, timedelta())
        if course.stuck is None:
            return fine(f"passed {in_words(age)} ago")
        if age < _DRILL_TAKES:
            return warning("under way", "run respot doctor again in a minute")
        return broken(f"got stuck at {course.stuck.hop} {in_words(age)} ago: {clause(course.stuck.reason)}", again)

    def _no_drill(self, region: str, again: str) -> Finding:
        """After more than a day, nobody knows whether there was one."""
        stack = self._stack(region)
        age = self.now - stack.get("LastUpdatedTime", stack["CreationTime"])
        if age < _DRILLS_ARE_KEPT:
            return warning(f"none since the deployment {in_words(max(age, timedelta()))} ago", again)
        return note("none in the last day; the ledger keeps a drill no longer", again)

    def dead_letters(self) -> Finding:
        """How many messages could not be processed; a queue that cannot be counted hides no other."""
        counts, errors = dict[str, int](), list[CommandError]()
        for name in dead_letters.names(self.found):
            try:
                counts[name] = dead_letters.depth(self.found, dead_letters.find(self.found, name))
            except CommandError as error:
                errors.append(error)
        said = ", ".join(f"{count} in {name}" for name, count in counts.items() if count)
        if said:
            missing = f" (queues not counted: {len(errors)})" if errors else ""
            return broken(f"{said}{missing}", "respot dlq says why")
        if errors:
            raise errors[0]
        return fine(f"none in {len(counts)} queues")

    def sweeps(self) -> Finding:
        """Whether anything finds what events miss."""
        interval = max(timedelta(minutes=int(self._output("SweepMinutes"))), _SHORTEST_INTERVAL)
        store, causes = self.found.sweeps(), "docs/runbook.md#10-no-sweep-is-complete has the causes"
        found = {scope: store.find(scope) for scope in (*self.found.regions, CHECKS)}
        missing = [scope for scope, progress in found.items() if progress is None]
        if missing:
            said = f"none yet of {', '.join(missing)}"
            is_new = self.now - self._stack(self.found.region)["CreationTime"] < LATE_AFTER * interval
            return warning(said, f"run respot doctor again in {in_words(interval)}") if is_new else broken(said, causes)
        age = max(progress.age(self.now) for progress in found.values() if progress)
        said = f"the last complete one began {in_words(max(age, timedelta()))} ago"
        return broken(said, causes) if age >= LATE_AFTER * interval else fine(said)

    def alarms(self, region: str) -> Finding:
        """The alarms in ALARM of those that use the deployment's topic."""
        topic = self._outputs(region)["AlarmsTopicArn"]
        with asking_aws():
            pages = self.found.client("cloudwatch", region).get_paginator("describe_alarms")
            firing = [
                _ALARM_NAME.sub(r"\1", each["AlarmName"])
                for page in pages.paginate(StateValue="ALARM", ActionPrefix=topic)
                for each in page["MetricAlarms"]
                if topic in each.get("AlarmActions", ()) and each["StateValue"] == "ALARM"
            ]
        return broken(", ".join(sorted(firing)), "docs/runbook.md#alarms") if firing else fine("none fires")

    # --- helpers

    def _stack(self, region: str) -> "StackTypeDef":
        if region not in self._stacks:
            self._stacks[region] = self.found.described(region)
        return self._stacks[region]

    def _outputs(self, region: str) -> dict[str, str]:
        return self.found.outputs if region == self.found.region else outputs_of(self._stack(region))

    def _output(self, name: str) -> str:
        """An output of the hub that an older stack may lack."""
        if name not in self.found.outputs:
            message = f"the stack is older than this command, and has no output {name}"
            raise CommandError(message, ExitCode.INCOMPLETE)
        return self.found.outputs[name]


def could_not(error: Exception) -> Finding:
    """Why a check could not be made: the permission that is missing, or AWS's words."""
    refusal = _denied(error)
    if refusal:
        action = f"{ACTIONS.get(refusal.operation_name, '')}:{refusal.operation_name}"
        administrator = "ask your administrator for this permission (docs/reference/permissions.md#commands)"
        return unknown(f"your credentials lack {action}", administrator)
    why = clause(str(error))
    if isinstance(error, CommandError):
        gone = error.exit_code is ExitCode.NOT_FOUND
        return broken(why, _DEPLOY) if gone else unknown(why, _DEPLOY if error.exit_code is ExitCode.INCOMPLETE else "")
    is_newer = isinstance(error, UnreadableItemError)
    return unknown(why, "a newer respot may read it" if is_newer else advice(error.__cause__))


def _denied(error: BaseException | None) -> ClientError | None:
    """The refusal for lack of a permission that is behind an error."""
    while error is not None:
        if isinstance(error, ClientError) and answer_of(error) is Answer.DENIED:
            return error
        error = error.__cause__
    return None


def _minor(version: str) -> list[str]:
    return version.split(".")[:2]
