"""A job's state as a function of time."""

import itertools

import pytest

from local.sagemaker import answers
from tests.local.jobs import after, job


def statuses(script: str, seconds: float) -> tuple[str, ...]:
    return tuple(entry["Status"] for entry in job(script).at(after(seconds))["SecondaryStatusTransitions"])


def test_the_history_grows_with_time() -> None:
    script = "Starting=10 Downloading=5 Training=20 Uploading=5"
    assert statuses(script, 0) == ("Starting",)
    assert statuses(script, 12) == ("Starting", "Downloading")
    assert statuses(script, 40) == ("Starting", "Downloading", "Training", "Uploading", "Completed")


def test_history_is_contiguous_and_a_terminal_entry_has_no_length() -> None:
    transitions = job("interrupted-twice-max-wait").at(after(60))["SecondaryStatusTransitions"]
    for earlier, later in itertools.pairwise(transitions):
        assert earlier["EndTime"] == later["StartTime"]
    assert transitions[-1]["EndTime"] == transitions[-1]["StartTime"]


@pytest.mark.parametrize(
    ("seconds", "message"),
    [
        (0, "Starting the training job"),
        (2, "Launching requested ML instances"),
        (9, "Insufficient capacity error from EC2 while launching instances, retrying!"),
        (95, "Preparing the instances for training"),
    ],
)
def test_messages_of_one_status_collapse_into_one_entry_and_the_last_wins(seconds: float, message: str) -> None:
    state = job("Starting=1 Starting=5 Starting=94 Training=5").at(after(seconds))
    assert [entry["StatusMessage"] for entry in state["SecondaryStatusTransitions"]] == [message]
    assert state["SecondaryStatusTransitions"][0]["StartTime"] == after(0)


def test_a_new_job_is_touched_once_more_after_its_creation() -> None:
    assert job("Starting=10").at(after(1))["LastModifiedTime"] == after(0.037)


def test_uploading_counts_as_in_progress_even_after_stopping() -> None:
    fate = job("Starting=1 Training=1 Stopping=1 Uploading=1 MaxWaitTimeExceeded")
    assert [fate.at(after(second))["TrainingJobStatus"] for second in (0.5, 1.5, 2.5, 3.5, 4.5)] == [
        "InProgress",
        "InProgress",
        "Stopping",
        "InProgress",
        "Stopped",
    ]


def test_training_time_runs_and_billable_time_is_known_at_the_end() -> None:
    fate = job("Starting=10 Downloading=5 Training=20 Uploading=5")
    assert fate.at(after(9))["TrainingTimeInSeconds"] is None
    running = fate.at(after(20))
    assert (running["TrainingTimeInSeconds"], running["BillableTimeInSeconds"]) == (10, None)
    over = fate.at(after(99))
    assert (over["TrainingTimeInSeconds"], over["BillableTimeInSeconds"]) == (30, 11)


def test_an_on_demand_job_pays_for_all_of_its_training_time() -> None:
    fate = job("Starting=10 Training=30", EnableManagedSpotTraining=False)
    assert fate.at(after(99))["BillableTimeInSeconds"] == 30


def test_a_job_that_never_launched_has_neither_times_nor_artifacts() -> None:
    state = job("never-launched").at(after(60))
    times = ("TrainingStartTime", "TrainingEndTime", "TrainingTimeInSeconds", "BillableTimeInSeconds")
    assert [state[name] for name in (*times, "ModelArtifacts")] == [None] * 5


def test_a_job_that_failed_before_it_launched_has_an_end() -> None:
    state = job("Starting=5 Failed=CapacityError").at(after(60))
    assert state["TrainingStartTime"] is None
    assert state["TrainingEndTime"] == after(5)
    assert state["FailureReason"].startswith("CapacityError: ")


def test_training_starts_with_the_first_download() -> None:
    state = job("Starting=1 Downloading=1 Training=1 Interrupted=1 Starting=9").at(after(5))
    assert state["TrainingStartTime"] == after(1)


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        (5, ("Starting", "Stopping", "Stopped")),
        (12, ("Starting", "Downloading", "Stopping", "Stopped")),
        (20, ("Starting", "Downloading", "Training", "Stopping", "Uploading", "Stopped")),
    ],
)
def test_stopping_uploads_what_was_trained(at: float, expected: tuple[str, ...]) -> None:
    stopped = job("Starting=10 Downloading=5 Training=100").stopped(after(at))
    state = stopped.at(after(200))
    assert tuple(entry["Status"] for entry in state["SecondaryStatusTransitions"]) == expected
    assert state["TrainingJobStatus"] == "Stopped"


def test_stopping_does_not_change_the_past() -> None:
    before = job("Starting=10 Downloading=5 Training=100")
    assert before.stopped(after(20)).at(after(19)) == before.at(after(19))


def test_a_job_can_fail_on_the_spot() -> None:
    state = job("Starting=10 Downloading=50").failed(after(12), "ClientError: no bucket").at(after(12))
    assert (state["SecondaryStatus"], state["FailureReason"]) == ("Failed", "ClientError: no bucket")


def test_describe_fills_in_what_sagemaker_fills_in() -> None:
    fate = job(
        "Starting=10",
        InputDataConfig=[{"ChannelName": "training", "DataSource": {}}],
        CheckpointConfig={"S3Uri": "s3://ml-bucket/checkpoints/"},
        DebugHookConfig={"S3OutputPath": "s3://ml-bucket/output"},
        StoppingCondition=None,
        EnableManagedSpotTraining=None,
    )
    answer = answers.describe(fate, after(1))
    assert answer["CheckpointConfig"] == {"S3Uri": "s3://ml-bucket/checkpoints/", "LocalPath": "/opt/ml/checkpoints"}
    assert answer["StoppingCondition"] == {"MaxRuntimeInSeconds": 86400}
    assert answer["InputDataConfig"][0]["CompressionType"] == "None"
    assert answer["OutputDataConfig"]["KmsKeyId"] == ""
    assert answer["DebugHookConfig"]["CollectionConfigurations"] == []
    assert answer["EnableManagedSpotTraining"] is False
    assert "Tags" not in answer
    assert "FailureReason" not in answer
