"""Events are those of the example payloads, to the field."""

import json
from pathlib import Path
from typing import Any

import pytest

from local.sagemaker import answers, events, lifecycle
from local.sagemaker.job import Job
from tests.unit.local.jobs import CREATED, job

PAYLOADS = Path(__file__).parent / "payloads"
# What each of the payloads shows, in the seconds of its story.
STORIES = {
    "s3_12_maxwaittimeexceeded": (
        (
            "Starting=250.074 Downloading=140.037 Training=3330.037 Interrupted=40.037 Starting=5300.037 "
            "Downloading=140.037 Training=2800.037 Interrupted=7260.037 Downloading=120.037 Training=2225.037 "
            "Stopping=25.037 MaxWaitTimeExceeded"
        ),
        -1,
    ),
    "s4_01_starting": ("Starting=21605.074 Stopping=15.037 MaxWaitTimeExceeded", 0),
    "v3_failed_capacityerror": ("Starting=1800.074 Failed=CapacityError", -1),
    "v1_multi_event_same_status_08_uploading": (
        "Starting=5767.185 Downloading=176.037 Training=9338.037 Stopping=5.037 Uploading=13.037 MaxWaitTimeExceeded",
        -2,
    ),
}


def payload(name: str) -> dict[str, Any]:
    detail: dict[str, Any] = json.loads((PAYLOADS / f"{name}.json").read_text())
    return detail


def told_by(detail: dict[str, Any], script: str) -> Job:
    asked = ("TrainingJobName", "HyperParameters", "AlgorithmSpecification", "RoleArn", "InputDataConfig")
    more = ("OutputDataConfig", "ResourceConfig", "StoppingCondition", "EnableManagedSpotTraining", "CheckpointConfig")
    new = Job(
        arn=detail["TrainingJobArn"],
        request=answers.with_defaults({name: detail[name] for name in (*asked, *more)}),
        tags=detail["Tags"],
        created=CREATED,
        moments=(),
    )
    return new.planned(lifecycle.parse(script))


@pytest.mark.parametrize("name", STORIES)
def test_an_event_equals_the_example_in_keys_order_types_and_values(name: str) -> None:
    expected = payload(name)
    script, position = STORIES[name]
    told = told_by(expected, script)
    detail = events.detail(told, position % len(told.moments))
    assert json.dumps(detail, indent=1) == json.dumps(expected, indent=1)


def test_each_change_of_message_has_an_event_with_the_same_start() -> None:
    told = job("Starting=1 Starting=1 Starting=5 Downloading=1")
    starting = [events.detail(told, position) for position in range(3)]
    entries = [detail["SecondaryStatusTransitions"][0] for detail in starting]
    assert {entry["StartTime"] for entry in entries} == {round(CREATED.timestamp() * 1000)}
    assert len({entry["StatusMessage"] for entry in entries}) == 3
    assert [detail["LastModifiedTime"] - entries[0]["StartTime"] for detail in starting] == [37, 1000, 2000]


def test_a_deleted_job_keeps_its_secondary_status() -> None:
    detail = events.deleting(job("Starting=1 MaxWaitTimeExceeded"), CREATED)
    assert (detail["TrainingJobStatus"], detail["SecondaryStatus"]) == ("Deleting", "MaxWaitTimeExceeded")
