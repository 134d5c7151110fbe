"""Reads the runs of a period from the ledger, in few reads."""

import argparse
import re
from collections.abc import Callable, Container, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from respot.errors import LedgerUnavailableError, UnreadableItemError
from respot.jobs.formatting import clause, readable
from respot.jobs.job import JobId
from respot.recovery.planning.run import RunId
from respot.runs.period import RecordedRun, RunReader, StoredFigures
from respot.savings.receipt import RunReceipt, receipt_of
from respot_cli import deployment, output, spans
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
_MONTH: Final = re.compile(r"[0-9]{4}-[0-9]{2}")


def runs_of_period(
    found: Deployment,
    *,
    since: datetime,
    now: datetime,
    on_unreadable: deployment.OnUnreadable,
    until: datetime | None = None,
    on_progress: Callable[[int], None] = lambda _: None,
    without: Container[RunId] = frozenset(),
) -> Iterator[RecordedRun]:
    """The runs that go on, and those that ended since then, newest first; read page by page as they are asked for.

    With `until`, only those that ended since then and before it.

    A hundred runs cost two reads, and each run two more: its job, and its attempts; a run of n attempts costs n + 1,
    and one more until its last attempt is decided on.

    A run of which an item cannot be read is left out as a whole, since its figures would be wrong: `on_unreadable` gets
    the error. A run whose jobs have all expired is left out, too. `on_progress` gets the number of runs read so far,
    after each page. Of the runs in `without`, nothing but the summary is read.

    Raises:
        LedgerUnavailableError: the ledger did not answer.
    """
    reader = RunReader(histories=found.histories(), ledger=found.ledger(), runs=found.runs())
    seen: set[RunId] = set()
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        for page in found.summaries(on_unreadable).pages(now=now, since=since, until=until, size=_PAGE):
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
        until: when it ends: the runs ended before; `None` if those that go on belong to it.
        now: when it was read.
        receipts: of its runs, newest first.
        stored: the figures that were written with the states of their jobs.
        computed: the same figures, computed again.
        unread: the items that could not be read, with why; their runs are left out.
    """

    since: datetime
    now: datetime
    receipts: tuple[RunReceipt, ...]
    stored: Mapping[JobId, StoredFigures]
    computed: Mapping[JobId, StoredFigures]
    unread: Mapping[str, str]
    until: datetime | None = None

    @property
    def end(self) -> datetime:
        """When it ends: where runs that go on belong to it, when it was read."""
        return self.until or self.now

    @property
    def words(self) -> str:
        """See `in_words`."""
        return in_words(self.since, self.until)

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
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--since",
        type=spans.period,
        default="30 d",
        metavar="SPAN",
        help="runs that go on, or ended within this span (default: 30 d)",
    )
    which.add_argument(
        "--month", type=month_option, metavar="YYYY-MM", help="only runs that ended in this calendar month, in UTC"
    )
    parser.add_argument("--region", help="only runs in this region (default: all watched regions)")


def chosen(arguments: argparse.Namespace, *, now: datetime) -> tuple[datetime, datetime | None]:
    """When the period begins, and when it ends: `None` if the runs that go on belong to it."""
    month: tuple[datetime, datetime] | None = arguments.month
    return month or (now - arguments.since, None)


def in_words(since: datetime, until: datetime | None) -> str:
    """The period, within a sentence."""
    return f"from {readable(since)} to {readable(until)}" if until else f"since {readable(since)}"


def month_option(words: str) -> tuple[datetime, datetime]:
    """Read a month on the command line: when it and the next one begin.

    Raises:
        ArgumentTypeError: it is none.
    """
    message = f"{words!r} is no month like 2026-10"
    if not _MONTH.fullmatch(words):
        raise argparse.ArgumentTypeError(message)
    try:
        first = datetime(int(words[:4]), int(words[5:]), 1, tzinfo=UTC)
        return first, (first + timedelta(days=31)).replace(day=1)
    except (ValueError, OverflowError) as error:
        raise argparse.ArgumentTypeError(message) from error


def progress_notes(every: int, more: str = "") -> Callable[[int], None]:
    """Notes on stderr how many runs were read, once in so many; `more` ends the note."""
    noted = 0

    def on_progress(read: int) -> None:
        nonlocal noted
        if read // every > noted // every:
            output.say(f"respot: {read:,} runs read{more}")
        noted = read

    return on_progress


def read_period(
    found: Deployment, *, since: datetime, now: datetime, until: datetime | None = None, region: str | None = None
) -> Period:
    """The receipts of the runs that go on, or ended since then, with notes of progress on stderr.

    With `until`, of those that ended since then and before it.

    Raises:
        CommandError: the ledger did not answer.
    """
    unread: dict[str, str] = {}
    receipts: list[RunReceipt] = []
    stored: dict[JobId, StoredFigures] = {}
    computed: dict[JobId, StoredFigures] = {}

    def on_unreadable(error: UnreadableItemError) -> None:
        unread[f"{error.partition} {error.sort_key}"] = error.why

    runs = runs_of_period(
        found,
        since=since,
        until=until,
        now=now,
        on_unreadable=on_unreadable,
        on_progress=progress_notes(_PROGRESS),
    )
    try:
        for run in runs:
            try:
                receipt = receipt_of(run.run, run.attempts, now=now)
            except (ValueError, OverflowError) as error:  # figures that nobody can add up, of a broken item
                unread[run.run] = str(error)
                continue
            if region in {None, run.run.partition("/")[0]}:  # also if its first job has expired
                receipts.append(receipt)
                stored.update(run.stored)
                computed.update(run.computed)
    except LedgerUnavailableError as error:
        message = f"the runs could not be read: {clause(str(error))}; {deployment.advice(error.__cause__)}"
        raise CommandError(message, ExitCode.AWS_UNAVAILABLE) from error
    return Period(
        since=since,
        until=until,
        now=now,
        receipts=tuple(receipts),
        stored=stored,
        computed=computed,
        unread=unread,
    )
