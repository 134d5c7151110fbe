"""A training job: the values that describe it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from respot.jobs.drill_names import DRILL_PREFIX
from respot.jobs.type_lists import join_types

DEFAULT_MAX_RUNTIME: Final = timedelta(days=1)
"""SageMaker's default for MaxRuntimeInSeconds."""


class Market(StrEnum):
    """How the instances are bought."""

    SPOT = "spot"
    ON_DEMAND = "on-demand"


class Owner(StrEnum):
    """Systems that create jobs, each with its own rules for retries."""

    TUNING = "tuning job"
    AUTOML = "AutoML job"
    LABELING = "labeling job"
    PIPELINE = "pipeline execution"
    STEP_FUNCTIONS = "Step Functions execution"
    BATCH = "AWS Batch job"
    ACK = "Kubernetes (ACK) resource"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """The owner of a job that no person submitted.

    Attributes:
        owner: the kind of owner.
        identifier: its ARN or name, as far as the job shows it.
    """

    owner: Owner
    identifier: str


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class JobId:
    """A job's identity. A name can be used again after its job was deleted; the creation time distinguishes the jobs.

    Attributes:
        region: AWS region.
        name: TrainingJobName, unique in account and region among existing jobs.
        created: CreationTime, UTC, to the millisecond.
    """

    region: str
    name: str
    created: datetime

    @property
    def is_drill(self) -> bool:
        """Whether it belongs to a drill and does not exist in SageMaker."""
        return self.name.startswith(DRILL_PREFIX)

    def __str__(self) -> str:
        return f"{self.region}/{self.name} (created {self.created:%Y-%m-%d %H:%M:%S}Z)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A job's change to a SecondaryStatus. The job keeps this status until the next transition starts.

    It has no StatusMessage: SageMaker changes that within a transition, and what is seen depends on when one asks.

    Attributes:
        status: SecondaryStatus (an open vocabulary).
        started: UTC, to the millisecond.
        provisional: known only from an event, because the job could not be described any more.
        ended_as: the TrainingJobStatus of the job that ended in this status (`Deleting` if it was first seen then).
            `None` while nothing shows that the job ended in it. Comparisons ignore it.
    """

    status: str
    started: datetime
    provisional: bool = False
    ended_as: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobState:
    """What is known of a job at one moment; `None` means "not known", never "no".

    Attributes:
        job: which job.
        arn: its ARN.
        status: TrainingJobStatus.
        secondary_status: SecondaryStatus.
        last_modified: when SageMaker last changed the job; orders snapshots.
        status_message: SageMaker's text on the current transition.
        failure_reason: FailureReason.
        training_started: TrainingStartTime, when the first instances were ready.
        training_ended: TrainingEndTime.
        market: spot or on-demand.
        instance_type: for example `ml.g5.2xlarge`. Of a list it is the type that SageMaker has chosen.
        preferred_types: the list that the job was created with, in order; `None` also for a job without one.
        instance_count: number of instances.
        max_runtime: StoppingCondition.MaxRuntimeInSeconds.
        max_wait: StoppingCondition.MaxWaitTimeInSeconds (spot only).
        max_pending: StoppingCondition.MaxPendingTimeInSeconds (accelerated instance types only).
        checkpoint_uri: CheckpointConfig.S3Uri.
        training_time: TrainingTimeInSeconds.
        billable_time: BillableTimeInSeconds.
        parent: the owner, if no person submitted the job.
        tags: the job's tags.
        role_arn: the role that the job runs as.
        algorithm: AlgorithmName, if the job has an algorithm instead of an image.
        image: TrainingImage.
        described: `True` once SageMaker has described the job: it then has no member that is still `None`, tags aside.
            Events say only some of them.
    """

    job: JobId
    arn: str
    status: str
    secondary_status: str
    last_modified: datetime
    status_message: str | None = None
    failure_reason: str | None = None
    training_started: datetime | None = None
    training_ended: datetime | None = None
    market: Market | None = None
    instance_type: str | None = None
    preferred_types: tuple[str, ...] | None = None
    instance_count: int | None = None
    max_runtime: timedelta | None = None
    max_wait: timedelta | None = None
    max_pending: timedelta | None = None
    checkpoint_uri: str | None = None
    training_time: timedelta | None = None
    billable_time: timedelta | None = None
    parent: Parent | None = None
    tags: Mapping[str, str] | None = None
    role_arn: str | None = None
    algorithm: str | None = None
    image: str | None = None
    described: bool | None = None

    @property
    def is_located(self) -> bool:
        """Whether it is known where the job writes checkpoints, or that it writes none."""
        return self.checkpoint_uri is not None or self.described is True

    @property
    def requested_type(self) -> str | None:
        """The instance type that was asked for, or the list as one text."""
        return join_types(self.preferred_types) if self.preferred_types else self.instance_type


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSnapshot:
    """What one Describe or one event shows of a job.

    Attributes:
        state: the current state.
        history: all transitions so far, oldest first (for an event: only its own).
        start_known: whether the transitions' times are their starts. An event may only show that the job had a status
            then.
    """

    state: JobState
    history: tuple[Transition, ...]
    start_known: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """What the ledger has on a job.

    Attributes:
        state: the state; `None` if the job is unknown.
        version: counts the writes of the state; 0 if there is none.
        transitions: all recorded transitions, oldest first.
    """

    state: JobState | None = None
    version: int = 0
    transitions: tuple[Transition, ...] = field(default=())


def at_milliseconds(moment: datetime) -> datetime:
    """The moment in UTC, rounded to milliseconds, the precision of SageMaker's own times."""
    rounded = moment.astimezone(UTC) + timedelta(microseconds=500)
    return rounded.replace(microsecond=rounded.microsecond // 1000 * 1000)


def savings_percent(*, training: timedelta | None, billable: timedelta | None) -> float | None:
    """`(1 - BillableTimeInSeconds / TrainingTimeInSeconds) * 100`; `None` if either is unknown or training is 0.

    Source: "Managed Spot Training in Amazon SageMaker", Amazon SageMaker Developer Guide: 100 and 500 give 80 %.
    Not in money: a table of prices goes out of date, and is wrong for every account with a discount.
    """
    if training is None or billable is None or not training:
        return None
    return (training - billable) / training * 100


def nobody(_job: JobId) -> None:
    """A listener that does nothing."""
