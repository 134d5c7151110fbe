"""Respot stops a job that waits too long for capacity, knows its own stop again, and goes on in the next pool."""

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
from respot.jobs.job import JobId, Market
from respot.recovery.planning.attempt import ATTEMPT_TAG
from respot.recovery.planning.decision import Action
from respot.recovery.planning.ending import Budget
from respot.recovery.planning.waiting import StopIntent
from respot.recovery.policy.policy import BackOff, parse_ladder
from respot.recovery.records import OutcomeKind
from respot.recovery.recover import Later
from tests.support.builders import NAME, REGION, job_id
from tests.support.recovery_bench import OPTED_IN, SECOND, THIRD, RecoveryBench
from tests.support.troubled import DiedError

TWO_HOURS = timedelta(hours=2)
LONGER = timedelta(hours=2, minutes=5)


@pytest.fixture
def bench() -> RecoveryBench:
    bench = RecoveryBench()
    bench.set_policy(give_up_waiting_after=TWO_HOURS, ladder=parse_ladder("spot:2 on-demand:2"))
    return bench


def waiting(bench: RecoveryBench, **others: object) -> JobId:
    """The user's job, which has waited for longer than its policy allows."""
    job = bench.submit(**others)  # type: ignore[arg-type] # whatever `submit` takes
    bench.clock.pass_by(LONGER)
    return job


def stopped(bench: RecoveryBench, name: str = NAME) -> JobId:
    """SageMaker has stopped the job, and the ledger knows."""
    bench.clock.pass_by(timedelta(seconds=5))
    bench.sagemaker.move(name, "Stopped")
    bench.observe(name)
    return bench.sagemaker.jobs[name].state.job


# --- the usual course -----------------------------------------------------------------------------------------------


def test_a_job_that_waits_too_long_is_stopped_and_goes_on_in_the_next_pool(bench: RecoveryBench) -> None:
    job = waiting(bench)
    assert bench.recover(job) is None
    assert bench.sagemaker.stopped == [NAME]
    assert bench.sagemaker.created == []
    bench.recover(stopped(bench))
    assert bench.sagemaker.created == [SECOND]
    state = bench.sagemaker.jobs[SECOND].state
    assert (state.market, state.max_wait) == (Market.ON_DEMAND, None)
    assert bench.sagemaker.jobs[SECOND].tags[ATTEMPT_TAG] == "2"


def test_people_are_told_why(bench: RecoveryBench) -> None:
    job = waiting(bench)
    bench.recover(job)
    bench.recover(stopped(bench))
    assert bench.outcome(job).story == (
        "resubmitted as spot-job-r2, attempt 2 of 5, on-demand ml.g5.2xlarge, starts from scratch "
        "(gave up waiting after 2 h 05 min for spot ml.g5.2xlarge; next: on-demand ml.g5.2xlarge)"
    )


def test_the_note_is_written_before_the_stop_and_the_job_looked_at_in_between(bench: RecoveryBench) -> None:
    job = waiting(bench)
    bench.calls.clear()
    bench.recover(job)
    sagemaker = [call for call in bench.calls if call.startswith("sagemaker") or call == "runs.record_stop_intent"]
    assert sagemaker == [
        *("sagemaker.describe", "sagemaker.tags", "sagemaker.document"),
        *("runs.record_stop_intent", "sagemaker.describe", "sagemaker.stop"),
    ]
    note = bench.runs.given_up[job]
    assert (note.job, note.waiting_since, note.decided_at) == (job, job.created, bench.clock())
    assert note.reason.startswith("has waited for spot ml.g5.2xlarge since 2026-09-16 09:00 UTC, longer than 2 h 00")
    assert note.inputs["give_up_waiting_after"] == "2 h 00 min"


def test_no_decision_is_written_on_a_job_that_lives(bench: RecoveryBench) -> None:
    bench.recover(waiting(bench))
    assert (bench.runs.decisions, bench.runs.planned, bench.runs.outcomes) == ({}, {}, {})


def test_there_is_no_pause_after_giving_up(bench: RecoveryBench) -> None:
    hour = timedelta(hours=1)
    bench.set_policy(back_off=dict.fromkeys(Budget, BackOff(first=hour, longest=hour)))
    bench.recover(waiting(bench))
    assert bench.recover(stopped(bench)) is None
    assert bench.sagemaker.created == [SECOND]


