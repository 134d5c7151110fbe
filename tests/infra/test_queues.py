"""Queues: who reads them, how long, and where their failures go."""

from datetime import timedelta

import pytest

from infra.config import Config
from respot.errors import SettingsError
from respot.handlers import record, recover, slack
from respot.recovery.policy.document import LONGEST_PAUSE
from tests.infra.synthesis import Synthesized, dead_letter_queues, render


@pytest.mark.parametrize(
    ("queue", "function", "batch", "concurrency"),
    [
        ("RecordingObservationsQueue", "Record", 10, 5),
        ("RecordingDrillsQueue", "Record", 10, 2),
        ("RecoveryQueue", "Recover", 5, 2),
        ("SlackQueue", "Slack", 1, 2),
    ],
)
def test_a_function_takes_batches_and_no_more_of_them_at_once_than_set(
    full: Synthesized, queue: str, function: str, batch: int, concurrency: int
) -> None:
    (delivery,) = (
        each
        for each in full.of_type("Lambda::EventSourceMapping").values()
        if render(each["EventSourceArn"]) == f"${{{queue}.Arn}}"
    )
    assert render(delivery) == {
        "BatchSize": batch,
        "EventSourceArn": f"${{{queue}.Arn}}",
        "FunctionName": f"${{{function}Function}}",
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": {"MaximumConcurrency": concurrency},
    }


def test_every_asynchronous_edge_ends_in_a_dead_letter_queue_with_an_alarm(full: Synthesized) -> None:
    edges = dict(dead_letter_queues(full))
    assert edges == {
        "RecordingObservationsQueue": "${RecordingObservationsDeadLetters.Arn}",
        "RecordingRule": "${RecordingObservationsDeadLetters.Arn}",
        "RecordingDrillsQueue": "${RecordingDrillsDeadLetters.Arn}",
        "RecordingDrillRule": "${RecordingDrillsDeadLetters.Arn}",
        "SlackQueue": "${SlackQueueDeadLetters.Arn}",
        "SlackQueueRespotAlertingAlertsTopic6C2119F9": "${SlackQueueDeadLetters.Arn}",
        "SlackQueueRespotAlarmsTopic11386BA6": "${SlackQueueDeadLetters.Arn}",
        "AlertingAlertsStreamDelivery": "${AlertingAlertsStreamDeadLetters.Arn}",
        "RecoveryEndedJobsStreamDelivery": "${RecoveryEndedJobsStreamDeadLetters.Arn}",
        "RecoveryQueue": "${RecoveryQueueDeadLetters.Arn}",
        "AlertingDueAlertsQueue": "${AlertingDueAlertsDeadLetters.Arn}",
        "WeeklyFunctionEventInvokeConfig": "${WeeklyDeadLetters.Arn}",
        "WeeklySchedule": "${WeeklyDeadLetters.Arn}",
    }
    queues = {name: queue for name, queue in full.of_type("SQS::Queue").items() if name.endswith("DeadLetters")}
    # As long as SQS allows.
    assert {queue["MessageRetentionPeriod"] for queue in queues.values()} == {timedelta(days=14).total_seconds()}
    watched = {
        render(alarm["Dimensions"][0]["Value"]).replace(".QueueName", ".Arn")
        for alarm in full.of_type("CloudWatch::Alarm").values()
        if alarm["MetricName"] == "ApproximateNumberOfMessagesVisible" and alarm["Statistic"] == "Maximum"
    }
    assert watched == set(edges.values()) == {f"${{{name}.Arn}}" for name in queues}


def test_a_message_is_not_shown_twice_while_it_is_worked_on(either: Synthesized) -> None:
    timeouts = {f"${{{name}}}": function["Timeout"] for name, function in either.of_type("Lambda::Function").items()}
    for mapping in either.of_type("Lambda::EventSourceMapping").values():
        queue = render(mapping["EventSourceArn"]).removeprefix("${").removesuffix(".Arn}")
        if queue in either.of_type("SQS::Queue"):
            assert either.properties(queue)["VisibilityTimeout"] >= 6 * timeouts[render(mapping["FunctionName"])]


@pytest.mark.parametrize(
    ("queue", "setting", "most", "longest"),
    [
        ("RecordingObservations", "observation_max_receives", 250, 250 * record.LONGEST_DELAY),
        ("Slack", "slack_max_receives", 50, 50 * slack.LONGEST_DELAY),
        # A back-off's pause is spent in the queue, too, once for each job.
        ("Recovery", "recovery_max_receives", 450, 450 * recover.LONGEST_DELAY + LONGEST_PAUSE),
    ],
)
def test_a_message_reaches_its_dead_letter_queue_before_it_expires(
    full: Synthesized, queue: str, setting: str, most: int, longest: timedelta
) -> None:
    Config.from_context({"respot": {setting: most}})
    with pytest.raises(SettingsError):
        Config.from_context({"respot": {setting: most + 1}})
    properties = full.properties(f"{queue}Queue")
    dead_letters = full.resources[render(properties["RedrivePolicy"]["deadLetterTargetArn"])[2:-5]]["Properties"]
    crashing = most * timedelta(seconds=properties["VisibilityTimeout"])
    retention = timedelta(seconds=properties["MessageRetentionPeriod"])
    assert max(longest, crashing) < retention
    # A dead letter's age counts from when it was first sent: a long weekend must be left.
    assert timedelta(seconds=dead_letters["MessageRetentionPeriod"]) - retention >= timedelta(days=4)


def test_messages_are_tried_as_often_as_set(full: Synthesized, plain: Synthesized) -> None:
    for template, receives in (
        (full, {"RecordingObservationsQueue": 4, "SlackQueue": 3, "RecoveryQueue": 9}),
        (plain, {"RecordingObservationsQueue": 20, "RecoveryQueue": 200}),
    ):
        queues = template.of_type("SQS::Queue").items()
        # Neither of these is a setting.
        assert {**receives, "AlertingDueAlertsQueue": 10, "RecordingDrillsQueue": 2} == {
            name: queue["RedrivePolicy"]["maxReceiveCount"] for name, queue in queues if "RedrivePolicy" in queue
        }
