"""Respot stops a job that waits too long for capacity, recognises its own stop, and continues in the next pool."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

import pytest

from respot.errors import (
    CreateRefusedError,
    LedgerUnavailableError,
    PolicyInvalidError,
    Reach,
    StopFailedError,
    UpstreamUnavailableError,
)
from respot.jobs.description import JobDescription
from respot.jobs.job import JobId, Market
from respot.recovery.decide import Later
from respot.recovery.planning.attempt import ATTEMPT_TAG
from respot.recovery.planning.decision import Action
from respot.recovery.planning.ending import Budget
from respot.recovery.planning.waiting import StopIntent
from respot.recovery.policy.policy import BackOff, parse_ladder
from respot.recovery.records import OutcomeKind
from tests.support.builders import NAME, REGION, job_id
from tests.support.fake_sagemaker import FakeSageMaker
from tests.support.faulty import ProcessCrashError
from tests.support.recovery_environment import OPTED_IN, SECOND, THIRD, RecoveryEnvironment

TWO_HOURS = timedelta(hours=2)
LONGER = timedelta(hours=2, minutes=5)


@pytest.fixture
def env() -> RecoveryEnvironment:
    env = RecoveryEnvironment()
    env.set_policy(give_up_waiting_after=TWO_HOURS, ladder=parse_ladder("spot:2 on-demand:2"))
    return env


def waiting(env: RecoveryEnvironment, **others: object) -> JobId:
    """The user's job, which has waited for longer than its policy allows."""
    job = env.submit(**others)  # type: ignore[arg-type] # anything that `submit` takes
    env.clock.pass_by(LONGER)
    return job


def stopped(env: RecoveryEnvironment, name: str = NAME) -> JobId:
    """SageMaker has stopped the job, and the ledger knows."""
    env.clock.pass_by(timedelta(seconds=5))
    env.sagemaker.move(name, "Stopped")
    env.observe(name)
    return env.sagemaker.jobs[name].state.job


# --- the usual course -----------------------------------------------------------------------------------------------


def test_a_job_that_waits_too_long_is_stopped_and_goes_on_in_the_next_pool(env: RecoveryEnvironment) -> None:
    job = waiting(env)
    assert env.recover(job) is None
    assert env.sagemaker.stopped == [NAME]
    assert env.sagemaker.created == []
    env.recover(stopped(env))
    assert env.sagemaker.created == [SECOND]
    state = env.sagemaker.jobs[SECOND].state
    assert (state.market, state.max_wait) == (Market.ON_DEMAND, None)
    assert env.sagemaker.jobs[SECOND].tags[ATTEMPT_TAG] == "2"


def test_the_outcome_says_why_the_job_was_stopped(env: RecoveryEnvironment) -> None:
    job = waiting(env)
    env.recover(job)
    env.recover(stopped(env))
    assert env.outcome(job).summary == (
        "resubmitted as spot-job-r2, attempt 2 of 5, on-demand ml.g5.2xlarge, starts from scratch "
        "(gave up waiting after 2 h 05 min for spot ml.g5.2xlarge; next: on-demand ml.g5.2xlarge)"
    )


def test_the_intent_is_recorded_and_the_job_described_before_the_stop(env: RecoveryEnvironment) -> None:
    job = waiting(env)
    env.calls.clear()
    env.recover(job)
    sagemaker = [call for call in env.calls if call.startswith("sagemaker") or call == "runs.record_stop_intent"]
    assert sagemaker == [
        *("sagemaker.describe", "sagemaker.tags", "sagemaker.description"),
        *("runs.record_stop_intent", "sagemaker.describe", "sagemaker.stop"),
    ]
    intent = env.runs.stop_intents[job]
    assert (intent.job, intent.waiting_since, intent.decided_at) == (job, job.created, env.clock())
    assert intent.reason.startswith("has waited for spot ml.g5.2xlarge since 2026-09-16 09:00 UTC, longer than 2 h 00")
    assert intent.inputs["give_up_waiting_after"] == "2 h 00 min"


