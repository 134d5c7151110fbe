"""The summary of a run: what it says, and that whoever writes last is right."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from respot.errors import LedgerContentionError, UnreadableItemError
from respot.jobs.job import JobId, JobRecord, Market
from respot.jobs.merge import reconcile
from respot.recovery.planning.decision import Action, Placement
from respot.recovery.planning.run import RunId, first_job, run_id
from respot.recovery.records import AttemptRecord, DecisionRecord, NextStep, OutcomeKind
from respot.runs.run_state import RunState
from respot.runs.summary import RunSummaries, RunSummary, StoredSummary
from tests.contracts.test_summary_store import read_error
from tests.support.builders import CREATED, NAME, REGION, at, job_id, snapshot
from tests.support.memory import MemoryLedger, MemoryRunStore, MemorySummaries
from tests.support.records import decision_record, outcome_of

JOB = job_id()
RUN = run_id(JOB)
RESUBMIT = decision_record(Action.RESUBMIT)
RESUBMIT = replace(
    RESUBMIT,
    next_name=f"{NAME}-r2",
    decision=replace(
        RESUBMIT.decision,
        placement=Placement(
            market=Market.SPOT, instance_type="ml.g5.2xlarge", max_runtime=timedelta(hours=4), max_wait=None
        ),
    ),
)
ENDED = "Starting=0 Training=390 Interrupted=3720 Starting=3760 MaxWaitTimeExceeded=21630"


@dataclass(slots=True)
class Raced(MemorySummaries):
    """A store in which somebody comes first, once."""

    first: Callable[[], None] | None = None

    def save(self, summary: RunSummary, *, over: StoredSummary | None) -> bool:
        if first := self.first:
            self.first = None
            first()
        return MemorySummaries.save(self, summary, over=over)


class Contended(MemorySummaries):
    """A store in which somebody always comes first."""

    def save(self, summary: RunSummary, *, over: StoredSummary | None) -> bool:
        del summary, over
        return False


class LateIndex(MemoryLedger):
    """A ledger whose index by name has no job yet."""

    def find(self, region: str, name: str) -> tuple[JobId, ...]:
        del region, name
        return ()


class Environment:
    """A ledger, and the keeper of its runs' summaries."""

    def __init__(self, store: MemorySummaries | None = None, ledger: MemoryLedger | None = None) -> None:
        self.ledger = ledger or MemoryLedger(created=CREATED)
        self.runs = MemoryRunStore(ledger=self.ledger)
        self.store = store or MemorySummaries()
        self.summaries = RunSummaries(ledger=self.ledger, runs=self.runs, store=self.store)

    def know(self, transitions: str, name: str = NAME, seconds: float = 0) -> None:
        """Have the ledger record a job, and its run be refreshed."""
        seen = snapshot(transitions)
        job = replace(job_id(name), created=at(seconds))
        seen = replace(seen, state=replace(seen.state, job=job))
        self.ledger.save(reconcile(self.ledger.load(job), seen))
        self.summaries.refresh(job)

    def decide(self, decided: DecisionRecord) -> None:
        """Have recovery decide on the first job."""
        record = replace(decided, job=JOB, run=RUN)
        attempt = AttemptRecord(
            run=RUN, number=2, region=REGION, name=f"{NAME}-r2", parent=JOB, decided_at=record.decided_at
        )
        self.runs.decide(record, attempt if record.decision.creates_attempt else None)
        self.summaries.refresh(JOB)

    @property
    def now(self) -> RunSummary:
        stored = self.store.load(RUN)
        assert stored is not None
        return stored.summary


@pytest.fixture
def env() -> Environment:
    return Environment()


def test_a_run_from_its_first_wait_to_its_end(env: Environment) -> None:
    seen = []
    for until in ("Starting=0", "Starting=0 Training=390", "Starting=0 Training=390 Interrupted=3720", ENDED):
        env.know(until)
        seen.append((env.now.state, env.now.since, env.now.end_id))
    assert seen == [
        (RunState.WAITING, at(0), None),
        (RunState.RUNNING, at(390), None),
        (RunState.WAITING, at(3720), None),
        (RunState.RECOVERING, at(21630), None),
    ]
    refused = decision_record(Action.REFUSE, notify=True, reason="all 5 attempts are spent")
    env.decide(replace(refused, decided_at=at(99_000)))
    assert (env.now.state, env.now.end_id, env.now.since) == (RunState.REFUSED, f"{RUN}#1", at(99_000))


