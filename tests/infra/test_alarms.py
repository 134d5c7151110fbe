"""Every alarm has a cause, and its cause makes it fire, as CloudWatch is documented to evaluate it.

Where the metric is Respot's own, the real handlers emit it; where it is AWS's, the samples follow AWS's description.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import pytest

from respot.metrics import (
    FAILED_DUE_ALERT_AGE,
    FAILED_OBSERVATION_AGE,
    FAILED_RECOVERY_AGE,
    FAILED_SLACK_MESSAGE_AGE,
    NAMESPACE,
    SWEEP_AGE,
    TRANSITIONS_FIRST_SEEN_BY_SWEEP,
)
from tests.infra.alarm_stage import INTERVAL, LONG, START, Stage, all_alarms, each_minute, stage
from tests.infra.alarm_trouble import (
    failing_due_alerts,
    failing_observations,
    failing_recovery,
    failing_slack,
    lost_events,
    old_sweep,
)
from tests.infra.synthesis import Resource
from tests.support.cloudwatch import MINUTE, FakeQueue, Sample, fired_after, is_alarm
from tests.support.printed import printed

__all__ = ["all_alarms", "printed", "stage"]  # fixtures


def an_error(_: Stage) -> list[Sample]:
    """`Errors`: invocations that end in an error, time-outs included; one is enough."""
    return [Sample(START, 1)]


def a_dead_letter(_: Stage) -> list[Sample]:
    """`ApproximateNumberOfMessagesVisible` of a queue that nothing has touched for six hours.

    SQS measures active queues only, and takes up to 15 minutes to begin with one that was not
    (Amazon SQS Developer Guide, "Monitoring Amazon SQS queues using CloudWatch").
    """
    return each_minute(lambda span: 1 if span >= timedelta(minutes=15) else None)


def a_backlog(_: Stage) -> list[Sample]:
    """`ApproximateAgeOfOldestMessage` of a queue that nobody reads any more."""
    queue = FakeQueue()
    queue.send("waits", now=START)
    return each_minute(lambda span: queue.age_of_oldest_message(now=START + span))


def always_messages(_: Stage) -> list[Sample]:
    """`ApproximateNumberOfMessagesVisible` of a queue from which less is taken than arrives."""
    queue = FakeQueue()
    queue.send("waits", now=START)
    return each_minute(lambda span: queue.messages_visible(now=START + span))


def a_stuck_batch(_: Stage) -> list[Sample]:
    """`IteratorAge`: a batch that fails is sent to the function again, older each time."""
    return each_minute(lambda span: span.total_seconds() * 1000)


def no_more_logs(_: Stage) -> list[Sample]:
    """`IncomingLogEvents`: Lambda's START, END and REPORT of each heartbeat, until nothing arrives any more."""
    return [Sample(START - number * INTERVAL, 3) for number in range(20)]


def no_more_batches(_: Stage) -> list[Sample]:
    """`IteratorAge`, sampled with each batch: one for each heartbeat, until nothing is shown any more."""
    return [Sample(START - number * INTERVAL, 40) for number in range(20)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What makes an alarm fire.

    Attributes:
        metric: the one that the alarm watches.
        of: the value of its dimension.
        play: plays the cause from `START` on and returns the metric's samples.
        within: when the alarm has fired by.
    """

    metric: str
    of: str
    play: Callable[[Stage], list[Sample]]
    within: timedelta


def ours(metric: str, play: Callable[[Stage], list[Sample]], *, minutes: int) -> Cause:
    return Cause(metric=f"{NAMESPACE}/{metric}", of="Respot", play=play, within=minutes * MINUTE)


def dead_letters(queue: str) -> Cause:
    of = f"${{{queue}DeadLetters.QueueName}}"
    metric = "AWS/SQS/ApproximateNumberOfMessagesVisible"
    return Cause(metric=metric, of=of, play=a_dead_letter, within=17 * MINUTE)


def backlog(queue: str) -> Cause:
    metric = "AWS/SQS/ApproximateAgeOfOldestMessage"
    return Cause(metric=metric, of=f"${{{queue}.QueueName}}", play=a_backlog, within=17 * MINUTE)


def errors(function: str) -> Cause:
    return Cause(metric="AWS/Lambda/Errors", of=f"${{{function}Function}}", play=an_error, within=6 * MINUTE)


def lag(function: str) -> Cause:
    of = f"${{{function}Function}}"
    return Cause(metric="AWS/Lambda/IteratorAge", of=of, play=a_stuck_batch, within=7 * MINUTE)


def silence(function: str) -> Cause:
    metric = "AWS/Logs/IncomingLogEvents"
    return Cause(metric=metric, of=f"${{{function}Logs}}", play=no_more_logs, within=31 * MINUTE)


CAUSES: Final = {
    "ObservationsAge": backlog("RecordingObservationsQueue"),
    "ObservationsFailing": ours(FAILED_OBSERVATION_AGE, failing_observations, minutes=15),
    "ObservationsDeadLetters": dead_letters("RecordingObservations"),
    "AlertStreamAge": lag("Alert"),
    "AlertStreamSilent": Cause(
        metric="AWS/Lambda/IteratorAge", of="${AlertFunction}", play=no_more_batches, within=31 * MINUTE
    ),
    "AlertsDeadLetters": dead_letters("AlertingAlertsStream"),
    "DueAlertsAge": backlog("AlertingDueAlertsQueue"),
    "DueAlertsFailing": ours(FAILED_DUE_ALERT_AGE, failing_due_alerts, minutes=15),
    "DueAlertsDeadLetters": dead_letters("AlertingDueAlerts"),
    "EnqueueEndedStreamAge": lag("EnqueueEnded"),
    "EndedJobsDeadLetters": dead_letters("RecoveryEndedJobsStream"),
    "RecoveryBacklog": Cause(
        metric="AWS/SQS/ApproximateNumberOfMessagesVisible",
        of="${RecoveryQueue.QueueName}",
        play=always_messages,
        within=17 * MINUTE,
    ),
    # Two failures, counted in the five minutes of each, when these are over.
    "RecoveryFailing": ours(FAILED_RECOVERY_AGE, failing_recovery, minutes=16),
    "RecoveryDeadLetters": dead_letters("RecoveryQueue"),
    "LostEvents": ours(TRANSITIONS_FIRST_SEEN_BY_SWEEP, lost_events, minutes=6),
    # The last complete one began an interval before.
    "SweepAge": ours(SWEEP_AGE, old_sweep, minutes=30),
    "SlackAge": backlog("SlackQueue"),
    "SlackFailing": ours(FAILED_SLACK_MESSAGE_AGE, failing_slack, minutes=15),
    "SlackDeadLetters": dead_letters("SlackQueue"),
    "ForwarderDeadLetters": dead_letters("Forwarder"),
    **{f"{name}Errors": errors(name) for name in ("Record", "Alert", "EnqueueEnded", "Recover", "Sweep", "Slack")},
    **{
        f"{name}Silent": silence(f"{capability}{name}")
        for capability, name in (
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
    assert (f"{alarm['Namespace']}/{alarm['MetricName']}", dimension["Value"]) == (cause.metric, cause.of)
    samples = cause.play(stage)
    before = [sample for sample in samples if sample.at <= START]
    if before[1:]:  # where there is a time before the trouble, nothing fires in it
        assert fired_after(alarm, before, since=START - 8 * INTERVAL, until=START) is None
    fired = fired_after(alarm, samples, since=START, until=START + LONG)
    assert fired is not None
    assert fired <= cause.within


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
