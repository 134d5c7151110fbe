"""What must be noticed when a function loses a permission, and how."""

from collections.abc import Mapping
from typing import Final

LOUD: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "Record": {
        "ObservationsFailing": (
            "dynamodb:PutItem",
            "dynamodb:Query",
            "sagemaker:DescribeTrainingJob",
            "sagemaker:ListTags",
        ),
        "ObservationsDeadLetters": ("sqs:SendMessage",),  # SQS moves what cannot be buried
    },
    "Alert": {
        "AlertStreamAge": (
            "dynamodb:DescribeTable",
            "dynamodb:PutItem",
            "dynamodb:Query",
            "sns:Publish",
            "sqs:SendMessage",  # of a digest's timer
        ),
        "PolicyReadsFailing": ("ssm:GetParameter",),
    },
    "EnqueueEnded": {"EnqueueEndedStreamAge": ("sqs:SendMessage",)},
    "Recover": {
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
        "SlackFailing": ("secretsmanager:GetSecretValue",),
        "DrillRecordsFailing": ("dynamodb:PutItem",),
        "SlackDeadLetters": ("sqs:SendMessage",),
    },
    "Sweep": {
        "SweepAge": (
            "dynamodb:BatchGetItem",
            "dynamodb:Query",
            "sagemaker:ListTrainingJobs",
            "sqs:GetQueueAttributes",
        ),
        "SweepErrors": ("dynamodb:DescribeTable", "dynamodb:PutItem"),
        "RecordSilent": ("sqs:SendMessage",),  # no heartbeats; other queues have an alarm each
        "PolicyReadsFailing": ("ssm:GetParameter",),
    },
}
"""By function and alarm, the permissions whose loss it reports."""

ALERT: Final = "an alert names it"
LOG: Final = "the log names it"
QUIET: Final = {
    **{("Recover", each): ALERT for each in ("iam:PassRole", "sagemaker:AddTags", "sagemaker:CreateTrainingJob")},
    # Nothing is lost: retries come after the visibility timeout.
    **{(each, "sqs:ChangeMessageVisibility"): LOG for each in ("Record", "Recover", "Slack")},
}
"""Permissions whose loss no alarm reports, and what does."""

_LAMBDA: Final = "Lambda's own poller uses it, and the local account's asks nobody"
_POLL: Final = ("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage")
_STREAM: Final = (
    *("dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"),
)
NOT_PLAYED: Final = {
    **{
        (each, action): "Lambda writes the log itself, and the local account's asks nobody"
        for each in ("Alert", "EnqueueEnded", "Record", "Recover", "Slack", "Sweep")
        for action in ("logs:CreateLogStream", "logs:PutLogEvents")
    },
    **{(each, action): _LAMBDA for each in ("Alert", "Record", "Recover", "Slack") for action in _POLL},
    **{(each, action): _LAMBDA for each in ("Alert", "EnqueueEnded") for action in _STREAM},
    ("Alert", "sqs:ChangeMessageVisibility"): "granted with the others of a queue's reader; `alert` does not use it",
    **{
        ("Recover", f"scheduler:{each}Schedule"): "the proof has no deadline; tests/e2e takes them away"
        for each in ("Create", "Delete", "Get", "Update")
    },
    ("LatestStarts", "sqs:SendMessage"): "the same",
    ("Schedule", "lambda:InvokeFunction"): "the proof calls the sweeps, in place of EventBridge Scheduler",
}
"""Permissions that nothing here uses, with the reason."""

NOT_DEPLOYED: Final = frozenset({"Weekly", "WeeklySchedule"})
"""Roles that the local account does not have: weekly digests are off."""
