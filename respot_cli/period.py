"""Reads the runs of a period from the ledger, in few reads."""

from collections.abc import Callable, Container, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, cast

from respot.aws.dynamodb.histories import DynamoDbJobHistories, JobHistory, StoredFigures
from respot.errors import UnreadableItemError
from respot.jobs.job import JobId, JobRecord
from respot.jobs.ports import JobStore
from respot.recovery.planning.run import RunId
from respot.recovery.ports import RunStore
from respot.recovery.records import AttemptRecord, DecisionRecord, Outcome, RecoveryRecords
from respot.runs.load import attempts_of
from respot.runs.run_state import RunAttempt
from respot.runs.summary import RunSummary
from respot_cli import deployment
from respot_cli.deployment import Deployment

_PAGE: Final = 100
"""Runs that are listed together: one BatchGetItem."""
_AT_ONCE: Final = 8
"""Runs that are read at the same time: DynamoDB takes some milliseconds for each answer."""


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


def runs_of_period(
    found: Deployment,
    *,
    since: datetime,
    now: datetime,
    on_unreadable: deployment.OnUnreadable,
    on_progress: Callable[[int], None] = lambda _: None,
    without: Container[RunId] = frozenset(),
) -> Iterator[RecordedRun]:
    """The runs that go on, and those that ended since then, newest first; read page by page as they are asked for.

    A hundred runs cost two reads, and each run two more: its job, and its attempts; a run of n attempts costs n + 1.

    A run of which an item cannot be read is left out as a whole, since its figures would be wrong: `on_unreadable` gets
    the error. A run whose jobs have all expired is left out, too. `on_progress` gets the number of runs read so far,
    after each page. Of the runs in `without`, nothing but the summary is read.

    Raises:
        LedgerUnavailableError: the ledger did not answer.
    """
    reader = _Reader(histories=found.histories(), ledger=found.ledger(), runs=found.runs())
    seen: set[RunId] = set()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for page in found.summaries(on_unreadable).pages(now=now, since=since, size=_PAGE):
            # A run that ends while pages are read is in two of them.
            new = [summary for summary in page if summary.run not in seen]
            seen.update(summary.run for summary in new)
            for read in pool.map(reader.read, [each for each in new if each.run not in without]):
                if isinstance(read, UnreadableItemError):
                    on_unreadable(read)
                elif read is not None:
                    yield read
            on_progress(len(seen))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    histories: DynamoDbJobHistories
    ledger: JobStore
    runs: RunStore

    def read(self, summary: RunSummary) -> RecordedRun | UnreadableItemError | None:
        """The run; `None` if its last job has expired."""
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

    def __init__(self, reader: _Reader) -> None:
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
