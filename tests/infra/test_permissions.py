"""Who may do what: every statement of every policy, so that none widens unnoticed."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from infra.config import Config
from respot import schema
from respot.aws.dynamodb.digests import digest_partition, pool_partition
from respot.aws.dynamodb.keys import partition_of, sweep_partition
from respot.aws.dynamodb.run_items import reservation_partition, run_partition
from respot.recovery.planning.run import RunId
from tests.infra.synthesis import Synthesized, render, statements, synthesize
from tests.support.builders import a_drill, job_id, window_of

Row = tuple[Any, ...]

LEDGER = "${LedgerTable.Arn}"
JOBS = "arn:${AWS::Partition}:sagemaker:*:${AWS::AccountId}:training-job/*"
ROLES = "arn:${AWS::Partition}:iam::${AWS::AccountId}:role/"
BUCKETS = "arn:${AWS::Partition}:s3:::"
# Ref gives the parameter's name, which begins with a slash.
POLICY_PARAMETER = "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter${PolicyParameter}"
KILL_SWITCH = "arn:${AWS::Partition}:ssm:${AWS::Region}:${AWS::AccountId}:parameter${KillSwitchParameter}"


def puts(*partitions: str) -> Row:
    """What may be put into the ledger: into partitions whose keys are like these, and only by requests that say so."""
    condition = {
        "ForAllValues:StringLike": {"dynamodb:LeadingKeys": list(partitions)},
        "Null": {"dynamodb:LeadingKeys": "false"},
    }
    return ("dynamodb:PutItem",), LEDGER, condition


RECORD = [
    (("logs:CreateLogStream", "logs:PutLogEvents"), "${RecordLogs.Arn}"),
    (
        ("sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"),
        "${ObservationsQueue.Arn}",
    ),
    # Wildcards: any job of the account in any region, since Respot watches them all; both actions only read.
    (("sagemaker:DescribeTrainingJob", "sagemaker:ListTags"), JOBS),
    (("dynamodb:Query",), [LEDGER, f"{LEDGER}/index/by-name"]),
    puts("job#*"),
]
STREAM = [
    (("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"), "${LedgerTable.StreamArn}"),
    # Wildcard: the action knows no resource, and Lambda demands it of a stream's reader.
    (("dynamodb:ListStreams",), "*"),
]
ALERT = [
    (("logs:CreateLogStream", "logs:PutLogEvents"), "${AlertLogs.Arn}"),
    (("sqs:SendMessage",), ["${DueAlertsQueue.Arn}", "${TransitionsDeadLetters.Arn}"]),
    *STREAM,
    (
        ("sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"),
        "${DueAlertsQueue.Arn}",
    ),
    (("dynamodb:DescribeTable", "dynamodb:Query"), LEDGER),
    puts("job#*", "pool#*", "digest#*"),
    (("sns:Publish",), "${AlertsTopic}"),
    # The alert of an ended job says what Respot is going to do.
    (("ssm:GetParameter",), POLICY_PARAMETER),
]
RECOVER = [
    (("logs:CreateLogStream", "logs:PutLogEvents"), "${EnqueueEndedLogs.Arn}"),
    (("sqs:SendMessage",), ["${EndingsDeadLetters.Arn}", "${RecoveryQueue.Arn}"]),
    *STREAM,
]
SLACK = [
    (("logs:CreateLogStream", "logs:PutLogEvents"), "${SlackLogs.Arn}"),
    (
        ("sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"),
        "${SlackDeliveryQueue.Arn}",
    ),
    # Wildcard: the six characters with which Secrets Manager ends an ARN.
    (
        ("secretsmanager:GetSecretValue",),
        "arn:${AWS::Partition}:secretsmanager:${AWS::Region}:${AWS::AccountId}:secret:respot/slack-webhook-??????",
    ),
    # Of the ledger, notes on drills alone: no job's partition begins so.
    puts("drill#*"),
]


def sweep(*slack: str) -> list[Row]:
    """What `sweep` may do, Slack's queue being there or not: it sends heartbeats through every queue."""
    return [
        (("logs:CreateLogStream", "logs:PutLogEvents"), "${SweepLogs.Arn}"),
        (("dynamodb:BatchGetItem", "dynamodb:DescribeTable", "dynamodb:Query"), LEDGER),
        (("dynamodb:Query",), [f"{LEDGER}/index/by-activity", f"{LEDGER}/index/by-live", f"{LEDGER}/index/by-name"]),
        puts("sweep#*"),
        (("sqs:GetQueueAttributes", "sqs:SendMessage"), "${ObservationsQueue.Arn}"),
        (("sqs:SendMessage",), ["${DueAlertsQueue.Arn}", "${RecoveryQueue.Arn}", *slack]),
        # Wildcard: the action knows no resource.
        (("sagemaker:ListTrainingJobs",), "*"),
        (("ssm:GetParameter",), POLICY_PARAMETER),
    ]


