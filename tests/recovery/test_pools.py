"""Pools in which no attempt can be created: the next rung is used, or people are notified at once."""

from collections.abc import Mapping
from typing import Any

import pytest

from respot.aws.sagemaker.create_refusals import METRICS
from respot.errors import CloneRefusedError, CreateLaterError, CreateRefusedError, Postponement, Reach
from respot.jobs.job import Market
from respot.recovery.planning.attempt import AttemptRequest
from respot.recovery.planning.decision import Action
from respot.recovery.ports import Cloned
from respot.recovery.records import OutcomeKind
from tests.support.builders import NAME
from tests.support.recovery_environment import SECOND, RecoveryEnvironment

NO_QUOTA = "the quota 'ml.g5.2xlarge for spot training job usage' is 0 and the job needs 1"
UNSUPPORTED = "Unsupported instance type"
SPOT, LARGER, ON_DEMAND = "spot ml.g5.2xlarge", "spot ml.g5.4xlarge", "on-demand ml.g5.2xlarge"


@pytest.fixture
def env() -> RecoveryEnvironment:
    env = RecoveryEnvironment()
    env.set_ladder("spot:3 spot/ml.g5.4xlarge:2 on-demand:1")
    return env


def refuse(env: RecoveryEnvironment, pools: dict[str, str], reach: Reach = Reach.POOL) -> None:
    """SageMaker refuses these pools, or whole markets, from now on, with these words."""

    def check(request: Mapping[str, Any]) -> None:
        placement = request["placement"]
        pool = placement.market if reach is Reach.MARKET else f"{placement.market} {placement.instance_type}"
        if why := pools.get(pool):
            raise CreateRefusedError(f"ResourceLimitExceeded: {why}", reach=reach, why=why)

    env.sagemaker.before_creation = check


def pool_of(env: RecoveryEnvironment) -> str:
    """Where the second attempt runs."""
    state = env.sagemaker.jobs[SECOND].state
    return f"{state.market} {state.instance_type}"


def test_as_many_rungs_are_passed_over_as_are_refused_and_the_outcome_says_why(env: RecoveryEnvironment) -> None:
    refuse(env, {SPOT: NO_QUOTA, LARGER: UNSUPPORTED})
    job = env.ended()
    assert env.recover(job) is None
    assert pool_of(env) == ON_DEMAND
    outcome = env.outcome(job)
    assert outcome.kind is OutcomeKind.CREATED
    assert "attempt 2 of 5, on-demand ml.g5.2xlarge" in outcome.summary
    assert f"cannot use {SPOT} ({NO_QUOTA}); cannot use {LARGER} ({UNSUPPORTED})" in outcome.summary


def test_a_job_that_is_refused_for_its_tags_is_not_said_to_be_refused_by_a_pool(env: RecoveryEnvironment) -> None:
    """Neither before the decision nor, if the tags were added after it, at the creation."""
    early = env.ended()
    env.sagemaker.jobs[NAME].unclonable = True
    env.recover(early)
    assert env.decision(early).decision.action is Action.REFUSE
    assert "it cannot be created again" in env.decision(early).decision.reason
    assert "cannot use" not in env.decision(early).decision.reason
    late = RecoveryEnvironment()
    job = late.ended()
    late.after["runs.decide"] = lambda: setattr(late.sagemaker.jobs[NAME], "unclonable", True)
    late.recover(job)
    assert late.outcome(job).kind is not OutcomeKind.CREATED
    assert "it cannot be created again" in late.outcome(job).summary
    assert "spot" not in late.outcome(job).summary.replace(NAME, "")


def test_people_learn_at_once_what_to_do_if_no_pool_is_left(env: RecoveryEnvironment) -> None:
    env.set_ladder("spot:3 on-demand:1")
    refuse(env, {SPOT: NO_QUOTA, ON_DEMAND: UNSUPPORTED})
    job = env.ended()
    assert env.recover(job) is None
    assert env.outcome(job).kind is OutcomeKind.FAILED
    assert env.outcome(job).summary == (
        f"not resubmitted: cannot use any pool that is left: {SPOT} ({NO_QUOTA}); {ON_DEMAND} ({UNSUPPORTED}). Request "
        "a quota in AWS Service Quotas, or name another pool in the ladder, and submit the job again by hand"
    )
    assert env.sagemaker.created == []


def test_a_market_wide_quota_skips_all_its_rungs_with_one_call(env: RecoveryEnvironment) -> None:
    """Service Quotas of SageMaker: "Number of instances across all spot training jobs"."""
    why = "the quota 'Number of instances across all spot training jobs' is 0 and the job needs 1"
    refuse(env, {"spot": why}, Reach.MARKET)
    job = env.ended()
    assert env.recover(job) is None
    assert pool_of(env) == ON_DEMAND
    assert env.calls.count("sagemaker.create") == 2
    assert f"cannot use spot on any instance type ({why}); next: on-demand" in env.outcome(job).summary


@pytest.mark.parametrize("decided", [False, True], ids=["before the decision", "before the creation"])
@pytest.mark.parametrize(
    ("unclonable", "pool", "words"),
    [
        ({SPOT: Reach.POOL}, LARGER, f"cannot use {SPOT} (spot-job: ResourceConfig: it cannot"),
        ({"spot": Reach.MARKET}, ON_DEMAND, "cannot use spot on any instance type (spot-job: ResourceConfig"),
    ],
    ids=["a pool", "a market"],
)
def test_the_next_rung_is_used_if_the_first_request_cannot_be_built(
    env: RecoveryEnvironment, unclonable: dict[str, Reach], pool: str, words: str, *, decided: bool
) -> None:
    job = env.decided() if decided else env.ended()
    env.sagemaker.jobs[NAME].unclonable_on = unclonable
    assert env.recover(job) is None
    assert pool_of(env) == pool
    assert words in env.outcome(job).summary


