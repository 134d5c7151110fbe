"""The recovery queue's messages: each names a job that has ended."""

import json
from datetime import datetime

from respot.domain.job import JobId, at_milliseconds
from respot.errors import MalformedObservationError


def write_message(job: JobId) -> str:
    """The message that has an ended job recovered."""
    return json.dumps({"region": job.region, "name": job.name, "created": job.created.isoformat()})


def read_message(body: str) -> JobId:
    """The job of a message.

    Raises:
        MalformedObservationError: it is no such message.
    """
    try:
        values = json.loads(body)
        created = at_milliseconds(datetime.fromisoformat(values["created"]))
        return JobId(region=str(values["region"]), name=str(values["name"]), created=created)
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
        message = f"not a message of the recovery queue: {error}"
        raise MalformedObservationError(message) from error
