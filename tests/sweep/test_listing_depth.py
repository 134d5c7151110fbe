"""How far back a pass lists: a day and the open jobs each time, a month within the hour."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respot.errors import LedgerUnavailableError
from respot.jobs.job import JobId
from respot.jobs.listing import LONGEST_LIFE
from respot.sweep.progress import FULL_AFTER, QUICK
from respot.sweep.sweeper import LONGEST_PAGE
from tests.support.builders import REGION, job_id
from tests.support.sweep_environment import ELSEWHERE, NOW, Environment, ago

INTERVAL = timedelta(minutes=5)


def swept_before(
    *, page_length: int = 1, full: datetime | None = None, regions: tuple[str, ...] = (REGION,)
) -> Environment:
    """A full pass began five minutes ago, unless given otherwise."""
    env = Environment(page_length=page_length, regions=regions)
    env.watched(full=full or NOW - INTERVAL)
    return env


def history(env: Environment, days: int = 40) -> None:
    """One job a day that ended, the same in the ledger and in SageMaker."""
    for day in range(days):
        env.both(job_id(f"day-{day:02}", created=ago(days=day, hours=1)), "Completed=0")


def pages(env: Environment) -> int:
    """How many pages were listed since the last call of this function."""
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


def test_the_first_pass_lists_all_of_a_long_backfill() -> None:
    env = Environment(created=NOW - timedelta(minutes=5), page_length=2)
    for days in range(0, 100, 10):
        env.put(job_id(f"job-{days}", created=ago(days=days, hours=1)), "Failed=0")
    env.sweep(env.invocation(backfill=timedelta(days=85)))
    assert len(env.names()) == 9
    env.rechecks.sent.clear()
    env.clock.pass_by(timedelta(hours=1))
    env.sweep(env.invocation(backfill=timedelta(days=85)))
    assert len(env.names()) == 4  # the later full pass ends after the page that crosses 31 days


@pytest.mark.parametrize(
    ("full", "open_days", "region", "expected"),
    [
        pytest.param(INTERVAL, (), REGION, 2, id="one day, and the page that crosses it"),
        pytest.param(INTERVAL, (9, 5), REGION, 13, id="days 0 to 9, two open jobs, and a page more"),
        pytest.param(INTERVAL, (9,), ELSEWHERE, 2, id="open jobs of other regions do not count"),
        pytest.param(INTERVAL, (32,), REGION, 2, id="a job too old to be open does not count"),
        pytest.param(FULL_AFTER, (), REGION, LONGEST_LIFE.days + 1, id="a month"),
    ],
)
def test_a_pass_lists_these_pages(full: timedelta, open_days: tuple[int, ...], region: str, expected: int) -> None:
    env = swept_before(full=NOW - full)
    history(env)
    for days in open_days:
        env.both(job_id(f"open-{days}", region=region, created=ago(days=days, hours=2)), "Training=0")
    (_, swept) = env.sweep()
    assert (swept.complete, pages(env)) == (True, expected)


@pytest.mark.parametrize("page_length", [1, 100], ids=["on no page that is listed", "on a page beyond its edge"])
def test_a_job_that_the_index_lacked_at_the_start_is_asked_for(page_length: int) -> None:
    """It lags behind the ledger, and the pass began without the job."""
    env = swept_before(page_length=page_length)
    history(env)
    env.know(job_id("late", created=ago(days=9)), "Training=0")
    env.put(job_id("late", created=ago(days=9)), "Failed=0")
    env.sweep(env.invocation(index=Instead(env.ledger, {"oldest_open": lambda *_, **__: None})))
    assert (env.names(), env.rechecks.sent[0][0].unlisted) == (["late"], ago(days=9))


def in_parts(env: Environment, *, every: timedelta = INTERVAL) -> int:
    """Sweep, ten pages in each invocation, until the pass is complete; returns the number of its pages."""
    before, listed = env.sweeps.progress[REGION].last_began, 0
    while env.sweeps.progress[REGION].last_began == before:
        newest = env.sweeps.progress[REGION].began is not None  # a page of new jobs, before the pass goes on
        env.sweep(env.invocation(), seconds=LONGEST_PAGE.total_seconds() + 9.5)
        listed += pages(env) - newest
        env.clock.pass_by(every)
    return listed


def test_a_full_pass_remains_full_and_counts_from_its_start() -> None:
    env = swept_before(full=NOW - FULL_AFTER)
    history(env)
    assert in_parts(env, every=timedelta(minutes=1)) == LONGEST_LIFE.days + 1
    assert env.sweeps.progress[REGION].last_full == NOW


def test_a_quick_pass_remains_quick_and_does_not_delay_the_full_one() -> None:
    """A full pass follows."""
    env = swept_before()
    history(env)
    env.both(job_id("old", created=ago(days=19, hours=2)), "Training=0")
    assert in_parts(env, every=timedelta(hours=1)) == 22
    progress = env.sweeps.progress[REGION]
    assert (progress.last_began, progress.last_full, progress.down_to) == (NOW, NOW - INTERVAL, None)
    assert in_parts(env) == LONGEST_LIFE.days + 2


def test_a_job_that_becomes_known_does_not_extend_the_running_pass() -> None:
    """It is asked for by name at the end, and listed by the next pass."""
    env = swept_before()
    history(env)
    env.both(job_id("old", created=ago(days=14, hours=2)), "Training=0")
    env.sweep(env.invocation(), seconds=LONGEST_PAGE.total_seconds() + 9.5)
    fixed = env.sweeps.progress[REGION].down_to
    env.both(job_id("older", created=ago(days=20, hours=2)), "Training=0")
    env.clock.pass_by(INTERVAL)
    env.sweep(env.invocation())
    assert fixed == ago(days=14, hours=2, seconds=1)
    assert pages(env) == 18  # one of new jobs
    assert [(recheck.name, recheck.unlisted is not None) for recheck, _ in env.rechecks.sent] == [("older", True)]
    env.clock.pass_by(INTERVAL)
    env.sweep(env.invocation())
    assert pages(env) == 24


def test_no_pass_starts_without_the_oldest_open_job() -> None:
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


def test_unknown_jobs_that_ended_before_the_backfill_are_not_searched_for() -> None:
    env = Environment(page_length=100, created=NOW - INTERVAL)
    for day in range(20):
        env.put(job_id(f"old-{day}", created=ago(days=day, hours=1)), "Failed=0")
    env.put(job_id("alive", created=ago(days=3)))
    searched: list[str] = []

    def find(region: str, name: str) -> tuple[JobId, ...]:
        searched.append(name)
        return env.ledger.find(region, name)

    env.sweep(env.invocation(ledger=Instead(env.ledger, {"find": find}), backfill=timedelta()))
    assert (set(searched), env.names()) == ({"alive"}, ["alive"])


@pytest.mark.parametrize("seconds", [-1, 0, 1])
def test_the_end_of_a_job_older_than_the_backfill_is_found(seconds: float) -> None:
    """The ledger has known it since the deployment, and the list rounds its creation."""
    env = Environment(page_length=100, created=ago(hours=2))
    env.watched(env.ledger.created)
    known = job_id("old", created=ago(days=3))
    env.know(known, "Training=0", last_modified=ago(hours=2))
    env.put(replace(known, created=known.created + timedelta(seconds=seconds)), "Failed=60", last_modified=ago(hours=1))
    env.sweep(env.invocation(backfill=timedelta()))
    assert set(env.names()) == {"old"}


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
    def is_wrong(self) -> bool:
        """The ledger lacks a state, or has a job as open that is not."""
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
        if fate.is_wrong and (fate.ledger == "alive" or fate.age < reach - timedelta(seconds=2))
    }
    assert swept.complete
    assert promised <= set(env.names())
