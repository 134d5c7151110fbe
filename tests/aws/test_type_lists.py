"""Attempts on a list of instance types, as CreateTrainingJob takes it.

Sources: the service model (InstancePreferences, InstancePreference), and "Instance preference lists for training jobs"
in the SageMaker Developer Guide.
"""

import json
from typing import Any, Final

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel
from botocore.session import Session

from infra.newest_model import prepare_newest_model
from local.sagemaker.validation import SageMakerError, check_shape, check_training_job
from respot.errors import CloneRefusedError, Reach
from respot.jobs.type_lists import MOST_TYPES
from tests.aws.cloning import clone, described, on_demand, resources, spot

TWO: Final = "ml.g5.4xlarge/ml.g6.4xlarge"
PREFERRED: Final = [{"InstanceType": "ml.g5.4xlarge"}, {"InstanceType": "ml.g6.4xlarge"}]


def on_a_list(**selected: Any) -> dict[str, Any]:  # noqa: ANN401
    """What Describe answers about an attempt on the list."""
    return described(**resources(InstanceType=None, InstancePreferences=PREFERRED, **selected))


def test_a_list_stands_instead_of_the_type_with_one_count_for_all() -> None:
    own = described(StoppingCondition={"MaxRuntimeInSeconds": 3600, "MaxPendingTimeInSeconds": 7200})
    request = clone(own, on_demand(TWO))
    expected = {name: value for name, value in own["ResourceConfig"].items() if name != "InstanceType"}
    assert request["ResourceConfig"] == expected | {"InstancePreferences": PREFERRED}
    assert "EnableManagedSpotTraining" not in request
    # "MaxPendingTimeInSeconds bounds the total time SageMaker spends working through your list": it may stay.
    assert request["StoppingCondition"]["MaxPendingTimeInSeconds"] == 7200
    check_shape("CreateTrainingJob", request)
    check_training_job(request)


def test_a_warm_pool_and_a_place_in_an_ultraserver_do_not_go_with_a_list() -> None:
    own = described(**resources(KeepAlivePeriodInSeconds=600, InstancePlacementConfig={"EnableMultipleJobs": True}))
    assert clone(own, on_demand("ml.g5.2xlarge/ml.g6.2xlarge"))["ResourceConfig"].keys() == {
        *(own["ResourceConfig"].keys() - {"InstanceType", "KeepAlivePeriodInSeconds", "InstancePlacementConfig"}),
        "InstancePreferences",
    }


def test_the_volume_key_goes_if_all_types_have_local_storage_and_stays_if_none_has() -> None:
    own = described(**resources(InstanceType="ml.p3.2xlarge", VolumeSizeInGB=30, VolumeKmsKeyId="key"))
    local, volumes = (clone(own, on_demand(types)) for types in (TWO, "ml.p3.2xlarge/ml.p3.8xlarge"))
    assert "VolumeKmsKeyId" not in local["ResourceConfig"]
    assert {"Key": "respot:volume-key", "Value": "key"} in local["Tags"]
    assert volumes["ResourceConfig"]["VolumeKmsKeyId"] == "key"


@pytest.mark.parametrize(
    ("document", "types", "field"),
    [
        pytest.param(
            described(**resources(InstanceType="ml.p3.2xlarge", VolumeSizeInGB=30, VolumeKmsKeyId="key")),
            "ml.p3.8xlarge/ml.g5.4xlarge",
            "ResourceConfig.VolumeKmsKeyId",
            id="a volume that would not be encrypted, or a key that SageMaker refuses",
        ),
        pytest.param(
            described(HyperParameters={"sagemaker_instance_type": '"ml.g5.2xlarge"'}),
            TWO,
            "HyperParameters.sagemaker_instance_type",
            id="a hyperparameter that names the type",
        ),
        pytest.param(
            described(Environment={"INSTANCE_TYPE": "ml.g5.2xlarge"}),
            "ml.g5.2xlarge/ml.g6.2xlarge",
            "Environment.INSTANCE_TYPE",
            id="a variable that names the job's own type, which is listed",
        ),
    ],
)
def test_types_that_need_different_requests_are_no_list(document: dict[str, Any], types: str, field: str) -> None:
    with pytest.raises(CloneRefusedError, match="used singly") as refusal:
        clone(document, on_demand(types))
    assert (refusal.value.field, refusal.value.reach, refusal.value.instance_types) == (field, Reach.POOL, ())


