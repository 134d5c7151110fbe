"""What real clients ask of the services around SageMaker, asked again of a local account."""

import http.client
import json
import ssl
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

import pytest

from local.demo.deployed import TrainingGround
from local.emulator.account import LocalAccount
from local.sagemaker.runner import LOG_GROUP
from tests.support.recorded_requests import members, operation, requests_of
from tests.support.roles import create_role
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("local-account")

CLIENTS = ["cli", "sdk-v2", "sdk-v3"]
FATE = "Starting=0.05 Downloading=0.05 Training=0.7"
SERVICES = {"Logs_20140328": "logs", "SageMaker": "sagemaker"}


def sent(account: LocalAccount, request: dict[str, Any]) -> tuple[int, str]:
    """Send a request as it was recorded; the account does not check the signature of its root user."""
    service = SERVICES.get(operation(request).partition(".")[0])
    service = service or ("iam" if request["method"] == "POST" else "s3")
    body = request["body"]
    text = json.dumps(body) if isinstance(body, dict) else body or "an upload"
    scope = f"test/20261128/us-east-1/{service}/aws4_request"
    signed = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
    context = ssl.create_default_context(cafile=str(account.tls[0]))
    connection = http.client.HTTPSConnection("localhost", int(account.endpoint.rpartition(":")[2]), context=context)
    # The body is none of the client's, and neither is its encoding.
    headers = {name: value for name, value in request["headers"].items() if name != "content-encoding"}
    path = request["path"] + (f"?{request['query']}" if request["query"] else "")
    connection.request(request["method"], path, text, {**headers, "Authorization": signed})
    answer = connection.getresponse()
    found = answer.status, answer.read().decode()
    connection.close()
    return found


def streams(account: LocalAccount, job: str) -> list[str]:
    logs = account.client("logs")
    try:
        answer = logs.describe_log_streams(logGroupName=LOG_GROUP, logStreamNamePrefix=f"{job}/")
    except logs.exceptions.ResourceNotFoundException:
        return []
    return [stream["logStreamName"] for stream in answer["logStreams"]]


def created(client: str) -> dict[str, Any]:
    requests = [each for each in requests_of(client) if operation(each) == "SageMaker.CreateTrainingJob"]
    return dict(requests[0]["body"])


@pytest.mark.parametrize("client", CLIENTS)
def test_uploads_log_reads_and_role_checks_are_answered_as_when_they_were_recorded(
    local_account: LocalAccount, training_ground: TrainingGround, client: str
) -> None:
    request = created(client)
    assert request["RoleArn"] == training_ground.role_arn
    name = request["TrainingJobName"]
    request["Tags"] = [{"Key": "local:lifecycle", "Value": FATE}]
    local_account.client("sagemaker").create_training_job(**request)
    assert eventually(lambda: bool(streams(local_account, name)))
    epoch = streams(local_account, name)[0].rpartition("-")[2]

    replayed = 0
    for each in requests_of(client):
        if operation(each).startswith(("SageMaker.", "AmazonSQS.")):
            continue
        asked = json.loads(json.dumps(each).replace("{epoch}", epoch))
        if isinstance(asked["body"], dict):
            # A token is good for one listing only.
            asked["body"].pop("nextToken", None)
        status, answer = sent(local_account, asked)
        assert status == each["status"], answer
        # One stream is enough for a page here, and ListBuckets shows what there is.
        assert set(each["members"]) - {"nextToken"} <= members(answer) | {"Prefix"}
        replayed += 1
    assert replayed >= 2


def test_the_sdk_v3_finds_that_the_training_role_may_do_what_it_checks(
    local_account: LocalAccount, training_ground: TrainingGround
) -> None:
    checks = [request for request in requests_of("sdk-v3") if str(request["body"]).startswith("Action=Simulate")]
    asked = parse_qs(checks[0]["body"])
    actions = [value[0] for name, value in asked.items() if name.startswith("ActionNames.member")]
    assert {"cloudwatch:PutMetricData", "ec2:CreateNetworkInterface", "ecr:GetAuthorizationToken"} <= set(actions)
    answer = local_account.client("iam").simulate_principal_policy(
        PolicySourceArn=training_ground.role_arn, ActionNames=actions
    )
    denied = [each["EvalActionName"] for each in answer["EvaluationResults"] if each["EvalDecision"] != "allowed"]
    assert denied == []


@pytest.mark.parametrize("named", [True, False], ids=["its own key", "the account's key"])
def test_an_upload_that_asks_for_kms_is_encrypted_with(
    local_account: LocalAccount, training_ground: TrainingGround, *, named: bool
) -> None:
    """AWS uses the key `aws/s3` if a PutObject names none: docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject."""
    s3, chosen = local_account.client("s3"), "arn:aws:kms:us-east-1:111122223333:key/mine"
    s3.put_object(
        Bucket=training_ground.bucket,
        Key="source.tar.gz",
        Body=b"x",
        ServerSideEncryption="aws:kms",
        **({"SSEKMSKeyId": chosen} if named else {}),
    )
    kept = s3.head_object(Bucket=training_ground.bucket, Key="source.tar.gz")
    assert kept["ServerSideEncryption"] == "aws:kms"
    assert (kept["SSEKMSKeyId"] == chosen) is named
    assert kept["SSEKMSKeyId"].startswith("arn:aws:kms:us-east-1:111122223333:key/")


def test_the_lines_of_one_job_can_be_filtered(local_account: LocalAccount, training_ground: TrainingGround) -> None:
    names = [f"filtered-{uuid4().hex[:8]}" for _ in range(2)]
    for name in names:
        training_ground.create(name, lifecycle="Starting=0.05 Training=0.05")
    assert eventually(lambda: all(streams(local_account, name) for name in names))
    logs = local_account.client("logs")
    for name in names:
        answer = logs.filter_log_events(logGroupName=LOG_GROUP, logStreamNamePrefix=f"{name}/")
        assert {event["logStreamName"] for event in answer["events"]} == set(streams(local_account, name))
    assert logs.filter_log_events(logGroupName=LOG_GROUP, logStreamNamePrefix="nobody/")["events"] == []


def test_a_job_whose_role_may_not_write_logs_has_none(
    local_account: LocalAccount, training_ground: TrainingGround
) -> None:
    role = create_role(local_account, "SageMakerMute")
    name, sagemaker = f"mute-{uuid4().hex[:8]}", local_account.client("sagemaker")
    fate = "Starting=0.05 Training=0.05"
    training_ground.create(name, lifecycle=fate, RoleArn=role, CheckpointConfig=None)
    assert eventually(lambda: sagemaker.describe_training_job(TrainingJobName=name)["TrainingJobStatus"] == "Completed")
    assert streams(local_account, name) == []
