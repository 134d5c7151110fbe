"""Reads a run with its attempts from the ledger, each of its jobs once: for receipts over many runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, cast

from respot.errors import UnreadableItemError
from respot.jobs.job import JobId, JobRecord, JobState, savings_percent
from respot.jobs.lifecycle import Figures, figures, in_order
from respot.jobs.ports import JobStore
from respot.recovery.planning.run import RunId
from respot.recovery.ports import RunStore
from respot.recovery.records import AttemptRecord, DecisionRecord, Outcome, RecoveryRecords
from respot.runs.load import attempts_of
from respot.runs.run_state import RunAttempt
from respot.runs.summary import RunSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFigures:
    """The figures that were written with a job's state, for people who read the table.

    Attributes:
        figures: totals of its transitions; `None` in items of earlier versions.
        savings_percent: AWS's formula; `None` if it is not known.
    """

    figures: Figures | None
    savings_percent: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobHistory:
    """What the ledger has about a job.

    Attributes:
        record: its state and its transitions.
        recovery: what was decided about it.
        stored: the figures that were written with its state; `None` without a state.
    """

    record: JobRecord
    recovery: RecoveryRecords
    stored: StoredFigures | None


class JobHistories(Protocol):
    """All that the ledger has about a job, in one read."""

    def load(self, job: JobId) -> JobHistory:
        """The job's history; empty if the ledger does not know it.

        Raises:
            UnreadableItemError: an item cannot be read.
            LedgerUnavailableError: the ledger did not answer.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRun:
    """A run as the ledger has it.

    Attributes:
        run: the run.
        attempts: its attempts, in order; at least one has been reported.
        stored: the figures that were written with the states of its jobs.
    """

    run: RunId
    attempts: tuple[RunAttempt, ...]
    stored: Mapping[JobId, StoredFigures] = field(default_factory=dict)

    @property
    def computed(self) -> Mapping[JobId, StoredFigures]:
        """The same figures, computed again from the transitions and from AWS's times."""
        return {each.state.job: _computed(each, each.state) for each in self.attempts if each.state}


def _computed(attempt: RunAttempt, state: JobState) -> StoredFigures:
    return StoredFigures(
        figures=figures(in_order(attempt.transitions)),
        savings_percent=savings_percent(training=state.training_time, billable=state.billable_time),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunReader:
    """Reads runs: one of n attempts costs n + 1 reads."""

    histories: JobHistories
    ledger: JobStore
    runs: RunStore

    def read(self, summary: RunSummary) -> RecordedRun | UnreadableItemError | None:
        """The run; `None` if its last job has expired, the error if an item of it cannot be read.

        Raises:
            LedgerUnavailableError: the ledger did not answer.
        """
        items = _Items(self)
        try:
            state = items.load(summary.job).state
            if state is None:
                return None
            attempts = attempts_of(cast("JobStore", items), cast("RunStore", items), state)
        except UnreadableItemError as error:
            return error
        return RecordedRun(run=summary.run, attempts=attempts, stored=items.stored())


class _Items:
    """The parts of the ports `JobStore` and `RunStore` that read, for one run: each item is read once."""

    def __init__(self, reader: RunReader) -> None:
        """Nothing is read yet."""
        self._reader = reader
        self._jobs: dict[JobId, JobHistory] = {}
        self._attempts: dict[RunId, tuple[AttemptRecord, ...]] = {}

    def load(self, job: JobId) -> JobRecord:
        """See `JobStore.load`."""
        return self._history(job).record

    def find(self, region: str, name: str) -> tuple[JobId, ...]:
        """See `JobStore.find`."""
        return self._reader.ledger.find(region, name)

    def recovery_records(self, job: JobId) -> RecoveryRecords:
        """See `RunStore.recovery_records`."""
        return self._history(job).recovery

    def decision(self, job: JobId) -> DecisionRecord | None:
        """See `RunStore.decision`."""
        return self._history(job).recovery.decision

    def outcome(self, job: JobId) -> Outcome | None:
        """See `RunStore.outcome`."""
        return self._history(job).recovery.outcome

    def attempts(self, run: RunId) -> tuple[AttemptRecord, ...]:
        """See `RunStore.attempts`."""
        if run not in self._attempts:
            self._attempts[run] = self._reader.runs.attempts(run)
        return self._attempts[run]

    def attempt(self, run: RunId, number: int) -> AttemptRecord | None:
        """See `RunStore.attempt`."""
        return next((each for each in self.attempts(run) if each.number == number), None)

    def attempts_named(self, region: str, name: str) -> tuple[AttemptRecord, ...]:
        """See `RunStore.attempts_named`."""
        return self._reader.runs.attempts_named(region, name)

    def stored(self) -> dict[JobId, StoredFigures]:
        """The figures of the jobs that were read."""
        return {job: history.stored for job, history in self._jobs.items() if history.stored}

    def _history(self, job: JobId) -> JobHistory:
        if job not in self._jobs:
            self._jobs[job] = self._reader.histories.load(job)
        return self._jobs[job]
