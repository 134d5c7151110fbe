"""The simulated SageMaker, asked through boto3 in a running local account."""

import json
from collections.abc import Mapping
from itertools import groupby
from typing import Any
from uuid import uuid4

import pytest
from botocore.exceptions import ClientError

from local.demo.deployed import TrainingGround, policy
from local.emulator.account import LocalAccount
from local.sagemaker import billing, lifecycle
from tests.support.roles import create_role
from tests.support.waiting import eventually

pytestmark = pytest.mark.xdist_group("local-account")

JOBS = "arn:aws:sagemaker:us-east-1:111122223333:training-job"
QUICK = "Starting=0.1 Downloading=0.1 Training=0.1 Uploading=0.1"
LONG = "Starting=0.05 Training=600"


class SageMaker:
    """A region's SageMaker, and a queue behind a rule for all of its events."""

    def __init__(self, ground: TrainingGround, region: str) -> None:
        self.ground, self.client = ground, ground.account.client("sagemaker", region=region)
        self._sqs = ground.account.client("sqs", region=region)
        self._url = self._sqs.create_queue(QueueName="sagemaker-events")["QueueUrl"]
        self._arrived: list[dict[str, Any]] = []
        events = ground.account.client("events", region=region)
        pattern = {"source": ["aws.sagemaker"], "detail-type": ["SageMaker Training Job State Change"]}
        events.put_rule(Name="all", EventPattern=json.dumps(pattern))
        queue = {"Id": "queue", "Arn": f"arn:aws:sqs:{region}:111122223333:sagemaker-events"}
        events.put_targets(Rule="all", Targets=[queue])

    def create(self, name: str, **options: Any) -> str:  # noqa: ANN401 - those of TrainingGround.request
        """Create a job; gives its ARN."""
        request = self.ground.request(name, **options)
        return str(self.client.create_training_job(**request)["TrainingJobArn"])

    def described(self, name: str) -> dict[str, Any]:
        return dict(self.client.describe_training_job(TrainingJobName=name))

    def finished(self, name: str) -> dict[str, Any]:
        """Wait for a job's end; gives its description."""
        ends = {"Completed", "Failed", "Stopped"}
        assert eventually(lambda: self.described(name)["TrainingJobStatus"] in ends, seconds=30)
        return self.described(name)

    def events(self, name: str, count: int) -> list[dict[str, Any]]:
        """Wait for this many events of a job, then give all of them in the order of their arrival."""

        def found() -> list[dict[str, Any]]:
            answer = self._sqs.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10)
            for message in answer.get("Messages", []):
                self._arrived.append(json.loads(message["Body"]))
                self._sqs.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
            return [event for event in self._arrived if event["detail"]["TrainingJobName"] == name]

        assert eventually(lambda: len(found()) >= count, seconds=30), f"{name}: {statuses(found())}"
        return found()


@pytest.fixture(name="sagemaker", scope="module")
def sagemaker_of_the_home_region(training_ground: TrainingGround) -> SageMaker:
    return SageMaker(training_ground, "us-east-1")


@pytest.fixture(name="name")
def fresh_name() -> str:
    return f"job-{uuid4().hex[:8]}"


def statuses(events: list[dict[str, Any]]) -> list[str]:
    return [event["detail"]["SecondaryStatus"] for event in events]


