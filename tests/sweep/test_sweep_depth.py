"""How far back a sweep lists: a day and whatever is alive each time, a month within the hour."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respot.errors import LedgerUnavailableError, StaleTokenError
from respot.jobs.job import JobId
from respot.recovery.policy.policy import AccountPolicy, Policy, parse_ladder
from respot.sweep.progress import FULL_AFTER, LONGEST_LIFE, QUICK
from respot.sweep.sweeper import LONGEST_PAGE
from tests.support.builders import REGION, job_id
from tests.support.memory import MemoryPolicies
from tests.support.sweep_bench import ELSEWHERE, NOW, Bench, ago

INTERVAL = timedelta(minutes=5)


def swept_before(*, page_length: int = 1, full: datetime | None = None, regions: tuple[str, ...] = (REGION,)) -> Bench:
    """All was listed five minutes ago."""
    bench = Bench(page_length=page_length, regions=regions)
    bench.watched(full=full or NOW - INTERVAL)
    return bench


def history(bench: Bench, days: int = 40) -> None:
    """A job for each day, an hour into it, that ended and that everybody knows."""
    for day in range(days):
        bench.both(job_id(f"day-{day:02}", created=ago(days=day, hours=1)), "Completed=0")


def pages(bench: Bench) -> int:
    """How many were listed since the last time this was asked."""
    listed = len(bench.lists.calls)
    bench.lists.calls.clear()
    return listed


@dataclass
class Instead:
    """Another object with some of its methods replaced."""

    of: Any
    methods: dict[str, Callable[..., Any]]

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return self.methods.get(name) or getattr(self.of, name)


# --- how deep -------------------------------------------------------------------------------------------------------


def test_soon_after_a_full_pass_a_day_is_listed() -> None:
    bench = swept_before()
    history(bench)
    (_, swept) = bench.sweep()
    assert (swept.complete, pages(bench)) == (True, 2)  # the second one crosses the day


@pytest.mark.parametrize(("hours", "found"), [(23.9, ["unheard"]), (24.1, [])])
def test_an_unknown_job_is_found_at_once_within_a_day(hours: float, found: list[str]) -> None:
    bench = swept_before()
    bench.put(job_id("unheard", created=ago(hours=hours)), "Failed=0")
    bench.sweep()
    assert bench.names() == found


def test_a_full_pass_lists_a_month() -> None:
    bench = swept_before(full=NOW - FULL_AFTER)
    history(bench)
    bench.sweep()
    assert pages(bench) == LONGEST_LIFE.days + 1


def test_a_pass_lists_as_far_as_there_is_a_job_that_the_ledger_holds_to_be_alive() -> None:
    bench = swept_before()
    history(bench)
    bench.both(job_id("old", created=ago(days=9, hours=2)), "Training=0")
    bench.both(job_id("younger", created=ago(days=5, hours=2)), "Training=0")
    bench.sweep()
    assert pages(bench) == 13  # days 0 to 9, both living jobs, and the page on which another day begins


def test_jobs_that_are_alive_elsewhere_are_no_reason_to_list_far() -> None:
    bench = swept_before(regions=(REGION, ELSEWHERE))
    history(bench)
    bench.both(job_id("there", region=ELSEWHERE, created=ago(days=9)), "Training=0")
    bench.sweep()
    assert [region for region, _, _ in bench.lists.calls].count(REGION) == 2


def test_a_job_older_than_jobs_become_is_asked_for_and_is_no_reason_to_list_far() -> None:
    bench = swept_before()
    history(bench)
    bench.know(job_id("ancient", created=NOW - LONGEST_LIFE - timedelta(hours=1)), "Training=0")
    bench.sweep()
    assert (bench.names(), pages(bench)) == (["ancient"], 2)


# --- the edge of a shallow pass -------------------------------------------------------------------------------------


@pytest.mark.parametrize("page_length", [1, 2, 100])
@pytest.mark.parametrize("seconds", [-1, -0.5, 0, 0.5, 1])
def test_the_oldest_living_job_is_compared_however_its_creation_is_rounded(seconds: float, page_length: int) -> None:
    bench = swept_before(page_length=page_length)
    history(bench)
    known = job_id("old", created=ago(days=9, hours=2))
    bench.know(known, "Training=0", last_modified=ago(days=9))
    told = replace(known, created=known.created + timedelta(seconds=seconds))
    bench.put(told, "Training=0 Failed=60", last_modified=ago(hours=3))
    bench.sweep()
    assert set(bench.names()) == {"old"}
    assert [look.name for look, _ in bench.rechecks.sent if look.missed is None] == ["old"]


@pytest.mark.parametrize("page_length", [1, 2, 100])
@pytest.mark.parametrize("age", [timedelta(hours=2), timedelta(days=9, hours=2), LONGEST_LIFE + timedelta(days=1)])
def test_a_living_job_that_the_list_lacks_is_asked_for_by_a_shallow_pass(age: timedelta, page_length: int) -> None:
    bench = swept_before(page_length=page_length)
    history(bench)
    bench.know(job_id("ghost", created=NOW - age), "Training=0")
    bench.sweep()
    assert [(look.name, look.missed) for look, _ in bench.rechecks.sent] == [("ghost", NOW - age)]


@pytest.mark.parametrize("page_length", [1, 100], ids=["on no page that is listed", "on a page beyond its edge"])
def test_what_the_index_did_not_tell_in_time_is_asked_for(page_length: int) -> None:
    """It lags behind the ledger: the pass began without the job."""
    bench = swept_before(page_length=page_length)
    history(bench)
    bench.know(job_id("late", created=ago(days=9)), "Training=0")
    bench.put(job_id("late", created=ago(days=9)), "Failed=0")
    bench.sweep(bench.invocation(index=Instead(bench.ledger, {"oldest_open": lambda *_, **__: None})))
    assert (bench.names(), bench.rechecks.sent[0][0].missed) == (["late"], ago(days=9))


def test_a_job_that_is_listed_beyond_the_horizon_and_held_to_be_alive_is_asked_for() -> None:
    """A page of a small account reaches back for years."""
    bench = swept_before(page_length=100)
    ancient = job_id("ancient", created=NOW - LONGEST_LIFE - timedelta(days=1))
    bench.know(ancient, "Training=0")
    bench.put(ancient, "Training=0 Failed=60")
    bench.sweep()
    assert bench.names() == ["ancient"]


def test_a_job_that_waits_is_found_waiting_however_old_it_is() -> None:
    bench = swept_before(page_length=1)
    history(bench)
    hour = Policy(resume=True, give_up_waiting_after=timedelta(hours=1), ladder=parse_ladder("spot:1 on-demand:1"))
    waits = job_id("waits", created=ago(days=9))
    bench.both(waits, f"Training=0 Interrupted={timedelta(days=9, minutes=-58).total_seconds()}", tags={})
    bench.clock.pass_by(INTERVAL)
    bench.sweep(bench.invocation(policies=MemoryPolicies(policy=AccountPolicy(defaults=hour))))
    assert bench.recoveries.sent == [waits]


# --- how often all is listed ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("late", [0, 3, 40], ids="{} s late at times".format)
def test_all_is_listed_once_an_hour_and_never_more_rarely(late: float) -> None:
    bench = swept_before(full=ago(hours=5))
    history(bench)
    full: list[datetime] = []
    for number in range(12 * 24):
        bench.clock.moment = NOW + number * INTERVAL + timedelta(seconds=late * (number % 3))
        began = bench.clock()
        bench.sweep(bench.invocation())
        if pages(bench) > 2:
            full.append(began)
    gaps = [later - earlier for earlier, later in pairwise(full)]
    assert full[0] == NOW
    assert max(gaps) + timedelta(minutes=1) <= timedelta(hours=1)
    assert min(gaps) >= FULL_AFTER


def test_an_old_job_of_which_nobody_told_is_found_within_the_hour() -> None:
    bench = swept_before()
    history(bench)
    bench.sweep()
    bench.put(job_id("unheard", created=ago(days=5)), "Failed=0")
    until = bench.clock() + timedelta(hours=1)
    while "unheard" not in bench.names():
        bench.clock.pass_by(INTERVAL)
        bench.sweep()
        assert bench.clock() < until


def test_a_region_that_was_not_swept_for_days_is_listed_as_a_whole() -> None:
    bench = Bench(page_length=1)
    bench.watched(last=ago(days=4), full=ago(days=4, minutes=5))
    history(bench)
    bench.put(job_id("unheard", created=ago(days=3)), "Failed=0")
    bench.sweep()
    assert (bench.names(), pages(bench)) == (["unheard"], LONGEST_LIFE.days + 2)


def test_the_first_pass_is_a_full_one_and_the_next_is_not() -> None:
    bench = Bench(page_length=1, created=NOW - INTERVAL)
    history(bench, days=60)
    bench.sweep()
    assert pages(bench) == LONGEST_LIFE.days + 1
    bench.sweep()
    assert pages(bench) == 2


def test_a_state_of_before_there_were_shallow_passes_is_followed_by_a_full_one() -> None:
    bench = Bench(page_length=1)
    bench.watched()
    history(bench)
    bench.sweep()
    assert pages(bench) == LONGEST_LIFE.days + 1


# --- a pass in several parts ----------------------------------------------------------------------------------------


def in_parts(bench: Bench, *, every: timedelta = INTERVAL) -> int:
    """Sweep, ten pages in each invocation, until the pass is complete; gives how many pages that took."""
    before, listed = bench.sweeps.passes[REGION].last_began, 0
    while bench.sweeps.passes[REGION].last_began == before:
        bench.sweep(bench.invocation(), seconds=LONGEST_PAGE.total_seconds() + 9.5)
        listed += pages(bench)
        bench.clock.pass_by(every)
    return listed


def test_a_full_pass_is_full_to_its_end_and_counts_from_its_beginning() -> None:
    bench = swept_before(full=NOW - FULL_AFTER)
    history(bench)
    assert in_parts(bench, every=timedelta(minutes=1)) == LONGEST_LIFE.days + 1
    assert bench.sweeps.passes[REGION].last_full == NOW


def test_a_shallow_pass_is_shallow_to_its_end_however_long_that_takes() -> None:
    """A full one follows, and no shallow one puts that off."""
    bench = swept_before()
    history(bench)
    bench.both(job_id("old", created=ago(days=19, hours=2)), "Training=0")
    assert in_parts(bench, every=timedelta(hours=1)) == 22
    progress = bench.sweeps.passes[REGION]
    assert (progress.last_began, progress.last_full, progress.down_to) == (NOW, NOW - INTERVAL, None)
    assert in_parts(bench) == LONGEST_LIFE.days + 2


def test_what_becomes_known_meanwhile_leaves_the_pass_under_way_as_deep_as_it_was() -> None:
    """It is asked for by its name at the end, and listed by the next pass."""
    bench = swept_before()
    history(bench)
    bench.both(job_id("old", created=ago(days=14, hours=2)), "Training=0")
    bench.sweep(bench.invocation(), seconds=LONGEST_PAGE.total_seconds() + 9.5)
    settled = bench.sweeps.passes[REGION].down_to
    bench.both(job_id("older", created=ago(days=20, hours=2)), "Training=0")
    bench.clock.pass_by(INTERVAL)
    bench.sweep(bench.invocation())
    assert settled == ago(days=14, hours=2, seconds=1)
    assert pages(bench) == 17
    assert [(look.name, look.missed is not None) for look, _ in bench.rechecks.sent] == [("older", True)]
    bench.clock.pass_by(INTERVAL)
    bench.sweep(bench.invocation())
    assert pages(bench) == 24


def test_a_full_pass_whose_list_forgot_its_place_is_made_again() -> None:
    bench = swept_before(full=NOW - FULL_AFTER)
    history(bench)
    bench.lists.faults[REGION, "9"] = StaleTokenError("forgotten")
    bench.sweep()
    assert bench.sweeps.passes[REGION].last_full == NOW - FULL_AFTER
    bench.lists.faults.clear()
    pages(bench)
    bench.sweep()
    assert pages(bench) == LONGEST_LIFE.days + 1


def test_a_shallow_pass_whose_list_forgot_its_place_settles_its_depth_anew() -> None:
    bench = swept_before()
    history(bench)
    bench.both(job_id("old", created=ago(days=9, hours=2)), "Training=0")
    bench.lists.faults[REGION, "5"] = StaleTokenError("forgotten")
    bench.sweep()
    pages(bench)
    bench.both(job_id("old", created=ago(days=9, hours=2)), "Training=0 Failed=60")
    bench.sweep()
    assert pages(bench) == 2


def test_without_knowing_what_is_alive_no_pass_begins() -> None:
    bench = swept_before(regions=(REGION, ELSEWHERE))
    history(bench)

    def fail(region: str, **_: datetime) -> datetime | None:
        if region == REGION:
            message = "throttled"
            raise LedgerUnavailableError(message)
        return None

    swept = {
        each.scope: each for each in bench.sweep(bench.invocation(index=Instead(bench.ledger, {"oldest_open": fail})))
    }
    assert str(swept[REGION].error) == "throttled"
    assert (swept[ELSEWHERE].error, swept[ELSEWHERE].complete) == (None, True)
    assert [region for region, _, _ in bench.lists.calls] == [ELSEWHERE]
    assert bench.sweeps.passes[REGION].began is None


# --- jobs of before the deployment ----------------------------------------------------------------------------------


def searching(bench: Bench, **others: Any) -> list[str]:  # noqa: ANN401
    """The names for which a sweep searches the ledger."""
    searched: list[str] = []

    def find(region: str, name: str) -> tuple[JobId, ...]:
        searched.append(name)
        return bench.ledger.find(region, name)

    bench.sweep(bench.invocation(ledger=Instead(bench.ledger, {"find": find}), **others))
    return searched


def test_jobs_that_are_nobodys_concern_are_not_searched_for() -> None:
    bench = Bench(page_length=100, created=NOW - INTERVAL)
    history(bench, days=0)
    for day in range(20):
        bench.put(job_id(f"old-{day}", created=ago(days=day, hours=1)), "Failed=0")
    bench.put(job_id("alive", created=ago(days=3)))
    assert searching(bench, backfill=timedelta()) == ["alive"]
    assert bench.names() == ["alive"]


@pytest.mark.parametrize("seconds", [-1, -0.5, 0, 0.5, 1])
def test_the_end_of_a_job_that_was_alive_at_the_deployment_is_found_however_its_creation_is_rounded(
    seconds: float,
) -> None:
    """It began before the time that is of interest, and the ledger has known it since."""
    bench = Bench(page_length=100, created=ago(hours=2))
    bench.watched(bench.ledger.created)
    known = job_id("old", created=ago(days=3))
    bench.know(known, "Training=0", last_modified=ago(hours=2))
    told = replace(known, created=known.created + timedelta(seconds=seconds))
    bench.put(told, "Training=0 Failed=60", last_modified=ago(hours=1))
    bench.sweep(bench.invocation(backfill=timedelta()))
    assert set(bench.names()) == {"old"}


# --- nothing is overlooked ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fate:
    """A job, as the ledger has it and as SageMaker has it."""

    minutes: int
    ledger: Literal["unknown", "alive", "ended"]
    sagemaker: Literal["gone", "alive", "ended"]
    rounding: float

    @property
    def age(self) -> timedelta:
        return timedelta(minutes=self.minutes)

    @property
    def is_amiss(self) -> bool:
        """The ledger does not know what is, or holds to be alive what is not."""
        if self.ledger in {"ended", self.sagemaker}:
            return False
        return not (self.ledger == "unknown" and self.sagemaker == "gone")


FATES = st.lists(
    st.builds(
        Fate,
        minutes=st.integers(6, 35 * 24 * 60) | st.integers(20, 28).map(lambda hour: hour * 60),
        ledger=st.sampled_from(["unknown", "alive", "ended"]),
        sagemaker=st.sampled_from(["gone", "alive", "ended"]),
        rounding=st.sampled_from([-1, -0.5, 0, 0.5, 1]),
    ),
    max_size=12,
)
SCRIPTS = {"alive": "Training=0", "ended": "Training=0 Failed=60"}


@given(fates=FATES, page_length=st.integers(1, 5), full=st.booleans())
def test_each_pass_finds_all_that_it_promises(fates: list[Fate], page_length: int, *, full: bool) -> None:
    bench = swept_before(page_length=page_length, full=ago(hours=2) if full else None)
    for number, fate in enumerate(fates):
        job = job_id(f"job-{number}", created=NOW - fate.age)
        if fate.ledger != "unknown":
            bench.know(job, SCRIPTS[fate.ledger])
        if fate.sagemaker != "gone":
            bench.put(replace(job, created=job.created + timedelta(seconds=fate.rounding)), SCRIPTS[fate.sagemaker])
    (_, swept) = bench.sweep()
    reach = LONGEST_LIFE if full else QUICK
    promised = {
        f"job-{number}"
        for number, fate in enumerate(fates)
        if fate.is_amiss and (fate.ledger == "alive" or fate.age < reach - timedelta(seconds=2))
    }
    assert swept.complete
    assert promised <= set(bench.names())