def test_what_can_be_built_on_no_rung_is_refused_at_once(env: RecoveryEnvironment) -> None:
    job = env.ended()
    env.sagemaker.jobs[NAME].unclonable_on = {"spot": Reach.MARKET, ON_DEMAND: Reach.POOL}
    env.recover(job)
    decision = env.decision(job).decision
    assert (decision.action, decision.notify) == (Action.REFUSE, True)
    assert decision.reason.startswith("cannot use any pool that is left: spot on any instance type (")


def test_a_refusal_by_the_second_build_rules_out_only_its_pool(env: RecoveryEnvironment) -> None:
    """The job's description changed between the trial and the creation."""
    job, clone, built = env.decided(), env.clone, []

    def once(description: Any, tags: Any, attempt: AttemptRequest) -> Cloned:  # noqa: ANN401
        built.append(attempt.placement.market)
        if built == [Market.SPOT, Market.SPOT]:
            raise CloneRefusedError("not there", job=NAME, field="ResourceConfig", reach=Reach.POOL)
        return clone(description, tags, attempt)

    env.clone = once
    env.recover(job)
    assert pool_of(env) == LARGER


def test_a_lost_answer_from_the_next_rung_is_reported_correctly(env: RecoveryEnvironment) -> None:
    """Exactly once: the attempt exists, in another pool than the decision says."""
    refuse(env, {SPOT: NO_QUOTA})
    job = env.ended()
    env.afterwards["sagemaker.create"] = CreateLaterError("no answer", reason=Postponement.UNANSWERED)
    with pytest.raises(CreateLaterError, match="no answer"):
        env.recover(job)
    assert job not in env.runs.outcomes
    env.afterwards.clear()
    assert env.recover(job) is None
    assert env.sagemaker.created == [SECOND]
    assert env.outcome(job).kind is OutcomeKind.CREATED
    assert env.outcome(job).summary.endswith("; it runs on spot ml.g5.4xlarge instead")


def test_a_next_rung_that_cannot_be_cloned_is_a_failure_that_names_both(env: RecoveryEnvironment) -> None:
    def refuse_and_spoil(_: object) -> None:
        env.sagemaker.jobs[NAME].unclonable = True
        raise CreateRefusedError(NO_QUOTA, reach=Reach.POOL)

    job = env.decided()
    env.sagemaker.before_creation = refuse_and_spoil
    env.recover(job)
    assert env.outcome(job).kind is OutcomeKind.FAILED
    assert env.outcome(job).summary.startswith(f"not resubmitted: cannot use {SPOT} ({NO_QUOTA}); ")
    assert "it cannot be created again" in env.outcome(job).summary


def test_what_a_clone_goes_without_is_reported(env: RecoveryEnvironment) -> None:
    job = env.ended()
    env.sagemaker.jobs[NAME].warnings = ("VolumeKmsKeyId was left out: why",)
    env.recover(job)
    assert env.outcome(job).warning == env.decision(job).decision.warning == "VolumeKmsKeyId was left out: why"


ALGORITHM = {"TrainingImage": "xgboost", "MetricDefinitions": [{"Name": "auc", "Regex": "auc"}]}


def test_metric_definitions_that_sagemaker_refuses_are_left_out_once(env: RecoveryEnvironment) -> None:
    asked = []

    def check(request: Mapping[str, Any]) -> None:
        asked.append(dict(request["AlgorithmSpecification"]))
        if "MetricDefinitions" in request["AlgorithmSpecification"]:
            raise CreateRefusedError("You can't override the metric definitions", unwanted=METRICS)

    job = env.ended()
    env.sagemaker.jobs[NAME].more = {"AlgorithmSpecification": ALGORITHM}
    env.sagemaker.before_creation = check
    assert env.recover(job) is None
    assert asked == [ALGORITHM, {"TrainingImage": "xgboost"}]
    assert env.sagemaker.created == [SECOND]
    assert env.outcome(job).warning == f"created without {METRICS}, which SageMaker refuses here"


@pytest.mark.parametrize(
    "more",
    [{}, {"AlgorithmSpecification": {"TrainingImage": "xgboost"}}, {"AlgorithmSpecification": "nonsense"}],
    ids=["no algorithm", "no definitions", "no structure"],
)
def test_a_refusal_of_what_was_not_asked_for_is_final(env: RecoveryEnvironment, more: dict[str, object]) -> None:
    job = env.ended()
    env.sagemaker.jobs[NAME].more = more
    env.faults["sagemaker.create"] = CreateRefusedError("no", unwanted=METRICS)
    env.recover(job)
    assert env.outcome(job).kind is OutcomeKind.FAILED
    assert env.calls.count("sagemaker.create") == 1


@pytest.mark.parametrize("known", [{}, {"instance_type": None}], ids=["its pool", "no known pool"])
def test_an_attempt_that_is_where_it_was_planned_is_not_said_to_be_elsewhere(
    env: RecoveryEnvironment, known: dict[str, Any]
) -> None:
    job = env.ended(**known)
    env.afterwards["sagemaker.create"] = CreateLaterError("no answer", reason=Postponement.UNANSWERED)
    with pytest.raises(CreateLaterError, match="no answer"):
        env.recover(job)
    env.afterwards.clear()
    assert env.recover(job) is None
    assert env.outcome(job).summary == env.decision(job).summary
