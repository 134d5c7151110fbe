"""What is deployed as a whole, and under which names others find it."""

from pathlib import Path

from infra.config import Config
from infra.constructs.kill_switch import KillSwitchParameter
from infra.stack import RespotStack
from infra.version import version
from local.bench import price
from respot.alerting.contract import DIGEST_ATTRIBUTE
from respot.metrics import NAMESPACE, SERVICE_DIMENSION, SERVICE_VARIABLE
from respot_cli.dead_letters import EDGES
from respot_cli.doctor.checks import LATE_AFTER
from tests.infra.synthesis import POLICY, Synthesized, dead_letter_queues, empty_bundle, new_app, render

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
    "Scheduler::ScheduleGroup",
    "SSM::Parameter",
}
"""No custom resources, no functions of CDK's own, no metadata that reports home."""


def test_the_defaults_deploy_nothing_but_this(plain: Synthesized) -> None:
    assert {body["Type"].removeprefix("AWS::") for body in plain.resources.values()} == KINDS
    assert [name for name in plain.resources if "slack" in name.lower()] == []


def test_two_deployments_can_share_an_account(full: Synthesized) -> None:
    kinds = {"AlarmName", "FunctionName", "LogGroupName", "Name", "PolicyName", "QueueName", "RoleName", "TableName"}
    kinds |= {"TopicName"}
    named = {name for name, body in full.resources.items() if not kinds.isdisjoint(body.get("Properties", {}))}
    # A role's own policy is named within the role; a mapping's FunctionName is a reference.
    references = {
        name
        for name in named
        if full.resources[name]["Type"].endswith(("EventInvokeConfig", "EventSourceMapping", "IAM::Policy"))
    }
    # The parameters are named after the stack: two stacks of an account have two of each.
    assert named == references | {"PolicyParameter", "KillSwitchParameter"}


def test_two_deployments_in_a_region_have_metrics_and_parameters_of_their_own(tmp_path: Path) -> None:
    """Otherwise one's sweeps would hide that the other's are stuck."""
    app = new_app(tmp_path, Config())
    RespotStack(app, "Another", config=Config(), code=empty_bundle(tmp_path / "another"), policy=POLICY)
    app.synth()
    for stack in ("Respot", "Another"):
        template = Synthesized(tmp_path / "out" / f"{stack}.template.json")
        functions, alarms = template.of_type("Lambda::Function"), template.of_type("CloudWatch::Alarm")
        assert {function["Environment"]["Variables"][SERVICE_VARIABLE] for function in functions.values()} == {stack}
        own = [alarm["Dimensions"] for alarm in alarms.values() if alarm["Namespace"] == NAMESPACE]
        assert own == [[{"Name": SERVICE_DIMENSION, "Value": stack}]] * 8
        names = {parameter["Name"] for parameter in template.of_type("SSM::Parameter").values()}
        assert names == {f"/{stack}/policy", f"/{stack}/kill-switch"}


def test_the_policy_is_a_parameter(either: Synthesized) -> None:
    expected = {"Name": "/Respot/policy", "Type": "String", "Tier": "Standard", "Value": POLICY}
    assert expected.items() <= either.properties("PolicyParameter").items()


def test_the_definition_of_the_kill_switch_never_changes(either: Synthesized) -> None:
    """Any other definition, with any change, would have the next deployment write `off` over an operator's `on`.

    CloudFormation leaves a resource alone whose definition is the one that was deployed last:
    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-update-behaviors.html
    It sends all properties of one that differs, the value too, also if only a tag does:
    https://github.com/aws/aws-cdk/issues/25949
    """
    assert either.of_type("SSM::Parameter").keys() == {"PolicyParameter", "KillSwitchParameter"}
    assert either.properties("KillSwitchParameter") == {
        "Name": "/Respot/kill-switch",
        "Description": "on: Respot creates and stops no training job (docs/reference/policy.md)",
        "Tier": "Standard",
        "Type": "String",
        "Value": "off",
    }, KillSwitchParameter.__doc__
    assert either.resources["KillSwitchParameter"].keys() <= {"Type", "Properties", "Metadata"}


