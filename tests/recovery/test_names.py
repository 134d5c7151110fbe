"""Whose job it is that bears the next attempt's name."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from respot.errors import (
    CreateLaterError,
    JobNameTakenError,
    Postponement,
    UnreadableItemError,
    UpstreamUnavailableError,
)
from respot.jobs.job import JobId, Market
from respot.recovery.planning.attempt import ATTEMPT_TAG, PARENT_TAG, RUN_TAG
from respot.recovery.planning.cause import Cause
from respot.recovery.planning.run import run_id
from respot.recovery.records import Outcome, OutcomeKind
from respot.recovery.run_place import place_in_run
from respot.recovery.same_request import may_be_alike
from tests.support.builders import NAME, REGION, job_id, state
from tests.support.memory import MemoryRunStore
from tests.support.recovery_environment import RUN, SECOND, RecoveryEnvironment

MARKS = {RUN_TAG: RUN, ATTEMPT_TAG: "2", PARENT_TAG: NAME}


def test_a_name_that_is_taken_is_a_failure_with_that_reason(env: RecoveryEnvironment) -> None:
    env.submit(SECOND, {}, checkpoint_uri=None)
    env.clock.pass_by(timedelta(hours=1))
    job = env.ended()
    assert env.recover(job) is None
    assert (env.outcome(job).kind, env.outcome(job).cause) == (OutcomeKind.FAILED, Cause.NAME_TAKEN)
    assert env.outcome(job).summary == (
        "not resubmitted: a job named spot-job-r2 exists that is none of this run's, by its creation time; "
        "delete it or choose another job name"
    )
    assert env.sagemaker.created == []


def test_a_job_older_than_the_decision_is_not_ours_with_any_tags(env: RecoveryEnvironment) -> None:
    # The run's identity holds the creation of its first job, which can be known only once that is there.
    env.submit()
    env.submit(SECOND, MARKS, checkpoint_uri=None)
    job = env.end()
    env.recover(job)
    assert env.outcome(job).kind is OutcomeKind.FAILED


HERE = f"s3://ml-bucket/checkpoints/{NAME}/"


@pytest.mark.parametrize("recorded", [False, True], ids=["not recorded", "recorded"])
@pytest.mark.parametrize("marks", [MARKS, {}, MARKS | {RUN_TAG: "another"}], ids=["marked", "bare", "forged"])
@pytest.mark.parametrize(
    ("differs", "others"),
    [
        (None, {}),
        ("its HyperParameters", {"hyperparameters": {"steps": "2"}}),
        ("its instance type", {"instance_type": "ml.p5.48xlarge"}),
        ("its role, image or checkpoint location", {"role_arn": "arn:aws:iam::111122223333:role/theirs"}),
        ("its role, image or checkpoint location", {"image": "theirs"}),
        ("its role, image or checkpoint location", {"checkpoint_uri": "s3://ml-bucket/checkpoints/elsewhere/"}),
        ("its CheckpointConfig", {"checkpoint_uri": None}),
    ],
    ids=["as requested", "hyperparameters", "type", "role", "image", "location", "no location"],
)
def test_a_job_of_the_next_attempts_name_is_ours_if_it_is_what_was_requested(
    env: RecoveryEnvironment, marks: dict[str, str], differs: str | None, others: dict[str, Any], *, recorded: bool
) -> None:
    """Another delivery of the same message, or a stranger, is faster. Tags say nothing."""
    plain: dict[str, Any] = {
        "role_arn": "arn:aws:iam::111122223333:role/ours",
        "image": "ours",
        "hyperparameters": {"steps": "1"},
    }
    job = env.ended(**plain)
    submit = env.submit if recorded else env.sagemaker.submit
    env.before["sagemaker.create"] = lambda: submit(SECOND, marks, **({"checkpoint_uri": HERE} | plain | others))
    env.recover(job)
    outcome = env.outcome(job)
    assert outcome.kind is (OutcomeKind.FAILED if differs else OutcomeKind.CREATED)
    assert outcome.job_created == env.sagemaker.jobs[SECOND].state.job.created
    assert f"none of this run's, by {differs}; delete it" in outcome.summary or not differs
    assert env.sagemaker.created == []


def lose_the_answer(env: RecoveryEnvironment, job: JobId) -> None:
    """SageMaker creates the attempt, and Respot never learns it from the call."""
    env.afterwards["sagemaker.create"] = CreateLaterError("no answer", reason=Postponement.UNANSWERED)
    with pytest.raises(CreateLaterError):
        env.recover(job)
    env.afterwards.clear()


def test_no_change_of_the_ladder_gives_a_run_new_budgets(env: RecoveryEnvironment) -> None:
    """The decision waits for a quota; then the tag leads elsewhere, the answer is lost, and the tag changes again."""
    env.set_policy(max_attempts=2, require_checkpoint=False, require_progress=False)
    job = env.decided()
    env.set_tag("spot/ml.p5.48xlarge", "respot:ladder")
    lose_the_answer(env, job)
    env.set_tag("spot/ml.p4d.24xlarge", "respot:ladder")
    env.recover(job)
    outcome, second = env.outcome(job), env.end(name=SECOND)
    assert (outcome.kind, outcome.job_created) == (OutcomeKind.CREATED, second.created)
    assert outcome.summary.endswith("; it runs on spot ml.p5.48xlarge instead")
    env.recover(second)
    assert (env.decision(second).run, env.decision(second).number) == (RUN, 2)
    assert env.sagemaker.created == [SECOND]


def test_another_delivery_recognises_what_the_first_has_just_created(env: RecoveryEnvironment) -> None:
    job = env.decided()
    env.set_tag("spot/ml.p5.48xlarge", "respot:ladder")
    env.after["sagemaker.create"] = lambda: env.recover(job)
    env.recover(job)
    assert (env.outcome(job).kind, env.sagemaker.created) == (OutcomeKind.CREATED, [SECOND])


def test_a_job_cannot_be_judged_while_sagemaker_does_not_describe_it(env: RecoveryEnvironment) -> None:
    job = env.decided()
    env.submit(SECOND, {}, checkpoint_uri=HERE)
    env.after["sagemaker.describe"] = lambda: env.sagemaker.jobs.pop(SECOND)
    with pytest.raises(UpstreamUnavailableError, match="another or none"):
        env.recover(job)
    assert job not in env.runs.outcomes


MISPLACED: list[tuple[str | None, dict[str, Any]]] = [
    (None, {}),
    (None, {"max_runtime": timedelta(hours=1)}),
    ("its instance type", {"instance_type": "ml.p5.48xlarge"}),
    ("its market", {"market": Market.ON_DEMAND}),
    ("its maximum runtime", {"max_runtime": timedelta(days=28)}),
]
"""What distinguishes a job from the placements that were asked for."""
MISPLACED_IDS = ["as requested", "shorter", "type", "market", "longer"]


@pytest.mark.parametrize(("differs", "others"), MISPLACED, ids=MISPLACED_IDS)
def test_a_job_that_is_not_placed_as_requested_is_not_ours(
    env: RecoveryEnvironment, differs: str | None, others: dict[str, Any]
) -> None:
    job = env.decided()
    env.sagemaker.submit(SECOND, {}, checkpoint_uri=HERE, **others)
    env.recover(job)
    outcome = env.outcome(job)
    assert (outcome.kind, outcome.warning) == (OutcomeKind.FAILED if differs else OutcomeKind.CREATED, None)
    assert f"none of this run's, by {differs}; delete it" in outcome.summary or not differs


@pytest.mark.parametrize(("differs", "others"), MISPLACED, ids=MISPLACED_IDS)
def test_without_the_ended_job_the_ledger_decides_and_people_are_told(
    env: RecoveryEnvironment, differs: str | None, others: dict[str, Any]
) -> None:
    job = env.decided(image="ours")
    del env.sagemaker.jobs[NAME]
    env.submit(SECOND, {}, image="ours", checkpoint_uri=HERE, **others)
    env.recover(job)
    outcome = env.outcome(job)
    assert outcome.kind is (OutcomeKind.FAILED if differs else OutcomeKind.CREATED)
    assert f"by {differs}; delete it" in outcome.summary or not differs
    told = "spot-job was deleted: whether the attempt is what was requested could be judged by the ledger alone"
    assert outcome.warning == (None if differs else told)


@pytest.mark.parametrize(("differs", "others"), MISPLACED, ids=MISPLACED_IDS)
def test_a_deleted_job_is_ours_only_if_the_ledger_knows_it_as_placed_like_the_request(
    env: RecoveryEnvironment, differs: str | None, others: dict[str, Any]
) -> None:
    job = env.decided()
    env.submit(SECOND, {}, checkpoint_uri=HERE, **others)
    del env.sagemaker.jobs[SECOND]
    env.recover(job)
    outcome = env.outcome(job)
    assert (outcome.kind, env.sagemaker.created) == (OutcomeKind.CREATED, [SECOND] if differs else [])
    assert differs or (outcome.warning or "").startswith("spot-job-r2 was deleted: ")


def test_a_job_that_no_clone_can_be_is_not_ours(env: RecoveryEnvironment) -> None:
    job = env.decided()
    env.submit(SECOND, {}, checkpoint_uri=HERE)
    env.sagemaker.jobs[SECOND].unclonable = True
    env.recover(job)
    assert env.outcome(job).kind is OutcomeKind.FAILED


def test_a_creation_that_cannot_be_described_at_once_counts_until_shortly_after_its_outcome(
    env: RecoveryEnvironment,
) -> None:
    job = env.ended()
    env.after["sagemaker.create"] = lambda: env.faults.update({"sagemaker.describe": UpstreamUnavailableError("no")})
    env.recover(job)
    env.faults.clear()
    assert (env.outcome(job).kind, env.outcome(job).job_created) == (OutcomeKind.CREATED, None)
    second = env.end(name=SECOND)
    env.recover(second)
    assert env.decision(second).number == 2
    env.clock.pass_by(timedelta(hours=1))
    env.submit(SECOND, {"respot:resume": "on"})
    later = env.end(name=SECOND)
    env.recover(later)
    assert env.decision(later).number == 1


def test_the_attempt_of_an_earlier_run_is_not_the_one_of_a_later_run_of_that_name(env: RecoveryEnvironment) -> None:
    """Within the minutes by which clocks may differ, and with everything alike."""
    env.recover(env.ended())
    env.end(name=SECOND)
    del env.sagemaker.jobs[NAME]
    again = env.submit()
    env.sagemaker.move(NAME, "MaxWaitTimeExceeded")
    env.observe(NAME)
    env.clock.pass_by(timedelta(seconds=1))
    env.set_policy(require_checkpoint=False)
    made = env.outcome(env.runs.planned[RUN, 2].parent)
    env.runs.outcomes[made.job] = replace(made, job_created=env.clock())
    env.sagemaker.jobs[SECOND].state = replace(
        env.sagemaker.jobs[SECOND].state, job=job_id(SECOND, created=env.clock())
    )
    env.recover(again)
    assert env.outcome(again).kind is OutcomeKind.FAILED


def test_a_taken_name_whose_job_cannot_be_described_is_retried(env: RecoveryEnvironment) -> None:
    job = env.ended()
    env.faults["sagemaker.create"] = JobNameTakenError("taken")
    with pytest.raises(JobNameTakenError, match="taken"):
        env.recover(job)
    assert job not in env.runs.outcomes


# --- where the limits are -------------------------------------------------------------------------------------------

SKEW = timedelta(minutes=5)
"""By how much SageMaker's clock and Respot's may differ."""
MOMENT = timedelta(milliseconds=1)


@pytest.mark.parametrize("recorded", [False, True], ids=["described", "recorded"])
@pytest.mark.parametrize(
    ("after", "ours"),
    [(-SKEW - MOMENT, False), (-SKEW, True), (timedelta(), True), (SKEW + MOMENT, True)],
    ids=["too early", "as early as clocks differ", "at once", "later"],
)
def test_an_identical_job_is_ours_unless_it_is_older_than_the_decision(
    env: RecoveryEnvironment, after: timedelta, *, ours: bool, recorded: bool
) -> None:
    job = env.decided()
    created_at(env, SECOND, env.decision(job).decided_at + after)
    if recorded:
        env.observe(SECOND)
    env.recover(job)
    outcome = env.outcome(job)
    assert outcome.kind is (OutcomeKind.CREATED if ours else OutcomeKind.FAILED)
    assert outcome.job_created == env.sagemaker.jobs[SECOND].state.job.created
    assert ours or "none of this run's, by its creation time;" in outcome.summary


@pytest.mark.parametrize(("after", "ours"), [(-SKEW - MOMENT, False), (-SKEW, True)], ids=["too early", "early"])
def test_a_deleted_job_is_ours_unless_it_is_older_than_the_decision(
    env: RecoveryEnvironment, after: timedelta, *, ours: bool
) -> None:
    """What is left is the ledger's record of it. Its creation is the attempt's: a later job of that name is another."""
    job = env.decided()
    gone = created_at(env, SECOND, env.decision(job).decided_at + after)
    env.observe(SECOND)
    del env.sagemaker.jobs[SECOND]
    env.recover(job)
    outcome = env.outcome(job)
    assert (outcome.kind, env.sagemaker.created) == (OutcomeKind.CREATED, [] if ours else [SECOND])
    assert (outcome.job_created == gone.created) is ours


def test_an_attempt_that_another_followed_keeps_the_time_of_its_creation(env: RecoveryEnvironment) -> None:
    first = env.ended()
    env.recover(first)
    env.recover(env.end(name=SECOND))
    second = env.sagemaker.jobs[SECOND].state.job
    del env.runs.outcomes[first], env.sagemaker.jobs[SECOND]
    env.recover(first)
    assert env.outcome(first).job_created == second.created


def created_at(env: RecoveryEnvironment, name: str, moment: datetime) -> JobId:
    """A job like the next attempt, created at that time of SageMaker's clock."""
    env.sagemaker.submit(name, {}, checkpoint_uri=HERE)
    fake, job = env.sagemaker.jobs[name], job_id(name, created=moment)
    start = tuple(replace(each, started=moment) for each in fake.transitions)
    fake.state, fake.transitions = replace(fake.state, job=job), start
    return job


