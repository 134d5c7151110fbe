"""What the ledger records of recovery: decisions, attempts, outcomes, notices."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from respot.jobs.job import JobId, Market
from respot.recovery.checkpoints.checkpoint import Checkpoint
from respot.recovery.checkpoints.progress import Reached
from respot.recovery.planning.attempt import Lineage
from respot.recovery.planning.cause import Cause
from respot.recovery.planning.decision import Decision, Placement
from respot.recovery.planning.run import RunId

CREATED_WITHIN: Final = timedelta(minutes=15)
"""So long after an intent a job may still be created: a function runs for 2 minutes, and hosts' clocks differ by 10."""
REMEMBERED_FOR: Final = timedelta(hours=1)
"""For how long a refused creation prevents a stop in favour of the same pool or role."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRecord:
    """The one decision on a job that has ended; never changed.

    Attributes:
        job: the job that ended.
        run: the run it belongs to.
        number: its place in the run.
        decision: what was decided; never WAIT, which is no decision yet.
        decided_at: when.
        checkpoint: what there was to resume from then.
        made_progress: whether the job made progress; `None` if S3 was not asked.
        reached: the highest steps that the run had saved then.
        next_name: the next attempt's job name (RESUBMIT only).
        summary: the decision, in words for people (RESUBMIT only).
    """

    job: JobId
    run: RunId
    number: int
    decision: Decision
    decided_at: datetime
    checkpoint: Checkpoint | None = None
    made_progress: bool | None = None
    reached: Reached = field(default_factory=dict)
    next_name: str | None = None
    summary: str | None = None

    @property
    def next_lineage(self) -> Lineage:
        """Where the next attempt comes from."""
        return Lineage(run=self.run, attempt=self.number + 1, parent=self.job.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRecord:
    """An attempt that Respot has decided on; it makes a job of that name part of a run.

    Attributes:
        run: the run.
        number: its place, from 2.
        region: where it runs.
        name: its job name.
        parent: the attempt before it.
        decided_at: when it was decided on; its job cannot be older.
    """

    run: RunId
    number: int
    region: str
    name: str
    parent: JobId
    decided_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class CreationIntent:
    """A call of CreateTrainingJob that was about to be made.

    Attributes:
        placement: what was asked for.
        at: when, by Respot's clock, as far as SageMaker has not refused it since: the last such call. `None` if it has
            refused all.
    """

    placement: Placement
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LocationReservation:
    """The attempt to which a checkpoint location is reserved: one at a time.

    Attributes:
        location: the location, normalised.
        run: the attempt's run.
        number: its place there.
    """

    location: str
    run: RunId
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What SageMaker refused to create: nothing like it is a reason to stop a job soon.

    Attributes:
        region: where.
        market: spot or on-demand; `None` is both.
        instance_type: for example `ml.g5.2xlarge`; `None` is any.
        resource: what the request has and was refused in any pool, for example the ARN of its role, or a subnet;
            `None` if the refusal is about the pool.
        why: in words an operator reads.
        refused_at: when.
    """

    region: str
    why: str
    refused_at: datetime
    market: Market | None = None
    instance_type: str | None = None
    resource: str | None = None


class OutcomeKind(StrEnum):
    """What became of a decision to resubmit."""

    CREATED = "created"
    FAILED = "failed"
    CANCELLED = "cancelled"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a decision to resubmit; written once.

    Attributes:
        job: the job that ended.
        kind: created, failed for good, cancelled (must not be created any more), or withdrawn (no longer wanted).
        summary: in words an operator reads.
        settled_at: when.
        name: the next attempt's job name.
        arn: its ARN; `None` unless it was created.
        job_created: when SageMaker created the job of that name: the next attempt if `kind` is created, otherwise
            somebody else's job that has the name. `None` if nobody has seen it, and in older records.
        warning: what people should also know.
        cause: what kept the attempt from being created; `None` if it was, and in records of earlier versions.
    """

    job: JobId
    kind: OutcomeKind
    summary: str
    settled_at: datetime
    name: str
    arn: str | None = None
    job_created: datetime | None = None
    warning: str | None = None
    cause: Cause | None = None


class NoticeKind(StrEnum):
    """What people must know of a job's recovery before its outcome; as a rule also the kind of the alert on it."""

    POLICY_INVALID = "policy-invalid"
    POSTPONED = "postponed"
    WAIT_LIMIT_EXCEEDED = "wait-limit-exceeded"
    """Respot stops the job."""
    CREATION_POSTPONED = "creation-postponed"
    DEADLINE_AT_RISK = "deadline-at-risk"
    """Of a job that still waits."""
    WORK_UNKNOWN = "work-unknown"
    """Of such a job, too: its deadline cannot be kept. Its alert is of the kind `deadline-at-risk`."""


WARNINGS: Final = frozenset({NoticeKind.DEADLINE_AT_RISK, NoticeKind.WORK_UNKNOWN})
"""Of a job that goes on: however it ends, Respot owes no news of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What people must know of a job's recovery before its outcome; written once.

    Attributes:
        job: the job.
        kind: what happened, or what prevents a decision or a creation.
        summary: in words an operator reads.
        noticed_at: when.
    """

    job: JobId
    kind: NoticeKind
    summary: str
    noticed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStep:
    """What is to happen about a job, as recovery last said.

    Attributes:
        reason: what it waits for, in words an operator reads.
        at: when it is checked again, or something is done at the latest; `None` if that is not known.
        noted_at: when it was said.
    """

    reason: str
    at: datetime | None
    noted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryRecords:
    """What Respot has recorded about the recovery of a job.

    Attributes:
        decision: on the job's end.
        outcome: of that decision.
        notices: what people were notified of before.
        next_step: what is to happen, as recovery last said; it may be over.
    """

    decision: DecisionRecord | None = None
    outcome: Outcome | None = None
    notices: tuple[Notice, ...] = ()
    next_step: NextStep | None = None

    @property
    def are_settled(self) -> bool:
        """Whether nothing is missing of a job that has ended: its decision, and what became of the next attempt."""
        if self.decision is None:
            return False
        return self.outcome is not None or not self.decision.decision.creates_attempt

    @property
    def owes_news(self) -> bool:
        """Whether people were notified of something that they must hear the end of; a warning asks for no more."""
        return any(notice.kind not in WARNINGS for notice in self.notices)
