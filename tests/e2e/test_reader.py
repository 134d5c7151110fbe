"""A person who has the policy for readers and nothing else: uses each command that reads, and changes nothing."""

import json
import subprocess
from collections.abc import Callable, Mapping
from typing import Any, Final

import pytest
from botocore.exceptions import ClientError

from infra.version import version
from local.demo.deployed import DeployedAccount, policy
from local.demo.verification import observe
from local.sagemaker.lifecycle import parse
from respot.aws.error_codes import Answer, answer_of
from tests.support.deployed import respot
from tests.support.waiting import eventually
from tests.support.wheel import ROOT, installed_command

pytestmark = pytest.mark.xdist_group("deployed-account")

JOB: Final = "read-by-others"
LIFECYCLE: Final = "Starting=0.1 Downloading=0.1 Training=0.2 Uploading=0.1"
ROLE: Final = "Reader"

READING: Final[dict[str, tuple[str, ...]]] = {
    "list": ("list",),
    "list since": ("list", "--since", "1d"),
    "show": ("show", JOB),
    "why": ("why", JOB),
    "wait": ("wait", JOB, "--timeout", "1 min"),
    "the model": ("wait", JOB, "--output", "model"),
    "logs": ("logs", JOB),
    "savings": ("savings", "--since", "1d"),
    "pools": ("pools", "--since", "1d"),
    "policy test": ("policy", "test", str(ROOT / "policy.yaml"), "--since", "1d"),
    "policy test of a job": ("policy", "test", str(ROOT / "policy.yaml"), "--job", JOB),
    "report": ("report", "--output", "build/read-by-others.html", "--since", "1d"),
    "export": ("export", "--output", "build/read-by-others.jsonl"),
    "checkpoints": ("checkpoints", f"s3://ml-bucket/checkpoints/{JOB}/"),
}
"""The commands that only read, but `doctor`: add yours. Each must succeed with the policy for readers alone."""
OTHERS: Final[dict[str, str]] = {
    "doctor": "has a test of its own: its exit code depends on the account",
    "drill": "sends an event",
    "dlq": "receives messages, which hides them from others; a test of its own",
    "scan": "lists training jobs, which the policy does not allow: it is for accounts without a deployment",
}
"""The other commands, each with the reason. `tests/infra/test_reader_policy.py` compares both with the commands."""


@pytest.fixture(scope="module")
def account(deployed: DeployedAccount) -> DeployedAccount:
    """The deployment, with a job that has ended."""
    deployed.ground.create(JOB, lifecycle=LIFECYCLE)
    assert eventually(lambda: observe(deployed, JOB, parse(LIFECYCLE)).is_settled)
    return deployed


@pytest.fixture(scope="module")
def credentials(account: DeployedAccount) -> dict[str, str]:
    """Those of a role with the policy for readers and nothing else, as boto3 names them."""
    iam = account.client("iam")
    trust = policy(Principal={"AWS": f"arn:aws:iam::{account.account.account_id}:root"})
    role = iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    iam.attach_role_policy(RoleName=ROLE, PolicyArn=account.outputs["ReaderPolicyArn"])
    given = account.client("sts").assume_role(RoleArn=role, RoleSessionName="person")["Credentials"]
    return {
        "aws_access_key_id": given["AccessKeyId"],
        "aws_secret_access_key": given["SecretAccessKey"],
        "aws_session_token": given["SessionToken"],
    }