PLANNED, OWN, OFFERED, FOREIGN = "ml.g5.4xlarge", "ml.g5.2xlarge", "ml.p4d.24xlarge", "ml.p5.48xlarge"


@pytest.mark.parametrize(
    ("asked", "ours"),
    [(PLANNED, True), (OWN, False), (OFFERED, False), (None, True), (FOREIGN, False)],
    ids=["planned", "the job's own", "another rung's", "several types", "foreign"],
)
def test_only_an_instance_type_that_was_asked_for_is_ours(
    env: RecoveryEnvironment, asked: str | None, *, ours: bool
) -> None:
    env.set_ladder(f"spot/{PLANNED}:2 spot/{OFFERED}")
    job = env.decided(instance_type=OWN)
    placement = env.decision(job).decision.placement
    assert placement
    assert placement.instance_type == PLANNED
    env.set_ladder(f"spot/{OFFERED}")  # its owner has changed the policy since
    if asked is None:  # InstanceGroups
        env.sagemaker.jobs[NAME].more["ResourceConfig"] = {}
    type_ = asked or f"{OWN}+{FOREIGN}"
    env.sagemaker.submit(SECOND, {}, checkpoint_uri=HERE, instance_type=type_)
    env.sagemaker.jobs[SECOND].more = dict(env.sagemaker.jobs[NAME].more)
    env.recover(job)
    outcome = env.outcome(job)
    assert outcome.kind is (OutcomeKind.CREATED if ours else OutcomeKind.FAILED)
    assert ours or "by its instance type;" in outcome.summary


