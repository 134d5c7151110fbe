"""What SageMaker refuses."""

import pytest

from local.sagemaker import validation
from local.sagemaker.validation import SageMakerError
from respot.aws.sagemaker.instance_types import local_storage
from tests.local.jobs import request

XGBOOST = {
    "TrainingImage": "811284229777.dkr.ecr.us-east-1.amazonaws.com/xgboost:latest",
    "TrainingInputMode": "File",
}


def spot(runtime: int, wait: int | None) -> dict[str, int]:
    return {"MaxRuntimeInSeconds": runtime, **({} if wait is None else {"MaxWaitTimeInSeconds": wait})}


def check(**members: object) -> None:
    asked = request(**members)
    validation.check_shape("CreateTrainingJob", asked)
    validation.check_training_job(asked)
    validation.check_tags(asked.get("Tags", []))


def tag(key: str, value: str = "on") -> dict[str, str]:
    return {"Key": key, "Value": value}


@pytest.mark.parametrize(
    "members",
    [
        pytest.param({}, id="a spot job"),
        pytest.param({"StoppingCondition": spot(3600, 3600)}, id="MaxWait equal to MaxRuntime"),
        pytest.param(
            {"EnableManagedSpotTraining": False, "StoppingCondition": spot(3600, None)},
            id="an on-demand job",
        ),
        pytest.param(
            {"AlgorithmSpecification": XGBOOST, "StoppingCondition": spot(600, 3600)}, id="a built-in, 1 hour"
        ),
        pytest.param(
            {"AlgorithmSpecification": XGBOOST, "CheckpointConfig": {"S3Uri": "s3://ml-bucket/c/"}},
            id="a built-in with checkpoints",
        ),
        pytest.param({"Tags": [tag(f"k{number}") for number in range(50)]}, id="50 tags"),
        pytest.param({"Tags": [tag("team:größe", "a b_c.d:e/f=g+h-i@j 1")]}, id="all of the tag charset"),
        pytest.param({"TrainingJobName": "a" + "-b" * 31}, id="a name of 63 characters"),
    ],
)
def test_accepts(members: dict[str, object]) -> None:
    check(**members)


@pytest.mark.parametrize(
    ("members", "complaint"),
    [
        pytest.param(
            {"StoppingCondition": spot(3600, 3599)}, "equal to or greater than", id="MaxWait below MaxRuntime"
        ),
        pytest.param({"StoppingCondition": spot(3600, None)}, "MaxWaitTimeInSeconds must be set", id="no MaxWait"),
        pytest.param(
            {"EnableManagedSpotTraining": False},
            "only supported when EnableManagedSpotTraining is set to true",
            id="MaxWait without spot",
        ),
        pytest.param(
            {"AlgorithmSpecification": XGBOOST, "StoppingCondition": spot(600, 3601)},
            "limited to 3600 seconds",
            id="a built-in image, more than an hour, no checkpoints",
        ),
        pytest.param(
            {"AlgorithmSpecification": {"AlgorithmName": "mine", "TrainingInputMode": "File"}},
            "limited to 3600 seconds",
            id="an algorithm by name, more than an hour, no checkpoints",
        ),
        pytest.param(
            {
                "AlgorithmSpecification": XGBOOST | {"MetricDefinitions": [{"Name": "auc", "Regex": "auc: (.*)"}]},
                "StoppingCondition": spot(60, 60),
            },
            "can't override the metric definitions",
            id="metrics of a built-in",
        ),
        pytest.param(
            {"ResourceConfig": {"VolumeSizeInGB": 1, "SelectedInstanceType": "ml.g5.xlarge"}},
            "SelectedInstanceType is set by SageMaker",
            id="a member of the answer only",
        ),
        pytest.param({"AlgorithmSpecification": None}, "either AlgorithmName or TrainingImage", id="no algorithm"),
        pytest.param({"ResourceConfig": None}, "must have one of InstanceType", id="no instances"),
        pytest.param(
            {"ResourceConfig": {"InstancePreferences": [], "VolumeSizeInGB": 1}},
            "InstancePreferences",
            id="a choice of instances on spot",
        ),
        pytest.param(
            {"ResourceConfig": {"InstanceType": "ml.g5.xlarge", "VolumeSizeInGB": 1, "KeepAlivePeriodInSeconds": 60}},
            "KeepAlivePeriodInSeconds is not supported",
            id="a warm pool on spot",
        ),
        pytest.param(
            {"ResourceConfig": {"InstanceType": "ml.g5.xlarge", "VolumeSizeInGB": 1, "VolumeKmsKeyId": "key"}},
            "VolumeKmsKeyId is not supported for instance type ml.g5.xlarge",
            id="a volume key on local storage",
        ),
        pytest.param({"RoleArn": None}, 'Missing required parameter in input: "RoleArn"', id="a missing member"),
        pytest.param({"Unheard": 1}, 'Unknown parameter in input: "Unheard"', id="an unknown member"),
        pytest.param({"EnableManagedSpotTraining": "yes"}, "Invalid type", id="a wrong type"),
        pytest.param({"TrainingJobName": "ends-"}, "'trainingJobName' .* regular expression", id="a bad name"),
        pytest.param({"TrainingJobName": "a" * 64}, "less than or equal to 63", id="a long name"),
        pytest.param({"ResourceConfig": {"InstanceType": "ml.huge", "VolumeSizeInGB": 1}}, "enum", id="a bad enum"),
        pytest.param({"StoppingCondition": spot(0, 60)}, "valid min value: 1", id="a number out of range"),
        pytest.param({"Tags": [tag("aws:mine")]}, "reserved", id="a reserved tag"),
        pytest.param({"Tags": [tag("local", "a|b")]}, "regular expression", id="a tag outside the charset"),
        pytest.param({"Tags": [tag("a"), tag("a")]}, "unique", id="a tag twice"),
        pytest.param({"Tags": [tag(f"k{number}") for number in range(51)]}, "50", id="51 tags"),
        pytest.param({"Tags": [tag("a", "x" * 257)]}, "256", id="a long tag"),
    ],
)
def test_refuses(members: dict[str, object], complaint: str) -> None:
    with pytest.raises(SageMakerError, match=complaint) as refusal:
        check(**members)
    assert refusal.value.code == "ValidationException"


def test_all_violations_are_reported_at_once() -> None:
    with pytest.raises(SageMakerError, match="2 validation errors detected"):
        check(TrainingJobName="-", HyperParameters={"k" * 257: "v"})


@pytest.mark.parametrize(
    ("image", "built_in"),
    [
        ("811284229777.dkr.ecr.us-east-1.amazonaws.com/xgboost:latest", True),
        ("683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-xgboost:1.7-1", True),
        ("763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.5.1-gpu-py311", False),
        ("111122223333.dkr.ecr.us-east-1.amazonaws.com/my-xgboost:latest", False),
        ("docker.io/xgboost", False),
    ],
)
def test_distinguishes_built_in_algorithms_from_others(image: str, *, built_in: bool) -> None:
    assert validation.is_built_in({"TrainingImage": image}) == built_in


def test_local_storage_is_where_the_product_says_it_is() -> None:
    """Two rules of different origin: the SDK's by names, the product's table of EC2's types."""
    types = validation.service_model().shape_for("TrainingInstanceType").metadata["enum"]
    assert {each for each in types if validation.has_local_storage(each)} == {
        each for each in types if local_storage(each)
    }
