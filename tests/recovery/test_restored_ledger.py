"""A ledger that was restored from a backup lacks what Respot did since: nothing is done twice, and people know."""

from datetime import timedelta
from typing import Final

import pytest

from respot.alerting.required import news_of
from respot.recovery.planning.attempt import ATTEMPT_TAG, RUN_TAG
from respot.recovery.planning.cause import Cause
from respot.recovery.planning.decision import Action
from respot.recovery.planning.run import run_id
from respot.recovery.records import OutcomeKind
from tests.support.builders import CREATED, NAME, REGION
from tests.support.recovery_environment import OPTED_IN, RecoveryEnvironment
from tests.support.recovery_environment import SECOND as ATTEMPT

SECOND: Final = timedelta(seconds=1)
MARKED: Final = OPTED_IN | {RUN_TAG: "us-east-1/first/0", ATTEMPT_TAG: "2"}


def restore(env: RecoveryEnvironment) -> None:
    """The table is a copy from now on; the old one's first sweep was at `CREATED`."""
    env.clock.pass_by(SECOND)
    env.ledger.watched[REGION] = CREATED
    env.ledger.created = env.clock()


@pytest.mark.parametrize("status", ["MaxWaitTimeExceeded", "Stopped"])
def test_a_job_that_ended_before_the_restore_is_not_resubmitted_and_people_know(
    env: RecoveryEnvironment, status: str
) -> None:
    job = env.ended(status)
    restore(env)
    assert env.recover(job) is None
    decision = env.decision(job).decision
    assert (decision.action, decision.notify) == (Action.REFUSE, True)
    assert decision.reason.startswith("ended before the ledger was restored from a backup")
    assert decision.cause is Cause.RESTORED
    assert env.sagemaker.created == []


def test_a_job_that_nobody_wants_resumed_stays_silent_after_a_restore(env: RecoveryEnvironment) -> None:
    job = env.ended(tags={})
    restore(env)
    env.recover(job)
    assert news_of(env.runs.recovery_records(job)) == ()


def test_whose_stop_it_was_is_unknown_if_it_came_before_the_restore(env: RecoveryEnvironment) -> None:
    job = env.submit()
    env.sagemaker.move(job.name, "Stopping")
    restore(env)
    env.clock.pass_by(SECOND)
    env.sagemaker.move(job.name, "Stopped")
    env.observe(job.name)
    env.recover(job)
    decision = env.decision(job).decision
    assert (decision.action, decision.notify) == (Action.REFUSE, True)
    assert decision.reason.startswith("was stopped before the ledger was restored from a backup")
    assert decision.cause is Cause.RESTORED


def test_a_decision_from_before_the_restore_creates_nothing(env: RecoveryEnvironment) -> None:
    """Its attempt may have been created since, and deleted."""
    job = env.decided()
    restore(env)
    env.recover(job)
    outcome = env.runs.outcome(job)
    assert outcome is not None
    assert outcome.kind is OutcomeKind.CANCELLED
    assert "restored from a backup" in outcome.summary
    assert env.sagemaker.created == []


@pytest.mark.parametrize(("tags", "warned"), [(MARKED, True), (OPTED_IN, False)], ids=["marked", "unmarked"])
def test_an_attempt_that_the_restored_ledger_does_not_know_begins_a_run_and_people_know(
    env: RecoveryEnvironment, tags: dict[str, str], *, warned: bool
) -> None:
    env.submit(tags=tags)
    restore(env)
    job = env.end()
    env.recover(job)
    outcome = env.runs.outcome(job)
    assert outcome is not None
    assert (outcome.kind, env.decision(job).number) == (OutcomeKind.CREATED, 1)
    assert ("which the restored ledger does not know" in (outcome.warning or "")) is warned


def test_an_attempt_that_counts_as_an_earlier_runs_is_resubmitted_with_a_warning(env: RecoveryEnvironment) -> None:
    """An earlier run of a job of the same name had planned the attempt's name: no budget begins again."""
    earlier = env.decided()
    env.clock.pass_by(timedelta(minutes=1))
    env.submit(ATTEMPT, tags=MARKED, checkpoint_uri=env.sagemaker.jobs[NAME].state.checkpoint_uri)
    restore(env)
    job = env.end(name=ATTEMPT)
    env.recover(job)
    assert (env.decision(job).run, env.decision(job).number) == (run_id(earlier), 2)
    warning = env.outcome(job).warning or ""
    assert "name attempt 2 of run us-east-1/first/0, which the restored ledger does not know" in warning
    assert f"it counts as attempt 2 of {run_id(earlier)}" in warning


def test_marks_are_no_reason_to_warn_in_a_ledger_that_was_never_restored(env: RecoveryEnvironment) -> None:
    job = env.ended(tags=MARKED)
    env.recover(job)
    assert env.decision(job).decision.warning is None
