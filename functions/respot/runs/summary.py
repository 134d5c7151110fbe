"""A run in a few words, for lists: derived from the ledger alone, so that it can be derived again at any time."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import takewhile
from typing import Final, Protocol

from respot.errors import LedgerContentionError, UnreadableItemError
from respot.jobs.job import JobId, JobState, Market, Parent
from respot.jobs.lifecycle import WAITING, is_terminal
from respot.jobs.ports import JobStore
from respot.recovery.planning.run import RunId, first_job
from respot.recovery.planning.waiting import waiting_since
from respot.recovery.ports import RunStore
from respot.recovery.records import NextStep
from respot.runs.load import last_attempt, run_of_job
from respot.runs.run_state import ENDED, RunAttempt, RunState, situation_of

_MOST_CONFLICTS: Final = 5
"""How often a summary is derived again because another writer came first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummary:
    """A run in a few words.

    Attributes:
        run: the run; its id names its first job.
        state: what it is now.
        reason: why, in words an operator reads.
        since: since when it is that: when its last job began to wait or run, or ended, or when that was decided.
        number: the place of its last attempt that SageMaker has reported.
        job: the job of that attempt.
        market: spot or on-demand, or where the next attempt is to run; `None` if that is not known.
        instance_type: the same of the instance type.
        tags: the job's tags.
        parent: what else owns the job; Respot then resubmits nothing.
        next_step: what happens next, in words an operator reads; `None` if nothing is planned.
        next_at: when, as far as it is known.
    """

    run: RunId
    state: RunState
    reason: str
    since: datetime
    number: int
    job: JobId
    market: Market | None = None
    instance_type: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    parent: Parent | None = None
    next_step: str | None = None
    next_at: datetime | None = None

    @property
    def has_ended(self) -> bool:
        """Whether nothing more happens."""
        return self.state in ENDED

    @property
    def end_id(self) -> str | None:
        """The one identity of the run's end: it never changes, and each run gets one; `None` while it goes on."""
        return f"{self.run}#{self.number}" if self.has_ended else None

    @property
    def began(self) -> datetime:
        """When the run's first job was created."""
        return first_job(self.run).created


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSummary:
    """A summary as it is stored.

    Attributes:
        summary: the summary.
        version: counts its writes.
    """

    summary: RunSummary
    version: int


class SummaryStore(Protocol):
    """The summaries of runs. Each method raises LedgerUnavailableError if the store does not answer."""

    def load(self, run: RunId) -> StoredSummary | None:
        """The summary, read consistently; `None` if there is none.

        Raises:
            UnreadableItemError: this version cannot read it.
        """

    def save(self, summary: RunSummary, *, over: StoredSummary | None) -> bool:
        """Write the summary in place of the one that was read; `False`, with nothing written, if another came first."""

    def rebuild(self, summary: RunSummary, *, over: UnreadableItemError) -> bool:
        """Write the summary in place of one that `load` could not read; `False` as with `save`."""


def summarize(run: RunId, last: RunAttempt, state: JobState) -> RunSummary:
    """The run whose last attempt that SageMaker has reported is this one, of the job with that state."""
    situation = situation_of([last])
    placement = last.decision.decision.placement if last.decision else None
    planned = placement if situation.state is RunState.RECOVERING else None
    step = _next_step(last, situation.state)
    return RunSummary(
        run=run,
        state=situation.state,
        reason=situation.reason,
        since=_since(last, state),
        number=last.number,
        job=state.job,
        market=planned.market if planned else state.market,
        instance_type=planned.instance_type if planned else state.instance_type or state.requested_type,
        tags=dict(state.tags or {}),
        parent=state.parent,
        next_step=step.reason if step else None,
        next_at=step.at if step else None,
    )


def _since(last: RunAttempt, state: JobState) -> datetime:
    if is_terminal(state.status):
        end = last.end.started if last.end else state.last_modified
        if last.ended_as == "Completed" or not situation_of([last]).has_ended:
            return end
        decided = last.decision.decided_at if last.decision else end
        return max(end, decided, last.outcome.settled_at if last.outcome else end)
    waits = waiting_since(last.transitions)
    if waits is not None:
        return waits
    held = takewhile(lambda transition: transition.status not in WAITING, reversed(last.transitions))
    return min((transition.started for transition in held), default=state.job.created)


def _next_step(last: RunAttempt, state: RunState) -> NextStep | None:
    """What was said of the present wait, or what the decision calls for; what was said of an earlier one is over."""
    decided, noted = last.decision, last.next_step
    if state is RunState.WAITING:
        since = waiting_since(last.transitions)
        return noted if noted and (since is None or noted.noted_at >= since) else None
    if state is not RunState.RECOVERING:
        return None
    if last.outcome:
        reason = f"{last.outcome.name} was created; SageMaker has not reported it yet"
        return NextStep(reason=reason, at=None, noted_at=last.outcome.settled_at)
    since = decided.decided_at if decided else last.end.started if last.end else None
    if noted and (since is None or noted.noted_at >= since):
        return noted
    if decided is None:
        return None
    there = decided.decision.placement
    pool = f", {there.market} {there.instance_type}" if there else ""
    reason = f"attempt {decided.number + 1}, {decided.next_name}{pool}, is created"
    return NextStep(reason=reason, at=None, noted_at=decided.decided_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSummaries:
    """Keeps the summaries of runs up to date: each writer about a job refreshes its run afterwards.

    The last of several refreshes at once is right: each reads the summary before it reads the ledger, and its write
    counts only if no other came between. A process that dies before its refresh leaves it to the message that comes
    back, or to the sweep.

    Attributes:
        on_rebuilt: gets the error of each summary that could not be read and was written again.
    """

    ledger: JobStore
    runs: RunStore
    store: SummaryStore
    on_rebuilt: Callable[[UnreadableItemError], None] = lambda _: None

    def refresh(self, job: JobId) -> None:
        """Derive the summary of the job's run, and write it if it has changed.

        Raises:
            LedgerUnavailableError: the ledger did not answer; repeat.
            LedgerContentionError: other writers kept changing it.
            UnreadableItemError: another item of the run cannot be read: its summary is left unchanged.
        """
        if job.is_drill:
            return
        for _ in range(_MOST_CONFLICTS):
            run = run_of_job(self.ledger, self.runs, job)
            if run is None:
                return
            if self._refresh(run, job):
                return
        message = f"{job}: {_MOST_CONFLICTS} attempts to write the summary of its run each met a newer one"
        raise LedgerContentionError(message)

    def _refresh(self, run: RunId, job: JobId) -> bool:
        """Whether the summary is right now; otherwise another writer came first."""
        try:
            standing, unreadable = self.store.load(run), None
        except UnreadableItemError as error:
            standing, unreadable = None, error
        derived = self.derive(run, job)
        if derived is None or (standing and not _replaces(derived, standing.summary)):
            return True
        if unreadable is None:
            return self.store.save(derived, over=standing)
        rebuilt = self.store.rebuild(derived, over=unreadable)
        if rebuilt:
            self.on_rebuilt(unreadable)
        return rebuilt

    def derive(self, run: RunId, job: JobId) -> RunSummary | None:
        """The summary of the job's run by all other items of the ledger; `None` if its last job has expired."""
        last = last_attempt(self.ledger, self.runs, run, job)
        return summarize(run, last, last.state) if last and last.state else None


def _replaces(derived: RunSummary, standing: RunSummary) -> bool:
    """Whether the summary is to be written. A run that has ended keeps its state and its end."""
    same_end = (derived.state, derived.end_id) == (standing.state, standing.end_id)
    return derived != standing and (not standing.has_ended or same_end)
