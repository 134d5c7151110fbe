"""Messages that name a job: those of the recovery queue and of the due alerts queue."""

import json
from datetime import datetime

from respot.errors import MalformedMessageError
from respot.jobs.job import JobId, at_milliseconds


def write_message(job: JobId) -> str:
    """The message that names this job."""
    return json.dumps({"region": job.region, "name": job.name, "created": job.created.isoformat()})


def read_message(body: str) -> JobId:
    """The job of a message.

    Raises:
        MalformedMessageError: it has another format.
    """
    try:
        values = json.loads(body)
        created = at_milliseconds(datetime.fromisoformat(values["created"]))
        return JobId(region=str(values["region"]), name=str(values["name"]), created=created)
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        message = f"not a message that names a job: {error}"
        raise MalformedMessageError(message) from error
