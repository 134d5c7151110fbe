"""Respot stops a job that waits too long for capacity, recognises its own stop, and continues in the next pool.

Which jobs may be stopped, and whose stop it was, are rules: `planning/test_wait_limit.py`, `planning/test_waiting.py`.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import Any, Final

import pytest

from respot.errors import (
    LedgerUnavailableError,
    PolicyInvalidError,
    Reach,
    StopFailedError,
    StopRefusedError,
    UpstreamUnavailableError,
)
from respot.jobs.job import JobId, Market
from respot.recovery.decide import Later
from respot.recovery.planning.attempt import ATTEMPT_TAG
from respot.recovery.planning.decision import Action
from respot.recovery.records import NoticeKind, OutcomeKind
from tests.support.builders import NAME, job_id
from tests.support.recovery_environment import OPTED_IN, SECOND, THIRD, RecoveryEnvironment
from tests.support.with_hooks import ProcessCrashError

Meddle = Callable[[RecoveryEnvironment], object]
TWO_HOURS: Final = timedelta(hours=2)
LONGER: Final = timedelta(hours=2, minutes=5)


@pytest.fixture
def env() -> RecoveryEnvironment:
    env = RecoveryEnvironment()
    env.set_policy(give_up_waiting_after=TWO_HOURS)
    env.set_ladder("spot:2 on-demand:2")
    return env


def waiting(env: RecoveryEnvironment) -> JobId:
    """The user's job, which has waited for longer than its policy allows."""
    job = env.submit()
    env.clock.pass_by(LONGER)
    return job


def stopped(env: RecoveryEnvironment, name: str = NAME) -> JobId:
    """SageMaker has stopped the job, and the ledger knows."""
    env.clock.pass_by(timedelta(seconds=5))
    env.sagemaker.move(name, "Stopped")
    env.observe(name)
    return env.sagemaker.jobs[name].state.job


# --- the usual course -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("settings", [{"resume": False}, {"give_up_waiting_after": None}], ids=str)
def test_of_a_job_whose_wait_nothing_limits_sagemaker_is_not_asked(
    env: RecoveryEnvironment, settings: dict[str, Any]
) -> None:
    """Each interruption of each job comes here."""
    env.set_policy(**settings)
    job = env.submit(tags={})
    env.clock.pass_by(LONGER)
    env.recover(job)
    assert [call for call in env.calls if call.startswith("sagemaker.")] == []


def test_a_job_that_waits_too_long_is_stopped_and_goes_on_in_the_next_pool(env: RecoveryEnvironment) -> None:
    job = waiting(env)
    assert env.recover(job) is None
    assert (env.sagemaker.stopped, env.sagemaker.created) == ([NAME], [])
    assert (env.runs.decisions, env.runs.planned, env.runs.outcomes) == ({}, {}, {})
    env.recover(stopped(env))
    assert env.sagemaker.created == [SECOND]
    assert env.sagemaker.jobs[SECOND].tags[ATTEMPT_TAG] == "2"
    assert env.outcome(job).summary == (
        "resubmitted as spot-job-r2, attempt 2 of 5, on-demand ml.g5.2xlarge, starts from scratch "
        "(gave up waiting after 2 h 05 min for spot ml.g5.2xlarge; next: on-demand ml.g5.2xlarge)"
    )


def test_the_intent_is_recorded_and_the_job_described_before_the_stop(env: RecoveryEnvironment) -> None:
    job = waiting(env)
    env.calls.clear()
    env.recover(job)
    assert [call for call in env.calls if call.startswith("sagemaker") or call == "runs.record_stop_intent"] == [
        *("sagemaker.describe", "sagemaker.tags", "sagemaker.description", "sagemaker.page"),
        *("runs.record_stop_intent", "sagemaker.describe", "sagemaker.stop"),
    ]
    intent = env.runs.stop_intents[job]
    assert (intent.job, intent.waiting_since, intent.decided_at) == (job, job.created, env.clock())
    assert intent.reason.startswith("has waited for spot ml.g5.2xlarge since 2026-09-16 09:00 UTC, longer than 2 h 00")
    assert intent.inputs["give_up_waiting_after"] == "2 h 00 min"


