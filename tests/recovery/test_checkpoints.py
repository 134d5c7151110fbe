"""From which checkpoint a run goes on, and who else writes there."""

import pytest

from respot.recovery.records import OutcomeKind
from tests.support.builders import NAME
from tests.support.recovery_bench import SECOND, RecoveryBench
from tests.support.troubled import DiedError


def test_a_listing_that_was_cut_is_said_to_be(bench: RecoveryBench) -> None:
    bench.checkpoints.limit = 1
    bench.save(100)
    job = bench.ended()
    bench.recover(job)
    assert bench.decision(job).decision.inputs["listing"] == "cut short"
    assert bench.sagemaker.created == [SECOND]


def test_without_a_checkpoint_the_next_attempt_would_start_from_scratch(bench: RecoveryBench) -> None:
    job = bench.ended()
    bench.checkpoints.buckets["ml-bucket"].clear()
    bench.recover(job)
    assert "would start from scratch" in bench.decision(job).decision.reason


def test_where_none_is_required_it_starts_from_scratch_and_says_what_is_lost(bench: RecoveryBench) -> None:
    bench.set_policy(require_checkpoint=False)
    job = bench.ended(checkpoint_uri=None)
    bench.recover(job)
    assert "starts from scratch, 1 h 10 min of training lost" in bench.outcome(job).story


def test_a_checkpoint_location_that_is_none_is_an_obstacle(bench: RecoveryBench) -> None:
    job = bench.ended(checkpoint_uri="file:///tmp")
    bench.recover(job)
    assert "is not a place in S3" in bench.decision(job).decision.reason


def test_another_live_job_at_the_same_checkpoints_is_an_intruder(bench: RecoveryBench) -> None:
    bench.submit("other", checkpoint_uri=f"s3://ml-bucket/checkpoints/{NAME}/")
    bench.submit("elsewhere", checkpoint_uri="s3://ml-bucket/elsewhere/")
    bench.submit("nowhere", checkpoint_uri="file:///tmp")
    job = bench.ended()
    bench.recover(job)
    assert bench.decision(job).decision.reason.endswith("overlapping checkpoint location: other")


def test_the_runs_own_next_attempt_is_no_intruder(bench: RecoveryBench) -> None:
    job = bench.ended()
    bench.afterwards["sagemaker.create"] = DiedError()
    with pytest.raises(DiedError):
        bench.recover(job)
    bench.afterwards.clear()
    bench.observe(SECOND)
    bench.recover(job)
    assert bench.outcome(job).kind is OutcomeKind.CREATED


def test_a_neighbour_that_ended_unnoticed_is_no_intruder(bench: RecoveryBench) -> None:
    bench.submit("other", checkpoint_uri=f"s3://ml-bucket/checkpoints/{NAME}/")
    bench.sagemaker.move("other", "Failed", "AlgorithmError: its event was lost")
    job = bench.ended()
    bench.recover(job)
    assert bench.sagemaker.created == [SECOND]


def test_of_two_runs_at_one_location_only_one_is_resumed_at_a_time(bench: RecoveryBench) -> None:
    place = f"s3://ml-bucket/checkpoints/{NAME}/"
    bench.submit("other", checkpoint_uri=place)
    other = bench.end(name="other")
    job = bench.ended()
    bench.recover(job)
    bench.recover(other)
    assert bench.sagemaker.created == [SECOND]
    assert bench.decision(other).decision.reason.endswith(f"overlapping checkpoint location: {SECOND}")