def history(description: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(entry["Status"] for entry in description["SecondaryStatusTransitions"])


# --- lifecycles ---


def test_each_named_lifecycle_is_described_and_announced_as_documented(sagemaker: SageMaker) -> None:
    names = {name: f"{name}-{uuid4().hex[:6]}" for name in lifecycle.NAMED}
    for name, job in names.items():
        sagemaker.create(job, lifecycle=name, tags={"local:speed": "3"})
    for name, job in names.items():
        fate = lifecycle.parse(name)
        description = sagemaker.finished(job)
        assert history(description) == fate.statuses
        training = billing.training_seconds((status, length) for status, _, length in fate.faster(3).periods)
        expected = training, billing.billable_seconds(training, spot=True)
        assert (description.get("TrainingTimeInSeconds"), description.get("BillableTimeInSeconds")) == expected
        announced = [moment for moment in fate.moments[:-1] if moment.announced]
        events = sagemaker.events(job, len(announced) + 1)
        assert len(events) == len(announced) + 1
        assert tuple(status for status, _ in groupby(statuses(events))) == fate.statuses


def test_an_event_has_the_envelope_of_an_aws_service(sagemaker: SageMaker, name: str) -> None:
    arn = sagemaker.create(name, lifecycle=QUICK)
    event = sagemaker.events(name, 5)[-1]
    assert {key: event[key] for key in ("version", "source", "detail-type", "account", "region", "resources")} == {
        "version": "0",
        "source": "aws.sagemaker",
        "detail-type": "SageMaker Training Job State Change",
        "account": "111122223333",
        "region": "us-east-1",
        "resources": [arn],
    }
    ended = sagemaker.finished(name)["TrainingEndTime"]
    assert event["detail"]["TrainingEndTime"] == round(ended.timestamp() * 1000)
    assert event["detail"]["Tags"] == {"project": "demo", "local:lifecycle": QUICK}


def test_an_on_demand_job_is_not_interrupted(sagemaker: SageMaker, name: str) -> None:
    sagemaker.create(name, lifecycle="interrupted-once", spot=False, tags={"local:speed": "20"})
    description = sagemaker.finished(name)
    assert history(description) == lifecycle.parse("uninterrupted").statuses
    assert description["BillableTimeInSeconds"] == description["TrainingTimeInSeconds"]


def test_stopping_a_job_uploads_what_it_trained(sagemaker: SageMaker, name: str) -> None:
    sagemaker.create(name, lifecycle=LONG)
    assert eventually(lambda: sagemaker.described(name)["SecondaryStatus"] == "Training", seconds=30)
    for _ in range(2):
        sagemaker.client.stop_training_job(TrainingJobName=name)
    assert history(sagemaker.finished(name)) == ("Starting", "Training", "Stopping", "Uploading", "Stopped")
    assert statuses(sagemaker.events(name, 5)) == ["Starting", "Training", "Stopping", "Uploading", "Stopped"]
    with pytest.raises(ClientError, match=r"ValidationException.* in status Stopped"):
        sagemaker.client.stop_training_job(TrainingJobName=name)


# --- errors ---


def test_a_taken_name_is_in_use_until_the_job_is_deleted(sagemaker: SageMaker, name: str) -> None:
    arn = sagemaker.create(name, lifecycle=QUICK)
    with pytest.raises(ClientError, match="must be unique within an AWS account and region") as refusal:
        sagemaker.create(name)
    assert refusal.value.response["Error"]["Code"] == "ResourceInUse"
    assert arn in str(refusal.value)
    with pytest.raises(ClientError, match=r"ValidationException.* in status InProgress"):
        sagemaker.client.delete_training_job(TrainingJobName=name)
    sagemaker.finished(name)
    sagemaker.client.delete_training_job(TrainingJobName=name)
    last = sagemaker.events(name, 6)[-1]["detail"]
    assert (last["TrainingJobStatus"], last["SecondaryStatus"]) == ("Deleting", "Completed")
    for operation in ("describe_training_job", "stop_training_job", "delete_training_job"):
        with pytest.raises(ClientError, match=r"ValidationException.*Requested resource not found"):
            getattr(sagemaker.client, operation)(TrainingJobName=name)
    sagemaker.create(name, lifecycle=QUICK)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"tags": {"local:delivery": "copies=x"}}, "Tag local:delivery"),
        ({"StoppingCondition": {"MaxRuntimeInSeconds": 60}}, "MaxWaitTimeInSeconds must be set"),
        ({"RoleArn": "arn:aws:iam::111122223333:role/nobody"}, "Could not assume role"),
    ],
    ids=["bad delivery", "spot without MaxWait", "no such role"],
)
def test_a_request_that_sagemaker_would_refuse_is_refused(
    sagemaker: SageMaker, name: str, options: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ClientError, match=complaint) as refusal:
        sagemaker.create(name, **options)
    assert refusal.value.response["Error"]["Code"] == "ValidationException"


# --- permissions ---


