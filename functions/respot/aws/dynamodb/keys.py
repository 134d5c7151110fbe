"""The ledger's keys. The module loads little: functions that only read keys import it, too."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

from respot.jobs.formatting import iso
from respot.jobs.job import JobId
from respot.schema import (
    ATTEMPT_NAME_PARTITION,
    DIGEST_PARTITION,
    JOB_PARTITION,
    POOL_PARTITION,
    REFUSAL_PARTITION,
    RUN_PARTITION,
    RUN_SUMMARY_PARTITION,
    START_PARTITION,
    SWEEP_PARTITION,
    WEEKLY_PARTITION,
    WRITER_PARTITION,
)

if TYPE_CHECKING:
    from respot.alerting.digest.digest import CapacityPool, DigestWindow
    from respot.alerting.weekly.week import Week
    from respot.jobs.job import Transition
    from respot.recovery.planning.run import RunId
    from respot.recovery.planning.start_history import StartPool

_MILLISECOND: Final = timedelta(milliseconds=1)
_EPOCH: Final = datetime.fromtimestamp(0, tz=UTC)

# The sort keys of a job's partition; alerts have others (`alerts.alert_key`).
STATE_KEY: Final = "state"
TRANSITION_KEY: Final = "transition#"
"""How the sort keys of transitions begin."""
DECISION_KEY: Final = "decision"
"""Of the one decision on a job that has ended."""
OUTCOME_KEY: Final = "outcome"
"""Of the one outcome of a decision to resubmit."""
NOTICE_KEY: Final = "notice"
"""With `#<kind>`: of the notice that a job could not be decided on."""
NEXT_STEP_KEY: Final = "next-step"
"""Of what is to happen about a job; the latest replaces the one before."""
STOP_INTENT_KEY: Final = "giving-up"
"""Of the intent to stop a job that waits too long; a newer one replaces it."""
CREATION_INTENT_KEY: Final = "creation#"
"""How the sort keys of the placements begin for which a creation was called; a hash follows."""

# Those of other partitions.
WINDOW_KEY: Final = "window"
"""Of a pool's latest window."""
DIGEST_KEY: Final = "digest"
"""Of a window's digest, next to its entries."""
WEEKLY_KEY: Final = "digest"
"""Of a week's digest, the only item of its partition."""
WRITER_KEY: Final = "writer"
"""Of a checkpoint location's reservation."""
RUN_SUMMARY_KEY: Final = "summary"
"""Of a run's state."""
SWEEP_KEY: Final = "sweep"
"""Of a sweep's progress."""


def partition_of(job: JobId) -> str:
    """The partition of everything about a job."""
    return f"{JOB_PARTITION}{job.region}#{job.name}#{(job.created - _EPOCH) // _MILLISECOND}"


def job_of(partition: str) -> JobId:
    """The job whose partition this is.

    Raises:
        ValueError: it is no job's partition.
        OverflowError: its creation is no time.
    """
    kind, region, name, created = partition.split("#")
    if f"{kind}#" != JOB_PARTITION:
        message = f"{partition!r:.100} is no job's partition"
        raise ValueError(message)
    return JobId(region=region, name=name, created=_EPOCH + int(created) * _MILLISECOND)


def transition_key(transition: Transition) -> str:
    """The sort key of a transition."""
    return f"{TRANSITION_KEY}{iso(transition.started)}#{transition.status}"


def run_partition(run: RunId) -> str:
    """The partition of a run's attempts."""
    return f"{RUN_PARTITION}{run}"


def run_summary_partition(run: RunId) -> str:
    """The partition of a run's summary: readers of a run's attempts do not meet it."""
    return f"{RUN_SUMMARY_PARTITION}{run}"


def attempt_key(number: int) -> str:
    """The sort key of an attempt; attempts sort by number."""
    return f"attempt#{number:04}"


def attempt_name_partition(region: str, name: str) -> str:
    """The partition of the attempts that were planned under a job name."""
    return f"{ATTEMPT_NAME_PARTITION}{region}#{name}"


def attempt_name_key(run: RunId, number: int) -> str:
    """The sort key of an attempt under its job name: a name that is used again may be planned by two runs."""
    return f"{run}#{attempt_key(number)}"


def reservation_partition(location: str) -> str:
    """The partition of a location's writer: a hash, because a location may be longer than a key."""
    return f"{WRITER_PARTITION}{hashlib.sha256(location.encode()).hexdigest()}"


def refusal_partition(region: str) -> str:
    """The partition of what SageMaker lately refused in a region."""
    return f"{REFUSAL_PARTITION}{region}"


def start_partition(pool: StartPool) -> str:
    """The partition of what starting took a pool's jobs: a hash, as others choose the image's name."""
    named = json.dumps([pool.region, pool.instance_type, pool.image])
    return f"{START_PARTITION}{hashlib.sha256(named.encode()).hexdigest()}"


def start_key(job: JobId) -> str:
    """The sort key of what a job adds to a pool's history: the jobs created last come last."""
    return f"{iso(job.created)}#{hashlib.sha256(partition_of(job).encode()).hexdigest()}"


def pool_partition(pool: CapacityPool) -> str:
    """The partition of a pool's latest window."""
    return f"{POOL_PARTITION}{pool.key}"


def digest_partition(window: DigestWindow) -> str:
    """The partition of a window's entries and its digest."""
    return f"{DIGEST_PARTITION}{window.id}"


def weekly_partition(week: Week) -> str:
    """The partition of a week's digest."""
    return f"{WEEKLY_PARTITION}{week.id}"


def sweep_partition(scope: str) -> str:
    """The partition of a sweep's progress."""
    return f"{SWEEP_PARTITION}{scope}"


def region_and_name(region: str, name: str) -> str:
    """The key of the index `by-name`."""
    return f"{region}#{name}"