def test_a_run_remembers_which_attempts_timed_out(env: RecoveryEnvironment) -> None:
    """The first attempt has spent the spot rung: the third is the on-demand rung's second, not its first."""
    env.set_ladder("spot:2 on-demand:2 on-demand/ml.g5.4xlarge:1")
    env.recover(waiting(env))
    env.recover(stopped(env))
    env.recover(env.end("Failed", name=SECOND, reason="CapacityError: none"))
    assert env.sagemaker.jobs[THIRD].state.instance_type == "ml.g5.2xlarge"
    third = env.end("Failed", name=THIRD, reason="CapacityError: none")
    env.recover(third)
    assert env.sagemaker.jobs[f"{NAME}-r4"].state.instance_type == "ml.g5.4xlarge"
    assert "capacity 3 of 5" in env.decision(third).decision.inputs["budgets"]


def test_a_later_attempt_times_out_as_well_but_not_on_the_last_rung(env: RecoveryEnvironment) -> None:
    env.set_ladder("spot:2 spot/ml.g5.4xlarge:2 on-demand:1")
    waiting(env)
    for name, following in ((NAME, SECOND), (SECOND, THIRD)):
        env.recover(env.sagemaker.jobs[name].state.job)
        env.recover(stopped(env, name))
        env.observe(following)
        env.clock.pass_by(LONGER)
    env.recover(env.sagemaker.jobs[THIRD].state.job)
    assert env.sagemaker.jobs[THIRD].state.market is Market.ON_DEMAND
    assert env.sagemaker.stopped == [NAME, SECOND]
    assert env.notes[-1] == "nothing would follow: the ladder has no rung left after 3 attempts"


def test_an_interrupted_job_times_out_and_resumes_elsewhere(env: RecoveryEnvironment) -> None:
    job = env.submit()
    env.end("Interrupted")
    interrupted = env.clock()
    env.clock.pass_by(TWO_HOURS)
    env.recover(job)
    assert env.sagemaker.stopped == []
    env.clock.pass_by(timedelta(minutes=5))
    env.recover(job)
    assert env.runs.stop_intents[job].waiting_since == interrupted
    env.recover(stopped(env))
    assert "on-demand ml.g5.2xlarge, resumes from checkpoint-1.pt" in env.outcome(job).summary
    assert "interruption 1 of 5" in env.decision(job).decision.inputs["budgets"]


# --- left alone -----------------------------------------------------------------------------------------------------


def _interrupt(env: RecoveryEnvironment) -> None:
    env.sagemaker.move(NAME, "Training")
    env.sagemaker.move(NAME, "Interrupted")


def _replace(env: RecoveryEnvironment) -> None:
    env.sagemaker.submit(NAME, OPTED_IN)
    env.clock.pass_by(LONGER)


def _unclonable(env: RecoveryEnvironment) -> None:
    env.sagemaker.jobs[NAME].unclonable = True


NO_LONGER_WAITING: Final[dict[str, Meddle]] = {
    "it gets instances": lambda env: env.sagemaker.move(NAME, "Downloading"),
    "it waits again": _interrupt,
    "it is deleted": lambda env: env.sagemaker.jobs.pop(NAME),
    "another job has its name": _replace,
}
LEFT_ALONE: Final[dict[str, Meddle]] = NO_LONGER_WAITING | {
    "kill switch": lambda env: env.turn_switch(on=True),
    "its owner opts out": lambda env: env.set_tag("off"),
    "a pipeline owns it": lambda env: env.set_tag("arn:of:pipeline", "sagemaker:pipeline-execution-arn"),
    "it cannot be created again": _unclonable,
    "another job writes to its checkpoints": RecoveryEnvironment.intrude,
    "dry run": lambda env: env.set_policy(dry_run=True),
    "no request can be built for another pool": lambda env: env.sagemaker.jobs[NAME].unclonable_on.update(
        {"on-demand ml.g5.2xlarge": Reach.POOL}
    ),
}


