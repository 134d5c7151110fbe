"""What the next creation would meet is checked before Respot stops a job: settings, service model, late refusals."""

from datetime import timedelta
from typing import Any, Final

import pytest

from respot.errors import CreateLaterError, CreateRefusedError, Postponement, Reach
from respot.jobs.job import JobId
from respot.recovery.checked_clone import resources_named
from respot.recovery.planning.decision import Action
from tests.support.builders import NAME
from tests.support.recovery_environment import SECOND, RecoveryEnvironment

SPOT: Final = "spot ml.g5.2xlarge"
LARGER: Final = "spot ml.g5.4xlarge"
ON_DEMAND: Final = "on-demand ml.g5.2xlarge"
ROLE: Final = "arn:aws:iam::111122223333:role/Training"
LONGER: Final = timedelta(hours=2, minutes=5)
NO_QUOTA: Final = "the quota 'ml.g5.4xlarge for spot training job usage' is 0 and the job needs 1"


@pytest.fixture
def env() -> RecoveryEnvironment:
    env = RecoveryEnvironment()
    env.set_policy(give_up_waiting_after=timedelta(hours=2))
    env.set_ladder("spot:1 spot/ml.g5.4xlarge:1")
    return env


def waiting(env: RecoveryEnvironment) -> JobId:
    """A job that has waited for longer than its policy allows."""
    job = env.submit(role_arn=ROLE)
    env.clock.pass_by(LONGER)
    return job


def stopped(env: RecoveryEnvironment) -> JobId:
    env.clock.pass_by(timedelta(seconds=5))
    env.sagemaker.move(NAME, "Stopped")
    env.observe(NAME)
    return env.sagemaker.jobs[NAME].state.job


def is_not_stopped(env: RecoveryEnvironment, job: JobId, why: str) -> None:
    env.recover(job)
    assert (env.sagemaker.stopped, env.runs.stop_intents) == ([], {})
    assert why in env.notes[-1]


# --- the settings


def test_a_job_is_not_stopped_for_an_instance_type_outside_the_settings(env: RecoveryEnvironment) -> None:
    env.set_limits(instance_types=("ml.g5.2x*", "ml.p3.*"))
    is_not_stopped(env, waiting(env), f"{LARGER} (spot-job: ResourceConfig.InstanceType: ml.g5.4xlarge is outside")


def test_a_job_is_not_stopped_under_a_role_outside_the_settings(env: RecoveryEnvironment) -> None:
    env.set_limits(roles=("service-role/*",))
    is_not_stopped(env, waiting(env), "nothing would follow: cannot be created again: spot-job: RoleArn: the role")


def test_a_job_is_stopped_if_the_settings_allow_a_later_rung(env: RecoveryEnvironment) -> None:
    env.set_ladder("spot:1 spot/ml.g5.4xlarge:1 on-demand:1")
    env.set_limits(instance_types=("ml.g5.2xlarge",))
    job = waiting(env)
    env.recover(job)
    env.recover(stopped(env))
    assert str(env.sagemaker.jobs[SECOND].state.market) == "on-demand"
    assert f"cannot use {LARGER} (spot-job: ResourceConfig.InstanceType" in env.outcome(job).summary


def test_an_ended_job_is_refused_by_the_settings_without_asking_sagemaker(env: RecoveryEnvironment) -> None:
    env.set_ladder("spot/ml.g5.4xlarge")
    env.set_limits(instance_types=("ml.g5.2xlarge",))
    job = env.ended()
    env.recover(job)
    decision = env.decision(job).decision
    assert (decision.action, decision.notify) == (Action.REFUSE, True)
    assert "the setting training_instance_types" in decision.reason
    assert "sagemaker.create" not in env.calls


def test_settings_that_were_narrowed_after_the_decision_hold_for_the_creation(env: RecoveryEnvironment) -> None:
    job = env.decided()
    env.set_limits(roles=("nobody",))
    env.calls.clear()
    env.recover(job)
    assert "the setting training_roles" in env.outcome(job).summary
    assert "sagemaker.create" not in env.calls


def test_an_attempt_is_recognised_although_the_settings_exclude_it_by_now(env: RecoveryEnvironment) -> None:
    job = env.ended()
    env.afterwards["sagemaker.create"] = CreateLaterError("no answer", reason=Postponement.UNANSWERED)
    with pytest.raises(CreateLaterError):
        env.recover(job)
    env.afterwards.clear()
    env.set_limits(roles=("nobody",), instance_types=("ml.m5.*",))
    env.recover(job)
    assert env.outcome(job).kind == "created"


# --- the service model


