"""What is deployed, and how its parts hang together."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from infra.config import Config
from infra.constructs.sweep import TIMEOUT_SECONDS as SWEEP_TIMEOUT
from infra.packaging import PYTHON_VERSION
from infra.stack import RespotStack
from respot import handlers, schema, settings
from respot.alerting.contract import DIGEST_ATTRIBUTE
from respot.alerting.kinds import AlertKind
from respot.errors import SettingsError
from respot.handlers import record, recover, slack
from respot.metrics import NAMESPACE, SERVICE_DIMENSION, SERVICE_VARIABLE
from respot.recording.drill import DETAIL_TYPE as DRILL_DETAIL_TYPE
from respot.recording.observation import DETAIL_TYPE, SOURCE
from respot.recovery.policy.document import LONGEST_PAUSE
from respot.settings import Settings
from respot.sweep import sweeper
from respot_cli.dead_letters import EDGES
from tests.infra.synthesis import POLICY, Synthesized, empty_bundle, new_app, render, synthesize

KINDS = {
    "CloudWatch::Alarm",
    "DynamoDB::Table",
    "Events::Rule",
    "IAM::Policy",
    "IAM::Role",
    "Lambda::EventInvokeConfig",
    "Lambda::EventSourceMapping",
    "Lambda::Function",
    "Logs::LogGroup",
    "SNS::Topic",
    "SNS::TopicPolicy",
    "SQS::Queue",
    "SQS::QueuePolicy",
    "Scheduler::Schedule",
    "SSM::Parameter",
}
"""No custom resources, no functions of CDK's own, no metadata that reports home."""


def test_the_defaults_deploy_nothing_but_this(plain: Synthesized) -> None:
    assert {body["Type"].removeprefix("AWS::") for body in plain.resources.values()} == KINDS


def test_without_a_secret_nothing_is_there_for_slack(plain: Synthesized, full: Synthesized) -> None:
    assert [name for name in plain.resources if "slack" in name.lower()] == []
    always = {"AlertFunction", "RecordFunction", "EnqueueEndedFunction", "RecoverFunction", "SweepFunction"}
    assert full.of_type("Lambda::Function").keys() == always | {"SlackFunction"}
    assert plain.of_type("Lambda::Function").keys() == always


def test_two_deployments_can_share_an_account(full: Synthesized) -> None:
    kinds = {"AlarmName", "FunctionName", "LogGroupName", "Name", "PolicyName", "QueueName", "RoleName", "TableName"}
    named = {
        name: kind
        for name, body in full.resources.items()
        for kind in kinds | {"TopicName"}
        if kind in body.get("Properties", {})
    }
    # A role's own policy is named within the role; a mapping's FunctionName is a reference.
    references = {
        name
        for name in named
        if full.resources[name]["Type"].endswith(("EventInvokeConfig", "EventSourceMapping", "IAM::Policy"))
    }
    # The parameters are named after the stack, so that two stacks of an account have two of each.
    assert named.keys() == references | {"PolicyParameter", "KillSwitchParameter"}


def test_two_deployments_in_a_region_have_metrics_of_their_own(tmp_path: Path) -> None:
    """Or one's sweeps would tell that all is well of the other's, which are stuck."""
    app = new_app(tmp_path, Config())
    RespotStack(app, "Another", config=Config(), code=empty_bundle(tmp_path / "another"), policy=POLICY)
    app.synth()
    for stack in ("Respot", "Another"):
        template = Synthesized(tmp_path / "out" / f"{stack}.template.json")
        functions, alarms = template.of_type("Lambda::Function"), template.of_type("CloudWatch::Alarm")
        assert {function["Environment"]["Variables"][SERVICE_VARIABLE] for function in functions.values()} == {stack}
        own = [alarm["Dimensions"] for alarm in alarms.values() if alarm["Namespace"] == NAMESPACE]
        assert own == [[{"Name": SERVICE_DIMENSION, "Value": stack}]] * 5


