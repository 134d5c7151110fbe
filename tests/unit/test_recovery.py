"""Recovery decides once and creates once, whatever happens in between."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from respot.domain.alert_kinds import AlertKind
from respot.domain.decision import Action
from respot.domain.ending import Budget, Trigger
from respot.domain.job import JobId
from respot.domain.lineage import ATTEMPT_TAG, PARENT_TAG, RUN_TAG
from respot.domain.policy import AccountPolicy, BackOff
from respot.domain.resubmission import OutcomeKind
from respot.domain.run import run_id
from respot.errors import (
    CreateLaterError,
    CreateRefusedError,
    JobNameTakenError,
    LedgerIncompleteError,
    LedgerUnavailableError,
    LookFailedError,
    PolicyInvalidError,
    Postponement,
)
from respot.recovery import Later
from tests.support.builders import CREATED, NAME, REGION, arn_of, job_id
from tests.support.recovery_bench import OPTED_IN, SECOND, RecoveryBench
from tests.support.troubled import DiedError

THIRD = f"{NAME}-r3"
RUN = run_id(job_id())


@pytest.fixture
def bench() -> RecoveryBench:
    return RecoveryBench()


# --- the usual course -----------------------------------------------------------------------------------------------


def test_a_job_that_ran_out_of_waiting_time_is_resubmitted_under_its_run(bench: RecoveryBench) -> None:
    job = bench.ended()
    assert bench.recover(job) is None
    assert bench.sagemaker.created == [SECOND]
    tags = bench.sagemaker.jobs[SECOND].tags
    assert tags == {"respot:resume": "on", RUN_TAG: RUN, ATTEMPT_TAG: "2", PARENT_TAG: NAME}


def test_people_are_told_as_what_where_and_from_which_checkpoint(bench: RecoveryBench) -> None:
    job = bench.ended()
    bench.recover(job)
    outcome = bench.outcome(job)
    assert (outcome.kind, outcome.name, outcome.arn) == (OutcomeKind.CREATED, SECOND, arn_of(SECOND))
    assert outcome.story.startswith(
        "resubmitted as spot-job-r2, attempt 2 of 5, spot ml.g5.2xlarge, resumes from checkpoint-1.pt "
        "(10 min old, 2.0 MB); 10 min of training lost (ran out of waiting time; "
    )


def test_the_decision_keeps_what_it_was_made_from(bench: RecoveryBench) -> None:
    job = bench.ended()
    bench.recover(job)
    record = bench.decision(job)
    assert (record.run, record.number, record.next_name) == (RUN, 1, SECOND)
    assert (record.decision.action, record.decision.attempt) == (Action.RESUBMIT, 2)
    assert record.checkpoint is not None
    assert record.decision.inputs["newest_checkpoint"].startswith("checkpoint-1")


def test_resubmits_once_however_often_the_message_comes(bench: RecoveryBench) -> None:
    job = bench.ended()
    for _ in range(5):
        assert bench.recover(job) is None
        bench.clock.pass_by(timedelta(hours=1))
    assert bench.sagemaker.created == [SECOND]


def test_the_decision_is_written_before_the_creation_and_the_outcome_after_it(bench: RecoveryBench) -> None:
    bench.recover(bench.ended())
    order = [call for call in bench.calls if call in {"runs.decide", "sagemaker.create", "runs.settle"}]
    assert order == ["runs.decide", "sagemaker.create", "runs.settle"]


def test_what_was_settled_is_not_looked_at_again(bench: RecoveryBench) -> None:
    job = bench.ended()
    bench.recover(job)
    bench.calls.clear()
    bench.recover(job)
    assert bench.calls == ["ledger.load", "runs.decision", "runs.outcome"]


def test_a_chain_of_attempts_is_one_run(bench: RecoveryBench) -> None:
    first = bench.ended()
    bench.recover(first)
    second = bench.end(name=SECOND)
    bench.recover(second)
    third = bench.end(name=THIRD)
    bench.set_policy(max_attempts=3)
    bench.recover(third)
    assert bench.sagemaker.created == [SECOND, THIRD]
    assert [bench.decision(job).number for job in (first, second, third)] == [1, 2, 3]
    assert {bench.decision(job).run for job in (first, second, third)} == {RUN}
    inputs = bench.decision(third).decision.inputs
    assert inputs["attempts"] == "3 of 3"
    assert inputs["budgets"].startswith("capacity 0 of 5, interruption 3 of 5")
    assert bench.decision(third).decision.reason == "all 3 attempts are spent"
    assert bench.sagemaker.jobs[THIRD].tags[PARENT_TAG] == SECOND


def test_an_earlier_attempt_that_has_expired_makes_the_run_unknowable(bench: RecoveryBench) -> None:
    bench.recover(bench.ended())
    second = bench.end(name=SECOND)
    del bench.ledger.states[job_id()]
    with pytest.raises(LedgerIncompleteError, match="expired"):
        bench.recover(second)
    assert second not in bench.runs.decisions


def test_a_missing_link_makes_the_run_unknowable(bench: RecoveryBench) -> None:
    bench.recover(bench.ended())
    bench.recover(bench.end(name=SECOND))
    third = bench.end(name=THIRD)
    del bench.runs.planned[RUN, 2]
    with pytest.raises(LedgerIncompleteError, match="expired"):
        bench.recover(third)


def test_a_job_without_a_state_cannot_be_recovered(bench: RecoveryBench) -> None:
    with pytest.raises(LedgerIncompleteError):
        bench.recover(job_id("unknown"))


# --- crashes --------------------------------------------------------------------------------------------------------

CALLS = (
    *(
        "ledger.load",
        "ledger.watched_since",
        "ledger.find",
        "runs.decision",
        "runs.writer",
        "runs.attempts",
        "ssm.load",
        "s3.list",
        "runs.attempt",
        "runs.live",
    ),
    *("sagemaker.document", "runs.decide", "runs.outcome", "sagemaker.describe", "sagemaker.tags"),
    *("sagemaker.create", "runs.settle"),
)


def test_the_list_of_calls_is_complete(bench: RecoveryBench) -> None:
    bench.recover(bench.ended())
    bench.recover(bench.end(name=SECOND))
    assert set(bench.calls) == set(CALLS)


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("death", [DiedError(), LedgerUnavailableError("down")], ids=["dies", "fails"])
def test_whatever_breaks_the_next_delivery_creates_what_is_missing_and_no_more(
    bench: RecoveryBench, call: str, death: BaseException, *, done: bool
) -> None:
    bench.recover(bench.ended())
    job = bench.end(name=SECOND)
    trouble = bench.afterwards if done else bench.faults
    trouble[call] = death
    for _ in range(3):
        # A call that comes only after the crash point is not made, and nothing breaks.
        try:
            bench.recover(job)
        except (DiedError, LedgerUnavailableError):
            continue
    trouble.clear()
    assert bench.recover(job) is None
    assert bench.recover(job) is None
    assert bench.sagemaker.created == [SECOND, THIRD]
    assert bench.outcome(job).kind is OutcomeKind.CREATED
    assert bench.outcome(job).name == THIRD
    assert bench.decision(job).number == 2


def test_a_creation_without_an_answer_is_found_by_the_next_delivery(bench: RecoveryBench) -> None:
    job = bench.ended()
    bench.afterwards["sagemaker.create"] = CreateLaterError("no answer", reason=Postponement.UNANSWERED)
    assert bench.recover(job) == Later(reason="no answer")
    bench.afterwards.clear()
    assert bench.recover(job) is None
    assert bench.sagemaker.created == [SECOND]
    assert bench.outcome(job).arn == arn_of(SECOND)
    assert bench.calls.count("sagemaker.create") == 1


def test_an_attempt_that_was_followed_by_another_one_and_deleted_is_not_created_again(bench: RecoveryBench) -> None:
    first = bench.ended()
    bench.faults["runs.settle"] = DiedError()
    with pytest.raises(DiedError):
        bench.recover(first)
    bench.faults.clear()
    bench.recover(bench.end(name=SECOND))
    del bench.sagemaker.jobs[SECOND]
    bench.recover(first)
    assert bench.sagemaker.created == [SECOND, THIRD]
    assert bench.outcome(first).kind is OutcomeKind.CREATED


# --- names ----------------------------------------------------------------------------------------------------------


def taken(bench: RecoveryBench, **tags: str) -> JobId:
    bench.submit(SECOND, tags, checkpoint_uri=None)
    bench.clock.pass_by(timedelta(hours=1))
    return bench.ended()


def test_a_name_that_is_taken_is_a_failure_that_says_so(bench: RecoveryBench) -> None:
    job = taken(bench)
    assert bench.recover(job) is None
    assert bench.outcome(job).kind is OutcomeKind.FAILED
    assert bench.outcome(job).story == (
        "not resubmitted: a job named spot-job-r2 exists that is none of this run's; "
        "delete it or choose another job name"
    )
    assert bench.sagemaker.created == []


def test_a_job_older_than_the_decision_is_not_ours_whatever_its_tags_say(bench: RecoveryBench) -> None:
    # The run's identity holds the creation of its first job, which can be known only once that is there.
    bench.submit()
    marks = {RUN_TAG: RUN, ATTEMPT_TAG: "2", PARENT_TAG: NAME}
    bench.submit(SECOND, marks, checkpoint_uri=None)
    job = bench.end()
    bench.recover(job)
    assert bench.outcome(job).kind is OutcomeKind.FAILED


@pytest.mark.parametrize("ours", [True, False])
def test_a_name_that_is_taken_between_the_look_and_the_creation(bench: RecoveryBench, *, ours: bool) -> None:
    """Another delivery of the same message, or a stranger, is faster."""
    job = bench.ended()
    marks = {RUN_TAG: RUN, ATTEMPT_TAG: "2", PARENT_TAG: NAME} if ours else {}
    document = bench.sagemaker.document

    def race(region: str, name: str) -> object:
        if job in bench.runs.decisions and SECOND not in bench.sagemaker.jobs:
            bench.sagemaker.submit(SECOND, marks)
        return document(region, name)

    object.__setattr__(bench.recovery, "jobs", Racing(bench.recovery.jobs, race))
    bench.recover(job)
    assert bench.outcome(job).kind is (OutcomeKind.CREATED if ours else OutcomeKind.FAILED)
    assert bench.sagemaker.created == []


class Racing:
    """SageMaker, with somebody else at work just before a document is read."""

    def __init__(self, jobs: object, document: Callable[[str, str], object]) -> None:
        self._jobs = jobs
        self.document = document

    def __getattr__(self, method: str) -> object:
        return getattr(self._jobs, method)


def test_a_name_said_to_be_taken_by_a_job_that_cannot_be_seen_is_asked_for_again(bench: RecoveryBench) -> None:
    job = bench.ended()
    bench.faults["sagemaker.create"] = JobNameTakenError("taken")
    assert bench.recover(job) == Later(reason="taken")
    assert job not in bench.runs.outcomes


# --- refused, later -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", Postponement)
def test_what_cannot_be_created_now_is_created_later(bench: RecoveryBench, reason: Postponement) -> None:
    job = bench.ended()
    bench.faults["sagemaker.create"] = CreateLaterError("not now", reason=reason)
    for _ in range(3):
        assert bench.recover(job) == Later(reason="not now")  # without a delay of its own: the queue's grow
    bench.faults.clear()
    assert bench.recover(job) is None
    assert bench.sagemaker.created == [SECOND]


def test_what_is_refused_for_good_is_told_in_the_words_of_aws(bench: RecoveryBench) -> None:
    job = bench.ended()
    bench.faults["sagemaker.create"] = CreateRefusedError("no iam:PassRole", permission="iam:PassRole")
    assert bench.recover(job) is None
    assert (bench.outcome(job).kind, bench.outcome(job).story) == (
        OutcomeKind.FAILED,
        "not resubmitted: no iam:PassRole",
    )
    bench.faults.clear()
    bench.recover(job)
    assert bench.sagemaker.created == []


def test_what_cannot_be_cloned_is_refused_at_once(bench: RecoveryBench) -> None:
    job = bench.ended()
    bench.sagemaker.jobs[NAME].unclonable = True
    bench.recover(job)
    decision = bench.decision(job).decision
    assert (decision.action, decision.notify) == (Action.REFUSE, True)
    assert "Tags: it cannot be created again" in decision.reason


def test_what_cannot_be_cloned_any_more_is_not_created(bench: RecoveryBench) -> None:
    job = decided(bench)
    bench.sagemaker.jobs[NAME].unclonable = True
    bench.recover(job)
    assert bench.outcome(job).kind is OutcomeKind.CANCELLED
    assert "it cannot be created again" in bench.outcome(job).story


# --- between decision and creation ----------------------------------------------------------------------------------


def decided(bench: RecoveryBench) -> JobId:
    """A job on which the decision is written, and nothing created yet."""
    job = bench.ended()
    bench.faults["sagemaker.create"] = CreateLaterError("not now", reason=Postponement.QUOTA)
    bench.recover(job)
    bench.faults.clear()
    return job


def _kill(bench: RecoveryBench) -> None:
    bench.policies.policy = AccountPolicy(kill_switch=True)


def _opt_out(bench: RecoveryBench) -> None:
    bench.sagemaker.jobs[NAME].tags["respot:resume"] = "off"


def _mistype(bench: RecoveryBench) -> None:
    bench.sagemaker.jobs[NAME].tags["respot:resume"] = "yes"


def _dry_run(bench: RecoveryBench) -> None:
    bench.set_policy(dry_run=True)


def _fewer(bench: RecoveryBench) -> None:
    bench.set_policy(max_attempts=1)


def _intrude(bench: RecoveryBench) -> None:
    bench.submit("other", checkpoint_uri=f"s3://ml-bucket/checkpoints/{NAME}/")


@pytest.mark.parametrize(
    ("meddle", "words"),
    [
        (_kill, "kill switch"),
        (_opt_out, "not asked to resume"),
        (_mistype, "tag respot:resume"),
        (_dry_run, "dry_run"),
        (_fewer, "all 1 attempts are spent"),
        (_intrude, "other"),
    ],
)
def test_what_its_owners_no_longer_want_is_cancelled(
    bench: RecoveryBench, meddle: Callable[[RecoveryBench], None], words: str
) -> None:
    job = decided(bench)
    meddle(bench)
    assert bench.recover(job) is None
    assert bench.outcome(job).kind is OutcomeKind.CANCELLED
    assert bench.outcome(job).story.startswith("not resubmitted: ")
    assert words in bench.outcome(job).story
    assert bench.sagemaker.created == []


def test_a_job_that_is_deleted_before_the_creation_is_a_failure(bench: RecoveryBench) -> None:
    job = decided(bench)
    del bench.sagemaker.jobs[NAME]
    bench.recover(job)
    assert bench.outcome(job).story == "not resubmitted: spot-job was deleted, and its settings with it"


def test_a_job_that_is_deleted_between_its_description_and_its_tags_is_a_failure(bench: RecoveryBench) -> None:
    job = decided(bench)
    object.__setattr__(bench.recovery, "jobs", Tagless(bench.recovery.jobs))
    bench.recover(job)
    assert bench.outcome(job).kind is OutcomeKind.FAILED


class Tagless:
    """SageMaker that knows no tags any more."""

    def __init__(self, jobs: object) -> None:
        self._jobs = jobs

    def tags(self, _region: str, _arn: str) -> None:
        return None

    def __getattr__(self, method: str) -> object:
        return getattr(self._jobs, method)


def test_a_policy_that_becomes_invalid_holds_the_creation_up(bench: RecoveryBench) -> None:
    job = decided(bench)
    bench.faults["ssm.load"] = PolicyInvalidError("rules[0]: no such setting")
    assert bench.recover(job) == Later(reason="rules[0]: no such setting")
    assert bench.runs.notices[job, AlertKind.POLICY_INVALID] == "rules[0]: no such setting"
    bench.faults.clear()
    bench.recover(job)
    assert bench.sagemaker.created == [SECOND]


def test_a_longer_pause_holds_the_creation_up(bench: RecoveryBench) -> None:
    job = decided(bench)
    hours = timedelta(hours=4)
    bench.set_policy(back_off=dict.fromkeys(Budget, BackOff(first=hours, longest=hours)))
    later = bench.recover(job)
    assert later is not None
    assert later.delay is not None
    assert timedelta(hours=2) <= later.delay <= hours
    assert job not in bench.runs.outcomes


# --- never from silence ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["ssm.load", "s3.list", "sagemaker.document"])
def test_what_cannot_be_asked_decides_nothing(bench: RecoveryBench, call: str) -> None:
    job = bench.ended()
    bench.faults[call] = LookFailedError("no answer")
    with pytest.raises(LookFailedError):
        bench.recover(job)
    assert bench.runs.decisions == {}


@pytest.mark.parametrize("call", ["sagemaker.describe", "sagemaker.document", "sagemaker.tags", "s3.list", "ssm.load"])
def test_what_cannot_be_asked_creates_nothing(bench: RecoveryBench, call: str) -> None:
    job = decided(bench)
    if call == "sagemaker.tags":
        bench.faults["sagemaker.create"] = CreateLaterError("not now", reason=Postponement.QUOTA)
    bench.faults[call] = LookFailedError("no answer")
    with pytest.raises(LookFailedError):
        bench.recover(job)
    assert bench.sagemaker.created == []
    assert bench.runs.outcomes == {}


def test_an_invalid_policy_decides_nothing_and_is_told_once(bench: RecoveryBench) -> None:
    job = bench.ended()
    bench.faults["ssm.load"] = PolicyInvalidError("no JSON")
    assert bench.recover(job) == Later(reason="no JSON")
    bench.faults["ssm.load"] = PolicyInvalidError("still no JSON")
    assert bench.recover(job) == Later(reason="still no JSON")
    assert bench.runs.decisions == {}
    assert bench.runs.notices == {(job, AlertKind.POLICY_INVALID): "no JSON"}


def test_what_completed_needs_no_policy(bench: RecoveryBench) -> None:
    job = bench.ended("Completed")
    bench.faults["ssm.load"] = PolicyInvalidError("no JSON")
    assert bench.recover(job) is None
    assert bench.decision(job).decision.action is Action.NOTHING


def test_a_job_that_has_not_ended_by_the_ledger_is_left_alone(bench: RecoveryBench) -> None:
    job = bench.submit()
    assert bench.recover(job) is None
    assert bench.runs.decisions == {}


def test_a_job_that_has_not_ended_by_sagemaker_is_not_decided_on(bench: RecoveryBench) -> None:
    job = bench.ended()
    bench.sagemaker.move(NAME, "Training")
    with pytest.raises(LookFailedError, match="InProgress by SageMaker"):
        bench.recover(job)
    assert bench.runs.decisions == {}


def test_a_job_that_has_not_ended_by_sagemaker_is_never_followed(bench: RecoveryBench) -> None:
    job = decided(bench)
    bench.sagemaker.move(NAME, "Training")
    with pytest.raises(LookFailedError):
        bench.recover(job)
    assert bench.sagemaker.created == []
    assert bench.runs.outcomes == {}


@pytest.mark.parametrize("again", [False, True], ids=["gone", "another of its name"])
def test_a_deleted_job_is_refused_since_nothing_tells_its_settings(bench: RecoveryBench, *, again: bool) -> None:
    job = bench.ended()
    del bench.sagemaker.jobs[NAME]
    if again:
        bench.sagemaker.submit(NAME)
    bench.recover(job)
    decision = bench.decision(job).decision
    assert decision.action is Action.REFUSE
    assert decision.reason == "cannot be created again: spot-job was deleted, and its settings with it"


def test_tags_that_are_not_known_are_no_consent(bench: RecoveryBench) -> None:
    bench.set_policy(resume=True)
    job = bench.ended()
    facts, version = bench.ledger.states[job]
    object.__setattr__(facts, "tags", None)
    bench.ledger.states[job] = facts, version
    bench.recover(job)
    assert "tags are not known" in bench.decision(job).decision.reason


# --- left alone -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "failure", "tags", "words"),
    [
        ("Completed", None, OPTED_IN, "completed"),
        ("MaxWaitTimeExceeded", None, {}, "not asked to resume"),
        ("Stopped", None, OPTED_IN, "stopped by its user"),
        ("Failed", "AlgorithmError: boom", OPTED_IN, "AlgorithmError"),
        ("MaxWaitTimeExceeded", None, OPTED_IN | {"AWS_STEP_FUNCTIONS_EXECUTION_ARN": "arn"}, "Step Functions"),
    ],
    ids=["completed", "no opt-in", "stopped by its user", "algorithm error", "owned by somebody else"],
)
def test_what_is_not_respots_business_is_written_down_without_asking_s3(
    bench: RecoveryBench, status: str, failure: str | None, tags: dict[str, str], words: str
) -> None:
    job = bench.ended(status, failure, tags=tags)
    assert bench.recover(job) is None
    record = bench.decision(job)
    assert record.decision.action in {Action.NOTHING, Action.REFUSE}
    assert words in record.decision.reason
    assert "s3.list" not in bench.calls
    assert bench.sagemaker.created == []


def test_a_dry_run_is_written_down_and_creates_nothing(bench: RecoveryBench) -> None:
    bench.set_policy(dry_run=True)
    job = bench.ended()
    for _ in range(2):
        assert bench.recover(job) is None
    record = bench.decision(job)
    assert record.decision.dry_run
    assert record.decision.reason.startswith("would have been resubmitted as spot-job-r2, attempt 2 of 5")
    assert (bench.runs.planned, bench.runs.outcomes, bench.sagemaker.created) == ({}, {}, [])


def test_a_pause_is_kept_without_a_decision(bench: RecoveryBench) -> None:
    hour = timedelta(hours=1)
    bench.set_policy(back_off=dict.fromkeys(Budget, BackOff(first=hour, longest=hour)))
    job = bench.ended()
    later = bench.recover(job)
    assert later is not None
    assert later.delay is not None
    assert hour / 2 <= later.delay <= hour
    assert (bench.runs.decisions, bench.runs.planned) == ({}, {})
    bench.clock.pass_by(later.delay)
    assert bench.recover(job) is None
    assert bench.sagemaker.created == [SECOND]


def test_a_trigger_that_the_policy_leaves_out_is_refused(bench: RecoveryBench) -> None:
    bench.set_policy(triggers=frozenset({Trigger.CAPACITY_ERROR}))
    job = bench.ended()
    bench.recover(job)
    assert "does not resume after max-wait-time-exceeded" in bench.decision(job).decision.reason


# --- checkpoints ----------------------------------------------------------------------------------------------------


def test_a_listing_that_was_cut_is_said_to_be(bench: RecoveryBench) -> None:
    bench.checkpoints.limit = 1
    bench.save(100)
    job = bench.ended()
    bench.recover(job)
    assert bench.decision(job).decision.inputs["listing"] == "cut short"
    assert bench.sagemaker.created == [SECOND]


def test_without_a_checkpoint_the_next_attempt_would_start_from_scratch(bench: RecoveryBench) -> None:
    job = bench.ended()
    bench.checkpoints.buckets["ml-bucket"].clear()
    bench.recover(job)
    assert "would start from scratch" in bench.decision(job).decision.reason


def test_where_none_is_required_it_starts_from_scratch_and_says_what_is_lost(bench: RecoveryBench) -> None:
    bench.set_policy(require_checkpoint=False)
    job = bench.ended(checkpoint_uri=None)
    bench.recover(job)
    assert "starts from scratch, 1 h 10 min of training lost" in bench.outcome(job).story


def test_a_checkpoint_location_that_is_none_is_an_obstacle(bench: RecoveryBench) -> None:
    job = bench.ended(checkpoint_uri="file:///tmp")
    bench.recover(job)
    assert "is not a place in S3" in bench.decision(job).decision.reason


def test_another_live_job_at_the_same_checkpoints_is_an_intruder(bench: RecoveryBench) -> None:
    bench.submit("other", checkpoint_uri=f"s3://ml-bucket/checkpoints/{NAME}/")
    bench.submit("elsewhere", checkpoint_uri="s3://ml-bucket/elsewhere/")
    bench.submit("nowhere", checkpoint_uri="file:///tmp")
    job = bench.ended()
    bench.recover(job)
    assert bench.decision(job).decision.reason.endswith("overlapping checkpoint location: other")


def test_the_runs_own_next_attempt_is_no_intruder(bench: RecoveryBench) -> None:
    job = bench.ended()
    bench.afterwards["sagemaker.create"] = DiedError()
    with pytest.raises(DiedError):
        bench.recover(job)
    bench.afterwards.clear()
    bench.observe(SECOND)
    bench.recover(job)
    assert bench.outcome(job).kind is OutcomeKind.CREATED


def test_a_neighbour_that_ended_unnoticed_is_no_intruder(bench: RecoveryBench) -> None:
    bench.submit("other", checkpoint_uri=f"s3://ml-bucket/checkpoints/{NAME}/")
    bench.sagemaker.move("other", "Failed", "AlgorithmError: its event was lost")
    job = bench.ended()
    bench.recover(job)
    assert bench.sagemaker.created == [SECOND]


def test_of_two_runs_at_one_location_only_one_is_resumed_at_a_time(bench: RecoveryBench) -> None:
    place = f"s3://ml-bucket/checkpoints/{NAME}/"
    bench.submit("other", checkpoint_uri=place)
    other = bench.end(name="other")
    job = bench.ended()
    bench.recover(job)
    bench.recover(other)
    assert bench.sagemaker.created == [SECOND]
    assert bench.decision(other).decision.reason.endswith(f"overlapping checkpoint location: {SECOND}")


def test_an_attempt_that_was_recorded_and_deleted_is_not_created_again(bench: RecoveryBench) -> None:
    job = bench.ended()
    bench.afterwards["sagemaker.create"] = DiedError()
    with pytest.raises(DiedError):
        bench.recover(job)
    bench.afterwards.clear()
    bench.observe(SECOND)
    del bench.sagemaker.jobs[SECOND]
    bench.recover(job)
    assert bench.outcome(job).kind is OutcomeKind.CREATED
    assert bench.sagemaker.created == [SECOND]


@pytest.mark.parametrize("days", [4, 400])
def test_what_ended_long_ago_is_history(bench: RecoveryBench, days: int) -> None:
    job = bench.ended()
    bench.clock.pass_by(timedelta(days=days))
    bench.recover(job)
    assert bench.decision(job).decision.action is Action.NOTHING
    assert "looked back" in bench.decision(job).decision.reason
    assert bench.sagemaker.created == []


def test_what_ended_before_the_deployment_is_history(bench: RecoveryBench) -> None:
    job = bench.ended()
    bench.ledger.created = bench.clock() + timedelta(seconds=1)
    bench.recover(job)
    assert "before Respot watched us-east-1" in bench.decision(job).decision.reason
    assert bench.sagemaker.created == []


# --- lineage --------------------------------------------------------------------------------------------------------

MARKS = {RUN_TAG: RUN, ATTEMPT_TAG: "2", PARENT_TAG: NAME}


@pytest.mark.parametrize(
    "marks",
    [
        MARKS,
        MARKS | {ATTEMPT_TAG: "9999"},
        MARKS | {ATTEMPT_TAG: "12345"},
        MARKS | {ATTEMPT_TAG: "-1"},
        MARKS | {ATTEMPT_TAG: "²"},
        MARKS | {ATTEMPT_TAG: ""},
        MARKS | {RUN_TAG: "us-east-1/nobody/0"},
        {RUN_TAG: RUN},
        {ATTEMPT_TAG: "2"},
    ],
    ids=lambda marks: " ".join(marks.values()),
)
def test_marks_that_the_ledger_does_not_know_make_no_job_part_of_a_run(
    bench: RecoveryBench, marks: dict[str, str]
) -> None:
    bench.recover(bench.ended())
    bench.submit("forged", OPTED_IN | marks)
    forged = bench.end(name="forged")
    bench.checkpoints.buckets["ml-bucket"].clear()
    bench.set_policy(require_checkpoint=False)
    bench.recover(forged)
    record = bench.decision(forged)
    assert (record.run, record.number, record.next_name) == (run_id(forged), 1, "forged-r2")


def test_an_attempt_older_than_the_decision_on_it_is_none(bench: RecoveryBench) -> None:
    bench.submit(SECOND, OPTED_IN | MARKS, checkpoint_uri=None)
    bench.clock.pass_by(timedelta(hours=1))
    early = bench.sagemaker.jobs[SECOND].facts.job
    bench.submit()
    bench.recover(bench.end())
    bench.set_policy(require_checkpoint=False)
    bench.recover(bench.end(name=SECOND))
    assert bench.decision(early).run == run_id(early)


def test_an_attempt_that_was_replaced_by_its_double_gets_a_refusal(bench: RecoveryBench) -> None:
    """Somebody deletes the second attempt, when the third is decided on, and makes a job that looks like it."""
    bench.recover(bench.ended())
    bench.recover(bench.end(name=SECOND))
    bench.end(name=THIRD)
    del bench.sagemaker.jobs[SECOND]
    bench.submit(SECOND, OPTED_IN | MARKS, checkpoint_uri=f"s3://ml-bucket/checkpoints/{NAME}/")
    double = bench.end(name=SECOND)
    assert bench.recover(double) is None
    decision = bench.decision(double).decision
    assert (decision.action, decision.notify) == (Action.REFUSE, True)
    assert decision.reason == "attempt 3 of the run was decided on after another job named spot-job-r2"
    assert bench.sagemaker.created == [SECOND, THIRD]


@pytest.mark.parametrize("region", [REGION, "eu-west-1"])
def test_the_region_is_the_jobs_own(region: str) -> None:
    """The bench's SageMaker and S3 fail when they are asked of another region."""
    bench = RecoveryBench(region=region)
    job = bench.ended()
    bench.recover(job)
    first = bench.sagemaker.jobs[NAME].facts.job
    planned = bench.runs.planned[run_id(first), 2]
    assert (planned.region, planned.name, planned.parent) == (region, SECOND, job)
    assert planned.decided_at > CREATED
    assert bench.checkpoints.listed
    assert bench.sagemaker.created == [SECOND]
    assert bench.recover(bench.end(name=SECOND)) is None
    assert bench.sagemaker.created == [SECOND, THIRD]