def test_a_run_remembers_which_attempts_gave_up(bench: RecoveryBench) -> None:
    """The first attempt has spent the spot rung, so that the third is the on-demand rung's second, not its first."""
    bench.set_policy(ladder=parse_ladder("spot:2 on-demand:2 on-demand/ml.g5.4xlarge:1"))
    bench.recover(waiting(bench))
    bench.recover(stopped(bench))
    bench.recover(bench.end("Failed", name=SECOND, reason="CapacityError: none"))
    assert bench.sagemaker.jobs[THIRD].state.instance_type == "ml.g5.2xlarge"
    third = bench.end("Failed", name=THIRD, reason="CapacityError: none")
    bench.recover(third)
    assert bench.sagemaker.jobs[f"{NAME}-r4"].state.instance_type == "ml.g5.4xlarge"
    assert "capacity 3 of 5" in bench.decision(third).decision.inputs["budgets"]


def test_a_later_attempt_gives_up_as_well(bench: RecoveryBench) -> None:
    bench.set_policy(ladder=parse_ladder("spot:2 spot/ml.g5.4xlarge:2 on-demand:1"))
    bench.recover(waiting(bench))
    bench.recover(stopped(bench))
    bench.observe(SECOND)
    bench.clock.pass_by(LONGER)
    bench.recover(bench.sagemaker.jobs[SECOND].state.job)
    assert bench.sagemaker.stopped == [NAME, SECOND]
    bench.recover(stopped(bench, SECOND))
    assert bench.sagemaker.jobs[THIRD].state.market is Market.ON_DEMAND


def test_the_last_rung_waits_for_as_long_as_sagemaker_does(bench: RecoveryBench) -> None:
    bench.set_policy(ladder=parse_ladder("spot:1 on-demand:1"))
    bench.recover(waiting(bench))
    bench.recover(stopped(bench))
    bench.observe(SECOND)
    bench.clock.pass_by(timedelta(days=2))
    bench.recover(bench.sagemaker.jobs[SECOND].state.job)
    assert bench.sagemaker.stopped == [NAME]
    assert bench.notes[-1] == "nothing would follow: the ladder has no rung left after 2 attempts"


def test_an_interrupted_job_gives_up_and_resumes_elsewhere(bench: RecoveryBench) -> None:
    job = bench.submit()
    bench.end("Interrupted")
    bench.clock.pass_by(TWO_HOURS)
    bench.recover(job)
    assert bench.sagemaker.stopped == []
    bench.clock.pass_by(timedelta(minutes=5))
    bench.recover(job)
    bench.recover(stopped(bench))
    assert bench.outcome(job).story.startswith(
        "resubmitted as spot-job-r2, attempt 2 of 5, on-demand ml.g5.2xlarge, resumes from checkpoint-1.pt"
    )
    assert "interruption 1 of 5" in bench.decision(job).decision.inputs["budgets"]


# --- left alone -----------------------------------------------------------------------------------------------------


def _train(bench: RecoveryBench) -> None:
    bench.sagemaker.move(NAME, "Downloading")


def _stop(bench: RecoveryBench) -> None:
    bench.sagemaker.move(NAME, "Stopping")


def _interrupt(bench: RecoveryBench) -> None:
    bench.sagemaker.move(NAME, "Training")
    bench.sagemaker.move(NAME, "Interrupted")


def _end(bench: RecoveryBench) -> None:
    bench.sagemaker.move(NAME, "MaxWaitTimeExceeded")


def _delete(bench: RecoveryBench) -> None:
    del bench.sagemaker.jobs[NAME]


def _replace(bench: RecoveryBench) -> None:
    bench.sagemaker.submit(NAME, OPTED_IN)
    bench.clock.pass_by(LONGER)


def _kill(bench: RecoveryBench) -> None:
    bench.kill_switch.is_on = True


def _opt_out(bench: RecoveryBench) -> None:
    bench.sagemaker.jobs[NAME].tags["respot:resume"] = "off"


