"""A state that was written without its transitions, since its writer died: it leads to another look only."""

from dataclasses import replace
from datetime import timedelta

import pytest

from respot.jobs.job import JobId, JobRecord, JobSnapshot
from respot.jobs.lifecycle import lacks_its_end
from respot.jobs.merge import reconcile
from respot.recording.observation import parse, write_recheck
from respot.recording.recorder import Recorded, Recorder
from respot.recovery.planning.decision import Action
from tests.support.builders import NAME, REGION, job_id, message, state, transition
from tests.support.memory import MemoryLedger
from tests.support.recovery_bench import RecoveryBench
from tests.support.sweep_bench import NOW, Bench

ENDED = "Starting=0 Downloading=250 Training=390 Stopping=3600 Stopped=3620"


def half_written(ledger: MemoryLedger, seen: JobSnapshot) -> None:
    """The state is there; the transitions that came with it are not."""
    ledger.save(replace(reconcile(ledger.load(seen.state.job), seen), inserted=()))


def end_unheard(bench: RecoveryBench, status: str, *, after: timedelta) -> JobId:
    """The job trains, and of its end the ledger has the state alone."""
    for each in ("Downloading", "Training"):
        bench.sagemaker.move(NAME, each)
    bench.observe(NAME)
    bench.clock.pass_by(after)
    bench.save(1)
    bench.sagemaker.move(NAME, status)
    seen = bench.sagemaker.describe(bench.sagemaker.region, NAME)
    assert seen is not None
    half_written(bench.ledger, replace(seen, state=replace(seen.state, tags=dict(bench.sagemaker.jobs[NAME].tags))))
    return seen.state.job


# --- what is decided ------------------------------------------------------------------------------------------------


def test_a_run_that_trained_for_days_is_not_given_up_for_an_end_that_is_not_written_yet() -> None:
    bench = RecoveryBench()
    bench.submit()
    job = end_unheard(bench, "MaxWaitTimeExceeded", after=timedelta(days=4))
    later = bench.recover(job)
    assert later is not None
    assert "lacks the transition with which it ended" in later.reason
    assert job not in bench.runs.decisions
    bench.observe(NAME)
    assert bench.recover(job) is None
    assert bench.decision(job).decision.action is Action.RESUBMIT
    assert len(bench.sagemaker.created) == 1


def test_a_job_that_trained_is_not_started_from_scratch_because_its_stays_are_not_written_yet() -> None:
    bench = RecoveryBench()
    job = bench.sagemaker.submit(NAME, {"respot:resume": "on"})
    for each in ("Downloading", "Training"):
        bench.sagemaker.move(NAME, each)
    bench.clock.pass_by(timedelta(hours=1))
    bench.sagemaker.move(NAME, "MaxWaitTimeExceeded")
    seen = bench.sagemaker.describe(bench.sagemaker.region, NAME)
    assert seen is not None
    half_written(bench.ledger, replace(seen, state=replace(seen.state, tags=dict(bench.sagemaker.jobs[NAME].tags))))
    assert bench.recover(job) is not None
    bench.observe(NAME)
    bench.recover(job)
    assert bench.decision(job).decision.action is Action.REFUSE  # it requires a checkpoint, and has none
    assert bench.sagemaker.created == []


@pytest.mark.parametrize(
    ("status", "secondary", "transitions", "lacking"),
    [
        ("Stopped", "Stopped", (), True),
        ("Stopped", "MaxWaitTimeExceeded", ("Starting", "Stopping"), True),
        ("Stopped", "MaxWaitTimeExceeded", ("Starting", "Stopping", "MaxWaitTimeExceeded"), False),
        ("Stopped", "MaxWaitTimeExceeded", ("Starting", "Stopped"), False),
        ("Failed", "Quarantined", ("Starting", "Quarantined"), True),  # an older version wrote it, and marked no ends
        ("InProgress", "Training", ("Starting",), False),
        ("Deleting", "Training", ("Starting",), False),
    ],
)
def test_what_lacks_its_end(status: str, secondary: str, transitions: tuple[str, ...], lacking: bool) -> None:  # noqa: FBT001
    told = state(status=status, secondary_status=secondary)
    known = tuple(transition(each, 10 * number) for number, each in enumerate(transitions))
    assert lacks_its_end(JobRecord(state=told, transitions=known, version=1)) is lacking


def test_a_job_that_nobody_knows_lacks_nothing() -> None:
    assert not lacks_its_end(JobRecord())


# --- how it heals ---------------------------------------------------------------------------------------------------


@pytest.fixture
def bench() -> Bench:
    """A sweep was just made when the job ends."""
    bench = Bench()
    bench.watched(last=NOW)
    return bench


def looked_at(bench: Bench) -> tuple[Recorded, ...]:
    """What `record` makes of the sweep's looks."""
    observations = [parse(message(write_recheck(look)).body) for look, _ in bench.rechecks.sent]
    return Recorder(jobs=bench.jobs, ledger=bench.ledger).record(REGION, NAME, observations)


def ended_just_now(bench: Bench) -> JobSnapshot:
    bench.put(job_id(created=NOW - timedelta(seconds=3620)), ENDED)
    seen = bench.jobs.snapshots[REGION, NAME]
    half_written(bench.ledger, seen)
    return seen


def test_the_check_of_a_half_written_end_has_it_looked_at_and_not_decided_on(bench: Bench) -> None:
    seen = ended_just_now(bench)
    bench.clock.pass_by(timedelta(minutes=11))
    bench.sweep()
    assert bench.names() == [NAME]
    assert (bench.recoveries.sent, bench.due_alerts.sent) == ([], [])
    (recorded,) = looked_at(bench)
    assert recorded.inserted == seen.history
    assert recorded.untold == ()  # an event did tell of it
    assert not lacks_its_end(bench.ledger.load(seen.state.job))


def test_of_a_half_written_job_that_was_deleted_the_end_is_told_by_its_state(bench: Bench) -> None:
    seen = ended_just_now(bench)
    bench.jobs.snapshots.clear()
    bench.clock.pass_by(timedelta(minutes=11))
    bench.sweep()
    (recorded,) = looked_at(bench)
    assert [(transition.status, transition.started) for transition in recorded.inserted] == [
        ("Stopped", seen.state.last_modified)
    ]
    assert not lacks_its_end(bench.ledger.load(seen.state.job))
