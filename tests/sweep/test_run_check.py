"""A full pass heals what an earlier version left: runs without a summary, and those that go on after their end."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import NoReturn

import pytest

from respot.errors import LedgerRefusedError, LedgerUnavailableError, UnreadableItemError
from respot.jobs.job import JobId
from respot.queueing import QueueMessage
from respot.recording.consumer import ObservationConsumer
from respot.recording.observation import write_recheck
from respot.recording.recorder import Recorder
from respot.recovery.planning.decision import Action
from respot.recovery.planning.run import RunId, run_id
from respot.recovery.records import AttemptRecord, OutcomeKind
from respot.runs.run_state import RunState
from respot.runs.summary import StoredSummary
from respot.sweep.progress import FULL_AFTER
from tests.support.builders import CREATED, REGION, job_id, retry_schedule
from tests.support.memory import MemoryDelayQueue, MemoryLedger, MemoryRunStore, MemorySummaries
from tests.support.records import decision_record, outcome_of
from tests.support.sweep_environment import ELSEWHERE, Environment, ago, many


@pytest.fixture
def env() -> Environment:
    env = Environment()
    env.watched()
    return env


def stored(env: Environment) -> MemorySummaries:
    assert isinstance(env.summaries.store, MemorySummaries)
    return env.summaries.store


def live(env: Environment, name: str = "long", **before: float) -> JobId:
    """A job that has been in training for long, and that an earlier version recorded."""
    job = job_id(name, created=ago(**(before or {"days": 4})))
    env.both(job, "Starting=0 Training=3600")
    stored(env).stored.pop(run_id(job), None)
    return job


def ended_unseen(env: Environment, name: str = "long") -> JobId:
    """A job whose end an earlier version recorded, and decided on: its summary goes on."""
    job = job_id(name, created=ago(days=5))
    env.both(job, "Starting=0 Training=3600")
    before = stored(env).stored[run_id(job)]
    env.both(job, "Starting=0 Training=3600 Completed=86400")
    env.runs.decide(decision_record(job=job), None)
    stored(env).stored[run_id(job)] = before
    return job


def second(env: Environment, first: JobId) -> JobId:
    """The live second attempt of the job's run."""
    job = job_id(f"{first.name}-r2", created=first.created + timedelta(days=2))
    run = run_id(first)
    env.both(first, "Starting=0 Training=3600 Stopped=86400")
    record = replace(decision_record(Action.RESUBMIT, job=first), next_name=job.name)
    attempt = AttemptRecord(
        run=run, number=2, region=REGION, name=job.name, parent=first, decided_at=first.created + timedelta(days=1)
    )
    env.runs.decide(record, attempt)
    env.runs.record_outcome(outcome_of(OutcomeKind.CREATED, job=first, name=job.name, job_created=job.created))
    env.both(job, "Starting=0 Training=3600")
    return job


def record(env: Environment) -> None:
    """Have `record` handle what the sweep has sent."""
    consumer = ObservationConsumer(
        recorder=Recorder(jobs=env.jobs, ledger=env.ledger),
        retry_schedule=retry_schedule(MemoryDelayQueue()),
        on_recorded=env.summaries.refresh,
    )
    messages = [
        QueueMessage(id=f"{n}", receipt_handle=f"{n}", body=write_recheck(each), receive_count=1, sent=CREATED)
        for n, (each, _) in enumerate(env.rechecks.sent)
    ]
    outcome = consumer.consume(messages, time_left=lambda: timedelta(minutes=1))
    assert not outcome.retries
    assert not any(each.missed_by_events for each in outcome.recorded)  # no event was lost
    env.rechecks.sent.clear()


def settles(env: Environment) -> bool:
    """Whether the next full pass finds nothing more."""
    env.clock.pass_by(FULL_AFTER)
    env.sweep()
    return not env.rechecks.sent


@pytest.mark.parametrize("days", [0.2, 1, 4, 27])
def test_a_live_job_without_a_summary_gets_one_with_the_next_full_pass(env: Environment, days: float) -> None:
    job = live(env, days=days)
    env.sweep()
    record(env)
    assert stored(env).stored[run_id(job)].summary.state is RunState.RUNNING
    assert settles(env)


def test_a_run_that_ended_unseen_ends_with_the_next_full_pass(env: Environment) -> None:
    job = ended_unseen(env)
    env.sweep()
    record(env)
    assert stored(env).stored[run_id(job)].summary.state is RunState.COMPLETED
    assert settles(env)


