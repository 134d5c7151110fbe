"""What is deployed, and how its parts hang together."""

import importlib
import json
from collections.abc import Iterator
from datetime import timedelta

from infra.packaging import PYTHON_VERSION
from respot import schema, settings
from respot.bootstrap import record, slack
from respot.domain.alert_kinds import KIND_BY_STATUS, AlertKind
from respot.events import DETAIL_TYPE, SOURCE
from respot.settings import Settings
from tests.infra.synthesis import Synthesized, render

KINDS = {
    "CloudWatch::Alarm",
    "DynamoDB::Table",
    "Events::Rule",
    "IAM::Policy",
    "IAM::Role",
    "Lambda::EventSourceMapping",
    "Lambda::Function",
    "Logs::LogGroup",
    "SNS::Topic",
    "SNS::TopicPolicy",
    "SQS::Queue",
    "SQS::QueuePolicy",
}
"""No custom resources, no functions of CDK's own, no metadata that reports home."""


def test_the_defaults_deploy_nothing_but_this(plain: Synthesized) -> None:
    assert {body["Type"].removeprefix("AWS::") for body in plain.resources.values()} == KINDS


def test_without_a_secret_nothing_is_there_for_slack(plain: Synthesized, full: Synthesized) -> None:
    assert [name for name in plain.resources if "slack" in name.lower()] == []
    assert sorted(full.of_type("Lambda::Function")) == ["AlertFunction", "RecordFunction", "SlackFunction"]
    assert sorted(plain.of_type("Lambda::Function")) == ["AlertFunction", "RecordFunction"]


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
        name for name in named if full.resources[name]["Type"].endswith(("EventSourceMapping", "IAM::Policy"))
    }
    assert named.keys() == references


# --- events in


def test_the_rule_asks_for_source_and_detail_type_and_for_nothing_an_event_may_lack(either: Synthesized) -> None:
    (rule,) = either.of_type("Events::Rule").values()
    assert rule["EventPattern"] == {"source": [SOURCE], "detail-type": [DETAIL_TYPE]}
    assert (rule["State"], "EventBusName" in rule) == ("ENABLED", False)
    assert render(rule["Targets"]) == [
        {
            "Id": "Target0",
            "Arn": "${ObservationsQueue.Arn}",
            "DeadLetterConfig": {"Arn": "${ObservationsDeadLetters.Arn}"},
            "RetryPolicy": {"MaximumEventAgeInSeconds": 86400, "MaximumRetryAttempts": 185},
        }
    ]


def test_record_takes_batches_and_no_more_of_them_at_once_than_set(full: Synthesized, plain: Synthesized) -> None:
    delivery = {
        "BatchSize": 10,
        "EventSourceArn": "${ObservationsQueue.Arn}",
        "FunctionName": "${RecordFunction}",
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
    }
    for template, concurrency in ((full, 5), (plain, 2)):
        assert render(template.properties("ObservationsDelivery")) == {
            **delivery,
            "ScalingConfig": {"MaximumConcurrency": concurrency},
        }


def test_slack_takes_one_message_at_a_time(full: Synthesized) -> None:
    assert render(full.properties("SlackDelivery")) == {
        "BatchSize": 1,
        "EventSourceArn": "${SlackDeliveryQueue.Arn}",
        "FunctionName": "${SlackFunction}",
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "ScalingConfig": {"MaximumConcurrency": 2},
    }


def test_alert_sees_new_transitions_that_call_for_an_alert(either: Synthesized) -> None:
    mapping = render(either.properties("TransitionsDelivery"))
    (pattern,) = mapping.pop("FilterCriteria")["Filters"]
    assert json.loads(pattern["Pattern"]) == {
        "eventName": ["INSERT"],
        "dynamodb": {
            "NewImage": {
                schema.KIND: {"S": [schema.ItemKind.TRANSITION]},
                schema.STATUS: {"S": sorted(KIND_BY_STATUS)},
            }
        },
    }
    assert mapping == {
        "BatchSize": 10,
        "BisectBatchOnFunctionError": True,
        "DestinationConfig": {"OnFailure": {"Destination": "${TransitionsDeadLetters.Arn}"}},
        "EventSourceArn": "${LedgerTable.StreamArn}",
        "FunctionName": "${AlertFunction}",
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
        "MaximumRecordAgeInSeconds": 7200,
        "MaximumRetryAttempts": 500,
        "StartingPosition": "TRIM_HORIZON",
    }


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
        "ObservationsQueue": "${ObservationsDeadLetters.Arn}",
        "ObservationsRule": "${ObservationsDeadLetters.Arn}",
        "SlackDeliveryQueue": "${SlackDeliveryDeadLetters.Arn}",
        "SlackDeliveryQueueRespotAlertsTopic92C7FFE6": "${SlackDeliveryDeadLetters.Arn}",
        "TransitionsDelivery": "${TransitionsDeadLetters.Arn}",
    }
    watched = {
        render(alarm["Dimensions"][0]["Value"]).replace(".QueueName", ".Arn")
        for alarm in full.of_type("CloudWatch::Alarm").values()
        if alarm["MetricName"] == "ApproximateNumberOfMessagesVisible" and alarm["Threshold"] == 1
    }
    assert watched == set(edges.values())


