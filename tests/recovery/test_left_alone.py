"""What recovery leaves alone or leaves for later, and writes down."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Final

import pytest

from respot.alerting.required import news_of
from respot.errors import PolicyInvalidError, UpstreamUnavailableError
from respot.jobs.job import JobId
from respot.recovery.planning.cause import Cause
from respot.recovery.planning.decision import Action
from tests.support.builders import NAME
from tests.support.recovery_environment import OPTED_IN, SECOND, RecoveryEnvironment

OWNED: Final = OPTED_IN | {"AWS_STEP_FUNCTIONS_EXECUTION_ARN": "arn"}


def _invalid_policy(env: RecoveryEnvironment, job: JobId) -> JobId:
    env.faults["ssm.load"] = PolicyInvalidError("no JSON")
    return job


def _tags_unknown(env: RecoveryEnvironment) -> JobId:
    env.set_policy(resume=True)
    job = env.ended()
    state, version = env.ledger.states[job]
    env.ledger.states[job] = replace(state, tags=None), version
    env.before["sagemaker.tags"] = lambda: env.sagemaker.jobs.pop(NAME, None)
    return job


def _unclonable(env: RecoveryEnvironment) -> JobId:
    job = env.ended()
    env.sagemaker.jobs[NAME].unclonable = True
    return job


def _deleted(env: RecoveryEnvironment) -> JobId:
    job = env.ended()
    del env.sagemaker.jobs[NAME]
    return job


def _replaced(env: RecoveryEnvironment) -> JobId:
    job = _deleted(env)
    env.sagemaker.submit(NAME)
    return job


def _before_the_deployment(env: RecoveryEnvironment) -> JobId:
    job = env.ended()
    env.ledger.created = env.clock() + timedelta(seconds=1)
    return job


def _three_days_ago(env: RecoveryEnvironment, job: JobId) -> JobId:
    env.clock.pass_by(timedelta(days=3))
    env.faults["s3.list"] = UpstreamUnavailableError("AccessDenied")  # a decision may be this late because of it
    return job


DELETED: Final = "cannot be created again: spot-job was deleted, and its settings with it"
NOBODY: Final = "not asked to resume this job (defaults)"
OPTED_OUT: Final = "its owner opted out: respot:resume = off"
CASES: Final[dict[str, tuple[Callable[[RecoveryEnvironment], JobId], bool, str]]] = {
    "no opt-in": (lambda env: env.ended(tags={}), False, NOBODY),
    "stopped by its user": (lambda env: env.ended("Stopped"), False, "stopped by its user"),
    "owned": (lambda env: env.ended(tags=OWNED), True, "owned by a Step Functions execution (arn), which decides"),
    "completed, policy invalid": (
        lambda env: _invalid_policy(env, env.ended("Completed")),
        False,
        "completed: nothing",
    ),
    "opted out, policy invalid": (
        lambda env: _invalid_policy(env, env.ended(tags={"respot:resume": "off"})),
        *(False, OPTED_OUT),
    ),
    "tags unknown": (_tags_unknown, True, "the job's tags are not known"),
    "no place in S3": (lambda env: env.ended(checkpoint_uri="file:///tmp"), True, "cannot be created again: "),
    "not to be cloned": (_unclonable, True, "cannot be created again: spot-job: Tags: it cannot be created again"),
    "deleted": (_deleted, True, DELETED),
    "another of its name": (_replaced, True, DELETED),
    "before the deployment": (_before_the_deployment, False, "ended before Respot watched us-east-1"),
    "three days ago": (lambda env: _three_days_ago(env, env.ended()), True, "ended 3 d 00 h ago, and a job is resub"),
    "three days ago, no opt-in": (lambda env: _three_days_ago(env, env.ended(tags={})), False, NOBODY),
}


@pytest.mark.parametrize(("end", "notify", "reason"), CASES.values(), ids=CASES)
def test_what_is_not_continued_is_written_down_with_its_reason(
    env: RecoveryEnvironment, end: Callable[[RecoveryEnvironment], JobId], reason: str, *, notify: bool
) -> None:
    job = end(env)
    assert env.recover(job) is None
    decision = env.decision(job).decision
    assert decision.action in {Action.NOTHING, Action.REFUSE}
    assert decision.reason.startswith(reason)
    assert (decision.cause is Cause.HISTORY) is reason.startswith("ended before Respot watched")
    assert bool(news_of(env.runs.recovery_records(job))) is decision.notify is notify
    assert notify or "s3.list" not in env.calls
    assert (env.sagemaker.created, env.runs.planned) == ([], {})


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