@pytest.mark.parametrize("others", ["deleted", "name used again"])
def test_it_ends_even_if_sagemaker_no_longer_has_its_job(env: Environment, others: str) -> None:
    job = ended_unseen(env)
    del env.jobs.snapshots[REGION, job.name]
    if others == "name used again":
        env.both(job_id(job.name, created=ago(hours=2)))
    env.sweep()
    record(env)
    assert stored(env).stored[run_id(job)].summary.state is RunState.COMPLETED
    assert settles(env)


def test_a_later_attempt_is_found_whose_run_has_no_summary(env: Environment) -> None:
    first = live(env)
    job = second(env, first)
    stored(env).stored.clear()
    env.sweep()
    assert env.names() == [job.name]
    record(env)
    summary = stored(env).stored[run_id(first)].summary
    assert (summary.job, summary.number) == (job, 2)
    assert settles(env)


@pytest.mark.parametrize("page_length", [1, 100])
def test_a_later_attempt_that_is_summarized_is_left_alone_on_whichever_page_its_run_began(page_length: int) -> None:
    env = Environment(page_length=page_length)
    env.watched()
    second(env, live(env))
    env.sweep()
    assert env.names() == []


def test_a_later_attempt_is_found_whose_run_still_says_that_it_recovers(env: Environment) -> None:
    first = live(env)
    env.summaries.refresh(first)
    before = stored(env).stored[run_id(first)]
    job = second(env, first)
    stored(env).stored[run_id(first)] = before
    env.sweep()
    assert set(env.names()) == {first.name, job.name}
    record(env)
    assert stored(env).stored[run_id(first)].summary.job == job
    assert settles(env)


def test_a_name_like_an_attempts_may_be_a_job_of_its_own(env: Environment) -> None:
    job = live(env, "mine-r2")
    env.sweep()
    record(env)
    assert stored(env).stored[run_id(job)].summary.job == job
    assert settles(env)


def test_a_summary_that_cannot_be_read_is_found_by_its_job_or_by_its_runs_first(env: Environment) -> None:
    running, moved = live(env), live(env, "moved", days=6)
    for job in (running, moved):
        env.summaries.refresh(job)
    last = second(env, moved)
    stored(env).unreadable |= {run_id(running), run_id(moved)}
    env.sweep()
    assert set(env.names()) == {"long", "moved", last.name}
    record(env)
    assert not stored(env).unreadable
    assert settles(env)


@pytest.mark.parametrize("decided", [False, True])
def test_a_run_that_recovers_is_left_to_recovery(env: Environment, *, decided: bool) -> None:
    job = job_id("recovers", created=ago(days=1))
    env.both(job, "Starting=0 Stopped=3600")
    if decided:
        env.runs.decide(decision_record(Action.RESUBMIT, job=job), None)
        env.summaries.refresh(job)
    assert stored(env).stored[run_id(job)].summary.state is RunState.RECOVERING
    env.sweep()
    assert env.names() == []


def test_a_run_that_goes_on_recovering_after_its_decision_ends_with_the_next_full_pass(env: Environment) -> None:
    job = job_id("refused", created=ago(days=1))
    env.both(job, "Starting=0 Stopped=3600")
    env.runs.decide(decision_record(Action.REFUSE, job=job), None)
    env.sweep()
    record(env)
    assert stored(env).stored[run_id(job)].summary.state is RunState.STOPPED
    assert settles(env)


def test_a_created_attempt_that_was_never_reported_is_waited_for_by_the_run_alone(env: Environment) -> None:
    """Its job was deleted before the ledger learned of it: there is nothing to bring up to date."""
    first = job_id("nightly", created=ago(days=4))
    second(env, first)
    for known in (env.ledger.states, env.ledger.transitions):
        for job in [each for each in known if each.name == "nightly-r2"]:
            del known[job]
    del env.jobs.snapshots[REGION, "nightly-r2"]
    env.summaries.refresh(first)
    assert stored(env).stored[run_id(first)].summary.state is RunState.RECOVERING
    env.sweep()
    assert env.names() == []


