"""Neighbours at one checkpoint location: one that lives is enough to refuse, and few of hundreds are asked about."""

from datetime import timedelta

import pytest

from respot.errors import UpstreamUnavailableError
from respot.jobs.job import JobId
from respot.recovery.context import MOST_LOOKS
from tests.support.builders import NAME
from tests.support.recovery_bench import SECOND, RecoveryBench

HERE = f"s3://ml-bucket/checkpoints/{NAME}/"


@pytest.fixture
def bench() -> RecoveryBench:
    return RecoveryBench()


def crowd(bench: RecoveryBench, count: int) -> list[str]:
    """Other jobs that write to the same place, the oldest first; the ledger holds all of them to be alive."""
    names = [f"other-{number:03}" for number in range(count)]
    for name in names:
        bench.submit(name, checkpoint_uri=HERE)
        bench.clock.pass_by(timedelta(seconds=1))
    return names


def end_unnoticed(bench: RecoveryBench, names: list[str]) -> None:
    for name in names:
        bench.sagemaker.move(name, "Failed", "AlgorithmError: its event was lost")


def describes(bench: RecoveryBench, job: JobId) -> int:
    bench.calls.clear()
    bench.recover(job)
    return bench.calls.count("sagemaker.describe")


def test_of_hundreds_that_live_three_are_asked_about_and_named(bench: RecoveryBench) -> None:
    names = crowd(bench, 300)
    job = bench.ended()
    assert describes(bench, job) == 3
    assert bench.decision(job).decision.reason == (
        f"another job writes to an overlapping checkpoint location: {', '.join(reversed(names[-3:]))}"
    )


def test_the_newest_are_asked_about_first(bench: RecoveryBench) -> None:
    names = crowd(bench, 300)
    job = bench.ended()
    end_unnoticed(bench, names[: -MOST_LOOKS + 1])
    end_unnoticed(bench, names[-MOST_LOOKS + 2 :])
    assert describes(bench, job) == MOST_LOOKS
    assert bench.decision(job).decision.reason.endswith(f"location: {names[-MOST_LOOKS + 1]}")


def test_if_all_that_were_asked_about_have_ended_nothing_is_concluded_of_the_others(bench: RecoveryBench) -> None:
    names = crowd(bench, MOST_LOOKS + 1)
    job = bench.ended()
    end_unnoticed(bench, names[1:])
    bench.calls.clear()
    with pytest.raises(
        UpstreamUnavailableError, match="20 of 21 neighbours in the ledger have ended; look again later"
    ):
        bench.recover(job)
    assert bench.calls.count("sagemaker.describe") == MOST_LOOKS
    assert (bench.runs.decisions, bench.sagemaker.created) == ({}, [])
    bench.observe(names[-1])
    bench.recover(job)
    assert bench.decision(job).decision.reason.endswith(f"location: {names[0]}")


def test_if_all_have_ended_and_all_were_asked_about_nobody_is_in_the_way(bench: RecoveryBench) -> None:
    names = crowd(bench, MOST_LOOKS)
    job = bench.ended()
    end_unnoticed(bench, names)
    bench.recover(job)
    assert bench.sagemaker.created == [SECOND]
