"""Which jobs make a run: only what Respot wrote says."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from respot.errors import LedgerIncompleteError
from respot.recovery.planning.attempt import ATTEMPT_TAG, LINEAGE_TAGS, PARENT_TAG, RUN_TAG
from respot.recovery.planning.cause import Cause
from respot.recovery.planning.decision import Action
from respot.recovery.planning.ending import Budget
from respot.recovery.planning.run import run_id
from respot.recovery.records import OutcomeKind
from respot.recovery.run_place import place_in_run
from tests.support.builders import NAME, job_id, state
from tests.support.memory import MemoryRunStore
from tests.support.recovery_environment import OPTED_IN, RUN, SECOND, THIRD, RecoveryEnvironment


def test_an_earlier_attempt_that_has_expired_makes_the_run_unknowable(env: RecoveryEnvironment) -> None:
    env.recover(env.ended())
    second = env.end(name=SECOND)
    state = env.ledger.states.pop(job_id())
    with pytest.raises(LedgerIncompleteError, match="expired"):
        env.recover(second)
    assert second not in env.runs.decisions
    env.ledger.states[job_id()] = state
    env.recover(second)
    third = env.end(name=THIRD)
    del env.runs.planned[RUN, 2]
    with pytest.raises(LedgerIncompleteError, match="expired"):
        env.recover(third)


def test_a_job_without_a_state_cannot_be_recovered(env: RecoveryEnvironment) -> None:
    with pytest.raises(LedgerIncompleteError):
        env.recover(job_id("unknown"))


MARKS = {RUN_TAG: RUN, ATTEMPT_TAG: "2", PARENT_TAG: NAME}


@pytest.mark.parametrize(
    "marks",
    [
        MARKS,
        MARKS | {ATTEMPT_TAG: "12345"},
        MARKS | {ATTEMPT_TAG: "²"},
        MARKS | {ATTEMPT_TAG: ""},
        MARKS | {RUN_TAG: "us-east-1/nobody/0"},
        {RUN_TAG: RUN},
        {ATTEMPT_TAG: "2"},
    ],
    ids=lambda marks: " ".join(marks.values()),
)
def test_marks_that_the_ledger_does_not_know_make_no_job_part_of_a_run(
    env: RecoveryEnvironment, marks: dict[str, str]
) -> None:
    env.recover(env.ended())
    env.submit("forged", OPTED_IN | marks)
    forged = env.end(name="forged")
    env.checkpoints.buckets["ml-bucket"].clear()
    env.set_policy(require_checkpoint=False)
    env.recover(forged)
    record = env.decision(forged)
    assert (record.run, record.number, record.next_name) == (run_id(forged), 1, "forged-r2")


def test_an_attempt_older_than_the_decision_on_it_is_none(env: RecoveryEnvironment) -> None:
    env.submit(SECOND, OPTED_IN | MARKS, checkpoint_uri=None)
    env.clock.pass_by(timedelta(hours=1))
    early = env.sagemaker.jobs[SECOND].state.job
    env.submit()
    env.recover(env.end())
    env.set_policy(require_checkpoint=False)
    env.recover(env.end(name=SECOND))
    assert env.decision(early).run == run_id(early)


def test_an_attempt_that_was_replaced_by_its_double_gets_a_refusal(env: RecoveryEnvironment) -> None:
    """Somebody deletes the second attempt, when the third is decided on, and makes a job with its name and tags.

    Whose the job is, only its creation time could say, and SageMaker did not give it when the attempt was created.
    """
    first = env.ended()
    env.recover(first)
    env.runs.outcomes[first] = replace(env.outcome(first), job_created=None, settled_at=env.clock() + timedelta(days=1))
    env.recover(env.end(name=SECOND))
    env.end(name=THIRD)
    del env.sagemaker.jobs[SECOND]
    env.submit(SECOND, OPTED_IN | MARKS, checkpoint_uri=f"s3://ml-bucket/checkpoints/{NAME}/")
    double = env.end(name=SECOND)
    assert env.recover(double) is None
    decision = env.decision(double).decision
    assert (decision.action, decision.notify) == (Action.REFUSE, True)
    assert decision.reason == "attempt 3 of the run was decided on after another job named spot-job-r2"
    assert decision.cause is Cause.OVERTAKEN
    assert env.sagemaker.created == [SECOND, THIRD]


@pytest.mark.parametrize(
    "change",
    [
        lambda tags: [tags.pop(key) for key in MARKS],
        lambda tags: tags.update({RUN_TAG: "us-east-1/nobody/0"}),
        lambda tags: tags.update({ATTEMPT_TAG: "1"}),
        lambda tags: tags.update({RUN_TAG: RUN, ATTEMPT_TAG: "9", PARENT_TAG: "nobody"}),
    ],
    ids=["removed", "another run", "first again", "a later attempt"],
)
@pytest.mark.parametrize("early", [False, True], ids=["recorded since", "before the outcome"])
def test_no_change_of_lineage_tags_resets_a_budget(
    env: RecoveryEnvironment, change: Callable[[dict[str, str]], object], *, early: bool
) -> None:
    env.set_policy(max_attempts=2)
    first = env.ended()
    env.recover(first)
    change(env.sagemaker.jobs[SECOND].tags)
    if early:
        del env.runs.outcomes[first]
    second = env.end(name=SECOND)
    for job in (second, first):
        env.recover(job)
    assert env.sagemaker.created == [SECOND]
    assert (env.decision(second).run, env.decision(second).number) == (RUN, 2)
    assert env.decision(second).decision.reason == "all 2 attempts are spent"
    assert env.outcome(first).kind is OutcomeKind.CREATED


def test_an_attempt_of_a_run_without_names_is_found_by_the_run_that_its_tags_name(
    env: RecoveryEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs that began before attempts were written under their names."""
    monkeypatch.setattr(MemoryRunStore, "attempts_named", lambda *_: ())
    first = env.ended()
    env.recover(first)
    env.runs.outcomes[first] = replace(env.outcome(first), job_created=None)
    second = env.end(name=SECOND)
    env.recover(second)
    assert (env.decision(second).run, env.decision(second).number) == (RUN, 2)


