"""The API of the simulated SageMaker, in an account that only remembers."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pytest

from local.sagemaker.cloud import Call, Scope
from local.sagemaker.faults import DeliveryFaults
from local.sagemaker.service import SageMaker
from tests.local.jobs import request

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

QUICK = "Starting=0.02 Downloading=0.02 Training=0.02"


class RememberingCloud:
    """Allows everything but the actions that it must deny."""

    def __init__(self, *, denied: str = "", trusted: bool = True) -> None:
        self._denied = denied
        self._trusted = trusted
        self.asked: list[tuple[str, str, Mapping[str, Any]]] = []
        self.details: list[dict[str, Any]] = []
        self.printed: dict[str, list[str]] = {}

    def scope(self) -> Scope:
        return Scope(account="111122223333", region="us-east-1")

    def denial(self, call: Call, action: str, resource: str, context: Mapping[str, Any]) -> str | None:
        del call
        self.asked.append((action, resource, context))
        return "no" if action == self._denied else None

    def trusts_sagemaker(self, scope: Scope, role_arn: str) -> bool:
        del scope, role_arn
        return self._trusted

    def publish(self, scope: Scope, entry: Mapping[str, Any]) -> None:
        del scope
        self.details.append(json.loads(entry["Detail"]))

    def log(self, scope: Scope, role_arn: str, *, stream: str, messages: Sequence[str]) -> None:
        del scope, role_arn
        self.printed.setdefault(stream, []).extend(messages)

    def s3(self, scope: Scope, role_arn: str) -> "S3Client":
        raise NotImplementedError

    @property
    def statuses(self) -> list[str]:
        return [detail["SecondaryStatus"] for detail in self.details]


async def ask(service: SageMaker, operation: str, body: object) -> tuple[int, dict[str, Any]]:
    headers = {"x-amz-target": f"SageMaker.{operation}"}
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    status, _, answer = await service.handle("POST", "/", headers, raw, {})
    return status, json.loads(answer)


def run(cloud: RememberingCloud, story: Callable[[SageMaker], Awaitable[None]], *, faults: str = "") -> None:
    async def created() -> None:
        await story(SageMaker(cloud, default_delivery=DeliveryFaults.parse(faults)))

    asyncio.run(created())


def tagged(**tags: str) -> list[dict[str, str]]:
    return [{"Key": key.replace("_", ":"), "Value": value} for key, value in tags.items()]


def test_every_permission_is_asked_for_with_its_own_resource_and_context() -> None:
    cloud = RememberingCloud()
    arn = "arn:aws:sagemaker:us-east-1:111122223333:training-job/job-1"

    async def story(service: SageMaker) -> None:
        body = request(TrainingJobName="Job-1", Tags=tagged(team="a"))
        assert (await ask(service, "CreateTrainingJob", body))[0] == 200
        await ask(service, "DescribeTrainingJob", {"TrainingJobName": "Job-1"})
        await ask(service, "ListTrainingJobs", {})
        assert (await ask(service, "AddTags", {"ResourceArn": arn, "Tags": tagged(team="a")}))[0] == 200

    run(cloud, story)
    tags = {"aws:RequestTag/team": "a", "aws:TagKeys": ["team"]}
    assert cloud.asked == [
        ("sagemaker:CreateTrainingJob", arn, tags | {"sagemaker:InstanceTypes": ["ml.g5.2xlarge"]}),
        ("sagemaker:AddTags", arn, tags | {"sagemaker:TaggingAction": "CreateTrainingJob"}),
        (
            "iam:PassRole",
            "arn:aws:iam::111122223333:role/Training",
            {"iam:PassedToService": "sagemaker.amazonaws.com"},
        ),
        ("sagemaker:DescribeTrainingJob", arn, {"aws:ResourceTag/team": "a"}),
        ("sagemaker:ListTrainingJobs", "*", {}),
        ("sagemaker:AddTags", arn, {**tags, "aws:ResourceTag/team": "a"}),
    ]


@pytest.mark.parametrize("action", ["sagemaker:CreateTrainingJob", "sagemaker:AddTags", "iam:PassRole"])
def test_a_denied_request_creates_nothing(action: str) -> None:
    cloud = RememberingCloud(denied=action)

    async def story(service: SageMaker) -> None:
        status, answer = await ask(service, "CreateTrainingJob", request(Tags=tagged(team="a")))
        assert (status, answer["__type"]) == (400, "AccessDeniedException")
        assert (await ask(service, "ListTrainingJobs", {}))[1]["TrainingJobSummaries"] == []

    run(cloud, story)
    assert cloud.details == []


def test_a_role_that_sagemaker_may_not_assume_is_refused() -> None:
    async def story(service: SageMaker) -> None:
        status, answer = await ask(service, "CreateTrainingJob", request())
        assert (status, answer["__type"]) == (400, "ValidationException")
        assert answer["message"].startswith("Could not assume role")

    run(RememberingCloud(trusted=False), story)


@pytest.mark.parametrize(
    ("operation", "body", "code"),
    [
        ("CreateTrainingJob", b"{", "ValidationException"),
        ("CreateTrainingJob", b"[]", "ValidationException"),
        ("CreateTrainingJob", {"Tags": "x"}, "ValidationException"),
        ("ListTags", {"ResourceArn": "arn:aws:sagemaker:us-east-1:111122223333:model/m"}, "ValidationException"),
        ("CreateModel", {}, "UnknownOperationException"),
        ("", {}, "UnknownOperationException"),
    ],
)
def test_the_answer_to_any_bad_request_is_an_error_of_sagemakers(operation: str, body: object, code: str) -> None:
    async def story(service: SageMaker) -> None:
        status, answer = await ask(service, operation, body)
        assert (status, answer["__type"]) == (400, code)

    run(RememberingCloud(), story)


def test_jobs_without_faults_of_their_own_have_the_accounts() -> None:
    cloud = RememberingCloud()

    async def story(service: SageMaker) -> None:
        await ask(service, "CreateTrainingJob", request(TrainingJobName="a", Tags=tagged(local_lifecycle=QUICK)))
        own = tagged(local_lifecycle=QUICK, local_delivery="copies=1")
        await ask(service, "CreateTrainingJob", request(TrainingJobName="b", Tags=own))
        await asyncio.sleep(0.15)

    run(cloud, story, faults="copies=2")
    names = [detail["TrainingJobName"] for detail in cloud.details]
    assert (names.count("a"), names.count("b")) == (8, 4)


def test_a_new_job_with_the_name_of_a_deleted_one_starts_over() -> None:
    cloud = RememberingCloud()

    async def story(service: SageMaker) -> None:
        for _ in range(2):
            body = request(Tags=tagged(local_lifecycle="Starting=0.02 Stopped"))
            assert (await ask(service, "CreateTrainingJob", body))[0] == 200
            await asyncio.sleep(0.06)
            assert (await ask(service, "DeleteTrainingJob", {"TrainingJobName": "job-1"}))[0] == 200
        await asyncio.sleep(0.02)

    run(cloud, story)
    assert cloud.statuses == ["Starting", "Stopped", "Stopped"] * 2
    assert [detail["TrainingJobStatus"] for detail in cloud.details] == ["InProgress", "Stopped", "Deleting"] * 2


async def ended(service: SageMaker, name: str = "job-1") -> dict[str, Any]:
    """Wait for a job's end; gives its description."""
    for _ in range(100):
        _, described = await ask(service, "DescribeTrainingJob", {"TrainingJobName": name})
        if described["TrainingJobStatus"] in {"Completed", "Stopped"}:
            return described
        await asyncio.sleep(0.02)
    raise AssertionError(described)