def test_no_decision_is_written_on_a_job_that_lives(env: RecoveryEnvironment) -> None:
    env.recover(waiting(env))
    assert (env.runs.decisions, env.runs.planned, env.runs.outcomes) == ({}, {}, {})


def test_there_is_no_pause_after_a_wait_timeout(env: RecoveryEnvironment) -> None:
    hour = timedelta(hours=1)
    env.set_policy(back_off=dict.fromkeys(Budget, BackOff(first=hour, longest=hour)))
    env.recover(waiting(env))
    assert env.recover(stopped(env)) is None
    assert env.sagemaker.created == [SECOND]


def test_a_run_remembers_which_attempts_timed_out(env: RecoveryEnvironment) -> None:
    """The first attempt has spent the spot rung: the third is the on-demand rung's second, not its first."""
    env.set_policy(ladder=parse_ladder("spot:2 on-demand:2 on-demand/ml.g5.4xlarge:1"))
    env.recover(waiting(env))
    env.recover(stopped(env))
    env.recover(env.end("Failed", name=SECOND, reason="CapacityError: none"))
    assert env.sagemaker.jobs[THIRD].state.instance_type == "ml.g5.2xlarge"
    third = env.end("Failed", name=THIRD, reason="CapacityError: none")
    env.recover(third)
    assert env.sagemaker.jobs[f"{NAME}-r4"].state.instance_type == "ml.g5.4xlarge"
    assert "capacity 3 of 5" in env.decision(third).decision.inputs["budgets"]


def test_a_later_attempt_times_out_as_well(env: RecoveryEnvironment) -> None:
    env.set_policy(ladder=parse_ladder("spot:2 spot/ml.g5.4xlarge:2 on-demand:1"))
    env.recover(waiting(env))
    env.recover(stopped(env))
    env.observe(SECOND)
    env.clock.pass_by(LONGER)
    env.recover(env.sagemaker.jobs[SECOND].state.job)
    assert env.sagemaker.stopped == [NAME, SECOND]
    env.recover(stopped(env, SECOND))
    assert env.sagemaker.jobs[THIRD].state.market is Market.ON_DEMAND


def test_the_last_rung_waits_for_as_long_as_sagemaker_does(env: RecoveryEnvironment) -> None:
    env.set_policy(ladder=parse_ladder("spot:1 on-demand:1"))
    env.recover(waiting(env))
    env.recover(stopped(env))
    env.observe(SECOND)
    env.clock.pass_by(timedelta(days=2))
    env.recover(env.sagemaker.jobs[SECOND].state.job)
    assert env.sagemaker.stopped == [NAME]
    assert env.notes[-1] == "nothing would follow: the ladder has no rung left after 2 attempts"


def test_an_interrupted_job_times_out_and_resumes_elsewhere(env: RecoveryEnvironment) -> None:
    job = env.submit()
    env.end("Interrupted")
    env.clock.pass_by(TWO_HOURS)
    env.recover(job)
    assert env.sagemaker.stopped == []
    env.clock.pass_by(timedelta(minutes=5))
    env.recover(job)
    env.recover(stopped(env))
    assert env.outcome(job).summary.startswith(
        "resubmitted as spot-job-r2, attempt 2 of 5, on-demand ml.g5.2xlarge, resumes from checkpoint-1.pt"
    )
    assert "interruption 1 of 5" in env.decision(job).decision.inputs["budgets"]


# --- left alone -----------------------------------------------------------------------------------------------------


def _train(env: RecoveryEnvironment) -> None:
    env.sagemaker.move(NAME, "Downloading")


def _stop(env: RecoveryEnvironment) -> None:
    env.sagemaker.move(NAME, "Stopping")


def _interrupt(env: RecoveryEnvironment) -> None:
    env.sagemaker.move(NAME, "Training")
    env.sagemaker.move(NAME, "Interrupted")


def _end(env: RecoveryEnvironment) -> None:
    env.sagemaker.move(NAME, "MaxWaitTimeExceeded")


