"""From which checkpoint a run goes on, and who else writes there."""

import pytest

from respot.recovery.records import OutcomeKind
from tests.support.builders import NAME
from tests.support.faulty import ProcessCrashError
from tests.support.recovery_environment import SECOND, RecoveryEnvironment


def test_a_listing_that_was_cut_is_said_to_be(env: RecoveryEnvironment) -> None:
    env.checkpoints.limit = 1
    env.save(100)
    job = env.ended()
    env.recover(job)
    assert env.decision(job).decision.inputs["listing"] == "cut short"
    assert env.sagemaker.created == [SECOND]


def test_without_a_checkpoint_the_next_attempt_would_start_from_scratch(env: RecoveryEnvironment) -> None:
    job = env.ended()
    env.checkpoints.buckets["ml-bucket"].clear()
    env.recover(job)
    assert "would start from scratch" in env.decision(job).decision.reason


def test_without_a_required_checkpoint_it_starts_from_scratch(env: RecoveryEnvironment) -> None:
    env.set_policy(require_checkpoint=False)
    job = env.ended(checkpoint_uri=None)
    env.recover(job)
    assert "starts from scratch, 1 h 10 min of training lost" in env.outcome(job).summary


def test_a_checkpoint_location_that_is_none_is_an_obstacle(env: RecoveryEnvironment) -> None:
    job = env.ended(checkpoint_uri="file:///tmp")
    env.recover(job)
    assert "is not a place in S3" in env.decision(job).decision.reason


def test_another_live_job_at_the_same_checkpoints_is_an_intruder(env: RecoveryEnvironment) -> None:
    env.submit("other", checkpoint_uri=f"s3://ml-bucket/checkpoints/{NAME}/")
    env.submit("elsewhere", checkpoint_uri="s3://ml-bucket/elsewhere/")
    env.submit("nowhere", checkpoint_uri="file:///tmp")
    job = env.ended()
    env.recover(job)
    assert env.decision(job).decision.reason.endswith("overlapping checkpoint location: other")


def test_the_runs_own_next_attempt_is_no_intruder(env: RecoveryEnvironment) -> None:
    job = env.ended()
    env.afterwards["sagemaker.create"] = ProcessCrashError()
    with pytest.raises(ProcessCrashError):
        env.recover(job)
    env.afterwards.clear()
    env.observe(SECOND)
    env.recover(job)
    assert env.outcome(job).kind is OutcomeKind.CREATED


def test_a_neighbour_that_ended_unnoticed_is_no_intruder(env: RecoveryEnvironment) -> None:
    env.submit("other", checkpoint_uri=f"s3://ml-bucket/checkpoints/{NAME}/")
    env.sagemaker.move("other", "Failed", "AlgorithmError: its event was lost")
    job = env.ended()
    env.recover(job)
    assert env.sagemaker.created == [SECOND]


def test_of_two_runs_at_one_location_only_one_is_resumed_at_a_time(env: RecoveryEnvironment) -> None:
    place = f"s3://ml-bucket/checkpoints/{NAME}/"
    env.submit("other", checkpoint_uri=place)
    other = env.end(name="other")
    job = env.ended()
    env.recover(job)
    env.recover(other)
    assert env.sagemaker.created == [SECOND]
    assert env.decision(other).decision.reason.endswith(f"overlapping checkpoint location: {SECOND}")
