"""SageMaker's list against the ledger: which jobs are sent."""

from dataclasses import replace
from datetime import timedelta

import pytest

from respot.errors import (
    PolicyInvalidError,
    UpstreamUnavailableError,
)
from respot.jobs.listing import Page, UnreadableSummary
from respot.recording.observation import SweepObservation, parse, write_recheck
from respot.recording.recorder import Recorder
from respot.recovery.policy.policy import AccountPolicy, Policy, parse_ladder
from tests.support.builders import CREATED, REGION, job_id
from tests.support.memory import MemoryPolicies
from tests.support.sweep_environment import ELSEWHERE, GRACE, NOW, Environment, ago, many
from tests.sweep.test_listing_depth import Instead


@pytest.fixture
def env() -> Environment:
    env = Environment()
    env.watched()
    return env


def test_an_unknown_job_is_sent_to_be_described(env: Environment) -> None:
    env.put(job_id("unknown", created=ago(hours=1)))
    env.sweep()
    request = SweepObservation(region=REGION, name="unknown", watched_since=CREATED, event_due_by=env.clock() - GRACE)
    assert env.rechecks.sent == [(request, timedelta())]
    assert env.jobs.describes == 0  # a sweep describes nothing


def test_a_known_job_is_left_alone(env: Environment) -> None:
    for number, status in enumerate(("Starting", "Training", "Failed", "Stopped", "Completed")):
        env.both(job_id(f"job-{number}", created=ago(hours=1)), f"{status}=0")
    (_, swept) = env.sweep()
    assert (swept.rechecks, swept.complete, env.rechecks.sent) == (0, True, [])
    assert env.jobs.describes == 0


@pytest.mark.parametrize(
    ("seconds", "delay"),
    [(0, GRACE), (59.9, GRACE), (60, timedelta()), (300, timedelta())],
    ids=str,
)
def test_a_recent_change_is_rechecked_after_the_grace_period(
    env: Environment, seconds: float, delay: timedelta
) -> None:
    env.lists.takes = timedelta()
    env.put(job_id("fresh", created=ago(hours=1)), f"Starting={3600 - seconds}")
    env.sweep()
    ((recheck, after),) = env.rechecks.sent
    assert after == delay
    assert recheck.event_due_by == env.clock() + delay - GRACE


def test_a_recheck_brings_the_ledger_up_to_date(env: Environment) -> None:
    """The next sweep then finds nothing."""
    for job in many(3):
        env.put(job, "Starting=0 Training=300")
    env.sweep()
    recorder = Recorder(jobs=env.jobs, ledger=env.ledger)
    for recheck, _ in env.rechecks.sent:
        (recorded,) = recorder.record(recheck.region, recheck.name, [parse(write_recheck(recheck))])
        assert len(recorded.missed_by_events) == 2
    env.rechecks.sent.clear()
    env.clock.pass_by(timedelta(minutes=5))
    env.sweep()
    assert env.rechecks.sent == []


@pytest.mark.parametrize("seconds", [-1, -0.5, 0.5, 1])
def test_a_creation_with_another_rounding_is_the_same_job(env: Environment, seconds: float) -> None:
    known = job_id("rounded", created=ago(hours=1))
    env.know(known, last_modified=ago(minutes=30))
    env.put(replace(known, created=known.created + timedelta(seconds=seconds)), last_modified=ago(minutes=30))
    env.sweep()
    assert [recheck.unlisted for recheck, _ in env.rechecks.sent if recheck.unlisted is None] == []


def test_a_name_used_again_is_another_job(env: Environment) -> None:
    env.know(job_id("again", created=ago(days=3)), "Failed=0")
    env.put(job_id("again", created=ago(hours=1)))
    env.sweep()
    assert env.names() == ["again"]


def test_a_region_added_later_is_watched_from_its_first_sweep() -> None:
    env = Environment(regions=(REGION,))
    env.watched()
    env.put(job_id("there", region=ELSEWHERE, created=ago(hours=1)))
    env.sweep(env.invocation(regions=(REGION, ELSEWHERE)))
    assert env.sweeps.progress[ELSEWHERE].watched_since == NOW
    assert env.sweeps.progress[REGION].watched_since == CREATED
    ((recheck, _),) = env.rechecks.sent
    assert (recheck.region, recheck.watched_since) == (ELSEWHERE, NOW)


