"""Who may do what: every statement of every policy. None may widen unnoticed."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from infra.config import Config
from respot import schema
from respot.alerting.weekly.week import week_before
from respot.aws.dynamodb.keys import (
    attempt_name_partition,
    digest_partition,
    partition_of,
    pool_partition,
    refusal_partition,
    reservation_partition,
    run_partition,
    run_summary_partition,
    start_partition,
    sweep_partition,
    weekly_partition,
)
from respot.recovery.planning.run import RunId
from respot.recovery.planning.start_history import StartPool
from respot.settings import Settings
from tests.infra.synthesis import Synthesized, render, statements, synthesize
from tests.support.builders import CREATED, a_drill, job_id, window_of

Row = tuple[Any, ...]

LOG = ("logs:CreateLogStream", "logs:PutLogEvents")
RECEIVE = ("sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage")
LEDGER = "${LedgerTable.Arn}"
JOBS = "arn:${AWS::Partition}:sagemaker:*:${AWS::AccountId}:training-job/*"
ROLES = "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/"
BUCKETS = "arn:${AWS::Partition}:s3:::"
# Ref gives the parameter's name, which begins with a slash.
POLICY_PARAMETER = "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter${PolicyParameter}"
KILL_SWITCH = "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter${KillSwitchParameter}"


def puts(*partitions: str) -> Row:
    """What may be put into the ledger: into partitions whose keys are like these, and only by requests that say it."""
    condition = {
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": list(partitions)},
        "Null": {"dynamodb:LeadingKeys": "false"},
    }
    return ("dynamodb:PutItem",), LEDGER, condition


DESCRIBE = ("sagemaker:DescribeTrainingJob", "sagemaker:ListTags")
RECORD = [
    (LOG, "${RecordingRecordLogs.Arn}"),
    (RECEIVE, ["${RecordingDrillsQueue.Arn}", "${RecordingObservationsQueue.Arn}"]),
    (("sqs:SendMessage",), "${RecordingObservationsDeadLetters.Arn}"),
    # Wildcards: any job of the account in any region, since Respot watches them all; both actions only read.
    (DESCRIBE, JOBS),
    (("dynamodb:Query",), [LEDGER, f"{LEDGER}/index/by-name"]),
    puts("job#*", "run-summary#*"),
]
STREAM = [
    (("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"), "${LedgerTable.StreamArn}"),
    # Wildcard: the action knows no resource, and Lambda demands it of a stream's reader.
    (("dynamodb:ListStreams",), "*"),
]
ALERT = [
    (LOG, "${AlertingAlertLogs.Arn}"),
    (
        ("sqs:SendMessage",),
        [
            "${AlertingAlertsStreamDeadLetters.Arn}",
            "${AlertingDueAlertsDeadLetters.Arn}",
            "${AlertingDueAlertsQueue.Arn}",
        ],
    ),
    *STREAM,
    (RECEIVE, "${AlertingDueAlertsQueue.Arn}"),
    (("dynamodb:DescribeTable", "dynamodb:Query"), LEDGER),
    puts("job#*", "pool#*", "digest#*"),
    (("sns:Publish",), "${AlertingAlertsTopic}"),
    # The alert of an ended job says what Respot is going to do.
    (("ssm:GetParameter",), POLICY_PARAMETER),
]
ENQUEUE_ENDED = [
    (LOG, "${RecoveryEnqueueEndedLogs.Arn}"),
    (("sqs:SendMessage",), ["${RecoveryEndedJobsStreamDeadLetters.Arn}", "${RecoveryQueue.Arn}"]),
    *STREAM,
]
SLACK = [
    (LOG, "${SlackLogs.Arn}"),
    (RECEIVE, "${SlackQueue.Arn}"),
    (("sqs:SendMessage",), "${SlackQueueDeadLetters.Arn}"),
    # Wildcard: the six characters with which Secrets Manager ends an ARN.
    (
        ("secretsmanager:GetSecretValue",),
        "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:respot/slack-webhook-??????",
    ),
    # Of the ledger, notes on drills alone: no job's partition begins like that.
    puts("drill#*"),
]


def sweep(*slack: str) -> list[Row]:
    """What `sweep` may do, Slack's queue being there or not: it sends heartbeats through every queue."""
    return [
        (LOG, "${SweepLogs.Arn}"),
        (("dynamodb:BatchGetItem", "dynamodb:DescribeTable", "dynamodb:Query"), LEDGER),
        (("dynamodb:Query",), [f"{LEDGER}/index/by-{each}" for each in ("activity", "live", "name", "run")]),
        puts("sweep#*", "run-summary#*"),
        (("sqs:GetQueueAttributes", "sqs:SendMessage"), "${RecordingObservationsQueue.Arn}"),
        (("sqs:SendMessage",), ["${AlertingDueAlertsQueue.Arn}", "${RecoveryQueue.Arn}", *slack]),
        # Wildcard: the action knows no resource.
        (("sagemaker:ListTrainingJobs",), "*"),
        (("ssm:GetParameter",), POLICY_PARAMETER),
    ]


