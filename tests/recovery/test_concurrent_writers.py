"""Concurrent writers at one checkpoint location: a live one is enough to refuse; of hundreds, few are described."""

from datetime import timedelta

import pytest

from respot.errors import UpstreamUnavailableError
from respot.jobs.job import JobId
from respot.recovery.load_context import MOST_DESCRIBED
from tests.support.builders import NAME
from tests.support.recovery_environment import SECOND, RecoveryEnvironment

HERE = f"s3://ml-bucket/checkpoints/{NAME}/"


@pytest.fixture
def env() -> RecoveryEnvironment:
    return RecoveryEnvironment()


def crowd(env: RecoveryEnvironment, count: int) -> list[str]:
    """Other jobs that write to the same place, the oldest first; the ledger holds all of them to be alive."""
    names = [f"other-{number:03}" for number in range(count)]
    for name in names:
        env.submit(name, checkpoint_uri=HERE)
        env.clock.pass_by(timedelta(seconds=1))
    return names


def end_unnoticed(env: RecoveryEnvironment, names: list[str]) -> None:
    for name in names:
        env.sagemaker.move(name, "Failed", "AlgorithmError: its event was lost")


def describes(env: RecoveryEnvironment, job: JobId) -> int:
    env.calls.clear()
    env.recover(job)
    return env.calls.count("sagemaker.describe")


def test_of_hundreds_that_live_three_are_asked_about_and_named(env: RecoveryEnvironment) -> None:
    names = crowd(env, 300)
    job = env.ended()
    assert describes(env, job) == 3
    assert env.decision(job).decision.reason == (
        f"another job writes to an overlapping checkpoint location: {', '.join(reversed(names[-3:]))}"
    )


def test_the_newest_are_asked_about_first(env: RecoveryEnvironment) -> None:
    names = crowd(env, 300)
    job = env.ended()
    end_unnoticed(env, names[: -MOST_DESCRIBED + 1])
    end_unnoticed(env, names[-MOST_DESCRIBED + 2 :])
    assert describes(env, job) == MOST_DESCRIBED
    assert env.decision(job).decision.reason.endswith(f"location: {names[-MOST_DESCRIBED + 1]}")


def test_ended_jobs_say_nothing_about_writers_that_were_not_described(env: RecoveryEnvironment) -> None:
    names = crowd(env, MOST_DESCRIBED + 1)
    job = env.ended()
    end_unnoticed(env, names[1:])
    env.calls.clear()
    with pytest.raises(UpstreamUnavailableError, match="20 of 21 possible writers have ended; repeat later"):
        env.recover(job)
    assert env.calls.count("sagemaker.describe") == MOST_DESCRIBED
    assert (env.runs.decisions, env.sagemaker.created) == ({}, [])
    env.observe(names[-1])
    env.recover(job)
    assert env.decision(job).decision.reason.endswith(f"location: {names[0]}")


def test_if_all_have_ended_and_all_were_asked_about_nobody_is_in_the_way(env: RecoveryEnvironment) -> None:
    names = crowd(env, MOST_DESCRIBED)
    job = env.ended()
    end_unnoticed(env, names)
    env.recover(job)
    assert env.sagemaker.created == [SECOND]
