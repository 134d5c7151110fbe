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
from tests.support.sweep_environment import ELSEWHERE, NOW, Environment, ago

INTERVAL = timedelta(minutes=5)


def swept_before(
    *, page_length: int = 1, full: datetime | None = None, regions: tuple[str, ...] = (REGION,)
) -> Environment:
    """All was listed five minutes ago."""
    env = Environment(page_length=page_length, regions=regions)
    env.watched(full=full or NOW - INTERVAL)
    return env


def history(env: Environment, days: int = 40) -> None:
    """A job for each day, an hour into it, that ended and that everybody knows."""
    for day in range(days):
        env.both(job_id(f"day-{day:02}", created=ago(days=day, hours=1)), "Completed=0")


def pages(env: Environment) -> int:
    """How many were listed since the last time this was asked."""
    listed = len(env.lists.calls)
    env.lists.calls.clear()
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
    env = swept_before()
    history(env)
    (_, swept) = env.sweep()
    assert (swept.complete, pages(env)) == (True, 2)  # the second one crosses the day


@pytest.mark.parametrize(("hours", "found"), [(23.9, ["unheard"]), (24.1, [])])
def test_an_unknown_job_is_found_at_once_within_a_day(hours: float, found: list[str]) -> None:
    env = swept_before()
    env.put(job_id("unheard", created=ago(hours=hours)), "Failed=0")
    env.sweep()
    assert env.names() == found


def test_a_full_pass_lists_a_month() -> None:
    env = swept_before(full=NOW - FULL_AFTER)
    history(env)
    env.sweep()
    assert pages(env) == LONGEST_LIFE.days + 1


def test_a_pass_lists_as_far_as_there_is_a_job_that_the_ledger_holds_to_be_alive() -> None:
    env = swept_before()
    history(env)
    env.both(job_id("old", created=ago(days=9, hours=2)), "Training=0")
    env.both(job_id("younger", created=ago(days=5, hours=2)), "Training=0")
    env.sweep()
    assert pages(env) == 13  # days 0 to 9, both living jobs, and the page on which another day begins


def test_jobs_that_are_alive_elsewhere_are_no_reason_to_list_far() -> None:
    env = swept_before(regions=(REGION, ELSEWHERE))
    history(env)
    env.both(job_id("there", region=ELSEWHERE, created=ago(days=9)), "Training=0")
    env.sweep()
    assert [region for region, _, _ in env.lists.calls].count(REGION) == 2


def test_a_job_older_than_jobs_become_is_asked_for_and_is_no_reason_to_list_far() -> None:
    env = swept_before()
    history(env)
    env.know(job_id("ancient", created=NOW - LONGEST_LIFE - timedelta(hours=1)), "Training=0")
    env.sweep()
    assert (env.names(), pages(env)) == (["ancient"], 2)


# --- the edge of a shallow pass -------------------------------------------------------------------------------------


@pytest.mark.parametrize("page_length", [1, 2, 100])
@pytest.mark.parametrize("seconds", [-1, -0.5, 0, 0.5, 1])
def test_the_oldest_living_job_is_compared_however_its_creation_is_rounded(seconds: float, page_length: int) -> None:
    env = swept_before(page_length=page_length)
    history(env)
    known = job_id("old", created=ago(days=9, hours=2))
    env.know(known, "Training=0", last_modified=ago(days=9))
    told = replace(known, created=known.created + timedelta(seconds=seconds))
    env.put(told, "Training=0 Failed=60", last_modified=ago(hours=3))
    env.sweep()
    assert set(env.names()) == {"old"}
    assert [look.name for look, _ in env.rechecks.sent if look.missed is None] == ["old"]


@pytest.mark.parametrize("page_length", [1, 2, 100])
@pytest.mark.parametrize("age", [timedelta(hours=2), timedelta(days=9, hours=2), LONGEST_LIFE + timedelta(days=1)])
def test_a_living_job_that_the_list_lacks_is_asked_for_by_a_shallow_pass(age: timedelta, page_length: int) -> None:
    env = swept_before(page_length=page_length)
    history(env)
    env.know(job_id("ghost", created=NOW - age), "Training=0")
    env.sweep()
    assert [(look.name, look.missed) for look, _ in env.rechecks.sent] == [("ghost", NOW - age)]


@pytest.mark.parametrize("page_length", [1, 100], ids=["on no page that is listed", "on a page beyond its edge"])
def test_what_the_index_did_not_tell_in_time_is_asked_for(page_length: int) -> None:
    """It lags behind the ledger: the pass began without the job."""
    env = swept_before(page_length=page_length)
    history(env)
    env.know(job_id("late", created=ago(days=9)), "Training=0")
    env.put(job_id("late", created=ago(days=9)), "Failed=0")
    env.sweep(env.invocation(index=Instead(env.ledger, {"oldest_open": lambda *_, **__: None})))
    assert (env.names(), env.rechecks.sent[0][0].missed) == (["late"], ago(days=9))