def _delete(env: RecoveryEnvironment) -> None:
    del env.sagemaker.jobs[NAME]


def _replace(env: RecoveryEnvironment) -> None:
    env.sagemaker.submit(NAME, OPTED_IN)
    env.clock.pass_by(LONGER)


def _kill(env: RecoveryEnvironment) -> None:
    env.kill_switch.is_on = True


def _opt_out(env: RecoveryEnvironment) -> None:
    env.sagemaker.jobs[NAME].tags["respot:resume"] = "off"


def _mistype(env: RecoveryEnvironment) -> None:
    env.sagemaker.jobs[NAME].tags["respot:resume"] = "yes"


def _own(env: RecoveryEnvironment) -> None:
    env.sagemaker.jobs[NAME].tags["sagemaker:pipeline-execution-arn"] = "arn:of:pipeline"


def _unclonable(env: RecoveryEnvironment) -> None:
    env.sagemaker.jobs[NAME].unclonable = True


def _intrude(env: RecoveryEnvironment) -> None:
    env.submit("other", checkpoint_uri=f"s3://ml-bucket/checkpoints/{NAME}/")


def _dry_run(env: RecoveryEnvironment) -> None:
    env.set_policy(dry_run=True)


def _off(env: RecoveryEnvironment) -> None:
    env.set_policy(give_up_waiting_after=None)


def _no_ladder(env: RecoveryEnvironment) -> None:
    env.set_policy(ladder=())


@pytest.mark.parametrize(
    "meddle",
    [
        *(_train, _stop, _interrupt, _end, _delete, _replace, _kill, _opt_out, _mistype, _own, _unclonable, _intrude),
        *(_dry_run, _off, _no_ladder),
    ],
)
def test_what_the_ledger_has_not_recorded_keeps_a_job_from_being_stopped(
    env: RecoveryEnvironment, meddle: Callable[[RecoveryEnvironment], None]
) -> None:
    job = waiting(env)
    meddle(env)
    assert env.recover(job) is None
    assert env.sagemaker.stopped == []
    assert env.runs.stop_intents == {}


def test_an_invalid_policy_stops_no_job_and_is_retried(env: RecoveryEnvironment) -> None:
    job = waiting(env)
    env.faults["ssm.load"] = PolicyInvalidError("rules[0]: no such setting")
    assert env.recover(job) == Later(reason="rules[0]: no such setting")
    assert (env.sagemaker.stopped, env.runs.stop_intents, env.runs.notices) == ([], {}, {})
    env.faults.clear()
    assert env.recover(job) is None
    assert env.sagemaker.stopped == [NAME]


def overtake(env: RecoveryEnvironment, meddle: Callable[[RecoveryEnvironment], None]) -> None:
    """What happens once the next intent is recorded."""
    runs = env.recovery.wait_timeout.runs

    class Overtaken:
        def __getattr__(self, method: str) -> object:
            return getattr(runs, method)

        def record_stop_intent(self, record: StopIntent) -> StopIntent | None:
            object.__setattr__(env.recovery.wait_timeout, "runs", runs)
            before = runs.record_stop_intent(record)
            meddle(env)
            return before

    object.__setattr__(env.recovery.wait_timeout, "runs", Overtaken())


@pytest.mark.parametrize("meddle", [_train, _stop, _interrupt, _end, _delete, _replace])
def test_a_job_whose_waiting_ends_in_the_last_moment_is_not_stopped(
    env: RecoveryEnvironment, meddle: Callable[[RecoveryEnvironment], None]
) -> None:
    job = waiting(env)
    overtake(env, meddle)
    assert env.recover(job) is None
    assert env.sagemaker.stopped == []
    assert env.notes[-1] == "waits no longer: it is not stopped"
    assert env.runs.stop_intents[job].withdrawn == "waits no longer: it is not stopped"