@pytest.mark.parametrize(
    ("lifecycle", "spot", "end"),
    [
        ("Starting=90", True, "MaxWaitTimeExceeded"),
        ("Training=90", True, "MaxRuntimeExceeded"),
        ("Training=90", False, "MaxRuntimeExceeded"),
        ("Starting=0.01 Training=0.02", True, "Completed"),
    ],
)
def test_with_a_time_scale_the_limits_of_the_request_strike(lifecycle: str, spot: bool, end: str) -> None:  # noqa: FBT001
    async def story(service: SageMaker) -> None:
        stopping = {"MaxRuntimeInSeconds": 3600, **({"MaxWaitTimeInSeconds": 7200} if spot else {})}
        tags = [*tagged(local_lifecycle=lifecycle), {"Key": "local:time-scale", "Value": "36000"}]
        body = request(StoppingCondition=stopping, EnableManagedSpotTraining=spot, Tags=tags)
        assert (await ask(service, "CreateTrainingJob", body))[0] == 200
        assert (await ended(service))["SecondaryStatus"] == end

    run(RememberingCloud(), story)


def test_an_attempt_meets_the_fate_that_its_number_calls_for() -> None:
    async def story(service: SageMaker) -> None:
        fates = "Starting=0.02 Stopped / Starting=0.02"
        await ask(service, "CreateTrainingJob", request(Tags=tagged(local_lifecycle=fates)))
        second = request(TrainingJobName="job-1-r2", Tags=tagged(local_lifecycle=fates, respot_attempt="2"))
        await ask(service, "CreateTrainingJob", second)
        assert (await ended(service))["SecondaryStatus"] == "Stopped"
        assert (await ended(service, "job-1-r2"))["SecondaryStatus"] == "Completed"

    run(RememberingCloud(), story)