SCHEDULE = [(("lambda:InvokeFunction",), "${SweepFunction.Arn}")]


def resubmit(roles: object, buckets: object, types: Sequence[str] = ("*",)) -> list[Row]:
    """What `recover` may do, with these resources for the settings `training_roles` and `checkpoint_buckets`.

    `types` are those of `training_instance_types`.
    """
    return [
        (("logs:CreateLogStream", "logs:PutLogEvents"), "${RecoverLogs.Arn}"),
        (
            ("sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"),
            "${RecoveryQueue.Arn}",
        ),
        (("dynamodb:DescribeTable", "dynamodb:Query"), LEDGER),
        (("dynamodb:Query",), [f"{LEDGER}/index/by-live", f"{LEDGER}/index/by-name"]),
        puts("job#*", "run#*", "writer#*"),
        (("ssm:GetParameter",), [KILL_SWITCH, POLICY_PARAMETER]),
        # Wildcards: any job may end, and its next attempt is named after it.
        (("sagemaker:DescribeTrainingJob", "sagemaker:ListTags", "sagemaker:StopTrainingJob"), JOBS),
        (("sagemaker:CreateTrainingJob",), JOBS, {"ForAllValues:StringLike": {"sagemaker:InstanceTypes": list(types)}}),
        # The tags of a new job, and of no other.
        (("sagemaker:AddTags",), JOBS, {"StringEquals": {"sagemaker:TaggingAction": "CreateTrainingJob"}}),
        (("iam:PassRole",), roles, {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}),
        (("s3:ListBucket",), buckets),
    ]


def granted(template: Synthesized) -> dict[str, list[Row]]:
    """By role, all that is allowed: actions, resources, conditions if there are any."""
    found: dict[str, list[Row]] = {}
    for policy in template.of_type("IAM::Policy").values():
        (role,) = render(policy["Roles"])
        rows = found.setdefault(role, [])
        for effect, actions, resource, condition in statements(policy):
            assert effect == "Allow"
            rows.append((actions, resource) if condition is None else (actions, resource, condition))
    return found


def test_each_role_may_do_exactly_this(full: Synthesized) -> None:
    roles = [f"{ROLES}service-role/TrainOnly", f"{ROLES}SageMaker*"]
    buckets = [f"{BUCKETS}ml-*", f"{BUCKETS}models"]
    assert granted(full) == {
        "${RecordRole}": RECORD,
        "${AlertRole}": ALERT,
        "${EnqueueEndedRole}": RECOVER,
        "${RecoverRole}": resubmit(sorted(roles), buckets, ["ml.g5.*", "ml.p4d.24xlarge"]),
        "${SweepRole}": sweep("${SlackDeliveryQueue.Arn}"),
        "${SweepScheduleRole}": SCHEDULE,
        "${SlackRole}": SLACK,
    }


def test_without_slack_nobody_may_more(plain: Synthesized) -> None:
    assert granted(plain) == {
        "${RecordRole}": RECORD,
        "${AlertRole}": ALERT,
        "${EnqueueEndedRole}": RECOVER,
        "${RecoverRole}": resubmit(f"{ROLES}*", f"{BUCKETS}*"),
        "${SweepRole}": sweep(),
        "${SweepScheduleRole}": SCHEDULE,
    }


