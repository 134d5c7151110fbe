"""What speaks when a function loses a permission: one alarm for each permission, or why there is none.

By CloudFormation's template alone: `test_alarms.py` plays the causes of these alarms.
"""

from typing import Final

import pytest

from tests.infra.alarm_stage import all_alarms
from tests.infra.synthesis import Resource, Synthesized
from tests.infra.test_permissions import granted

__all__ = ["all_alarms"]  # a fixture

LATEST: Final = 30 * 60
"""Seconds in which an alarm must be able to fire."""
LOG: Final = ("logs:CreateLogStream", "logs:PutLogEvents")
POLL: Final = ("sqs:GetQueueAttributes", "sqs:ReceiveMessage")
READ_STREAM: Final = (
    "dynamodb:DescribeStream",
    "dynamodb:GetRecords",
    "dynamodb:GetShardIterator",
    "dynamodb:ListStreams",
)

LOUD: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "Record": {
        "RecordSilent": (*LOG, *POLL),
        "ObservationsFailing": (
            "dynamodb:PutItem",
            "dynamodb:Query",
            "sagemaker:DescribeTrainingJob",
            "sagemaker:ListTags",
            "sqs:SendMessage",  # what cannot be buried keeps failing
        ),
    },
    "Alert": {
        "AlertSilent": LOG,
        "AlertStreamSilent": READ_STREAM,
        "DueAlertsAge": POLL,
        "AlertStreamAge": ("dynamodb:DescribeTable", "dynamodb:PutItem", "dynamodb:Query", "sns:Publish"),
    },
    "EnqueueEnded": {
        "EnqueueEndedSilent": (*LOG, *READ_STREAM),
        "EnqueueEndedStreamAge": ("sqs:SendMessage",),
    },
    "Recover": {
        "RecoverSilent": (*LOG, *POLL),
        "RecoveryFailing": (
            "dynamodb:DescribeTable",
            "dynamodb:PutItem",
            "dynamodb:Query",
            "s3:ListBucket",
            "sagemaker:DescribeTrainingJob",
            "sagemaker:ListTags",
            "sagemaker:ListTrainingJobs",
            "sagemaker:StopTrainingJob",
            "sqs:SendMessage",
            "ssm:GetParameter",
        ),
    },
    "Slack": {
        "SlackSilent": (*LOG, *POLL),
        "SlackFailing": ("secretsmanager:GetSecretValue",),
        "DrillRecordsFailing": ("dynamodb:PutItem",),
    },
    "Sweep": {
        "SweepAge": (
            *LOG,  # its metrics are logs
            "dynamodb:BatchGetItem",
            "dynamodb:Query",
            "sagemaker:ListTrainingJobs",
            "sqs:GetQueueAttributes",
        ),
        "SweepErrors": ("dynamodb:DescribeTable", "dynamodb:PutItem"),
        "RecordSilent": ("sqs:SendMessage",),  # no heartbeats; other queues have an alarm each
        "PolicyReadsFailing": ("ssm:GetParameter",),
    },
    "Schedule": {"SweepAge": ("lambda:InvokeFunction",)},
}
"""By role and alarm, the permissions whose loss it reports."""

ELSEWHERE: Final = {
    # An alert to people names these three.
    ("Recover", "sagemaker:CreateTrainingJob"): "alert",
    ("Recover", "sagemaker:AddTags"): "alert",
    ("Recover", "iam:PassRole"): "alert",
    # Open: the alert is sent all the same and says less.
    ("Alert", "ssm:GetParameter"): "open",
    # Open: digest timers fail loudly; the failure queue is used after two hours of AlertStreamAge.
    ("Alert", "sqs:SendMessage"): "open",
    # Open: retries come after the visibility timeout instead; what was handled comes back until it is a dead letter.
    **{(role, "sqs:ChangeMessageVisibility"): "open" for role in ("Record", "Recover", "Slack", "Alert")},
    **{(role, "sqs:DeleteMessage"): "open" for role in ("Record", "Recover", "Slack", "Alert")},
}
"""Permissions without an alarm of their own within half an hour: each is named here, and none is added unseen."""


def by_role(template: Synthesized) -> dict[str, set[str]]:
    roles = {
        "RecordingRecordRole": "Record",
        "AlertingAlertRole": "Alert",
        "RecoveryEnqueueEndedRole": "EnqueueEnded",
        "RecoveryRecoverRole": "Recover",
        "SlackRole": "Slack",
        "SweepRole": "Sweep",
        "SweepScheduleRole": "Schedule",
    }
    return {
        roles[role.strip("${}")]: {action for row in rows for action in row[0]}
        for role, rows in granted(template).items()
    }


def test_every_permission_has_an_alarm_or_a_reason(full: Synthesized) -> None:
    known = {(role, each) for role, alarms in LOUD.items() for actions in alarms.values() for each in actions}
    given = {(role, action) for role, actions in by_role(full).items() for action in actions}
    assert known & ELSEWHERE.keys() == set()
    assert given == known | ELSEWHERE.keys()


@pytest.mark.parametrize("name", sorted({name for alarms in LOUD.values() for name in alarms}))
def test_the_alarm_is_there_and_can_fire_within_half_an_hour(alarms: dict[str, Resource], name: str) -> None:
    alarm = alarms[name]
    needed = alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"])
    assert alarm["Period"] * needed <= LATEST
    if name.endswith(("Age", "Failing")) and alarm["MetricName"].endswith("Age") and name != "SweepAge":
        scale = 1000 if alarm["MetricName"] == "IteratorAge" else 1
        assert alarm["Threshold"] / scale + alarm["Period"] * needed <= LATEST
