"""Which alarms there are, on which metrics, and how they treat missing data."""

from datetime import timedelta
from pathlib import Path

import pytest

from infra.config import Config
from respot.handlers import recover
from tests.infra.synthesis import Synthesized, render, synthesize


def test_alarms_fire_on_delays_failures_silence_and_crashes(full: Synthesized) -> None:
    alarms = full.of_type("CloudWatch::Alarm").values()
    assert sorted(
        (alarm["MetricName"], render(alarm["Dimensions"][0]["Value"]), alarm["Statistic"], alarm["Threshold"])
        for alarm in alarms
        if (alarm["MetricName"], alarm["Statistic"]) != ("ApproximateNumberOfMessagesVisible", "Maximum")
    ) == [
        ("ApproximateAgeOfOldestMessage", "${AlertingDueAlertsQueue.QueueName}", "Maximum", 15 * 60),
        ("ApproximateAgeOfOldestMessage", "${RecordingObservationsQueue.QueueName}", "Maximum", 15 * 60),
        ("ApproximateAgeOfOldestMessage", "${SlackQueue.QueueName}", "Maximum", 15 * 60),
        ("ApproximateNumberOfMessagesVisible", "${RecoveryQueue.QueueName}", "Minimum", 1),
        ("Errors", "${AlertFunction}", "Sum", 1),
        ("Errors", "${EnqueueEndedFunction}", "Sum", 1),
        ("Errors", "${RecordFunction}", "Sum", 1),
        ("Errors", "${RecoverFunction}", "Sum", 1),
        ("Errors", "${SlackFunction}", "Sum", 1),
        ("Errors", "${SweepFunction}", "Sum", 1),
        ("FailedDueAlertAge", "Respot", "Maximum", 10 * 60),
        ("FailedObservationAge", "Respot", "Maximum", 15 * 60),
        ("FailedRecoveryAge", "Respot", "Maximum", 10 * 60),
        ("FailedSlackMessageAge", "Respot", "Maximum", 15 * 60),
        ("IncomingLogEvents", "${AlertingAlertLogs}", "Sum", 1),
        ("IncomingLogEvents", "${RecordingRecordLogs}", "Sum", 1),
        ("IncomingLogEvents", "${RecoveryEnqueueEndedLogs}", "Sum", 1),
        ("IncomingLogEvents", "${RecoveryRecoverLogs}", "Sum", 1),
        ("IncomingLogEvents", "${SlackLogs}", "Sum", 1),
        ("IteratorAge", "${AlertFunction}", "Maximum", 5 * 60 * 1000),
        ("IteratorAge", "${AlertFunction}", "SampleCount", 1),
        ("IteratorAge", "${EnqueueEndedFunction}", "Maximum", 5 * 60 * 1000),
        ("SweepAge", "Respot", "Minimum", 4 * 7 * 60),
        ("TransitionsFirstSeenBySweep", "Respot", "Sum", 1),
    ]


def test_a_reader_that_lags_is_said_to_be_late_with_its_own_work(either: Synthesized) -> None:
    alert, recover = (
        either.properties(f"Alarms{name}StreamAge")["AlarmDescription"] for name in ("Alert", "EnqueueEnded")
    )
    assert "alerts are late" in alert
    assert "not resubmitted yet" in recover


def test_every_alarm_explains_itself_to_the_topic(either: Synthesized) -> None:
    for alarm in either.of_type("CloudWatch::Alarm").values():
        assert render(alarm["AlarmActions"]) == ["${AlarmsTopic}"]
        assert alarm["AlarmDescription"].endswith("See docs/runbook.md.")


def test_silence_fires_only_the_alarms_that_are_made_for_it(either: Synthesized) -> None:
    alarms = either.of_type("CloudWatch::Alarm")
    silent = {name for name, alarm in alarms.items() if alarm["ComparisonOperator"] == "LessThanThreshold"}
    assert {name for name in alarms if name.endswith("Silent")} == silent
    for name, alarm in alarms.items():
        missing = "breaching" if name in {*silent, "AlarmsSweepAge"} else "notBreaching"
        assert alarm["TreatMissingData"] == missing


def test_no_function_can_be_silent_unseen(full: Synthesized) -> None:
    """Of the sweep, its own metric must not be missing."""
    watched = {
        render(alarm["Dimensions"][0]["Value"])
        for alarm in full.of_type("CloudWatch::Alarm").values()
        if alarm["MetricName"] == "IncomingLogEvents"
    }
    functions = full.of_type("Lambda::Function")
    logs = {name: render(function["LoggingConfig"]["LogGroup"]) for name, function in functions.items()}
    assert watched == {log for name, log in logs.items() if name != "SweepFunction"}


@pytest.mark.parametrize(("minutes", "period"), [(1, 5), (5, 5), (60, 60)])
def test_silence_is_measured_in_sweeps_however_long_they_take(tmp_path: Path, minutes: int, period: int) -> None:
    alarms = synthesize(tmp_path, Config(sweep_minutes=minutes)).of_type("CloudWatch::Alarm")
    silent = [alarm for name, alarm in alarms.items() if name.endswith("Silent")]
    assert {(alarm["Period"], alarm["EvaluationPeriods"]) for alarm in silent} == {(period * 60, 3)}


def test_a_recovery_that_fails_is_seen_twice_within_its_longest_delay(either: Synthesized) -> None:
    alarm = either.properties("AlarmsRecoveryFailing")
    window = timedelta(seconds=alarm["EvaluationPeriods"] * alarm["Period"])
    assert (alarm["DatapointsToAlarm"], window > recover.LONGEST_DELAY) == (2, True)