def test_a_job_is_not_stopped_for_an_instance_type_that_the_service_model_lacks(env: RecoveryEnvironment) -> None:
    env.set_ladder("spot:1 spot/ml.g5.99xlarge:1")
    env.sagemaker.unknown_types = frozenset({"ml.g5.99xlarge"})
    is_not_stopped(env, waiting(env), "does not know the instance type ml.g5.99xlarge")


def test_an_ended_job_tries_an_instance_type_that_the_service_model_lacks(env: RecoveryEnvironment) -> None:
    """The model may be older than SageMaker, and nothing is lost by asking."""
    env.set_ladder("spot/ml.g5.99xlarge")
    env.sagemaker.unknown_types = frozenset({"ml.g5.99xlarge"})
    env.recover(env.ended())
    assert env.sagemaker.jobs[SECOND].state.instance_type == "ml.g5.99xlarge"


# --- late refusals


def refused(env: RecoveryEnvironment, error: Exception, *, role: str = ROLE) -> None:
    """SageMaker refuses the creation of another run's next attempt, in the pool of the second rung."""
    job = env.submit("other", role_arn=role)
    env.save(1, "other")
    env.end("Failed", name="other", reason="CapacityError: none")
    env.faults["sagemaker.create"] = error
    env.recover(job)
    env.faults.clear()


QUOTA_USED: Final = CreateLaterError("ResourceLimitExceeded: a quota is used up", reason=Postponement.QUOTA)
QUOTA_OF_0: Final = CreateRefusedError(f"ResourceLimitExceeded: {NO_QUOTA}", reach=Reach.POOL, why=NO_QUOTA)
DENIED: Final = CreateRefusedError("AccessDenied: no", permission="sagemaker:CreateTrainingJob")
NOT_PASSED: Final = CreateRefusedError("AccessDenied: no", permission="iam:PassRole")


@pytest.mark.parametrize(
    ("error", "why"),
    [
        pytest.param(QUOTA_USED, "a quota is used up", id="quota used up"),
        pytest.param(QUOTA_OF_0, NO_QUOTA, id="quota of 0"),
    ],
)
def test_a_refused_pool_is_no_reason_for_a_stop_within_the_hour(
    env: RecoveryEnvironment, error: Exception, why: str
) -> None:
    job = waiting(env)
    refused(env, error)
    is_not_stopped(env, job, f"{LARGER} (SageMaker refused it at 2026-09-16 ")
    assert why in env.notes[-1]
    env.clock.pass_by(timedelta(minutes=59))
    env.recover(job)
    assert env.sagemaker.stopped == []
    env.clock.pass_by(timedelta(minutes=2))
    env.recover(job)
    assert env.sagemaker.stopped == [NAME]


def test_a_refused_market_is_no_reason_for_a_stop_on_any_type(env: RecoveryEnvironment) -> None:
    job = waiting(env)
    refused(env, CreateRefusedError("ResourceLimitExceeded", reach=Reach.MARKET, why="no spot at all"))
    is_not_stopped(env, job, "spot on any instance type (SageMaker refused it at ")


def test_a_missing_permission_of_respots_own_is_no_reason_for_a_stop_in_any_pool(env: RecoveryEnvironment) -> None:
    job = waiting(env)
    env.set_ladder("on-demand")
    refused(env, DENIED)
    env.set_ladder("spot:1 spot/ml.g5.4xlarge:1")
    is_not_stopped(env, job, "the permission sagemaker:CreateTrainingJob is missing")


def test_a_missing_permission_on_one_jobs_key_keeps_no_other_role_waiting(env: RecoveryEnvironment) -> None:
    job = waiting(env)
    denied = CreateRefusedError("AccessDenied: no", permission="kms:CreateGrant")
    refused(env, denied, role="arn:aws:iam::111122223333:role/Another")
    env.recover(job)
    assert env.sagemaker.stopped == [NAME]


def test_a_role_that_could_not_be_passed_is_no_reason_for_a_stop_in_any_pool(env: RecoveryEnvironment) -> None:
    job = waiting(env)
    env.set_ladder("on-demand")
    refused(env, NOT_PASSED)
    env.set_ladder("spot:1 spot/ml.g5.4xlarge:1")
    is_not_stopped(env, job, "the permission iam:PassRole is missing")


def test_a_role_that_could_not_be_passed_keeps_no_other_role_waiting(env: RecoveryEnvironment) -> None:
    job = waiting(env)
    refused(env, NOT_PASSED, role="arn:aws:iam::111122223333:role/Another")
    env.recover(job)
    assert env.sagemaker.stopped == [NAME]


def test_what_another_pool_was_refused_prevents_no_stop(env: RecoveryEnvironment) -> None:
    job = waiting(env)
    env.set_ladder("on-demand")
    refused(env, QUOTA_USED)
    env.set_ladder("spot:1 spot/ml.g5.4xlarge:1")
    env.recover(job)
    assert env.sagemaker.stopped == [NAME]


