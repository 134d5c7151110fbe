"""An attempt on a list of instance types: created, refused for one of them, recognised, followed."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from respot.errors import CreateLaterError, CreateRefusedError, Postponement, Reach
from respot.jobs.job import Market
from respot.recovery.decide import Later
from respot.recovery.planning.decision import Action
from respot.recovery.records import OutcomeKind
from tests.support.builders import NAME
from tests.support.recovery_environment import SECOND, THIRD, RecoveryEnvironment

A, B, C = "ml.g5.4xlarge", "ml.g6.4xlarge", "ml.g6e.4xlarge"
ALL = f"{A}/{B}/{C}"


@pytest.fixture
def env() -> RecoveryEnvironment:
    env = RecoveryEnvironment()
    env.set_ladder(f"spot:1 on-demand/{ALL}:1")
    return env


def answers(env: RecoveryEnvironment, refusals: Mapping[str, Exception]) -> list[str]:
    """SageMaker refuses these pools; gives the list to which each pool is added that is asked for."""
    asked: list[str] = []

    def check(request: Mapping[str, Any]) -> None:
        pool = request["placement"].instance_type
        asked.append(pool)
        if error := refusals.get(pool):
            raise error

    env.sagemaker.before_creation = check
    return asked


def no_quota(words: str, reach: Reach = Reach.POOL) -> CreateRefusedError:
    return CreateRefusedError(f"ResourceLimitExceeded: {words}", reach=reach, why=words)


def used_up(words: str) -> CreateLaterError:
    return CreateLaterError(f"a quota is used up: {words}", reason=Postponement.QUOTA)


def test_a_list_is_one_attempt(env: RecoveryEnvironment) -> None:
    asked = answers(env, {})
    job = env.ended()
    assert env.recover(job) is None
    assert asked == [ALL]
    assert env.sagemaker.jobs[SECOND].state.preferred_types == (A, B, C)
    assert f"attempt 2 of 5, on-demand {ALL}" in env.outcome(job).summary


@pytest.mark.parametrize(
    ("refusals", "asked"),
    [
        pytest.param({ALL: no_quota(f"'{B} for training job usage' is 0")}, [ALL, f"{A}/{C}"], id="named"),
        pytest.param(
            {ALL: no_quota(f"{B} is 0"), f"{A}/{C}": no_quota(f"{C} is 0")}, [ALL, f"{A}/{C}", A], id="two, named"
        ),
        pytest.param({ALL: no_quota("no quota"), A: no_quota("no quota")}, [ALL, A, B], id="not named"),
        pytest.param(
            {ALL: no_quota("InstancePreferences is not supported here", Reach.ANYWHERE)},
            [ALL, A],
            id="the list as such",
        ),
        pytest.param({ALL: used_up(f"{A} is 1")}, [ALL, f"{B}/{C}"], id="used up, named"),
        pytest.param(
            {ALL: used_up("of 1"), A: used_up("of 1"), B: no_quota("no quota")}, [ALL, A, B, C], id="used up, not named"
        ),
    ],
)
def test_a_refusal_leads_to_the_rest_of_the_list_or_to_its_types_one_by_one(
    env: RecoveryEnvironment, refusals: dict[str, Exception], asked: list[str]
) -> None:
    seen = answers(env, refusals)
    job = env.ended()
    assert env.recover(job) is None
    assert seen == asked
    assert env.outcome(job).kind is OutcomeKind.CREATED


def denied(permission: str = "sagemaker:CreateTrainingJob") -> CreateRefusedError:
    return CreateRefusedError(f"the permission {permission} is missing", permission=permission)


def test_a_list_that_iam_denies_leads_to_its_types_and_blocks_nothing_else(env: RecoveryEnvironment) -> None:
    """AWS may supply no sagemaker:InstanceTypes for InstancePreferences, and the grant requires it."""
    asked = answers(env, {ALL: denied()})
    job = env.ended()
    assert env.recover(job) is None
    assert asked == [ALL, A]
    assert env.outcome(job).kind is OutcomeKind.CREATED
    (refusal,) = env.refusals.refusals.values()
    assert (refusal.market, refusal.instance_type, refusal.resource) == (Market.ON_DEMAND, ALL, None)


def test_a_list_that_iam_denies_as_any_job_is_refused_for_the_region(env: RecoveryEnvironment) -> None:
    asked = answers(env, dict.fromkeys((ALL, A), denied()))
    job = env.ended()
    assert env.recover(job) is None
    assert asked == [ALL, A]
    assert env.outcome(job).kind is OutcomeKind.FAILED
    assert None in {refusal.instance_type for refusal in env.refusals.refusals.values()}


def test_another_permission_that_is_missing_is_final_at_once(env: RecoveryEnvironment) -> None:
    asked = answers(env, {ALL: denied("iam:PassRole")})
    job = env.ended()
    assert env.recover(job) is None
    assert asked == [ALL]
    assert env.outcome(job).kind is OutcomeKind.FAILED


def test_if_the_quotas_of_all_types_are_used_up_the_attempt_waits(env: RecoveryEnvironment) -> None:
    asked = answers(env, dict.fromkeys((ALL, A, B, C), used_up("of 1")))
    job = env.ended()
    assert isinstance(env.recover(job), Later)
    assert asked == [ALL, A, B, C]
    assert env.runs.outcome(job) is None


def test_a_refusal_of_the_job_itself_is_final_after_one_more_call(env: RecoveryEnvironment) -> None:
    bad = no_quota("the image does not exist", Reach.ANYWHERE)
    asked = answers(env, dict.fromkeys((ALL, A), bad))
    job = env.ended()
    assert env.recover(job) is None
    assert asked == [ALL, A]
    assert env.outcome(job).kind is OutcomeKind.FAILED


def test_a_named_refusal_is_remembered_for_that_type_alone(env: RecoveryEnvironment) -> None:
    answers(env, {ALL: no_quota(f"'{B} for training job usage' is 0")})
    env.recover(env.ended())
    assert [each.instance_type for each in env.refusals.refusals.values()] == [B]


def test_a_listed_type_outside_the_settings_leaves_the_list(env: RecoveryEnvironment) -> None:
    env.set_limits(instance_types=("ml.g5.*", "ml.g6.*"))
    asked = answers(env, {})
    job = env.ended()
    env.recover(job)
    assert asked == [f"{A}/{B}"]
    assert f"{C} is outside the setting training_instance_types" in env.outcome(job).summary


def test_an_attempt_whose_creation_was_not_answered_is_recognised_by_the_type_chosen(env: RecoveryEnvironment) -> None:
    job = env.ended()
    env.afterwards["sagemaker.create"] = CreateLaterError("no answer", reason=Postponement.UNANSWERED)
    with pytest.raises(CreateLaterError, match="no answer"):
        env.recover(job)
    fake = env.sagemaker.jobs[SECOND]
    fake.state = replace(fake.state, instance_type=B)
    del env.afterwards["sagemaker.create"]
    assert env.recover(job) is None
    assert env.outcome(job).kind is OutcomeKind.CREATED
    assert "instead" not in env.outcome(job).summary


def test_the_attempts_of_a_list_are_counted_by_what_was_asked_for(env: RecoveryEnvironment) -> None:
    """The rung has one attempt: once it has ended, on whichever type, the ladder is at its end."""
    answers(env, {ALL: no_quota(f"{B} is 0")})
    env.recover(env.ended())
    env.observe(SECOND)
    second = env.end("Failed", name=SECOND, reason="InternalServerError: We encountered an internal error.")
    env.recover(second)
    assert env.decision(second).decision.action is Action.REFUSE
    assert THIRD not in env.sagemaker.jobs
    assert env.sagemaker.jobs[SECOND].state.market is Market.ON_DEMAND


def test_a_job_that_names_no_instance_type_is_not_resubmitted(env: RecoveryEnvironment) -> None:
    """IAM would deny it: the grant requires the types of the request. A serverless job has none."""
    job = env.ended()
    env.sagemaker.jobs[NAME].more = {"ResourceConfig": {}}
    env.recover(job)
    assert env.decision(job).decision.action is Action.REFUSE
    assert "names no instance type" in env.decision(job).decision.reason