@pytest.mark.parametrize("deleted", [False, True], ids=["described", "deleted"])
def test_a_strangers_job_of_the_next_attempts_name_begins_a_run_of_its_own(
    env: RecoveryEnvironment, *, deleted: bool
) -> None:
    """Also while Respot waits to create the attempt, and the stranger's job is recovered first."""
    job = env.decided(image="ours")
    env.submit(SECOND, OPTED_IN | MARKS, image="theirs", checkpoint_uri=f"s3://ml-bucket/checkpoints/{NAME}/")
    stranger = env.end(name=SECOND)
    if deleted:
        del env.sagemaker.jobs[SECOND]
    env.recover(stranger)
    assert (env.decision(stranger).run, env.decision(stranger).number) == (run_id(stranger), 1)
    env.recover(job)
    assert env.outcome(job).kind is (OutcomeKind.CREATED if deleted else OutcomeKind.FAILED)
    assert (SECOND in env.sagemaker.created) is deleted


def test_a_job_that_takes_the_name_of_a_deleted_attempt_begins_a_run_of_its_own(env: RecoveryEnvironment) -> None:
    first = env.ended()
    env.recover(first)
    second = env.end(name=SECOND)
    assert env.outcome(first).job_created == second.created
    del env.sagemaker.jobs[SECOND]
    env.submit(SECOND, OPTED_IN | MARKS, checkpoint_uri=f"s3://ml-bucket/checkpoints/{NAME}/")
    double = env.end(name=SECOND)
    env.recover(double)
    assert (env.decision(double).run, env.decision(double).number) == (run_id(double), 1)


