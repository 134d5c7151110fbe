"""What Respot's queues carry in this world."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from respot.jobs.job import JobId
from respot.queueing import QueueMessage
from respot.recording.observation import SweepObservation, write_recheck
from tests.support.builders import ACCOUNT, CREATED, REGION, arn_of, milliseconds
from tests.support.fake_sagemaker import FakeJob


@dataclass(slots=True)
class Message:
    """A message of a queue."""

    body: str
    received: int = 0


def delivery_of(identifier: str, message: Message) -> QueueMessage:
    return QueueMessage(
        id=identifier, receipt_handle=identifier, body=message.body, receive_count=message.received, sent=CREATED
    )


def event_of(fake: FakeJob) -> str:
    state, transition = fake.state, fake.transitions[-1]
    detail = {
        "TrainingJobName": state.job.name,
        "TrainingJobArn": state.arn,
        "TrainingJobStatus": state.status,
        "SecondaryStatus": state.secondary_status,
        "FailureReason": state.failure_reason,
        "CreationTime": milliseconds(state.job.created),
        "LastModifiedTime": milliseconds(state.last_modified),
        "SecondaryStatusTransitions": [
            {"Status": state.secondary_status, "StartTime": milliseconds(transition.started)}
        ],
        "Tags": fake.tags,
    }
    return _envelope(state.job.name, detail)


def recheck_of(name: str) -> str:
    """A reason to check a job, without its state, as a sweep gives."""
    return _envelope(name, {"TrainingJobName": name})


def recheck_of_missing(job: JobId) -> str:
    """A sweep's reason to check a job that it misses."""
    return write_recheck(
        SweepObservation(
            region=job.region, name=job.name, watched_since=job.created, event_due_by=job.created, unlisted=job.created
        )
    )


def _envelope(name: str, detail: Mapping[str, Any]) -> str:
    return json.dumps(
        {
            "detail-type": "SageMaker Training Job State Change",
            "source": "aws.sagemaker",
            "account": ACCOUNT,
            "region": REGION,
            "resources": [arn_of(name)],
            "detail": detail,
        }
    )
