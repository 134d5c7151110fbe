"""Messages that name a job: of the recovery queue (it has ended, or waits too long), and of the queue of due alerts."""

import json
from datetime import datetime

from respot.errors import MalformedMessageError
from respot.jobs.job import JobId, at_milliseconds


def write_message(job: JobId) -> str:
    """The message that has a job looked after."""
    return json.dumps({"region": job.region, "name": job.name, "created": job.created.isoformat()})


def read_message(body: str) -> JobId:
    """The job of a message.

    Raises:
        MalformedMessageError: it is no such message.
    """
    try:
        values = json.loads(body)
        created = at_milliseconds(datetime.fromisoformat(values["created"]))
        return JobId(region=str(values["region"]), name=str(values["name"]), created=created)
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        message = f"not a message that names a job: {error}"
        raise MalformedMessageError(message) from error
