"""The run of a sweep: order, pace, leases, time, crashes, backlog."""

from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from respot.errors import (
    LedgerUnavailableError,
    QueueUnavailableError,
    StaleTokenError,
    UpstreamUnavailableError,
)
from respot.jobs.listing import Page
from respot.schema import CHECKS
from respot.sweep.progress import SweepProgress
from respot.sweep.region_sweep import BACKLOG, PACE
from respot.sweep.report import SweepReport
from respot.sweep.sweeper import LEASE, LONGEST_PAGE
from tests.support.builders import REGION, job_id
from tests.support.sweep_environment import ELSEWHERE, NOW, Environment, ago, many
from tests.sweep.test_listing_depth import Instead


@pytest.fixture
def env() -> Environment:
    return listing(0, page_length=100)


def listing(count: int, *, page_length: int = 2) -> Environment:
    """A region with jobs that the ledger lacks."""
    env = Environment(page_length=page_length)
    env.watched()
    for job in many(count):
        env.put(job)
    return env


@pytest.mark.parametrize("takes", [0, 0.2, 0.999, 1, 3])
def test_lists_are_called_at_most_once_a_second_over_all_regions(takes: float) -> None:
    env = Environment(regions=(REGION, ELSEWHERE, "ap-south-1"), page_length=2)
    env.lists.takes = timedelta(seconds=takes)
    for region in env.regions:
        for job in many(7, region=region):
            env.put(job)
    env.sweep()
    env.sweep()  # the same process, at once
    moments = [moment for *_, moment in env.lists.calls]
    assert len(moments) == 2 * 3 * 4
    assert all(later - earlier >= PACE for earlier, later in pairwise(moments))
    assert moments[-1] - moments[0] == (len(moments) - 1) * max(PACE, env.lists.takes)


def test_only_one_invocation_sweeps_at_a_time() -> None:
    env = Environment(regions=(REGION, ELSEWHERE))
    others: list[tuple[SweepReport, ...]] = []

    def overtaken(region: str, token: str | None) -> Page:
        others.append(env.sweep(env.invocation()))
        return env.lists.page(region, token)

    swept = env.sweep(env.invocation(lists=Instead(env.lists, {"page": overtaken})))
    assert [each.scope for each in swept] == [CHECKS, REGION, ELSEWHERE]
    assert others == [(), ()]
    assert len(env.lists.calls) == 2
    assert len(env.sweep()) == 3


def test_the_lease_on_the_checks_is_released_last() -> None:
    env = Environment(regions=(REGION, ELSEWHERE))
    released: list[str] = []

    def save(progress: SweepProgress, *, until: datetime) -> None:
        released.extend([progress.scope] * (until == env.clock()))
        env.sweeps.save(progress, until=until)

    env.sweep(env.invocation(sweeps=Instead(env.sweeps, {"save": save})))
    assert released[-1] == CHECKS
    assert sorted(released) == sorted((CHECKS, REGION, ELSEWHERE))