# --- events in


@pytest.mark.parametrize(
    ("rule", "asked"),
    [
        ("RecordingRule", {"source": [SOURCE], "detail-type": [DETAIL_TYPE]}),
        ("RecordingDrillRule", {"source": ["respot.drill"], "detail-type": [DRILL_DETAIL_TYPE]}),
    ],
)
def test_every_rule_takes_events_of_this_account_alone_and_asks_for_nothing_they_may_lack(
    either: Synthesized, rule: str, asked: dict[str, list[str]]
) -> None:
    assert render(either.properties(rule)["EventPattern"]) == {"account": ["${AWS::AccountId}"], **asked}
    assert either.of_type("Events::Rule").keys() == {"RecordingRule", "RecordingDrillRule"}


def test_rules_keep_events_for_a_day_and_lose_none(either: Synthesized) -> None:
    for rule in either.of_type("Events::Rule").values():
        assert (rule["State"], "EventBusName" in rule) == ("ENABLED", False)
        assert render(rule["Targets"]) == [
            {
                "Id": "Target0",
                "Arn": "${RecordingObservationsQueue.Arn}",
                "DeadLetterConfig": {"Arn": "${RecordingObservationsDeadLetters.Arn}"},
                "RetryPolicy": {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185},
            }
        ]


def test_record_takes_batches_and_no_more_of_them_at_once_than_set(full: Synthesized, plain: Synthesized) -> None:
    delivery = {
        "BatchSize": 10,
        "EventSourceArn": "${RecordingObservationsQueue.Arn}",
        "FunctionName": "${RecordFunction}",
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
    }
    for template, concurrency in ((full, 5), (plain, 2)):
        assert render(template.properties("RecordingObservationsDelivery")) == {
            **delivery,
            "ScalingConfig": {"MaximumConcurrency": concurrency},
        }


def test_slack_takes_one_message_at_a_time(full: Synthesized) -> None:
    assert render(full.properties("SlackQueueDelivery")) == {
        "BatchSize": 1,
        "EventSourceArn": "${SlackQueue.Arn}",
        "FunctionName": "${SlackFunction}",
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": {"MaximumConcurrency": 2},
    }


def test_resubmit_takes_one_job_at_a_time(either: Synthesized) -> None:
    assert render(either.properties("RecoveryQueueDelivery")) == {
        "BatchSize": 1,
        "EventSourceArn": "${RecoveryQueue.Arn}",
        "FunctionName": "${RecoverFunction}",
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": {"MaximumConcurrency": 2},
    }


@pytest.mark.parametrize(
    ("reader", "function", "hours"),
    [("AlertingAlertsStream", "Alert", 2), ("RecoveryEndedJobsStream", "EnqueueEnded", 20)],
)
def test_a_reader_of_the_stream_misses_nothing_and_hangs_on_nothing(
    either: Synthesized, reader: str, function: str, hours: int
) -> None:
    mapping = render(either.properties(f"{reader}Delivery"))
    del mapping["FilterCriteria"]  # see test_stream_filters
    assert mapping == {
        "BatchSize": 10,
        "BisectBatchOnFunctionError": True,
        "DestinationConfig": {"OnFailure": {"Destination": f"${{{reader}DeadLetters.Arn}}"}},
        "EventSourceArn": "${LedgerTable.StreamArn}",
        "FunctionName": f"${{{function}Function}}",
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "MaximumRecordAgeInSeconds": hours * 3600,
        "MaximumRetryAttempts": 5000,
        "StartingPosition": "TRIM_HORIZON",
    }


def test_the_stream_has_no_more_readers_than_dynamodb_bears(full: Synthesized) -> None:
    mappings = full.of_type("Lambda::EventSourceMapping").values()
    readers = [m for m in mappings if render(m["EventSourceArn"]) == "${LedgerTable.StreamArn}"]
    assert len(readers) == 2  # of a shard, says the DynamoDB Developer Guide: more are throttled