def test_a_decision_of_an_earlier_version_is_compared_with_its_own_placement(env: RecoveryEnvironment) -> None:
    """Earlier versions recorded no placement before a creation."""
    job = env.ended()
    lose_the_answer(env, job)
    env.runs.intents.clear()
    env.recover(job)
    assert env.outcome(job).kind is OutcomeKind.CREATED


@pytest.mark.parametrize(
    ("market", "steps", "named", "kind"),
    [
        (Market.ON_DEMAND, "1", False, OutcomeKind.CREATED),
        (Market.ON_DEMAND, "1", True, OutcomeKind.FAILED),
        (Market.ON_DEMAND, "2", False, OutcomeKind.FAILED),
        (Market.SPOT, "1", False, OutcomeKind.CREATED),
    ],
    ids=["another pool", "a decision of this version", "another request", "as decided"],
)
def test_the_attempt_that_an_earlier_version_created_in_another_pool_is_ours(
    env: RecoveryEnvironment,
    monkeypatch: pytest.MonkeyPatch,
    market: Market,
    steps: str,
    *,
    named: bool,
    kind: OutcomeKind,
) -> None:
    """Earlier versions wrote neither placements nor an attempt under its name."""
    if not named:
        monkeypatch.setattr(MemoryRunStore, "attempts_named", lambda *_: ())
    job = env.decided(hyperparameters={"steps": "1"})
    env.runs.intents.clear()
    there: dict[str, Any] = {"market": market, "instance_type": "ml.p5.48xlarge", "hyperparameters": {"steps": steps}}
    env.sagemaker.submit(SECOND, MARKS, checkpoint_uri=HERE, **there)
    env.recover(job)
    assert env.outcome(job).kind is kind
    second = env.sagemaker.jobs[SECOND].state
    place = place_in_run(env.runs, env.ledger, replace(second, tags=MARKS))
    assert place == ((RUN, 2) if kind is OutcomeKind.CREATED else (run_id(second.job), 1))