def test_a_kill_switch_turned_on_just_before_the_stop_prevents_it(env: RecoveryEnvironment) -> None:
    job = waiting(env)
    overtake(env, _kill)
    assert env.recover(job) is None
    assert env.sagemaker.stopped == []
    assert env.runs.stop_intents[job].withdrawn == "the account's kill switch is on: it is not stopped"
    env.kill_switch.is_on = False
    env.recover(job)
    assert env.sagemaker.stopped == [NAME]


def test_a_kill_switch_unreadable_just_before_the_stop_prevents_it(env: RecoveryEnvironment) -> None:
    job = waiting(env)
    overtake(env, lambda env: env.faults.update({"switch.why_on": UpstreamUnavailableError("throttled")}))
    with pytest.raises(UpstreamUnavailableError, match="throttled"):
        env.recover(job)
    assert env.sagemaker.stopped == []
    assert env.runs.stop_intents[job].withdrawn is not None


def test_while_the_kill_switch_is_on_s3_is_not_asked(env: RecoveryEnvironment) -> None:
    env.kill_switch.is_on = True
    env.recover(waiting(env))
    assert "s3.list" not in env.calls
    assert env.notes == ["the account's kill switch is on"]


def test_a_job_that_ends_as_it_is_stopped_has_its_own_end(env: RecoveryEnvironment) -> None:
    job = waiting(env)
    env.faults["sagemaker.stop"] = StopFailedError("no answer")
    with pytest.raises(StopFailedError):
        env.recover(job)
    env.faults.clear()
    env.sagemaker.move(NAME, "MaxWaitTimeExceeded")
    env.observe(NAME)
    env.recover(job)
    assert env.decision(job).decision.reason.startswith("ran out of waiting time; next: spot")


def test_s3_is_asked_of_no_job_that_is_left_waiting_anyway(env: RecoveryEnvironment) -> None:
    job = env.submit()
    env.clock.pass_by(TWO_HOURS)
    env.recover(job)
    assert "s3.list" not in env.calls
    assert env.notes == ["has waited 2 h 00 min of 2 h 00 min"]


def test_a_dry_run_says_in_the_log_what_it_would_have_stopped(env: RecoveryEnvironment) -> None:
    env.set_policy(dry_run=True)
    env.recover(waiting(env))
    (words,) = env.notes
    assert "would have stopped it (dry run); gave up waiting after 2 h 05 min" in words
    assert env.runs.notices == {}


@pytest.mark.parametrize(
    "call", ["ssm.load", "s3.list", "sagemaker.description", "sagemaker.describe", "sagemaker.tags", "switch.why_on"]
)
def test_what_cannot_be_asked_stops_nothing(env: RecoveryEnvironment, call: str) -> None:
    job = waiting(env)
    env.faults[call] = UpstreamUnavailableError("no answer")
    with pytest.raises(UpstreamUnavailableError):
        env.recover(job)
    assert (env.sagemaker.stopped, env.runs.stop_intents) == ([], {})


# --- whose stop it was ----------------------------------------------------------------------------------------------


def test_a_stop_of_the_users_ends_the_run(env: RecoveryEnvironment) -> None:
    job = waiting(env)
    env.sagemaker.move(NAME, "Stopping")
    stopped(env)
    env.recover(job)
    assert env.decision(job).decision.reason == "stopped by its user"
    assert env.sagemaker.created == []


def test_a_users_stop_ends_the_run_although_respots_stops_failed(env: RecoveryEnvironment) -> None:
    job = waiting(env)
    env.faults["sagemaker.stop"] = StopFailedError("AccessDeniedException")
    with pytest.raises(StopFailedError):
        env.recover(job)
    env.clock.pass_by(timedelta(hours=1))
    env.sagemaker.move(NAME, "Stopping")
    stopped(env)
    env.recover(job)
    assert env.decision(job).decision.reason == "stopped by its user"
    assert env.sagemaker.created == []


def _prepare(env: RecoveryEnvironment) -> None:
    fake = env.sagemaker.jobs[NAME]
    message = "Preparing the instances for training"
    fake.state = replace(fake.state, status_message=message, last_modified=env.clock())


def _describe_in_vain(env: RecoveryEnvironment) -> None:
    env.faults["sagemaker.describe"] = UpstreamUnavailableError("throttled")