# --- nothing is lost


def dead_letter_queues(template: Synthesized) -> Iterator[tuple[str, object]]:
    """Each asynchronous edge with where its failures go."""
    for name, queue in template.of_type("SQS::Queue").items():
        if not name.endswith("DeadLetters"):
            yield name, render(queue["RedrivePolicy"]["deadLetterTargetArn"])
    for name, rule in template.of_type("Events::Rule").items():
        for target in rule["Targets"]:
            yield name, render(target["DeadLetterConfig"]["Arn"])
    for name, subscription in template.of_type("SNS::Subscription").items():
        if subscription["Protocol"] != "email":  # SNS has no answer from a mailbox that could be redriven
            yield name, render(subscription["RedrivePolicy"]["deadLetterTargetArn"])
    for name, mapping in template.of_type("Lambda::EventSourceMapping").items():
        if "StartingPosition" in mapping:
            yield name, render(mapping["DestinationConfig"]["OnFailure"]["Destination"])


def test_every_asynchronous_edge_ends_in_a_dead_letter_queue_with_an_alarm(full: Synthesized) -> None:
    edges = dict(dead_letter_queues(full))
    assert edges == {
        "RecordingObservationsQueue": "${RecordingObservationsDeadLetters.Arn}",
        "RecordingRule": "${RecordingObservationsDeadLetters.Arn}",
        "RecordingDrillRule": "${RecordingObservationsDeadLetters.Arn}",
        "SlackQueue": "${SlackQueueDeadLetters.Arn}",
        "SlackQueueRespotAlertingAlertsTopic6C2119F9": "${SlackQueueDeadLetters.Arn}",
        "SlackQueueRespotAlarmsTopic11386BA6": "${SlackQueueDeadLetters.Arn}",
        "AlertingAlertsStreamDelivery": "${AlertingAlertsStreamDeadLetters.Arn}",
        "RecoveryEndedJobsStreamDelivery": "${RecoveryEndedJobsStreamDeadLetters.Arn}",
        "RecoveryQueue": "${RecoveryQueueDeadLetters.Arn}",
        "AlertingDueAlertsQueue": "${AlertingDueAlertsDeadLetters.Arn}",
    }
    watched = {
        render(alarm["Dimensions"][0]["Value"]).replace(".QueueName", ".Arn")
        for alarm in full.of_type("CloudWatch::Alarm").values()
        if alarm["MetricName"] == "ApproximateNumberOfMessagesVisible" and alarm["Statistic"] == "Maximum"
    }
    assert watched == set(edges.values())


def test_no_queue_is_left_without_a_purpose(full: Synthesized) -> None:
    ends = {str(arn) for _, arn in dead_letter_queues(full)}
    queues = {name for name in full.of_type("SQS::Queue") if name.endswith("DeadLetters")}
    assert {f"${{{name}.Arn}}" for name in queues} == ends


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


def test_every_alarm_tells_the_topic_what_it_means(either: Synthesized) -> None:
    for alarm in either.of_type("CloudWatch::Alarm").values():
        assert render(alarm["AlarmActions"]) == ["${AlarmsTopic}"]
        assert alarm["AlarmDescription"].endswith("See docs/operations.md.")


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


@pytest.mark.parametrize(
    ("minutes", "period", "age"),
    [(1, 5, 30), (5, 5, 30), (7, 7, 42), (60, 60, 360)],
)
def test_the_alarm_on_old_sweeps_speaks_as_soon_as_it_says(tmp_path: Path, minutes: int, period: int, age: int) -> None:
    """The age grows by an interval each time: what is told at 4, 5 and 6 intervals is the third of three."""
    alarm = synthesize(tmp_path, Config(sweep_minutes=minutes)).properties("AlarmsSweepAge")
    assert (alarm["Period"], alarm["EvaluationPeriods"]) == (period * 60, 3)
    assert alarm["Threshold"] + 2 * alarm["Period"] == age * 60
    assert f"for {age} minutes, or no sweep reports any more:" in alarm["AlarmDescription"]
    # A sweep that takes all its time is not silence.
    assert alarm["Period"] > SWEEP_TIMEOUT
    # CloudWatch evaluates no more than a day.
    assert alarm["Period"] * alarm["EvaluationPeriods"] <= timedelta(days=1).total_seconds()


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


