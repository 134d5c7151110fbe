"""Live jobs at the checkpoint location that the ledger does not know: SageMaker's list shows them."""

from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import cast

import pytest

from respot.errors import CreateLaterError, Postponement, UpstreamRefusedError, UpstreamUnavailableError
from respot.jobs.job import JobId, Market
from respot.jobs.listing import LONGEST_LIFE, Page, UnreadableSummary
from respot.jobs.message import write_message
from respot.jobs.ports import JobLists
from respot.recovery.consumer import RecoveryConsumer
from respot.recovery.planning.decision import Action
from respot.recovery.records import OutcomeKind
from respot.recovery.unknown_writers import ENOUGH, MOST_DESCRIBED, MOST_PAGES, MOST_UNANSWERED, PACE
from tests.support.builders import NAME, REGION, message, retry_schedule
from tests.support.fake_sagemaker import FakeSageMaker
from tests.support.memory import MemoryDelayQueue
from tests.support.recovery_environment import SECOND, RecoveryEnvironment

OVERLAPPING = "another job writes to an overlapping checkpoint location: "
HERE = f"s3://ml-bucket/checkpoints/{NAME}/"
SPOT = "spot:3 on-demand:1"


def unknown(env: RecoveryEnvironment, name: str = "unknown", uri: str | None = HERE) -> JobId:
    """A job of a user, whose events were lost."""
    return env.sagemaker.submit(name, checkpoint_uri=uri)


def pages(env: RecoveryEnvironment) -> int:
    return env.calls.count("sagemaker.page")


# --- what the list shows


@pytest.mark.parametrize("status", ["Training", "Stopping", "Interrupted"])
@pytest.mark.parametrize("uri", [HERE, HERE.rstrip("/"), f"{HERE}deeper/", "s3://ml-bucket/checkpoints/"])
def test_a_live_job_that_the_ledger_does_not_know_is_a_concurrent_writer(
    env: RecoveryEnvironment, status: str, uri: str
) -> None:
    job = env.ended()
    unknown(env, uri=uri)
    env.sagemaker.move("unknown", status)
    env.recover(job)
    decision = env.decision(job).decision
    assert (decision.action, decision.reason, decision.notify) == (Action.REFUSE, f"{OVERLAPPING}unknown", True)
    assert decision.inputs["overlapping_jobs"] == "unknown"
    assert env.sagemaker.created == []


def test_a_job_that_only_events_reported_is_described_first(env: RecoveryEnvironment) -> None:
    """Otherwise it would count as one without checkpoints, which nobody can be in the way of."""
    job = env.ended()
    state, version = env.ledger.states[job]
    env.ledger.states[job] = replace(state, described=None, checkpoint_uri=None), version
    unknown(env)
    env.recover(job)
    assert env.decision(job).decision.reason == f"{OVERLAPPING}unknown"


@pytest.mark.parametrize("shown", [True, False])
@pytest.mark.parametrize("market", [None, Market.SPOT])
@pytest.mark.parametrize("uri", [HERE, None])
def test_a_live_job_that_only_events_reported_is_described_first(
    env: RecoveryEnvironment, uri: str | None, market: Market | None, *, shown: bool
) -> None:
    """By the index, where a sweep has passed since the job began, and by SageMaker's list where the index lags."""
    other = unknown(env, uri=uri)
    env.observe("unknown")
    state, version = env.ledger.states[other]
    env.ledger.states[other] = replace(state, described=None, market=market, checkpoint_uri=None), version
    job = env.ended()
    if shown:
        env.runs.lagging = {"unknown"}
    else:
        env.sagemaker.page_length = 1
        crowd(env, 1)
        env.ledger.recorded[REGION] = env.clock()
    env.recover(job)
    assert env.sagemaker.created == ([] if uri else [SECOND])


def test_a_job_that_is_recorded_while_an_attempt_is_created_is_a_concurrent_writer(env: RecoveryEnvironment) -> None:
    """`record` and a sweep come between the creation's look at the ledger and its list."""
    env.set_policy(require_checkpoint=False)
    job = env.decided()
    env.clock.pass_by(timedelta(minutes=20))
    unknown(env)
    env.clock.pass_by(timedelta(minutes=20))
    unknown(env, "far", "s3://ml-bucket/elsewhere/")
    env.sagemaker.page_length = 1

    def between() -> None:
        env.observe("unknown")
        env.ledger.recorded[REGION] = env.clock() - timedelta(minutes=6)

    env.before["ledger.recorded_until"] = between
    env.clock.pass_by(timedelta(minutes=20))
    env.recover(job)
    assert env.sagemaker.created == []