@pytest.mark.parametrize("meddle", LEFT_ALONE.values(), ids=LEFT_ALONE)
def test_what_the_ledger_has_not_recorded_keeps_a_job_from_being_stopped(
    env: RecoveryEnvironment, meddle: Meddle
) -> None:
    job = waiting(env)
    meddle(env)
    assert env.recover(job) is None
    assert (env.sagemaker.stopped, env.runs.stop_intents) == ([], {})


def test_an_invalid_policy_stops_no_job_and_is_retried(env: RecoveryEnvironment) -> None:
    job = waiting(env)
    env.faults["ssm.load"] = PolicyInvalidError("rules[0]: no such setting")
    assert env.recover(job) == Later(reason="rules[0]: no such setting")
    assert (env.sagemaker.stopped, env.runs.stop_intents, env.runs.notices) == ([], {}, {})
    env.faults.clear()
    assert env.recover(job) is None
    assert env.sagemaker.stopped == [NAME]


@pytest.mark.parametrize(
    "call", ["ssm.load", "s3.list", "sagemaker.description", "sagemaker.describe", "sagemaker.tags", "switch.why_on"]
)
def test_what_cannot_be_asked_stops_nothing(env: RecoveryEnvironment, call: str) -> None:
    job = waiting(env)
    env.faults[call] = UpstreamUnavailableError("no answer")
    with pytest.raises(UpstreamUnavailableError):
        env.recover(job)
    assert (env.sagemaker.stopped, env.runs.stop_intents) == ([], {})


@pytest.mark.parametrize(
    ("waited", "on", "note"),
    [(LONGER, True, "the account's kill switch is on"), (TWO_HOURS, False, "has waited 2 h 00 min of 2 h 00 min")],
)
def test_s3_is_asked_of_no_job_that_is_left_waiting_anyway(
    env: RecoveryEnvironment, waited: timedelta, note: str, *, on: bool
) -> None:
    env.turn_switch(on=on)
    job = env.submit()
    env.clock.pass_by(waited)
    env.recover(job)
    assert "s3.list" not in env.calls
    assert env.notes == [note]


# --- between the intent and the stop --------------------------------------------------------------------------------


def _switch_unreadable(env: RecoveryEnvironment) -> None:
    env.faults["switch.why_on"] = UpstreamUnavailableError("throttled")


def _undescribable(env: RecoveryEnvironment) -> None:
    env.faults["sagemaker.describe"] = UpstreamUnavailableError("throttled")


def _end_before_the_stop(env: RecoveryEnvironment) -> None:
    env.before["sagemaker.stop"] = lambda: env.sagemaker.move(NAME, "MaxWaitTimeExceeded")


WITHDRAWN: Final[dict[str, tuple[Meddle, str]]] = {
    name: (meddle, "waits no longer: it is not stopped") for name, meddle in NO_LONGER_WAITING.items()
} | {
    "kill switch": (lambda env: env.turn_switch(on=True), "the account's kill switch is on: it is not stopped"),
    "kill switch not read": (_switch_unreadable, "could not be described once more: it is not stopped yet"),
    "no description": (_undescribable, "could not be described once more: it is not stopped yet"),
    "it ends": (_end_before_the_stop, "has already ended"),
}


@pytest.mark.parametrize(("meddle", "why"), WITHDRAWN.values(), ids=WITHDRAWN)
def test_a_job_that_must_not_be_stopped_at_the_last_moment_is_not(
    env: RecoveryEnvironment, meddle: Meddle, why: str
) -> None:
    """The intent is withdrawn: a stop minutes later is the user's."""
    job = waiting(env)
    env.after["runs.record_stop_intent"] = lambda: meddle(env)
    with suppress(UpstreamUnavailableError):
        env.recover(job)
    assert env.sagemaker.stopped == []
    assert (env.notes[-1], env.runs.stop_intents[job].withdrawn) == (why, why)