def unlisted_names(env: Environment) -> list[str]:
    return sorted(recheck.name for recheck, _ in env.rechecks.sent if recheck.unlisted)


@pytest.mark.parametrize(("minutes", "asked"), [(4.9, False), (5.1, True)])
def test_an_open_job_that_the_list_lacks_is_asked_for_unless_it_is_new(
    env: Environment, minutes: float, *, asked: bool
) -> None:
    env.know(job_id("unlisted", created=ago(minutes=minutes)))
    env.sweep()
    sent = [(recheck.name, recheck.unlisted, delay) for recheck, delay in env.rechecks.sent]
    assert sent == [("unlisted", ago(minutes=minutes), timedelta())] * asked


def test_an_unlisted_job_is_asked_for_even_if_its_name_was_reused(env: Environment) -> None:
    env.know(job_id("again", created=ago(hours=2)))
    env.both(job_id("again", created=ago(hours=1)))
    env.sweep()
    assert [recheck.unlisted for recheck, _ in env.rechecks.sent] == [ago(hours=2)]


def test_a_pass_asks_only_for_jobs_of_its_own_region() -> None:
    env = Environment(regions=(REGION, ELSEWHERE))
    env.watched()
    for region in (REGION, ELSEWHERE, "ap-south-1"):
        env.know(job_id(f"in-{region}", region=region, created=ago(hours=2)))
    env.sweep()
    asked = sorted((recheck.region, recheck.name) for recheck, _ in env.rechecks.sent)
    assert asked == [(region, f"in-{region}") for region in (ELSEWHERE, REGION)]


@pytest.mark.parametrize("page_length", [1, 2, 3, 4, 7, 100])
def test_each_unlisted_job_is_asked_for_once_for_any_page_length(page_length: int) -> None:
    env = Environment(page_length=page_length)
    env.watched()
    for number, job in enumerate(many(12)):
        (env.know if number % 3 == 1 else env.both)(job)
    env.sweep()
    assert unlisted_names(env) == [f"job-{n:04}" for n in (1, 4, 7, 10)]


@pytest.mark.parametrize("page_length", [1, 2, 3, 5])
def test_an_unlisted_job_is_found_among_jobs_created_at_once(page_length: int) -> None:
    """A listed one may be asked for as well, which does no harm."""
    env = Environment(page_length=page_length)
    env.watched()
    for number in range(6):
        (env.know if number == 3 else env.both)(job_id(f"job-{number}", created=ago(hours=2)))
    env.sweep()
    assert "job-3" in unlisted_names(env)


def test_an_empty_page_does_not_end_a_pass(env: Environment) -> None:
    pages = {None: Page(summaries=(), token="1"), "1": Page(summaries=(), token=None)}  # noqa: S106 - a page's
    env.know(job_id("unlisted", created=ago(hours=2)))
    lists = Instead(env.lists, {"page": lambda _, token: pages[token]})
    (_, swept) = env.sweep(env.invocation(lists=lists))
    assert swept.complete
    assert unlisted_names(env) == ["unlisted"]


def test_an_odd_summary_is_named_and_stops_nothing_else(env: Environment) -> None:
    for name in ("odd", "sound"):
        env.put(job_id(name, created=ago(hours=2)))

    def page(region: str, token: str | None) -> Page:
        listed = env.lists.page(region, token)
        odd, sound = sorted(listed.summaries, key=lambda each: each.job.name)
        return replace(listed, summaries=(sound,), unreadable=(UnreadableSummary(job=odd.job, why="odd is odd"),))

    (_, swept) = env.sweep(env.invocation(lists=Instead(env.lists, {"page": page})))
    assert (swept.complete, swept.error, env.names()) == (True, None, ["sound"])
    assert [str(each) for each in swept.unreadable] == ["odd is odd"]


WAIT_ONE_HOUR = AccountPolicy(
    defaults=Policy(resume=True, give_up_waiting_after=timedelta(hours=1), ladder=parse_ladder("spot:1 on-demand:1"))
)


