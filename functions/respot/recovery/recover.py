"""Takes one job as far as possible: enforces the wait limit, decides on the end, creates the next attempt.

The process may die after any step, and any step may be repeated. Therefore the decision is written once, and
the next attempt's name follows from run and number. A job of that name, as requested, means "already created".
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from respot.errors import LedgerIncompleteError, PolicyInvalidError, ScheduleUnavailableError, UpstreamUnavailableError
from respot.jobs.job import JobId, JobRecord, JobState, Market
from respot.jobs.lifecycle import is_terminal, lacks_its_end
from respot.jobs.listing import LONGEST_LIFE
from respot.jobs.ports import Clock, JobLists, JobStore
from respot.recovery.checked_clone import CreationLimits, with_known_types, within_limits
from respot.recovery.create import Creator
from respot.recovery.decide import Decider, Later
from respot.recovery.latest_start import LatestStart
from respot.recovery.load_context import PlanContextLoader
from respot.recovery.planning.deadline import SWEEP_INTERVAL
from respot.recovery.planning.decision import DECIDED_WITHIN
from respot.recovery.planning.start_history import measured_starts
from respot.recovery.ports import (
    Checkpoints,
    Clone,
    KillSwitch,
    Note,
    Policies,
    RecoverableJobs,
    Refusals,
    RunStore,
    Schedules,
    Starts,
)
from respot.recovery.records import NextStep, NoticeKind
from respot.recovery.unknown_writers import UnknownWriters
from respot.recovery.wait_timeout import WaitTimeout


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """Recovers runs: each ended job is decided on once, and followed by at most one attempt."""

    ledger: JobStore
    runs: RunStore
    decider: Decider
    creator: Creator
    wait_timeout: WaitTimeout
    unknown_writers: UnknownWriters
    starts: Starts
    contexts: PlanContextLoader
    latest_start: LatestStart
    clock: Clock

    def begin(self) -> None:
        """A new invocation: SageMaker is asked again for its live jobs."""
        self.unknown_writers.begin()

    def recover(self, job: JobId) -> Later | None:
        """Take one job as far as it goes now; `None` once nothing is left to do.

        Raises:
            LedgerUnavailableError: DynamoDB did not answer; repeat.
            UpstreamUnavailableError: SageMaker, S3 or a parameter did not answer; nothing is concluded, repeat.
            StopFailedError: SageMaker did not accept, or refused, the stop of a job that waits too long; repeat.
            CreateLaterError: SageMaker throttled the creation, or did not answer it; repeat.
            JobNameTakenError: the next attempt's name is taken, and no job of that name can be described; repeat.
        """
        if job.is_drill:
            return None  # the stream's filter forwards no drill; one that was sent here otherwise is ignored
        record = self.ledger.load(job)
        if record.state is None:
            if self.clock() > job.created + LONGEST_LIFE + DECIDED_WITHIN:
                return None  # it has expired from the ledger: nothing may be decided so late
            message = f"{job}: the ledger was to recover this job but has no state of it"
            raise LedgerIncompleteError(message)
        ended = is_terminal(record.state.status)
        try:
            if ended:
                return self._recover_ended(record, record.state)
            self.creator.settle_name(record.state)
            self.wait_timeout.enforce(record.state)
        except PolicyInvalidError as error:
            if ended:  # a live job only waits on; people are notified if its end cannot be decided on
                self.runs.notice(job, NoticeKind.POLICY_INVALID, str(error))
            return Later(reason=str(error))
        return None

    def note_next_step(self, job: JobId, reason: str, *, within: timedelta) -> None:
        """Record why the job has to wait, and when it is checked again."""
        now = self.clock()
        self.runs.note_next_step(job, NextStep(reason=reason, at=now + within, noted_at=now))

    def _recover_ended(self, record: JobRecord, state: JobState) -> Later | None:
        job = state.job
        if lacks_its_end(record):
            return Later(
                reason=f"{job}: ended as {state.status}, but the ledger lacks the transition with which it ended"
            )
        decided = self.runs.decision(job)
        if decided is None:
            state = self.decider.described(state)
            self.wait_timeout.announce(record, job)
            self.creator.settle_name(state)
            if later := self.decider.decide(record, state):
                return later
            # After the decision: it waits for no statistics, and a crash in between loses one measurement.
            for start in measured_starts(state, record.transitions):
                self.starts.remember(start)
            if self._may_have_schedule(state):
                self.latest_start.forget(job)
            decided = self.runs.decision(job)
        if decided is None or not decided.decision.creates_attempt:
            return None
        if self.runs.outcome(job):
            return None
        return self.creator.create(record, state, decided)

    def _may_have_schedule(self, state: JobState) -> bool:
        """Whether the job could wait with a deadline, by the present policy.

        A schedule that is left over deletes itself later, and what it sends finds the job decided on.
        """
        try:
            return state.market is not Market.ON_DEMAND and self.contexts.resolve(state).policy.deadline is not None
        except (PolicyInvalidError, UpstreamUnavailableError):
            return False


def build_recovery(
    *,
    jobs: RecoverableJobs,
    lists: JobLists,
    ledger: JobStore,
    runs: RunStore,
    refusals: Refusals,
    starts: Starts,
    schedules: Schedules,
    checkpoints: Checkpoints,
    policies: Policies,
    kill_switch: KillSwitch,
    clone: Clone,
    limits: CreationLimits,
    clock: Clock,
    note: Note,
    on_schedule_failure: Callable[[JobId, ScheduleUnavailableError], None],
    pause: Callable[[float], None],
    stop_only_tagged: bool = False,
    sweep_interval: timedelta = SWEEP_INTERVAL,
) -> Recovery:
    """Recovery on these ports; see `WaitTimeout` for `stop_only_tagged`."""
    allowed = within_limits(clone, limits)
    unknown_writers = UnknownWriters(lists=lists, jobs=jobs, ledger=ledger, runs=runs, clock=clock, pause=pause)
    contexts = PlanContextLoader(
        jobs=jobs,
        ledger=ledger,
        runs=runs,
        starts=starts,
        checkpoints=checkpoints,
        policies=policies,
        kill_switch=kill_switch,
        unknown_writers=unknown_writers,
        sweep_interval=sweep_interval,
    )
    decider = Decider(jobs=jobs, ledger=ledger, runs=runs, contexts=contexts, clone=allowed, clock=clock)
    latest_start = LatestStart(schedules=schedules, clock=clock, on_failure=on_schedule_failure)
    creator = Creator(
        jobs=jobs,
        ledger=ledger,
        runs=runs,
        refusals=refusals,
        contexts=contexts,
        decider=decider,
        kill_switch=kill_switch,
        clone=allowed,
        clone_any=clone,
        clock=clock,
        latest_start=latest_start,
    )
    wait_timeout = WaitTimeout(
        jobs=jobs,
        runs=runs,
        refusals=refusals,
        contexts=contexts,
        kill_switch=kill_switch,
        clone=with_known_types(allowed),
        clock=clock,
        note=note,
        latest_start=latest_start,
        stop_only_tagged=stop_only_tagged,
    )
    return Recovery(
        ledger=ledger,
        runs=runs,
        decider=decider,
        creator=creator,
        wait_timeout=wait_timeout,
        unknown_writers=unknown_writers,
        starts=starts,
        contexts=contexts,
        latest_start=latest_start,
        clock=clock,
    )