@pytest.mark.parametrize("gone", [NAME, SECOND], ids=["the ended job", "the attempt"])
@pytest.mark.parametrize(("member", "ours"), [("InstancePreferences", True), ("InstanceGroups", False)])
def test_the_type_that_sagemaker_chose_from_a_list_is_ours_although_one_job_is_deleted(
    env: RecoveryEnvironment, gone: str, member: str, *, ours: bool
) -> None:
    job = env.decided()
    for name in (NAME, SECOND):
        if name == SECOND:
            env.submit(SECOND, {}, checkpoint_uri=HERE, instance_type="ml.p4d.24xlarge")
        types = [{"InstanceType": kind} for kind in ("ml.g5.2xlarge", "ml.p4d.24xlarge")]
        env.sagemaker.jobs[name].more["ResourceConfig"] = {member: types}
    del env.sagemaker.jobs[gone]
    env.recover(job)
    assert (env.outcome(job).kind is OutcomeKind.CREATED) == (ours or gone == SECOND)
    assert env.sagemaker.created == ([SECOND] if gone == SECOND and not ours else [])


def test_a_restored_ledger_that_lacks_the_placement_gives_no_new_budget(env: RecoveryEnvironment) -> None:
    """The backup has the decision, and not what led to the creation elsewhere."""
    job = env.decided()
    env.set_tag("on-demand/ml.p5.48xlarge", "respot:ladder")
    lose_the_answer(env, job)
    env.runs.intents.clear()
    env.observe(SECOND)
    env.ledger.watched[REGION] = env.clock() + timedelta(minutes=1)
    env.recovery.creator.settle_name(env.sagemaker.jobs[SECOND].state)
    assert env.outcome(job).kind is OutcomeKind.CREATED


