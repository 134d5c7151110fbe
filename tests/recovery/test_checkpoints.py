"""From which checkpoint a run goes on, and who else writes there: one live job is enough to refuse."""

from datetime import timedelta

import pytest

from respot.errors import CreateRefusedError, UnreadableItemError, UpstreamUnavailableError
from respot.jobs.job import JobId
from respot.recovery.decide import Later
from respot.recovery.planning.decision import Action
from respot.recovery.records import Outcome, OutcomeKind
from respot.recovery.unknown_writers import MOST_DESCRIBED
from tests.support.builders import NAME
from tests.support.memory import MemoryRunStore
from tests.support.recovery_environment import SECOND, RecoveryEnvironment
from tests.support.with_hooks import ProcessCrashError

OVERLAPPING = "another job writes to an overlapping checkpoint location: "


def test_a_listing_that_was_cut_is_said_to_be(env: RecoveryEnvironment) -> None:
    env.checkpoints.limit = 1
    env.save(100)
    job = env.ended()
    env.recover(job)
    assert env.decision(job).decision.inputs["listing"] == "cut short"
    assert env.sagemaker.created == [SECOND]


def test_without_a_required_checkpoint_it_starts_from_scratch(env: RecoveryEnvironment) -> None:
    env.set_policy(require_checkpoint=False)
    job = env.ended(checkpoint_uri=None)
    env.recover(job)
    assert "starts from scratch, 1 h 10 min of training lost" in env.outcome(job).summary


def test_another_live_job_at_the_same_checkpoints_is_an_intruder(env: RecoveryEnvironment) -> None:
    env.intrude()
    env.submit("elsewhere", checkpoint_uri="s3://ml-bucket/elsewhere/")
    env.submit("nowhere", checkpoint_uri="file:///tmp")
    job = env.ended()
    env.recover(job)
    assert env.decision(job).decision.reason == f"{OVERLAPPING}other"


@pytest.mark.parametrize(("name", "is_intruder"), [("other", True), ("elsewhere", False)])
def test_a_live_job_whose_location_cannot_be_read_is_described(
    env: RecoveryEnvironment, monkeypatch: pytest.MonkeyPatch, name: str, *, is_intruder: bool
) -> None:
    if is_intruder:
        env.intrude()
    env.submit("elsewhere", checkpoint_uri="s3://ml-bucket/elsewhere/")
    job = env.ended()
    live = type(env.runs).live
    monkeypatch.setattr(
        type(env.runs),
        "live",
        lambda runs, region: tuple((other, None) for other, _ in live(runs, region) if other.name == name),
    )
    env.recover(job)
    assert (env.decision(job).decision.reason == f"{OVERLAPPING}other") == is_intruder


def test_the_runs_own_next_attempt_is_no_intruder(env: RecoveryEnvironment) -> None:
    job = env.ended()
    env.afterwards["sagemaker.create"] = ProcessCrashError()
    with pytest.raises(ProcessCrashError):
        env.recover(job)
    env.afterwards.clear()
    env.observe(SECOND)
    env.recover(job)
    assert env.outcome(job).kind is OutcomeKind.CREATED


def test_of_two_runs_at_one_location_only_one_is_resumed_at_a_time(env: RecoveryEnvironment) -> None:
    env.intrude()
    other = env.end(name="other")
    job = env.ended()
    env.recover(job)
    env.recover(other)
    assert env.sagemaker.created == [SECOND]
    assert env.decision(other).decision.reason == f"{OVERLAPPING}{SECOND}"


def reserved_by_another(env: RecoveryEnvironment) -> tuple[JobId, JobId]:
    """The user's job, and one of another run, whose next attempt is decided on and not settled."""
    env.intrude()
    other = env.end(name="other")
    job = env.ended()
    env.afterwards["runs.decide"] = ProcessCrashError()
    with pytest.raises(ProcessCrashError):
        env.recover(other)
    env.afterwards.clear()
    assert env.runs.outcomes == {}
    return job, other


def test_a_location_stays_reserved_while_the_other_runs_attempt_is_not_settled(env: RecoveryEnvironment) -> None:
    job, other = reserved_by_another(env)
    env.recover(job)
    assert env.decision(job).decision.reason == f"{OVERLAPPING}other-r2"
    env.recover(other)
    assert env.sagemaker.created == ["other-r2"]


def test_a_location_is_free_once_the_other_runs_attempt_has_failed_to_be_created(env: RecoveryEnvironment) -> None:
    job, other = reserved_by_another(env)
    env.faults["sagemaker.create"] = CreateRefusedError("no such role")
    env.recover(other)
    assert env.outcome(other).kind is OutcomeKind.FAILED
    env.faults.clear()
    env.recover(job)
    assert env.sagemaker.created == [SECOND]