def test_no_queue_is_left_without_a_purpose(full: Synthesized) -> None:
    ends = {str(arn) for _, arn in dead_letter_queues(full)}
    queues = {name for name in full.of_type("SQS::Queue") if name.endswith("DeadLetters")}
    assert {f"${{{name}.Arn}}" for name in queues} == ends


def test_alarms_speak_of_delay_and_of_crashes(full: Synthesized) -> None:
    alarms = full.of_type("CloudWatch::Alarm").values()
    assert sorted(
        (alarm["MetricName"], render(alarm["Dimensions"][0]["Value"]), alarm["Statistic"], alarm["Threshold"])
        for alarm in alarms
        if alarm["MetricName"] != "ApproximateNumberOfMessagesVisible"
    ) == [
        ("ApproximateAgeOfOldestMessage", "${ObservationsQueue.QueueName}", "Maximum", 15 * 60),
        ("Errors", "${AlertFunction}", "Sum", 1),
        ("Errors", "${RecordFunction}", "Sum", 1),
        ("Errors", "${SlackFunction}", "Sum", 1),
        ("IteratorAge", "${AlertFunction}", "Maximum", 5 * 60 * 1000),
    ]


def test_every_alarm_tells_the_topic_what_it_means(either: Synthesized) -> None:
    for alarm in either.of_type("CloudWatch::Alarm").values():
        assert render(alarm["AlarmActions"]) == ["${AlertsTopic}"]
        assert alarm["AlarmDescription"].endswith("See docs/operations.md.")
        assert alarm["TreatMissingData"] == "notBreaching"
        assert alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
        assert alarm["EvaluationPeriods"] == 1


def test_a_message_is_not_shown_twice_while_it_is_worked_on(either: Synthesized) -> None:
    timeouts = {f"${{{name}}}": function["Timeout"] for name, function in either.of_type("Lambda::Function").items()}
    for mapping in either.of_type("Lambda::EventSourceMapping").values():
        queue = render(mapping["EventSourceArn"]).removeprefix("${").removesuffix(".Arn}")
        if queue in either.of_type("SQS::Queue"):
            assert either.properties(queue)["VisibilityTimeout"] >= 6 * timeouts[render(mapping["FunctionName"])]


def test_a_message_reaches_its_dead_letter_queue_before_it_expires(full: Synthesized) -> None:
    most_observation_receives, most_slack_receives = 250, 50  # what the settings allow
    observations, posts = (full.properties(name) for name in ("ObservationsQueue", "SlackDeliveryQueue"))
    for queue, receives, longest in (
        (observations, most_observation_receives, record.LONGEST_DELAY),
        (posts, most_slack_receives, slack.LONGEST_DELAY),
    ):
        between = max(longest, timedelta(seconds=queue["VisibilityTimeout"]))
        assert receives * between < timedelta(seconds=queue["MessageRetentionPeriod"])
    for name in ("ObservationsDeadLetters", "SlackDeliveryDeadLetters", "TransitionsDeadLetters"):
        assert full.properties(name)["MessageRetentionPeriod"] == timedelta(days=14).total_seconds()


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
    }
    assert all(i["Projection"] == {"ProjectionType": "KEYS_ONLY"} for i in table["GlobalSecondaryIndexes"])
    assert {attribute["AttributeType"] for attribute in table["AttributeDefinitions"]} == {"S"}
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["StreamSpecification"] == {"StreamViewType": "NEW_IMAGE"}
    assert table["TimeToLiveSpecification"] == {"AttributeName": schema.EXPIRES_AT, "Enabled": True}