@pytest.mark.parametrize("unreadable", ["state", "name of the attempt"])
def test_a_live_job_that_no_refresh_could_read_is_left_alone(
    env: Environment, monkeypatch: pytest.MonkeyPatch, unreadable: str
) -> None:
    """What `record` cannot read either would become a dead letter with each full pass."""
    job = second(env, job_id("nightly", created=ago(days=4)))
    stored(env).stored.clear()

    def attempts_named(*_: object) -> NoReturn:
        raise UnreadableItemError("attempt", job.name, "schema 4")

    if unreadable == "state":
        monkeypatch.setattr(MemoryLedger, "state_of", lambda _, jobs: dict.fromkeys(jobs))
    else:
        monkeypatch.setattr(MemoryRunStore, "attempts_named", attempts_named)
    env.sweep()
    assert env.names() == []


def test_an_ended_job_that_recovery_has_not_come_to_does_not_run(env: Environment) -> None:
    job = job_id("ended", created=ago(days=1))
    env.both(job, "Starting=0")
    before = stored(env).stored[run_id(job)]
    env.both(job, "Starting=0 Stopped=3600")
    stored(env).stored[run_id(job)] = before
    env.sweep()
    record(env)
    assert stored(env).stored[run_id(job)].summary.state is RunState.RECOVERING
    assert settles(env)


def test_a_job_that_the_list_lacks_too_is_sent_once(env: Environment) -> None:
    job = live(env)
    del env.jobs.snapshots[REGION, job.name]
    env.sweep()
    ((recheck, _),) = env.rechecks.sent
    assert (recheck.name, recheck.unlisted) == (job.name, job.created)


def test_only_a_full_pass_compares_summaries() -> None:
    env = Environment()
    env.watched(full=ago(minutes=20))
    live(env)
    ended_unseen(env, "ended")
    env.sweep()
    assert env.names() == []
    env.clock.pass_by(timedelta(minutes=30))
    env.sweep()
    assert set(env.names()) == {"long", "ended"}


def test_a_job_that_is_just_being_recorded_is_left_alone(env: Environment) -> None:
    live(env, minutes=4)
    env.sweep()
    assert env.names() == []


def test_another_regions_runs_are_left_to_its_own_pass(env: Environment) -> None:
    there = job_id("there", created=ago(days=1), region=ELSEWHERE)
    env.know(there, "Starting=0 Failed=60")
    env.runs.decide(decision_record(job=there), None)  # its summary does not say that
    env.sweep()
    assert env.names() == []


def test_a_pass_that_is_interrupted_goes_on_where_it_was() -> None:
    """Each page compares what was created in its own stretch of time."""
    env = Environment(page_length=5)
    env.watched()
    jobs = many(30, first=1000)  # no check of the ledger is due
    for job in jobs:
        env.both(job)
    stored(env).stored.clear()
    sweeps = 0
    while sweeps < 20 and env.sweeps.progress[REGION].last_full is None:
        env.sweep(seconds=52)
        sweeps += 1
    assert sweeps > 2
    assert sorted(env.names()) == sorted(job.name for job in jobs)  # each once


@dataclass
class Faulty(MemorySummaries):
    """A store that does not give some summaries."""

    faults: dict[RunId, Exception] = field(default_factory=dict)

    def load(self, run: RunId) -> StoredSummary | None:
        if error := self.faults.get(run):
            raise error
        return MemorySummaries.load(self, run)


@pytest.fixture
def faulty(env: Environment) -> Faulty:
    store = Faulty()
    env.summaries = replace(env.summaries, store=store)
    env.sweeper = env.invocation()
    return store


@pytest.mark.parametrize(
    "error", [UnreadableItemError("run", "summary", "spoiled"), LedgerRefusedError("ValidationException")]
)
def test_one_poison_item_stops_no_other(env: Environment, faulty: Faulty, error: Exception) -> None:
    firsts = [live(env, f"run-{n}", days=4 + n) for n in range(3)]
    lasts = [second(env, first) for first in firsts]
    faulty.stored.clear()
    faulty.faults = {run_id(firsts[1]): error}
    (_, swept) = env.sweep()
    assert swept.complete
    assert set(env.names()) == {last.name for last in lasts}


def test_a_store_that_does_not_answer_stops_the_pass_and_the_next_sweep_goes_on(
    env: Environment, faulty: Faulty
) -> None:
    first = live(env)
    last = second(env, first)
    faulty.stored.clear()
    faulty.faults = {run_id(first): LedgerUnavailableError("throttled")}
    (_, swept) = env.sweep()
    assert (swept.complete, str(swept.error), env.names()) == (False, "throttled", [])
    faulty.faults.clear()
    env.clock.pass_by(timedelta(minutes=5))
    env.sweep()
    assert env.names() == [last.name]