def test_a_waiting_job_is_sent_to_recovery_often_at_its_limit_then_hourly(env: Environment) -> None:
    sweeper = env.invocation(policies=MemoryPolicies(policy=WAIT_ONE_HOUR))
    env.both(job_id("waits", created=ago(minutes=52)), tags={})
    asked = []
    for minutes in range(57, 350, 5):
        env.clock.pass_by(timedelta(minutes=5))
        env.sweep(sweeper)
        asked += [minutes for _ in env.recoveries.sent]
        env.recoveries.sent.clear()
    assert asked == [*range(62, 127, 5), 182, 242, 302]


@pytest.mark.parametrize(
    ("resume", "minutes", "sent"),
    [
        pytest.param(True, 60, True, id="its deadline is near"),
        pytest.param(True, 0, False, id="its deadline is far"),
        pytest.param(False, 60, False, id="nobody asked for it"),
    ],
)
def test_a_waiting_job_is_sent_with_each_sweep_once_its_deadline_is_near(
    env: Environment, minutes: int, *, resume: bool, sent: bool
) -> None:
    """Twice its work and six hours before the deadline, when it may have to be stopped at the earliest."""
    policy = Policy(resume=resume, deadline=timedelta(hours=11), work=timedelta(hours=2))
    sweeper = env.invocation(policies=MemoryPolicies(policy=AccountPolicy(defaults=policy)))
    env.both(job_id("waits", created=ago(minutes=minutes)), tags={})
    for _ in range(3):
        env.clock.pass_by(timedelta(minutes=5))
        env.sweep(sweeper)
    assert len(env.recoveries.sent) == (3 if sent else 0)


def test_a_job_that_waits_for_days_after_its_deadline_is_sent_once_an_hour(env: Environment) -> None:
    policy = Policy(resume=True, deadline=timedelta(hours=11), work=timedelta(hours=2))
    sweeper = env.invocation(policies=MemoryPolicies(policy=AccountPolicy(defaults=policy)))
    env.both(job_id("waits", created=ago(minutes=11 * 60 + 30)), tags={})
    sent = []
    for _ in range(3):
        for _ in range(12):
            env.clock.pass_by(timedelta(minutes=5))
            env.sweep(sweeper)
        sent.append(len(env.recoveries.sent))
    assert sent == [6, 7, 8]  # with each sweep in the first hour, which half is over


@pytest.mark.parametrize("fault", [PolicyInvalidError("no JSON"), UpstreamUnavailableError("throttled")])
def test_an_unreadable_policy_marks_the_report_and_only_delays_the_check(env: Environment, fault: Exception) -> None:
    policies = MemoryPolicies(policy=WAIT_ONE_HOUR, fault=fault)
    sweeper = env.invocation(policies=policies)
    job = job_id("waits", created=ago(minutes=58))
    env.both(job, tags={})
    for _ in range(2):
        env.clock.pass_by(timedelta(minutes=5))
        swept = env.sweep(sweeper)[-1]
        assert (swept.complete, swept.error, swept.policy_error) == (True, None, fault)
    assert env.recoveries.sent == []
    policies.fault, policies.policy = None, WAIT_ONE_HOUR
    env.clock.pass_by(timedelta(minutes=5))
    env.sweep(sweeper)
    assert env.recoveries.sent == [job]


def test_the_policy_is_read_only_if_a_job_waits(env: Environment) -> None:
    env.both(job_id("trains", created=ago(hours=9)), "Starting=0 Training=300")
    swept = env.sweep(env.invocation(policies=MemoryPolicies(fault=PolicyInvalidError("no JSON"))))[-1]
    assert swept.policy_error is None


def test_a_job_with_an_unknown_status_message_is_counted_and_not_sent(env: Environment) -> None:
    """Under any policy: AWS may change the text at any time."""
    env.both(job_id("new", created=ago(minutes=62)), tags={}, status_message="Looking for instances")
    env.both(job_id("known", created=ago(minutes=62)), tags={})
    swept = env.sweep(env.invocation(policies=MemoryPolicies(policy=WAIT_ONE_HOUR)))[-1]
    assert swept.unknown_messages == ["Looking for instances"]
    assert [job.name for job in env.recoveries.sent] == ["known"]