def test_a_users_stop_minutes_after_a_withdrawn_intent_ends_the_run(env: RecoveryEnvironment) -> None:
    job = waiting(env)

    def prepare() -> None:
        fake, message = env.sagemaker.jobs[NAME], "Preparing the instances for training"
        fake.state = replace(fake.state, status_message=message, last_modified=env.clock())

    env.after["runs.record_stop_intent"] = prepare
    env.recover(job)
    env.clock.pass_by(timedelta(minutes=4))
    env.sagemaker.move(NAME, "Stopping")
    env.recover(stopped(env))
    assert env.decision(job).decision.reason == "stopped by its user"
    assert (env.sagemaker.stopped, env.sagemaker.created) == ([], [])


# --- the setting stop_only_tagged ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tags", "may"),
    [
        ({"respot:resume": "on"}, True),
        ({}, False),
        ({"respot:give-up-waiting-after": "1 h", "respot:deadline": "9 h"}, False),
        ({"team": "respot:resume"}, False),
    ],
    ids=["opted in", "by policy alone", "limits of its own", "another tag"],
)
def test_with_stop_only_tagged_a_job_without_the_opt_in_tag_waits_on(tags: dict[str, str], *, may: bool) -> None:
    env = RecoveryEnvironment(stop_only_tagged=True)
    env.set_policy(resume=True, give_up_waiting_after=TWO_HOURS)
    env.set_ladder("spot:2 on-demand:2")
    job = env.submit(tags=tags)
    env.clock.pass_by(LONGER)
    assert env.recover(job) is None
    assert env.sagemaker.stopped == ([NAME] if may else [])
    assert (job in env.runs.stop_intents) is may
    words = "the setting stop_only_tagged allows to stop only jobs with the tag respot:resume = on"
    assert (env.notes[-1] == words) is not may


def test_with_stop_only_tagged_a_deadline_is_watched_all_the_same() -> None:
    env = RecoveryEnvironment(stop_only_tagged=True)
    env.set_policy(resume=True, deadline=timedelta(hours=12), work=timedelta(hours=4))
    job = env.submit(tags={})
    env.clock.pass_by(timedelta(hours=1))
    env.recover(job)
    at = env.schedules.schedules.pop(job)
    env.clock.pass_by(at - env.clock())
    env.recover(job)
    assert env.schedules.schedules == {job: at + timedelta(minutes=30)}
    assert env.runs.notices == {}
    env.clock.pass_by(timedelta(hours=3))
    env.recover(job)
    assert (env.sagemaker.stopped, env.runs.stop_intents) == ([], {})
    (notice,) = env.runs.notices.values()
    assert notice.kind is NoticeKind.DEADLINE_AT_RISK
    assert notice.summary.endswith("stop only jobs with the tag respot:resume = on")


def test_the_tag_is_read_again_just_before_the_stop() -> None:
    env = RecoveryEnvironment(stop_only_tagged=True)
    env.set_policy(resume=True, give_up_waiting_after=TWO_HOURS)
    env.set_ladder("spot:2 on-demand:2")
    job = waiting(env)
    del env.sagemaker.jobs[NAME].tags["respot:resume"]
    env.recover(job)
    assert (env.sagemaker.stopped, env.runs.stop_intents) == ([], {})


# --- a stop that SageMaker refuses --------------------------------------------------------------------------------

DENIED: Final = StopRefusedError("SageMaker refuses to stop the job: AccessDeniedException: an explicit deny")


def retried(env: RecoveryEnvironment, job: JobId, *, every: timedelta, times: int) -> None:
    for _ in range(times):
        with pytest.raises(StopRefusedError):
            env.recover(job)
        env.clock.pass_by(every)