def test_a_job_that_is_listed_beyond_the_horizon_and_held_to_be_alive_is_asked_for() -> None:
    """A page of a small account reaches back for years."""
    env = swept_before(page_length=100)
    ancient = job_id("ancient", created=NOW - LONGEST_LIFE - timedelta(days=1))
    env.know(ancient, "Training=0")
    env.put(ancient, "Training=0 Failed=60")
    env.sweep()
    assert env.names() == ["ancient"]


def test_a_job_that_waits_is_found_waiting_however_old_it_is() -> None:
    env = swept_before(page_length=1)
    history(env)
    hour = Policy(resume=True, give_up_waiting_after=timedelta(hours=1), ladder=parse_ladder("spot:1 on-demand:1"))
    waits = job_id("waits", created=ago(days=9))
    env.both(waits, f"Training=0 Interrupted={timedelta(days=9, minutes=-58).total_seconds()}", tags={})
    env.clock.pass_by(INTERVAL)
    env.sweep(env.invocation(policies=MemoryPolicies(policy=AccountPolicy(defaults=hour))))
    assert env.recoveries.sent == [waits]


# --- how often all is listed ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("late", [0, 3, 40], ids="{} s late at times".format)
def test_all_is_listed_once_an_hour_and_never_more_rarely(late: float) -> None:
    env = swept_before(full=ago(hours=5))
    history(env)
    full: list[datetime] = []
    for number in range(12 * 24):
        env.clock.moment = NOW + number * INTERVAL + timedelta(seconds=late * (number % 3))
        began = env.clock()
        env.sweep(env.invocation())
        if pages(env) > 2:
            full.append(began)
    gaps = [later - earlier for earlier, later in pairwise(full)]
    assert full[0] == NOW
    assert max(gaps) + timedelta(minutes=1) <= timedelta(hours=1)
    assert min(gaps) >= FULL_AFTER


def test_an_old_job_of_which_nobody_told_is_found_within_the_hour() -> None:
    env = swept_before()
    history(env)
    env.sweep()
    env.put(job_id("unheard", created=ago(days=5)), "Failed=0")
    until = env.clock() + timedelta(hours=1)
    while "unheard" not in env.names():
        env.clock.pass_by(INTERVAL)
        env.sweep()
        assert env.clock() < until


def test_a_region_that_was_not_swept_for_days_is_listed_as_a_whole() -> None:
    env = Environment(page_length=1)
    env.watched(last=ago(days=4), full=ago(days=4, minutes=5))
    history(env)
    env.put(job_id("unheard", created=ago(days=3)), "Failed=0")
    env.sweep()
    assert (env.names(), pages(env)) == (["unheard"], LONGEST_LIFE.days + 2)


def test_the_first_pass_is_a_full_one_and_the_next_is_not() -> None:
    env = Environment(page_length=1, created=NOW - INTERVAL)
    history(env, days=60)
    env.sweep()
    assert pages(env) == LONGEST_LIFE.days + 1
    env.sweep()
    assert pages(env) == 2


def test_a_state_of_before_there_were_shallow_passes_is_followed_by_a_full_one() -> None:
    env = Environment(page_length=1)
    env.watched()
    history(env)
    env.sweep()
    assert pages(env) == LONGEST_LIFE.days + 1


# --- a pass in several parts ----------------------------------------------------------------------------------------


def in_parts(env: Environment, *, every: timedelta = INTERVAL) -> int:
    """Sweep, ten pages in each invocation, until the pass is complete; gives how many pages that took."""
    before, listed = env.sweeps.progress[REGION].last_began, 0
    while env.sweeps.progress[REGION].last_began == before:
        env.sweep(env.invocation(), seconds=LONGEST_PAGE.total_seconds() + 9.5)
        listed += pages(env)
        env.clock.pass_by(every)
    return listed


def test_a_full_pass_is_full_to_its_end_and_counts_from_its_beginning() -> None:
    env = swept_before(full=NOW - FULL_AFTER)
    history(env)
    assert in_parts(env, every=timedelta(minutes=1)) == LONGEST_LIFE.days + 1
    assert env.sweeps.progress[REGION].last_full == NOW


def test_a_shallow_pass_is_shallow_to_its_end_however_long_that_takes() -> None:
    """A full one follows, and no shallow one puts that off."""
    env = swept_before()
    history(env)
    env.both(job_id("old", created=ago(days=19, hours=2)), "Training=0")
    assert in_parts(env, every=timedelta(hours=1)) == 22
    progress = env.sweeps.progress[REGION]
    assert (progress.last_began, progress.last_full, progress.down_to) == (NOW, NOW - INTERVAL, None)
    assert in_parts(env) == LONGEST_LIFE.days + 2


