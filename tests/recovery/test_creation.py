"""Between the decision and the creation: what is refused, what comes later, what its owners no longer want."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from respot.alerting.required import news_of_outcome
from respot.errors import CreateLaterError, CreateRefusedError, PolicyInvalidError, Postponement
from respot.recovery.decide import Later
from respot.recovery.planning.cause import Cause
from respot.recovery.records import NoticeKind, OutcomeKind
from tests.support.builders import NAME
from tests.support.recovery_environment import SECOND, RecoveryEnvironment

Meddle = Callable[[RecoveryEnvironment], object]


@pytest.mark.parametrize("reason", Postponement)
def test_a_quota_is_waited_for_and_a_failed_creation_is_repeated(
    env: RecoveryEnvironment, reason: Postponement
) -> None:
    job = env.ended()
    env.faults["sagemaker.create"] = CreateLaterError("not now", reason=reason)
    for _ in range(3):
        if reason in {Postponement.QUOTA, Postponement.CAPACITY}:
            assert env.recover(job) == Later(reason="not now")  # without a delay of its own: the queue's grow
            continue
        with pytest.raises(CreateLaterError, match="not now"):
            env.recover(job)
    env.faults.clear()
    assert env.recover(job) is None
    assert env.sagemaker.created == [SECOND]


def test_a_final_refusal_is_reported_in_the_words_of_aws(env: RecoveryEnvironment) -> None:
    job = env.ended()
    env.faults["sagemaker.create"] = CreateRefusedError("no iam:PassRole", permission="iam:PassRole")
    assert env.recover(job) is None
    outcome = env.outcome(job)
    assert (outcome.kind, outcome.summary) == (OutcomeKind.FAILED, "not resubmitted: no iam:PassRole")
    assert outcome.cause is Cause.PERMISSION_MISSING
    env.faults.clear()
    env.recover(job)
    assert env.sagemaker.created == []


def _unclonable(env: RecoveryEnvironment) -> None:
    env.sagemaker.jobs[NAME].unclonable = True


def _delete_before_tags(env: RecoveryEnvironment) -> None:
    env.after["sagemaker.description"] = lambda: env.sagemaker.jobs.pop(NAME)


DELETED = "spot-job was deleted, and its settings with it"
UNWANTED: dict[str, tuple[Meddle, OutcomeKind, Cause, str]] = {
    "opted out": (
        lambda env: env.set_tag("off"),
        OutcomeKind.WITHDRAWN,
        Cause.OPTED_OUT,
        "its owner opted out: respot:resume = off",
    ),
    "not asked": (
        lambda env: env.sagemaker.jobs[NAME].tags.clear(),
        OutcomeKind.WITHDRAWN,
        Cause.NOT_ASKED,
        "not asked to resume this job (defaults)",
    ),
    "dry run": (
        lambda env: env.set_policy(dry_run=True),
        OutcomeKind.WITHDRAWN,
        Cause.DRY_RUN,
        "the policy now says dry_run",
    ),
    "bad tag": (
        lambda env: env.set_tag("yes"),
        OutcomeKind.CANCELLED,
        Cause.BAD_TAGS,
        "tag respot:resume: 'yes' is neither 'on' nor 'off'",
    ),
    "another writer": (
        RecoveryEnvironment.intrude,
        OutcomeKind.CANCELLED,
        Cause.CONCURRENT_WRITER,
        "another job writes to an overlapping checkpoint location: other",
    ),
    "not to be cloned": (
        _unclonable,
        OutcomeKind.CANCELLED,
        Cause.NOT_CREATABLE,
        "cannot be created again: spot-job: Tags: it cannot be created again",
    ),
    "deleted": (lambda env: env.sagemaker.jobs.pop(NAME), OutcomeKind.FAILED, Cause.NOT_CREATABLE, DELETED),
    "deleted before its tags are read": (_delete_before_tags, OutcomeKind.FAILED, Cause.NOT_CREATABLE, DELETED),
}


@pytest.mark.parametrize(("meddle", "kind", "cause", "reason"), UNWANTED.values(), ids=UNWANTED)
def test_what_must_not_be_created_any_more_is_not_and_the_outcome_says_why(
    env: RecoveryEnvironment, meddle: Meddle, kind: OutcomeKind, cause: Cause, reason: str
) -> None:
    job = env.decided()
    meddle(env)
    assert env.recover(job) is None
    outcome = env.outcome(job)
    assert (outcome.kind, outcome.cause, outcome.summary) == (kind, cause, f"not resubmitted: {reason}")
    assert news_of_outcome(outcome).withdrawn is (kind is OutcomeKind.WITHDRAWN)
    assert env.sagemaker.created == []


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
    env.set_pause(timedelta(hours=4))
    later = env.recover(job)
    assert later is not None
    assert timedelta(hours=2) <= (later.delay or timedelta()) <= timedelta(hours=4)
    assert job not in env.runs.outcomes