def _mistype(bench: RecoveryBench) -> None:
    bench.sagemaker.jobs[NAME].tags["respot:resume"] = "yes"


def _own(bench: RecoveryBench) -> None:
    bench.sagemaker.jobs[NAME].tags["sagemaker:pipeline-execution-arn"] = "arn:of:pipeline"


def _unclonable(bench: RecoveryBench) -> None:
    bench.sagemaker.jobs[NAME].unclonable = True


def _intrude(bench: RecoveryBench) -> None:
    bench.submit("other", checkpoint_uri=f"s3://ml-bucket/checkpoints/{NAME}/")


def _dry_run(bench: RecoveryBench) -> None:
    bench.set_policy(dry_run=True)


def _off(bench: RecoveryBench) -> None:
    bench.set_policy(give_up_waiting_after=None)


def _no_ladder(bench: RecoveryBench) -> None:
    bench.set_policy(ladder=())


@pytest.mark.parametrize(
    "meddle",
    [
        *(_train, _stop, _interrupt, _end, _delete, _replace, _kill, _opt_out, _mistype, _own, _unclonable, _intrude),
        *(_dry_run, _off, _no_ladder),
    ],
)
def test_what_the_ledger_has_not_heard_of_keeps_a_job_from_being_stopped(
    bench: RecoveryBench, meddle: Callable[[RecoveryBench], None]
) -> None:
    job = waiting(bench)
    meddle(bench)
    assert bench.recover(job) is None
    assert bench.sagemaker.stopped == []
    assert bench.runs.given_up == {}


def test_while_the_policy_is_invalid_nobody_is_stopped_and_the_message_comes_back(bench: RecoveryBench) -> None:
    job = waiting(bench)
    bench.faults["ssm.load"] = PolicyInvalidError("rules[0]: no such setting")
    assert bench.recover(job) == Later(reason="rules[0]: no such setting")
    assert (bench.sagemaker.stopped, bench.runs.given_up, bench.runs.notices) == ([], {}, {})
    bench.faults.clear()
    assert bench.recover(job) is None
    assert bench.sagemaker.stopped == [NAME]


def overtake(bench: RecoveryBench, meddle: Callable[[RecoveryBench], None]) -> None:
    """What happens once the next note is written."""
    runs = bench.recovery.patience.runs

    class Overtaken:
        def __getattr__(self, method: str) -> object:
            return getattr(runs, method)

        def record_stop_intent(self, record: StopIntent) -> StopIntent | None:
            object.__setattr__(bench.recovery.patience, "runs", runs)
            before = runs.record_stop_intent(record)
            meddle(bench)
            return before

    object.__setattr__(bench.recovery.patience, "runs", Overtaken())


@pytest.mark.parametrize("meddle", [_train, _stop, _interrupt, _end, _delete, _replace])
def test_a_job_whose_waiting_ends_in_the_last_moment_is_not_stopped(
    bench: RecoveryBench, meddle: Callable[[RecoveryBench], None]
) -> None:
    job = waiting(bench)
    overtake(bench, meddle)
    assert bench.recover(job) is None
    assert bench.sagemaker.stopped == []
    assert bench.notes[-1] == "waits no longer: it is not stopped"
    assert bench.runs.given_up[job].withdrawn == "waits no longer: it is not stopped"


def test_a_kill_switch_that_is_turned_on_in_the_last_moment_prevents_the_stop(bench: RecoveryBench) -> None:
    job = waiting(bench)
    overtake(bench, _kill)
    assert bench.recover(job) is None
    assert bench.sagemaker.stopped == []
    assert bench.runs.given_up[job].withdrawn == "the account's kill switch is on: it is not stopped"
    bench.kill_switch.is_on = False
    bench.recover(job)
    assert bench.sagemaker.stopped == [NAME]


def test_a_kill_switch_that_cannot_be_read_in_the_last_moment_prevents_the_stop(bench: RecoveryBench) -> None:
    job = waiting(bench)
    overtake(bench, lambda bench: bench.faults.update({"switch.why_on": UpstreamUnavailableError("throttled")}))
    with pytest.raises(UpstreamUnavailableError, match="throttled"):
        bench.recover(job)
    assert bench.sagemaker.stopped == []
    assert bench.runs.given_up[job].withdrawn is not None


