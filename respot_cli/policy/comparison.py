"""Compares policies on jobs that have ended: what was decided, what today's policy and another one would decide."""

from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final, Protocol

from respot.errors import LedgerIncompleteError, UnreadableItemError
from respot.jobs.job import JobId, JobState
from respot.jobs.lifecycle import is_terminal
from respot.jobs.ports import JobStore
from respot.recovery.planning.deadline import SWEEP_INTERVAL
from respot.recovery.policy.policy import AccountPolicy
from respot.recovery.ports import RunStore, Starts
from respot_cli.policy.recorded import Past, RecordedJobs, RecordedRuns, past_of
from respot_cli.policy.replay import Replay, Replayed, why_different

PAGE: Final = 500
"""Jobs that are listed, read and decided on together."""
_AT_ONCE: Final = 8
"""Jobs whose items are read at the same time: DynamoDB takes some milliseconds for each answer."""
_MILLISECOND: Final = timedelta(milliseconds=1)


class EndedJobs(Protocol):
    """The part of the port `JobIndex` that lists jobs."""

    def changed(self, *, since: datetime, until: datetime, limit: int) -> tuple[tuple[JobId, datetime], ...]:
        """See `JobIndex.changed`."""

    def state_of(self, jobs: Sequence[JobId]) -> dict[JobId, JobState | None]:
        """See `JobIndex.state_of`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stores:
    """The ledger, to read from. What one job's items are is one answer: an item that cannot be read is an error."""

    index: EndedJobs
    jobs: JobStore
    runs: RunStore
    starts: Starts


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """A job with the decisions on its end.

    Attributes:
        job: the job.
        past: what the ledger has on it.
        today: the decision by the deployed policy; `None` if that is invalid.
        proposed: the decision by the policy that is tested.
        difference: why today's decision is not the recorded one; `None` if it is, or if either is not known.
    """

    job: JobId
    past: Past
    today: Replayed | None
    proposed: Replayed
    difference: str | None = None

    @property
    def changes(self) -> bool:
        """Whether the tested policy decides otherwise than today's."""
        return self.today is None or not self.today.is_like(self.proposed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unread:
    """A job that cannot be tested.

    Attributes:
        job: the job; `None` if its name cannot be read either.
        why: why not, in words.
    """

    job: JobId | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A part of the jobs.

    Attributes:
        found: the jobs that ended and can be decided on.
        unread: those that cannot be tested.
        completed: how many completed: no policy does anything about them.
    """

    found: tuple[Compared, ...]
    unread: tuple[Unread, ...] = ()
    completed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Compares two policies.

    Attributes:
        stores: the ledger.
        today: the deployed policy; `None` if it is invalid.
        proposed: the policy that is tested.
        sweep_interval: between two of the deployment's sweeps.
    """

    stores: Stores
    today: AccountPolicy | None
    proposed: AccountPolicy
    sweep_interval: timedelta = SWEEP_INTERVAL

    def pages(self, *, since: datetime, until: datetime, region: str | None) -> Iterator[Page]:
        """All jobs that ended since then, in the order of their last change, page after page."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for jobs in self._listed(since, until):
                states = self.stores.index.state_of([job for job in jobs if region in {None, job.region}])
                ended = {job: state for job, state in states.items() if state and is_terminal(state.status)}
                completed = {job for job, state in ended.items() if state.status == "Completed"}
                late = {job for job in completed if _end_of(ended[job]) < since}
                order = [job for job in jobs if job in ended and job not in completed]
                tested = list(pool.map(partial(self._tested, since=since), order))
                yield Page(
                    found=tuple(each for each in tested if isinstance(each, Compared)),
                    unread=tuple(each for each in tested if isinstance(each, Unread)),
                    completed=len(completed - late),
                )

    def one(self, job: JobId) -> Compared | Unread | None:
        """One job; `None` if it has not ended, or has expired from the ledger."""
        return self._tested(job, since=None)

    def _tested(self, job: JobId, *, since: datetime | None) -> Compared | Unread | None:
        try:
            return self._compared(job, since)
        except (UnreadableItemError, LedgerIncompleteError) as error:
            return Unread(job=job, why=str(error))

    def _compared(self, job: JobId, since: datetime | None) -> Compared | None:
        jobs, runs = RecordedJobs(self.stores.jobs), RecordedRuns(self.stores.runs)
        past = past_of(job, jobs, runs)
        if past is None or (since and past.ended < since):
            return None
        replay = Replay(past=past, jobs=jobs, runs=runs, starts=self.stores.starts, sweep_interval=self.sweep_interval)
        today = replay.decide(self.today) if self.today else None
        return Compared(
            job=job,
            past=past,
            today=today,
            proposed=replay.decide(self.proposed),
            difference=why_different(replay, self.today, today) if self.today and today else None,
        )

    def _listed(self, since: datetime, until: datetime) -> Iterator[list[JobId]]:
        """Jobs that changed since then: what ended since has changed since."""
        while page := self.stores.index.changed(since=since, until=until, limit=PAGE):
            yield [job for job, _ in page]
            since = page[-1][1] + _MILLISECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many jobs would have been resumed.

    Attributes:
        jobs: in all, without completed ones.
        then: resumed in fact.
        today: with the deployed policy; `None` if that is invalid.
        proposed: with the tested policy.
        assuming: of these, those that depend on something that the ledger does not know.
        changed: those for which the tested policy decides otherwise than the deployed one.
    """

    jobs: int
    then: int
    today: int | None
    proposed: int
    assuming: int
    changed: int


def tally(compared: Sequence[Compared]) -> Tally:
    """Count them."""
    count = Counter[str]()
    for each in compared:
        decided = each.past.decided
        count["then"] += decided is not None and decided.decision.creates_attempt
        count["today"] += each.today is not None and each.today.resumes
        count["proposed"] += each.proposed.resumes
        count["assuming"] += each.proposed.resumes and bool(each.proposed.assumptions)
        count["changed"] += each.changes
    invalid = any(each.today is None for each in compared)
    return Tally(
        jobs=len(compared),
        then=count["then"],
        today=None if invalid else count["today"],
        proposed=count["proposed"],
        assuming=count["assuming"],
        changed=count["changed"],
    )


def _end_of(state: JobState) -> datetime:
    """When a completed job ended, by its state alone."""
    return state.training_ended or state.last_modified