def as_reader(
    account: DeployedAccount, credentials: Mapping[str, str], *words: str
) -> subprocess.CompletedProcess[str]:
    environment = {name.upper(): value for name, value in credentials.items()}
    return subprocess.run(  # noqa: S603 - our own command
        [installed_command(), *words],
        env=account.account.process_environment() | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", READING)
def test_a_reader_can_use_each_command_that_reads(
    account: DeployedAccount, credentials: Mapping[str, str], name: str
) -> None:
    done = as_reader(account, credentials, *READING[name])
    assert (done.returncode, done.stderr if done.returncode else "") == (0, "")
    assert done.stdout


def test_a_reader_can_have_the_deployment_checked(account: DeployedAccount, credentials: Mapping[str, str]) -> None:
    assert respot(account, "drill").returncode == 0
    account.sweep()
    done = as_reader(account, credentials, "doctor", "--json")
    said = {each["check"]: each for each in json.loads(done.stdout)["checks"]}
    assert {check: each["said"] for check, each in said.items() if each["verdict"] == "unknown"} == {}
    # Others use the account at the same time, and may leave dead letters.
    expected = {
        "stack": "Respot in us-east-1: CREATE_COMPLETE",
        "version": f"stack {version()}, command {version()}",
        "Slack": "the secret respot/slack-webhook has a value, which your credentials may not read",
        "settings": "anything is allowed by checkpoint_buckets",
        "kill switch": "off",
        "alarms": "none fires",
    }
    assert {check: said[check]["said"] for check in expected} == expected
    assert said["drill"]["said"].startswith("passed ")
    assert said["sweeps"]["verdict"] == "fine"
    assert said["bootstrap"]["said"].startswith("version ")
    assert said["policy"]["said"].startswith("valid: ")
    assert respot(account, "doctor").stdout.count("\n✓ ") >= 8


def test_a_reader_cannot_list_dead_letters_and_is_told_why(
    account: DeployedAccount, credentials: Mapping[str, str]
) -> None:
    """Receiving a message hides it from those who may redrive it."""
    account.client("sqs").send_message(QueueUrl=account.outputs["DrillsDlqUrl"], MessageBody="x")
    done = as_reader(account, credentials, "dlq", "--queue", "drills")
    assert done.returncode == 4
    assert "sqs:ReceiveMessage" in done.stderr
    account.client("sqs").purge_queue(QueueUrl=account.outputs["DrillsDlqUrl"])


Call = Callable[[Any, DeployedAccount], object]


def _put_item(client: Any, at: DeployedAccount) -> object:  # noqa: ANN401 - a client of boto3
    key = {"pk": {"S": "job#x"}, "sk": {"S": "state"}}
    return client.put_item(TableName=at.outputs["LedgerTableName"], Item=key)


def _set(output: str, value: str) -> Call:
    return lambda client, at: client.put_parameter(Name=at.outputs[output], Value=value, Type="String", Overwrite=True)


WRITING: Final[dict[str, tuple[str, Call]]] = {
    "dynamodb:PutItem": ("dynamodb", _put_item),
    "dynamodb:DeleteItem": (
        "dynamodb",
        lambda client, at: client.delete_item(
            TableName=at.outputs["LedgerTableName"], Key={"pk": {"S": "job#x"}, "sk": {"S": "state"}}
        ),
    ),
    "dynamodb:DeleteTable": (
        "dynamodb",
        lambda client, at: client.delete_table(TableName=at.outputs["LedgerTableName"]),
    ),
    "sqs:SendMessage": (
        "sqs",
        lambda client, at: client.send_message(QueueUrl=at.outputs["RecoveryQueueUrl"], MessageBody="x"),
    ),
    "sqs:ReceiveMessage": ("sqs", lambda client, at: client.receive_message(QueueUrl=at.outputs["SlackDlqUrl"])),
    "sqs:PurgeQueue": ("sqs", lambda client, at: client.purge_queue(QueueUrl=at.outputs["SlackDlqUrl"])),
    "sns:Publish": ("sns", lambda client, at: client.publish(TopicArn=at.outputs["AlertsTopicArn"], Message="x")),
    "sns:Subscribe": (
        "sns",
        lambda client, at: client.subscribe(
            TopicArn=at.outputs["AlertsTopicArn"], Protocol="email", Endpoint="me@example.com"
        ),
    ),
    "the kill switch": ("ssm", _set("KillSwitchParameterName", "off")),
    "the policy": ("ssm", _set("PolicyParameterName", '{"version": 1}')),
    "sagemaker:CreateTrainingJob": (
        "sagemaker",
        lambda client, at: client.create_training_job(**at.ground.request("by-a-reader")),
    ),
    "sagemaker:StopTrainingJob": ("sagemaker", lambda client, _: client.stop_training_job(TrainingJobName=JOB)),
    "sagemaker:AddTags": (
        "sagemaker",
        lambda client, at: client.add_tags(
            ResourceArn=f"arn:aws:sagemaker:{at.account.region}:{at.account.account_id}:training-job/{JOB}",
            Tags=[{"Key": "respot:resume", "Value": "on"}],
        ),
    ),
    "events:PutEvents": (
        "events",
        lambda client, _: client.put_events(Entries=[{"Source": "x", "DetailType": "x", "Detail": "{}"}]),
    ),
    "lambda:InvokeFunction": (
        "lambda",
        lambda client, at: client.invoke(FunctionName=at.outputs["SweepFunctionName"]),
    ),
    "secretsmanager:GetSecretValue": (
        "secretsmanager",
        lambda client, at: client.get_secret_value(SecretId=at.outputs["SlackSecretName"]),
    ),
    "s3:PutObject": ("s3", lambda client, at: client.put_object(Bucket=at.ground.bucket, Key="x", Body=b"x")),
    "s3:GetObject": ("s3", lambda client, at: client.get_object(Bucket=at.ground.bucket, Key="x")),
    "cloudformation:DeleteStack": ("cloudformation", lambda client, _: client.delete_stack(StackName="Respot")),
    "iam:PutRolePolicy": (
        "iam",
        lambda client, _: client.put_role_policy(
            RoleName=ROLE, PolicyName="more", PolicyDocument=policy(Action="*", Resource="*")
        ),
    ),
}


@pytest.mark.parametrize("action", WRITING)
def test_a_reader_can_change_nothing(account: DeployedAccount, credentials: Mapping[str, str], action: str) -> None:
    service, call = WRITING[action]
    with pytest.raises(ClientError) as refused:
        call(account.account.client(service, **credentials), account)
    assert answer_of(refused.value) is Answer.DENIED
