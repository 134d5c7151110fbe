"""Checks that come from elsewhere: cfn-lint, and the tables of IAM's actions, resource types and condition keys."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from infra import review as reviewing
from infra.config import Config
from infra.iam_statements import findings, statements
from infra.review import ACCEPTED, CONFIGURATIONS, ReviewError, lint, review
from tests.infra.synthesis import Synthesized

JOBS = "arn:aws:sagemaker:*:111122223333:training-job/*"
QUEUE = {"Fn::GetAtt": ["Queue", "Arn"]}
TABLE = {"Fn::GetAtt": ["Table", "Arn"]}
STREAM = {"Fn::GetAtt": ["Table", "StreamArn"]}
LOGS = {"Fn::GetAtt": ["Logs", "Arn"]}
INDEX = {"Fn::Join": ["", [TABLE, "/index/by-name"]]}
PARAMETER = {
    "Fn::Join": ["", ["arn:", {"Ref": "AWS::Partition"}, ":ssm:us-east-1:111122223333:parameter", {"Ref": "Policy"}]]
}
SECRET = "arn:aws:secretsmanager:us-east-1:111122223333:secret:respot/slack-webhook-??????"  # noqa: S105 - an ARN
OTHERS = {
    "Queue": {"Type": "AWS::SQS::Queue"},
    "Table": {"Type": "AWS::DynamoDB::Table"},
    "Logs": {"Type": "AWS::Logs::LogGroup"},
    "Topic": {"Type": "AWS::SNS::Topic"},
    "Policy": {"Type": "AWS::SSM::Parameter", "Properties": {"Name": "/Respot/policy"}},
}


def found(statement: Mapping[str, Any], kind: str = "IAM::Policy", member: str = "PolicyDocument") -> list[str]:
    """What is found in a template with this one statement."""
    body = {"Type": f"AWS::{kind}", "Properties": {member: {"Version": "2012-10-17", "Statement": [statement]}}}
    read = list(statements({"Resources": {"It": body} | OTHERS}))
    assert len(read) == 1
    return [problem for each in read for problem in findings(each)]


def allow(action: object, resource: object, **conditions: Mapping[str, object]) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": action, "Resource": resource}
    return statement | ({"Condition": conditions} if conditions else {})


def trust(service: str, **conditions: Mapping[str, object]) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": f"{service}.amazonaws.com"}}
    return statement | ({"Condition": conditions} if conditions else {})


def test_nothing_is_found_in_what_is_deployed(full: Synthesized) -> None:
    said, problems = review([full.path])  # `test_regions` reviews the other stacks
    assert problems == []
    assert "1 templates" in said
    assert int(said.split(" IAM statements")[0].split()[-1]) > 30


def test_what_is_accepted_is_still_said_by_cfn_lint(plain: Synthesized, monkeypatch: pytest.MonkeyPatch) -> None:
    """An exception that nothing needs would hide the next finding of its kind."""
    accepted = set(ACCEPTED)
    monkeypatch.setattr(reviewing, "ACCEPTED", {})
    assert {rule for rule in accepted for each in lint(plain.path) if f"[{rule}:" in each} == accepted


def test_the_settings_that_are_reviewed_are_settings() -> None:
    read = {name: Config.from_context({"respot": settings}) for name, settings in CONFIGURATIONS.items()}
    assert read["as shipped"] == Config()
    everything = read["everything"]
    assert len(everything.watched_regions) == 2
    assert everything.slack_webhook_secret
    assert everything.alert_emails


# --- the tables: what is right


@pytest.mark.parametrize(
    ("actions", "resources"),
    [
        pytest.param(["sagemaker:DescribeTrainingJob", "sagemaker:StopTrainingJob"], JOBS, id="a pattern of jobs"),
        pytest.param("sagemaker:ListTrainingJobs", "*", id="an action without resources"),
        pytest.param("SageMaker:createTrainingJob", JOBS, id="in another case"),
        pytest.param("dynamodb:Query", [TABLE, INDEX], id="a table and its index"),
        pytest.param("dynamodb:GetRecords", STREAM, id="a stream"),
        pytest.param(["logs:CreateLogStream", "logs:PutLogEvents"], LOGS, id="the streams of a log group"),
        pytest.param("ssm:GetParameter", PARAMETER, id="a parameter with a path"),
        pytest.param("secretsmanager:GetSecretValue", SECRET, id="a secret with a path and six characters"),
        pytest.param("iam:PassRole", "arn:aws:iam::111122223333:role/service-role/Train*", id="a role with a path"),
        pytest.param("s3:ListBucket", "arn:aws:s3:::ml-*", id="a pattern of buckets"),
        pytest.param("sqs:*", QUEUE, id="every action"),
    ],
)
def test_what_an_action_supports_is_taken(actions: object, resources: object) -> None:
    assert found(allow(actions, resources)) == []


@pytest.mark.parametrize(
    "statement",
    [
        pytest.param(
            allow("sagemaker:AddTags", JOBS, StringEquals={"sagemaker:TaggingAction": "CreateTrainingJob"}), id="own"
        ),
        pytest.param(
            allow("iam:PassRole", "arn:aws:iam::1:role/*", StringEquals={"iam:PassedToService": "x"}), id="of another"
        ),
        pytest.param(allow("sqs:SendMessage", QUEUE, Bool={"aws:SecureTransport": "true"}), id="of every service"),
        pytest.param(allow("sqs:SendMessage", QUEUE, Bool={"aws:securetransport": "true"}), id="in another case"),
        pytest.param(
            allow("sagemaker:AddTags", JOBS, StringEquals={"aws:ResourceTag/team": "x"}), id="of a tag of the resource"
        ),
    ],
)
def test_the_keys_of_an_action_its_resource_and_of_every_service_are_taken(statement: dict[str, Any]) -> None:
    assert found(statement) == []


# --- and what is not


def test_an_unknown_action_is_found() -> None:
    assert found(allow(["sqs:SendMessage", "sqs:SendMessages"], QUEUE)) == ["It: there is no action sqs:SendMessages"]
    assert found(allow("qs:SendMessage", QUEUE)) == ["It: there is no action qs:SendMessage"]
    assert found(allow("sqs:Sent*", QUEUE)) == ["It: there is no action sqs:Sent*"]


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        pytest.param("sqs:SendMessage", {"Ref": "Topic"}, id="of another service"),
        pytest.param("dynamodb:DescribeTable", INDEX, id="of another type"),
        pytest.param("dynamodb:GetRecords", TABLE, id="the table of the stream"),
        pytest.param("sagemaker:DescribeTrainingJob", "arn:aws:sagemaker:*:1:model/*", id="of another type, a pattern"),
        pytest.param("logs:PutLogEvents", "arn:aws:logs:us-east-1:1:log-group:name", id="the group of the stream"),
        pytest.param("s3:ListBucket", "arn:aws:s3:::ml/*", id="the objects of the bucket"),
        pytest.param("s3:GetObject", "arn:aws:s3:::ml", id="the bucket of the objects"),
        pytest.param("ssm:GetParameter", "arn:aws:ssm:us-east-1:1:Respot/policy", id="without its type"),
    ],
)
def test_a_resource_that_the_action_does_not_support_is_found(action: str, resource: object) -> None:
    (problem,) = found(allow(action, resource))
    assert problem.startswith(f"It: {action} does not support arn:aws:")


def test_a_resource_of_an_action_that_has_none_is_found() -> None:
    assert found(allow("sagemaker:ListTrainingJobs", JOBS)) == [
        f"It: sagemaker:ListTrainingJobs supports no resource, only *; it is given {JOBS}"
    ]


def test_a_star_where_a_resource_could_be_named_is_found() -> None:
    assert found(allow("sqs:SendMessage", "*")) == ["It: sqs:SendMessage supports resources, and is given *"]


@pytest.mark.parametrize(
    "key", ["sagemaker:InstanceType", "sqs:InstanceTypes", "aws:SourceRule", "aws:TagKeys", "s3:prefix"]
)
def test_a_condition_key_that_is_not_the_actions_is_found(key: str) -> None:
    assert found(allow("sagemaker:StopTrainingJob", JOBS, StringEquals={key: "x"})) == [
        f"It: sagemaker:StopTrainingJob has no condition key {key}"
    ]


def test_a_key_must_be_one_of_every_action_of_its_statement() -> None:
    statement = allow(["dynamodb:PutItem", "dynamodb:DescribeTable"], TABLE, Null={"dynamodb:LeadingKeys": "false"})
    assert found(statement) == ["It: dynamodb:DescribeTable has no condition key dynamodb:LeadingKeys"]


@pytest.mark.parametrize(
    ("member", "value"), [("NotAction", "sqs:*"), ("NotResource", QUEUE), ("NotPrincipal", {"AWS": "111122223333"})]
)
def test_a_statement_about_all_but_what_it_names_is_found(member: str, value: object) -> None:
    """Such an Allow grants everything that AWS adds later."""
    statement = {"Effect": "Allow", "Action": "sqs:SendMessage", "Resource": QUEUE, member: value}
    if member != "NotPrincipal":
        del statement[member.removeprefix("Not")]
    assert found(statement) == [f"It: {member} is about all but what it names: name what is meant"]


def test_a_key_of_several_values_needs_a_set_operator() -> None:
    """IAM User Guide: without one, a key of several values never matches."""
    for key, action, resource in (
        ("dynamodb:LeadingKeys", "dynamodb:PutItem", TABLE),
        ("sagemaker:InstanceTypes", "sagemaker:CreateTrainingJob", JOBS),
        ("aws:TagKeys", "sagemaker:AddTags", JOBS),
        ("aws:CalledVia", "sqs:SendMessage", QUEUE),
    ):
        assert found(allow(action, resource, StringLike={key: ["x"]})) == [
            f"It: {key} has several values, and StringLike is for one: use ForAllValues or ForAnyValue"
        ]
        for operator in ("ForAllValues:StringLike", "ForAnyValue:StringLike", "Null"):
            assert found(allow(action, resource, **{operator: {key: "x"}})) == []


def test_a_key_of_a_single_value_takes_no_set_operator() -> None:
    """IAM User Guide: ForAllValues is true where the key is absent: an Allow would be wide open."""
    for key, action, resource in (
        ("aws:PrincipalArn", "sqs:SendMessage", QUEUE),
        ("aws:ResourceTag/team", "sagemaker:AddTags", JOBS),
        ("iam:PassedToService", "iam:PassRole", "arn:aws:iam::1:role/*"),
    ):
        assert found(allow(action, resource, **{"ForAllValues:StringEquals": {key: "x"}})) == [
            f"It: {key} has a single value, and ForAllValues:StringEquals is for several: use StringEquals"
        ]
    assert found(allow("sqs:SendMessage", QUEUE, **{"ForAnyValue:Null": {"aws:PrincipalArn": "true"}})) == [
        "It: ForAnyValue:Null takes no set operator"
    ]


def test_a_trust_on_what_the_service_is_not_documented_to_send_is_found() -> None:
    """The fault of a forwarder's role once: if EventBridge does not send the account, it never assumes the role."""
    ours = {"aws:SourceAccount": "111122223333"}
    role = ("IAM::Role", "AssumeRolePolicyDocument")
    assert found(trust("scheduler", StringEquals=ours), *role) == []
    assert found(trust("events"), *role) == []
    for service in ("events", "lambda"):
        assert found(trust(service, StringEquals=ours), *role) == [
            f"It: {service}.amazonaws.com is not documented to send aws:SourceAccount with sts:AssumeRole"
        ]