SCHEDULES = (
    "scheduler:CreateSchedule",
    "scheduler:DeleteSchedule",
    "scheduler:GetSchedule",
    "scheduler:UpdateSchedule",
)
SCHEDULE = "arn:${AWS::Partition}:scheduler:${AWS::Region}:${AWS::AccountId}:schedule"
TO_SCHEDULER = {"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}}
SWEEP_SCHEDULE = [(("lambda:InvokeFunction",), "${SweepFunction.Arn}")]


WEEKLY = [
    (LOG, "${WeeklyLogs.Arn}"),
    (("dynamodb:BatchGetItem", "dynamodb:Query"), LEDGER),
    (("dynamodb:Query",), [f"{LEDGER}/index/by-name", f"{LEDGER}/index/by-run"]),
    puts("weekly#*"),
    (("sns:Publish",), "${AlertingAlertsTopic}"),
    (("sqs:SendMessage",), "${WeeklyDeadLetters.Arn}"),
]
WEEKLY_SCHEDULE = [
    (("lambda:InvokeFunction",), "${WeeklyFunction.Arn}"),
    (("sqs:SendMessage",), "${WeeklyDeadLetters.Arn}"),
]


STOP = ("sagemaker:StopTrainingJob",)
ANY_JOB = [((*DESCRIBE, *STOP), JOBS)]
ONLY_TAGGED = [(DESCRIBE, JOBS), (STOP, JOBS, {"StringEquals": {"aws:ResourceTag/respot:resume": "on"}})]


def recover(roles: object, buckets: object, types: Sequence[str] = ("*",), jobs: Sequence[Row] = ANY_JOB) -> list[Row]:
    """What `recover` may do, with these resources for the settings `training_roles` and `checkpoint_buckets`.

    `types` are those of `training_instance_types`, `jobs` follow from `stop_only_tagged`.
    """
    attempts_alone = {
        "ForAllValues:StringLike": {"sagemaker:InstanceTypes": list(types)},
        "Null": {"aws:RequestTag/respot:run": "false", "sagemaker:InstanceTypes": "false"},
    }
    return [
        (LOG, "${RecoveryRecoverLogs.Arn}"),
        (RECEIVE, "${RecoveryQueue.Arn}"),
        (("sqs:SendMessage",), "${RecoveryQueueDeadLetters.Arn}"),
        (("dynamodb:DescribeTable", "dynamodb:Query"), LEDGER),
        (("dynamodb:Query",), [f"{LEDGER}/index/by-live", f"{LEDGER}/index/by-name"]),
        puts("job#*", "run#*", "attempt-of#*", "run-summary#*", "writer#*", "refusal#*", "start#*"),
        (("ssm:GetParameter",), [KILL_SWITCH, POLICY_PARAMETER]),
        # Wildcards: any job may end, and its next attempt is named after it.
        *jobs,
        (("sagemaker:CreateTrainingJob",), JOBS, attempts_alone),
        # The tags of a new job, and of no other.
        (("sagemaker:AddTags",), JOBS, {"StringEquals": {"sagemaker:TaggingAction": "CreateTrainingJob"}}),
        # Wildcard: the action knows no resource.
        (("sagemaker:ListTrainingJobs",), "*"),
        # Wildcard: a schedule for each waiting job.
        (SCHEDULES, f"{SCHEDULE}/${{RecoveryLatestStartsGroup}}/*"),
        (("iam:PassRole",), "${RecoveryLatestStartsRole.Arn}", TO_SCHEDULER),
        (("iam:PassRole",), roles, {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}),
        (("s3:ListBucket",), buckets),
    ]


def granted(template: Synthesized) -> dict[str, list[Row]]:
    """By role, all that is allowed: actions, resources, conditions if there are any. Statements have no order."""
    found: dict[str, list[Row]] = {}
    for policy in template.of_type("IAM::Policy").values():
        (role,) = render(policy["Roles"])
        rows = found.setdefault(role, [])
        for effect, actions, resource, condition in statements(policy):
            assert effect == "Allow"
            rows.append((actions, resource) if condition is None else (actions, resource, condition))
    return in_one_order(found)


def in_one_order(rows: dict[str, list[Row]]) -> dict[str, list[Row]]:
    return {role: sorted(own, key=repr) for role, own in rows.items()}


def test_each_role_may_do_exactly_this(full: Synthesized, plain: Synthesized) -> None:
    """Without Slack and weekly digests nobody may do more."""
    roles = [f"{ROLES}SageMaker*", f"{ROLES}service-role/TrainOnly"]
    buckets = [f"{BUCKETS}ml-*", f"{BUCKETS}models"]
    always: dict[str, list[Row]] = {
        "${RecordingRecordRole}": RECORD,
        "${AlertingAlertRole}": ALERT,
        "${RecoveryEnqueueEndedRole}": ENQUEUE_ENDED,
        "${SweepScheduleRole}": SWEEP_SCHEDULE,
        # The single permission of the schedules.
        "${RecoveryLatestStartsRole}": [(("sqs:SendMessage",), "${RecoveryQueue.Arn}")],
    }
    with_slack = {
        "${RecoveryRecoverRole}": recover(roles, buckets, ["ml.g5.*", "ml.p4d.24xlarge"], ONLY_TAGGED),
        "${SweepRole}": sweep("${SlackQueue.Arn}"),
        "${SlackRole}": SLACK,
    }
    with_weekly = {"${WeeklyRole}": WEEKLY, "${WeeklyScheduleRole}": WEEKLY_SCHEDULE}
    assert granted(full) == in_one_order(always | with_slack | with_weekly)
    without = {"${RecoveryRecoverRole}": recover(f"{ROLES}*", f"{BUCKETS}*"), "${SweepRole}": sweep()}
    assert granted(plain) == in_one_order(always | without)


@pytest.mark.parametrize("deployed", ["full", "plain"])
def test_recover_knows_the_limits_that_iam_enforces(deployed: str, request: pytest.FixtureRequest) -> None:
    """What the function lets through before a stop is what IAM lets through after it."""
    template: Synthesized = request.getfixturevalue(deployed)
    known = Settings.from_environment(render(template.properties("RecoverFunction")["Environment"]["Variables"]))
    rows = granted(template)["${RecoveryRecoverRole}"]
    (types,) = (row[2] for row in rows if row[0] == ("sagemaker:CreateTrainingJob",))
    allowed = {"sagemaker:InstanceTypes": list(known.training_instance_types or ())}
    assert types["ForAllValues:StringLike"] == allowed
    (passed,) = (row[1] for row in rows if row[0] == ("iam:PassRole",) and row[2] != TO_SCHEDULER)
    roles = [passed] if isinstance(passed, str) else passed
    assert roles == [f"{ROLES}{pattern}" for pattern in known.training_roles or ()]


def test_each_key_of_the_ledger_is_in_one_kind_of_partition() -> None:
    """Who may write one kind writes no other."""
    window = window_of(region="job#")
    keys = {
        partition_of(job_id()): "job#",
        partition_of(a_drill().job): "job#",
        run_partition(RunId("job#x")): "run#",
        attempt_name_partition("run#", "job#x"): "attempt-of#",
        run_summary_partition(RunId("job#x")): "run-summary#",
        reservation_partition("s3://bucket/job#x"): "writer#",
        refusal_partition("job#x"): "refusal#",
        start_partition(StartPool(region="job#x", instance_type="job#x", image="job#x")): "start#",
        sweep_partition("job#x"): "sweep#",
        pool_partition(window.pool): "pool#",
        digest_partition(window): "digest#",
        weekly_partition(week_before(CREATED)): "weekly#",
        f"{schema.DRILL_PARTITION}0123456789ab": "drill#",
    }
    kinds = set(keys.values())
    assert {key: [kind for kind in kinds if key.startswith(kind)] for key in keys} == {
        key: [kind] for key, kind in keys.items()
    }


def test_no_role_is_passed_and_no_bucket_listed_unless_the_settings_name_one(tmp_path: Path) -> None:
    template = synthesize(tmp_path, Config(training_roles=(), checkpoint_buckets=()))
    assert granted(template)["${RecoveryRecoverRole}"] == sorted(recover(None, None)[:-2], key=repr)
    text = template.path.read_text()
    assert ("sagemaker.amazonaws.com" in text, "s3:" in text) == (False, False)


# --- findings of cdk-nag that were accepted

READER = "/Respot/Reader/Policy"
"""No role's: see test_reader_policy."""


def test_accepted_are_the_wildcards_that_there_are(either: Synthesized) -> None:
    there = {
        (role.removeprefix("${").removesuffix("Role}"), resource)
        for role, rows in granted(either).items()
        for row in rows
        for resource in ([row[1]] if isinstance(row[1], str) else row[1])
        if "*" in resource
    }
    accepted = {
        (owner(construct), finding.removeprefix("AwsSolutions-IAM5[Resource::").removesuffix("]"))
        for construct, finding, _ in either.acknowledged
        if "IAM5" in finding and construct != READER
    }
    there = {(name, resource.replace("${", "<").replace("}", ">")) for name, resource in there}
    assert {(name, re.sub(r"(?<=Group)[0-9A-F]{8}(?=>)", "", finding)) for name, finding in accepted} == there


def owner(construct: str) -> str:
    """Whose role this is, as logical ids say it: `/Respot/Sweep/Sweep/Role` is the role of `Sweep`."""
    return "".join(dict.fromkeys(construct.split("/")[2:-1]))


def test_else_accepted_are_the_runtime_and_the_dead_letters_of_streams(either: Synthesized) -> None:
    others = [(construct, finding) for construct, finding, _ in either.acknowledged if "IAM5" not in finding]
    functions = {f"{construct.split('/')[-2]}Function" for construct, finding in others if finding == "AwsSolutions-L1"}
    assert functions == either.of_type("Lambda::Function").keys()
    assert {(construct, finding) for construct, finding in others if finding != "AwsSolutions-L1"} == {
        ("/Respot/Alerting/AlertsStream/DeadLetters", "AwsSolutions-SQS3"),
        ("/Respot/Recovery/EndedJobsStream/DeadLetters", "AwsSolutions-SQS3"),
        *([("/Respot/Weekly/DeadLetters", "AwsSolutions-SQS3")] if "WeeklyFunction" in either.resources else []),
    }


def test_who_may_only_read_is_the_only_one_of_whom_that_is_said(either: Synthesized) -> None:
    reasons = {
        construct: reason
        for construct, finding, reason in either.acknowledged
        if "training-job" in finding and construct != READER
    }
    assert reasons.keys() == {"/Respot/Recording/Record/Role", "/Respot/Recovery/Recover/Role"}
    assert "both actions only read" in reasons["/Respot/Recording/Record/Role"]
    assert "limited by the roles" in reasons["/Respot/Recovery/Recover/Role"]


# --- roles


OF_THIS_ACCOUNT = {"StringEquals": {"aws:SourceAccount": "${AWS::AccountId}"}}
# "The ARN you specify must be a schedule group" (Scheduler User Guide, "Confused deputy prevention").
OF_THE_GROUP = {"ArnEquals": {"aws:SourceArn": "${RecoveryLatestStartsGroup.Arn}"}}
OF_SCHEDULES = {
    "SweepScheduleRole": ("scheduler", {"Condition": OF_THIS_ACCOUNT}),
    "WeeklyScheduleRole": ("scheduler", {"Condition": OF_THIS_ACCOUNT}),
    "RecoveryLatestStartsRole": ("scheduler", {"Condition": OF_THIS_ACCOUNT | OF_THE_GROUP}),
}


def test_only_its_service_takes_a_role_and_no_managed_policy_adds_to_it(either: Synthesized) -> None:
    for name, role in either.of_type("IAM::Role").items():
        assert role.keys() == {"AssumeRolePolicyDocument", "Description"}
        service, condition = OF_SCHEDULES.get(name, ("lambda", {}))
        assert render(role["AssumeRolePolicyDocument"]["Statement"]) == [
            {
                "Action": "sts:AssumeRole",
                "Effect": "Allow",
                "Principal": {"Service": f"{service}.amazonaws.com"},
                **condition,
            }
        ]


def test_there_are_no_other_policies(full: Synthesized) -> None:
    kinds = {body["Type"] for body in full.resources.values()}
    assert {kind for kind in kinds if "Polic" in kind or "Permission" in kind} == {
        "AWS::IAM::ManagedPolicy",  # for people: test_reader_policy
        "AWS::IAM::Policy",
        "AWS::SNS::TopicPolicy",
        "AWS::SQS::QueuePolicy",
    }