def test_a_refused_pool_is_passed_over_for_a_rung_below(env: RecoveryEnvironment) -> None:
    job = waiting(env)
    refused(env, QUOTA_OF_0)
    env.set_ladder("spot:1 spot/ml.g5.4xlarge:1 on-demand:1")
    env.recover(job)
    assert env.sagemaker.stopped == [NAME]
    assert env.runs.stop_intents[job].reason.endswith(f"next: {ON_DEMAND}")


@pytest.mark.parametrize("error", [CreateLaterError("x", reason=Postponement.CAPACITY), CreateRefusedError("no image")])
def test_a_refusal_that_is_not_about_the_pool_is_not_remembered(env: RecoveryEnvironment, error: Exception) -> None:
    job = waiting(env)
    refused(env, error)
    env.recover(job)
    assert env.sagemaker.stopped == [NAME]


# --- what a refusal names


SUBNET: Final = CreateRefusedError("ValidationException: the subnet subnet-1 does not exist.")


def in_network(env: RecoveryEnvironment, name: str, subnet: str) -> None:
    env.sagemaker.jobs[name].more = {"VpcConfig": {"Subnets": ["subnet-0", subnet], "SecurityGroupIds": ["sg-1"]}}


@pytest.mark.parametrize(("subnet", "waits"), [("subnet-1", True), ("subnet-12", False), ("subnet-", False)])
def test_what_a_refusal_names_is_no_reason_for_a_stop_of_a_job_that_has_it_too(
    env: RecoveryEnvironment, subnet: str, *, waits: bool
) -> None:
    """The first job is stopped for nothing, and no other."""
    env.submit("first")
    job = waiting(env)
    in_network(env, "first", "subnet-1")
    in_network(env, NAME, subnet)
    first = env.sagemaker.jobs["first"].state.job
    env.recover(first)
    env.clock.pass_by(timedelta(seconds=5))
    env.sagemaker.move("first", "Stopped")
    env.observe("first")
    env.faults["sagemaker.create"] = SUBNET
    env.save(1, "first")
    env.recover(first)
    env.recover(job)
    assert env.sagemaker.stopped == (["first"] if waits else ["first", NAME])
    if waits:
        assert "VpcConfig.Subnets: subnet-1: SageMaker refused it at 2026-" in env.notes[-1]
        env.clock.pass_by(timedelta(minutes=61))
        env.recover(job)
        assert env.sagemaker.stopped == ["first", NAME]


def test_a_role_that_does_not_exist_is_no_reason_for_a_stop_under_it(env: RecoveryEnvironment) -> None:
    job = waiting(env)
    refused(env, CreateRefusedError(f"ValidationException: Could not assume role {ROLE}. Does it exist?"))
    is_not_stopped(env, job, f"RoleArn: {ROLE}: SageMaker refused it at ")


NO_DATA: Final = (
    'ValidationException: No S3 objects found under S3 URL "s3://mine/gone/" given in input data source. Please ensure '
    "that the bucket exists in the selected region (us-east-1), that objects exist under that S3 prefix, and that the "
    f'role "{ROLE}" has "s3:ListBucket" permissions on bucket "mine".'
)
"""As SageMaker words it: github.com/aws/amazon-sagemaker-examples, issue 2267."""


def test_the_missing_data_of_one_job_is_no_fault_of_its_role(env: RecoveryEnvironment) -> None:
    job = waiting(env)
    refused(env, CreateRefusedError(NO_DATA))
    env.recover(job)
    assert env.sagemaker.stopped == [NAME]


@pytest.mark.parametrize(
    ("request_", "words", "is_named"),
    [
        ({"VpcConfig": {"Subnets": ["subnet-1"]}}, "The subnet ID 'subnet-1' does not exist", True),
        ({"VpcConfig": {"Subnets": ["subnet-1"]}}, 'No S3 objects found under S3 URL "s3://mine/subnet-1/"', False),
        ({"RoleArn": "arn:aws:iam::1:role/ml"}, "Could not assume role arn:aws:iam::1:role/ml.", True),
        ({"RoleArn": "arn:aws:iam::1:role/ml"}, "Could not assume role arn:aws:iam::1:role/ml/other", False),
        ({"RoleArn": "arn:aws:iam::1:role/ml"}, "Could not assume role arn:aws:iam::1:role/ml.other", False),
        ({"RoleArn": "arn:aws:iam::1:role/ml"}, "the role arn:aws:iam::1:role/ml lacks s3:ListBucket", False),
    ],
)
def test_what_a_refusal_names(request_: dict[str, Any], words: str, *, is_named: bool) -> None:
    assert bool(resources_named(request_, words)) is is_named