@pytest.mark.parametrize(
    ("kind", "member"),
    [("IAM::Policy", "PolicyDocument"), ("SQS::QueuePolicy", "PolicyDocument"), ("Events::EventBus", "Policy")],
)
def test_the_policies_of_roles_queues_and_buses_are_read(kind: str, member: str) -> None:
    assert found(allow("sqs:Send", QUEUE), kind, member) == ["It: there is no action sqs:Send"]


def test_an_attribute_that_nobody_knows_is_no_reason_to_pass() -> None:
    with pytest.raises(ValueError, match="QueueName of Queue, an AWS::SQS::Queue: add it"):
        found(allow("sqs:SendMessage", {"Fn::GetAtt": ["Queue", "QueueName"]}))
    with pytest.raises(ValueError, match="cannot resolve"):
        found(allow("sqs:SendMessage", {"Fn::ImportValue": "queue"}))


# --- the command


def broken(directory: Path) -> Path:
    """A template with a fault for each check."""
    body = {
        "Queue": {"Type": "AWS::SQS::Queue"},
        "QueuePolicy": {
            "Type": "AWS::SQS::QueuePolicy",
            "Properties": {
                "Queues": [{"Ref": "Queue"}],
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [{**allow("sqs:SendMessages", QUEUE), "Principal": "*"}],
                },
            },
        },
        "Table": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
                "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
                "BillingMode": "PAY_PER_REQUEST",
            },
        },
    }
    path = directory / "Broken.template.json"
    path.write_text(json.dumps({"Resources": body}))
    return path


def test_an_informational_message_of_cfn_lint_is_found(tmp_path: Path) -> None:
    """A table without both DeletionPolicy and UpdateReplacePolicy: I3011, which only `-i I` shows."""
    assert [message for message in lint(broken(tmp_path)) if "[I3011:" in message]


def test_any_finding_fails_the_review(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reviewing, "synthesize", lambda *_: [broken(tmp_path)])
    assert reviewing.main() == 1
    output = capsys.readouterr()
    assert output.out.startswith("cfn-lint ")
    assert "QueuePolicy: there is no action sqs:SendMessages\n" in output.err
    assert "[I3011:" in output.err


def test_an_app_that_cannot_be_synthesized_fails_the_review(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(directory: Path, _settings: Mapping[str, object]) -> list[Path]:
        return reviewing_synthesize(directory, {"regions": "here"})

    reviewing_synthesize = reviewing.synthesize
    with pytest.raises(ReviewError, match=r"respot\.regions in the CDK context must be a list"):
        reviewing.synthesize(tmp_path / "out", {"regions": "here"})
    monkeypatch.setattr(reviewing, "synthesize", fail)
    assert reviewing.main() == 1
    assert "must be a list" in capsys.readouterr().err