def test_an_outcome_of_another_run_that_cannot_be_read_holds_nothing_up(
    env: RecoveryEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two runs planned an attempt of that name. The job counts as an attempt: that gives no new budget."""
    env.set_policy(require_checkpoint=False)
    first = env.ended()
    env.recover(first)
    env.end(name=SECOND)
    for name in (NAME, SECOND):
        env.sagemaker.move(name, "Deleting")
        env.observe(name)
        del env.sagemaker.jobs[name]
    env.clock.pass_by(timedelta(hours=1))
    again = env.ended()
    lose_the_answer(env, again)
    read = MemoryRunStore.outcome

    def outcome(runs: MemoryRunStore, job: JobId) -> Outcome | None:
        if job == first:
            raise UnreadableItemError("job#first", "outcome", "of a newer version")
        return read(runs, job)

    monkeypatch.setattr(MemoryRunStore, "outcome", outcome)
    env.recover(again)
    assert env.outcome(again).kind is OutcomeKind.CREATED
    del env.runs.planned[run_id(again), 2]
    second = state(env.sagemaker.jobs[SECOND].state.job, checkpoint_uri=HERE)
    assert place_in_run(env.runs, env.ledger, second) == (run_id(first), 2)


def test_a_later_run_of_a_name_gets_its_attempt_although_an_earlier_run_had_one_of_that_name(
    env: RecoveryEnvironment,
) -> None:
    """Only the creation time distinguishes the two, and the answer to the second creation was lost."""
    env.set_policy(require_checkpoint=False)
    env.recover(env.ended())
    env.end(name=SECOND)
    for name in (NAME, SECOND):
        env.sagemaker.move(name, "Deleting")
        env.observe(name)
        del env.sagemaker.jobs[name]
    env.clock.pass_by(timedelta(hours=1))
    again = env.ended()
    env.before["sagemaker.create"] = lambda: env.submit(SECOND, {}, checkpoint_uri=HERE)
    env.recover(again)
    assert env.outcome(again).kind is OutcomeKind.CREATED
    assert env.outcome(again).job_created == env.sagemaker.jobs[SECOND].state.job.created


@pytest.mark.parametrize(
    ("mine", "theirs", "alike"),
    [
        ({"algorithm": "a"}, {"algorithm": "a"}, True),
        ({"algorithm": "a"}, {"algorithm": "b"}, False),
        ({"algorithm": "a", "image": "x"}, {"algorithm": "a", "image": "y"}, True),
        ({"algorithm": "a", "image": "x"}, {"image": "y"}, False),
        ({"algorithm": "a"}, {}, True),
    ],
    ids=["same algorithm", "another algorithm", "its new image", "another image", "not known"],
)
def test_an_algorithm_is_compared_by_its_name_and_an_image_by_its_own(
    mine: dict[str, Any], theirs: dict[str, Any], *, alike: bool
) -> None:
    none: dict[str, Any] = {"algorithm": None, "image": None, "checkpoint_uri": HERE}
    assert may_be_alike(state(job_id(), **(none | mine)), state(job_id(SECOND), **(none | theirs))) is alike
