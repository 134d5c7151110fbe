"""The simulated SageMaker, asked through boto3 in a running local account."""

import json
import time
from collections.abc import Mapping
from itertools import groupby
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from local.demo.training import TrainingGround
from local.emulator.account import LocalAccount
from local.sagemaker import billing, checkpoints, lifecycle

pytestmark = pytest.mark.xdist_group("local-account")

QUICK = "Starting=0.1 Downloading=0.1 Training=0.1 Uploading=0.1"
LONG = "Starting=0.05 Training=600"


@pytest.fixture(name="sagemaker", scope="module")
def sagemaker_client(local_account: LocalAccount) -> Any:  # noqa: ANN401 - a boto3 client
    return local_account.client("sagemaker")


@pytest.fixture(name="name")
def fresh_name() -> str:
    return f"job-{uuid4().hex[:8]}"


class Bus:
    """A queue behind a rule for all SageMaker events; it sorts them by job."""

    def __init__(self, account: LocalAccount, region: str) -> None:
        self._sqs = account.client("sqs", region=region)
        self._url = self._sqs.create_queue(QueueName="sagemaker-events")["QueueUrl"]
        arn = self._sqs.get_queue_attributes(QueueUrl=self._url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        events = account.client("events", region=region)
        pattern = {"source": ["aws.sagemaker"], "detail-type": ["SageMaker Training Job State Change"]}
        events.put_rule(Name="all", EventPattern=json.dumps(pattern))
        events.put_targets(Rule="all", Targets=[{"Id": "queue", "Arn": arn}])
        self._events: list[dict[str, Any]] = []

    def of(self, name: str, count: int, *, seconds: float = 10) -> list[dict[str, Any]]:
        """Wait for this many events of a job, then give all of them in the order of their arrival."""
        deadline = time.monotonic() + seconds
        while len(found := self._of(name)) < count and time.monotonic() < deadline:
            answer = self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            for message in answer.get("Messages", []):
                self._events.append(json.loads(message["Body"]))
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return found

    def _of(self, name: str) -> list[dict[str, Any]]:
        return [event for event in self._events if event["detail"]["TrainingJobName"] == name]


@pytest.fixture(name="bus", scope="module")
def bus_of_the_home_region(local_account: LocalAccount) -> Bus:
    return Bus(local_account, "us-east-1")


def statuses(events: list[dict[str, Any]]) -> list[str]:
    return [event["detail"]["SecondaryStatus"] for event in events]


def finished(sagemaker: Any, name: str, *, seconds: float = 15) -> dict[str, Any]:  # noqa: ANN401
    """Wait for a job's end; gives its description."""
    deadline = time.monotonic() + seconds
    while True:
        answer: dict[str, Any] = sagemaker.describe_training_job(TrainingJobName=name)
        if answer["TrainingJobStatus"] in {"Completed", "Failed", "Stopped"} or time.monotonic() > deadline:
            return answer
        time.sleep(0.05)


def in_status(sagemaker: Any, name: str, status: str) -> None:  # noqa: ANN401
    deadline = time.monotonic() + 30
    while sagemaker.describe_training_job(TrainingJobName=name)["SecondaryStatus"] != status:
        assert time.monotonic() < deadline, f"{name} was never {status}"
        time.sleep(0.02)


def history(description: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(entry["Status"] for entry in description["SecondaryStatusTransitions"])


# --- lifecycles ---


def test_each_named_lifecycle_is_described_and_announced_as_documented(
    training_ground: TrainingGround,
    sagemaker: Any,  # noqa: ANN401
    bus: Bus,
) -> None:
    names = {name: f"{name}-{uuid4().hex[:6]}" for name in lifecycle.NAMED}
    for name, job in names.items():
        training_ground.create(job, lifecycle=name, tags={"local:speed": "3"})
    for name, job in names.items():
        fate = lifecycle.parse(name)
        description = finished(sagemaker, job)
        assert history(description) == fate.statuses
        expected = billing.expected_seconds(fate.faster(3), spot=True)
        assert (description.get("TrainingTimeInSeconds"), description.get("BillableTimeInSeconds")) == expected
        announced = [moment for moment in fate.moments[:-1] if moment.announced]
        events = bus.of(job, len(announced) + 1)
        assert len(events) == len(announced) + 1
        assert tuple(status for status, _ in groupby(statuses(events))) == fate.statuses


def test_an_event_has_the_envelope_of_an_aws_service(
    training_ground: TrainingGround,
    sagemaker: Any,  # noqa: ANN401
    bus: Bus,
    name: str,
) -> None:
    arn = training_ground.create(name, lifecycle=QUICK)
    event = bus.of(name, 5)[-1]
    description = finished(sagemaker, name)
    assert {key: event[key] for key in ("version", "source", "detail-type", "account", "region", "resources")} == {
        "version": "0",
        "source": "aws.sagemaker",
        "detail-type": "SageMaker Training Job State Change",
        "account": "111122223333",
        "region": "us-east-1",
        "resources": [arn],
    }
    ended = description["TrainingEndTime"]
    assert event["detail"]["TrainingEndTime"] == round(ended.timestamp() * 1000)
    assert event["detail"]["Tags"] == {"project": "demo", "local:lifecycle": QUICK}


def test_without_a_tag_a_job_runs_through(training_ground: TrainingGround, sagemaker: Any, name: str) -> None:  # noqa: ANN401
    training_ground.create(name, tags={"local:speed": "20"})
    assert history(finished(sagemaker, name)) == lifecycle.parse("uninterrupted").statuses


def test_an_on_demand_job_is_not_interrupted(training_ground: TrainingGround, sagemaker: Any, name: str) -> None:  # noqa: ANN401
    training_ground.create(name, lifecycle="interrupted-once", spot=False, tags={"local:speed": "20"})
    description = finished(sagemaker, name)
    assert history(description) == lifecycle.parse("uninterrupted").statuses
    assert description["BillableTimeInSeconds"] == description["TrainingTimeInSeconds"]


def test_a_failed_job_says_why(training_ground: TrainingGround, sagemaker: Any, name: str) -> None:  # noqa: ANN401
    training_ground.create(name, lifecycle="Starting=0.1 Failed=CapacityError")
    description = finished(sagemaker, name)
    assert description["TrainingJobStatus"] == "Failed"
    assert description["FailureReason"].startswith("CapacityError: ")


def test_stopping_a_job_uploads_what_it_trained(
    training_ground: TrainingGround,
    sagemaker: Any,  # noqa: ANN401
    bus: Bus,
    name: str,
) -> None:
    training_ground.create(name, lifecycle=LONG)
    in_status(sagemaker, name, "Training")
    sagemaker.stop_training_job(TrainingJobName=name)
    sagemaker.stop_training_job(TrainingJobName=name)
    description = finished(sagemaker, name)
    assert history(description) == ("Starting", "Training", "Stopping", "Uploading", "Stopped")
    assert statuses(bus.of(name, 5)) == ["Starting", "Training", "Stopping", "Uploading", "Stopped"]


# --- errors ---


def test_a_taken_name_is_in_use_until_the_job_is_deleted(
    training_ground: TrainingGround,
    sagemaker: Any,  # noqa: ANN401
    bus: Bus,
    name: str,
) -> None:
    arn = training_ground.create(name, lifecycle=QUICK)
    with pytest.raises(ClientError, match="must be unique within an AWS account and region") as refusal:
        training_ground.create(name)
    assert refusal.value.response["Error"]["Code"] == "ResourceInUse"
    assert arn in str(refusal.value)
    with pytest.raises(ClientError, match=r"ValidationException.* in status InProgress"):
        sagemaker.delete_training_job(TrainingJobName=name)
    finished(sagemaker, name)
    sagemaker.delete_training_job(TrainingJobName=name)
    with pytest.raises(ClientError, match=r"ValidationException.*Requested resource not found"):
        sagemaker.describe_training_job(TrainingJobName=name)
    last = bus.of(name, 6)[-1]["detail"]
    assert (last["TrainingJobStatus"], last["SecondaryStatus"]) == ("Deleting", "Completed")
    training_ground.create(name, lifecycle=QUICK)


@pytest.mark.parametrize("operation", ["describe_training_job", "stop_training_job", "delete_training_job"])
def test_a_missing_job_is_a_validation_exception(sagemaker: Any, operation: str, name: str) -> None:  # noqa: ANN401
    with pytest.raises(ClientError, match=r"ValidationException.*Requested resource not found"):
        getattr(sagemaker, operation)(TrainingJobName=name)


def test_a_stopped_job_cannot_be_stopped_again(training_ground: TrainingGround, sagemaker: Any, name: str) -> None:  # noqa: ANN401
    training_ground.create(name, lifecycle="Starting=0 Completed")
    with pytest.raises(ClientError, match=r"ValidationException.* in status Completed"):
        sagemaker.stop_training_job(TrainingJobName=name)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"lifecycle": "interupted-once"}, "Tag local:lifecycle: 'interupted-once'"),
        ({"tags": {"local:speed": "fast"}}, "Tag local:speed"),
        ({"tags": {"local:delivery": "copies=x"}}, "Tag local:delivery"),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": 60}}, "MaxWaitTimeInSeconds must be set"),
        ({"RoleArn": "arn:aws:iam::111122223333:role/nobody"}, "Could not assume role"),
    ],
    ids=["bad lifecycle", "bad speed", "bad delivery", "spot without MaxWait", "no such role"],
)
def test_a_request_that_sagemaker_would_refuse_is_refused(
    training_ground: TrainingGround,
    name: str,
    options: dict[str, Any],
    complaint: str,
) -> None:
    with pytest.raises(ClientError, match=complaint) as refusal:
        training_ground.create(name, **options)
    assert refusal.value.response["Error"]["Code"] == "ValidationException"


