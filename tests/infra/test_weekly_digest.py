"""The weekly digest: what the setting deploys, and nothing without it."""

from pathlib import Path

import pytest

from infra.config import Config
from tests.infra.synthesis import Synthesized, synthesize


@pytest.fixture(scope="module")
def on(tmp_path_factory: pytest.TempPathFactory) -> Synthesized:
    """The defaults, but for the digest."""
    return synthesize(tmp_path_factory.mktemp("on"), Config(weekly_digest=True))


def test_without_the_setting_nothing_of_it_is_deployed_and_with_it_nothing_else_changes(
    on: Synthesized, plain: Synthesized
) -> None:
    assert "weekly" not in plain.path.read_text(encoding="utf-8").lower()
    own = {name for name in on.resources if name.startswith(("Weekly", "AlarmsWeekly"))}
    assert {name: body for name, body in on.resources.items() if name not in own} == plain.resources
    assert on.outputs.keys() - plain.outputs.keys() == {"WeeklyFunctionName", "WeeklyDlqUrl", "WeeklyLogGroupName"}


def test_the_schedule_calls_it_on_monday_morning_and_failures_are_repeated_and_kept(on: Synthesized) -> None:
    schedule = on.properties("WeeklySchedule")
    # https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html: minutes, hours, day of the month,
    # month, day of the week, year; "?" where the other day is given; UTC unless a time zone is.
    assert (schedule["ScheduleExpression"], schedule["FlexibleTimeWindow"]) == ("cron(0 7 ? * MON *)", {"Mode": "OFF"})
    assert "ScheduleExpressionTimezone" not in schedule
    assert schedule["Target"]["RetryPolicy"] == {"MaximumEventAgeInSeconds": 21_600}
    invocation = on.properties("WeeklyFunctionEventInvokeConfig")
    assert (invocation["MaximumRetryAttempts"], invocation["MaximumEventAgeInSeconds"]) == (2, 21_600)


def test_people_receive_it_by_the_subscription_that_keeps_single_alerts_of_a_digest_away(tmp_path: Path) -> None:
    template = synthesize(tmp_path, Config(weekly_digest=True, alert_emails=("ml@example.com",)))
    policies = [
        each["FilterPolicy"] for each in template.of_type("SNS::Subscription").values() if "FilterPolicy" in each
    ]
    # A weekly digest has the attributes kind, severity, region and account: see tests/handlers/test_weekly.py.
    assert policies == [{"digest": [{"exists": False}]}]
