"""What the ledger knows about a job that has ended, from before and at the decision on its end.

S3 and SageMaker are not asked: what a decision was made from, it has recorded.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, ParamSpec, TypeVar, cast

from respot.errors import UpstreamUnavailableError
from respot.jobs.formatting import parse_span
from respot.jobs.job import JobId, JobRecord, JobState, Market
from respot.jobs.lifecycle import DELETING, TERMINAL_STATUSES, end_of, is_end
from respot.jobs.listing import Page
from respot.jobs.ports import JobStore
from respot.recovery.checkpoints.checkpoint import Checkpoint
from respot.recovery.checkpoints.location import CheckpointLocation, Listing
from respot.recovery.checkpoints.progress import Progress
from respot.recovery.planning.context import PlanContext
from respot.recovery.planning.decision import RefusedPool
from respot.recovery.planning.run import Run, RunId
from respot.recovery.planning.start_history import StartPool, StartSample
from respot.recovery.planning.waiting import StopIntent
from respot.recovery.planning.work import ASSUMED_OVERHEAD, Proof
from respot.recovery.ports import RunStore, Starts
from respot.recovery.records import AttemptRecord, DecisionRecord, Outcome, RecoveryRecords

T = TypeVar("T")
P = ParamSpec("P")
_REFUSED: Final = re.compile(r"(?:^|; )(spot|on-demand) (on any instance type|[a-z0-9./-]+) \(")
"""How `RefusedPool` begins in the inputs of a decision."""
_BY_STEPS: Final = "steps of at least"


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """A job that has ended, with what the ledger recorded.

    Attributes:
        record: its transitions up to its end.
        state: its state as it ended, also if it was deleted since.
        decided: the decision on its end; `None` if there is none yet.
        outcome: of that decision.
        tags_known: whether the ledger knows its tags; if it does not, it has none here.
        continued: the next attempt was decided on after another job of this run.
        owes_news: people were notified that it waits for a decision.
    """

    record: JobRecord
    state: JobState
    decided: DecisionRecord | None
    outcome: Outcome | None
    tags_known: bool
    continued: bool
    owes_news: bool

    @property
    def ended(self) -> datetime:
        """When it ended."""
        return end_of(self.record, self.state).started

    @property
    def listed(self) -> bool:
        """Whether the decision had asked S3 what was saved."""
        return self.decided is not None and "fruitless_attempts" in self.decided.decision.inputs

    def input(self, name: str) -> str:
        """What the decision was made from; empty without it."""
        return self.decided.decision.inputs.get(name, "") if self.decided else ""


class RecordedRuns:
    """The part of the port `RunStore` that only reads, remembered for one job; nothing here can write.

    What changes later is left out: who writes to the job's location now says nothing about then.
    """

    def __init__(self, runs: RunStore) -> None:
        """Each item is read once."""
        self._runs = runs
        self._known: dict[tuple[object, ...], object] = {}

    def decision(self, job: JobId) -> DecisionRecord | None:
        """See `RunStore.decision`."""
        return self._once(self._runs.decision, job)

    def outcome(self, job: JobId) -> Outcome | None:
        """See `RunStore.outcome`."""
        return self._once(self._runs.outcome, job)

    def recovery_records(self, job: JobId) -> RecoveryRecords:
        """See `RunStore.recovery_records`."""
        return self._once(self._runs.recovery_records, job)

    def stop_intent(self, job: JobId) -> StopIntent | None:
        """See `RunStore.stop_intent`."""
        return self._once(self._runs.stop_intent, job)

    def attempt(self, run: RunId, number: int) -> AttemptRecord | None:
        """See `RunStore.attempt`."""
        return next((each for each in self.attempts(run) if each.number == number), None)

    def attempts(self, run: RunId) -> tuple[AttemptRecord, ...]:
        """See `RunStore.attempts`."""
        return self._once(self._runs.attempts, run)

    def attempts_named(self, region: str, name: str) -> tuple[AttemptRecord, ...]:
        """See `RunStore.attempts_named`."""
        return self._once(self._runs.attempts_named, region, name)

    def live(self, region: str) -> tuple[tuple[JobId, str | None], ...]:  # noqa: ARG002 - the port's signature
        """No job: who was alive then is in the decision alone."""
        return ()

    def reservation(self, location: str) -> None:  # noqa: ARG002 - the port's signature
        """None: as with `live`."""
        return

    def _once(self, read: Callable[P, T], *of: P.args, **named: P.kwargs) -> T:
        key = (read, *of, *named.values())
        if key not in self._known:
            self._known[key] = read(*of, **named)
        return cast("T", self._known[key])


class RecordedJobs:
    """The part of the port `JobStore` that reads records, remembered for one job."""

    def __init__(self, ledger: JobStore) -> None:
        """Each record is read once."""
        self._ledger = ledger
        self._known: dict[JobId, JobRecord] = {}

    def load(self, job: JobId) -> JobRecord:
        """See `JobStore.load`; the record is as the job ended."""
        if job not in self._known:
            self._known[job] = as_it_ended(self._ledger.load(job))
        return self._known[job]


class StartsUntil:
    """The part of the port `Starts` that reads, as it was at a moment."""

    def __init__(self, starts: Starts, moment: datetime) -> None:
        """What was measured later did not count then."""
        self._starts = starts
        self._moment = moment

    def newest(self, pool: StartPool) -> tuple[StartSample, ...]:
        """See `Starts.newest`."""
        return tuple(each for each in self._starts.newest(pool) if each.seen <= self._moment)


class NotAsked:
    """SageMaker and S3, which are not asked: what they said then is in the decision."""

    def describe(self, region: str, name: str) -> None:
        """Nobody calls it: no writer is known that would have to be described."""
        message = f"{region}/{name}: SageMaker is not asked"
        raise UpstreamUnavailableError(message)

    def tags(self, region: str, arn: str) -> None:
        """As `describe`."""
        self.describe(region, arn)

    def page(self, region: str, token: str | None) -> Page:  # noqa: ARG002 - the port's signature
        """As `describe`."""
        message = f"{region}: SageMaker is not asked"
        raise UpstreamUnavailableError(message)

    def list(self, region: str, location: CheckpointLocation) -> Listing:  # noqa: ARG002 - the port's signature
        """Nothing: what there was comes from the decision."""
        return Listing(objects=())


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRun(Run):
    """A run whose listing of checkpoints is gone: what it proved is known from the decision.

    Attributes:
        shown: the progress of the last attempt.
        done: the work that was proved; `None` if it was not recorded.
        proved_by: the words for it.
    """

    shown: Progress
    done: timedelta | None = None
    proved_by: str = ""

    def progress(self) -> Progress:
        """See `Run.progress`."""
        return self.shown

    def proof(self, longest_start: timedelta = ASSUMED_OVERHEAD) -> Proof:
        """See `Run.proof`."""
        proof = Run.proof(self, longest_start)
        if self.done is None:
            return proof
        return replace(proof, done=self.done, evidence=self.proved_by, by_steps=_BY_STEPS in self.proved_by)


def past_of(job: JobId, jobs: RecordedJobs, runs: RecordedRuns) -> Past | None:
    """What the ledger has on a job; `None` if the job has expired, or has not ended."""
    record = jobs.load(job)
    state = record.state
    if state is None or state.status not in TERMINAL_STATUSES | {DELETING}:
        return None
    known = runs.recovery_records(job)
    decided = known.decision
    following = runs.attempt(decided.run, decided.number + 1) if decided else None
    tags_known = state.tags is not None
    past = Past(
        record=record,
        state=state if tags_known else replace(state, tags={}),
        decided=decided,
        outcome=known.outcome,
        tags_known=tags_known,
        continued=following is not None and following.parent != job,
        owes_news=known.owes_news,
    )
    return replace(past, state=_completed(past))


def as_it_ended(record: JobRecord) -> JobRecord:
    """The record without the job's deletion, which SageMaker reports in place of its end."""
    state = record.state
    end = next((each for each in record.transitions if is_end(each)), None)
    if state is None or end is None or state.status != DELETING:
        return record
    life = record.transitions[: record.transitions.index(end) + 1]
    if end.ended_as not in TERMINAL_STATUSES:
        return record
    as_ended = replace(state, status=end.ended_as, secondary_status=end.status, last_modified=end.started)
    return replace(record, state=as_ended, transitions=life)