def _end_before_the_stop(env: RecoveryEnvironment) -> None:
    def end(name: str) -> None:
        env.sagemaker.move(name, "MaxWaitTimeExceeded")

    env.sagemaker.before_stop = end


@pytest.mark.parametrize("meddle", [_prepare, _describe_in_vain])
def test_a_users_stop_minutes_after_a_withdrawn_intent_ends_the_run(
    env: RecoveryEnvironment, meddle: Callable[[RecoveryEnvironment], None]
) -> None:
    job = waiting(env)
    overtake(env, meddle)
    with suppress(UpstreamUnavailableError):
        env.recover(job)
    env.faults.clear()
    env.clock.pass_by(timedelta(minutes=4))
    env.sagemaker.move(NAME, "Stopping")
    stopped(env)
    env.recover(job)
    assert env.sagemaker.stopped == []
    assert env.decision(job).decision.reason == "stopped by its user"
    assert env.sagemaker.created == []


def test_an_intent_whose_job_had_already_ended_is_withdrawn(env: RecoveryEnvironment) -> None:
    job = waiting(env)
    _end_before_the_stop(env)
    env.recover(job)
    assert env.notes[-1] == "has already ended"
    assert env.runs.stop_intents[job].withdrawn == "has already ended"


def test_a_delivery_that_finds_the_job_stopping_keeps_its_stop_intent(
    env: RecoveryEnvironment,
) -> None:
    """Two deliveries at once: the one that came too late must not turn Respot's own stop into the user's."""
    job = waiting(env)

    def deliver_again(_: RecoveryEnvironment) -> None:
        env.clock.pass_by(timedelta(milliseconds=1))
        env.recover(job)

    overtake(env, deliver_again)
    env.recover(job)
    assert env.sagemaker.stopped == [NAME]
    assert env.notes[-1] == "waits no longer: it is not stopped"
    env.recover(stopped(env))
    assert env.sagemaker.created == [SECOND]


def test_an_intent_that_replaced_another_is_not_withdrawn(env: RecoveryEnvironment) -> None:
    """The other delivery stops the job while this one is between its intent and its last description."""
    job = waiting(env)

    def deliver_again(_: str) -> None:
        env.sagemaker.before_stop = lambda _: None
        env.clock.pass_by(timedelta(milliseconds=1))
        overtake(env, _stop)
        env.recover(job)

    env.sagemaker.before_stop = deliver_again
    env.recover(job)
    env.recover(stopped(env))
    assert env.sagemaker.created == [SECOND]


def test_a_users_stop_in_a_later_wait_ends_the_run(env: RecoveryEnvironment) -> None:
    job = waiting(env)
    env.afterwards["runs.record_stop_intent"] = ProcessCrashError()
    with pytest.raises(ProcessCrashError):
        env.recover(job)
    env.afterwards.clear()
    env.sagemaker.move(NAME, "Downloading")
    env.clock.pass_by(timedelta(hours=3))
    env.sagemaker.move(NAME, "Interrupted")
    env.clock.pass_by(timedelta(minutes=1))
    env.sagemaker.move(NAME, "Stopping")
    stopped(env)
    env.recover(job)
    assert env.decision(job).decision.reason == "stopped by its user"


def test_a_later_wait_has_an_intent_of_its_own(env: RecoveryEnvironment) -> None:
    job = waiting(env)
    env.afterwards["runs.record_stop_intent"] = ProcessCrashError()
    with pytest.raises(ProcessCrashError):
        env.recover(job)
    env.afterwards.clear()
    env.set_policy(require_checkpoint=False)
    env.sagemaker.move(NAME, "Downloading")
    env.clock.pass_by(timedelta(seconds=10))
    env.sagemaker.move(NAME, "Interrupted")
    again = env.clock()
    env.clock.pass_by(LONGER)
    env.recover(job)
    assert env.runs.stop_intents[job].waiting_since == again
    env.recover(stopped(env))
    assert env.sagemaker.created == [SECOND]