def test_a_recorded_job_that_was_deleted_is_in_nobodys_way(env: RecoveryEnvironment) -> None:
    other = unknown(env)
    env.observe("unknown")
    job = env.ended()
    del env.sagemaker.jobs[other.name]
    env.recover(job)
    assert env.sagemaker.created == [SECOND]


@pytest.mark.parametrize("uri", ["s3://ml-bucket/elsewhere/", "file:///tmp", None])
def test_a_job_that_writes_elsewhere_is_in_nobodys_way(env: RecoveryEnvironment, uri: str | None) -> None:
    job = env.ended()
    unknown(env, uri=uri)
    env.recover(job)
    assert env.sagemaker.created == [SECOND]


@pytest.mark.parametrize("status", ["Completed", "Failed", "Stopped"])
def test_a_job_that_has_ended_is_in_nobodys_way(env: RecoveryEnvironment, status: str) -> None:
    job = env.ended()
    unknown(env)
    env.sagemaker.move("unknown", status)
    env.calls.clear()
    env.recover(job)
    assert env.sagemaker.created == [SECOND]


def test_the_list_may_lag_and_the_description_decides(env: RecoveryEnvironment) -> None:
    job = env.ended()
    unknown(env)
    env.after["sagemaker.page"] = lambda: env.sagemaker.move("unknown", "Stopped")
    env.recover(job)
    assert env.sagemaker.created == [SECOND]


def test_between_the_decision_and_the_creation_it_is_found_as_well(env: RecoveryEnvironment) -> None:
    job = env.decided()
    unknown(env)
    env.recover(job)
    assert (env.outcome(job).kind, env.sagemaker.created) == (OutcomeKind.CANCELLED, [])
    assert env.outcome(job).summary == f"not resubmitted: {OVERLAPPING}unknown"


def test_a_job_waits_on_if_the_next_attempt_would_meet_an_unknown_writer(env: RecoveryEnvironment) -> None:
    env.set_policy(give_up_waiting_after=timedelta(hours=2), require_checkpoint=False)
    env.set_ladder(SPOT)
    job = env.submit()
    unknown(env)
    env.clock.pass_by(timedelta(hours=3))
    env.observe(NAME)
    env.recover(job)
    assert env.sagemaker.stopped == []
    assert env.notes == [f"nothing would follow: {OVERLAPPING}unknown"]


def test_a_job_that_the_index_does_not_have_yet_is_judged_by_the_ledger(env: RecoveryEnvironment) -> None:
    """The index lags behind the ledger's items."""
    env.submit("near", checkpoint_uri=HERE)
    env.submit("far", checkpoint_uri="s3://ml-bucket/elsewhere/")
    job = env.ended()
    env.runs.lagging = {"near", "far"}
    env.calls.clear()
    env.recover(job)
    assert env.decision(job).decision.reason == f"{OVERLAPPING}near"
    assert env.calls.count("sagemaker.describe") == 1


def test_a_creation_time_that_the_list_rounds_is_the_same_jobs(env: RecoveryEnvironment) -> None:
    env.clock.pass_by(timedelta(milliseconds=300))
    env.submit("far", checkpoint_uri="s3://ml-bucket/elsewhere/")
    job = env.ended()
    env.runs.lagging = {"far"}
    env.sagemaker.rounded = True
    env.calls.clear()
    env.recover(job)
    assert (env.calls.count("sagemaker.describe"), env.sagemaker.created) == (2, [SECOND])  # of the new job alone


def test_a_job_that_the_ledger_has_as_ended_and_the_list_shows_alive_is_described(env: RecoveryEnvironment) -> None:
    env.intrude()
    env.sagemaker.move("other", "Stopped")
    env.observe("other")
    job = env.ended()
    env.sagemaker.move("other", "Training")
    env.recover(job)
    assert env.decision(job).decision.reason == f"{OVERLAPPING}other"