def test_while_the_kill_switch_is_on_s3_is_not_asked(bench: RecoveryBench) -> None:
    bench.kill_switch.is_on = True
    bench.recover(waiting(bench))
    assert "s3.list" not in bench.calls
    assert bench.notes == ["the account's kill switch is on"]


def test_a_job_that_ends_as_it_is_stopped_has_its_own_end(bench: RecoveryBench) -> None:
    job = waiting(bench)
    bench.faults["sagemaker.stop"] = StopFailedError("no answer")
    with pytest.raises(StopFailedError):
        bench.recover(job)
    bench.faults.clear()
    bench.sagemaker.move(NAME, "MaxWaitTimeExceeded")
    bench.observe(NAME)
    bench.recover(job)
    assert bench.decision(job).decision.reason.startswith("ran out of waiting time; next: spot")


def test_s3_is_asked_of_no_job_that_is_left_waiting_anyway(bench: RecoveryBench) -> None:
    job = bench.submit()
    bench.clock.pass_by(TWO_HOURS)
    bench.recover(job)
    assert "s3.list" not in bench.calls
    assert bench.notes == ["has waited 2 h 00 min of 2 h 00 min"]


def test_a_dry_run_says_in_the_log_what_it_would_have_stopped(bench: RecoveryBench) -> None:
    bench.set_policy(dry_run=True)
    bench.recover(waiting(bench))
    (words,) = bench.notes
    assert "would have stopped it (dry run); gave up waiting after 2 h 05 min" in words
    assert bench.runs.notices == {}


@pytest.mark.parametrize(
    "call", ["ssm.load", "s3.list", "sagemaker.document", "sagemaker.describe", "sagemaker.tags", "switch.why_on"]
)
def test_what_cannot_be_asked_stops_nothing(bench: RecoveryBench, call: str) -> None:
    job = waiting(bench)
    bench.faults[call] = UpstreamUnavailableError("no answer")
    with pytest.raises(UpstreamUnavailableError):
        bench.recover(job)
    assert (bench.sagemaker.stopped, bench.runs.given_up) == ([], {})


# --- whose stop it was ----------------------------------------------------------------------------------------------


def test_a_stop_of_the_users_ends_the_run(bench: RecoveryBench) -> None:
    job = waiting(bench)
    bench.sagemaker.move(NAME, "Stopping")
    stopped(bench)
    bench.recover(job)
    assert bench.decision(job).decision.reason == "stopped by its user"
    assert bench.sagemaker.created == []


def test_a_stop_of_the_users_ends_the_run_though_respot_has_long_tried_in_vain(bench: RecoveryBench) -> None:
    job = waiting(bench)
    bench.faults["sagemaker.stop"] = StopFailedError("AccessDeniedException")
    with pytest.raises(StopFailedError):
        bench.recover(job)
    bench.clock.pass_by(timedelta(hours=1))
    bench.sagemaker.move(NAME, "Stopping")
    stopped(bench)
    bench.recover(job)
    assert bench.decision(job).decision.reason == "stopped by its user"
    assert bench.sagemaker.created == []


def _prepare(bench: RecoveryBench) -> None:
    played = bench.sagemaker.jobs[NAME]
    message = "Preparing the instances for training"
    played.state = replace(played.state, status_message=message, last_modified=bench.clock())


def _describe_in_vain(bench: RecoveryBench) -> None:
    bench.faults["sagemaker.describe"] = UpstreamUnavailableError("throttled")


def _end_before_the_stop(bench: RecoveryBench) -> None:
    def end(name: str) -> None:
        bench.sagemaker.move(name, "MaxWaitTimeExceeded")

    bench.sagemaker.before_stop = end


@pytest.mark.parametrize("meddle", [_prepare, _describe_in_vain])
def test_a_stop_of_the_users_minutes_after_respot_left_the_job_alone_ends_the_run(
    bench: RecoveryBench, meddle: Callable[[RecoveryBench], None]
) -> None:
    job = waiting(bench)
    overtake(bench, meddle)
    with suppress(UpstreamUnavailableError):
        bench.recover(job)
    bench.faults.clear()
    bench.clock.pass_by(timedelta(minutes=4))
    bench.sagemaker.move(NAME, "Stopping")
    stopped(bench)
    bench.recover(job)
    assert bench.sagemaker.stopped == []
    assert bench.decision(job).decision.reason == "stopped by its user"
    assert bench.sagemaker.created == []