@pytest.fixture(name="user", scope="module")
def user_with_little_permission(local_account: LocalAccount, training_ground: TrainingGround) -> Any:  # noqa: ANN401
    """A client that may create and see jobs named allowed-*, pass the training role, and stop the demo's jobs."""
    iam = local_account.client("iam")
    iam.create_user(UserName="little")
    create = [f"sagemaker:{action}" for action in ("CreateTrainingJob", "DescribeTrainingJob", "AddTags")]
    ours = {"StringEquals": {"aws:ResourceTag/project": "demo"}}
    forbidden = {"StringEquals": {"aws:RequestTag/team": "forbidden"}}
    to_sagemaker = {"StringEquals": {"iam:PassedToService": "sagemaker.amazonaws.com"}}
    for number, document in enumerate(
        [
            policy(Action=create, Resource=f"{JOBS}/allowed-*"),
            policy(Action="sagemaker:StopTrainingJob", Resource="*", Condition=ours),
            policy(Effect="Deny", Action="sagemaker:AddTags", Resource="*", Condition=forbidden),
            policy(Action="iam:PassRole", Resource=training_ground.role_arn, Condition=to_sagemaker),
        ]
    ):
        iam.put_user_policy(UserName="little", PolicyName=f"little-{number}", PolicyDocument=document)
    key = iam.create_access_key(UserName="little")["AccessKey"]
    keys = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
    return local_account.client("sagemaker", **keys)


def test_what_a_policy_allows_for_one_arn_is_allowed(training_ground: TrainingGround, user: Any) -> None:  # noqa: ANN401
    name = f"allowed-{uuid4().hex[:6]}"
    user.create_training_job(**training_ground.request(name, lifecycle=LONG))
    assert user.describe_training_job(TrainingJobName=name)["TrainingJobName"] == name
    user.stop_training_job(TrainingJobName=name)


@pytest.mark.parametrize(
    ("job", "members", "action"),
    [
        ("other", {}, f"sagemaker:CreateTrainingJob on resource: {JOBS}"),
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


def test_a_job_whose_role_may_not_write_checkpoints_fails(sagemaker: SageMaker, name: str) -> None:
    role = create_role(sagemaker.ground.account, f"poor-{name}")
    sagemaker.create(name, lifecycle=LONG, RoleArn=role)
    description = sagemaker.finished(name)
    assert history(description) == ("Starting", "Training", "Failed")
    assert description["FailureReason"].startswith("ClientError: ")
    assert "AccessDenied" in description["FailureReason"]


# --- regions and tags ---


def test_regions_do_not_see_each_others_jobs(training_ground: TrainingGround, sagemaker: SageMaker, name: str) -> None:
    elsewhere = SageMaker(training_ground, "eu-west-1")
    arn = elsewhere.create(name, lifecycle="Starting=0.1 Completed")
    assert arn == f"arn:aws:sagemaker:eu-west-1:111122223333:training-job/{name}"
    with pytest.raises(ClientError, match="not found"):
        sagemaker.described(name)
    assert {event["region"] for event in elsewhere.events(name, 2)} == {"eu-west-1"}


def test_tags_are_kept_but_the_tuning_job_is_not_one_of_them(sagemaker: SageMaker, name: str) -> None:
    tuning = "arn:aws:sagemaker:us-east-1:111122223333:hyper-parameter-tuning-job/hpo"
    arn = sagemaker.create(name, lifecycle=QUICK, tags={"local:tuning-job-arn": tuning})
    sagemaker.client.add_tags(ResourceArn=arn, Tags=[{"Key": "owner", "Value": "a"}, {"Key": "project", "Value": "b"}])
    sagemaker.client.delete_tags(ResourceArn=arn, TagKeys=["local:lifecycle"])
    assert sagemaker.client.list_tags(ResourceArn=arn)["Tags"] == [
        {"Key": "project", "Value": "b"},
        {"Key": "owner", "Value": "a"},
    ]
    assert sagemaker.described(name)["TuningJobArn"] == tuning
    assert sagemaker.events(name, 5)[-1]["detail"]["TuningJobArn"] == tuning


# --- delivery of events ---


def test_events_can_arrive_several_times_and_shuffled(sagemaker: SageMaker, name: str) -> None:
    sagemaker.create(name, lifecycle=QUICK, tags={"local:delivery": "copies=3 shuffle=0.8 seed=1"})
    arrived = statuses(sagemaker.events(name, 15))
    in_order = ["Starting", "Downloading", "Training", "Uploading", "Completed"]
    assert sorted(arrived) == sorted(in_order * 3)
    assert arrived != [status for status in in_order for _ in range(3)]


def test_the_public_api_refuses_events_in_sagemakers_name(local_account: LocalAccount) -> None:
    entry = {"Source": "aws.sagemaker", "DetailType": "x", "Detail": "{}"}
    answer = local_account.client("events").put_events(Entries=[entry])
    assert answer["Entries"][0]["ErrorCode"] == "NotAuthorizedForSourceException"
