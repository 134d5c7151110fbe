"""Pools in which no attempt can be created: the next rung is used, or people are notified at once."""

from typing import Any

import pytest

from respot.aws.sagemaker.create_refusals import METRICS
from respot.errors import CloneRefusedError, CreateLaterError, CreateRefusedError, Postponement, Reach
from respot.jobs.job import Market
from respot.recovery.decide import Later
from respot.recovery.planning.attempt import AttemptRequest
from respot.recovery.planning.decision import Action
from respot.recovery.policy.policy import Rung
from respot.recovery.ports import Cloned
from respot.recovery.records import OutcomeKind
from tests.support.builders import NAME
from tests.support.recovery_environment import SECOND, RecoveryEnvironment

NO_QUOTA = "the quota 'ml.g5.2xlarge for spot training job usage' is 0 and the job needs 1"
SPOT = Rung(market=Market.SPOT, attempts=3)
ON_DEMAND = Rung(market=Market.ON_DEMAND, attempts=1)
LARGER = Rung(market=Market.SPOT, instance_type="ml.g5.4xlarge", attempts=2)


@pytest.fixture
def refused(env: RecoveryEnvironment) -> dict[tuple[Market, str], str]:
    """The pools that SageMaker refuses from now on, with its words; the env's SageMaker refuses those."""
    pools: dict[tuple[Market, str], str] = {}

    def check(request: object) -> None:
        assert isinstance(request, dict)
        placement = request["placement"]
        if why := pools.get((placement.market, placement.instance_type)):
            raise CreateRefusedError(f"ResourceLimitExceeded: {why}", reach=Reach.POOL, why=why)

    env.sagemaker.before_creation = check
    return pools


def test_the_next_rung_is_used_at_once_and_the_story_says_why(
    env: RecoveryEnvironment, refused: dict[tuple[Market, str], str]
) -> None:
    env.set_policy(ladder=(SPOT, ON_DEMAND))
    refused[Market.SPOT, "ml.g5.2xlarge"] = NO_QUOTA
    job = env.ended()
    assert env.recover(job) is None
    assert env.sagemaker.created == [SECOND]
    assert env.sagemaker.jobs[SECOND].state.market is Market.ON_DEMAND
    outcome = env.outcome(job)
    assert outcome.kind is OutcomeKind.CREATED
    assert f"cannot use spot ml.g5.2xlarge ({NO_QUOTA})" in outcome.summary
    assert "attempt 2 of 5, on-demand ml.g5.2xlarge" in outcome.summary


def test_as_many_rungs_are_passed_over_as_are_refused(
    env: RecoveryEnvironment, refused: dict[tuple[Market, str], str]
) -> None:
    env.set_policy(ladder=(SPOT, LARGER, ON_DEMAND))
    refused[Market.SPOT, "ml.g5.2xlarge"] = NO_QUOTA
    refused[Market.SPOT, "ml.g5.4xlarge"] = "Unsupported instance type ml.g5.4xlarge"
    job = env.ended()
    env.recover(job)
    assert env.sagemaker.jobs[SECOND].state.market is Market.ON_DEMAND
    assert all(words in env.outcome(job).summary for words in (NO_QUOTA, "Unsupported instance type"))


def test_people_learn_at_once_what_to_do_if_no_pool_is_left(
    env: RecoveryEnvironment, refused: dict[tuple[Market, str], str]
) -> None:
    env.set_policy(ladder=(SPOT, ON_DEMAND))
    refused[Market.SPOT, "ml.g5.2xlarge"] = NO_QUOTA
    refused[Market.ON_DEMAND, "ml.g5.2xlarge"] = "Unsupported instance type ml.g5.2xlarge"
    job = env.ended()
    assert env.recover(job) is None
    outcome = env.outcome(job)
    assert outcome.kind is OutcomeKind.FAILED
    assert outcome.summary == (
        f"not resubmitted: cannot use any pool that is left: spot ml.g5.2xlarge ({NO_QUOTA}); "
        "on-demand ml.g5.2xlarge (Unsupported instance type ml.g5.2xlarge). Request a quota in AWS Service Quotas, or "
        "name another pool in the ladder, and submit the job again by hand"
    )
    assert env.sagemaker.created == []