def test_a_note_whose_job_had_ended_by_itself_is_withdrawn(bench: RecoveryBench) -> None:
    job = waiting(bench)
    _end_before_the_stop(bench)
    bench.recover(job)
    assert bench.notes[-1] == "has ended by itself"
    assert bench.runs.given_up[job].withdrawn == "has ended by itself"


def test_a_delivery_that_finds_the_job_stopping_by_anothers_hand_leaves_its_note_alone(bench: RecoveryBench) -> None:
    """Two deliveries at once: the one that came too late must not turn Respot's own stop into the user's."""
    job = waiting(bench)

    def deliver_again(_: RecoveryBench) -> None:
        bench.clock.pass_by(timedelta(milliseconds=1))
        bench.recover(job)

    overtake(bench, deliver_again)
    bench.recover(job)
    assert bench.sagemaker.stopped == [NAME]
    assert bench.notes[-1] == "waits no longer: it is not stopped"
    bench.recover(stopped(bench))
    assert bench.sagemaker.created == [SECOND]


def test_a_note_that_took_the_place_of_anothers_is_not_withdrawn(bench: RecoveryBench) -> None:
    """The other delivery stops the job while this one is between its note and its last look."""
    job = waiting(bench)

    def deliver_again(_: str) -> None:
        bench.sagemaker.before_stop = lambda _: None
        bench.clock.pass_by(timedelta(milliseconds=1))
        overtake(bench, _stop)
        bench.recover(job)

    bench.sagemaker.before_stop = deliver_again
    bench.recover(job)
    bench.recover(stopped(bench))
    assert bench.sagemaker.created == [SECOND]


def test_a_stop_of_the_users_in_a_later_spell_of_waiting_ends_the_run(bench: RecoveryBench) -> None:
    job = waiting(bench)
    bench.afterwards["runs.record_stop_intent"] = DiedError()
    with pytest.raises(DiedError):
        bench.recover(job)
    bench.afterwards.clear()
    bench.sagemaker.move(NAME, "Downloading")
    bench.clock.pass_by(timedelta(hours=3))
    bench.sagemaker.move(NAME, "Interrupted")
    bench.clock.pass_by(timedelta(minutes=1))
    bench.sagemaker.move(NAME, "Stopping")
    stopped(bench)
    bench.recover(job)
    assert bench.decision(job).decision.reason == "stopped by its user"


def test_a_later_spell_of_waiting_has_a_note_of_its_own(bench: RecoveryBench) -> None:
    job = waiting(bench)
    bench.afterwards["runs.record_stop_intent"] = DiedError()
    with pytest.raises(DiedError):
        bench.recover(job)
    bench.afterwards.clear()
    bench.set_policy(require_checkpoint=False)
    bench.sagemaker.move(NAME, "Downloading")
    bench.clock.pass_by(timedelta(seconds=10))
    bench.sagemaker.move(NAME, "Interrupted")
    again = bench.clock()
    bench.clock.pass_by(LONGER)
    bench.recover(job)
    assert bench.runs.given_up[job].waiting_since == again
    bench.recover(stopped(bench))
    assert bench.sagemaker.created == [SECOND]


def test_instances_that_come_between_the_look_and_the_stop_end_the_run_and_people_are_told(
    bench: RecoveryBench,
) -> None:
    job = waiting(bench)

    def launch(name: str) -> None:
        bench.sagemaker.move(name, "Downloading")

    bench.sagemaker.before_stop = launch
    bench.recover(job)
    bench.recover(stopped(bench))
    decision = bench.decision(job).decision
    assert (decision.action, decision.notify) == (Action.REFUSE, True)
    assert "by whom cannot be told" in decision.reason


# --- crashes --------------------------------------------------------------------------------------------------------

CALLS = (
    *("ledger.load", "sagemaker.describe", "sagemaker.tags", "ssm.load", "switch.why_on", "runs.attempts", "s3.list"),
    *(
        "runs.reservation",
        "runs.live",
        "runs.attempt",
        "sagemaker.document",
        "runs.record_stop_intent",
        "sagemaker.stop",
    ),
)