def test_dead_letters_wait_as_long_as_sqs_allows(full: Synthesized) -> None:
    queues = {name: queue for name, queue in full.of_type("SQS::Queue").items() if name.endswith("DeadLetters")}
    assert {queue["MessageRetentionPeriod"] for queue in queues.values()} == {timedelta(days=14).total_seconds()}


def test_messages_are_tried_as_often_as_set(full: Synthesized, plain: Synthesized) -> None:
    for template, receives in (
        (full, {"RecordingObservationsQueue": 4, "SlackQueue": 3, "RecoveryQueue": 9, "AlertingDueAlertsQueue": 10}),
        (plain, {"RecordingObservationsQueue": 20, "RecoveryQueue": 200, "AlertingDueAlertsQueue": 10}),
    ):
        queues = template.of_type("SQS::Queue").items()
        assert receives == {
            name: queue["RedrivePolicy"]["maxReceiveCount"] for name, queue in queues if "RedrivePolicy" in queue
        }


# --- the ledger


def test_the_ledger_is_kept_and_protected_unless_told_otherwise(plain: Synthesized, full: Synthesized) -> None:
    assert plain.resources["LedgerTable"]["DeletionPolicy"] == "Retain"
    assert plain.properties("LedgerTable")["DeletionProtectionEnabled"] is True
    assert full.resources["LedgerTable"]["DeletionPolicy"] == "Delete"
    assert full.properties("LedgerTable")["DeletionProtectionEnabled"] is False


def test_the_ledger_is_the_table_of_the_schema(either: Synthesized) -> None:
    table = either.properties("LedgerTable")
    assert keys(table) == [(schema.PK, "HASH"), (schema.SK, "RANGE")]
    assert {index["IndexName"]: keys(index) for index in table["GlobalSecondaryIndexes"]} == {
        schema.BY_NAME: [(schema.REGION_AND_NAME, "HASH"), (schema.CREATED, "RANGE")],
        schema.BY_ACTIVITY: [(schema.ACTIVE_ON, "HASH"), (schema.LAST_MODIFIED, "RANGE")],
        schema.BY_LIVE: [(schema.LIVE_IN, "HASH"), (schema.CREATED, "RANGE")],
    }
    assert {index["IndexName"]: index["Projection"] for index in table["GlobalSecondaryIndexes"]} == {
        schema.BY_NAME: {"ProjectionType": "KEYS_ONLY"},
        schema.BY_ACTIVITY: {"ProjectionType": "KEYS_ONLY"},
        schema.BY_LIVE: {"ProjectionType": "INCLUDE", "NonKeyAttributes": [schema.CHECKPOINT_URI]},
    }


def test_no_text_of_other_peoples_choice_is_a_key_of_the_ledger(either: Synthesized) -> None:
    """A key's length is bounded, and an item that exceeds it is refused as a whole."""
    table = either.properties("LedgerTable")
    assert {attribute["AttributeName"] for attribute in table["AttributeDefinitions"]} == {
        schema.PK,
        schema.SK,
        schema.REGION_AND_NAME,
        schema.CREATED,
        schema.ACTIVE_ON,
        schema.LAST_MODIFIED,
        schema.LIVE_IN,
    }