@pytest.mark.parametrize("after", [timedelta(seconds=1), timedelta(minutes=4), timedelta(minutes=59)], ids=str)
def test_a_users_stop_is_the_users_although_respots_was_refused_before(
    env: RecoveryEnvironment, after: timedelta
) -> None:
    job = waiting(env)
    env.faults["sagemaker.stop"] = DENIED
    retried(env, job, every=after, times=1)
    assert "explicit deny" in str(env.runs.stop_intents[job].withdrawn)
    env.sagemaker.move(NAME, "Stopping")
    env.recover(stopped(env))
    assert env.decision(job).decision.reason == "stopped by its user"
    assert env.sagemaker.created == []


def test_a_refused_stop_is_not_intended_again_for_an_hour_and_never_silent(env: RecoveryEnvironment) -> None:
    job = waiting(env)
    env.faults["sagemaker.stop"] = DENIED
    retried(env, job, every=timedelta(minutes=5), times=12)
    assert env.calls.count("runs.record_stop_intent") == env.calls.count("sagemaker.stop") == 1
    env.faults.clear()
    env.recover(job)
    assert env.sagemaker.stopped == [NAME]
    env.recover(stopped(env))
    assert env.sagemaker.created == [SECOND]


@pytest.mark.parametrize("died", [False, True], ids=["before the stop", "after the stop"])
def test_a_refusal_after_a_crash_leaves_open_whose_stop_it_is(env: RecoveryEnvironment, *, died: bool) -> None:
    """The earlier delivery may have stopped the job; then its end is not the user's. People are notified."""
    job = waiting(env)
    env.faults["sagemaker.stop"] = ProcessCrashError()
    with pytest.raises(ProcessCrashError):
        env.recover(job)
    env.faults["sagemaker.stop"] = DENIED
    retried(env, job, every=timedelta(minutes=1), times=2)
    if died:
        env.sagemaker.move(NAME, "Stopping")
    env.recover(stopped(env))
    decision = env.decision(job).decision
    assert (decision.action, decision.notify) == (Action.REFUSE, True)
    assert "by whom is unknown" in decision.reason
    assert env.sagemaker.created == []


def test_after_a_crash_too_the_users_stop_minutes_later_is_the_users(env: RecoveryEnvironment) -> None:
    job = waiting(env)
    env.faults["sagemaker.stop"] = ProcessCrashError()
    with pytest.raises(ProcessCrashError):
        env.recover(job)
    env.faults["sagemaker.stop"] = DENIED
    retried(env, job, every=timedelta(minutes=2), times=4)
    env.recover(stopped(env))
    assert env.decision(job).decision.reason == "stopped by its user"


def test_a_stop_without_an_answer_is_intended_again(env: RecoveryEnvironment) -> None:
    job = waiting(env)
    env.faults["sagemaker.stop"] = StopFailedError("throttled")
    for _ in range(3):
        with pytest.raises(StopFailedError):
            env.recover(job)
        env.clock.pass_by(timedelta(minutes=1))
    assert env.calls.count("runs.record_stop_intent") == 3
    assert env.runs.stop_intents[job].withdrawn is None


def test_a_delivery_that_finds_the_job_stopping_keeps_its_stop_intent(env: RecoveryEnvironment) -> None:
    """Two deliveries at once: the one that came too late must not turn Respot's own stop into the user's."""
    job = waiting(env)

    def deliver_again() -> None:
        env.clock.pass_by(timedelta(milliseconds=1))
        env.recover(job)

    env.after["runs.record_stop_intent"] = deliver_again
    env.recover(job)
    assert env.sagemaker.stopped == [NAME]
    assert env.notes[-1] == "waits no longer: it is not stopped"
    env.recover(stopped(env))
    assert env.sagemaker.created == [SECOND]