def test_the_list_of_calls_is_complete(bench: RecoveryBench) -> None:
    job = waiting(bench)
    bench.calls.clear()
    bench.recover(job)
    assert set(bench.calls) == set(CALLS)


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("death", [DiedError(), LedgerUnavailableError("down"), StopFailedError("no answer")])
def test_whatever_breaks_the_job_is_stopped_once_and_followed_once(
    bench: RecoveryBench, call: str, death: BaseException, *, done: bool
) -> None:
    job = waiting(bench)
    trouble = bench.afterwards if done else bench.faults
    trouble[call] = death
    for _ in range(3):
        # A job that is stopping does not wait: what comes later is not called any more.
        try:
            bench.recover(job)
        except (DiedError, LedgerUnavailableError, StopFailedError):
            bench.clock.pass_by(timedelta(minutes=30))
    trouble.clear()
    for _ in range(2):
        assert bench.recover(job) is None
    assert bench.sagemaker.stopped == [NAME]
    stopped(bench)
    for _ in range(2):
        assert bench.recover(job) is None
    assert bench.sagemaker.created == [SECOND]
    assert bench.outcome(job).kind is OutcomeKind.CREATED


def test_the_notes_of_earlier_attempts_are_asked_for_only_where_they_were_stopped(bench: RecoveryBench) -> None:
    bench.recover(bench.ended())
    bench.recover(bench.end(name=SECOND))
    assert "runs.stop_intent" not in bench.calls


def test_a_message_for_a_live_job_that_the_ledger_knows_under_a_rounded_time_concerns_that_job(
    bench: RecoveryBench,
) -> None:
    job = waiting(bench)
    played = bench.sagemaker.jobs[NAME]
    rounded = JobId(region=REGION, name=NAME, created=job.created + timedelta(milliseconds=400))
    played.state = type(played.state)(
        **{name: getattr(played.state, name) for name in played.state.__slots__} | {"job": rounded}
    )
    bench.recover(job)
    assert bench.sagemaker.stopped == [NAME]
    assert set(bench.runs.given_up) == {job} == {job_id()}


# --- pools below that cannot be used


def test_a_job_is_stopped_for_the_first_rung_on_which_its_next_attempt_can_be_built(bench: RecoveryBench) -> None:
    bench.set_policy(give_up_waiting_after=TWO_HOURS, ladder=parse_ladder("spot:2 spot/ml.g5.4xlarge:1 on-demand:1"))
    job = waiting(bench)
    bench.sagemaker.jobs[NAME].unclonable_on = {"spot ml.g5.4xlarge": Reach.POOL}
    bench.recover(job)
    assert bench.sagemaker.stopped == [NAME]
    bench.recover(stopped(bench))
    assert bench.sagemaker.jobs[SECOND].state.market is Market.ON_DEMAND


def test_a_job_whose_next_attempt_can_be_built_on_no_rung_goes_on_waiting(bench: RecoveryBench) -> None:
    job = waiting(bench)
    bench.sagemaker.jobs[NAME].unclonable_on = {"on-demand ml.g5.2xlarge": Reach.POOL}
    bench.recover(job)
    assert bench.sagemaker.stopped == []


def test_a_run_whose_next_pool_refuses_it_goes_back_and_waits_there(bench: RecoveryBench) -> None:
    def check(request: object) -> None:
        assert isinstance(request, dict)
        if request["placement"].market is Market.ON_DEMAND:
            raise CreateRefusedError("the quota is 0", reach=Reach.POOL)

    bench.sagemaker.before_creation = check
    job = waiting(bench)
    bench.recover(job)
    bench.recover(stopped(bench))
    assert bench.sagemaker.jobs[SECOND].state.market is Market.SPOT
    assert "cannot use on-demand ml.g5.2xlarge (the quota is 0); next: spot" in bench.outcome(job).story
    bench.clock.pass_by(LONGER)
    bench.observe(SECOND)
    bench.recover(bench.sagemaker.jobs[SECOND].state.job)
    assert bench.sagemaker.stopped == [NAME]