def test_an_operation_that_is_not_simulated_is_refused(sagemaker: Any) -> None:  # noqa: ANN401
    with pytest.raises(ClientError, match="has no ListModels"):
        sagemaker.list_models()


# --- permissions ---


@pytest.fixture(name="user", scope="module")
def user_with_little_permission(local_account: LocalAccount, training_ground: TrainingGround) -> Any:  # noqa: ANN401
    """Give a client that may create and see jobs named allowed-*, pass the training role, and nothing else."""
    iam = local_account.client("iam")
    iam.create_user(UserName="little")
    statements = [
        {
            "Effect": "Allow",
            "Action": ["sagemaker:CreateTrainingJob", "sagemaker:DescribeTrainingJob", "sagemaker:AddTags"],
            "Resource": "arn:aws:sagemaker:us-east-1:111122223333:training-job/allowed-*",
        },
        {
            "Effect": "Allow",
            "Action": "sagemaker:StopTrainingJob",
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:ResourceTag/project": "demo"}},
        },
        {
            "Effect": "Deny",
            "Action": "sagemaker:AddTags",
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:RequestTag/team": "forbidden"}},
        },
        {
            "Effect": "Allow",
            "Action": "iam:PassRole",
            "Resource": training_ground.role_arn,
            "Condition": {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}},
        },
    ]
    policy = json.dumps({"Version": "2012-10-17", "Statement": statements})
    iam.put_user_policy(UserName="little", PolicyName="little", PolicyDocument=policy)
    key = iam.create_access_key(UserName="little")["AccessKey"]
    return local_account.client(
        "sagemaker",
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )


