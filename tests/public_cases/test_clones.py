"""Jobs that were met in public, cloned."""

from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from typing import Any, Final

import pytest
from botocore.loaders import Loader
from botocore.model import ServiceModel, StructureShape
from botocore.validate import ParamValidator

from respot.aws.sagemaker.cloning import attempt_request
from respot.errors import CloneRefusedError
from respot.jobs.job import Market
from respot.recovery.planning.attempt import Lineage
from respot.recovery.planning.decision import Placement
from tests.support.builders import ACCOUNT, NAME, arn_of
from tests.support.public_cases import CLONE, cases

PLAIN: Final[Mapping[str, Any]] = {
    "TrainingJobName": NAME,
    "TrainingJobStatus": "Stopped",
    "ModelArtifacts": {"S3ModelArtifacts": "s3://ml-bucket/out/model.tar.gz"},
    "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/Training",
    "AlgorithmSpecification": {
        "TrainingImage": "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.5.1-gpu-py311",
        "TrainingInputMode": "File",
    },
    "OutputDataConfig": {"S3OutputPath": "s3://ml-bucket/out"},
    "ResourceConfig": {"InstanceType": "ml.g5.2xlarge", "InstanceCount": 1, "VolumeSizeInGB": 100},
    "StoppingCondition": {"MaxRuntimeInSeconds": 14400, "MaxWaitTimeInSeconds": 14400},
    "EnableManagedSpotTraining": True,
    "CheckpointConfig": {"S3Uri": "s3://ml-bucket/checkpoints/", "LocalPath": "/opt/ml/checkpoints"},
}
HOURS: Final = timedelta(hours=4)
NOTHING: Final = object()


@cache
def model() -> ServiceModel:
    return ServiceModel(Loader().load_service_model("sagemaker", "service-2"), "sagemaker")


def clone(case: Mapping[str, Any]) -> dict[str, Any]:
    document = {name: value for name, value in (PLAIN | case.get("describe", {})).items() if value is not None}
    job = document["TrainingJobName"]
    given = {"market": "spot", "instance_type": document.get("ResourceConfig", {}).get("InstanceType", "")}
    given |= case.get("placement", {})
    spot = given["market"] == Market.SPOT
    return attempt_request(
        {"TrainingJobArn": arn_of(job)} | document,
        name=case.get("name", f"{job}-r2"),
        tags=case.get("tags", {}),
        lineage=Lineage(run=f"us-east-1/{job}/1789549200000", attempt=2, parent=job),
        placement=Placement(
            market=Market(given["market"]),
            instance_type=given["instance_type"],
            max_runtime=HOURS,
            max_wait=HOURS if spot else None,
        ),
        service_model=model(),
    )


def member(value: Any, path: str) -> Any:  # noqa: ANN401 - any JSON value
    """The member at a path such as `InputDataConfig.0.ChannelName`, or `NOTHING`."""
    for step in path.split("."):
        if isinstance(value, list):
            value = value[int(step)] if int(step) < len(value) else NOTHING
        else:
            value = value.get(step, NOTHING) if isinstance(value, dict) else NOTHING
    return value


@pytest.mark.parametrize("case", cases(CLONE))
def test_the_job_is_cloned_or_refused(case: dict[str, Any]) -> None:
    expected = case["expect"]
    assert expected.keys() <= {"present", "absent", "refused"}
    if "refused" in expected:
        with pytest.raises(CloneRefusedError) as refusal:
            clone(case)
        assert expected["refused"].lower() in str(refusal.value).lower()
        return
    request = clone(case)
    present = expected.get("present", {})
    assert {path: member(request, path) for path in present} == present
    assert [path for path in expected.get("absent", ()) if member(request, path) is not NOTHING] == []
    shape = model().operation_model("CreateTrainingJob").input_shape
    assert isinstance(shape, StructureShape)
    assert not ParamValidator().validate(request, shape).has_errors()
