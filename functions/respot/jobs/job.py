"""One training job: its identity, what is known of it, and the transitions of its life."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from respot.jobs.drill_names import DRILL_PREFIX


class Market(StrEnum):
    """Where the instances come from."""

    SPOT = "spot"
    ON_DEMAND = "on-demand"


class Owner(StrEnum):
    """Who other than a person may have created a job (each creates or retries jobs by rules of its own)."""

    TUNING = "tuning job"
    AUTOML = "AutoML job"
    LABELING = "labeling job"
    PIPELINE = "pipeline execution"
    STEP_FUNCTIONS = "Step Functions execution"
    BATCH = "AWS Batch job"
    ACK = "Kubernetes (ACK) resource"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """The owner of a job that no person submitted by hand.

    Attributes:
        owner: the kind of owner.
        identifier: its ARN or name, as far as the job tells.
    """

    owner: Owner
    identifier: str


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class JobId:
    """A job's identity: a name can be used again once its job was deleted, the creation time tells them apart.

    Attributes:
        region: AWS region.
        name: TrainingJobName, unique in account and region among the jobs that exist.
        created: CreationTime, UTC, to the millisecond.
    """

    region: str
    name: str
    created: datetime

    @property
    def is_drill(self) -> bool:
        """Whether it is a rehearsal's, and no job of SageMaker's."""
        return self.name.startswith(DRILL_PREFIX)

    def __str__(self) -> str:
        return f"{self.region}/{self.name} (created {self.created:%Y-%m-%d %H:%M:%S}Z)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One transition of a job in one SecondaryStatus; it ends where the next one starts.

    It has no StatusMessage: SageMaker changes that within a transition, and what is seen depends on when one asks.

    Attributes:
        status: SecondaryStatus, in SageMaker's own words (an open vocabulary).
        started: UTC, to the millisecond.
        provisional: known from an event alone, since the job could not be described any more.
        ended_as: the TrainingJobStatus of the job that ended in this status (`Deleting` if it was seen no earlier);
            `None` while nothing shows that the job ended in it. It tells no two transitions apart.
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
        last_modified: when SageMaker last changed the job; orders the looks at it.
        status_message: SageMaker's words for the present transition.
        failure_reason: SageMaker's words for a failure.
        training_started: when the first instances were there.
        training_ended: when the job ended.
        market: spot or on-demand.
        instance_type: for example `ml.g5.2xlarge`.
        instance_count: number of instances.
        max_runtime: StoppingCondition.MaxRuntimeInSeconds.
        max_wait: StoppingCondition.MaxWaitTimeInSeconds (spot only).
        max_pending: StoppingCondition.MaxPendingTimeInSeconds (accelerated instance types only).
        checkpoint_uri: CheckpointConfig.S3Uri.
        training_time: TrainingTimeInSeconds.
        billable_time: BillableTimeInSeconds.
        parent: who owns the job, if it is not a person's.
        tags: the job's tags.
        role_arn: the role that the job runs as.
        algorithm: AlgorithmName, of a job that names an algorithm instead of an image.
        image: TrainingImage.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSnapshot:
    """One look at a job.

    Attributes:
        state: what the job is now.
        history: every transition so far, oldest first (of an event: its own transition alone).
        start_known: whether the transitions' times are their starts; an event may only tell that a status was held
            then.
    """

    state: JobState
    history: tuple[Transition, ...]
    start_known: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRecord:
    """What the ledger knows of a job.

    Attributes:
        state: the state; `None` while the job is unknown.
        version: counts the writes of the state; 0 while there is none.
        transitions: all recorded transitions, oldest first.
    """

    state: JobState | None = None
    version: int = 0
    transitions: tuple[Transition, ...] = field(default=())


def at_milliseconds(moment: datetime) -> datetime:
    """The moment in UTC, to the nearest millisecond, the precision of SageMaker's own times."""
    rounded = moment.astimezone(UTC) + timedelta(microseconds=500)
    return rounded.replace(microsecond=rounded.microsecond // 1000 * 1000)


def savings_percent(*, training: timedelta | None, billable: timedelta | None) -> float | None:
    """`(1 - BillableTimeInSeconds / TrainingTimeInSeconds) * 100`; no figure where either is missing or training is 0.

    Source: "Managed Spot Training in Amazon SageMaker", Amazon SageMaker Developer Guide: 100 and 500 give 80 %.
    Not in money: a table of prices goes out of date, and is wrong for every account with a discount.
    """
    if training is None or billable is None or not training:
        return None
    return (training - billable) / training * 100