def test_the_ledger_can_be_restored_read_as_it_changes_and_expires(either: Synthesized) -> None:
    table = either.properties("LedgerTable")
    assert {attribute["AttributeType"] for attribute in table["AttributeDefinitions"]} == {"S"}
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["StreamSpecification"] == {"StreamViewType": "NEW_IMAGE"}
    assert table["TimeToLiveSpecification"] == {"AttributeName": schema.EXPIRES_AT, "Enabled": True}


def keys(owner: dict[str, list[dict[str, str]]]) -> list[tuple[str, str]]:
    return [(key["AttributeName"], key["KeyType"]) for key in owner["KeySchema"]]


# --- the policy


def test_the_policy_is_a_parameter_named_after_the_stack(either: Synthesized) -> None:
    parameter = either.properties("PolicyParameter")
    assert {name: parameter[name] for name in ("Name", "Type", "Tier", "Value")} == {
        "Name": "/Respot/policy",
        "Type": "String",
        "Tier": "Standard",
        "Value": POLICY,
    }


# --- functions


def test_every_handler_is_there_and_deployed(full: Synthesized) -> None:
    deployed = set()
    for function in full.of_type("Lambda::Function").values():
        module, attribute = function["Handler"].rsplit(".", 1)
        assert callable(getattr(importlib.import_module(module), attribute))
        deployed.add(module)
    modules = {f"{handlers.__name__}.{module.name}" for module in pkgutil.iter_modules(handlers.__path__)}
    assert deployed == {name for name in modules if hasattr(importlib.import_module(name), "handler")}


def test_functions_differ_in_handler_settings_and_timeout_alone(full: Synthesized) -> None:
    own = {"Description", "Environment", "Handler", "LoggingConfig", "Role", "Timeout"}
    functions = full.of_type("Lambda::Function")
    shapes = [{k: v for k, v in f.items() if k not in own} for f in functions.values()]
    assert all(shape == shapes[0] for shape in shapes)
    assert {key: shapes[0][key] for key in ("Runtime", "Architectures", "MemorySize")} == {
        "Runtime": f"python{PYTHON_VERSION}",
        "Architectures": ["arm64"],
        "MemorySize": 512,
    }
    assert {name: function["Timeout"] for name, function in functions.items()} == {
        "AlertFunction": 130,
        "RecordFunction": 60,
        "EnqueueEndedFunction": 60,
        "RecoverFunction": 120,
        "SlackFunction": 60,
        "SweepFunction": 240,
    }


def test_every_setting_reaches_the_functions_that_read_it(full: Synthesized) -> None:
    retention = timedelta(days=400)
    expected = {
        "RecordFunction": Settings(
            ledger_table="${LedgerTable}",
            retention=retention,
            queue_url="${RecordingObservationsQueue}",
            first_retry=timedelta(seconds=6),
        ),
        "EnqueueEndedFunction": Settings(recovery_queue_url="${RecoveryQueue}"),
        "RecoverFunction": Settings(
            ledger_table="${LedgerTable}",
            retention=retention,
            queue_url="${RecoveryQueue}",
            first_retry=timedelta(seconds=6),
            policy_parameter="${PolicyParameter}",
            kill_switch_parameter="${KillSwitchParameter}",
        ),
        "AlertFunction": Settings(
            ledger_table="${LedgerTable}",
            alerts_topic_arn="${AlertingAlertsTopic}",
            alert_kinds=frozenset({AlertKind.INTERRUPTED, AlertKind.FAILED}),
            alert_max_age=timedelta(hours=48),
            digest_window=timedelta(minutes=2),
            due_alerts_queue_url="${AlertingDueAlertsQueue}",
            alert_lease=timedelta(seconds=260),
            policy_parameter="${PolicyParameter}",
            retention=retention,
        ),
        "SweepFunction": Settings(
            ledger_table="${LedgerTable}",
            backfill=timedelta(days=90),
            event_grace=timedelta(seconds=90),
            observations_queue_url="${RecordingObservationsQueue}",
            recovery_queue_url="${RecoveryQueue}",
            due_alerts_queue_url="${AlertingDueAlertsQueue}",
            policy_parameter="${PolicyParameter}",
            retention=retention,
            slack_queue_url="${SlackQueue}",
        ),
        "SlackFunction": Settings(
            ledger_table="${LedgerTable}",
            slack_secret="respot/slack-webhook",  # noqa: S106 - its name
            queue_url="${SlackQueue}",
            first_retry=timedelta(seconds=7),
        ),
    }
    assert expected.keys() == full.of_type("Lambda::Function").keys()
    for name, values in expected.items():
        variables = render(full.properties(name)["Environment"]["Variables"])
        assert variables.pop("POWERTOOLS_LOG_LEVEL") == "DEBUG"
        assert variables.pop(SERVICE_VARIABLE) == "Respot"
        assert Settings.from_environment(variables) == values


