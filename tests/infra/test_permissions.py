"""Who may do what: every statement of every policy, so that none widens unnoticed."""

from typing import Any

import pytest

from tests.infra.synthesis import Synthesized, render, statements

LEDGER = "${LedgerTable.Arn}"
JOBS = "arn:${AWS::Partition}:sagemaker:*:${AWS::AccountId}:training-job/*"

RECORD = [
    (("logs:CreateLogStream", "logs:PutLogEvents"), "${RecordLogs.Arn}"),
    (
        ("sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"),
        "${ObservationsQueue.Arn}",
    ),
    # Wildcards: any job of the account in any region, since Respot watches them all; both actions only read.
    (("sagemaker:DescribeTrainingJob", "sagemaker:ListTags"), JOBS),
    (("dynamodb:PutItem", "dynamodb:Query"), LEDGER),
    (("dynamodb:Query",), f"{LEDGER}/index/by-name"),
]
ALERT = [
    (("logs:CreateLogStream", "logs:PutLogEvents"), "${AlertLogs.Arn}"),
    (("sqs:SendMessage",), "${TransitionsDeadLetters.Arn}"),
    (("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator"), "${LedgerTable.StreamArn}"),
    # Wildcard: the action knows no resource, and Lambda demands it of a stream's reader.
    (("dynamodb:ListStreams",), "*"),
    (("dynamodb:DescribeTable", "dynamodb:PutItem", "dynamodb:Query"), LEDGER),
    (("sns:Publish",), "${AlertsTopic}"),
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
]


def granted(template: Synthesized) -> dict[str, list[tuple[tuple[str, ...], Any]]]:
    """By role, all that is allowed; nothing may hang on conditions."""
    found: dict[str, list[tuple[tuple[str, ...], Any]]] = {}
    for policy in template.of_type("IAM::Policy").values():
        (role,) = render(policy["Roles"])
        rows = found.setdefault(role, [])
        for effect, actions, resource, condition in statements(policy):
            assert (effect, condition) == ("Allow", None)
            rows.append((actions, resource))
    return found


def test_each_role_may_do_exactly_this(full: Synthesized) -> None:
    assert granted(full) == {"${RecordRole}": RECORD, "${AlertRole}": ALERT, "${SlackRole}": SLACK}


def test_without_slack_nobody_may_more(plain: Synthesized) -> None:
    assert granted(plain) == {"${RecordRole}": RECORD, "${AlertRole}": ALERT}


def test_only_lambda_takes_the_roles_and_no_managed_policy_adds_to_them(either: Synthesized) -> None:
    for role in either.of_type("IAM::Role").values():
        assert role.keys() == {"AssumeRolePolicyDocument", "Description"}
        assert role["AssumeRolePolicyDocument"]["Statement"] == [
            {"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}
        ]


def test_there_are_no_other_policies(full: Synthesized) -> None:
    kinds = {body["Type"] for body in full.resources.values()}
    assert {kind for kind in kinds if "Polic" in kind or "Permission" in kind} == {
        "AWS::IAM::Policy",
        "AWS::SNS::TopicPolicy",
        "AWS::SQS::QueuePolicy",
    }


ONLY_THE_RULE = {"ArnEquals": {"aws:SourceArn": "${ObservationsRule.Arn}"}}
ONLY_THE_TOPIC = {"ArnEquals": {"aws:SourceArn": "${AlertsTopic}"}}
LOOK_AND_SEND = ("sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:SendMessage")


@pytest.mark.parametrize(
    ("queue", "service", "allowed"),
    [
        ("ObservationsQueue", "events.amazonaws.com", [(LOOK_AND_SEND, ONLY_THE_RULE)]),
        ("ObservationsDeadLetters", "events.amazonaws.com", [(("sqs:SendMessage",), ONLY_THE_RULE)]),
        ("SlackDeliveryQueue", "sns.amazonaws.com", [(("sqs:SendMessage",), ONLY_THE_TOPIC)]),
        ("SlackDeliveryDeadLetters", "sns.amazonaws.com", [(("sqs:SendMessage",), ONLY_THE_TOPIC)]),
        ("TransitionsDeadLetters", None, []),
    ],
)
def test_a_queue_takes_messages_from_its_source_alone_and_over_tls(
    full: Synthesized, queue: str, service: str | None, allowed: list[object]
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


def test_the_topic_takes_alarms_of_this_account_and_nothing_in_the_clear(either: Synthesized) -> None:
    (policy,) = either.of_type("SNS::TopicPolicy").values()
    assert list(statements(policy)) == [
        ("Deny", ("sns:Publish",), "${AlertsTopic}", {"Bool": {"aws:SecureTransport": "false"}}),
        (
            "Allow",
            ("sns:Publish",),
            "${AlertsTopic}",
            {
                "StringEquals": {"aws:SourceAccount": "${AWS::AccountId}"},
                "ArnLike": {
                    "aws:SourceArn": "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:*"
                },
            },
        ),
    ]
    assert policy["PolicyDocument"]["Statement"][1]["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
