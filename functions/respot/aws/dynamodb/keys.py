"""The ledger's keys that name a job or a scope; `respot.schema` has the fixed ones. A reader of keys loads little."""

from datetime import UTC, datetime, timedelta
from typing import Final

from respot.jobs.job import JobId
from respot.schema import JOB_PARTITION, SWEEP_PARTITION

_MILLISECOND: Final = timedelta(milliseconds=1)
_EPOCH: Final = datetime.fromtimestamp(0, tz=UTC)


def partition_of(job: JobId) -> str:
    """The partition key of everything about a job."""
    return f"{JOB_PARTITION}{job.region}#{job.name}#{(job.created - _EPOCH) // _MILLISECOND}"


def job_of(partition: str) -> JobId:
    """The job whose partition this is.

    Raises:
        ValueError: it is no job's partition.
    """
    _, region, name, created = partition.split("#")
    return JobId(region=region, name=name, created=_EPOCH + int(created) * _MILLISECOND)


def sweep_partition(scope: str) -> str:
    """The partition key of a sweep's progress."""
    return f"{SWEEP_PARTITION}{scope}"


def region_and_name(region: str, name: str) -> str:
    """The key of the index `by-name`."""
    return f"{region}#{name}"