def test_every_listed_type_must_suit_the_job_and_the_refusal_says_which_does_not() -> None:
    with pytest.raises(CloneRefusedError, match=r"does not train on Trainium \(ml.trn1.2xlarge\)") as refusal:
        clone(described(), on_demand("ml.g5.4xlarge/ml.trn1.2xlarge/ml.g6.4xlarge"))
    assert (refusal.value.reach, refusal.value.instance_types) == (Reach.POOL, ("ml.trn1.2xlarge",))


def test_after_a_list_any_pool_can_follow() -> None:
    ended = on_a_list(SelectedInstanceType="ml.g6.4xlarge", SelectedInstanceCount=1)
    plain, rest = {"InstanceCount": 1, "InstanceType": "ml.g5.4xlarge"}, "ml.g6.4xlarge/ml.g6.8xlarge"
    assert clone(ended, on_demand("ml.g5.4xlarge"))["ResourceConfig"] == plain
    assert clone(ended, spot("ml.g5.4xlarge"))["ResourceConfig"] == plain
    assert clone(ended, on_demand(TWO))["ResourceConfig"] == {"InstanceCount": 1, "InstancePreferences": PREFERRED}
    shorter = [{"InstanceType": each} for each in rest.split("/")]
    assert clone(ended, on_demand(rest))["ResourceConfig"] == {"InstanceCount": 1, "InstancePreferences": shorter}
    with pytest.raises(CloneRefusedError, match="refuses a list") as refusal:
        clone(ended, spot(""))
    assert refusal.value.reach is Reach.MARKET


def test_a_users_list_with_a_count_for_each_type_is_kept_and_cannot_be_another_one() -> None:
    counted = [each | {"InstanceCount": 2} for each in PREFERRED]
    own = described(ResourceConfig={"InstancePreferences": counted, "VolumeSizeInGB": 30})
    for kept in ("", TWO):
        assert clone(own, on_demand(kept))["ResourceConfig"] == own["ResourceConfig"]
    with pytest.raises(CloneRefusedError, match="cannot stand for them") as refusal:
        clone(own, on_demand("ml.g6.4xlarge/ml.g6.8xlarge"))
    assert refusal.value.reach is Reach.POOL


def newest() -> ServiceModel:
    loader = Loader(extra_search_paths=[str(prepare_newest_model())], include_default_search_paths=False)
    raw = loader.load_service_model("sagemaker", "service-2")
    assert isinstance(raw, dict)
    return ServiceModel(raw, "sagemaker")


def test_the_rules_are_those_of_the_service_model_the_newest_included() -> None:
    for model in (Session().get_service_model("sagemaker"), newest()):
        listed = model.shape_for("InstancePreferenceList")
        assert listed.metadata["max"] == MOST_TYPES
        words = json.dumps(model.shape_for("ResourceConfig").members["InstancePreferences"].documentation)  # type: ignore[attr-defined]
        for member in ("InstanceType", "InstanceGroups", "InstancePlacementConfig", "EnableManagedSpotTraining"):
            assert member in words


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"InstancePreferences": [*PREFERRED, PREFERRED[0]]}, "twice"),
        ({"InstanceType": "ml.g5.4xlarge"}, "one of InstanceType"),
        ({"InstancePreferences": [PREFERRED[0], PREFERRED[1] | {"InstanceCount": 1}]}, "not in both"),
        ({"InstancePlacementConfig": {"EnableMultipleJobs": True}}, "InstancePlacementConfig"),
        ({"VolumeKmsKeyId": "key"}, "VolumeKmsKeyId"),
    ],
)
def test_simulated_sagemaker_refuses_what_the_model_forbids(changed: dict[str, Any], words: str) -> None:
    request = clone(placement=on_demand(TWO))
    check_training_job(request)
    with pytest.raises(SageMakerError, match=words):
        check_training_job(request | {"ResourceConfig": request["ResourceConfig"] | changed})
