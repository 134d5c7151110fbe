"""The promises about leases, of `AlertStore`, `DigestStore` and `WeeklyStore`, held against every implementation."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

import pytest

from respot.alerting.kinds import AlertKind
from respot.alerting.ports import LeaseToken
from respot.alerting.weekly.week import week_before
from respot.aws.dynamodb.digests import DynamoDbDigestStore
from respot.aws.dynamodb.weekly import DynamoDbWeeklyStore
from respot.errors import AlertInProgressError
from tests.support.builders import CREATED, at, job_id, transition, window_of
from tests.support.clock import FakeClock
from tests.support.memory import MemoryDigestStore, MemoryLedger
from tests.support.moto_aws import TABLE


@dataclass
class Leases:
    """One alert, or one digest of a pool or a week."""

    lease_at: Callable[..., LeaseToken | None]
    release: Callable[[LeaseToken], None]

    def lease(self, seconds: float) -> LeaseToken:
        """A lease of two minutes."""
        token = self.lease_at(now=at(seconds), lease=timedelta(minutes=2))
        assert token
        return token


@pytest.fixture(params=["an alert in memory", "an alert", "a digest in memory", "a digest", "a weekly digest"])
def leases(request: pytest.FixtureRequest, clock: FakeClock) -> Leases:
    clock.moment = at(1)
    in_memory = request.param.endswith("in memory")
    if request.param.startswith("an alert"):
        ledger = MemoryLedger(created=CREATED) if in_memory else request.getfixturevalue("dynamodb_ledger")
        alert = (job_id(), AlertKind.INTERRUPTED, transition("Interrupted", 3720))
        return Leases(lease_at=partial(ledger.lease_alert, *alert), release=partial(ledger.release_alert, *alert))
    if request.param == "a weekly digest":
        weekly = DynamoDbWeeklyStore(request.getfixturevalue("dynamodb"), TABLE, clock=clock, retention=None)
        week = week_before(CREATED)
        return Leases(lease_at=partial(weekly.lease, week), release=partial(weekly.release, week))
    client = None if in_memory else request.getfixturevalue("dynamodb")
    digests = DynamoDbDigestStore(client, TABLE, clock=clock, retention=None) if client else MemoryDigestStore()
    window = window_of(opener="alert-1")
    return Leases(lease_at=partial(digests.lease_digest, window), release=partial(digests.release_digest, window))


def test_it_is_leased_by_one_caller_until_the_lease_expires(leases: Leases) -> None:
    leases.lease(0)
    for seconds in (1, 119.999):
        with pytest.raises(AlertInProgressError):
            leases.lease(seconds)
    leases.lease(120)
    with pytest.raises(AlertInProgressError):
        leases.lease(200)
    leases.lease(500)


def test_a_lease_that_is_longer_than_any_of_ours_is_taken_over(leases: Leases) -> None:
    """Else it would hold the alerts behind it up for as long as it says."""
    assert leases.lease_at(now=at(0), lease=timedelta(days=1000))
    leases.lease(1)
    with pytest.raises(AlertInProgressError):
        leases.lease(2)


def test_a_released_lease_is_free_at_once(leases: Leases) -> None:
    leases.release(leases.lease(0))
    assert leases.lease(1)


@pytest.mark.parametrize("seconds", [1, 120], ids=["after its release", "after its lease"])
def test_only_the_holder_releases_a_lease(leases: Leases, seconds: float) -> None:
    """The client repeats a release whose answer was lost, after another caller has leased it."""
    ours = leases.lease(0)
    if seconds == 1:
        leases.release(ours)
    assert leases.lease(seconds) != ours
    leases.release(ours)
    with pytest.raises(AlertInProgressError):
        leases.lease(seconds)