def test_a_creation_is_refused_as_often_as_its_attempt_demands() -> None:
    async def story(service: SageMaker) -> None:
        """Each name has its own count, in any case."""
        refusals = "quota=0 / quota=1 throttle=1"
        assert (await ask(service, "CreateTrainingJob", request(Tags=tagged(local_refuse=refusals))))[0] == 200
        second = request(TrainingJobName="job-1-r2", Tags=tagged(local_refuse=refusals, respot_attempt="2"))
        same, third = {**second, "TrainingJobName": "JOB-1-R2"}, {**second, "TrainingJobName": "job-1-r3"}
        asked = [second, same, third, second, second]
        codes = [(await ask(service, "CreateTrainingJob", body))[1].get("__type") for body in asked]
        limit = "ResourceLimitExceeded"
        assert codes == [limit, "ThrottlingException", limit, None, "ResourceInUse"]

    run(RememberingCloud(), story)


@pytest.mark.parametrize(
    ("tag", "value", "complaint"),
    [
        ("local:time-scale", "fast", "Tag local:time-scale: 'fast' is not a factor such as 600"),
        ("local:time-scale", "0", "Tag local:time-scale: '0'"),
        ("local:speed", "0", "Tag local:speed: '0' is not a factor such as 2"),
        ("local:refuse", "often", "Tag local:refuse: 'often' is none of quota=N"),
        ("local:lifecycle", "uninterrupted / never", "Tag local:lifecycle: 'never' is not Status=seconds"),
        ("local:lifecycle", " / ".join(["uninterrupted"] * 17), "length less than or equal to 256"),
        ("local:lifecycle", "uninterrupted, never-launched", "regular expression pattern"),
    ],
)
def test_a_tag_that_cannot_be_followed_is_refused_by_name(tag: str, value: str, complaint: str) -> None:
    async def story(service: SageMaker) -> None:
        body = request(Tags=[{"Key": tag, "Value": value}])
        status, answer = await ask(service, "CreateTrainingJob", body)
        assert (status, answer["__type"]) == (400, "ValidationException")
        assert complaint in answer["message"]

    run(RememberingCloud(), story)