def test_what_a_policy_allows_for_one_arn_is_allowed(training_ground: TrainingGround, user: Any) -> None:  # noqa: ANN401
    name = f"allowed-{uuid4().hex[:6]}"
    user.create_training_job(**training_ground.request(name, lifecycle=LONG))
    assert user.describe_training_job(TrainingJobName=name)["TrainingJobName"] == name
    user.stop_training_job(TrainingJobName=name)


@pytest.mark.parametrize(
    ("job", "members", "action"),
    [
        ("other", {}, "sagemaker:CreateTrainingJob on resource: arn:aws:sagemaker:us-east-1:111122223333:training-job"),
        ("allowed", {"Tags": [{"Key": "team", "Value": "forbidden"}]}, "sagemaker:AddTags on resource: .*explicit"),
        ("allowed", {"RoleArn": "arn:aws:iam::111122223333:role/Admin"}, "iam:PassRole on resource: .*:role/Admin"),
    ],
)
def test_creating_needs_each_permission(
    training_ground: TrainingGround,
    user: Any,  # noqa: ANN401
    job: str,
    members: dict[str, Any],
    action: str,
) -> None:
    request = training_ground.request(f"{job}-{uuid4().hex[:6]}", **members)
    with pytest.raises(ClientError, match=f":user/little is not authorized to perform: {action}") as refusal:
        user.create_training_job(**request)
    assert refusal.value.response["Error"]["Code"] == "AccessDeniedException"


