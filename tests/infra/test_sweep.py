"""The schedule of the sweep, and the alarm on its age."""

from datetime import timedelta
from pathlib import Path

import pytest

from infra.config import Config
from infra.constructs.sweep import TIMEOUT_SECONDS as SWEEP_TIMEOUT
from respot.sweep import sweeper
from tests.infra.synthesis import Synthesized, render, synthesize


def test_the_schedule_calls_the_sweep_every_few_minutes(full: Synthesized, plain: Synthesized) -> None:
    for template, rate in ((full, "rate(7 minutes)"), (plain, "rate(5 minutes)")):
        schedule = template.properties("SweepSchedule")
        assert (schedule["ScheduleExpression"], schedule["FlexibleTimeWindow"]) == (rate, {"Mode": "OFF"})
        assert render(schedule["Target"]) == {
            "Arn": "${SweepFunction.Arn}",
            "RoleArn": "${SweepScheduleRole.Arn}",
            "RetryPolicy": {"MaximumRetryAttempts": 0},
        }


def test_a_sweep_that_fails_is_not_repeated_since_the_next_one_goes_on(either: Synthesized) -> None:
    invocation = either.properties("SweepFunctionEventInvokeConfig")
    assert render(invocation["FunctionName"]) == "${SweepFunction}"
    assert invocation["MaximumRetryAttempts"] == 0


def test_a_sweep_has_time_for_a_page_and_ends_before_another_may_take_it_over(either: Synthesized) -> None:
    timeout = timedelta(seconds=either.properties("SweepFunction")["Timeout"])
    assert 2 * sweeper.LONGEST_PAGE <= timeout < sweeper.LEASE


@pytest.mark.parametrize(("minutes", "period", "age"), [(1, 5, 30), (5, 5, 30), (7, 7, 42), (60, 60, 360)])
def test_old_sweeps_and_silence_fire_an_alarm_as_soon_as_it_says(
    tmp_path: Path, minutes: int, period: int, age: int
) -> None:
    """The age grows by an interval each time: what is reported at 4, 5 and 6 intervals is the third of three."""
    alarms = synthesize(tmp_path, Config(sweep_minutes=minutes)).of_type("CloudWatch::Alarm")
    alarm = alarms["AlarmsSweepAge"]
    for each in (alarm, *(alarms[name] for name in alarms if name.endswith("Silent"))):
        assert (each["Period"], each["EvaluationPeriods"]) == (period * 60, 3)
    assert alarm["Threshold"] + 2 * alarm["Period"] == age * 60
    assert f"for {age} minutes, or no sweep reports any more:" in alarm["AlarmDescription"]
    # A sweep that takes all its time is not silence.
    assert alarm["Period"] > SWEEP_TIMEOUT
    # CloudWatch evaluates no more than a day.
    assert alarm["Period"] * alarm["EvaluationPeriods"] <= timedelta(days=1).total_seconds()
