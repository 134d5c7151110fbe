"""A state whose writer died before it wrote the transitions: it leads to another Describe, and to no decision."""

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
from tests.support.recovery_environment import RecoveryEnvironment
from tests.support.sweep_environment import NOW, Environment

ENDED = "Starting=0 Downloading=250 Training=390 Stopping=3600 Stopped=3620"


def half_written(ledger: MemoryLedger, seen: JobSnapshot) -> None:
    """The state is there; the transitions that came with it are not."""
    ledger.save(replace(reconcile(ledger.load(seen.state.job), seen), inserted=()))


def end_half_written(env: RecoveryEnvironment, status: str, *, after: timedelta, checkpoint: int | None) -> JobId:
    """The job trains. Of its end the ledger has only the state."""
    for each in ("Downloading", "Training"):
        env.sagemaker.move(NAME, each)
    if checkpoint:
        env.observe(NAME)  # else the ledger has no transition after the first
    env.clock.pass_by(after)
    if checkpoint:
        env.save(checkpoint)
    env.sagemaker.move(NAME, status)
    seen = env.sagemaker.describe(env.sagemaker.region, NAME)
    assert seen is not None
    half_written(env.ledger, replace(seen, state=replace(seen.state, tags=dict(env.sagemaker.jobs[NAME].tags))))
    return seen.state.job


# --- what is decided ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("checkpoint", "action"),
    [(1, Action.RESUBMIT), (None, Action.REFUSE)],  # it requires a checkpoint
    ids=["resumed, and not refused for its age", "not started from scratch"],
)
def test_nothing_is_decided_on_an_end_that_is_not_written_yet(checkpoint: int | None, action: Action) -> None:
    env = RecoveryEnvironment()
    env.submit()
    job = end_half_written(env, "MaxWaitTimeExceeded", after=timedelta(days=4), checkpoint=checkpoint)
    later = env.recover(job)
    assert later is not None
    assert "lacks the transition with which it ended" in later.reason
    assert job not in env.runs.decisions
    env.observe(NAME)
    assert env.recover(job) is None
    assert env.decision(job).decision.action is action
    assert len(env.sagemaker.created) == (action is Action.RESUBMIT)


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
def test_a_record_lacks_an_unmarked_end(
    status: str, secondary: str, transitions: tuple[str, ...], *, lacking: bool
) -> None:
    unfinished = state(status=status, secondary_status=secondary)
    known = tuple(transition(each, 10 * number) for number, each in enumerate(transitions))
    assert lacks_its_end(JobRecord(state=unfinished, transitions=known, version=1)) is lacking
    assert not lacks_its_end(JobRecord())


# --- how it is corrected ----------------------------------------------------------------------------------------------


@pytest.fixture
def env() -> Environment:
    """A sweep was just made when the job ends."""
    env = Environment()
    env.watched(last=NOW)
    return env


def described_again(env: Environment) -> tuple[Recorded, ...]:
    """What `record` does with the sweep's observations."""
    observations = [parse(message(write_recheck(sent)).body) for sent, _ in env.rechecks.sent]
    return Recorder(jobs=env.jobs, ledger=env.ledger).record(REGION, NAME, observations)


def ended_just_now(env: Environment) -> JobSnapshot:
    env.put(job_id(created=NOW - timedelta(seconds=3620)), ENDED)
    seen = env.jobs.snapshots[REGION, NAME]
    half_written(env.ledger, seen)
    return seen


def test_a_half_written_end_is_described_again_and_not_decided_on(env: Environment) -> None:
    seen = ended_just_now(env)
    env.clock.pass_by(timedelta(minutes=11))
    env.sweep()
    assert env.names() == [NAME]
    assert (env.recoveries.sent, env.due_alerts.sent) == ([], [])
    (recorded,) = described_again(env)
    assert recorded.inserted == seen.history
    assert recorded.missed_by_events == ()  # an event did report it
    assert not lacks_its_end(env.ledger.load(seen.state.job))


def test_a_half_written_and_deleted_job_gets_its_end_from_its_state(env: Environment) -> None:
    seen = ended_just_now(env)
    env.jobs.snapshots.clear()
    env.clock.pass_by(timedelta(minutes=11))
    env.sweep()
    (recorded,) = described_again(env)
    assert [(transition.status, transition.started) for transition in recorded.inserted] == [
        ("Stopped", seen.state.last_modified)
    ]
    assert not lacks_its_end(env.ledger.load(seen.state.job))