def as_recorded(context: PlanContext, past: Past, checkpoints: Sequence[Checkpoint], progress: Progress) -> PlanContext:
    """The context of a decision, with what only S3 and SageMaker could say as the decision recorded it."""
    run = context.run
    last = replace(run.last, checkpoint=checkpoints[-1] if checkpoints else None)
    done, _, evidence = past.input("work_done").partition(": ")
    known = RecordedRun(
        id=run.id,
        attempts=(*run.attempts[:-1], last),
        checkpoints=tuple(checkpoints),
        shown=progress,
        done=parse_span(done) if done else None,
        proved_by=evidence,
    )
    writers, obstacles = past.input("overlapping_jobs"), past.input("obstacles")
    return replace(
        context,
        run=known,
        concurrent_writers=tuple(writers.split(", ")) if writers else (),
        blockers=(*context.blockers, obstacles) if obstacles and not context.blockers else context.blockers,
        refused_pools=refused_pools(past.input("refused_pools")),
        listing_cut=past.input("listing") == "cut short",
    )


def refused_pools(words: str) -> tuple[RefusedPool, ...]:
    """The pools that a decision has recorded as refused."""
    found = list(_REFUSED.finditer(words))
    ends = [each.start() for each in found[1:]] + [len(words)] * bool(found)
    return tuple(
        RefusedPool(
            market=Market(each[1]),
            instance_type=None if each[2].startswith("on any") else each[2],
            why=words[each.end() : end].removesuffix(")"),
        )
        for each, end in zip(found, ends, strict=True)
    )


def read_only(runs: RecordedRuns) -> RunStore:
    """The store for a rule that takes the whole port; a call that would write does not exist."""
    return cast("RunStore", runs)


def _completed(past: Past) -> JobState:
    """The state, with what the decision learned from SageMaker where the ledger has only events."""
    state = past.state
    market, _, instance_type = past.input("ran_on").partition(" ")
    learned: dict[str, Any] = {
        "checkpoint_uri": past.input("checkpoint_location") or None,
        "market": Market(market) if market in set(Market) else None,
        "instance_type": instance_type or None,
    }
    return replace(state, **{name: value for name, value in learned.items() if getattr(state, name) is None and value})
