"""What Respot's queues carry in this world."""

import json
from dataclasses import dataclass

from respot.jobs.job import JobId
from respot.queueing import QueueMessage
from respot.recording.observation import SweepObservation, write_recheck
from tests.support.builders import CREATED, event, job_id, milliseconds
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
    """The event of the job's present transition."""
    state = fake.state
    started = milliseconds(fake.transitions[-1].started)
    body = event(
        *(state.secondary_status, 0),
        job=state.job,
        TrainingJobStatus=state.status,
        FailureReason=state.failure_reason,
        LastModifiedTime=milliseconds(state.last_modified),
        SecondaryStatusTransitions=[{"Status": state.secondary_status, "StartTime": started}],
        Tags=fake.tags,
    )
    return json.dumps(body)


def recheck_of(name: str) -> str:
    """A reason to check a job, without its state, as a sweep gives."""
    return json.dumps(event(job=job_id(name)) | {"detail": {"TrainingJobName": name}})


def recheck_of_missing(job: JobId) -> str:
    """A sweep's reason to check a job that it misses."""
    return write_recheck(
        SweepObservation(
            region=job.region, name=job.name, watched_since=job.created, event_due_by=job.created, unlisted=job.created
        )
    )