def test_someone_who_may_not_describe_does_not_learn_whether_a_job_exists(user: Any) -> None:  # noqa: ANN401
    with pytest.raises(ClientError, match=r"AccessDeniedException.*because no identity-based policy allows"):
        user.describe_training_job(TrainingJobName="other-job")
    with pytest.raises(ClientError, match=r"AccessDeniedException.*on resource: \* because"):
        user.list_training_jobs()


@pytest.mark.parametrize(
    ("key", "code"),
    [("known", "InvalidSignatureException"), ("AKIAUNKNOWN", "UnrecognizedClientException")],
)
def test_a_caller_has_to_prove_who_it_is(local_account: LocalAccount, name: str, key: str, code: str) -> None:
    if key == "known":
        iam = local_account.client("iam")
        iam.create_user(UserName=name)
        key = iam.create_access_key(UserName=name)["AccessKey"]["AccessKeyId"]
    stranger = local_account.client("sagemaker", aws_access_key_id=key, aws_secret_access_key="wrong")  # noqa: S106
    with pytest.raises(ClientError) as refusal:
        stranger.list_training_jobs()
    assert refusal.value.response["Error"]["Code"] == code


# --- lists and tags ---


def test_lists_page_by_page_and_filters_each_page(training_ground: TrainingGround, sagemaker: Any) -> None:  # noqa: ANN401
    mark = f"page-{uuid4().hex[:6]}"
    for number in range(3):
        training_ground.create(f"{mark}-{number}", lifecycle="Starting=0 Completed")
    training_ground.create(f"other-{uuid4().hex[:6]}", lifecycle="Starting=0 Completed")
    first = sagemaker.list_training_jobs(NameContains=mark, MaxResults=1)
    assert first["TrainingJobSummaries"] == []
    assert first["NextToken"]
    pages = sagemaker.get_paginator("list_training_jobs").paginate(NameContains=mark, StatusEquals="Completed")
    summaries = [summary for page in pages for summary in page["TrainingJobSummaries"]]
    assert [summary["TrainingJobName"] for summary in summaries] == [f"{mark}-2", f"{mark}-1", f"{mark}-0"]
    assert summaries[0]["SecondaryStatus"] == "Completed"


def test_regions_do_not_see_each_others_jobs(
    local_account: LocalAccount,
    training_ground: TrainingGround,
    sagemaker: Any,  # noqa: ANN401
    name: str,
) -> None:
    elsewhere = local_account.client("sagemaker", region="eu-west-1")
    bus = Bus(local_account, "eu-west-1")
    request = training_ground.request(name, lifecycle="Starting=0.1 Completed")
    arn = elsewhere.create_training_job(**request)["TrainingJobArn"]
    assert arn == f"arn:aws:sagemaker:eu-west-1:111122223333:training-job/{name}"
    with pytest.raises(ClientError, match="not found"):
        sagemaker.describe_training_job(TrainingJobName=name)
    assert {event["region"] for event in bus.of(name, 2)} == {"eu-west-1"}


def test_tags_are_kept_but_the_tuning_job_is_not_one_of_them(
    training_ground: TrainingGround,
    sagemaker: Any,  # noqa: ANN401
    bus: Bus,
    name: str,
) -> None:
    tuning = "arn:aws:sagemaker:us-east-1:111122223333:hyper-parameter-tuning-job/hpo"
    arn = training_ground.create(name, lifecycle=QUICK, tags={"local:tuning-job-arn": tuning})
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": "owner", "Value": "a"}, {"Key": "project", "Value": "b"}])
    sagemaker.delete_tags(ResourceArn=arn, TagKeys=["local:lifecycle"])
    assert sagemaker.list_tags(ResourceArn=arn)["Tags"] == [
        {"Key": "project", "Value": "b"},
        {"Key": "owner", "Value": "a"},
    ]
    assert sagemaker.describe_training_job(TrainingJobName=name)["TuningJobArn"] == tuning
    assert bus.of(name, 5)[-1]["detail"]["TuningJobArn"] == tuning


