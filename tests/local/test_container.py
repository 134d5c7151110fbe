"""What jobs print, and into which log streams.

The names are those of real jobs: awsdocs/amazon-sagemaker-developer-guide shows
`xgboost-mnist-cf1e16fb10a511eaaa450a350733ba06/algo-1-1574811611`.
"""

import asyncio
import re
from datetime import UTC, datetime

import pytest

from local.sagemaker import checkpoints
from local.sagemaker.checkpoints import Progress
from local.sagemaker.faults import DeliveryFaults
from local.sagemaker.runner import log_streams
from local.sagemaker.service import SageMaker
from tests.local import jobs
from tests.local.test_service import RememberingCloud, ask

STARTED = datetime(2019, 11, 26, 23, 40, 11, tzinfo=UTC)
ONE = {"InstanceType": "ml.g5.2xlarge", "InstanceCount": 1, "VolumeSizeInGB": 100}
GROUPS = {
    "InstanceGroups": [
        {"InstanceGroupName": "a", "InstanceType": "ml.g5.2xlarge", "InstanceCount": 1},
        {"InstanceGroupName": "b", "InstanceType": "ml.m5.xlarge", "InstanceCount": 2},
    ],
    "VolumeSizeInGB": 100,
}
SUCCESS = "sagemaker-training-toolkit INFO     Reporting training SUCCESS"
"""As real logs have it (https://github.com/aws/sagemaker-training-toolkit, entry_point and trainer)."""


@pytest.mark.parametrize(("resources", "instances"), [(ONE, 1), ({**ONE, "InstanceCount": 2}, 2), (GROUPS, 3)])
def test_each_instance_has_a_stream_named_after_job_number_and_start(
    resources: dict[str, object], instances: int
) -> None:
    streams = log_streams(jobs.job("Training=1", ResourceConfig=resources), STARTED)
    assert streams == [f"job-1/algo-{number}-1574811611" for number in range(1, instances + 1)]


def test_a_job_that_finds_a_checkpoint_prints_where_it_resumes_and_what_it_saves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cloud = RememberingCloud()
    monkeypatch.setattr(cloud, "s3", lambda *_: None)
    monkeypatch.setattr(checkpoints, "restore", lambda *_: Progress(step=150))
    monkeypatch.setattr(checkpoints, "write", lambda *arguments: arguments[-1])

    async def story() -> None:
        service = SageMaker(cloud, default_delivery=DeliveryFaults.parse(""), default_lifecycle="Training=0.6")
        created = await ask(service, "CreateTrainingJob", jobs.request(CheckpointConfig={"S3Uri": "s3://b/c/"}))
        assert created[0] == 200
        await asyncio.sleep(0.7)

    asyncio.run(story())
    assert list(cloud.printed.values()) == [
        ["Resuming from checkpoint-150", "step 200: loss 0.250", "Saved checkpoint-200", SUCCESS]
    ]


def test_each_start_after_an_interruption_has_a_stream_of_its_own() -> None:
    cloud = RememberingCloud()
    fate = "Starting=0.02 Training=0.05 Interrupted=1 Training=0.05"

    async def story() -> None:
        service = SageMaker(cloud, default_delivery=DeliveryFaults.parse(""), default_lifecycle=fate)
        assert (await ask(service, "CreateTrainingJob", jobs.request()))[0] == 200
        await asyncio.sleep(1.3)

    asyncio.run(story())
    assert list(cloud.printed.values()) == [["Training from the beginning"], ["Training from the beginning", SUCCESS]]
    assert all(re.fullmatch(r"job-1/algo-1-\d{10}", stream) for stream in cloud.printed)


@pytest.mark.parametrize(
    ("end", "last"),
    [
        ("Failed=AlgorithmError", "sagemaker-training-toolkit ERROR    AlgorithmError: ExecuteUserScriptError:"),
        ("Failed=InternalServerError", "Training from the beginning"),
        ("Stopping=0.02 Uploading=0.02 MaxWaitTimeExceeded", "Training from the beginning"),
    ],
)
def test_a_job_that_does_not_complete_reports_no_success(end: str, last: str) -> None:
    cloud = RememberingCloud()

    async def story() -> None:
        service = SageMaker(cloud, default_delivery=DeliveryFaults.parse(""), default_lifecycle=f"Training=0.05 {end}")
        request = jobs.request(
            EnableManagedSpotTraining=True, StoppingCondition={"MaxRuntimeInSeconds": 60, "MaxWaitTimeInSeconds": 60}
        )
        assert (await ask(service, "CreateTrainingJob", request))[0] == 200
        await asyncio.sleep(0.3)

    asyncio.run(story())
    assert [lines[-1] for lines in cloud.printed.values()] == [last]


def test_jobs_without_a_lifecycle_tag_have_the_accounts_lifecycle() -> None:
    cloud = RememberingCloud()

    async def story() -> None:
        service = SageMaker(
            cloud, default_delivery=DeliveryFaults.parse(""), default_lifecycle="Pending=9 / Starting=9"
        )
        own = [{"Key": "local:lifecycle", "Value": "Updating=9"}]
        later = [{"Key": "respot:attempt", "Value": "2"}]
        for name, tags in (("plain", None), ("own", own), ("later", later)):
            await ask(service, "CreateTrainingJob", jobs.request(TrainingJobName=name, Tags=tags))
        await asyncio.sleep(0.05)

    asyncio.run(story())
    assert cloud.statuses == ["Pending", "Updating", "Starting"]