def test_and_so_it_is_if_only_an_event_reported_its_end_without_its_location(env: RecoveryEnvironment) -> None:
    other = env.intrude()
    ended, version = env.ledger.states[other]
    env.ledger.states[other] = replace(ended, status="Stopped", checkpoint_uri=None), version
    job = env.ended()
    env.recover(job)
    assert env.decision(job).decision.reason == f"{OVERLAPPING}other"


def test_the_runs_own_next_attempt_is_none_if_only_the_list_shows_it(env: RecoveryEnvironment) -> None:
    """An earlier creation had no answer, and takes effect late."""
    job = env.decided()
    env.before["sagemaker.page"] = lambda: env.sagemaker.submit(SECOND, checkpoint_uri=HERE)
    env.recover(job)
    assert (env.outcome(job).kind, env.outcome(job).name) == (OutcomeKind.CREATED, SECOND)


def test_jobs_that_the_index_has_are_not_read_one_by_one(env: RecoveryEnvironment) -> None:
    for number in range(50):
        env.submit(f"far-{number}", checkpoint_uri="s3://ml-bucket/elsewhere/")
    job = env.ended()
    env.calls.clear()
    env.recover(job)
    assert env.calls.count("ledger.load") < 10


def test_without_a_checkpoint_location_nothing_is_listed(env: RecoveryEnvironment) -> None:
    env.set_policy(require_checkpoint=False)
    job = env.ended(checkpoint_uri=None)
    env.calls.clear()
    env.recover(job)
    assert (env.sagemaker.created, pages(env)) == ([SECOND], 0)


def test_where_no_attempt_would_follow_nothing_is_listed(env: RecoveryEnvironment) -> None:
    job = env.ended("Completed")
    env.recover(job)
    assert pages(env) == 0


# --- how far back


def crowd(env: RecoveryEnvironment, count: int, *, every: timedelta = timedelta(seconds=1)) -> None:
    """Jobs of others that have ended."""
    for number in range(count):
        unknown(env, f"ended-{number}")
        env.sagemaker.move(f"ended-{number}", "Completed")
        env.clock.pass_by(every)


def test_the_list_is_read_back_to_where_the_ledger_has_every_live_job(env: RecoveryEnvironment) -> None:
    env.sagemaker.page_length = 10
    job = env.ended()
    env.ledger.recorded[REGION] = env.clock()
    env.clock.pass_by(timedelta(milliseconds=1))
    unknown(env)
    crowd(env, 30)
    env.recover(job)
    assert (env.decision(job).decision.reason, pages(env)) == (f"{OVERLAPPING}unknown", 4)


def test_and_no_further(env: RecoveryEnvironment) -> None:
    env.sagemaker.page_length = 10
    job = env.ended()
    crowd(env, 30)
    env.ledger.recorded[REGION] = env.clock() - timedelta(seconds=15)
    env.recover(job)
    assert (env.sagemaker.created, pages(env)) == ([SECOND], 2)


@pytest.mark.parametrize("ahead", [None, timedelta(hours=1)], ids=["before the first sweep", "a time to come"])
def test_otherwise_the_list_is_read_as_far_as_jobs_live(env: RecoveryEnvironment, ahead: timedelta | None) -> None:
    """The ledger does not know the jobs from before the deployment either."""
    env.sagemaker.page_length = 1
    crowd(env, 1)
    env.clock.pass_by(LONGEST_LIFE - timedelta(hours=3))
    unknown(env)
    job = env.ended()
    if ahead:
        env.ledger.recorded[REGION] = env.clock() + ahead
    env.recover(job)
    assert (env.decision(job).decision.reason, pages(env)) == (f"{OVERLAPPING}unknown", 3)


# --- what cannot be answered


def test_while_sagemaker_does_not_list_its_jobs_nothing_is_decided_or_created(env: RecoveryEnvironment) -> None:
    job = env.ended()
    env.faults["sagemaker.page"] = UpstreamUnavailableError("ThrottlingException")
    with pytest.raises(UpstreamUnavailableError):
        env.recover(job)
    assert (env.runs.decisions, env.sagemaker.created, pages(env)) == ({}, [], MOST_UNANSWERED + 1)
    env.faults.clear()
    env.recover(job)
    assert env.sagemaker.created == [SECOND]


