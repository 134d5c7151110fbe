"""Reads the runs of a period from the ledger, in few reads."""

import argparse
from collections.abc import Callable, Container, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, cast

from respot.aws.dynamodb.histories import DynamoDbJobHistories, JobHistory, StoredFigures
from respot.errors import LedgerUnavailableError, UnreadableItemError
from respot.jobs.formatting import clause, parse_span
from respot.jobs.job import JobId, JobRecord
from respot.jobs.ports import JobStore
from respot.recovery.planning.run import RunId
from respot.recovery.ports import RunStore
from respot.recovery.records import AttemptRecord, DecisionRecord, Outcome, RecoveryRecords
from respot.runs.load import attempts_of
from respot.runs.run_state import RunAttempt
from respot.runs.summary import RunSummary
from respot.savings.receipt import RunReceipt, receipt_of
from respot_cli import deployment, output
from respot_cli.deployment import Deployment
from respot_cli.errors import CommandError, ExitCode

_PAGE: Final = 100
"""Runs that are listed together: one BatchGetItem."""
_AT_ONCE: Final = 8
"""Runs that are read at the same time: DynamoDB takes some milliseconds for each answer."""
_PROGRESS: Final = 1000
"""Runs read between two notes of progress."""
_MOST_NOTES: Final = 20
"""Items that cannot be read and are named on stderr; the JSON has them all."""
_LONGEST: Final = timedelta(days=400)


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

    A hundred runs cost two reads, and each run two more: its job, and its attempts; a run of n attempts costs n + 1,
    and one more until its last attempt is decided on.

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
class Period:
    """The receipts of a period.

    Attributes:
        since: when it begins: the runs go on, or ended since then.
        now: when it was read.
        receipts: of its runs, newest first.
        stored: the figures that were written with the states of their jobs.
        unread: the items that could not be read, with why; their runs are left out.
    """

    since: datetime
    now: datetime
    receipts: tuple[RunReceipt, ...]
    stored: Mapping[JobId, StoredFigures]
    unread: Mapping[str, str]

    @property
    def exit_code(self) -> ExitCode:
        """Whether all of it could be read."""
        return ExitCode.INCOMPLETE if self.unread else ExitCode.DONE

    def say_what_is_missing(self) -> None:
        """Note on stderr what could not be read."""
        for item, why in list(self.unread.items())[:_MOST_NOTES]:
            output.say(f"respot: the item {item} could not be read, and its run is left out: {clause(why)}")
        if len(self.unread) > _MOST_NOTES:
            output.say(f"respot: {len(self.unread) - _MOST_NOTES:,} more items could not be read; --json has them all")


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options by which a command chooses its period."""
    parser.add_argument(
        "--since",
        type=since_option,
        default="30 d",
        metavar="SPAN",
        help="runs that go on, or ended within this span (default: 30 d)",
    )
    parser.add_argument("--region", help="only runs in this region (default: all watched regions)")


def since_option(words: str) -> timedelta:
    """Read a span on the command line.

    Raises:
        ArgumentTypeError: it is none, or too long.
    """
    try:
        span = parse_span(words)
    except (ValueError, OverflowError) as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if not timedelta() < span <= _LONGEST:
        message = f"{words!r} is not between 1 s and {_LONGEST.days} d"
        raise argparse.ArgumentTypeError(message)
    return span


def read_period(found: Deployment, *, since: datetime, now: datetime, region: str | None = None) -> Period:
    """The receipts of the runs that go on, or ended since then, with notes of progress on stderr.

    Raises:
        CommandError: the ledger did not answer.
    """
    unread: dict[str, str] = {}
    receipts: list[RunReceipt] = []
    stored: dict[JobId, StoredFigures] = {}
    noted = 0

    def on_unreadable(error: UnreadableItemError) -> None:
        unread[f"{error.partition} {error.sort_key}"] = error.why

    def on_progress(read: int) -> None:
        nonlocal noted
        if read // _PROGRESS > noted // _PROGRESS:
            output.say(f"respot: {read:,} runs read")
        noted = read

    runs = runs_of_period(found, since=since, now=now, on_unreadable=on_unreadable, on_progress=on_progress)
    try:
        for run in runs:
            try:
                receipt = receipt_of(run.run, run.attempts, now=now)
            except (ValueError, OverflowError) as error:  # figures that nobody can add up, of a broken item
                unread[run.run] = str(error)
                continue
            if region in {None, receipt.attempts[0].region}:
                receipts.append(receipt)
                stored.update(run.stored)
    except LedgerUnavailableError as error:
        message = f"the runs could not be read: {clause(str(error))}; {deployment.advice(error.__cause__)}"
        raise CommandError(message, ExitCode.AWS_UNAVAILABLE) from error
    return Period(since=since, now=now, receipts=tuple(receipts), stored=stored, unread=unread)


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