def test_a_job_without_a_ladder_has_no_other_pool(
    env: RecoveryEnvironment, refused: dict[tuple[Market, str], str]
) -> None:
    refused[Market.SPOT, "ml.g5.2xlarge"] = NO_QUOTA
    job = env.ended()
    env.recover(job)
    assert env.outcome(job).kind is OutcomeKind.FAILED
    assert env.sagemaker.created == []


def test_a_market_wide_quota_skips_all_its_rungs_with_one_call(env: RecoveryEnvironment) -> None:
    """Service Quotas of SageMaker: "Number of instances across all spot training jobs"."""
    why = "the quota 'Number of instances across all spot training jobs' is 0 and the job needs 1"

    def check(request: object) -> None:
        assert isinstance(request, dict)
        if request["placement"].market is Market.SPOT:
            raise CreateRefusedError(why, reach=Reach.MARKET)

    env.sagemaker.before_creation = check
    env.set_policy(ladder=(SPOT, LARGER, ON_DEMAND))
    job = env.ended()
    assert env.recover(job) is None
    assert env.sagemaker.jobs[SECOND].state.market is Market.ON_DEMAND
    assert env.calls.count("sagemaker.create") == 2
    assert f"cannot use spot on any instance type ({why}); next: on-demand" in env.outcome(job).summary


@pytest.mark.parametrize("decided", [False, True], ids=["before the decision", "before the creation"])
def test_the_next_rung_is_used_if_the_first_request_cannot_be_built(
    env: RecoveryEnvironment,
    *,
    decided: bool,
) -> None:
    env.set_policy(ladder=(SPOT, LARGER, ON_DEMAND))
    job = env.decided() if decided else env.ended()
    env.sagemaker.jobs[NAME].unclonable_on = {"spot ml.g5.2xlarge": Reach.POOL}
    assert env.recover(job) is None
    state = env.sagemaker.jobs[SECOND].state
    assert (state.market, state.instance_type) == (Market.SPOT, "ml.g5.4xlarge")
    assert "cannot use spot ml.g5.2xlarge (spot-job: ResourceConfig: it cannot" in env.outcome(job).summary


def test_a_whole_market_in_which_no_request_can_be_built_is_passed_over(env: RecoveryEnvironment) -> None:
    """A job that keeps a warm pool, whose ladder begins on spot."""
    env.set_policy(ladder=(SPOT, LARGER, ON_DEMAND))
    job = env.ended()
    env.sagemaker.jobs[NAME].unclonable_on = {"spot": Reach.MARKET}
    env.recover(job)
    assert env.sagemaker.jobs[SECOND].state.market is Market.ON_DEMAND


def test_what_can_be_built_on_no_rung_is_refused_at_once(env: RecoveryEnvironment) -> None:
    env.set_policy(ladder=(SPOT, ON_DEMAND))
    job = env.ended()
    env.sagemaker.jobs[NAME].unclonable_on = {"spot": Reach.MARKET, "on-demand ml.g5.2xlarge": Reach.POOL}
    env.recover(job)
    decision = env.decision(job).decision
    assert (decision.action, decision.notify) == (Action.REFUSE, True)
    assert decision.reason.startswith("cannot use any pool that is left: spot on any instance type (")


def test_a_refusal_by_the_second_build_rules_out_only_its_pool(env: RecoveryEnvironment) -> None:
    """The job's description changed between the trial and the creation."""
    env.set_policy(ladder=(SPOT, ON_DEMAND))
    job, clone, built = env.decided(), env.clone, []

    def once(description: Any, tags: Any, attempt: AttemptRequest) -> Cloned:  # noqa: ANN401
        built.append(attempt.placement.market)
        if built == [Market.SPOT, Market.SPOT]:
            raise CloneRefusedError("not there", job=NAME, field="ResourceConfig", reach=Reach.POOL)
        return clone(description, tags, attempt)

    env.clone = once
    env.recover(job)
    assert env.sagemaker.jobs[SECOND].state.market is Market.ON_DEMAND


