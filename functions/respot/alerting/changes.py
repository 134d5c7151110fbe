"""The changes of the ledger that may require an alert; `Alerter.on` alerts on them."""

from dataclasses import dataclass

from respot.jobs.job import JobId, Transition
from respot.recovery.records import DecisionRecord, Notice, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class JobAppeared:
    """A job's state was written for the first time."""

    job: JobId


@dataclass(frozen=True, slots=True, kw_only=True)
class TransitionRecorded:
    """A transition of a job, or of a drill, was recorded."""

    job: JobId
    transition: Transition


LedgerChange = JobAppeared | TransitionRecorded | DecisionRecord | Outcome | Notice