def test_people_receive_all_alarms_and_the_alerts_outside_digests(full: Synthesized, plain: Synthesized) -> None:
    subscriptions = [render(subscription) for subscription in full.of_type("SNS::Subscription").values()]
    people = {("email", "ml@example.com"), ("email", "oncall@example.com"), ("sqs", "${SlackQueue.Arn}")}
    # SNS shows a message without attributes, as an alarm is, to no subscription with a filter policy.
    outside = {DIGEST_ATTRIBUTE: [{"exists": False}]}
    for topic, policy in (("${AlertingAlertsTopic}", outside), ("${AlarmsTopic}", None)):
        theirs = [s for s in subscriptions if s["TopicArn"] == topic]
        assert {(s["Protocol"], s["Endpoint"]) for s in theirs} == people
        assert [s.get("FilterPolicy") for s in theirs] == [policy] * 3
    assert {s["RawMessageDelivery"] for s in subscriptions if s["Protocol"] == "sqs"} == {True}
    assert plain.of_type("SNS::Subscription") == {}


def test_the_outputs_name_what_others_need(full: Synthesized, plain: Synthesized) -> None:
    outputs = {
        "Version": version(),
        "LedgerTableName": "${LedgerTable}",
        "AlertsTopicArn": "${AlertingAlertsTopic}",
        "AlarmsTopicArn": "${AlarmsTopic}",
        "ObservationsQueueUrl": "${RecordingObservationsQueue}",
        "ObservationsDlqUrl": "${RecordingObservationsDeadLetters}",
        "DrillsQueueUrl": "${RecordingDrillsQueue}",
        "DrillsDlqUrl": "${RecordingDrillsDeadLetters}",
        "AlertsDlqUrl": "${AlertingAlertsStreamDeadLetters}",
        "DueAlertsQueueUrl": "${AlertingDueAlertsQueue}",
        "DueAlertsDlqUrl": "${AlertingDueAlertsDeadLetters}",
        "RecoveryQueueUrl": "${RecoveryQueue}",
        "RecoveryDlqUrl": "${RecoveryQueueDeadLetters}",
        "EndedJobsDlqUrl": "${RecoveryEndedJobsStreamDeadLetters}",
        "SweepFunctionName": "${SweepFunction}",
        "SweepMinutes": "5",
        "UnnarrowedSettings": "training_roles,training_instance_types,checkpoint_buckets",
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
        "ReaderPolicyArn": "${ReaderPolicy}",
        "SlackQueueUrl": "${SlackQueue}",
        "SlackDlqUrl": "${SlackQueueDeadLetters}",
        "SlackLogGroupName": "${SlackLogs}",
        "SlackSecretName": "respot/slack-webhook",
        "WeeklyFunctionName": "${WeeklyFunction}",
        "WeeklyDlqUrl": "${WeeklyDeadLetters}",
        "WeeklyLogGroupName": "${WeeklyLogs}",
        "SweepMinutes": "7",
        "UnnarrowedSettings": "none",
    }


def test_respot_doctor_judges_a_sweeps_age_as_the_alarm_does(full: Synthesized, plain: Synthesized) -> None:
    for template in (full, plain):
        minutes = max(int(template.outputs["SweepMinutes"]), 5)
        assert template.properties("AlarmsSweepAge")["Threshold"] == LATE_AFTER * minutes * 60


def test_respot_dlq_knows_every_dead_letter_queue_and_its_way_back(full: Synthesized) -> None:
    assert {edge.output for edge in EDGES} == {name for name in full.outputs if name.endswith("DlqUrl")}
    edges = dict(dead_letter_queues(full))
    for queue in EDGES:
        assert queue.log in full.outputs
        source = full.outputs[queue.back].removeprefix("${").removesuffix("}")
        if not queue.of_stream:  # what failed on its way into a queue or out of it goes back into that queue
            source = f"{source}EventInvokeConfig" if queue.of_calls else source
            assert edges[source] == full.outputs[queue.output].replace("}", ".Arn}")


def test_the_price_assumes_what_is_deployed(full: Synthesized, plain: Synthesized) -> None:
    memory = {function["MemorySize"] for function in full.of_type("Lambda::Function").values()}
    assert memory == {price.MEMORY_GIGABYTES * 1024}
    assert len(full.of_type("CloudWatch::Alarm")) == price.ALARMS + price.WEEKLY_ALARMS
    mappings = full.of_type("Lambda::EventSourceMapping").values()
    assert sum("StartingPosition" not in mapping for mapping in mappings) == price.POLLED_QUEUES
    (schedule,) = plain.of_type("Scheduler::Schedule").values()
    assert schedule["ScheduleExpression"] == f"rate({price.SWEEP_INTERVAL.total_seconds() / 60:.0f} minutes)"