@pytest.mark.parametrize("pages", range(1, 7))
def test_a_pass_that_runs_out_of_time_resumes_where_it_stopped(pages: int) -> None:
    env = listing(12)
    before = replace(env.sweeps.progress[REGION], recorded_until=None)
    env.sweeps.progress[REGION] = before
    invocations = 0
    while env.sweeps.progress[REGION].last_began == before.last_began:
        env.sweep(env.invocation(), seconds=LONGEST_PAGE.total_seconds() + pages - 0.9)
        env.clock.pass_by(timedelta(minutes=5))
        invocations += 1
    assert invocations == -(-6 // pages)
    assert [token for _, token, _ in env.lists.calls] == [None, "2", "4", "6", "8", "10"]
    assert env.names() == [job.name for job in many(12)]
    assert env.sweeps.progress[REGION].last_began == NOW


def test_without_time_for_a_page_nothing_begins(env: Environment) -> None:
    env.put(job_id("unknown", created=ago(hours=1)))
    swept = env.sweep(seconds=LONGEST_PAGE.total_seconds() - 1)
    assert [(each.complete, each.error) for each in swept] == [(False, None), (False, None)]
    assert env.lists.calls == []
    assert {each.began for each in env.sweeps.progress.values()} == {None}
    assert swept[1].age == timedelta(minutes=5)


@pytest.mark.parametrize("dies_at", range(4))
def test_the_pass_of_a_crashed_invocation_is_taken_over_after_its_lease(dies_at: int) -> None:
    env = listing(8)
    env.lists.faults[REGION, None if dies_at == 0 else str(2 * dies_at)] = KeyError("the process is gone")
    with pytest.raises(KeyError):
        env.sweep(env.invocation())
    env.lists.faults.clear()
    assert env.sweep(env.invocation()) == ()
    env.clock.moment = NOW + LEASE
    (_, swept) = env.sweep(env.invocation())
    assert swept.complete
    assert env.names() == [job.name for job in many(8)]


def test_an_invocation_whose_lease_expired_changes_nothing() -> None:
    """Another invocation has taken its pass over."""
    env = listing(4)

    def slow(region: str, token: str | None) -> Page:
        page = env.lists.page(region, token)
        env.clock.pass_by(LEASE)
        assert [each.complete for each in env.sweep(env.invocation())] == [True, True]
        return page

    swept = env.sweep(env.invocation(lists=Instead(env.lists, {"page": slow})), seconds=999)
    assert [str(each.error) for each in swept if each.error] == [
        f"the sweep of {scope} has been taken over by another invocation" for scope in (CHECKS, REGION)
    ]
    assert env.sweeps.progress[REGION].token is None
    assert env.sweeps.progress[REGION].last_began is not None


def test_a_stale_token_restarts_the_pass() -> None:
    env = listing(5)
    env.lists.faults[REGION, "2"] = StaleTokenError("forgotten")
    (_, swept) = env.sweep()
    assert (swept.complete, str(swept.error)) == (False, "forgotten")
    assert swept.age > timedelta(minutes=5)
    env.lists.faults.clear()
    env.clock.pass_by(timedelta(minutes=5))
    (_, swept) = env.sweep()
    assert swept.complete
    assert [token for _, token, _ in env.lists.calls] == [None, "2", None, "2", "4"]
    assert set(env.names()) == {job.name for job in many(5)}


@pytest.mark.parametrize("first", [True, False], ids=["its first page", "its second page"])
def test_a_throttled_region_stops_no_other(*, first: bool) -> None:
    env = Environment(regions=(REGION, ELSEWHERE), page_length=2)
    for region in env.regions:
        for job in many(4, region=region):
            env.put(job)
    env.lists.faults[REGION, None if first else "2"] = UpstreamUnavailableError("throttled")
    swept = {each.scope: each for each in env.sweep()}
    assert (swept[REGION].complete, str(swept[REGION].error)) == (False, "throttled")
    assert (swept[ELSEWHERE].complete, swept[ELSEWHERE].error) == (True, None)
    env.lists.faults.clear()
    # The throttled region comes first, where it stopped; before it, the new jobs of those that were swept.
    env.lists.calls.clear()
    env.sweep()
    newest, *calls = [(region, token) for region, token, _ in env.lists.calls]
    assert newest == (ELSEWHERE, None)
    tokens = [None, "2"] if first else ["2"]
    assert calls[-len(tokens) - 2 :] == [
        *((REGION, token) for token in tokens),
        (ELSEWHERE, None),
        (ELSEWHERE, "2"),
    ]


def test_the_region_with_the_oldest_pass_comes_first() -> None:
    env = Environment(regions=(REGION, ELSEWHERE))
    env.watched()
    env.sweeps.progress[ELSEWHERE] = replace(env.sweeps.progress[ELSEWHERE], last_began=ago(hours=1))
    assert [each.scope for each in env.sweep()] == [CHECKS, ELSEWHERE, REGION]


def test_a_page_whose_messages_were_refused_is_compared_again() -> None:
    env = listing(4)
    env.rechecks.fault = QueueUnavailableError("throttled")
    (_, swept) = env.sweep()
    assert (swept.rechecks, str(swept.error)) == (0, "throttled")
    env.rechecks.fault = None
    env.sweep()
    assert env.names() == [job.name for job in many(4)]


def test_a_failed_release_stops_no_other_region() -> None:
    """Its lease expires."""
    env = Environment(regions=(REGION, ELSEWHERE))

    def save(progress: SweepProgress, *, until: datetime) -> None:
        if progress.scope == REGION and until == env.clock():
            message = "DynamoDB does not answer"
            raise LedgerUnavailableError(message)
        env.sweeps.save(progress, until=until)

    failing = Instead(env.sweeps, {"save": save})
    swept = {each.scope: each.error for each in env.sweep(env.invocation(sweeps=failing))}
    assert str(swept.pop(REGION)) == "DynamoDB does not answer"
    assert swept == {ELSEWHERE: None, CHECKS: None}
    assert {each.scope for each in env.sweep(env.invocation(sweeps=failing))} == {CHECKS, ELSEWHERE}


def test_the_age_counts_from_the_last_complete_pass(env: Environment) -> None:
    env.lists.faults[REGION, None] = UpstreamUnavailableError("throttled")
    for number in range(1, 4):
        (checks, region) = env.sweep()
        assert timedelta(minutes=5 * number) < region.age < timedelta(minutes=5 * number, seconds=5)
        assert checks.age == timedelta()
        env.clock.pass_by(timedelta(minutes=5))


def test_no_list_is_compared_while_many_observations_wait(env: Environment) -> None:
    env.put(job_id("queued", created=ago(hours=1)))
    env.know(job_id("failed", created=ago(minutes=12)), "Failed=0")
    env.rechecks.waiting = BACKLOG
    checks, swept = env.sweep()
    assert (swept.held_back, swept.complete, swept.error, env.rechecks.sent, env.lists.calls) == (
        True,
        False,
        None,
        [],
        [],
    )
    assert checks.complete  # the ledger check goes on
    env.rechecks.waiting = BACKLOG - 1
    env.clock.pass_by(timedelta(minutes=5))
    (_, swept) = env.sweep()
    assert (swept.held_back, swept.complete, env.names()) == (False, True, ["queued"])


def test_a_silent_queue_stops_the_region_with_an_error(env: Environment) -> None:
    def backlog() -> int:
        message = "throttled"
        raise QueueUnavailableError(message)

    (_, swept) = env.sweep(env.invocation(rechecks=Instead(env.rechecks, {"backlog": backlog})))
    assert isinstance(swept.error, QueueUnavailableError)
    assert env.rechecks.sent == []