# --- checkpoints ---


def steps(training_ground: TrainingGround, prefix: str) -> dict[int, list[str]]:
    """Give the steps of the checkpoints under a prefix, each with the jobs that trained it."""
    s3 = training_ground.account.client("s3")
    found: dict[int, list[str]] = {}
    for item in s3.list_objects_v2(Bucket=training_ground.bucket, Prefix=prefix).get("Contents", []):
        folder, _, file = item["Key"].removeprefix(prefix).partition("/")
        jobs = found.setdefault(int(folder.removeprefix("checkpoint-")), [])
        if file.startswith("trained-by-"):
            jobs.append(file.removeprefix("trained-by-").removesuffix(".json"))
    return found


def test_training_goes_on_from_the_last_checkpoint_after_an_interruption_and_in_the_next_job(
    training_ground: TrainingGround,
    sagemaker: Any,  # noqa: ANN401
    name: str,
) -> None:
    prefix = f"checkpoints/{name}/"
    script = (
        "Starting=0.1 Downloading=0.2 Training=0.9 Interrupted=0.1 Downloading=0.2 Training=0.5 MaxWaitTimeExceeded"
    )
    for attempt in (f"{name}-a", f"{name}-b"):
        training_ground.create(attempt, lifecycle=script, checkpoints=prefix)
        finished(sagemaker, attempt)
    written = len(checkpoints.times(0.9)) + len(checkpoints.times(0.5))
    assert written == 3
    assert steps(training_ground, prefix) == {
        checkpoints.STEPS * (number + 1): [f"{name}-{'a' if number < written else 'b'}"]
        for number in range(2 * written)
    }


def test_a_job_whose_role_may_not_write_checkpoints_fails(
    local_account: LocalAccount,
    training_ground: TrainingGround,
    sagemaker: Any,  # noqa: ANN401
    name: str,
) -> None:
    trust = {"Effect": "Allow", "Principal": {"Service": "sagemaker.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = local_account.client("iam").create_role(
        RoleName=f"poor-{name}",
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
    )["Role"]["Arn"]
    training_ground.create(name, lifecycle=LONG, RoleArn=role)
    description = finished(sagemaker, name)
    assert history(description) == ("Starting", "Training", "Failed")
    assert description["FailureReason"].startswith("ClientError: ")
    assert "AccessDenied" in description["FailureReason"]


# --- faults in delivery ---


def test_events_can_arrive_several_times_and_shuffled(
    training_ground: TrainingGround,
    bus: Bus,
    name: str,
) -> None:
    training_ground.create(name, lifecycle=QUICK, tags={"local:delivery": "copies=3 shuffle=0.8 seed=1"})
    arrived = statuses(bus.of(name, 15))
    in_order = ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert sorted(arrived) == sorted(in_order * 3)
    assert arrived != [status for status in in_order for _ in range(3)]


def test_events_can_get_lost_without_changing_the_truth(
    training_ground: TrainingGround,
    sagemaker: Any,  # noqa: ANN401
    bus: Bus,
    name: str,
) -> None:
    training_ground.create(name, lifecycle=QUICK, tags={"local:delivery": "drop=all"})
    assert finished(sagemaker, name)["TrainingJobStatus"] == "Completed"
    assert bus.of(name, 1, seconds=0.5) == []


def test_the_public_api_refuses_events_in_sagemakers_name(local_account: LocalAccount) -> None:
    entry = {"Source": "aws.sagemaker", "DetailType": "x", "Detail": "{}"}
    answer = local_account.client("events").put_events(Entries=[entry])
    assert answer["Entries"][0]["ErrorCode"] == "NotAuthorizedForSourceException"
