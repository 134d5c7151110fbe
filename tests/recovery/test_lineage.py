"""Which jobs make a run: only what Respot wrote says."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from respot.errors import LedgerIncompleteError
from respot.recovery.planning.attempt import ATTEMPT_TAG, PARENT_TAG, RUN_TAG
from respot.recovery.planning.decision import Action
from respot.recovery.planning.run import run_id
from respot.recovery.records import OutcomeKind
from tests.support.builders import NAME, job_id
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
