"""Events are those of the example payloads, to the field."""

import json
from typing import Any

import pytest

from local.sagemaker import answers, lifecycle
from local.sagemaker.job import Job
from tests.local.jobs import CREATED, job
from tests.support.builders import EVENTS

# The stories behind the payloads, to the millisecond.
STORIES = {
    "s1": "Starting=250.074 Downloading=140.037 Training=5610.037 Uploading=60.037",
    "s2": (
        "Starting=250.074 Downloading=140.037 Training=3330.037 Interrupted=40.037 Starting=1700.037 "
        "Downloading=140.037 Training=2800.037 Uploading=60.037"
    ),
    "s3": (
        "Starting=250.074 Downloading=140.037 Training=3330.037 Interrupted=40.037 Starting=5300.037 "
        "Downloading=140.037 Training=2800.037 Interrupted=7260.037 Downloading=120.037 Training=2225.037 "
        "Stopping=25.037 MaxWaitTimeExceeded"
    ),
    "s4": "Starting=21605.074 Stopping=15.037 MaxWaitTimeExceeded",
    "v1": (
        "Starting=20.074 Starting=160.037 Starting=5587.074 Downloading=176.037 Training=9338.037 Stopping=5.037 "
        "Uploading=13.037 MaxWaitTimeExceeded"
    ),
    "v3": "Starting=1800.074 Failed=CapacityError",
}
_ASKED_FOR = (
    "TrainingJobName",
    "HyperParameters",
    "AlgorithmSpecification",
    "RoleArn",
    "InputDataConfig",
    "OutputDataConfig",
    "ResourceConfig",
    "StoppingCondition",
    "EnableManagedSpotTraining",
    "CheckpointConfig",
)


def payloads(story: str) -> list[dict[str, Any]]:
    # No one knows what SageMaker says of an interruption; the payloads say that in their text.
    texts = [path.read_text() for path in sorted(EVENTS.glob(f"{story}_*.json"))]
    return [json.loads(text.replace("UNCONFIRMED TEXT: spot", "Spot"))["detail"] for text in texts]


def job_of(detail: dict[str, Any], script: str) -> Job:
    return Job(
        arn=detail["TrainingJobArn"],
        request=answers.with_defaults({name: detail[name] for name in _ASKED_FOR}),
        tags=detail["Tags"],
        created=CREATED,
        lifecycle=lifecycle.parse(script),
    )


@pytest.mark.parametrize("story", STORIES)
def test_events_equal_the_examples_in_keys_order_types_and_values(story: str) -> None:
    expected = payloads(story)
    if story == "v1":
        del expected[3]  # the script cannot say when instances are found; see test_lifecycle
    of_story = job_of(expected[-1], STORIES[story])
    sent = [
        answers.event(of_story, position)
        for position, moment in enumerate(of_story.lifecycle.moments)
        if moment.announced and moment.message != "Preparing the instances for training"
    ]
    if story == "v3":
        del sent[0]  # the example has the last event only
    assert [json.dumps(detail, indent=1) for detail in sent] == [json.dumps(detail, indent=1) for detail in expected]


@pytest.mark.parametrize("story", ["s1", "s2", "s3", "s4"])
def test_describe_has_the_members_and_the_history_of_the_example(story: str) -> None:
    example = json.loads((EVENTS / f"describe_{story}_final.json").read_text())
    of_story = job_of(payloads(story)[-1], STORIES[story])
    answer = answers.describe(of_story, of_story.due(-1))
    assert answer.keys() == example.keys()
    assert [entry["Status"] for entry in answer["SecondaryStatusTransitions"]] == [
        entry["Status"] for entry in example["SecondaryStatusTransitions"]
    ]
    same = example.keys() - {"SecondaryStatusTransitions", "TrainingTimeInSeconds", "BillableTimeInSeconds"}
    same -= {name for name in same if name.endswith("Time")}
    assert {name: answer[name] for name in same} == {name: example[name] for name in same}


def test_each_change_of_message_has_an_event_with_the_same_start() -> None:
    of_story = job("Starting=1 Starting=1 Starting=5 Downloading=1")
    starting = [answers.event(of_story, position) for position in range(3)]
    entries = [detail["SecondaryStatusTransitions"][0] for detail in starting]
    assert {entry["StartTime"] for entry in entries} == {round(CREATED.timestamp() * 1000)}
    assert len({entry["StatusMessage"] for entry in entries}) == 3
    assert [detail["LastModifiedTime"] - entries[0]["StartTime"] for detail in starting] == [37, 1000, 2000]


def test_a_deleted_job_keeps_its_secondary_status() -> None:
    detail = answers.deletion(job("Starting=1 MaxWaitTimeExceeded"), CREATED)
    assert (detail["TrainingJobStatus"], detail["SecondaryStatus"]) == ("Deleting", "MaxWaitTimeExceeded")
