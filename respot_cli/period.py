"""Reads the runs of a period from the ledger."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from respot.recovery.planning.run import RunId
from respot.runs.run_state import RunAttempt
from respot_cli import deployment
from respot_cli.deployment import Deployment


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRun:
    """A run as the ledger has it.

    Attributes:
        run: the run.
        attempts: its attempts, in order; never none.
    """

    run: RunId
    attempts: tuple[RunAttempt, ...]


def runs_of_period(
    found: Deployment,
    *,
    since: datetime,
    now: datetime,
    on_unreadable: deployment.OnUnreadable,
    on_progress: Callable[[int], None] = lambda _: None,
) -> Iterator[RecordedRun]:
    """The runs that go on, and those that ended since then, newest first; read page by page as they are asked for.

    A run of which an item cannot be read is left out as a whole, since its figures would be wrong: `on_unreadable` gets
    the error. `on_progress` gets the number of runs read so far, after each page.

    Raises:
        LedgerUnavailableError: the ledger did not answer.
    """
    raise NotImplementedError
