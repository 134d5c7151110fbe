"""Between the decision and the creation: what is refused, what comes later, what its owners no longer want."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from respot.alerting.required import news_of, news_of_outcome
from respot.errors import CreateLaterError, CreateRefusedError, PolicyInvalidError, Postponement
from respot.recovery.decide import Later
from respot.recovery.planning.decision import Action
from respot.recovery.planning.ending import Budget
from respot.recovery.policy.policy import BackOff
from respot.recovery.records import NoticeKind, OutcomeKind
from tests.support.builders import NAME
from tests.support.recovery_environment import SECOND, RecoveryEnvironment


def test_a_quota_is_waited_for(env: RecoveryEnvironment) -> None:
    job = env.ended()
    env.faults["sagemaker.create"] = CreateLaterError("not now", reason=Postponement.QUOTA)
    for _ in range(3):
        assert env.recover(job) == Later(reason="not now")  # without a delay of its own: the queue's grow
    env.faults.clear()
    assert env.recover(job) is None
    assert env.sagemaker.created == [SECOND]


@pytest.mark.parametrize("reason", [Postponement.THROTTLED, Postponement.UNANSWERED])
def test_a_creation_that_failed_is_repeated(env: RecoveryEnvironment, reason: Postponement) -> None:
    job = env.ended()
    env.faults["sagemaker.create"] = CreateLaterError("not now", reason=reason)
    for _ in range(3):
        with pytest.raises(CreateLaterError, match="not now"):
            env.recover(job)
    env.faults.clear()
    assert env.recover(job) is None
    assert env.sagemaker.created == [SECOND]


def test_a_final_refusal_is_reported_in_the_words_of_aws(env: RecoveryEnvironment) -> None:
    job = env.ended()
    env.faults["sagemaker.create"] = CreateRefusedError("no iam:PassRole", permission="iam:PassRole")
    assert env.recover(job) is None
    assert (env.outcome(job).kind, env.outcome(job).summary) == (
        OutcomeKind.FAILED,
        "not resubmitted: no iam:PassRole",
    )
    env.faults.clear()
    env.recover(job)
    assert env.sagemaker.created == []


def test_what_cannot_be_cloned_is_refused_at_once(env: RecoveryEnvironment) -> None:
    job = env.ended()
    env.sagemaker.jobs[NAME].unclonable = True
    env.recover(job)
    decision = env.decision(job).decision
    assert (decision.action, decision.notify) == (Action.REFUSE, True)
    assert "Tags: it cannot be created again" in decision.reason


def test_what_cannot_be_cloned_any_more_is_not_created(env: RecoveryEnvironment) -> None:
    job = env.decided()
    env.sagemaker.jobs[NAME].unclonable = True
    env.recover(job)
    assert env.outcome(job).kind is OutcomeKind.CANCELLED
    assert "it cannot be created again" in env.outcome(job).summary


def _opt_out(env: RecoveryEnvironment) -> None:
    env.sagemaker.jobs[NAME].tags["respot:resume"] = "off"


def _unask(env: RecoveryEnvironment) -> None:
    del env.sagemaker.jobs[NAME].tags["respot:resume"]


def _mistype(env: RecoveryEnvironment) -> None:
    env.sagemaker.jobs[NAME].tags["respot:resume"] = "yes"


def _dry_run(env: RecoveryEnvironment) -> None:
    env.set_policy(dry_run=True)


def _fewer(env: RecoveryEnvironment) -> None:
    env.set_policy(max_attempts=1)


def _intrude(env: RecoveryEnvironment) -> None:
    env.submit("other", checkpoint_uri=f"s3://ml-bucket/checkpoints/{NAME}/")


@pytest.mark.parametrize(
    ("meddle", "words"),
    [
        (_mistype, "tag respot:resume"),
        (_fewer, "all 1 attempts are spent"),
        (_intrude, "other"),
    ],
)
def test_what_must_not_be_created_any_more_is_cancelled(
    env: RecoveryEnvironment, meddle: Callable[[RecoveryEnvironment], None], words: str
) -> None:
    job = env.decided()
    meddle(env)
    assert env.recover(job) is None
    assert env.outcome(job).kind is OutcomeKind.CANCELLED
    assert env.outcome(job).summary.startswith("not resubmitted: ")
    assert words in env.outcome(job).summary
    assert env.sagemaker.created == []


@pytest.mark.parametrize(
    ("meddle", "words"),
    [
        (_opt_out, "its owner opted out: respot:resume = off"),
        (_unask, "not asked to resume this job (defaults)"),
        (_dry_run, "the policy now says dry_run"),
    ],
)
def test_what_its_owners_no_longer_want_is_withdrawn_and_no_error(
    env: RecoveryEnvironment, meddle: Callable[[RecoveryEnvironment], None], words: str
) -> None:
    job = env.decided()
    meddle(env)
    assert env.recover(job) is None
    outcome = env.outcome(job)
    assert (outcome.kind, outcome.summary) == (OutcomeKind.WITHDRAWN, f"not resubmitted: {words}")
    assert news_of_outcome(outcome).withdrawn
    assert env.sagemaker.created == []


def test_an_invalid_policy_is_no_concern_of_a_job_whose_owner_opted_out(env: RecoveryEnvironment) -> None:
    job = env.ended(tags={"respot:resume": "off"})
    env.policies.fault = PolicyInvalidError("no JSON")
    assert env.recover(job) is None
    assert env.decision(job).decision.reason == "its owner opted out: respot:resume = off"
    assert news_of(env.runs.recovery_records(job)) == ()


def test_a_job_that_is_deleted_before_the_creation_is_a_failure(env: RecoveryEnvironment) -> None:
    job = env.decided()
    del env.sagemaker.jobs[NAME]
    env.recover(job)
    assert env.outcome(job).summary == "not resubmitted: spot-job was deleted, and its settings with it"


def test_a_job_deleted_between_its_description_and_its_tags_is_a_failure(env: RecoveryEnvironment) -> None:
    job = env.decided()
    object.__setattr__(env.recovery.creator, "jobs", Tagless(env.recovery.creator.jobs))
    env.recover(job)
    assert env.outcome(job).kind is OutcomeKind.FAILED


class Tagless:
    """SageMaker that knows no tags any more."""

    def __init__(self, jobs: object) -> None:
        self._jobs = jobs

    def tags(self, _region: str, _arn: str) -> None:
        return None

    def __getattr__(self, method: str) -> object:
        return getattr(self._jobs, method)


def test_a_policy_that_becomes_invalid_holds_the_creation_up(env: RecoveryEnvironment) -> None:
    job = env.decided()
    env.faults["ssm.load"] = PolicyInvalidError("rules[0]: no such setting")
    assert env.recover(job) == Later(reason="rules[0]: no such setting")
    assert env.runs.notices[job, NoticeKind.POLICY_INVALID].summary == "rules[0]: no such setting"
    env.faults.clear()
    env.recover(job)
    assert env.sagemaker.created == [SECOND]


def test_a_longer_pause_holds_the_creation_up(env: RecoveryEnvironment) -> None:
    job = env.decided()
    hours = timedelta(hours=4)
    env.set_policy(back_off=dict.fromkeys(Budget, BackOff(first=hours, longest=hours)))
    later = env.recover(job)
    assert later is not None
    assert later.delay is not None
    assert timedelta(hours=2) <= later.delay <= hours
    assert job not in env.runs.outcomes