def test_what_becomes_known_meanwhile_leaves_the_pass_under_way_as_deep_as_it_was() -> None:
    """It is asked for by its name at the end, and listed by the next pass."""
    env = swept_before()
    history(env)
    env.both(job_id("old", created=ago(days=14, hours=2)), "Training=0")
    env.sweep(env.invocation(), seconds=LONGEST_PAGE.total_seconds() + 9.5)
    settled = env.sweeps.progress[REGION].down_to
    env.both(job_id("older", created=ago(days=20, hours=2)), "Training=0")
    env.clock.pass_by(INTERVAL)
    env.sweep(env.invocation())
    assert settled == ago(days=14, hours=2, seconds=1)
    assert pages(env) == 17
    assert [(look.name, look.missed is not None) for look, _ in env.rechecks.sent] == [("older", True)]
    env.clock.pass_by(INTERVAL)
    env.sweep(env.invocation())
    assert pages(env) == 24


def test_a_full_pass_whose_list_forgot_its_place_is_made_again() -> None:
    env = swept_before(full=NOW - FULL_AFTER)
    history(env)
    env.lists.faults[REGION, "9"] = StaleTokenError("forgotten")
    env.sweep()
    assert env.sweeps.progress[REGION].last_full == NOW - FULL_AFTER
    env.lists.faults.clear()
    pages(env)
    env.sweep()
    assert pages(env) == LONGEST_LIFE.days + 1


def test_a_shallow_pass_whose_list_forgot_its_place_settles_its_depth_anew() -> None:
    env = swept_before()
    history(env)
    env.both(job_id("old", created=ago(days=9, hours=2)), "Training=0")
    env.lists.faults[REGION, "5"] = StaleTokenError("forgotten")
    env.sweep()
    pages(env)
    env.both(job_id("old", created=ago(days=9, hours=2)), "Training=0 Failed=60")
    env.sweep()
    assert pages(env) == 2


def test_without_knowing_what_is_alive_no_pass_begins() -> None:
    env = swept_before(regions=(REGION, ELSEWHERE))
    history(env)

    def fail(region: str, **_: datetime) -> datetime | None:
        if region == REGION:
            message = "throttled"
            raise LedgerUnavailableError(message)
        return None

    swept = {each.scope: each for each in env.sweep(env.invocation(index=Instead(env.ledger, {"oldest_open": fail})))}
    assert str(swept[REGION].error) == "throttled"
    assert (swept[ELSEWHERE].error, swept[ELSEWHERE].complete) == (None, True)
    assert [region for region, _, _ in env.lists.calls] == [ELSEWHERE]
    assert env.sweeps.progress[REGION].began is None


# --- jobs of before the deployment ----------------------------------------------------------------------------------


def searching(env: Environment, **others: Any) -> list[str]:  # noqa: ANN401
    """The names for which a sweep searches the ledger."""
    searched: list[str] = []

    def find(region: str, name: str) -> tuple[JobId, ...]:
        searched.append(name)
        return env.ledger.find(region, name)

    env.sweep(env.invocation(ledger=Instead(env.ledger, {"find": find}), **others))
    return searched


def test_jobs_that_are_nobodys_concern_are_not_searched_for() -> None:
    env = Environment(page_length=100, created=NOW - INTERVAL)
    history(env, days=0)
    for day in range(20):
        env.put(job_id(f"old-{day}", created=ago(days=day, hours=1)), "Failed=0")
    env.put(job_id("alive", created=ago(days=3)))
    assert searching(env, backfill=timedelta()) == ["alive"]
    assert env.names() == ["alive"]


@pytest.mark.parametrize("seconds", [-1, -0.5, 0, 0.5, 1])
def test_the_end_of_a_job_that_was_alive_at_the_deployment_is_found_however_its_creation_is_rounded(
    seconds: float,
) -> None:
    """It began before the time that is of interest, and the ledger has known it since."""
    env = Environment(page_length=100, created=ago(hours=2))
    env.watched(env.ledger.created)
    known = job_id("old", created=ago(days=3))
    env.know(known, "Training=0", last_modified=ago(hours=2))
    told = replace(known, created=known.created + timedelta(seconds=seconds))
    env.put(told, "Training=0 Failed=60", last_modified=ago(hours=1))
    env.sweep(env.invocation(backfill=timedelta()))
    assert set(env.names()) == {"old"}


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
    env = swept_before(page_length=page_length, full=ago(hours=2) if full else None)
    for number, fate in enumerate(fates):
        job = job_id(f"job-{number}", created=NOW - fate.age)
        if fate.ledger != "unknown":
            env.know(job, SCRIPTS[fate.ledger])
        if fate.sagemaker != "gone":
            env.put(replace(job, created=job.created + timedelta(seconds=fate.rounding)), SCRIPTS[fate.sagemaker])
    (_, swept) = env.sweep()
    reach = LONGEST_LIFE if full else QUICK
    promised = {
        f"job-{number}"
        for number, fate in enumerate(fates)
        if fate.is_amiss and (fate.ledger == "alive" or fate.age < reach - timedelta(seconds=2))
    }
    assert swept.complete
    assert promised <= set(env.names())
