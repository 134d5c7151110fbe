"""Who may send to each queue and topic, and that they are encrypted."""

from collections.abc import Sequence

import pytest

from tests.infra.synthesis import Synthesized, render, statements


def only(rule: str) -> object:
    """SageMaker's events and drills have a queue each: anyone who may send drills cannot fill the other one."""
    return {"ArnEquals": {"aws:SourceArn": f"${{Recording{rule}.Arn}}"}}


ONLY_ALERTS = {"ArnEquals": {"aws:SourceArn": "${AlertingAlertsTopic}"}}

ONLY_ALARMS = {"ArnEquals": {"aws:SourceArn": "${AlarmsTopic}"}}

FROM_THE_TOPICS = [(("sqs:SendMessage",), ONLY_ALERTS), (("sqs:SendMessage",), ONLY_ALARMS)]

READ_AND_SEND = ("sqs:GetQueueAttributes", "sqs:GetQueueUrl", "sqs:SendMessage")

FUNCTIONS_ALONE = [
    *("AlertingAlertsStreamDeadLetters", "AlertingDueAlertsQueue", "AlertingDueAlertsDeadLetters"),
    *("RecoveryEndedJobsStreamDeadLetters", "RecoveryQueue", "RecoveryQueueDeadLetters"),
    "WeeklyDeadLetters",
]
"""By their own roles; a schedule, by its role."""

SENDERS: dict[str, tuple[str | None, Sequence[object]]] = {
    "RecordingObservationsQueue": ("events.amazonaws.com", [(READ_AND_SEND, only("Rule"))]),
    "RecordingObservationsDeadLetters": ("events.amazonaws.com", [(("sqs:SendMessage",), only("Rule"))]),
    "RecordingDrillsQueue": ("events.amazonaws.com", [(READ_AND_SEND, only("DrillRule"))]),
    "RecordingDrillsDeadLetters": ("events.amazonaws.com", [(("sqs:SendMessage",), only("DrillRule"))]),
    "SlackQueue": ("sns.amazonaws.com", FROM_THE_TOPICS),
    "SlackQueueDeadLetters": ("sns.amazonaws.com", FROM_THE_TOPICS),
    **{name: (None, []) for name in FUNCTIONS_ALONE},
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
    assert policies.keys() == {"AlertingAlertsTopicPolicy", "AlarmsTopicPolicy"}
    assert list(statements(policies["AlertingAlertsTopicPolicy"])) == [
        ("Deny", ("sns:Publish",), "${AlertingAlertsTopic}", {"Bool": {"aws:SecureTransport": "false"}}),
    ]
    policy = policies["AlarmsTopicPolicy"]
    assert list(statements(policy)) == [
        ("Deny", ("sns:Publish",), "${AlarmsTopic}", {"Bool": {"aws:SecureTransport": "false"}}),
        (
            "Allow",
            ("sns:Publish",),
            "${AlarmsTopic}",
            {
                "StringEquals": {"aws:SourceAccount": "${AWS::AccountId}"},
                "ArnLike": {
                    "aws:SourceArn": "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:*"
                },
            },
        ),
    ]
    assert policy["PolicyDocument"]["Statement"][1]["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