def test_an_intent_that_replaced_another_is_not_withdrawn(env: RecoveryEnvironment) -> None:
    """The other delivery stops the job while this one is between its intent and its last description."""
    job = waiting(env)

    def deliver_again() -> None:
        env.clock.pass_by(timedelta(milliseconds=1))
        env.after["runs.record_stop_intent"] = lambda: env.sagemaker.move(NAME, "Stopping")
        env.recover(job)

    env.before["sagemaker.stop"] = deliver_again
    env.recover(job)
    env.recover(stopped(env))
    assert env.sagemaker.created == [SECOND]


def test_instances_that_come_just_before_the_stop_end_the_run_with_an_alert(env: RecoveryEnvironment) -> None:
    job = waiting(env)
    env.before["sagemaker.stop"] = lambda: env.sagemaker.move(NAME, "Downloading")
    env.recover(job)
    env.recover(stopped(env))
    decision = env.decision(job).decision
    assert (decision.action, decision.notify) == (Action.REFUSE, True)
    assert "by whom is unknown" in decision.reason


# --- crashes --------------------------------------------------------------------------------------------------------

CALLS = (
    *("ledger.load", "sagemaker.describe", "sagemaker.tags", "ssm.load", "switch.why_on", "runs.attempts", "s3.list"),
    *("runs.reservation", "runs.live", "runs.attempt", "runs.attempts_named", "sagemaker.description"),
    *("refusals.since", "runs.stop_intent", "runs.record_stop_intent", "ledger.recorded_until", "sagemaker.page"),
    *("sagemaker.stop", "runs.notice"),
)


def test_the_list_of_calls_is_complete(env: RecoveryEnvironment) -> None:
    job = waiting(env)
    env.calls.clear()
    env.recover(job)
    assert set(env.calls) == set(CALLS)


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("death", [ProcessCrashError(), LedgerUnavailableError("down"), StopFailedError("no answer")])
def test_after_any_crash_the_job_is_stopped_once_and_followed_once(
    env: RecoveryEnvironment, call: str, death: BaseException, *, done: bool
) -> None:
    job = waiting(env)
    trouble = env.afterwards if done else env.faults
    trouble[call] = death
    for _ in range(3):
        # A job that is stopping does not wait: what comes later is not called any more.
        try:
            env.recover(job)
        except (ProcessCrashError, LedgerUnavailableError, StopFailedError):
            env.clock.pass_by(timedelta(minutes=30))
    trouble.clear()
    for _ in range(2):
        assert env.recover(job) is None
    assert env.sagemaker.stopped == [NAME]
    stopped(env)
    for _ in range(2):
        assert env.recover(job) is None
    assert env.sagemaker.created == [SECOND]
    assert env.outcome(job).kind is OutcomeKind.CREATED


def test_stop_intents_are_read_only_for_stopped_attempts(env: RecoveryEnvironment) -> None:
    env.recover(env.ended())
    env.recover(env.end(name=SECOND))
    assert "runs.stop_intent" not in env.calls


# --- which job ------------------------------------------------------------------------------------------------------


def test_a_live_job_known_under_a_rounded_time_is_the_same_job(env: RecoveryEnvironment) -> None:
    job = waiting(env)
    fake = env.sagemaker.jobs[NAME]
    fake.state = replace(fake.state, job=replace(job, created=job.created + timedelta(milliseconds=400)))
    env.recover(job)
    assert env.sagemaker.stopped == [NAME]
    assert set(env.runs.stop_intents) == {job} == {job_id()}


def test_the_description_of_a_later_job_of_that_name_stops_nothing(env: RecoveryEnvironment) -> None:
    """The name is used again between two descriptions: the second one shows another job."""
    job = waiting(env)
    env.before["sagemaker.description"] = lambda: _replace(env)
    env.recover(job)
    assert env.sagemaker.stopped == []
    assert env.runs.stop_intents == {}


# --- a deadline -----------------------------------------------------------------------------------------------------