def test_a_refused_call_is_not_repeated(env: RecoveryEnvironment) -> None:
    """A permission is missing: at this pace, repeated calls would only hold up the batch."""
    job = env.ended()
    env.faults["sagemaker.page"] = UpstreamRefusedError("AccessDeniedException")
    with pytest.raises(UpstreamRefusedError):
        env.recover(job)
    assert (env.runs.decisions, env.sagemaker.created, pages(env)) == ({}, [], 1)


def test_a_call_without_an_answer_is_repeated_at_the_same_pace(
    env: RecoveryEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, unanswered = env.sagemaker.page, [UpstreamUnavailableError("ThrottlingException")] * MOST_UNANSWERED

    def answer(region: str, token: str | None) -> Page:
        if unanswered:
            raise unanswered.pop()
        return page(region, token)

    monkeypatch.setattr(FakeSageMaker, "page", lambda _, *asked: answer(*asked))
    job, began = env.ended(), env.clock()
    env.recover(job)
    assert (env.sagemaker.created, env.clock() - began) == ([SECOND], MOST_UNANSWERED * PACE)


def with_odd_summary(env: RecoveryEnvironment, name: str, *, is_named: bool = True) -> None:
    """SageMaker's list holds nonsense about the job of this name."""
    page = env.sagemaker.page

    def odd(region: str, token: str | None) -> Page:
        listed = page(region, token)
        rest = tuple(each for each in listed.summaries if each.job.name != name)
        found = (each.job for each in listed.summaries if each.job.name == name)
        nonsense = tuple(UnreadableSummary(job=job if is_named else None, why=f"{name} is odd") for job in found)
        return replace(listed, summaries=rest, unreadable=nonsense)

    env.recovery.unknown_writers.lists = cast("JobLists", SimpleNamespace(page=odd))


@pytest.mark.parametrize("uri", [HERE, "s3://ml-bucket/elsewhere/"])
def test_a_job_whose_summary_cannot_be_read_is_described(env: RecoveryEnvironment, uri: str) -> None:
    job = env.ended()
    unknown(env, uri=uri)
    with_odd_summary(env, "unknown")
    env.recover(job)
    assert env.sagemaker.created == ([] if uri == HERE else [SECOND])
    assert (f"{OVERLAPPING}unknown" in env.decision(job).decision.reason) is (uri == HERE)


def test_a_summary_that_names_no_job_is_no_answer(env: RecoveryEnvironment) -> None:
    job = env.ended()
    unknown(env)
    with_odd_summary(env, "unknown", is_named=False)
    with pytest.raises(UpstreamUnavailableError, match="unknown is odd; nothing is created"):
        env.recover(job)
    assert env.runs.decisions == {}


def test_a_list_that_is_too_long_is_no_answer(env: RecoveryEnvironment) -> None:
    env.sagemaker.page_length = 1
    crowd(env, MOST_PAGES - 1)
    job = env.ended()  # the tenth page
    env.recover(job)
    assert (env.sagemaker.created, pages(env)) == ([SECOND], MOST_PAGES)


def test_and_is_shorter_after_the_next_sweep(env: RecoveryEnvironment) -> None:
    env.sagemaker.page_length = 1
    crowd(env, MOST_PAGES)
    job = env.ended()
    with pytest.raises(UpstreamUnavailableError, match="nothing is created before a sweep finds"):
        env.recover(job)
    assert (env.runs.decisions, pages(env)) == ({}, MOST_PAGES)
    env.ledger.recorded[REGION] = env.clock()
    env.recover(job)
    assert env.sagemaker.created == [SECOND]


def test_a_listed_job_that_sagemaker_does_not_describe_is_no_answer(env: RecoveryEnvironment) -> None:
    job = env.ended()
    unknown(env)
    env.after["sagemaker.page"] = lambda: env.sagemaker.jobs.pop("unknown")
    with pytest.raises(UpstreamUnavailableError, match="lists this job as alive and does not describe it"):
        env.recover(job)
    assert env.runs.decisions == {}


def test_of_many_unknown_jobs_few_are_described_and_one_at_the_location_is_enough(env: RecoveryEnvironment) -> None:
    job = env.ended()
    for number in range(MOST_DESCRIBED + 1):
        unknown(env, f"unknown-{number}", "s3://ml-bucket/elsewhere/" if number else HERE)
        env.clock.pass_by(timedelta(seconds=1))
    env.calls.clear()
    with pytest.raises(UpstreamUnavailableError, match="more than 20 jobs that the ledger does not know are alive"):
        env.recover(job)
    assert env.runs.decisions == {}
    env.observe("unknown-7")
    env.recover(job)
    assert env.decision(job).decision.reason == f"{OVERLAPPING}unknown-0"


def test_no_more_writers_are_named_than_it_takes(env: RecoveryEnvironment) -> None:
    job = env.ended()
    for number in range(MOST_DESCRIBED + 5):
        unknown(env, f"unknown-{number:02}")
        env.clock.pass_by(timedelta(seconds=1))
    env.calls.clear()
    env.recover(job)
    assert env.decision(job).decision.reason == f"{OVERLAPPING}unknown-24, unknown-23, unknown-22"
    assert env.calls.count("sagemaker.describe") == ENOUGH


# --- how many calls


def batch(env: RecoveryEnvironment, *jobs: JobId) -> None:
    """One invocation with the messages of these jobs."""
    consumer = RecoveryConsumer(recovery=env.recovery, retry_schedule=retry_schedule(MemoryDelayQueue()))
    env.calls.clear()
    consumer.consume([message(write_message(job), job.name) for job in jobs], time_left=lambda: timedelta(minutes=2))


def two_runs(env: RecoveryEnvironment, second: str) -> tuple[JobId, JobId]:
    """Two ended jobs, of which the second one has its checkpoints there."""
    env.submit("second", checkpoint_uri=second)
    env.save(1, "second")
    return env.ended(), env.end(name="second")


def test_one_listing_serves_a_batch(env: RecoveryEnvironment) -> None:
    first, second = two_runs(env, "s3://ml-bucket/checkpoints/second/")
    batch(env, first, second)
    assert (env.sagemaker.created, pages(env)) == ([SECOND, "second-r2"], 1)


def test_a_listing_without_an_answer_serves_a_batch_as_well(env: RecoveryEnvironment) -> None:
    first, second = two_runs(env, "s3://ml-bucket/checkpoints/second/")
    env.faults["sagemaker.page"] = UpstreamUnavailableError("ThrottlingException")
    batch(env, first, second)
    assert (env.sagemaker.created, pages(env)) == ([], MOST_UNANSWERED + 1)
    env.faults.clear()
    batch(env, first, second)
    assert env.sagemaker.created == [SECOND, "second-r2"]


def test_the_next_batch_has_a_listing_of_its_own(env: RecoveryEnvironment) -> None:
    first, second = two_runs(env, "s3://ml-bucket/checkpoints/second/")
    batch(env, first)
    unknown(env, uri="s3://ml-bucket/checkpoints/second/")
    batch(env, second)
    assert pages(env) == 1
    assert env.decision(second).decision.reason == f"{OVERLAPPING}unknown"


@pytest.mark.parametrize("answered", [True, False])
def test_what_is_created_after_the_listing_is_not_forgotten(env: RecoveryEnvironment, *, answered: bool) -> None:
    """The reservation is of one location, and these two are not equal."""
    env.set_policy(require_checkpoint=False)
    first, second = two_runs(env, f"{HERE}second/")
    if not answered:
        env.afterwards["sagemaker.create"] = CreateLaterError("no answer", reason=Postponement.UNANSWERED)
    batch(env, first, second)
    assert env.sagemaker.created == [SECOND]
    assert env.decision(second).decision.reason == f"{OVERLAPPING}{SECOND}"


def test_calls_keep_their_pace_within_an_invocation_and_from_one_to_the_next(env: RecoveryEnvironment) -> None:
    env.sagemaker.page_length = 1
    crowd(env, 2)
    first, second = two_runs(env, "s3://ml-bucket/checkpoints/second/")
    began = env.clock()
    batch(env, first)
    assert (pages(env), env.clock() - began) == (4, 3 * PACE)
    env.clock.pass_by(timedelta(seconds=1))
    batch(env, second)
    assert (pages(env), env.clock() - began) == (5, 8 * PACE)