def test_a_run_goes_on_with_its_next_attempt(env: Environment) -> None:
    env.know(ENDED)
    env.decide(RESUBMIT)
    assert (env.now.state, env.now.number) == (RunState.RECOVERING, 1)
    assert env.now.next_step == f"attempt 2, {NAME}-r2, spot ml.g5.2xlarge, is created"
    second = outcome_of(OutcomeKind.CREATED)
    env.runs.record_outcome(replace(second, job=JOB, name=f"{NAME}-r2", job_created=at(21_700)))
    env.summaries.refresh(JOB)
    assert env.now.next_step == f"{NAME}-r2 was created; SageMaker has not reported it yet"
    env.know("Starting=0", f"{NAME}-r2", 21_700)
    assert (env.now.state, env.now.number, env.now.job.name) == (RunState.WAITING, 2, f"{NAME}-r2")
    assert list(env.store.stored) == [RUN]
    env.summaries.refresh(JOB)  # a late message about the first job
    assert env.now.number == 2


def test_the_job_in_hand_needs_no_index() -> None:
    env = Environment(ledger=LateIndex(created=CREATED))
    env.know(ENDED)
    env.decide(RESUBMIT)
    second = replace(outcome_of(OutcomeKind.CREATED), job=JOB, name=f"{NAME}-r2", job_created=at(21_700))
    env.runs.record_outcome(second)
    env.know("Starting=0", f"{NAME}-r2", 21_700)
    assert (env.now.state, env.now.number) == (RunState.WAITING, 2)
    env.summaries.refresh(JOB)
    assert (env.now.state, env.now.number) == (RunState.WAITING, 2)


def test_a_job_of_the_next_name_is_the_next_attempt_only_once_its_outcome_says_it(env: Environment) -> None:
    env.know(ENDED)
    env.decide(RESUBMIT)
    env.know("Starting=0 Training=5 Completed=9", f"{NAME}-r2", 21_700)
    assert (env.now.state, env.now.number) == (RunState.RECOVERING, 1)


def test_a_wait_says_what_recovery_said_of_it_and_not_of_an_earlier_one(env: Environment) -> None:
    env.know("Starting=0")
    assert (env.now.next_step, env.now.next_at) == (None, None)
    env.runs.note_next_step(JOB, NextStep(reason="latest start", at=at(9000), noted_at=at(60)))
    env.summaries.refresh(JOB)
    assert (env.now.next_step, env.now.next_at) == ("latest start", at(9000))
    env.know("Starting=0 Training=390")
    assert env.now.next_step is None
    env.know("Starting=0 Training=390 Interrupted=3720")
    assert env.now.next_step is None


def test_a_pause_is_a_next_step_with_its_time(env: Environment) -> None:
    env.know(ENDED)
    env.runs.note_next_step(JOB, NextStep(reason="after a pause", at=at(25_000), noted_at=at(21_640)))
    env.summaries.refresh(JOB)
    assert (env.now.state, env.now.next_step, env.now.next_at) == (RunState.RECOVERING, "after a pause", at(25_000))
    env.decide(decision_record(Action.REFUSE, reason="stopped by its user"))
    assert (env.now.state, env.now.next_step) == (RunState.STOPPED, None)


def test_a_completed_run_stays_completed_when_its_job_is_deleted(env: Environment) -> None:
    env.know("Starting=0 Training=390 Completed=3720")
    completed = env.now
    env.know("Starting=0 Training=390 Completed=3720 Deleting=9000")
    assert (env.now.state, env.now.end_id, env.now.reason) == (RunState.COMPLETED, f"{RUN}#1", completed.reason)


def test_an_unchanged_run_is_not_written_again(env: Environment) -> None:
    env.know("Starting=0")
    before = env.store.load(RUN)
    env.know("Starting=0")
    assert env.store.load(RUN) == before