# --- while it is open whether Respot created the job ------------------------------------------------------------------

SKEW = timedelta(minutes=5)
MOMENT = timedelta(milliseconds=1)


def place(env: RecoveryEnvironment, created: datetime) -> int:
    """The number of a job under the second attempt's name, created then and otherwise like it."""
    here = f"s3://ml-bucket/checkpoints/{NAME}/"
    _, number = place_in_run(env.runs, env.ledger, state(job_id(SECOND, created=created), checkpoint_uri=here))
    return number


@pytest.mark.parametrize(("after", "number"), [(-SKEW - MOMENT, 1), (-SKEW, 2), (SKEW, 2), (timedelta(days=9), 2)])
def test_without_an_outcome_a_job_not_older_than_the_decision_counts_as_the_attempt(
    env: RecoveryEnvironment, after: timedelta, number: int
) -> None:
    job = env.decided()
    assert place(env, env.decision(job).decided_at + after) == number


@pytest.mark.parametrize(
    ("kind", "after", "number"),
    [
        (OutcomeKind.CREATED, -SKEW, 2),
        (OutcomeKind.CREATED, SKEW, 2),
        (OutcomeKind.CREATED, SKEW + MOMENT, 1),
        (OutcomeKind.FAILED, -SKEW, 1),
        (OutcomeKind.WITHDRAWN, SKEW, 1),
    ],
)
def test_an_outcome_without_a_creation_time_bounds_it(
    env: RecoveryEnvironment, kind: OutcomeKind, after: timedelta, number: int
) -> None:
    """A creation that was not described. A later job of that name is another, and so is any after "not created"."""
    job = env.ended()
    env.recover(job)
    settled = env.decision(job).decided_at + timedelta(hours=2)
    env.runs.outcomes[job] = replace(env.outcome(job), kind=kind, job_created=None, settled_at=settled)
    assert place(env, settled + after) == number


@pytest.mark.parametrize(
    ("after", "number"),
    [(timedelta(), 2), (timedelta(seconds=1), 2), (timedelta(seconds=-1), 2)]
    + [(timedelta(seconds=each), 1) for each in (-299, -2, 2, 299)],
)
def test_a_known_creation_time_distinguishes_identical_jobs_within_the_minutes_of_clock_skew(
    env: RecoveryEnvironment, after: timedelta, number: int
) -> None:
    job = env.ended()
    env.recover(job)
    created = env.sagemaker.jobs[SECOND].state.job.created
    assert place(env, created + after) == number


@pytest.mark.parametrize("after", [-SKEW, timedelta(), SKEW])
def test_a_job_that_was_found_to_be_another_is_never_the_attempt(env: RecoveryEnvironment, after: timedelta) -> None:
    job = env.ended()
    env.recover(job)
    created = env.sagemaker.jobs[SECOND].state.job.created
    env.runs.outcomes[job] = replace(env.outcome(job), kind=OutcomeKind.FAILED, job_created=created)
    assert place(env, created + after) == 1


def test_whose_a_live_job_is_gets_settled_before_its_wait_limit_is_enforced(env: RecoveryEnvironment) -> None:
    """A stranger's job waits under the next attempt's name: it is the first of a run, not the second of another."""
    env.set_policy(give_up_waiting_after=timedelta(hours=2), max_attempts=2, require_checkpoint=False)
    job = env.decided(hyperparameters={"steps": "1"})
    env.set_ladder("spot:1 on-demand:1")
    here = f"s3://ml-bucket/checkpoints/{NAME}/"
    stranger = env.submit(SECOND, OPTED_IN, checkpoint_uri=here, hyperparameters={"steps": "2"})
    env.clock.pass_by(timedelta(hours=3))
    env.recover(stranger)
    assert env.outcome(job).kind is OutcomeKind.FAILED
    assert "by its HyperParameters" in env.outcome(job).summary
    assert env.sagemaker.stopped == [SECOND]


