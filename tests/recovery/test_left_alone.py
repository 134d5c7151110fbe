"""What recovery leaves alone or leaves for later, and writes down."""

from datetime import timedelta

import pytest

from respot.errors import UpstreamUnavailableError
from respot.recovery.planning.decision import Action
from tests.support.recovery_environment import OPTED_IN, SECOND, RecoveryEnvironment


@pytest.mark.parametrize(
    ("status", "tags", "words"),
    [
        ("MaxWaitTimeExceeded", {}, "not asked to resume"),
        ("Stopped", OPTED_IN, "stopped by its user"),
        ("MaxWaitTimeExceeded", OPTED_IN | {"AWS_STEP_FUNCTIONS_EXECUTION_ARN": "arn"}, "Step Functions"),
    ],
    ids=["no opt-in", "stopped by its user", "owned by somebody else"],
)
def test_what_is_not_respots_business_is_written_down_without_asking_s3(
    env: RecoveryEnvironment, status: str, tags: dict[str, str], words: str
) -> None:
    job = env.ended(status, tags=tags)
    assert env.recover(job) is None
    record = env.decision(job)
    assert record.decision.action in {Action.NOTHING, Action.REFUSE}
    assert words in record.decision.reason
    assert "s3.list" not in env.calls
    assert env.sagemaker.created == []


def test_a_dry_run_is_written_down_and_creates_nothing(env: RecoveryEnvironment) -> None:
    env.set_policy(dry_run=True)
    job = env.ended()
    for _ in range(2):
        assert env.recover(job) is None
    record = env.decision(job)
    assert record.decision.dry_run
    assert record.decision.reason.startswith("would have been resubmitted as spot-job-r2, attempt 2 of 5")
    assert (env.runs.planned, env.runs.outcomes, env.sagemaker.created) == ({}, {}, [])


def test_a_pause_is_kept_without_a_decision(env: RecoveryEnvironment) -> None:
    hour = timedelta(hours=1)
    env.set_pause(hour)
    job = env.ended()
    later = env.recover(job)
    assert later is not None
    assert later.delay is not None
    assert hour / 2 <= later.delay <= hour
    assert (env.runs.decisions, env.runs.planned) == ({}, {})
    env.clock.pass_by(later.delay)
    assert env.recover(job) is None
    assert env.sagemaker.created == [SECOND]


@pytest.mark.parametrize("days", [3, 400])
def test_a_job_that_ended_three_days_ago_is_refused_with_an_alert(env: RecoveryEnvironment, days: int) -> None:
    """S3 need not answer: a decision may be this late because it does not."""
    job = env.ended()
    env.clock.pass_by(timedelta(days=days))
    env.faults["s3.list"] = UpstreamUnavailableError("AccessDenied")
    env.recover(job)
    decision = env.decision(job).decision
    assert (decision.action, decision.notify) == (Action.REFUSE, True)
    assert decision.reason == (
        f"ended {days} d 00 h ago, and a job is resubmitted within 3 d 00 h of its end or not at all; "
        "to continue, submit a new job with the same checkpoint location"
    )
    assert env.sagemaker.created == []


def test_nobody_is_notified_of_an_old_end_that_nobody_wanted_resumed(env: RecoveryEnvironment) -> None:
    job = env.ended(tags={})
    env.clock.pass_by(timedelta(days=4))
    env.recover(job)
    assert env.decision(job).decision.action is Action.NOTHING


def test_what_ended_before_the_deployment_is_history(env: RecoveryEnvironment) -> None:
    job = env.ended()
    env.ledger.created = env.clock() + timedelta(seconds=1)
    env.recover(job)
    assert "before Respot watched us-east-1" in env.decision(job).decision.reason
    assert env.sagemaker.created == []