def keys(owner: dict[str, list[dict[str, str]]]) -> list[tuple[str, str]]:
    return [(key["AttributeName"], key["KeyType"]) for key in owner["KeySchema"]]


# --- functions


def test_every_handler_is_there(full: Synthesized) -> None:
    for name, function in full.of_type("Lambda::Function").items():
        module, attribute = function["Handler"].rsplit(".", 1)
        assert function["Handler"] == f"respot.handlers.{name.removesuffix('Function').lower()}.handler"
        assert callable(getattr(importlib.import_module(module), attribute))


def test_functions_differ_in_handler_and_settings_alone(full: Synthesized) -> None:
    own = {"Description", "Environment", "Handler", "LoggingConfig", "Role"}
    shapes = [{k: v for k, v in f.items() if k not in own} for f in full.of_type("Lambda::Function").values()]
    assert all(shape == shapes[0] for shape in shapes)
    assert {key: shapes[0][key] for key in ("Runtime", "Architectures", "MemorySize", "Timeout")} == {
        "Runtime": f"python{PYTHON_VERSION}",
        "Architectures": ["arm64"],
        "MemorySize": 512,
        "Timeout": 60,
    }


def test_every_setting_reaches_the_functions_that_read_it(full: Synthesized) -> None:
    retention = timedelta(days=400)
    expected = {
        "RecordFunction": Settings(
            ledger_table="${LedgerTable}",
            retention=retention,
            queue_url="${ObservationsQueue}",
            first_retry=timedelta(seconds=5),
        ),
        "AlertFunction": Settings(
            ledger_table="${LedgerTable}",
            alerts_topic_arn="${AlertsTopic}",
            alert_kinds=frozenset({AlertKind.INTERRUPTED, AlertKind.FAILED}),
            alert_max_age=timedelta(hours=48),
            retention=retention,
        ),
        "SlackFunction": Settings(
            slack_secret="respot/slack-webhook",  # noqa: S106 - its name
            queue_url="${SlackDeliveryQueue}",
            first_retry=timedelta(seconds=7),
        ),
    }
    for name, values in expected.items():
        variables = render(full.properties(name)["Environment"]["Variables"])
        assert variables.pop("POWERTOOLS_LOG_LEVEL") == "DEBUG"
        assert Settings.from_environment(variables) == values


def test_no_setting_is_forgotten(full: Synthesized) -> None:
    known = {value for name, value in vars(settings).items() if name.isupper() and isinstance(value, str)}
    given = {name for f in full.of_type("Lambda::Function").values() for name in f["Environment"]["Variables"]}
    assert given - {"POWERTOOLS_LOG_LEVEL"} == known


def test_logs_are_kept_as_long_as_set(plain: Synthesized, full: Synthesized) -> None:
    for template, days, policy in ((plain, 30, "Retain"), (full, 545, "Delete")):
        groups = template.of_type("Logs::LogGroup")
        assert {group["RetentionInDays"] for group in groups.values()} == {days}
        assert {template.resources[name]["DeletionPolicy"] for name in groups} == {policy}
        used = {render(f["LoggingConfig"]["LogGroup"]) for f in template.of_type("Lambda::Function").values()}
        assert used == {f"${{{name}}}" for name in groups}


# --- people


def test_people_are_subscribed_and_slack_hears_alarms_too(full: Synthesized, plain: Synthesized) -> None:
    subscriptions = [render(subscription) for subscription in full.of_type("SNS::Subscription").values()]
    assert sorted(s["Endpoint"] for s in subscriptions if s["Protocol"] == "email") == [
        "ml@example.com",
        "oncall@example.com",
    ]
    (slack,) = [s for s in subscriptions if s["Protocol"] == "sqs"]
    assert (slack["Endpoint"], slack["RawMessageDelivery"]) == ("${SlackDeliveryQueue.Arn}", True)
    assert "FilterPolicy" not in slack
    assert plain.of_type("SNS::Subscription") == {}


def test_the_outputs_name_what_others_need(full: Synthesized, plain: Synthesized) -> None:
    outputs = {
        "LedgerTableName": "${LedgerTable}",
        "AlertsTopicArn": "${AlertsTopic}",
        "ObservationsQueueUrl": "${ObservationsQueue}",
        "ObservationsDlqUrl": "${ObservationsDeadLetters}",
        "AlertsDlqUrl": "${TransitionsDeadLetters}",
    }
    assert plain.outputs == outputs
    assert full.outputs == {**outputs, "SlackDlqUrl": "${SlackDeliveryDeadLetters}"}
