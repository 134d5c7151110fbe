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


# --- the tables

STATEMENTS = [
    # What an action supports, with the keys of the action, of its resource and of every service.
    (allow(["sagemaker:DescribeTrainingJob", "sagemaker:StopTrainingJob"], JOBS), ""),
    (allow("sagemaker:ListTrainingJobs", "*"), ""),
    (allow("SageMaker:createTrainingJob", JOBS), ""),
    (allow("dynamodb:Query", [TABLE, INDEX]), ""),
    (allow("dynamodb:GetRecords", STREAM), ""),
    (allow(["logs:CreateLogStream", "logs:PutLogEvents"], LOGS), ""),
    (allow("ssm:GetParameter", PARAMETER), ""),
    (allow("secretsmanager:GetSecretValue", SECRET), ""),
    (allow("iam:PassRole", "arn:aws:iam::111122223333:role/service-role/Train*"), ""),
    (allow("s3:ListBucket", "arn:aws:s3:::ml-*"), ""),
    (allow("sqs:*", QUEUE), ""),
    (allow("sagemaker:AddTags", JOBS, StringEquals={"sagemaker:TaggingAction": "CreateTrainingJob"}), ""),
    (allow("iam:PassRole", "arn:aws:iam::1:role/*", StringEquals={"iam:PassedToService": "x"}), ""),
    (allow("sqs:SendMessage", QUEUE, Bool={"aws:SecureTransport": "true"}), ""),
    (allow("sqs:SendMessage", QUEUE, Bool={"aws:securetransport": "true"}), ""),
    (allow("sagemaker:AddTags", JOBS, StringEquals={"aws:ResourceTag/team": "x"}), ""),
    # An action that is not there.
    (allow(["sqs:SendMessage", "sqs:SendMessages"], QUEUE), "there is no action sqs:SendMessages"),
    (allow("qs:SendMessage", QUEUE), "there is no action qs:SendMessage"),
    (allow("sqs:Sent*", QUEUE), "there is no action sqs:Sent*"),
    # A resource of another service or type, or one where there is none, or none where there is one.
    (allow("sqs:SendMessage", {"Ref": "Topic"}), "sqs:SendMessage does not support arn:aws:sns:"),
    (allow("dynamodb:DescribeTable", INDEX), "dynamodb:DescribeTable does not support arn:aws:dynamodb:"),
    (allow("dynamodb:GetRecords", TABLE), "dynamodb:GetRecords does not support arn:aws:dynamodb:"),
    (allow("sagemaker:DescribeTrainingJob", "arn:aws:sagemaker:*:1:model/*"), "sagemaker:DescribeTrainingJob does not"),
    (allow("logs:PutLogEvents", "arn:aws:logs:us-east-1:1:log-group:name"), "logs:PutLogEvents does not support arn:"),
    (allow("s3:ListBucket", "arn:aws:s3:::ml/*"), "s3:ListBucket does not support arn:aws:s3:::ml/*"),
    (allow("s3:GetObject", "arn:aws:s3:::ml"), "s3:GetObject does not support arn:aws:s3:::ml"),
    (allow("ssm:GetParameter", "arn:aws:ssm:us-east-1:1:Respot/policy"), "ssm:GetParameter does not support arn:aws:"),
    (allow("sagemaker:ListTrainingJobs", JOBS), "sagemaker:ListTrainingJobs supports no resource, only *; it is given"),
    (allow("sqs:SendMessage", "*"), "sqs:SendMessage supports resources, and is given *"),
    # A key must be one of every action of its statement.
    *(
        (
            allow("sagemaker:StopTrainingJob", JOBS, StringEquals={key: "x"}),
            f"sagemaker:StopTrainingJob has no condition key {key}",
        )
        for key in ("sagemaker:InstanceType", "sqs:InstanceTypes", "aws:SourceRule", "aws:TagKeys", "s3:prefix")
    ),
    (
        allow(["dynamodb:PutItem", "dynamodb:DescribeTable"], TABLE, Null={"dynamodb:LeadingKeys": "false"}),
        "dynamodb:DescribeTable has no condition key dynamodb:LeadingKeys",
    ),
    # Such an Allow grants everything that AWS adds later.
    *(
        (statement, f"{member} is about all but what it names: name what is meant")
        for member, statement in {
            "NotAction": {"Effect": "Allow", "NotAction": "sqs:*", "Resource": QUEUE},
            "NotResource": {"Effect": "Allow", "Action": "sqs:SendMessage", "NotResource": QUEUE},
            "NotPrincipal": allow("sqs:SendMessage", QUEUE) | {"NotPrincipal": {"AWS": "111122223333"}},
        }.items()
    ),
    # IAM User Guide: without a set operator, a key of several values never matches.
    *(
        (
            allow(action, resource, **{operator: {key: ["x"]}}),
            f"{key} has several values, and StringLike is for one: use ForAllValues or ForAnyValue"
            if operator == "StringLike"
            else "",
        )
        for key, action, resource in (
            ("dynamodb:LeadingKeys", "dynamodb:PutItem", TABLE),
            ("sagemaker:InstanceTypes", "sagemaker:CreateTrainingJob", JOBS),
            ("aws:TagKeys", "sagemaker:AddTags", JOBS),
            ("aws:CalledVia", "sqs:SendMessage", QUEUE),
        )
        for operator in ("StringLike", "ForAllValues:StringLike", "ForAnyValue:StringLike", "Null")
    ),
    # IAM User Guide: ForAllValues is true where the key is absent: an Allow would be wide open.
    *(
        (
            allow(action, resource, **{"ForAllValues:StringEquals": {key: "x"}}),
            f"{key} has a single value, and ForAllValues:StringEquals is for several: use StringEquals",
        )
        for key, action, resource in (
            ("aws:PrincipalArn", "sqs:SendMessage", QUEUE),
            ("aws:ResourceTag/team", "sagemaker:AddTags", JOBS),
            ("iam:PassedToService", "iam:PassRole", "arn:aws:iam::1:role/*"),
        )
    ),
    (
        allow("sqs:SendMessage", QUEUE, **{"ForAnyValue:Null": {"aws:PrincipalArn": "true"}}),
        "ForAnyValue:Null takes no set operator",
    ),
]


@pytest.mark.parametrize(("statement", "problem"), STATEMENTS)
def test_a_statement_is_held_against_the_tables(statement: dict[str, Any], problem: str) -> None:
    problems = found(statement)
    assert len(problems) == bool(problem)
    assert all(each.startswith(f"It: {problem}") for each in problems)


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
    statement = {**allow("sqs:SendMessages", QUEUE), "Principal": "*"}
    policy = {
        "Queues": [{"Ref": "Queue"}],
        "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]},
    }
    table = {
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
    }
    body = {
        "Queue": {"Type": "AWS::SQS::Queue"},
        "QueuePolicy": {"Type": "AWS::SQS::QueuePolicy", "Properties": policy},
        "Table": {"Type": "AWS::DynamoDB::Table", "Properties": table},
    }
    path = directory / "Broken.template.json"
    path.write_text(json.dumps({"Resources": body}))
    return path


def test_any_finding_fails_the_review(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reviewing, "synthesize", lambda *_: [broken(tmp_path)])
    assert reviewing.main() == 1
    output = capsys.readouterr()
    assert output.out.startswith("cfn-lint ")
    assert "QueuePolicy: there is no action sqs:SendMessages\n" in output.err
    # A table without both DeletionPolicy and UpdateReplacePolicy: only `-i I` shows it.
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