def test_whose_an_ended_job_is_gets_settled_before_it_is_decided_on(env: RecoveryEnvironment) -> None:
    """The same, for a stranger's job that ends while Respot waits to create the attempt."""
    env.set_policy(max_attempts=2)
    job = env.decided(hyperparameters={"steps": "1"})
    here = f"s3://ml-bucket/checkpoints/{NAME}/"
    env.submit(SECOND, OPTED_IN, checkpoint_uri=here, hyperparameters={"steps": "2"})
    stranger = env.end(name=SECOND)
    env.recover(stranger)
    assert env.outcome(job).kind is OutcomeKind.FAILED
    assert (env.decision(stranger).run, env.decision(stranger).number) == (run_id(stranger), 1)


def test_tags_name_an_older_run_although_a_later_one_planned_that_name(
    env: RecoveryEnvironment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the older run no names were written. The later run's attempt is younger than the job, and says nothing."""
    env.set_policy(require_checkpoint=False)
    first = env.ended()
    env.recover(first)
    second = env.end(name=SECOND)
    del env.sagemaker.jobs[NAME]
    env.clock.pass_by(timedelta(hours=1))
    env.recover(env.ended())
    monkeypatch.setattr(
        MemoryRunStore,
        "attempts_named",
        lambda runs, region, name: tuple(
            each
            for each in runs.planned.values()
            if (each.region, each.name) == (region, name) and each.parent != first
        ),
    )
    env.recover(second)
    assert (env.decision(second).run, env.decision(second).number) == (RUN, 2)


# --- any change of tags -----------------------------------------------------------------------------------------------

WORDS = st.sampled_from(["", "1", "2", "9", "12345", NAME, SECOND, str(RUN), "us-east-1/nobody/0"])
TAGS = st.none() | st.dictionaries(st.sampled_from(sorted(LINEAGE_TAGS)), WORDS)
"""What somebody makes of a job's lineage tags: nothing, or these, and all others are removed."""
MOST_JOBS = 8


@given(
    st.integers(1, 4),
    st.none() | st.integers(1, 4),
    st.lists(st.tuples(TAGS, TAGS, TAGS, st.booleans()), min_size=MOST_JOBS, max_size=MOST_JOBS),
)
def test_no_sequence_of_tag_changes_by_others_lifts_a_budget(
    total: int,
    hours: int | None,
    changes: list[tuple[dict[str, str] | None, dict[str, str] | None, dict[str, str] | None, bool]],
) -> None:
    """Each job trains for 70 minutes and runs out of time. Others change tags at any moment, and outcomes get lost."""
    env = RecoveryEnvironment()
    env.set_policy(max_attempts=total, max_billable_hours=hours, budgets=dict.fromkeys(Budget, 100))
    env.submit()
    name, jobs = NAME, 0
    while jobs < MOST_JOBS:
        early, late, last, lost = changes[jobs]
        change(env, name, early)
        job, jobs = env.end(name=name), jobs + 1
        change(env, name, late)
        env.recover(job)
        change(env, name, last)
        if not env.decision(job).decision.creates_attempt:
            break
        if lost:
            del env.runs.outcomes[job]
        name = env.decision(job).next_name or ""
    billed = timedelta(hours=1, minutes=10) * (jobs - 1)
    assert (jobs <= total, hours is None or billed < timedelta(hours=hours)) == (True, True)
    expected = total if hours is None else min(total, -(-hours * 60 // 70))
    assert len(env.sagemaker.jobs) == jobs == expected
    assert {each.run for each in env.runs.decisions.values()} == {RUN}


def change(env: RecoveryEnvironment, name: str, tags: dict[str, str] | None) -> None:
    """Somebody changes the lineage tags of a job, in SageMaker and in what Respot then reads."""
    if tags is None:
        return
    own = env.sagemaker.jobs[name].tags
    for key in LINEAGE_TAGS:
        own.pop(key, None)
    own.update(tags)
    env.observe(name)