@pytest.mark.parametrize("gone", [True, False])
def test_an_outcome_of_another_run_that_cannot_be_read_leaves_it_to_sagemaker_whether_its_attempt_lives(
    env: RecoveryEnvironment, monkeypatch: pytest.MonkeyPatch, *, gone: bool
) -> None:
    job, other = reserved_by_another(env)
    env.recover(other)
    env.runs.lagging = {"other-r2"}
    read = type(env.runs).outcome

    def outcome(runs: MemoryRunStore, asked: JobId) -> Outcome | None:
        if asked == other:
            raise UnreadableItemError("job", "outcome", "newer schema")
        return read(runs, asked)

    monkeypatch.setattr(type(env.runs), "outcome", outcome)
    if gone:
        del env.sagemaker.jobs["other-r2"]
    env.recover(job)
    assert (env.decision(job).decision.action is Action.RESUBMIT) == gone


def test_a_run_that_loses_the_race_for_a_location_tries_again(env: RecoveryEnvironment) -> None:
    env.intrude()
    other = env.end(name="other")
    job = env.ended()
    env.before["runs.decide"] = lambda: env.recover(other)
    assert env.recover(job) == Later(reason="another run has just reserved the checkpoint location; try again")
    assert env.sagemaker.created == ["other-r2"]
    assert env.recover(job) is None
    assert env.decision(job).decision.reason == f"{OVERLAPPING}other-r2"


# --- few of hundreds are asked about


def crowd(env: RecoveryEnvironment, count: int) -> list[str]:
    """Other jobs that write to the same place, the oldest first; the ledger holds all of them to be alive."""
    names = [f"other-{number:03}" for number in range(count)]
    for name in names:
        env.intrude(name)
        env.clock.pass_by(timedelta(seconds=1))
    return names


def end_unnoticed(env: RecoveryEnvironment, names: list[str]) -> None:
    for name in names:
        env.sagemaker.move(name, "Failed", "AlgorithmError: its event was lost")
    env.calls.clear()


def test_of_hundreds_that_live_three_are_asked_about_and_named(env: RecoveryEnvironment) -> None:
    names = crowd(env, 300)
    job = env.ended()
    env.calls.clear()
    env.recover(job)
    assert env.calls.count("sagemaker.describe") == 3
    assert env.decision(job).decision.reason == OVERLAPPING + ", ".join(reversed(names[-3:]))


def test_the_newest_are_asked_about_first(env: RecoveryEnvironment) -> None:
    names = crowd(env, 300)
    job = env.ended()
    alive = names.pop(-MOST_DESCRIBED + 1)
    end_unnoticed(env, names)
    env.recover(job)
    assert env.calls.count("sagemaker.describe") == MOST_DESCRIBED
    assert env.decision(job).decision.reason == OVERLAPPING + alive


def test_ended_jobs_say_nothing_about_writers_that_were_not_described(env: RecoveryEnvironment) -> None:
    names = crowd(env, MOST_DESCRIBED + 1)
    job = env.ended()
    end_unnoticed(env, names[1:])
    with pytest.raises(UpstreamUnavailableError, match="20 of 21 possible writers have ended; repeat later"):
        env.recover(job)
    assert env.calls.count("sagemaker.describe") == MOST_DESCRIBED
    assert (env.runs.decisions, env.sagemaker.created) == ({}, [])
    env.observe(names[-1])
    env.recover(job)
    assert env.decision(job).decision.reason == OVERLAPPING + names[0]


def test_if_all_have_ended_and_all_were_asked_about_nobody_is_in_the_way(env: RecoveryEnvironment) -> None:
    job_names = crowd(env, MOST_DESCRIBED)
    job = env.ended()
    end_unnoticed(env, job_names)
    env.recover(job)
    assert env.sagemaker.created == [SECOND]


@pytest.mark.parametrize("made", [True, False])
def test_whether_the_job_made_progress_is_remembered(env: RecoveryEnvironment, *, made: bool) -> None:
    job = env.submit()
    env.clock.pass_by(timedelta(minutes=5))
    env.sagemaker.move(NAME, "Training")
    if made:
        env.save(1)
    env.clock.pass_by(timedelta(hours=1))
    env.sagemaker.move(NAME, "MaxWaitTimeExceeded")
    env.observe(NAME)
    env.recover(job)
    assert env.decision(job).made_progress is made