def test_each_key_of_the_ledger_is_in_one_kind_of_partition() -> None:
    """So that who may write one kind writes no other."""
    window = window_of(region="job#")
    keys = {
        partition_of(job_id()): "job#",
        partition_of(a_drill().job): "job#",
        run_partition(RunId("job#x")): "run#",
        reservation_partition("s3://bucket/job#x"): "writer#",
        sweep_partition("job#x"): "sweep#",
        pool_partition(window.pool): "pool#",
        digest_partition(window): "digest#",
        f"{schema.DRILL_PARTITION}0123456789ab": "drill#",
    }
    kinds = set(keys.values())
    assert {key: [kind for kind in kinds if key.startswith(kind)] for key in keys} == {
        key: [kind] for key, kind in keys.items()
    }


def test_no_role_is_passed_and_no_bucket_listed_unless_the_settings_name_one(tmp_path: Path) -> None:
    template = synthesize(tmp_path, Config(training_roles=(), checkpoint_buckets=()))
    assert granted(template)["${RecoverRole}"] == resubmit(None, None)[:-2]
    text = template.path.read_text()
    assert ("iam:PassRole" in text, "s3:" in text) == (False, False)


# --- findings of cdk-nag that were accepted


def test_no_finding_is_accepted_for_two_reasons(either: Synthesized) -> None:
    accepted = [(construct, finding) for construct, finding, _ in either.acknowledged]
    assert len(set(accepted)) == len(accepted)


def test_accepted_are_the_wildcards_that_there_are(either: Synthesized) -> None:
    there = {
        (role.removeprefix("${").removesuffix("Role}"), resource)
        for role, rows in granted(either).items()
        for row in rows
        for resource in ([row[1]] if isinstance(row[1], str) else row[1])
        if "*" in resource
    }
    accepted = {
        (construct.split("/")[2], finding.removeprefix("AwsSolutions-IAM5[Resource::").removesuffix("]"))
        for construct, finding, _ in either.acknowledged
        if "IAM5" in finding
    }
    assert accepted == {(name, resource.replace("${", "<").replace("}", ">")) for name, resource in there}


def test_else_accepted_are_the_runtime_and_the_dead_letters_of_streams(either: Synthesized) -> None:
    assert {(construct, finding) for construct, finding, _ in either.acknowledged if "IAM5" not in finding} == {
        *((f"/Respot/{name.removesuffix('Function')}/Function", "AwsSolutions-L1") for name in functions(either)),
        *((f"/Respot/{name}/DeadLetters", "AwsSolutions-SQS3") for name in ("Transitions", "Endings")),
    }


def functions(template: Synthesized) -> list[str]:
    return list(template.of_type("Lambda::Function"))


def test_who_may_only_read_is_the_only_one_of_whom_that_is_said(either: Synthesized) -> None:
    reasons = {construct: reason for construct, finding, reason in either.acknowledged if "training-job" in finding}
    assert reasons.keys() == {"/Respot/Record/Role", "/Respot/Recover/Role"}
    assert "both actions only read" in reasons["/Respot/Record/Role"]
    assert "limited by the roles" in reasons["/Respot/Recover/Role"]


# --- roles, queues, topic


OF_THIS_ACCOUNT = {"Condition": {"StringEquals": {"aws:SourceAccount": "${AWS::AccountId}"}}}


def test_only_its_service_takes_a_role_and_no_managed_policy_adds_to_it(either: Synthesized) -> None:
    for name, role in either.of_type("IAM::Role").items():
        assert role.keys() == {"AssumeRolePolicyDocument", "Description"}
        service, condition = ("scheduler", OF_THIS_ACCOUNT) if name == "SweepScheduleRole" else ("lambda", {})
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
        "AWS::IAM::Policy",
        "AWS::SNS::TopicPolicy",
        "AWS::SQS::QueuePolicy",
    }


