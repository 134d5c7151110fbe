"""When checkpoints are written, and which one a job starts from."""

import json
from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws
from mypy_boto3_s3 import S3Client

from local.sagemaker import checkpoints
from local.sagemaker.checkpoints import CheckpointError, Progress

URI = "s3://ml-bucket/checkpoints/run-1/"


@pytest.fixture(name="s3")
def s3_with_a_bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Client]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    with mock_aws():
        client = boto3.client("s3", region_name="us-east-1")
        client.create_bucket(Bucket="ml-bucket")
        yield client


def trained(s3: S3Client, job: str, times: int) -> Progress:
    progress = checkpoints.restore(s3, URI)
    for _ in range(times):
        progress = progress.after(job)
        checkpoints.write(s3, URI, job, progress)
    return progress


@pytest.mark.parametrize(
    ("seconds", "speed", "expected"),
    [(0.3, 1, 0), (0.5, 1, 1), (0.8, 1, 1), (1.3, 1, 3), (3, 1, 7), (1.5, 2, 7)],
)
def test_checkpoints_are_written_regularly_but_not_at_the_very_end(seconds: float, speed: float, expected: int) -> None:
    times = checkpoints.times(seconds, speed)
    assert len(times) == expected
    assert all(time < seconds for time in times)


def test_an_empty_prefix_starts_from_scratch(s3: S3Client) -> None:
    assert checkpoints.restore(s3, URI) == Progress()


def test_the_next_job_goes_on_where_the_last_one_left_off(s3: S3Client) -> None:
    trained(s3, "job-1", 11)
    progress = trained(s3, "job-2", 2)
    assert progress.step == 13 * checkpoints.STEPS
    steps = [(entry["from_step"], entry["to_step"]) for entry in progress.history]
    assert steps == [(n * checkpoints.STEPS, (n + 1) * checkpoints.STEPS) for n in range(13)]
    assert [entry["trained_by"] for entry in progress.history] == ["job-1"] * 11 + ["job-2"] * 2


def test_an_incomplete_checkpoint_is_passed_over(s3: S3Client) -> None:
    last = trained(s3, "job-1", 2)
    s3.delete_object(Bucket="ml-bucket", Key=f"checkpoints/run-1/checkpoint-{last.step}/optimizer.pt")
    assert checkpoints.restore(s3, URI).step == last.step - checkpoints.STEPS


def test_a_checkpoint_of_someone_elses_is_taken_with_its_step(s3: S3Client) -> None:
    for name in ("model.safetensors", "optimizer.pt", "trainer_state.json"):
        s3.put_object(Bucket="ml-bucket", Key=f"checkpoints/run-1/checkpoint-1234/{name}", Body=b"?")
    assert checkpoints.restore(s3, URI) == Progress(step=1234)


def test_two_jobs_that_train_the_same_steps_leave_two_traces(s3: S3Client) -> None:
    progress = Progress().after("job-1")
    checkpoints.write(s3, URI, "job-1", progress)
    checkpoints.write(s3, URI, "job-2", Progress().after("job-2"))
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket="ml-bucket")["Contents"]]
    assert [key for key in keys if "trained-by" in key] == [
        "checkpoints/run-1/checkpoint-50/trained-by-job-1.json",
        "checkpoints/run-1/checkpoint-50/trained-by-job-2.json",
    ]


def test_the_state_is_readable_as_the_hugging_face_trainers(s3: S3Client) -> None:
    trained(s3, "job-1", 1)
    body = s3.get_object(Bucket="ml-bucket", Key="checkpoints/run-1/checkpoint-50/trainer_state.json")["Body"].read()
    assert json.loads(body) == {
        "global_step": 50,
        "log_history": [{"trained_by": "job-1", "from_step": 0, "to_step": 50}],
    }


def test_a_missing_bucket_is_a_client_error(s3: S3Client) -> None:
    with pytest.raises(CheckpointError, match=r"^ClientError: .*NoSuchBucket"):
        checkpoints.restore(s3, "s3://no-bucket/checkpoints/")