@pytest.mark.parametrize("reason", [Postponement.QUOTA, Postponement.CAPACITY])
def test_a_quota_that_frees_up_is_waited_for_on_the_same_rung(env: RecoveryEnvironment, reason: Postponement) -> None:
    env.set_policy(ladder=(SPOT, ON_DEMAND))
    job = env.ended()
    env.faults["sagemaker.create"] = CreateLaterError("used up", reason=reason)
    assert env.recover(job) == Later(reason="used up")
    env.faults.clear()
    env.recover(job)
    assert env.sagemaker.jobs[SECOND].state.market is Market.SPOT


def test_a_next_rung_that_must_wait_is_found_again_later(
    env: RecoveryEnvironment, refused: dict[tuple[Market, str], str]
) -> None:
    env.set_policy(ladder=(SPOT, ON_DEMAND))
    refused[Market.SPOT, "ml.g5.2xlarge"] = NO_QUOTA
    check = env.sagemaker.before_creation

    def busy(request: object) -> None:
        check(request)  # type: ignore[arg-type]
        message = "throttled"
        raise CreateLaterError(message, reason=Postponement.THROTTLED)

    env.sagemaker.before_creation = busy
    job = env.ended()
    with pytest.raises(CreateLaterError, match="throttled"):
        env.recover(job)
    assert job not in env.runs.outcomes
    env.sagemaker.before_creation = check
    assert env.recover(job) is None
    assert env.sagemaker.created == [SECOND]


def test_a_lost_answer_from_the_next_rung_is_reported_correctly(
    env: RecoveryEnvironment, refused: dict[tuple[Market, str], str]
) -> None:
    """Exactly once: the attempt exists, in another pool than the decision says."""
    env.set_policy(ladder=(SPOT, ON_DEMAND))
    refused[Market.SPOT, "ml.g5.2xlarge"] = NO_QUOTA
    job = env.ended()
    env.afterwards["sagemaker.create"] = CreateLaterError("no answer", reason=Postponement.UNANSWERED)
    with pytest.raises(CreateLaterError, match="no answer"):
        env.recover(job)
    env.afterwards.clear()
    assert env.recover(job) is None
    assert env.sagemaker.created == [SECOND]
    assert env.outcome(job).kind is OutcomeKind.CREATED
    assert env.outcome(job).summary.endswith("; it runs on on-demand ml.g5.2xlarge instead")


def test_a_next_rung_that_cannot_be_cloned_is_a_failure_that_names_both(
    env: RecoveryEnvironment, refused: dict[tuple[Market, str], str]
) -> None:
    env.set_policy(ladder=(SPOT, ON_DEMAND))
    job = env.decided()
    env.sagemaker.before_creation = lambda _: _refuse_and_spoil(env)
    env.recover(job)
    assert refused == {}
    assert env.outcome(job).kind is OutcomeKind.FAILED
    assert env.outcome(job).summary.startswith(f"not resubmitted: cannot use spot ml.g5.2xlarge ({NO_QUOTA}); ")
    assert "it cannot be created again" in env.outcome(job).summary


def _refuse_and_spoil(env: RecoveryEnvironment) -> None:
    env.sagemaker.jobs[NAME].unclonable = True
    raise CreateRefusedError(NO_QUOTA, reach=Reach.POOL)


def test_what_a_clone_goes_without_is_reported(env: RecoveryEnvironment) -> None:
    job = env.ended()
    env.sagemaker.jobs[NAME].warnings = ("VolumeKmsKeyId was left out: why",)
    env.recover(job)
    assert env.outcome(job).warning == "VolumeKmsKeyId was left out: why"
    assert env.decision(job).decision.warning == "VolumeKmsKeyId was left out: why"


ALGORITHM = {"TrainingImage": "xgboost", "MetricDefinitions": [{"Name": "auc", "Regex": "auc"}]}


def test_metric_definitions_that_sagemaker_refuses_are_left_out_once(env: RecoveryEnvironment) -> None:
    asked = []

    def check(request: object) -> None:
        assert isinstance(request, dict)
        asked.append(dict(request["AlgorithmSpecification"]))
        if "MetricDefinitions" in request["AlgorithmSpecification"]:
            message = "ValidationException: You can't override the metric definitions"
            raise CreateRefusedError(message, unwanted=METRICS)

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
