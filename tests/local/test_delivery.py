"""Faults in the delivery of events."""

import pytest

from local.sagemaker.faults import DeliveryFaults

JOB = "arn:aws:sagemaker:us-east-1:111122223333:training-job/job-1"


def test_without_faults_each_event_arrives_once_and_at_once() -> None:
    assert DeliveryFaults.parse("").holds(JOB, 0) == (0.0,)


def test_all_faults_can_be_asked_for() -> None:
    assert DeliveryFaults.parse("copies=3 shuffle=1 delay=0.5 drop=0.3 seed=7") == DeliveryFaults(
        copies=3,
        shuffle=1,
        delay=0.5,
        drop=0.3,
        seed=7,
    )


def test_copies_are_late_and_shuffled_within_bounds() -> None:
    faults = DeliveryFaults.parse("copies=3 shuffle=1 delay=0.5")
    holds = [hold for sequence in range(50) for hold in faults.holds(JOB, sequence)]
    assert len(holds) == 150
    assert len(set(holds)) == 150
    assert 0.5 <= min(holds) <= 0.6
    assert 1.4 <= max(holds) <= 1.5


def test_the_same_seed_gives_the_same_faults() -> None:
    def faults(seed: int) -> list[tuple[float, ...]]:
        return [DeliveryFaults(copies=2, shuffle=1, drop=0.3, seed=seed).holds(JOB, n) for n in range(20)]

    assert faults(1) == faults(1)
    assert faults(1) != faults(2)


def test_all_events_or_a_share_of_them_can_get_lost() -> None:
    assert not any(DeliveryFaults.parse("drop=all").holds(JOB, sequence) for sequence in range(50))
    arrived = sum(bool(DeliveryFaults.parse("drop=0.3 copies=2").holds(JOB, sequence)) for sequence in range(1000))
    assert 650 <= arrived <= 750


@pytest.mark.parametrize("text", ["copies", "copies=many", "lose=1", "drop=2", "delay=-1"])
def test_a_bad_request_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"none of copies"):
        DeliveryFaults.parse(text)
