"""Every alarm has a cause, and its cause makes it fire, as CloudWatch is documented to evaluate it.

Where the metric is Respot's own, the real handlers emit it; where it is AWS's, the samples follow AWS's description.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Final, NamedTuple

import pytest

from local.proof.alarms import Sample, is_alarm
from respot.metrics import (
    DRILL_RECORDS_FAILED,
    FAILED_DUE_ALERT_AGE,
    FAILED_OBSERVATION_AGE,
    FAILED_RECOVERY_AGE,
    FAILED_SLACK_MESSAGE_AGE,
    NAMESPACE,
    POLICY_READS_FAILED,
    SCHEDULES_FAILED,
    SWEEP_AGE,
    TRANSITIONS_FIRST_SEEN_BY_SWEEP,
    UNREADABLE_ITEMS,
)
from tests.infra.alarm_stage import INTERVAL, LONG, START, Stage, all_alarms, each_minute, stage
from tests.infra.alarm_trouble import (
    failing_due_alerts,
    failing_observations,
    failing_recovery,
    failing_schedules,
    failing_slack,
    lost_events,
    old_sweep,
    unread_policy,
    unreadable_items,
    unrecorded_drill,
)
from tests.infra.synthesis import Resource
from tests.support.cloudwatch import MINUTE, FakeQueue, fired_after
from tests.support.printed import printed

__all__ = ["all_alarms", "printed", "stage"]  # fixtures


Play = Callable[[Stage], list[Sample]]


class Cause(NamedTuple):
    """What makes an alarm fire: the alarm's metric and its dimension's value, how they change, and when it has fired.

    `play` plays the cause from `START` on. `threshold` is that of the template with everything configured.
    """

    metric: str
    of: str
    statistic: str
    threshold: float
    play: Play
    minutes: int


def of_each_minute(value: Callable[[timedelta], float | None]) -> Play:
    return lambda _: each_minute(value)


def until_now(value: float) -> Play:
    """One for each heartbeat, until nothing arrives any more."""
    return lambda _: [Sample(START - number * INTERVAL, value) for number in range(20)]


def waiting(measure: Callable[[FakeQueue, timedelta], float | None]) -> Play:
    """A queue from which less is taken than arrives."""
    queue = FakeQueue()
    queue.send("waits", now=START)
    return lambda _: each_minute(lambda span: measure(queue, span))


def ours(metric: str, play: Play, *, statistic: str = "Maximum", threshold: float, minutes: int) -> Cause:
    return Cause(f"{NAMESPACE}/{metric}", "Respot", statistic, threshold, play, minutes)


def dead_letters(queue: str) -> Cause:
    """A queue that nothing has touched for six hours.

    SQS measures active queues only, and takes up to 15 minutes to begin with one that was not
    (Amazon SQS Developer Guide, "Monitoring Amazon SQS queues using CloudWatch").
    """
    play = of_each_minute(lambda span: 1 if span >= timedelta(minutes=15) else None)
    return Cause(VISIBLE, f"${{{queue}DeadLetters.QueueName}}", "Maximum", 1, play, 17)


def backlog(queue: str) -> Cause:
    play = waiting(lambda queue, span: queue.age_of_oldest_message(now=START + span))
    return Cause("AWS/SQS/ApproximateAgeOfOldestMessage", f"${{{queue}.QueueName}}", "Maximum", 900, play, 17)


def lag(function: str) -> Cause:
    """A batch that fails is sent to the function again, older each time."""
    play = of_each_minute(lambda span: span.total_seconds() * 1000)
    return Cause(ITERATOR_AGE, f"${{{function}Function}}", "Maximum", 5 * 60 * 1000, play, 7)


VISIBLE: Final = "AWS/SQS/ApproximateNumberOfMessagesVisible"
ITERATOR_AGE: Final = "AWS/Lambda/IteratorAge"
CAUSES: Final = {
    "ObservationsAge": backlog("RecordingObservationsQueue"),
    "ObservationsFailing": ours(FAILED_OBSERVATION_AGE, failing_observations, threshold=900, minutes=15),
    "ObservationsDeadLetters": dead_letters("RecordingObservations"),
    "DrillsDeadLetters": dead_letters("RecordingDrills"),
    "AlertStreamAge": lag("Alert"),
    "AlertStreamSilent": Cause(ITERATOR_AGE, "${AlertFunction}", "SampleCount", 1, until_now(40), 31),
    "AlertsDeadLetters": dead_letters("AlertingAlertsStream"),
    "DueAlertsAge": backlog("AlertingDueAlertsQueue"),
    "DueAlertsFailing": ours(FAILED_DUE_ALERT_AGE, failing_due_alerts, threshold=600, minutes=15),
    "DueAlertsDeadLetters": dead_letters("AlertingDueAlerts"),
    "WeeklyDeadLetters": dead_letters("Weekly"),
    "EnqueueEndedStreamAge": lag("EnqueueEnded"),
    "EndedJobsDeadLetters": dead_letters("RecoveryEndedJobsStream"),
    "RecoveryBacklog": Cause(
        VISIBLE,
        "${RecoveryQueue.QueueName}",
        "Minimum",
        1,
        waiting(lambda queue, span: queue.messages_visible(now=START + span)),
        17,
    ),
    # Two failures, counted in the five minutes of each, when these are over.
    "RecoveryFailing": ours(FAILED_RECOVERY_AGE, failing_recovery, threshold=600, minutes=16),
    # The second of two sweeps.
    "SchedulesDropped": Cause(
        "AWS/Scheduler/InvocationDroppedCount",
        "${RecoveryLatestStartsGroup}",
        "Sum",
        1,
        lambda _: [Sample(START, 1)],
        6,
    ),
    "SchedulesFailing": ours(SCHEDULES_FAILED, failing_schedules, statistic="Sum", threshold=1, minutes=16),
    "RecoveryDeadLetters": dead_letters("RecoveryQueue"),
    "LostEvents": ours(TRANSITIONS_FIRST_SEEN_BY_SWEEP, lost_events, statistic="Sum", threshold=1, minutes=6),
    "UnreadableItems": ours(UNREADABLE_ITEMS, unreadable_items, statistic="Sum", threshold=1, minutes=6),
    # The last complete one began an interval before.
    "SweepAge": ours(SWEEP_AGE, old_sweep, statistic="Minimum", threshold=4 * 5 * 60, minutes=30),
    # Three sweeps in a row.
    "PolicyReadsFailing": ours(POLICY_READS_FAILED, unread_policy, statistic="Sum", threshold=1, minutes=16),
    "DrillRecordsFailing": ours(DRILL_RECORDS_FAILED, unrecorded_drill, statistic="Sum", threshold=1, minutes=6),
    "SlackAge": backlog("SlackQueue"),
    "SlackFailing": ours(FAILED_SLACK_MESSAGE_AGE, failing_slack, threshold=900, minutes=15),
    "SlackDeadLetters": dead_letters("SlackQueue"),
    "ForwarderDeadLetters": dead_letters("Forwarder"),
    # Invocations that end in an error, time-outs included; one is enough.
    **{
        f"{name}Errors": Cause("AWS/Lambda/Errors", f"${{{name}Function}}", "Sum", 1, lambda _: [Sample(START, 1)], 6)
        for name in ("Record", "Alert", "EnqueueEnded", "Recover", "Sweep", "Slack", "Weekly")
    },
    # Lambda's START, END and REPORT of each heartbeat. Of the sweep, its own metric must not be missing.
    **{
        f"{name}Silent": Cause("AWS/Logs/IncomingLogEvents", f"${{{log}{name}Logs}}", "Sum", 1, until_now(3), 31)
        for log, name in (
            ("Recording", "Record"),
            ("Alerting", "Alert"),
            ("Recovery", "EnqueueEnded"),
            ("Recovery", "Recover"),
            ("", "Slack"),
        )
    },
}


def test_every_alarm_has_a_cause_that_is_played_here(alarms: dict[str, Resource]) -> None:
    assert sorted(alarms) == sorted(CAUSES)


@pytest.mark.parametrize("name", CAUSES)
def test_the_cause_of_an_alarm_makes_it_fire_in_time(alarms: dict[str, Resource], stage: Stage, name: str) -> None:
    alarm, cause = alarms[name], CAUSES[name]
    (dimension,) = alarm["Dimensions"]
    watched = (
        f"{alarm['Namespace']}/{alarm['MetricName']}",
        dimension["Value"],
        alarm["Statistic"],
        alarm["Threshold"],
    )
    assert watched == cause[:4]
    samples = cause.play(stage)
    before = [sample for sample in samples if sample.at <= START]
    if before[1:]:  # where there is a time before the trouble, nothing fires in it
        assert fired_after(alarm, before, since=START - 8 * INTERVAL, until=START) is None
    fired = fired_after(alarm, samples, since=START, until=START + LONG)
    assert fired is not None
    assert fired <= cause.minutes * MINUTE


def test_every_alarm_explains_itself_to_the_topic_and_treats_silence_as_it_is_made_for(
    alarms: dict[str, Resource],
) -> None:
    for name, alarm in alarms.items():
        assert alarm["AlarmActions"] == ["${AlarmsTopic}"]
        assert alarm["AlarmDescription"].endswith("See docs/runbook.md.")
        silent = name.endswith("Silent")
        assert (alarm["ComparisonOperator"] == "LessThanThreshold") is silent
        assert alarm["TreatMissingData"] == ("breaching" if silent or name == "SweepAge" else "notBreaching")
    assert "alerts are late" in alarms["AlertStreamAge"]["AlarmDescription"]
    assert "not resubmitted yet" in alarms["EnqueueEndedStreamAge"]["AlarmDescription"]


@pytest.mark.parametrize(
    ("points", "datapoints", "breaching", "not_breaching"),
    [
        # The tables of "Configuring how CloudWatch alarms treat missing data": 0 is within the threshold, X beyond it.
        ("0-X-X", 3, False, False),
        ("----0", 3, False, False),
        ("-----", 3, True, False),
        ("0XX-X", 3, True, True),
        ("--X--", 3, True, False),
        ("0-X-X", 2, True, True),
        ("00X0X", 2, True, True),
        ("0-X--", 2, True, False),
        ("----0", 2, True, False),
        ("---X-", 2, True, False),
    ],
)
def test_alarms_are_evaluated_as_in_the_tables_of_the_documentation(
    points: str, datapoints: int, *, breaching: bool, not_breaching: bool
) -> None:
    seen = [{"0": False, "X": True, "-": None}[point] for point in points]
    for missing, expected in (("breaching", breaching), ("notBreaching", not_breaching)):
        assert is_alarm(seen, periods=3, datapoints=datapoints, missing=missing) is expected