def read_by(module: str) -> set[str]:
    """The settings that a handler's composition root and whatever it is composed of read."""
    source = Path(str(importlib.import_module(module).__file__)).read_text()
    read = set(re.findall(r"\bsettings\(\)\.(\w+)", source))
    return read.union(*map(read_by, re.findall(r"^from (respot\.bootstrap\.\w+) import", source, re.MULTILINE)))


def test_no_function_reads_a_setting_that_it_was_not_given(full: Synthesized) -> None:
    for function in full.of_type("Lambda::Function").values():
        given = Settings.from_environment(render(function["Environment"]["Variables"]))
        read = read_by(function["Handler"].rsplit(".", 1)[0])
        assert read
        # Everything that can be set is set to something else than the default; without regions, it is the hub's own.
        unset = {name for name in read if getattr(given, name) == getattr(Settings(), name)}
        assert unset - {"regions"} == set()


def test_no_setting_is_forgotten(full: Synthesized) -> None:
    known = {value for name, value in vars(settings).items() if name.isupper() and isinstance(value, str)}
    given = {name for f in full.of_type("Lambda::Function").values() for name in f["Environment"]["Variables"]}
    assert given - {"POWERTOOLS_LOG_LEVEL", SERVICE_VARIABLE} == known


def test_logs_are_kept_as_long_as_set(plain: Synthesized, full: Synthesized) -> None:
    for template, days, policy in ((plain, 30, "Retain"), (full, 545, "Delete")):
        groups = template.of_type("Logs::LogGroup")
        assert {group["RetentionInDays"] for group in groups.values()} == {days}
        assert {template.resources[name]["DeletionPolicy"] for name in groups} == {policy}
        used = {render(f["LoggingConfig"]["LogGroup"]) for f in template.of_type("Lambda::Function").values()}
        assert used == {f"${{{name}}}" for name in groups}


# --- the sweep


def test_the_schedule_calls_the_sweep_every_few_minutes(full: Synthesized, plain: Synthesized) -> None:
    for template, rate in ((full, "rate(7 minutes)"), (plain, "rate(5 minutes)")):
        (schedule,) = template.of_type("Scheduler::Schedule").values()
        assert (schedule["ScheduleExpression"], schedule["FlexibleTimeWindow"]) == (rate, {"Mode": "OFF"})
        assert render(schedule["Target"]) == {
            "Arn": "${SweepFunction.Arn}",
            "RoleArn": "${SweepScheduleRole.Arn}",
            "RetryPolicy": {"MaximumRetryAttempts": 0},
        }


def test_a_minute_is_no_minutes(tmp_path: Path) -> None:
    (schedule,) = synthesize(tmp_path, Config(sweep_minutes=1)).of_type("Scheduler::Schedule").values()
    assert schedule["ScheduleExpression"] == "rate(1 minute)"


def test_a_sweep_that_fails_is_not_repeated_since_the_next_one_goes_on(either: Synthesized) -> None:
    (invocation,) = either.of_type("Lambda::EventInvokeConfig").values()
    assert render(invocation["FunctionName"]) == "${SweepFunction}"
    assert invocation["MaximumRetryAttempts"] == 0