def test_a_writer_that_read_too_early_reads_again() -> None:
    """It has read a ledger in which the job trains; another writer's summary of the end comes before its own."""
    store = Raced()
    env = Environment(store)
    env.know("Starting=0")
    store.first = lambda: env.know("Starting=0 Training=390 Completed=3720")
    env.know("Starting=0 Training=390")
    assert env.now.state is RunState.COMPLETED


def test_writers_that_never_win_give_up() -> None:
    env = Environment(Contended())
    with pytest.raises(LedgerContentionError, match="the summary of its run"):
        env.know("Starting=0")


def test_a_job_from_before_the_deployment_is_there_as_history(env: Environment) -> None:
    env.know(ENDED)
    env.decide(decision_record(Action.NOTHING, reason="ended before Respot watched us-east-1"))
    assert (env.now.state, env.now.end_id) == (RunState.STOPPED, f"{RUN}#1")
    assert "before Respot watched" in env.now.reason


def test_drills_and_expired_jobs_have_no_summary(env: Environment) -> None:
    env.summaries.refresh(job_id("DRILL.7d9ec0bcdce9"))
    env.summaries.refresh(JOB)
    assert env.store.stored == {}


def test_the_id_of_a_run_names_its_first_job() -> None:
    job = replace(JOB, created=JOB.created + timedelta(milliseconds=37))
    assert first_job(run_id(job)) == job
    with pytest.raises(ValueError, match="unpack"):
        first_job(RunId("nonsense"))


# --- a summary that cannot be read ----------------------------------------------------------------------------------


def test_a_summary_that_cannot_be_read_is_derived_again_and_said_so(env: Environment) -> None:
    env.know("Starting=0")
    errors: list[UnreadableItemError] = []
    env.summaries = replace(env.summaries, on_rebuilt=errors.append)
    env.store.unreadable.add(RUN)
    env.know("Starting=0 Training=390")
    assert env.now.state is RunState.RUNNING
    assert [error.partition for error in errors] == [RUN]
    env.know("Starting=0 Training=390 Completed=3720")
    assert (env.now.state, len(errors)) == (RunState.COMPLETED, 1)


def test_a_rebuilt_summary_of_a_run_that_had_ended_has_the_same_end(env: Environment) -> None:
    env.know("Starting=0 Training=390 Completed=3720")
    before = env.now
    env.store.unreadable.add(RUN)
    env.summaries.refresh(JOB)
    assert env.now == before


def test_another_item_that_cannot_be_read_leaves_the_summary_as_it_is(env: Environment) -> None:
    env.know("Starting=0")
    env.store.unreadable.add(RUN)
    error = UnreadableItemError("job", "state", "spoiled")
    env.summaries = replace(env.summaries, ledger=Unreadable(created=CREATED, error=error))
    with pytest.raises(UnreadableItemError) as caught:
        env.summaries.refresh(JOB)
    assert caught.value is error
    assert RUN in env.store.unreadable


@dataclass(slots=True, kw_only=True)
class Unreadable(MemoryLedger):
    """A ledger whose jobs cannot be read."""

    error: UnreadableItemError

    def load(self, job: JobId) -> JobRecord:
        del job
        raise self.error


@dataclass(slots=True)
class RebuiltByAnother(MemorySummaries):
    """A store in which somebody else rebuilds the summary first."""

    first: Callable[[], None] | None = None

    def rebuild(self, summary: RunSummary, *, over: UnreadableItemError) -> bool:
        if first := self.first:
            self.first = None
            first()
        return MemorySummaries.rebuild(self, summary, over=over)


@pytest.mark.parametrize("unreadable_again", [False, True])
def test_of_two_that_rebuild_a_summary_the_last_one_has_read_everything(*, unreadable_again: bool) -> None:
    """The other one may be a newer version, which writes what this one cannot read."""
    store = RebuiltByAnother()
    env = Environment(store)
    env.know("Starting=0")
    outdated = env.now

    def rebuild() -> None:
        assert MemorySummaries.rebuild(store, outdated, over=read_error(store, RUN))
        env.ledger.save(reconcile(env.ledger.load(JOB), snapshot("Starting=0 Training=390 Completed=3720")))
        if unreadable_again:
            store.unreadable.add(RUN)

    store.unreadable.add(RUN)
    store.first = rebuild
    env.summaries.refresh(JOB)
    assert env.now.state is RunState.COMPLETED
