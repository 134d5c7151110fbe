"""Creations that are refused, for a while or for good."""

import pytest

from local.sagemaker.faults import Refusals
from local.sagemaker.validation import SageMakerError
from tests.local.jobs import request


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Refusals()),
        ("quota=2", Refusals(quota=2)),
        ("throttle=3", Refusals(throttle=3)),
        ("throttle=1 quota=2", Refusals(quota=2, throttle=1)),
        ("none=spot none=ml.p5.48xlarge", Refusals(none=frozenset({"spot", "ml.p5.48xlarge"}))),
    ],
)
def test_refusals_are_counted_by_reason(text: str, expected: Refusals) -> None:
    assert Refusals.parse(text) == expected


@pytest.mark.parametrize("text", ["quota", "quota=all", "quota=-1", "capacity=1", "quota=2,throttle=1", "none=g5"])
def test_a_bad_text_is_refused_with_what_to_write_instead(text: str) -> None:
    with pytest.raises(ValueError, match="is none of quota=N throttle=N none=POOL"):
        Refusals.parse(text)


def refused(refusals: Refusals, earlier: int, **members: object) -> SageMakerError | None:
    try:
        refusals.check(request(**members), earlier=earlier)
    except SageMakerError as error:
        return error
    return None


def test_the_quota_refuses_first_then_throttling_then_nobody() -> None:
    errors = [refused(Refusals(quota=2, throttle=1), earlier) for earlier in range(5)]
    assert [error and error.code for error in errors] == [
        *("ResourceLimitExceeded", "ResourceLimitExceeded", "ThrottlingException"),
        *(None, None),
    ]
    assert "'ml.g5.2xlarge for spot training job usage' is 1 Instances" in str(errors[0])


def test_the_quota_of_each_listed_type_must_suffice_and_the_refusal_names_the_one_that_does_not() -> None:
    """Developer Guide: "SageMaker AI checks your service quota for every type in the list"."""
    listed = [{"InstanceType": "ml.g5.2xlarge"}, {"InstanceType": "ml.g6.2xlarge"}]
    members = {"EnableManagedSpotTraining": None, "ResourceConfig": {"InstancePreferences": listed, "InstanceCount": 1}}
    error = refused(Refusals(none=frozenset({"ml.g6.2xlarge"})), 0, **members)
    assert "'ml.g6.2xlarge for training job usage' is 0 Instances" in str(error)
    assert "ml.g5" not in str(error)
    assert refused(Refusals(none=frozenset({"ml.p3.2xlarge"})), 0, **members) is None


@pytest.mark.parametrize("pool", ["spot", "ml.g5.2xlarge"])
def test_a_pool_without_quota_refuses_every_creation(pool: str) -> None:
    none = Refusals(none=frozenset({pool}))
    quota = "'ml.g5.2xlarge for spot training job usage' is 0 Instances, with current utilization of 0 Instances"
    assert all(quota in str(refused(none, earlier)) for earlier in range(3))
    other = {"InstanceType": "ml.g5.4xlarge", "InstanceCount": 1}
    assert refused(none, 0, EnableManagedSpotTraining=None, ResourceConfig=other) is None
