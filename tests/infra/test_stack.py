"""What is deployed as a whole, and under which names others find it."""

from pathlib import Path

from infra.config import Config
from infra.stack import RespotStack
from respot.metrics import NAMESPACE, SERVICE_DIMENSION, SERVICE_VARIABLE
from respot_cli.dead_letters import EDGES
from tests.infra.synthesis import POLICY, Synthesized, dead_letter_queues, empty_bundle, new_app

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
    # The parameters are named after the stack: two stacks of an account have two of each.
    assert named.keys() == references | {"PolicyParameter", "KillSwitchParameter"}


def test_two_deployments_in_a_region_have_metrics_of_their_own(tmp_path: Path) -> None:
    """Otherwise one's sweeps would hide that the other's are stuck."""
    app = new_app(tmp_path, Config())
    RespotStack(app, "Another", config=Config(), code=empty_bundle(tmp_path / "another"), policy=POLICY)
    app.synth()
    for stack in ("Respot", "Another"):
        template = Synthesized(tmp_path / "out" / f"{stack}.template.json")
        functions, alarms = template.of_type("Lambda::Function"), template.of_type("CloudWatch::Alarm")
        assert {function["Environment"]["Variables"][SERVICE_VARIABLE] for function in functions.values()} == {stack}
        own = [alarm["Dimensions"] for alarm in alarms.values() if alarm["Namespace"] == NAMESPACE]
        assert own == [[{"Name": SERVICE_DIMENSION, "Value": stack}]] * 5


def test_the_policy_is_a_parameter_named_after_the_stack(either: Synthesized) -> None:
    parameter = either.properties("PolicyParameter")
    assert {name: parameter[name] for name in ("Name", "Type", "Tier", "Value")} == {
        "Name": "/Respot/policy",
        "Type": "String",
        "Tier": "Standard",
        "Value": POLICY,
    }


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