def test_a_sweep_has_time_for_a_page_and_ends_before_another_may_take_it_over(either: Synthesized) -> None:
    timeout = timedelta(seconds=either.properties("SweepFunction")["Timeout"])
    assert 2 * sweeper.LONGEST_PAGE <= timeout < sweeper.LEASE


# --- people


def test_people_hear_alerts_but_for_those_of_digests_and_alarms_all_of_them(
    full: Synthesized, plain: Synthesized
) -> None:
    subscriptions = [render(subscription) for subscription in full.of_type("SNS::Subscription").values()]
    people = {("email", "ml@example.com"), ("email", "oncall@example.com"), ("sqs", "${SlackQueue.Arn}")}
    # SNS shows a message without attributes, as an alarm is, to no subscription with a filter policy.
    for topic, policy in (
        ("${AlertingAlertsTopic}", {DIGEST_ATTRIBUTE: [{"exists": False}]}),
        ("${AlarmsTopic}", None),
    ):
        theirs = [s for s in subscriptions if s["TopicArn"] == topic]
        assert {(s["Protocol"], s["Endpoint"]) for s in theirs} == people
        assert [s.get("FilterPolicy") for s in theirs] == [policy] * 3
    assert {s["RawMessageDelivery"] for s in subscriptions if s["Protocol"] == "sqs"} == {True}
    assert plain.of_type("SNS::Subscription") == {}


def test_the_outputs_name_what_others_need(full: Synthesized, plain: Synthesized) -> None:
    outputs = {
        "LedgerTableName": "${LedgerTable}",
        "AlertsTopicArn": "${AlertingAlertsTopic}",
        "AlarmsTopicArn": "${AlarmsTopic}",
        "ObservationsQueueUrl": "${RecordingObservationsQueue}",
        "ObservationsDlqUrl": "${RecordingObservationsDeadLetters}",
        "AlertsDlqUrl": "${AlertingAlertsStreamDeadLetters}",
        "DueAlertsQueueUrl": "${AlertingDueAlertsQueue}",
        "DueAlertsDlqUrl": "${AlertingDueAlertsDeadLetters}",
        "RecoveryQueueUrl": "${RecoveryQueue}",
        "RecoveryDlqUrl": "${RecoveryQueueDeadLetters}",
        "EndedJobsDlqUrl": "${RecoveryEndedJobsStreamDeadLetters}",
        "SweepFunctionName": "${SweepFunction}",
        "PolicyParameterName": "${PolicyParameter}",
        "KillSwitchParameterName": "${KillSwitchParameter}",
        "RecordLogGroupName": "${RecordingRecordLogs}",
        "AlertLogGroupName": "${AlertingAlertLogs}",
        "EnqueueEndedLogGroupName": "${RecoveryEnqueueEndedLogs}",
        "RecoverLogGroupName": "${RecoveryRecoverLogs}",
    }
    assert plain.outputs == outputs
    assert full.outputs == {
        **outputs,
        "SlackQueueUrl": "${SlackQueue}",
        "SlackDlqUrl": "${SlackQueueDeadLetters}",
        "SlackLogGroupName": "${SlackLogs}",
    }


def test_respot_dlq_knows_every_dead_letter_queue_and_its_way_back(full: Synthesized) -> None:
    assert {edge.output for edge in EDGES} == {name for name in full.outputs if name.endswith("DlqUrl")}
    edges = dict(dead_letter_queues(full))
    for queue in EDGES:
        assert queue.log in full.outputs
        source = full.outputs[queue.back].removeprefix("${").removesuffix("}")
        if not queue.of_stream:  # what failed on its way into a queue or out of it goes back into that queue
            assert edges[source] == full.outputs[queue.output].replace("}", ".Arn}")
