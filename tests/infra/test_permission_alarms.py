"""What speaks when a function loses a permission: one alarm for each permission, or why there is none.

By CloudFormation's template alone: `test_alarms.py` plays the causes of these alarms, and `make proof` takes the
permissions away in a local account.
"""

from collections.abc import Mapping
from typing import Final

import pytest

from local.permissions.expected import LOUD as PLAYED
from local.permissions.expected import NOT_DEPLOYED, NOT_PLAYED, QUIET
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

SCHEDULES: Final = (
    "scheduler:CreateSchedule",
    "scheduler:DeleteSchedule",
    "scheduler:GetSchedule",
    "scheduler:UpdateSchedule",
)

SILENT: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "Record": {"RecordSilent": (*LOG, *POLL)},
    "Alert": {"AlertSilent": LOG, "AlertStreamSilent": READ_STREAM, "DueAlertsAge": POLL},
    "EnqueueEnded": {"EnqueueEndedSilent": (*LOG, *READ_STREAM)},
    "Recover": {"RecoverSilent": (*LOG, *POLL), "SchedulesFailing": SCHEDULES},
    "Slack": {"SlackSilent": (*LOG, *POLL)},
    "Sweep": {"SweepAge": LOG},  # its metrics are logs
    "Schedule": {"SweepAge": ("lambda:InvokeFunction",)},
    "Weekly": {"WeeklyErrors": ("dynamodb:BatchGetItem", "dynamodb:PutItem", "dynamodb:Query", "sns:Publish")},
}
"""By role and alarm, the permissions whose loss it reports, and that `make proof` does not take away; see `PLAYED`."""

OPEN: Final = {
    # What was handled comes back until it is a dead letter, after hours.
    *((role, "sqs:DeleteMessage") for role in ("Record", "Recover", "Slack", "Alert")),
    # CDK grants it with the others; `alert` does not use it.
    ("Alert", "sqs:ChangeMessageVisibility"),
    # Without a log the digest is published all the same. A call that fails is an error as well as a dead letter.
    *(("Weekly", action) for action in (*LOG, "sqs:SendMessage")),
    # EventBridge Scheduler tries for six hours to call the function; only then the call is a dead letter.
    *(("WeeklySchedule", action) for action in ("lambda:InvokeFunction", "sqs:SendMessage")),
    # Sweeps find the job as well, some minutes later.
    ("LatestStarts", "sqs:SendMessage"),
}
"""Permissions whose loss nothing reports within half an hour: each is named here, and none is added unseen."""


def pairs(*tables: Mapping[str, Mapping[str, tuple[str, ...]]]) -> set[tuple[str, str]]:
    """The permissions of tables like `SILENT`."""
    return {
        (role, each)
        for table in tables
        for role, alarms in table.items()
        for actions in alarms.values()
        for each in actions
    }


def by_role(template: Synthesized) -> dict[str, set[str]]:
    roles = {
        "RecordingRecordRole": "Record",
        "AlertingAlertRole": "Alert",
        "RecoveryEnqueueEndedRole": "EnqueueEnded",
        "RecoveryRecoverRole": "Recover",
        "SlackRole": "Slack",
        "SweepRole": "Sweep",
        "SweepScheduleRole": "Schedule",
        "RecoveryLatestStartsRole": "LatestStarts",
        "WeeklyRole": "Weekly",
        "WeeklyScheduleRole": "WeeklySchedule",
    }
    return {
        roles[role.strip("${}")]: {action for row in rows for action in row[0]}
        for role, rows in granted(template).items()
    }


def test_every_permission_has_an_alarm_or_a_reason(full: Synthesized) -> None:
    given = {(role, action) for role, actions in by_role(full).items() for action in actions}
    tables = [pairs(PLAYED), pairs(SILENT), {*QUIET}, OPEN]
    assert given == set().union(*tables)
    assert sum(map(len, tables)) == len(given)  # none is in two of them


def test_what_the_proof_does_not_play_is_named_there() -> None:
    not_taken_away = pairs(SILENT) | OPEN
    assert NOT_PLAYED.keys() == {(role, each) for role, each in not_taken_away if role not in NOT_DEPLOYED}


NAMES: Final = {name for table in (PLAYED, SILENT) for alarms in table.values() for name in alarms}


@pytest.mark.parametrize("name", sorted(NAMES))
def test_the_alarm_is_there_and_can_fire_within_half_an_hour(alarms: dict[str, Resource], name: str) -> None:
    alarm = alarms[name]
    needed = alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"])
    assert alarm["Period"] * needed <= LATEST
    if name.endswith(("Age", "Failing")) and alarm["MetricName"].endswith("Age") and name != "SweepAge":
        scale = 1000 if alarm["MetricName"] == "IteratorAge" else 1
        assert alarm["Threshold"] / scale + alarm["Period"] * needed <= LATEST
