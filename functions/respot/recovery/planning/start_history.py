"""What starting has taken earlier jobs, as the ledger knows it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from respot.jobs.job import JobId, JobState, Market, Transition
from respot.jobs.lifecycle import DELETING, STOPPING, TRAINING, WAITING, is_end

MOST_SAMPLES: Final = 100
"""Only the newest count: images, data and capacity change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartSample:
    """One measurement of an earlier job.

    Attributes:
        took: how long it took.
        seen: when it was over.
    """

    took: timedelta
    seen: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StartHistory:
    """The newest measurements that count for a run, one for each job; empty where the ledger knows none.

    Attributes:
        overheads: from getting instances to training, for jobs with the run's image on its on-demand instance type.
        on_demand_waits: from the beginning of the wait to getting instances, for on-demand jobs of that type.
    """

    overheads: tuple[StartSample, ...] = ()
    on_demand_waits: tuple[StartSample, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StartPool:
    """The jobs whose measurements are comparable.

    Attributes:
        region: where they run.
        instance_type: on what.
        image: their image, or algorithm. `None`: what is measured is their wait for on-demand capacity.
    """

    region: str
    instance_type: str
    image: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredStart:
    """What one job adds to the history of a pool.

    Attributes:
        job: the job.
        pool: the pool.
        sample: of several starts, the longest one.
    """

    job: JobId
    pool: StartPool
    sample: StartSample


def measured_starts(state: JobState, transitions: Sequence[Transition]) -> Iterator[MeasuredStart]:
    """What a job that has ended adds to the history; nothing if it got no instances, or its times are not exact."""
    region, instance_type, image = state.job.region, state.instance_type, state.image or state.algorithm
    if instance_type is None or any(each.provisional for each in transitions):
        return
    overhead = max(overheads(transitions), key=lambda each: each.took, default=None)
    if image and overhead:
        pool = StartPool(region=region, instance_type=instance_type, image=image)
        yield MeasuredStart(job=state.job, pool=pool, sample=overhead)
    wait = _first_wait(transitions) if state.market is Market.ON_DEMAND else None
    if wait:
        pool = StartPool(region=region, instance_type=instance_type, image=None)
        yield MeasuredStart(job=state.job, pool=pool, sample=wait)


def overheads(transitions: Sequence[Transition]) -> Iterator[StartSample]:
    """Each time from getting instances to training."""
    launched: datetime | None = None
    for transition, following in pairwise(transitions):
        if transition.status in WAITING or transition.status == TRAINING:
            launched = None
            continue
        launched = launched or transition.started
        if following.status == TRAINING:
            yield StartSample(took=following.started - launched, seen=following.started)


def _first_wait(transitions: Sequence[Transition]) -> StartSample | None:
    """From the first status, if the job waits in it, until the job has instances."""
    got = next((each for each in transitions if each.status not in WAITING), None)
    if got is None or got is transitions[0] or is_end(got) or got.status in {STOPPING, DELETING}:
        return None
    return StartSample(took=got.started - transitions[0].started, seen=got.started)
