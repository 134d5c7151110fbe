"""The ledger against what must follow from it: which jobs are sent."""

from dataclasses import replace
from datetime import timedelta

import pytest

from respot.alerting.kinds import AlertKind
from respot.errors import (
    QueueUnavailableError,
    StaleTokenError,
)
from respot.jobs.job import JobId, JobRecord
from respot.recovery.planning.decision import Action
from respot.recovery.records import OutcomeKind
from respot.schema import CHECKS
from respot.sweep.progress import FIRST_CHECK, FRESH_DEPLOYMENT
from respot.sweep.sweeper import LONGEST_PAGE
from tests.alerting.environment import alerter_on
from tests.support.builders import job_id
from tests.support.memory import MemoryTopic
from tests.support.records import decision_record, outcome_of
from tests.support.sweep_environment import NOW, Environment, ago
from tests.sweep.test_listing_depth import Instead


@pytest.fixture
def env() -> Environment:
    env = Environment()
    env.watched()
    return env


def ended(env: Environment, name: str = "ended", **before: float) -> JobId:
    """A job of the ledger that stopped that long ago; only its decision is missing."""
    moment = ago(**(before or {"minutes": 12}))
    job = job_id(name, created=moment - timedelta(hours=1))
    env.both(job, "Starting=0 Stopped=3600")
    return job


@pytest.mark.parametrize("token", ["nonsense", "99", "2 soon"])
def test_a_place_that_cannot_be_read_begins_a_new_pass(env: Environment, token: str) -> None:
    job = ended(env)
    env.sweeps.progress[CHECKS] = replace(env.sweeps.progress[CHECKS], began=ago(minutes=1), token=token)
    (checks, region) = env.sweep()
    assert (type(checks.error), region.complete) == (StaleTokenError, True)
    env.clock.pass_by(timedelta(minutes=5))
    assert env.sweep()[0].complete
    assert job in env.recoveries.sent


@pytest.mark.parametrize(
    ("status", "action", "dry_run", "settled", "sent"),
    [
        pytest.param("Stopped", None, False, False, True, id="no decision"),
        pytest.param("Deleting", None, False, False, True, id="deleted"),
        pytest.param("InProgress", None, False, False, False, id="still open"),
        pytest.param("Stopped", Action.NOTHING, False, False, False, id="nothing to do"),
        pytest.param("Stopped", Action.RESUBMIT, False, False, True, id="the attempt is missing"),
        pytest.param("Stopped", Action.RESUBMIT, True, False, False, id="a dry run has no attempt"),
        pytest.param("Stopped", Action.RESUBMIT, False, True, False, id="its outcome is known"),
    ],
)
def test_an_ended_job_is_sent_to_recovery_if_work_is_missing(
    env: Environment, status: str, action: Action | None, *, dry_run: bool, settled: bool, sent: bool
) -> None:
    job = job_id("ended", created=ago(hours=1, minutes=12))
    env.both(job, "Starting=0 Stopped=3600", status=status)
    if action:
        env.runs.decisions[job] = decision_record(action, job=job, dry_run=dry_run)
    if settled:
        env.runs.record_outcome(outcome_of(OutcomeKind.FAILED, job=job))
    (checks, _) = env.sweep()
    assert (env.recoveries.sent, checks.recoveries) == ([job] * sent, int(sent))
    assert env.due_alerts.sent == [job] * settled  # no alert on it was sent


def interrupted(env: Environment) -> JobId:
    job = job_id("interrupted", created=ago(hours=1, minutes=12))
    env.both(job, "Starting=0 Interrupted=3600")
    return job


@pytest.mark.parametrize(
    ("kinds", "due"),
    [(None, True), (frozenset(AlertKind), False), (frozenset(), False)],
    ids=["never sent", "sent", "declined"],
)
def test_an_alert_is_due_until_it_is_complete(
    env: Environment, kinds: frozenset[AlertKind] | None, *, due: bool
) -> None:
    job = interrupted(env)
    if kinds is not None:
        replace(alerter_on(env.ledger, clock=env.clock, topic=MemoryTopic()), kinds=kinds).catch_up(job)
    (checks, _) = env.sweep()
    assert (env.due_alerts.sent, checks.alerts) == ([job] * due, int(due))


def test_an_alert_whose_sender_crashed_is_due_and_sent_once(env: Environment) -> None:
    job = interrupted(env)
    transition = env.ledger.load(job).transitions[-1]
    env.ledger.lease_alert(job, AlertKind.INTERRUPTED, transition, now=ago(minutes=3), lease=timedelta(minutes=2))
    env.sweep()
    assert env.due_alerts.sent == [job]
    topic = MemoryTopic()
    for _ in range(2):
        alerter_on(env.ledger, clock=env.clock, topic=topic).catch_up(job)
    assert len(topic.published) == 1


def test_a_job_may_lack_both_its_decision_and_its_alert(env: Environment) -> None:
    job = job_id("failed", created=ago(minutes=12))
    env.both(job, "Failed=0")
    (checks, _) = env.sweep()
    assert (checks.recoveries, checks.alerts) == (1, 1)
    assert env.recoveries.sent == env.due_alerts.sent == [job]


@pytest.mark.parametrize("count", [49, 50, 51, 230])
@pytest.mark.parametrize("seconds", [0, 0.001, 0.5], ids=["at once", "in a row", "apart"])
def test_each_of_many_jobs_that_ended_together_is_checked(env: Environment, count: int, seconds: float) -> None:
    jobs = [ended(env, f"job-{n:03}", minutes=12, seconds=seconds * n) for n in range(count)]
    (checks, _) = env.sweep()
    assert checks.complete
    assert sorted(env.recoveries.sent) == sorted(jobs)


def test_a_check_period_may_end_with_a_full_page(env: Environment) -> None:
    """The last change of the page is the end of the period: the next page would begin after it."""
    moment = NOW - FIRST_CHECK
    for number in range(50):
        env.both(job_id(f"job-{number}", created=moment - timedelta(seconds=5)), "Starting=0 Stopped=5")
    (checks, _) = env.sweep()
    assert (checks.complete, checks.error, checks.recoveries) == (True, None, 50)


@pytest.mark.parametrize("stops_at", range(9))
def test_checks_that_run_out_of_time_resume_where_they_stopped(stops_at: int) -> None:
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
def test_a_job_that_the_queue_refuses_is_tried_again(env: Environment, refused: int) -> None:
    jobs = [ended(env, f"job-{number}", minutes=12, seconds=-number) for number in range(5)]
    env.recoveries.refused = {jobs[refused]}
    (checks, region) = env.sweep()
    assert (checks.complete, isinstance(checks.error, QueueUnavailableError)) == (False, True)
    assert region.complete  # the regions need not wait for it
    env.recoveries.refused = set()
    (checks, _) = env.sweep()
    assert checks.complete
    assert set(env.recoveries.sent) == set(jobs)


def test_a_job_that_expires_between_index_and_table_is_skipped(env: Environment) -> None:
    job = ended(env)
    (checks, _) = env.sweep(env.invocation(ledger=Instead(env.ledger, {"load": lambda _: JobRecord()})))
    assert (checks.complete, checks.error, checks.unreadable) == (True, None, [])
    assert job not in env.recoveries.sent


def test_the_first_checks_of_a_fresh_deployment_begin_with_it() -> None:
    env = Environment(created=NOW - FRESH_DEPLOYMENT / 2)
    job = ended(env, minutes=15)
    env.sweep()
    assert env.recoveries.sent == [job]