ONLY_THE_RULES = [{"ArnEquals": {"aws:SourceArn": f"${{Observations{name}.Arn}}"}} for name in ("Rule", "DrillRule")]
ONLY_ALERTS = {"ArnEquals": {"aws:SourceArn": "${AlertsTopic}"}}
ONLY_ALARMS = {"ArnEquals": {"aws:SourceArn": "${AlarmNewsTopic}"}}
FROM_THE_TOPICS = [(("sqs:SendMessage",), ONLY_ALERTS), (("sqs:SendMessage",), ONLY_ALARMS)]
LOOK_AND_SEND = ("sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:SendMessage")


SENDERS: dict[str, tuple[str | None, Sequence[object]]] = {
    "ObservationsQueue": ("events.amazonaws.com", [(LOOK_AND_SEND, rule) for rule in ONLY_THE_RULES]),
    "ObservationsDeadLetters": ("events.amazonaws.com", [(("sqs:SendMessage",), rule) for rule in ONLY_THE_RULES]),
    "SlackDeliveryQueue": ("sns.amazonaws.com", FROM_THE_TOPICS),
    "SlackDeliveryDeadLetters": ("sns.amazonaws.com", FROM_THE_TOPICS),
    # Functions alone, by their own roles.
    "TransitionsDeadLetters": (None, []),
    "EndingsDeadLetters": (None, []),
    "RecoveryQueue": (None, []),
    "RecoveryDeadLetters": (None, []),
    "DueAlertsQueue": (None, []),
    "DueAlertsDeadLetters": (None, []),
}


def test_of_every_queue_it_is_said_who_sends_to_it(full: Synthesized) -> None:
    assert SENDERS.keys() == full.of_type("SQS::Queue").keys()


@pytest.mark.parametrize(("queue", "service", "allowed"), [(name, *said) for name, said in SENDERS.items()])
def test_a_queue_takes_messages_from_its_source_alone_and_over_tls(
    full: Synthesized, queue: str, service: str | None, allowed: Sequence[object]
) -> None:
    (policy,) = [p for p in full.of_type("SQS::QueuePolicy").values() if render(p["Queues"]) == [f"${{{queue}}}"]]
    (denied, *others) = list(statements(policy))
    assert denied == ("Deny", ("sqs:*",), f"${{{queue}.Arn}}", {"Bool": {"aws:SecureTransport": "false"}})
    assert [(actions, condition) for _, actions, _, condition in others] == allowed
    assert {effect for effect, *_ in others} <= {"Allow"}
    assert all(s["Principal"] == {"Service": service} for s in policy["PolicyDocument"]["Statement"][1:])


def test_every_queue_is_encrypted_and_has_a_policy(either: Synthesized) -> None:
    queues = either.of_type("SQS::Queue")
    assert all(queue["SqsManagedSseEnabled"] is True for queue in queues.values())
    policed = [render(policy["Queues"]) for policy in either.of_type("SQS::QueuePolicy").values()]
    assert sorted(policed) == sorted([f"${{{name}}}"] for name in queues)


def test_the_topics_take_nothing_in_the_clear_and_one_the_alarms_of_this_account(either: Synthesized) -> None:
    policies = either.of_type("SNS::TopicPolicy")
    assert policies.keys() == {"AlertsTopicPolicy", "AlarmNewsTopicPolicy"}
    assert list(statements(policies["AlertsTopicPolicy"])) == [
        ("Deny", ("sns:Publish",), "${AlertsTopic}", {"Bool": {"aws:SecureTransport": "false"}}),
    ]
    policy = policies["AlarmNewsTopicPolicy"]
    assert list(statements(policy)) == [
        ("Deny", ("sns:Publish",), "${AlarmNewsTopic}", {"Bool": {"aws:SecureTransport": "false"}}),
        (
            "Allow",
            ("sns:Publish",),
            "${AlarmNewsTopic}",
            {
                "StringEquals": {"aws:SourceAccount": "${AWS::AccountId}"},
                "ArnLike": {
                    "aws:SourceArn": "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:*"
                },
            },
        ),
    ]
    assert policy["PolicyDocument"]["Statement"][1]["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
