"""The sweep, on twins."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from respot.alerting.alert import AlertOutcome
from respot.alerting.alerter import Alerter
from respot.alerting.kinds import AlertKind
from respot.errors import (
    LedgerUnavailableError,
    PolicyInvalidError,
    QueueUnavailableError,
    StaleTokenError,
    UpstreamUnavailableError,
)
from respot.jobs.job import JobId, JobRecord
from respot.recording.observation import RecheckRequest, parse, write_recheck
from respot.recording.recorder import Recorder
from respot.recovery.planning.decision import Action, Decision
from respot.recovery.planning.run import run_id
from respot.recovery.policy.policy import AccountPolicy, Policy, parse_ladder
from respot.recovery.records import DecisionRecord, Outcome, OutcomeKind
from respot.schema import CHECKS
from respot.sweep.progress import FIRST_CHECK, FRESH_DEPLOYMENT, LONGEST_LIFE, Page, SweepProgress
from respot.sweep.region_sweep import BACKLOG, PACE
from respot.sweep.report import SweepReport
from respot.sweep.sweeper import LEASE, LONGEST_PAGE
from tests.support.builders import CREATED, REGION, job_id
from tests.support.memory import MemoryPolicies, MemoryRecheckQueue, MemorySweepStore, MemoryTopic
from tests.support.recovery_environment import RecoveryEnvironment
from tests.support.sweep_environment import ELSEWHERE, GRACE, NOW, Environment, ago, many


@pytest.fixture
def env() -> Environment:
    env = Environment()
    env.watched()
    return env


# --- what is sent to be looked at -----------------------------------------------------------------------------------


def test_an_unknown_job_is_looked_at(env: Environment) -> None:
    job = job_id("unheard", created=ago(hours=1))
    env.put(job)
    env.sweep()
    assert env.rechecks.sent == [
        (
            RecheckRequest(region=REGION, name="unheard", watched_since=CREATED, overdue=env.clock() - GRACE),
            timedelta(),
        )
    ]


def test_a_known_job_is_left_alone(env: Environment) -> None:
    for number, status in enumerate(("Starting", "Training", "Failed", "Stopped", "Completed")):
        env.both(job_id(f"job-{number}", created=ago(hours=1)), f"{status}=0")
    (_, swept) = env.sweep()
    assert (swept.rechecks, swept.complete, env.rechecks.sent) == (0, True, [])
    assert env.jobs.describes == 0


def test_a_job_that_moved_on_unheard_is_looked_at(env: Environment) -> None:
    job = job_id("moved", created=ago(hours=1))
    env.know(job, "Starting=0")
    env.put(job, "Starting=0 Training=300")
    env.sweep()
    assert env.names() == ["moved"]


def test_a_sweep_describes_nothing(env: Environment) -> None:
    for job in many(5):
        env.put(job)
    env.sweep()
    assert (len(env.rechecks.sent), env.jobs.describes) == (5, 0)


@pytest.mark.parametrize(
    ("seconds", "delay"), [(0, GRACE), (59.9, GRACE), (60.2, timedelta()), (300, timedelta())], ids=str
)
def test_what_has_just_changed_may_have_an_event_on_its_way(env: Environment, seconds: float, delay: timedelta) -> None:
    env.lists.takes = timedelta()
    env.put(job_id("fresh", created=ago(hours=1)), f"Starting={3600 - seconds}")
    env.sweep()
    ((look, told),) = env.rechecks.sent
    assert told == delay
    assert look.overdue == env.clock() + delay - GRACE


def test_the_look_that_follows_brings_the_ledger_up_to_date(env: Environment) -> None:
    """And so the next sweep finds nothing."""
    for job in many(3):
        env.put(job, "Starting=0 Training=300")
    env.sweep()
    recorder = Recorder(jobs=env.jobs, ledger=env.ledger)
    for look, _ in env.rechecks.sent:
        (recorded,) = recorder.record(look.region, look.name, [parse(write_recheck(look))])
        assert len(recorded.untold) == 2
    env.rechecks.sent.clear()
    env.clock.pass_by(timedelta(minutes=5))
    env.sweep()
    assert env.rechecks.sent == []


@pytest.mark.parametrize("seconds", [-1, -0.5, 0.5, 1])
def test_a_creation_that_is_told_with_another_rounding_is_the_same_job(env: Environment, seconds: float) -> None:
    known = job_id("rounded", created=ago(hours=1))
    env.know(known, last_modified=ago(minutes=30))
    env.put(replace(known, created=known.created + timedelta(seconds=seconds)), last_modified=ago(minutes=30))
    env.sweep()
    assert [look.missed for look, _ in env.rechecks.sent if look.missed is None] == []


def test_a_name_used_again_is_another_job(env: Environment) -> None:
    env.know(job_id("again", created=ago(days=3)), "Failed=0")
    env.put(job_id("again", created=ago(hours=1)))
    env.sweep()
    assert env.names() == ["again"]


@pytest.mark.parametrize("listed", ["Deleting", "Stopped"])
def test_a_job_that_is_being_deleted_is_looked_at_no_more(env: Environment, listed: str) -> None:
    job = job_id("going", created=ago(hours=2))
    env.know(job, "Stopped=0", status="Deleting", last_modified=ago(hours=1))
    env.put(job, "Stopped=0", status=listed, last_modified=ago(minutes=30))
    env.sweep()
    assert env.rechecks.sent == []


# --- the horizon and the past ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", [True, False], ids=["first pass", "later pass"])
def test_unknown_jobs_that_ended_before_the_backfill_are_left_alone_and_live_ones_never(*, first: bool) -> None:
    env = Environment(created=NOW - timedelta(minutes=5))
    if not first:
        env.watched(env.ledger.created)
    for days in (1, 29, 30.5):
        env.put(job_id(f"ended-{days}", created=ago(days=days)), "Failed=0")
        env.put(job_id(f"alive-{days}", created=ago(days=days, seconds=1)))
    env.sweep()
    assert sorted(env.names()) == ["alive-1", "alive-29", "alive-30.5", "ended-1", "ended-29"]


@pytest.mark.parametrize("last_began", [None, ago(minutes=5)], ids=["first pass", "later pass"])
def test_a_pass_ends_at_its_horizon(last_began: datetime | None) -> None:
    env = Environment(created=NOW - timedelta(minutes=5), page_length=2)
    if last_began:
        env.watched(env.ledger.created)
    for days in range(0, 100, 10):
        env.put(job_id(f"job-{days}", created=ago(days=days, hours=1)), "Failed=0")
    (_, swept) = env.sweep()
    assert swept.complete
    # 0, 10 | 20, 30 | 40: beyond both horizons
    assert [token for _, token, _ in env.lists.calls] == [None, "2", "4"]


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


def test_a_fresh_deployment_watches_from_its_beginning() -> None:
    env = Environment(created=NOW - timedelta(minutes=5))
    env.sweep()
    assert {each.watched_since for each in env.sweeps.progress.values()} == {env.ledger.created}


def test_a_region_added_later_is_watched_from_its_first_sweep() -> None:
    env = Environment(regions=(REGION,))
    env.watched()
    env.put(job_id("there", region=ELSEWHERE, created=ago(hours=1)))
    env.sweep(env.invocation(regions=(REGION, ELSEWHERE)))
    assert env.sweeps.progress[ELSEWHERE].watched_since == NOW
    assert env.sweeps.progress[REGION].watched_since == CREATED
    ((look, _),) = env.rechecks.sent
    assert (look.region, look.watched_since) == (ELSEWHERE, NOW)


def test_what_began_before_a_region_was_watched_is_neither_alerted_nor_acted_on() -> None:
    """The deployment is older than that: the region was added later."""
    world = RecoveryEnvironment()
    world.clock.moment = CREATED + timedelta(days=9)
    job = world.ended()
    world.ledger.watched[REGION] = world.clock() + timedelta(minutes=1)
    world.clock.pass_by(timedelta(minutes=5))
    assert world.recover(job) is None
    assert world.decision(job).decision.action is Action.NOTHING
    assert "before Respot watched" in world.decision(job).decision.reason
    topic = MemoryTopic()
    alerter = Alerter(
        ledger=world.ledger,
        runs=world.runs,
        topic=topic,
        clock=world.clock,
        kinds=frozenset(AlertKind),
        max_age=timedelta(days=1),
        lease=timedelta(minutes=2),
    )
    alert_records = alerter.catch_up(job)
    assert alert_records
    assert {alert_record.outcome for alert_record in alert_records} == {AlertOutcome.DECLINED}
    assert topic.published == []


# --- jobs that SageMaker's list lacks -------------------------------------------------------------------------------


def missed(env: Environment) -> list[str]:
    return sorted(look.name for look, _ in env.rechecks.sent if look.missed)


def test_a_live_job_that_the_list_lacks_is_asked_for(env: Environment) -> None:
    ghost = job_id("ghost", created=ago(hours=2))
    env.know(ghost)
    env.sweep()
    ((look, delay),) = env.rechecks.sent
    assert (look.name, look.missed, delay) == ("ghost", ghost.created, timedelta())


@pytest.mark.parametrize("status", ["Completed", "Failed", "Stopped", "Deleting"])
def test_what_has_ended_may_be_gone(env: Environment, status: str) -> None:
    env.know(job_id("ghost", created=ago(hours=2)), "Stopped=0", status=status)
    env.sweep()
    assert env.rechecks.sent == []


@pytest.mark.parametrize(("minutes", "expected"), [(4.9, []), (5.1, ["young"])])
def test_a_job_so_young_that_the_list_may_lack_it_is_no_ghost(
    env: Environment, minutes: float, expected: list[str]
) -> None:
    env.know(job_id("young", created=ago(minutes=minutes)))
    env.sweep()
    assert missed(env) == expected


def test_a_ghost_whose_name_is_used_again_is_no_less_a_ghost(env: Environment) -> None:
    env.know(job_id("again", created=ago(hours=2)))
    env.both(job_id("again", created=ago(hours=1)))
    env.sweep()
    assert [look.missed for look, _ in env.rechecks.sent] == [ago(hours=2)]


def test_what_is_held_to_be_alive_beyond_the_horizon_is_asked_for(env: Environment) -> None:
    """Its end was lost while nobody swept: no later pass would come as far."""
    env.know(job_id("ancient", created=NOW - LONGEST_LIFE - timedelta(days=40)))
    env.both(job_id("recent", created=ago(hours=1)))
    env.sweep()
    assert missed(env) == ["ancient"]


def test_ghosts_of_other_regions_are_another_passs_concern() -> None:
    env = Environment(regions=(REGION, ELSEWHERE))
    env.watched()
    env.know(job_id("here", created=ago(hours=2)))
    env.know(job_id("there", region=ELSEWHERE, created=ago(hours=2)))
    env.know(job_id("nowhere", region="ap-south-1", created=ago(hours=2)))
    env.sweep()
    assert {(look.region, look.name) for look, _ in env.rechecks.sent} == {(REGION, "here"), (ELSEWHERE, "there")}


@pytest.mark.parametrize("page_length", [1, 2, 3, 4, 7, 100])
def test_every_ghost_is_found_once_wherever_the_pages_part(page_length: int) -> None:
    env = Environment(page_length=page_length)
    env.watched()
    for number, job in enumerate(many(12)):
        if number % 3 == 1:
            env.know(job)
        else:
            env.both(job)
    env.sweep()
    assert missed(env) == [f"job-{n:04}" for n in (1, 4, 7, 10)]


@pytest.mark.parametrize("page_length", [1, 2, 3, 5])
def test_no_ghost_is_overlooked_among_jobs_that_were_created_at_once(page_length: int) -> None:
    """A living one may be asked for as well, which does no harm: SageMaker says that it lives."""
    env = Environment(page_length=page_length)
    env.watched()
    for number in range(6):
        job = job_id(f"job-{number}", created=ago(hours=2))
        if number == 3:
            env.know(job)
        else:
            env.both(job)
    env.sweep()
    assert "job-3" in missed(env)


def test_an_empty_page_that_is_not_the_last_ends_nothing(env: Environment) -> None:
    pages = {None: Page(summaries=(), token="1"), "1": Page(summaries=(), token=None)}  # noqa: S106 - a page's
    env.know(job_id("ghost", created=ago(hours=2)))

    class Empty:
        def page(self, region: str, token: str | None) -> Page:
            assert region == REGION
            return pages[token]

    (_, swept) = env.sweep(env.invocation(lists=Empty()))
    assert swept.complete
    assert missed(env) == ["ghost"]


# --- the pace -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("takes", [0, 0.2, 0.999, 1, 3])
def test_lists_are_asked_for_no_more_than_once_a_second_whatever_the_region(takes: float) -> None:
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


def test_while_one_invocation_lists_another_gets_nothing() -> None:
    env = Environment(regions=(REGION, ELSEWHERE))
    others: list[tuple[SweepReport, ...]] = []

    class Overtaken:
        def page(self, region: str, token: str | None) -> Page:
            others.append(env.sweep(env.invocation()))
            return env.lists.page(region, token)

    swept = env.sweep(env.invocation(lists=Overtaken()))
    assert [each.scope for each in swept] == [CHECKS, REGION, ELSEWHERE]
    assert others == [(), ()]
    assert len(env.lists.calls) == 2
    assert len(env.sweep()) == 3


def test_the_next_invocation_is_let_in_when_every_region_is_let_go() -> None:
    env = Environment(regions=(REGION, ELSEWHERE))
    released: list[str] = []

    class Noting(MemorySweepStore):
        def save(self, progress: SweepProgress, *, until: datetime) -> None:
            if until == env.clock():
                released.append(progress.scope)
            MemorySweepStore.save(self, progress, until=until)

    env.sweeps = Noting()
    env.sweep(env.invocation())
    assert released[-1] == CHECKS
    assert sorted(released) == sorted((CHECKS, REGION, ELSEWHERE))


# --- running out of time, dying, being refused ----------------------------------------------------------------------


@pytest.mark.parametrize("pages", range(1, 7))
def test_a_pass_that_runs_out_of_time_goes_on_where_it_stopped(pages: int) -> None:
    env = Environment(page_length=2)
    env.watched()
    for job in many(12):
        env.put(job)
    before = env.sweeps.progress[REGION]
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
    env.put(job_id("unheard", created=ago(hours=1)))
    swept = env.sweep(seconds=LONGEST_PAGE.total_seconds() - 1)
    assert [(each.complete, each.error) for each in swept] == [(False, None), (False, None)]
    assert env.lists.calls == []
    assert {each.began for each in env.sweeps.progress.values()} == {None}
    assert swept[1].age == timedelta(minutes=5)


@pytest.mark.parametrize("dies_at", range(4))
def test_what_an_invocation_had_in_hand_when_it_died_is_taken_over(dies_at: int) -> None:
    env = Environment(page_length=2)
    env.watched()
    for job in many(8):
        env.put(job)
    env.lists.faults[REGION, None if dies_at == 0 else str(2 * dies_at)] = KeyError("the process is gone")
    with pytest.raises(KeyError):
        env.sweep(env.invocation())
    env.lists.faults.clear()
    assert env.sweep(env.invocation()) == ()
    env.clock.moment = NOW + LEASE
    (_, swept) = env.sweep(env.invocation())
    assert swept.complete
    assert env.names() == [job.name for job in many(8)]


def test_a_dead_invocation_that_wakes_up_changes_nothing() -> None:
    """Its lease has lapsed, another one has taken the pass over."""
    env = Environment(page_length=2)
    env.watched()
    for job in many(4):
        env.put(job)

    class Slow:
        def page(self, region: str, token: str | None) -> Page:
            page = env.lists.page(region, token)
            env.clock.pass_by(LEASE)
            assert [each.complete for each in env.sweep(env.invocation())] == [True, True]
            return page

    swept = env.sweep(env.invocation(lists=Slow()), seconds=999)
    assert [str(each.error) for each in swept if each.error] == [
        f"the sweep of {scope} has been taken over by another invocation" for scope in (CHECKS, REGION)
    ]
    assert env.sweeps.progress[REGION].token is None
    assert env.sweeps.progress[REGION].last_began is not None


def test_a_list_that_forgot_its_place_is_begun_anew(env: Environment) -> None:
    env.jobs.page_length = 2
    for job in many(5):
        env.put(job)
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
def test_a_region_that_is_throttled_stops_no_other(*, first: bool) -> None:
    env = Environment(regions=(REGION, ELSEWHERE), page_length=2)
    for region in env.regions:
        for job in many(4, region=region):
            env.put(job)
    env.lists.faults[REGION, None if first else "2"] = UpstreamUnavailableError("throttled")
    swept = {each.scope: each for each in env.sweep()}
    assert (swept[REGION].complete, str(swept[REGION].error)) == (False, "throttled")
    assert (swept[ELSEWHERE].complete, swept[ELSEWHERE].error) == (True, None)
    env.lists.faults.clear()
    # What was throttled comes first, where it stopped.
    env.lists.calls.clear()
    env.sweep()
    tokens = [None, "2"] if first else ["2"]
    assert [(region, token) for region, token, _ in env.lists.calls] == [
        *((REGION, token) for token in tokens),
        (ELSEWHERE, None),
        (ELSEWHERE, "2"),
    ]


def test_the_region_that_waited_longest_comes_first() -> None:
    env = Environment(regions=(REGION, ELSEWHERE))
    env.watched()
    env.sweeps.progress[ELSEWHERE] = replace(env.sweeps.progress[ELSEWHERE], last_began=ago(hours=1))
    assert [each.scope for each in env.sweep()] == [CHECKS, ELSEWHERE, REGION]


def test_a_page_whose_messages_were_not_taken_is_compared_again(env: Environment) -> None:
    env.jobs.page_length = 2
    for job in many(4):
        env.put(job)
    env.rechecks.fault = QueueUnavailableError("throttled")
    (_, swept) = env.sweep()
    assert (swept.rechecks, str(swept.error)) == (0, "throttled")
    env.rechecks.fault = None
    env.sweep()
    assert env.names() == [job.name for job in many(4)]


def test_a_store_that_fails_as_a_region_is_let_go_stops_no_other() -> None:
    """Its lease lapses."""
    env = Environment(regions=(REGION, ELSEWHERE))

    class Failing(MemorySweepStore):
        def save(self, progress: SweepProgress, *, until: datetime) -> None:
            if progress.scope == REGION and until == env.clock():
                message = "DynamoDB does not answer"
                raise LedgerUnavailableError(message)
            MemorySweepStore.save(self, progress, until=until)

    env.sweeps = Failing()
    swept = {each.scope: each for each in env.sweep(env.invocation())}
    assert str(swept[REGION].error) == "DynamoDB does not answer"
    assert swept[ELSEWHERE].error is None
    assert swept[CHECKS].error is None
    assert {each.scope for each in env.sweep(env.invocation())} == {CHECKS, ELSEWHERE}


def test_the_age_is_that_of_the_last_pass_that_came_to_its_end(env: Environment) -> None:
    env.lists.faults[REGION, None] = UpstreamUnavailableError("throttled")
    for number in range(1, 4):
        (checks, region) = env.sweep()
        assert region.age == timedelta(minutes=5 * number) + number * env.lists.takes
        assert checks.age == timedelta()
        env.clock.pass_by(timedelta(minutes=5))


# --- checks: what should have followed ------------------------------------------------------------------------------


def ended(env: Environment, name: str = "ended", **before: float) -> JobId:
    """A job of the ledger that stopped so long ago; nothing is called for but a decision."""
    moment = ago(**(before or {"minutes": 12}))
    job = job_id(name, created=moment - timedelta(hours=1))
    env.both(job, "Starting=0 Stopped=3600")
    return job


def decide(env: Environment, job: JobId, action: Action = Action.NOTHING, *, dry_run: bool = False) -> None:
    decision = Decision(action=action, reason="a reason", inputs={}, notify=False, dry_run=dry_run)
    env.runs.decisions[job] = DecisionRecord(
        job=job, run=run_id(job), number=1, decision=decision, decided_at=NOW, checkpoint=None, next_name=None
    )


def settle(env: Environment, job: JobId) -> None:
    """A silent end: nobody is told of it."""
    decide(env, job)


def test_an_ended_job_without_a_decision_is_sent_to_be_decided_on(env: Environment) -> None:
    job = ended(env)
    (checks, _) = env.sweep()
    assert (env.recoveries.sent, checks.recoveries, checks.alerts) == ([job], 1, 0)


def test_an_ended_job_with_a_decision_is_left_alone(env: Environment) -> None:
    settle(env, ended(env))
    env.sweep()
    assert env.recoveries.sent == env.due_alerts.sent == []


def test_a_job_that_has_not_ended_needs_no_decision(env: Environment) -> None:
    env.both(job_id("alive", created=ago(minutes=12)))
    env.sweep()
    assert env.recoveries.sent == []


def test_a_deleted_job_without_a_decision_is_sent_to_be_decided_on(env: Environment) -> None:
    job = job_id("gone", created=ago(minutes=12))
    env.know(job, status="Deleting")
    env.sweep()
    assert env.recoveries.sent == [job]


def test_a_resubmission_that_was_not_made_is_sent_to_be_made(env: Environment) -> None:
    job = ended(env)
    decide(env, job, Action.RESUBMIT)
    env.sweep()
    assert env.recoveries.sent == [job]


@pytest.mark.parametrize("kind", OutcomeKind)
def test_a_resubmission_with_an_outcome_is_done(env: Environment, kind: OutcomeKind) -> None:
    job = ended(env)
    decide(env, job, Action.RESUBMIT)
    env.runs.record_outcome(Outcome(job=job, kind=kind, story="a story", settled_at=NOW, name="ended-r2"))
    env.sweep()
    assert env.recoveries.sent == []
    assert env.due_alerts.sent == [job]  # nobody was told


def test_a_dry_run_has_no_outcome_to_wait_for(env: Environment) -> None:
    job = ended(env)
    decide(env, job, Action.RESUBMIT, dry_run=True)
    env.sweep()
    assert env.recoveries.sent == []


INTERRUPTED = "Starting=0 Interrupted=3600"


def interrupted(env: Environment, **before: float) -> JobId:
    moment = ago(**(before or {"minutes": 12}))
    job = job_id("interrupted", created=moment - timedelta(hours=1))
    env.both(job, INTERRUPTED)
    return job


def alerter(env: Environment, topic: MemoryTopic | None = None) -> Alerter:
    return Alerter(
        ledger=env.ledger,
        runs=env.runs,
        topic=topic or MemoryTopic(),
        clock=env.clock,
        kinds=frozenset(AlertKind),
        max_age=timedelta(hours=24),
        lease=timedelta(minutes=2),
    )


def test_an_alert_that_was_never_sent_is_due(env: Environment) -> None:
    job = interrupted(env)
    (checks, _) = env.sweep()
    assert (env.due_alerts.sent, checks.alerts) == ([job], 1)


@pytest.mark.parametrize("kinds", [frozenset(AlertKind), frozenset()], ids=["sent", "declined"])
def test_an_alert_that_was_settled_is_not(env: Environment, kinds: frozenset[AlertKind]) -> None:
    job = interrupted(env)
    replace(alerter(env), kinds=kinds).catch_up(job)
    env.sweep()
    assert env.due_alerts.sent == []


def test_an_alert_whose_sender_died_is_due_and_then_sent_once(env: Environment) -> None:
    job = interrupted(env)
    transition = env.ledger.load(job).transitions[-1]
    env.ledger.lease_alert(job, AlertKind.INTERRUPTED, transition, now=ago(minutes=3), lease=timedelta(minutes=2))
    env.sweep()
    assert env.due_alerts.sent == [job]
    topic = MemoryTopic()
    for _ in range(2):
        alerter(env, topic).catch_up(job)
    assert len(topic.published) == 1


def test_one_job_may_lack_both(env: Environment) -> None:
    job = job_id("failed", created=ago(minutes=12))
    env.both(job, "Failed=0")
    (checks, _) = env.sweep()
    assert (checks.recoveries, checks.alerts) == (1, 1)
    assert env.recoveries.sent == env.due_alerts.sent == [job]


def test_what_has_only_just_changed_is_left_to_its_own_functions(env: Environment) -> None:
    ended(env, minutes=9.9)
    env.sweep()
    assert env.recoveries.sent == []


def test_an_end_is_checked_ever_more_rarely_until_two_days_have_passed(env: Environment) -> None:
    job = ended(env, seconds=0)
    checked = []
    for _ in range(12 * 24 * 3):
        env.clock.pass_by(timedelta(minutes=5))
        env.sweep(env.invocation())
        checked += [(env.clock() - NOW) // timedelta(minutes=5)] * len(env.recoveries.sent)
        env.recoveries.sent.clear()
    assert env.ledger.load(job).state is not None
    # In sweeps: 10 min, 20 min, 40 min …, 43 hours; where a sweep falls on the very moment, once more after it.
    assert sorted({number // 2 * 2 for number in checked}) == [2 * 2**number for number in range(9)]
    assert len(checked) <= 2 * 9


def test_after_an_outage_each_job_is_checked_once() -> None:
    env = Environment()
    env.watched(last=ago(days=6))
    jobs = [ended(env, f"job-{n}", minutes=11 * 2**n) for n in range(8)]
    (checks, _) = env.sweep()
    assert sorted(env.recoveries.sent) == sorted(jobs)
    assert checks.recoveries == len(jobs)


@pytest.mark.parametrize("count", [49, 50, 51, 230])
@pytest.mark.parametrize("seconds", [0, 0.001, 0.5], ids=["at once", "in a row", "apart"])
def test_however_many_jobs_end_together_each_is_checked(env: Environment, count: int, seconds: float) -> None:
    jobs = [ended(env, f"job-{n:03}", minutes=12, seconds=seconds * n) for n in range(count)]
    (checks, _) = env.sweep()
    assert checks.complete
    assert sorted(env.recoveries.sent) == sorted(jobs)


def test_a_window_that_ends_with_a_full_page_has_nothing_after_it(env: Environment) -> None:
    """The last of the page changed as the window ends: what would follow begins after it."""
    moment = NOW - FIRST_CHECK
    for number in range(50):
        env.both(job_id(f"job-{number}", created=moment - timedelta(seconds=5)), "Starting=0 Stopped=5")
    (checks, _) = env.sweep()
    assert (checks.complete, checks.error, checks.recoveries) == (True, None, 50)


@pytest.mark.parametrize("stops_at", range(9))
def test_checks_that_run_out_of_time_go_on_where_they_stopped(stops_at: int) -> None:
    env = Environment()
    env.watched(last=ago(minutes=5))
    jobs = [ended(env, f"job-{number}", minutes=10 * 2**number + 2) for number in range(9)]
    steps = iter(range(1000))

    def time_left() -> timedelta:
        return LONGEST_PAGE if next(steps) < stops_at else timedelta()

    env.invocation().sweep(time_left=time_left)
    stopped = env.sweeps.progress[CHECKS]
    assert (stopped.began, stopped.token) == ((NOW, str(stops_at)) if stops_at else (None, None))
    env.clock.pass_by(timedelta(minutes=5))
    env.sweep(env.invocation())
    assert sorted(env.recoveries.sent) == sorted(jobs)
    assert env.sweeps.progress[CHECKS].last_began == (NOW if stops_at else NOW + timedelta(minutes=5))


@pytest.mark.parametrize("refused", range(5))
def test_a_job_that_no_queue_takes_is_tried_again(env: Environment, refused: int) -> None:
    jobs = [ended(env, f"job-{number}", minutes=12, seconds=-number) for number in range(5)]
    env.recoveries.refused = {jobs[refused]}
    (checks, region) = env.sweep()
    assert (checks.complete, isinstance(checks.error, QueueUnavailableError)) == (False, True)
    assert region.complete  # the regions need not wait for it
    env.recoveries.refused = set()
    (checks, _) = env.sweep()
    assert checks.complete
    assert set(env.recoveries.sent) == set(jobs)


def test_a_job_that_expires_between_index_and_table_is_passed_over(env: Environment) -> None:
    job = ended(env)

    class Expiring:
        def __getattr__(self, name: str) -> Callable[..., Any]:
            if name == "load":
                return lambda _: JobRecord()
            method: Callable[..., Any] = getattr(env.ledger, name)
            return method

    (checks, _) = env.sweep(env.invocation(ledger=Expiring()))
    assert (checks.complete, checks.error) == (True, None)
    assert job not in env.recoveries.sent


def test_the_first_checks_of_a_fresh_deployment_begin_with_it() -> None:
    env = Environment(created=NOW - FRESH_DEPLOYMENT / 2)
    job = ended(env, minutes=15)
    env.sweep()
    assert env.recoveries.sent == [job]


# --- while many observations wait -----------------------------------------------------------------------------------


def test_while_many_observations_wait_nothing_is_held_to_be_lost(env: Environment) -> None:
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
    assert checks.complete  # what the ledger has is looked after all the same
    env.rechecks.waiting = BACKLOG - 1
    env.clock.pass_by(timedelta(minutes=5))
    (_, swept) = env.sweep()
    assert (swept.held_back, swept.complete, env.names()) == (False, True, ["queued"])


def test_a_queue_that_does_not_answer_stops_the_region_and_says_so(env: Environment) -> None:
    rechecks = env.rechecks

    class Silent(MemoryRecheckQueue):
        def backlog(self) -> int:
            message = "throttled"
            raise QueueUnavailableError(message)

    (_, swept) = env.sweep(env.invocation(rechecks=Silent()))
    assert isinstance(swept.error, QueueUnavailableError)
    assert rechecks.sent == []


# --- who has waited long enough -------------------------------------------------------------------------------------

PATIENT_FOR_AN_HOUR = AccountPolicy(
    defaults=Policy(resume=True, give_up_waiting_after=timedelta(hours=1), ladder=parse_ladder("spot:1 on-demand:1"))
)


def test_a_job_that_waits_is_named_to_recovery_for_an_hour_after_its_limit_and_then_once_an_hour(
    env: Environment,
) -> None:
    sweeper = env.invocation(policies=MemoryPolicies(policy=PATIENT_FOR_AN_HOUR))
    job = job_id("waits", created=ago(minutes=52))
    env.both(job, tags={})
    asked = []
    for number in range(1, 60):
        env.clock.pass_by(timedelta(minutes=5))
        env.sweep(sweeper)
        if env.recoveries.sent:
            assert env.recoveries.sent == [job]
            env.recoveries.sent.clear()
            asked.append(number * 5 + 52)
    assert asked == [*range(62, 127, 5), 182, 242, 302]


@pytest.mark.parametrize("fault", [PolicyInvalidError("no JSON"), UpstreamUnavailableError("throttled")])
def test_what_spoke_against_asking_just_when_the_limit_was_crossed_costs_a_sweep_and_no_more(
    env: Environment, fault: Exception
) -> None:
    """The parameter did not answer just then, or was invalid."""
    policies = MemoryPolicies(policy=PATIENT_FOR_AN_HOUR, fault=fault)
    sweeper = env.invocation(policies=policies)
    job = job_id("waits", created=ago(minutes=58))
    env.both(job, tags={})
    for _ in range(2):
        env.clock.pass_by(timedelta(minutes=5))
        env.sweep(sweeper)
    assert env.recoveries.sent == []
    policies.fault, policies.policy = None, PATIENT_FOR_AN_HOUR
    env.clock.pass_by(timedelta(minutes=5))
    env.sweep(sweeper)
    assert env.recoveries.sent == [job]


def test_a_limit_that_is_set_long_after_a_job_has_passed_it_is_seen_within_the_hour(env: Environment) -> None:
    policies = MemoryPolicies(policy=AccountPolicy())
    sweeper = env.invocation(policies=policies)
    job = job_id("waits", created=ago(hours=5, minutes=2))
    env.both(job, tags={})
    env.sweep(sweeper)
    policies.policy = PATIENT_FOR_AN_HOUR
    for _ in range(12):
        env.clock.pass_by(timedelta(minutes=5))
        env.sweep(sweeper)
    assert env.recoveries.sent == [job]


def test_without_a_policy_nobody_is_given_up_and_a_sweep_says_so(env: Environment) -> None:
    env.both(job_id("waits", created=ago(hours=9)))
    for fault in (PolicyInvalidError("no JSON"), UpstreamUnavailableError("throttled")):
        swept = env.sweep(env.invocation(policies=MemoryPolicies(fault=fault)))[-1]
        assert (swept.complete, swept.error, swept.policy_error) == (True, None, fault)
        env.clock.pass_by(timedelta(minutes=5))
    assert env.recoveries.sent == []


def test_the_policy_is_not_asked_for_while_nobody_waits(env: Environment) -> None:
    env.both(job_id("trains", created=ago(hours=9)), "Starting=0 Training=300")
    swept = env.sweep(env.invocation(policies=MemoryPolicies(fault=PolicyInvalidError("no JSON"))))[-1]
    assert swept.policy_error is None


def test_a_job_whose_words_are_not_known_is_counted_and_never_given_up(env: Environment) -> None:
    """Whatever the policy says: AWS may change the words at any time."""
    sweeper = env.invocation(policies=MemoryPolicies(policy=PATIENT_FOR_AN_HOUR))
    for name, words in (("new", "Looking for instances"), ("known", None)):
        told = {} if words is None else {"status_message": words}
        env.both(job_id(name, created=ago(minutes=62)), tags={}, **told)
    swept = env.sweep(sweeper)[-1]
    assert swept.unknown_messages == ["Looking for instances"]
    assert [job.name for job in env.recoveries.sent] == ["known"]
