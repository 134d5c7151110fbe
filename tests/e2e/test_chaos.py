"""The short form of `make chaos`: several faults at once between the functions and an account of its own."""

from collections.abc import Iterator

import pytest

from local.chaos.faults import FAULTS, QUICK, SERVICES
from local.chaos.runner import Chaos, Round, chaos
from local.chaos.subjects import SMALL
from respot.bootstrap.time_budget import CALL_LIMITS

pytestmark = pytest.mark.xdist_group("chaos")


@pytest.fixture(scope="module")
def there() -> Iterator[Chaos]:
    with chaos(SMALL) as started:
        yield started


@pytest.fixture(scope="module")
def calm(there: Chaos) -> Round:
    return there.undisturbed()


def test_undisturbed_every_call_of_the_functions_passes_through_the_proxy_unharmed(calm: Round) -> None:
    assert (calm.judgement.lost, calm.judgement.doubled, calm.judgement.wrong) == ([], [], [])
    assert calm.counts.calls > 50
    assert (calm.counts.hit, calm.counts.killed) == (0, 0)


def test_under_several_faults_at_once_nothing_is_lost_or_doubled(there: Chaos, calm: Round) -> None:
    (fault,) = QUICK
    troubled = there.play(fault, calm.judgement.fates)
    found = troubled.judgement
    assert (found.lost, found.doubled, found.wrong) == ([], [], [])
    assert troubled.heal_seconds is not None
    assert troubled.counts.hit > 10
    assert troubled.counts.retries > 0


def test_every_service_that_a_function_calls_is_throttled_in_its_own_round() -> None:
    assert CALL_LIMITS.keys() == SERVICES
    assert {f"throttle-{service}" for service in SERVICES} <= {fault.name for fault in FAULTS}


def test_the_faults_have_names_of_their_own_that_none_of_the_others_begins_with() -> None:
    names = [f"{fault.name}-" for fault in (*FAULTS, *QUICK)]
    assert [(one, other) for one in names for other in names if one is not other and other.startswith(one)] == []
