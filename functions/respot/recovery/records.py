"""What the ledger keeps of recovery: decisions, attempts, outcomes, notices."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from respot.jobs.job import JobId
from respot.recovery.checkpoints.checkpoint import Checkpoint
from respot.recovery.planning.attempt import AttemptRequest, Lineage
from respot.recovery.planning.decision import Decision, Placement
from respot.recovery.planning.run import RunId


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRecord:
    """The one decision on a job that has ended; never changed.

    Attributes:
        job: the job that ended.
        run: the run it belongs to.
        number: its place in the run.
        decision: what was decided; never WAIT, which is no decision yet.
        decided_at: when.
        checkpoint: the newest complete checkpoint then.
        next_name: the next attempt's job name (RESUBMIT only).
        story: the decision as people are told it (RESUBMIT only).
    """

    job: JobId
    run: RunId
    number: int
    decision: Decision
    decided_at: datetime
    checkpoint: Checkpoint | None
    next_name: str | None
    story: str | None = None

    def next_attempt(self, placement: Placement) -> AttemptRequest:
        """What the next attempt is to be created as, with that placement."""
        return AttemptRequest(name=self.next_name or "", lineage=self.next_lineage, placement=placement)

    @property
    def next_lineage(self) -> Lineage:
        """Where the next attempt comes from."""
        return Lineage(run=self.run, attempt=self.number + 1, parent=self.job.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptRecord:
    """An attempt that Respot has decided on: what makes a job of that name part of a run.

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
class LocationReservation:
    """The attempt that Respot last sent to a checkpoint location: there is one at a time.

    Attributes:
        location: the location, normalised.
        run: the attempt's run.
        number: its place there.
    """

    location: str
    run: RunId
    number: int


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
        kind: created, failed for good, or not created after all: cancelled since it must not be any more, or
            withdrawn since nobody asks for it any more.
        story: in words an operator reads.
        settled_at: when.
        name: the next attempt's job name.
        arn: its ARN; `None` unless it was created.
        warning: what people should know besides.
    """

    job: JobId
    kind: OutcomeKind
    story: str
    settled_at: datetime
    name: str
    arn: str | None = None
    warning: str | None = None


class NoticeKind(StrEnum):
    """Why nothing can be decided on a job; each is also the kind of the alert on it."""

    POLICY_INVALID = "policy-invalid"
    POSTPONED = "postponed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """What people must be told of a job on which nothing can be decided; written once.

    Attributes:
        job: the job that ended.
        kind: what stands in the way.
        story: in words an operator reads.
        noticed_at: when.
    """

    job: JobId
    kind: NoticeKind
    story: str
    noticed_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryRecords:
    """What Respot has recorded about the recovery of a job.

    Attributes:
        decision: on the job's end.
        outcome: of that decision.
        notices: why nothing is decided.
    """

    decision: DecisionRecord | None = None
    outcome: Outcome | None = None
    notices: tuple[Notice, ...] = ()