def by_deadline(**settings: object) -> RecoveryEnvironment:
    """No ladder and no wait limit. The latest on-demand start is 3 h 05 min after the creation: 10 h - 2 h of work -
    90 min for a start on demand - 5 for the switch - a reserve of 30 + 30 + 15 + 10 + 20."""
    env = RecoveryEnvironment()
    env.set_policy(**({"deadline": timedelta(hours=10), "work": timedelta(hours=3, minutes=35)} | settings))
    return env


@pytest.mark.parametrize(("minutes", "stops"), [(184, []), (186, [NAME])])
def test_the_users_own_job_is_stopped_at_its_latest_on_demand_start(minutes: int, stops: list[str]) -> None:
    env = by_deadline()
    job = env.submit()
    env.clock.pass_by(timedelta(minutes=minutes))
    env.recover(job)
    assert env.sagemaker.stopped == stops
    if stops:
        assert "its latest on-demand start" in env.runs.stop_intents[job].reason
        env.recover(stopped(env))
        assert env.sagemaker.jobs[SECOND].state.market is Market.ON_DEMAND
        assert "reserve 1 h 45 min: on demand from here" in env.outcome(job).summary


def test_a_job_whose_work_is_not_known_is_left_alone_with_one_warning() -> None:
    env = by_deadline(work=None)
    job = env.submit()
    for _ in range(3):
        env.clock.pass_by(timedelta(hours=4))
        env.recover(job)
    assert env.sagemaker.stopped == []
    assert [(noticed, kind) for noticed, kind in env.runs.notices] == [(job, NoticeKind.WORK_UNKNOWN)]
    assert "Set the tag respot:work" in env.runs.notices[job, NoticeKind.WORK_UNKNOWN].summary


def test_an_owner_who_then_sets_the_work_is_warned_of_a_deadline_at_risk_all_the_same() -> None:
    env = by_deadline(deadline=timedelta(hours=8), work=None)
    env.set_ladder("on-demand")
    job = env.submit(market=Market.ON_DEMAND, max_wait=None)
    env.clock.pass_by(timedelta(hours=1))
    env.recover(job)
    env.set_tag("4 h", "respot:work")
    env.clock.pass_by(timedelta(hours=4))
    for _ in range(2):
        env.recover(job)
    assert [kind for _, kind in env.runs.notices] == [NoticeKind.WORK_UNKNOWN, NoticeKind.DEADLINE_AT_RISK]


def test_the_kill_switch_prevents_a_stop_for_a_deadline_too() -> None:
    env = by_deadline()
    job = env.submit()
    env.clock.pass_by(timedelta(hours=4))
    env.kill_switch.is_on = True
    env.recover(job)
    assert env.sagemaker.stopped == []


def test_a_job_that_hangs_in_preparing_after_an_interruption_is_stopped() -> None:
    """It keeps the TrainingStartTime of before."""
    env = by_deadline(deadline=timedelta(hours=8), work=timedelta(hours=4))
    job = env.submit()
    env.end("Interrupted")
    env.sagemaker.move(NAME, "Starting")
    fake = env.sagemaker.jobs[NAME]
    fake.state = replace(fake.state, status_message="Preparing the instances for training")
    env.recover(job)
    assert env.sagemaker.stopped == []
    env.clock.pass_by(timedelta(hours=2))
    env.recover(job)
    assert env.sagemaker.stopped == [NAME]


@pytest.mark.parametrize("work", [timedelta(hours=4), None], ids=["known", "proven by steps"])
def test_the_kill_switch_makes_no_false_risk(work: timedelta | None) -> None:
    """S3 is not asked while it is on: saved work must not count as lost."""
    env = by_deadline(deadline=timedelta(hours=6, minutes=15), work=work)
    job = env.submit()
    env.end("Interrupted")
    env.turn_switch(on=True)
    env.recover(job)
    assert (env.sagemaker.stopped, env.runs.notices) == ([], {})
    assert env.notes == [env.kill_switch.why_on()]