def test_instances_that_come_just_before_the_stop_end_the_run_with_an_alert(
    env: RecoveryEnvironment,
) -> None:
    job = waiting(env)

    def launch(name: str) -> None:
        env.sagemaker.move(name, "Downloading")

    env.sagemaker.before_stop = launch
    env.recover(job)
    env.recover(stopped(env))
    decision = env.decision(job).decision
    assert (decision.action, decision.notify) == (Action.REFUSE, True)
    assert "by whom is unknown" in decision.reason


# --- crashes --------------------------------------------------------------------------------------------------------

CALLS = (
    *("ledger.load", "sagemaker.describe", "sagemaker.tags", "ssm.load", "switch.why_on", "runs.attempts", "s3.list"),
    *(
        "runs.reservation",
        "runs.live",
        "runs.attempt",
        "sagemaker.description",
        "runs.record_stop_intent",
        "sagemaker.stop",
    ),
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


def test_a_live_job_known_under_a_rounded_time_is_the_same_job(
    env: RecoveryEnvironment,
) -> None:
    job = waiting(env)
    fake = env.sagemaker.jobs[NAME]
    rounded = JobId(region=REGION, name=NAME, created=job.created + timedelta(milliseconds=400))
    fake.state = type(fake.state)(
        **{name: getattr(fake.state, name) for name in fake.state.__slots__} | {"job": rounded}
    )
    env.recover(job)
    assert env.sagemaker.stopped == [NAME]
    assert set(env.runs.stop_intents) == {job} == {job_id()}


def test_the_description_of_a_later_job_of_that_name_stops_nothing(
    env: RecoveryEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name is used again between two descriptions: the second one shows another job."""
    job = waiting(env)
    described = FakeSageMaker.description

    def later(self: FakeSageMaker, region: str, name: str) -> JobDescription | None:
        seen = described(self, region, name)
        return seen and replace(seen, job=replace(seen.job, created=seen.job.created + timedelta(hours=1)))

    monkeypatch.setattr(FakeSageMaker, "description", later)
    env.recover(job)
    assert env.sagemaker.stopped == []


# --- pools below that cannot be used


def test_a_job_is_stopped_for_the_first_rung_with_a_valid_request(env: RecoveryEnvironment) -> None:
    env.set_policy(give_up_waiting_after=TWO_HOURS, ladder=parse_ladder("spot:2 spot/ml.g5.4xlarge:1 on-demand:1"))
    job = waiting(env)
    env.sagemaker.jobs[NAME].unclonable_on = {"spot ml.g5.4xlarge": Reach.POOL}
    env.recover(job)
    assert env.sagemaker.stopped == [NAME]
    env.recover(stopped(env))
    assert env.sagemaker.jobs[SECOND].state.market is Market.ON_DEMAND


def test_a_job_whose_next_attempt_can_be_built_on_no_rung_goes_on_waiting(env: RecoveryEnvironment) -> None:
    job = waiting(env)
    env.sagemaker.jobs[NAME].unclonable_on = {"on-demand ml.g5.2xlarge": Reach.POOL}
    env.recover(job)
    assert env.sagemaker.stopped == []


def test_a_run_whose_next_pool_refuses_it_goes_back_and_waits_there(env: RecoveryEnvironment) -> None:
    def check(request: object) -> None:
        assert isinstance(request, dict)
        if request["placement"].market is Market.ON_DEMAND:
            raise CreateRefusedError("the quota is 0", reach=Reach.POOL)

    env.sagemaker.before_creation = check
    job = waiting(env)
    env.recover(job)
    env.recover(stopped(env))
    assert env.sagemaker.jobs[SECOND].state.market is Market.SPOT
    assert "cannot use on-demand ml.g5.2xlarge (the quota is 0); next: spot" in env.outcome(job).summary
    env.clock.pass_by(LONGER)
    env.observe(SECOND)
    env.recover(env.sagemaker.jobs[SECOND].state.job)
    assert env.sagemaker.stopped == [NAME]
